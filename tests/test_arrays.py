"""One contract for every public function that takes photos, crops or embeddings: it says what it wanted.

The first table names them all; a function that is new and not in it fails `test_no_function_is_forgotten`.
"""

import ast
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import FunctionType, SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import embedder_fingerprint

ROOT = Path(__file__).resolve().parent.parent / "kerasface"
PACKAGES = ("faces", "gallery", "evaluation", "inspection", "unlock", "tasks")
PARAMETERS = {
    *("image", "images", "image_a", "image_b", "photo", "photos", "frame", "crop", "crops", "first", "second"),
    *("embedding", "embeddings", "probes", "references", "gallery", "scores", "probabilities"),
}
FACE = Face((10.0, 10.0, 40.0, 50.0), np.array([(20, 25), (40, 25), (30, 35), (22, 45), (38, 45)], np.float32), 0.99)
PHOTO = np.arange(60 * 80 * 3, dtype=np.uint64).reshape(60, 80, 3).astype(np.uint8)
CROP = np.resize(PHOTO, (150, 150, 3))
UNIT = np.eye(3, 128, dtype=np.float32)
SMALL = Image.fromarray(PHOTO)

# Wrong photo -> what the error says to do.
PHOTOS = {
    "path": ("photo.jpg", r"kerasface\.images\.decoding\.decode\('photo\.jpg'\)"),
    "pathlib": (Path("photo.jpg"), r"kerasface\.images\.decoding\.decode\('photo\.jpg'\)"),
    "bytes": (b"\xff\xd8\xff", r"kerasface\.images\.decoding\.decode\(content\)"),
    "None": (None, "cv2.imread returns None"),
    "nested lists": (PHOTO.tolist(), r"np\.asarray\(image, dtype=np\.uint8\)"),
    "Pillow": (SMALL, r"np\.asarray\(image\.convert\('RGB'\)\)"),
    "tensor": (keras.ops.convert_to_tensor(PHOTO), r"np\.asarray\(image\)"),
    "a dict": ({"image": PHOTO}, "Make an array"),
    "0 to 1": (np.float32(PHOTO) / 255, r"\[0, 1\].*255 \* image"),
    "0 to 255 as float": (np.float64(PHOTO), r"\[0, 255\].*np\.uint8"),
    "0 to 255 as int64": (np.int64(PHOTO), r"\[0, 255\].*np\.uint8"),
    "16 bits": (np.uint16(PHOTO) * 257, "go beyond 255"),
    "normalized": (np.float32(PHOTO) / 127.5 - 1, "normalized already"),
    "not a number": (np.full((60, 80, 3), np.nan, np.float32), "NaN"),
    "yes and no": (PHOTO > 9, r"astype\(np\.uint8\)"),
    "grey": (PHOTO[..., 0], "It is grey"),
    "grey with a channel": (PHOTO[..., :1], "It is grey"),
    "RGBA": (np.dstack([PHOTO, PHOTO[..., :1]]), r"image\[\.\.\., :3\]"),
    "channels first": (np.moveaxis(PHOTO, -1, 0), r"np\.moveaxis\(image, 0, -1\)"),
    "a batch of one": (PHOTO[None], r"image\[0\]"),
    "no pixel": (PHOTO[:0], "no pixels"),
    "two channels": (PHOTO[..., :2], r"kerasface\.images\.decoding\.decode"),
}
CROPS = {
    "path": ("photo.jpg", r"kerasface\.images\.decoding\.decode"),
    "None": (None, "cv2.imread"),
    "a list": ([CROP, CROP], r"np\.asarray"),
    "Pillow": (SMALL, r"convert\('RGB'\)"),
    "one": (CROP, r"crop\[None\]"),
    "another size": (np.zeros((1, 112, 112, 3), np.uint8), r"FaceEmbedder\.crop"),
    "0 to 1": (np.float32(CROP)[None] / 255, r"\[0, 1\]"),
    "channels first": (np.moveaxis(CROP, -1, 0)[None], r"FaceEmbedder\.crop"),
}
EMBEDDINGS = {
    "path": ("faces.npz", "Make an array of numbers"),
    "None": (None, "Make an array of numbers"),
    "of unequal lengths": ([[1.0, 0.0], [1.0]], "Make an array of numbers"),
    "one": (UNIT[0], r"embedding\[None\]"),
    "three axes": (UNIT[None], "must have shape"),
    "no numbers": (UNIT[:, :0], "must have shape"),
    "NaN": (np.full_like(UNIT, np.nan), "NaN or infinite"),
    "infinite": (np.full_like(UNIT, np.inf), "NaN or infinite"),
}
NOT_UNIT = {"twice as long": (2 * UNIT, "Divide them by their lengths"), "zero": (0 * UNIT, "Divide them")}
NUMBERS = {
    "path": ("scores.csv", "Make an array of numbers"),
    "None": (None, "Make an array of numbers"),
    "of unequal lengths": ([[1.0, 0.0], [1.0]], "Make an array of numbers"),
    "four axes": (np.zeros((1, 2, 3, 4)), "shape"),
}
TEXT = {name: NUMBERS[name] for name in ("path", "None", "of unequal lengths")}
NO_ARRAY = {name: PHOTOS[name] for name in ("path", "pathlib", "bytes", "None", "nested lists", "Pillow", "tensor")}


def bare(name):
    """An object whose networks were not built: what it is given is looked at before anything else."""
    kind = attrgetter(name.rpartition(".")[2])(import_module(f"kerasface.{name.rpartition('.')[0]}"))
    return kind.__new__(kind)


def analyzer():
    """A front end without networks."""
    made = bare("faces.analyzer.FaceAnalyzer")
    made.detector, made.embedder = bare("faces.detection.FaceDetector"), embedder()
    return made


def identifier():
    made = bare("tasks.identification.Identifier")
    made._index = index()
    return made


def index(count=0):
    from kerasface.gallery.search import SearchIndex

    made = SearchIndex(128)
    if count:
        made.add(UNIT[:count], np.arange(count), ["a", "b", "c"][:count])
    return made


def normalizer():
    from kerasface.faces.rates.cohorts import normalizer_of

    return normalizer_of(embedder_fingerprint())


def classifier(name):
    made = bare(f"tasks.recognition.{name}")
    made._detector = analyzer().detector
    return made


def embedder():
    made = bare("faces.embedding.FaceEmbedder")
    made.template = FACE_RESNET_CROP
    made.image_size, made.fingerprint = (150, 150), embedder_fingerprint()
    return made


def stitched():
    """A model to look into, of photos of 60 x 80, before any graph is made of it."""
    from kerasface.inspection.stitched import Stitched

    made = bare("inspection.stitched.Stitched")
    made.model, made.input_shape = MODEL, (60, 80, 3)
    assert type(made) is Stitched
    return made


MODEL = keras.Sequential([keras.Input((60, 80, 3)), keras.layers.Conv2D(2, 3)], name="small")


def call(name, **fixed):
    """Calls a function of the package with the wrong value at one parameter, all others being right."""
    module, _, function = name.rpartition(".")
    return lambda parameter, value: getattr(import_module(f"kerasface.{module}"), function)(
        **{key: made() if isinstance(made, FunctionType) else made for key, made in fixed.items()}, **{parameter: value}
    )


def method(make, name, **fixed):
    return lambda parameter, value: getattr(make(), name)(**fixed, **{parameter: value})


def sample(parameter, value):
    from kerasface.gallery.checks import checked_embeddings

    return checked_embeddings(value, 3, 128)


def labels_of(name, **fixed):
    return call(name, labels=np.arange(3), **fixed)


def track(parameter, value):
    made = bare("unlock.identity.IdentityTrack")
    made.people = type("People", (), {"templates": UNIT})
    made.observe(value)


def temperature():
    from kerasface.evaluation.classification import cross_fitted_temperature

    return cross_fitted_temperature(np.array([(0.8, 0.2), (0.3, 0.7)]), np.array([0, 1]))


def calibration():
    return bare("evaluation.calibration.ScoreCalibration")


LOOKS = {"stitched": stitched, "target": None}
SAME = {"same": np.array([True, False, True])}
# Function -> parameter -> what it is, how it is called.
CONTRACT = {
    "faces.alignment.align": {
        "image": (
            NO_ARRAY,
            call("faces.alignment.align", landmarks=FACE.landmarks, template=FACE.landmarks, image_size=(9, 9)),
        )
    },
    "faces.analyzer.FaceAnalyzer.analyze": {"images": ([PHOTOS], method(analyzer, "analyze"))},
    "faces.detection.FaceDetector.detect": {"images": ([PHOTOS], method(lambda: analyzer().detector, "detect"))},
    "tasks.thumbnails.picture_of_box": {"image": (PHOTOS, call("tasks.thumbnails.picture_of_box", box=FACE.box))},
    "tasks.thumbnails.picture_of_crop": {"crop": (PHOTOS, call("tasks.thumbnails.picture_of_crop"))},
    "faces.drawing.draw_faces": {"image": (PHOTOS, call("faces.drawing.draw_faces", faces=[FACE]))},
    "faces.drawing.draw_mask": {
        "image": (PHOTOS, call("faces.drawing.draw_mask", mask=PHOTO[..., 0] * 0, colors=[(0, 0, 0)]))
    },
    "faces.embedding.FaceEmbedder.crop": {"image": (PHOTOS, method(embedder, "crop", face=FACE))},
    "faces.embedding.FaceEmbedder.embed": {"crops": (CROPS, method(embedder, "embed"))},
    "faces.embedding.cosine_scores": {
        "probes": (EMBEDDINGS, call("faces.embedding.cosine_scores", references=UNIT)),
        "references": (EMBEDDINGS, call("faces.embedding.cosine_scores", probes=UNIT)),
    },
    "faces.quality.measure_quality": {"crop": (PHOTOS, call("faces.quality.measure_quality", face=FACE))},
    "faces.regions.cut_square": {"image": (PHOTOS, call("faces.regions.cut_square", square=(0, 0, 9), size=9))},
    "gallery.checks.checked_embeddings": {"embeddings": ({**EMBEDDINGS, **NOT_UNIT}, sample)},
    "gallery.clustering.cluster_faces": {
        "embeddings": (
            {**EMBEDDINGS, **NOT_UNIT},
            call("gallery.clustering.cluster_faces", photos=[0, 1, 2], threshold=0.5),
        )
    },
    "gallery.search.SearchIndex.from_templates": {
        "embeddings": (
            {name: wrong for name, wrong in {**EMBEDDINGS, **NOT_UNIT}.items() if name != "no numbers"},
            method(index, "from_templates", sample_ids=[1, 2, 3], person_ids=["a", "b", "c"]),
        )
    },
    "gallery.search.SearchIndex.add": {
        "embeddings": (
            {**EMBEDDINGS, **NOT_UNIT},
            method(index, "add", sample_ids=[1, 2, 3], person_ids=["a", "b", "c"]),
        )
    },
    "gallery.search.SearchIndex.search": {"probes": ({**EMBEDDINGS, **NOT_UNIT}, method(lambda: index(3), "search"))},
    "evaluation.normalization.Normalizer.statistics": {
        "embeddings": ({**EMBEDDINGS, **NOT_UNIT}, method(normalizer, "statistics"))
    },
    "evaluation.normalization.Normalizer.scores": {
        "probes": ({**EMBEDDINGS, **NOT_UNIT}, method(normalizer, "scores", references=UNIT)),
        "references": ({**EMBEDDINGS, **NOT_UNIT}, method(normalizer, "scores", probes=UNIT)),
    },
    "evaluation.normalization.draw_cohort": {
        "embeddings": (
            {**EMBEDDINGS, **NOT_UNIT},
            call("evaluation.normalization.draw_cohort", size=9, num_components=1),
        )
    },
    "evaluation.normalization.nearest_cosines": {
        "embeddings": ({**EMBEDDINGS, **NOT_UNIT}, call("evaluation.normalization.nearest_cosines", cohort=UNIT))
    },
    "evaluation.people.measure_people": {
        "embeddings": (
            {**EMBEDDINGS, **NOT_UNIT},
            call("evaluation.people.measure_people", labels=[0, 1, 2], thresholds=[0.5]),
        )
    },
    "faces.rates.cohorts.draw_part": {
        "embeddings": (
            {**EMBEDDINGS, **NOT_UNIT},
            call("faces.rates.cohorts.draw_part", people=[0, 1, 2], size=9, num_components=1),
        )
    },
    "evaluation.identification.search_gallery": {
        "gallery": (
            {**EMBEDDINGS, **NOT_UNIT},
            call("evaluation.identification.search_gallery", gallery_labels=[0, 1, 2], probes=UNIT),
        ),
        "probes": (
            {**EMBEDDINGS, **NOT_UNIT},
            call("evaluation.identification.search_gallery", gallery_labels=[0, 1, 2], gallery=UNIT),
        ),
    },
    "evaluation.verification.evaluate_verification": {
        "scores": (NUMBERS, call("evaluation.verification.evaluate_verification", **SAME, folds=[0, 1, 0]))
    },
    "evaluation.verification.tar_at_fmr": {
        "scores": (NUMBERS, call("evaluation.verification.tar_at_fmr", **SAME, fmrs=[0.1]))
    },
    "evaluation.verification.roc": {"scores": (NUMBERS, call("evaluation.verification.roc", **SAME))},
    "evaluation.slices.evaluate_slices": {
        "scores": (NUMBERS, call("evaluation.slices.evaluate_slices", **SAME, attributes={}, threshold=0.5))
    },
    "evaluation.calibration.fit_calibration": {
        "scores": (NUMBERS, call("evaluation.calibration.fit_calibration", **SAME, folds=[0, 1, 0], data="", date=""))
    },
    "evaluation.calibration.ScoreCalibration.probability": {"scores": (TEXT, method(calibration, "probability"))},
    "evaluation.classification.Temperature.apply": {"probabilities": (TEXT, method(temperature, "apply"))},
    "evaluation.classification.apply_temperature": {
        "probabilities": (TEXT, call("evaluation.classification.apply_temperature", temperature=2.0))
    },
    "evaluation.classification.top_k_accuracy": {
        "probabilities": (NUMBERS, labels_of("evaluation.classification.top_k_accuracy", k=1))
    },
    **{
        f"evaluation.classification.{name}": {
            "probabilities": (NUMBERS, labels_of(f"evaluation.classification.{name}"))
        }
        for name in ("calibration", "fit_temperature", "cross_fitted_temperature")
    },
    "tasks.identification.Identifier.search": {
        "embeddings": ({**EMBEDDINGS, **NOT_UNIT}, method(identifier, "search"))
    },
    "tasks.recognition.FaceClassifier.recognize": {
        "images": ([PHOTOS], method(lambda: classifier("FaceClassifier"), "recognize"))
    },
    "tasks.recognition.ImageClassifier.recognize": {
        "images": ([PHOTOS], method(lambda: classifier("ImageClassifier"), "recognize"))
    },
    "tasks.segmentation.Segmenter.segment_faces": {
        "image": (PHOTOS, method(lambda: bare("tasks.segmentation.Segmenter"), "segment_faces"))
    },
    "tasks.segmentation.Segmenter.segment_whole": {
        "image": (PHOTOS, method(lambda: bare("tasks.segmentation.Segmenter"), "segment_whole"))
    },
    "tasks.verification.verify": {
        "image_a": (PHOTOS, call("tasks.verification.verify", image_b=PHOTO, analyzer=analyzer)),
        "image_b": (PHOTOS, call("tasks.verification.verify", image_a=PHOTO, analyzer=analyzer)),
    },
    "unlock.identity.IdentityTrack.observe": {
        "embedding": ({"path": ("a.npz", "numbers"), "None": (None, "numbers"), "matrix": (UNIT, "shape")}, track)
    },
    "unlock.session.FrameReader.read": {
        "frame": (PHOTOS, method(lambda: bare("unlock.session.FrameReader"), "read", time=0.0))
    },
    "inspection.layers.activations.feature_maps": {
        "image": (NO_ARRAY, call("inspection.layers.activations.feature_maps", model=MODEL, layer="conv2d"))
    },
    "inspection.layers.activations.dead_channels": {
        "images": (NO_ARRAY, call("inspection.layers.activations.dead_channels", model=MODEL))
    },
    "inspection.layers.activations.check_images": {
        "images": (NO_ARRAY, call("inspection.layers.activations.check_images", model=MODEL))
    },
    "inspection.layers.top_crops.top_crops": {
        "images": (NO_ARRAY, call("inspection.layers.top_crops.top_crops", model=MODEL, layer="conv2d", channels=[0]))
    },
    "inspection.layers.depth.depth_strip": {
        "image": (NO_ARRAY, call("inspection.layers.depth.depth_strip", model=MODEL))
    },
    "inspection.maps.embedding_map.project": {
        "embeddings": (EMBEDDINGS, call("inspection.maps.embedding_map.project"))
    },
    "inspection.maps.label_errors.suspected_label_errors": {
        "embeddings": (EMBEDDINGS, labels_of("inspection.maps.label_errors.suspected_label_errors"))
    },
    "inspection.maps.label_errors.neighbors": {
        "embeddings": (EMBEDDINGS, call("inspection.maps.label_errors.neighbors", index=0))
    },
    "inspection.maps.label_errors.unit_embeddings": {
        "embeddings": (EMBEDDINGS, call("inspection.maps.label_errors.unit_embeddings"))
    },
    "inspection.attribution.match.explain_match": {
        "first": (NO_ARRAY, call("inspection.attribution.match.explain_match", second=PHOTO, stitched=stitched)),
        "second": (NO_ARRAY, call("inspection.attribution.match.explain_match", first=PHOTO, stitched=stitched)),
    },
    "inspection.attribution.overlays.overlay_map": {
        "image": (PHOTOS, call("inspection.attribution.overlays.overlay_map", map=np.zeros((60, 80)), signed=False))
    },
    "inspection.attribution.perturbation.filled": {
        "image": (NO_ARRAY, call("inspection.attribution.perturbation.filled", fill="grey"))
    },
    "inspection.stitched.Stitched.check_image": {"image": (NO_ARRAY, method(stitched, "check_image"))},
    "inspection.stitched.Stitched.weights": {"image": (NO_ARRAY, method(stitched, "weights", target=None))},
    "inspection.subjects.model_square": {"photo": (PHOTOS, call("inspection.subjects.model_square", taken=None))},
    "inspection.attribution.faithfulness.deletion_insertion": {
        "image": (
            NO_ARRAY,
            call("inspection.attribution.faithfulness.deletion_insertion", **LOOKS, map=np.zeros((60, 80))),
        )
    },
    **{
        f"inspection.attribution.{name}": {"image": (NO_ARRAY, call(f"inspection.attribution.{name}", **LOOKS))}
        for name in (
            *("activation_maps.grad_cam", "activation_maps.grad_cam_plus_plus", "activation_maps.layer_cam"),
            *("gradients.integrated_gradients", "gradients.smooth_grad", "gradients.guided_backprop"),
            *("gradients.deconvolution", "perturbation.occlusion", "perturbation.rise"),
        )
    },
}
CONTAINERS = {
    "path": ("photo.jpg", r"kerasface\.images\.decoding\.decode\('photo\.jpg'\)"),
    "None": (None, "cv2.imread returns None"),
    "one photo": (PHOTO, r"\[image\]"),
    "Pillow": (SMALL, r"convert\('RGB'\)"),
    "an iterator": (iter([PHOTO]), r"list\(images\)"),
    "a set": ({1}, r"list\(images\)"),
}
# Why these need no row.
EXEMPT = {
    "gallery": "is a gallery, not an array, but for evaluation.identification",
    "inspection.teaching.basics": "small numbers of a lesson, any shape",
    "inspection.attribution.sanity": "what `explain` takes, which checks it",
    "inspection.stitched.Stitched": "batches that the functions above have made of a checked image",
    "inspection.attribution.watched": "likewise",
    "inspection.layers.deconvolution": "what `top_crops` has checked, and what it gave",
    "gallery.keys": "bytes that are sealed",
    "faces.rates.classifier_points": "a number of photos",
    "faces.alignment.CropTemplate.cut": "what `FaceEmbedder.crop` is, which is looked at above",
    "faces.analyzer.FaceAnalyzer.cut": "likewise",
    "evaluation.measured": "embeddings that an embedder gave, and names of people",
    "faces.embedders": "as `FaceEmbedder`",
    "faces.run_embedder": "likewise, and `check_crops` as `FaceEmbedder.embed`",
    "faces.analyzer.FaceAnalyzer.embed": "faces that `crops` gave",
    "faces.analyzer.FaceAnalyzer.crops": "as `analyze`, which calls it",
    "evaluation.normalization.Cosines": "as `Normalizer`, by the same checks",
    "faces.rates.own_points": "a score that was computed",
    "faces.pyramid": "a photo that the detector has checked",
    "faces.windows": "likewise",
    "faces.regions.class_ids": "what a network gave",
    "gallery.assignment": "names to scores, as a search gives them",
    "evaluation.normalization.normalized_scores": "what `Normalizer.statistics` gave",
    "evaluation.normalization.bilinear": "likewise, and its embeddings",
    "tasks.export.export_run": "a folder of pictures",
    "tasks.calls": "a photo of any kind, which `images.decoding.as_image` looks at: tests/test_front_door.py",
    "tasks.likeness.likeness": "people by name",
    "tasks.claims": "a photo that `FaceAnalyzer.analyze` looks at",
    "tasks.sorting": "files of photos, and the names of the people on them",
    "tasks.embedders": "folders and files of photos, and crops that an embedder has cut",
    "evaluation.measured.pairs.PairScores.add": "what `as_embeddings` looks at, at once",
    "tasks.measuring": "folders and numbers of photos, and crops that an embedder or a cache has cut",
    "evaluation.people_rates": "numbers of people, and scores that `checked_pairs` looks at",
    "tasks.identification.Identifier.decide": "takes records: see `test_faces_to_decide_on_are_records`",
    "tasks.identification.check_embedder": "likewise",
    "tasks.enrollment.Enroller.judge": "takes records with photos: see `test_photos_to_enroll_are_records`",
    "tasks.identification.Identifier.rank": "what `search` has checked",
    "evaluation.reliability": "what ScoreCalibration.probability gave, checked all the same",
    "evaluation.labeled_pairs": "the checks themselves",
    "gallery.rows": "rows that `checked_embeddings` has passed",
    "unlock.session.UnlockSession.observe": "hands the frame to FrameReader.read, once the attempt is not over",
    "tasks.enrollment.Enroller.enroll": "takes records with photos: see `test_photos_to_enroll_are_records`",
    "gallery.clustering.cluster_faces:photos": "numbers of photos",
}


def cases():
    for function, parameters in CONTRACT.items():
        for parameter, (wrong, run) in parameters.items():
            if isinstance(wrong, list):
                yield from ((function, parameter, run, name, value, way) for name, (value, way) in CONTAINERS.items())
                wrong = {name: ([PHOTO, value], way) for name, (value, way) in wrong[0].items()}
            yield from ((function, parameter, run, name, value, way) for name, (value, way) in wrong.items())


@pytest.mark.parametrize(
    ("parameter", "run", "value", "way"),
    [
        pytest.param(parameter, run, value, way, id=f"{function}:{parameter}, {name}")
        for function, parameter, run, name, value, way in cases()
    ],
)
def test_a_wrong_value_is_told_with_what_was_wanted(parameter, run, value, way):
    with pytest.raises(ValueError, match=rf"(?s)Received: .*{way}|{way}.*Received: ") as caught:
        run(parameter, value)
    assert caught.traceback[-1].path.is_relative_to(ROOT)
    assert len(str(caught.value)) < 600


def public_functions():
    """Yields module.function and parameter of everything public that may take an array."""
    for file in (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        yield from parameters_of(ast.parse(file.read_text(encoding="utf-8")).body, module)


def parameters_of(body, path):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from parameters_of(node.body, f"{path}.{node.name}")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            yield from ((f"{path}.{node.name}", argument.arg) for argument in arguments if argument.arg in PARAMETERS)


def test_no_function_is_forgotten():
    forgotten = [
        f"{function}:{parameter}"
        for function, parameter in public_functions()
        if parameter not in CONTRACT.get(function, {})
        and not any(f"{function}:{parameter}".startswith(start) for start in EXEMPT if start != "gallery")
        and not (parameter == "gallery" and "evaluation" not in function)
    ]
    assert forgotten == []


def test_what_is_named_here_exists():
    known = set(public_functions())
    assert [
        (function, name) for function in CONTRACT for name in CONTRACT[function] if (function, name) not in known
    ] == []


def test_photos_to_enroll_are_records():
    enroller = bare("tasks.enrollment.Enroller")
    enroller.identifier = identifier()
    for wrong in ("photo.jpg", [PHOTO], ["photo.jpg"], [SMALL]):
        with pytest.raises(ValueError, match=r"list of SourcePhoto.*Received: photos=.*enroll_files"):
            enroller.enroll("Ada", wrong)


@pytest.mark.parametrize("wrong", [PHOTO, "photo.jpg", [PHOTO], None])
def test_faces_to_decide_on_are_records(wrong):
    from kerasface.tasks.identification import check_embedder

    with pytest.raises(ValueError, match=r"a list of AnalyzedFace.*Received: .*FaceAnalyzer\.analyze"):
        check_embedder(SimpleNamespace(embedder="this"), [wrong])


def test_what_is_right_passes():
    from kerasface.arrays import as_embeddings, check_crops, check_image, check_images

    check_image(PHOTO)
    check_image(PHOTO[::2, ::-1])
    for right in ([], [PHOTO], (PHOTO, PHOTO[:9]), np.stack([PHOTO, PHOTO])):
        check_images(right)
    check_crops(CROP[None], (150, 150))
    check_crops(CROP[None][:0], (150, 150))
    assert as_embeddings(UNIT, 128).dtype == np.float32
    assert as_embeddings(UNIT.tolist()).dtype == np.float64
    assert as_embeddings(UNIT[:0]).shape == (0, 128)

"""How fast are explanations, and can they be trusted?

    python benchmarks/inspection.py --data ../shared/data

A classifier is trained as `train classify` does it by default, on the people of LFW with ten photos or more, without
the last two photos of each: on those the maps are made. Tables: seconds of Grad-CAM on it and on a model with its
backbone nested inside, and of the explanation of a match; rank correlation with the maps of random weights; the area
under the deletion curve against random orders; the share of each part of the face in the maps; seconds of maps of
embeddings. The transfer model has random weights: a stopwatch sees no difference.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, interleaved, print_columns, print_header, print_row, timed
from open_set_lfw import lfw_embeddings

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.images.decoding import decode
from kerasface.inspection.attribution.faithfulness import deletion_insertion
from kerasface.inspection.attribution.match import explain_match, match_model
from kerasface.inspection.attribution.methods import DEFAULT_METHOD, METHODS
from kerasface.inspection.attribution.regions import region_shares
from kerasface.inspection.attribution.sanity import sanity_correlation
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.maps.embedding_map import project
from kerasface.inspection.stitched import Stitched
from kerasface.runs.store import load_run
from kerasface.tasks.segmentation import Segmenter, mask_in_crop
from kerasface.train.engine.driver import run_training

HELD_OUT = 2  # photos of each person
CHECKED = ("rise", "occlusion", "layer-cam", "smooth-grad", "integrated-gradients", "grad-cam")


def train_people(images: Path, folder: Path, cache: Path | None):
    """Trains the default classifier; returns it and the photos that it has not seen, one person after the other."""
    people = [sorted(person.glob("*.jpg")) for person in sorted(images.iterdir())]
    people = [photos for photos in people if len(photos) >= 10]
    for photos in people:
        (folder / "people" / photos[0].parent.name).mkdir(parents=True)
        for photo in photos[:-HELD_OUT]:
            (folder / "people" / photo.parent.name / photo.name).symlink_to(photo.resolve())
    run_training("classify", folder / "people", "people", runs=folder / "runs", cache=cache)
    unseen = [photos[-1 - place] for place in range(HELD_OUT) for photos in people]
    return load_run(folder / "runs", "people"), unseen


def aligned(paths: list[Path], analyzer: FaceAnalyzer, segmenter: Segmenter) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns for each photo with a face its aligned crop, and the parts of the face in it."""
    found = []
    for path in paths:
        photo = decode(path)
        faces = segmenter.segment_faces(photo).faces
        if not faces:
            continue
        central = central_face([one.face for one in faces], photo.shape)
        segmented = next(one for one in faces if one.face is central)
        found.append((analyzer.embedder.crop(photo, central), mask_in_crop(segmented)))
    return found


def transfer_model() -> keras.Model:
    """A classifier with a whole model of `keras.applications` inside."""
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg")
    pictures = keras.Input((224, 224, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(pictures)
    return keras.Model(pictures, keras.layers.Dense(10, activation="softmax")(backbone(scaled)))


def measure_speed(people: Stitched, crops: list[np.ndarray], repeats: int) -> None:
    nested, embedder = Stitched(transfer_model()), match_model()
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    calls = {
        "Grad-CAM, classifier on face_resnet": lambda: METHODS["grad-cam"](people, crops[0], ClassTarget()),
        "Grad-CAM, MobileNetV2 nested": lambda: METHODS["grad-cam"](nested, picture, ClassTarget()),
        "LayerCAM, classifier on face_resnet": lambda: METHODS["layer-cam"](people, crops[0], ClassTarget()),
        "RISE of 500 masks, classifier on face_resnet": lambda: METHODS["rise"](people, crops[0], ClassTarget()),
        "match, occlusion on a grid of 15 x 15, both faces": lambda: explain_match(crops[0], crops[1], embedder),
    }
    print_columns("what", "warm median")
    for name, seconds in interleaved(calls, repeats).items():
        print_row(name, f"{seconds:.3f} s")
    for name, stitched, images in (("face_resnet", people, np.stack(crops[:8])), ("nested", nested, picture[None])):
        predicted = stitched.model.predict(images.astype(np.float32), verbose=0)
        logits = stitched.logits(images)
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
        print(f"{name}: stitched against predict, largest difference {np.abs(found - predicted).max():.1e}")


def measure_trust(stitched: Stitched, crops: list[np.ndarray], checked: int) -> None:
    print()
    print_columns(
        *("method", f"correlation with random weights, {checked} faces", f"deletion area, {len(crops)} faces"),
        *("random order", "lower by", "insertion area", "random order"),
    )
    classes = [int(np.argmax(stitched.logits(crop[None])[0])) for crop in crops]
    targets = {crop.tobytes(): ClassTarget(index) for crop, index in zip(crops, classes, strict=True)}
    for method in CHECKED:
        explain = METHODS[method]

        def explained(one: Stitched, crop: np.ndarray, explain=explain) -> np.ndarray:
            return explain(one, crop, targets[crop.tobytes()]).map

        sane = sanity_correlation(explained, stitched, crops[:checked])
        found = [
            deletion_insertion(
                *(stitched, crop, explain(stitched, crop, ClassTarget(index)).map, ClassTarget(index)), seed=number
            )
            for number, (crop, index) in enumerate(zip(crops, classes, strict=True))
        ]
        area = np.mean([one.deletion_area for one in found])
        random = np.mean([one.random_deletion_areas for one in found])
        shown = np.mean([one.insertion_area for one in found])
        random_shown = np.mean([one.random_insertion_areas for one in found])
        print_row(
            *(method + (", the default" if method == DEFAULT_METHOD else ""), f"{sane.mean:.2f}"),
            *(f"{area:.3f}", f"{random:.3f}", f"{1 - area / random:.0%}", f"{shown:.3f}", f"{random_shown:.3f}"),
        )


def measure_regions(stitched: Stitched, faces: list[tuple[np.ndarray, np.ndarray]], classes: tuple[str, ...]) -> None:
    print()
    print_columns(f"{len(faces)} faces", *classes)
    shares = {"area": [np.bincount(mask.ravel(), minlength=len(classes)) / mask.size for _, mask in faces]}
    for method in (DEFAULT_METHOD, "layer-cam", "grad-cam"):
        maps = [METHODS[method](stitched, crop, ClassTarget()).map for crop, _ in faces]
        shares[method] = [
            list(region_shares(map, mask, classes).values()) for map, (_, mask) in zip(maps, faces, strict=True)
        ]
    for name, values in shares.items():
        print_row(name, *(f"{share:.1%}" for share in np.mean(values, axis=0)))


def measure_maps(images: Path) -> None:
    embeddings, _ = lfw_embeddings(images, views=2)
    noise = np.random.default_rng(0).normal(0, 0.02, (100_000, embeddings.shape[1])).astype(np.float32)
    many = np.resize(embeddings, noise.shape) + noise
    print()
    print_columns("map of embeddings", "seconds")
    print_row("t-SNE of 5,000", f"{timed(project, embeddings[:5000], 'tsne')[0]:.1f}")
    print_row("PCA of 100,000", f"{timed(project, many, 'pca')[0]:.1f}")


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--faces", type=int, default=100, help="faces whose maps are laid on their parts")
    parser.add_argument("--deletions", type=int, default=50, help="faces for the deletion curves")
    parser.add_argument("--checked", type=int, default=10, help="faces for the comparison with random weights")
    parser.add_argument("--repeats", type=int, default=20, help="times each call is timed")
    parser.add_argument("--cache", type=Path, help="folder of the caches")
    arguments = parser.parse_args()
    print_header()
    images = lfw_folder(arguments.data) / "images"
    with tempfile.TemporaryDirectory() as folder:
        run, unseen = train_people(images, Path(folder), arguments.cache)
        stitched = Stitched(run.model)
        segmenter = Segmenter(load_run("saved_models", "face-parts"))
        analyzer = FaceAnalyzer(embedder=FaceEmbedder(precision="float32"))
        faces = aligned(unseen[: arguments.faces], analyzer, segmenter)
        crops = [crop for crop, _ in faces]
        print(f"{len(run.labels)} people; maps of the layer {stitched.layer}\n")
        measure_speed(stitched, crops, arguments.repeats)
        measure_trust(stitched, crops[: arguments.deletions], arguments.checked)
        measure_regions(stitched, faces, segmenter.classes)
    measure_maps(images)


if __name__ == "__main__":
    main()

"""A trained classifier as a file for other programs, with a certificate that the file says what Keras says.

The file is loaded back from disk by its format's own runtime and asked about the same images as Keras. One that answers
otherwise is not kept: converters can write a wrong file without a word.
"""

import datetime
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasface import __version__
from kerasface.data.cache.embeddings import image_files
from kerasface.data.photos import read_photos
from kerasface.files.writing import sha256, sync_path, write_json
from kerasface.images.squares import fit_square
from kerasface.models.formats import FORMATS, INPUT, OUTPUT
from kerasface.models.runtime import compile_network
from kerasface.runs.store import Run, RunError

# float32 in another order of summation differs by about 1e-6 in these networks; a wrong weight by far more than this.
DEFAULT_TOLERANCE = 1e-4
_MAX_PHOTOS = 64


class ExportError(RuntimeError):
    """A model cannot be exported, or its exported file does not agree with Keras and was removed."""


@dataclass(frozen=True)
class Certificate:
    """What an exported file is, and how closely it agrees with Keras: all that another program must know.

    Attributes:
        name: Name of the run.
        model_sha256: SHA-256 of the run's `model.keras`.
        format: Name of the format.
        files: SHA-256 by path: of the file, or of every file in the folder that was written.
        input: Name, shape (`None`: any number of images), dtype, range, channel order; how faces were found and cut.
        output: Name, shape and dtype of the probabilities.
        labels: Names of the classes in the order of the probabilities.
        weights: Name, licence and SHA-256 of the pretrained weights inside, where the run's card has them.
        num_images: Number of images compared.
        images: Which they were.
        max_difference: Largest absolute difference of a probability between Keras and the file.
        equal_top1: Share of the images with the same most probable class.
        tolerance: Largest difference that was allowed.
        versions: Versions of the packages that wrote and ran the file.
        created: When, in ISO 8601, UTC.
    """

    name: str
    model_sha256: str
    format: str
    files: dict[str, str]
    input: dict
    output: dict
    labels: tuple[str, ...]
    weights: list[dict]
    num_images: int
    images: str
    max_difference: float
    equal_top1: float
    tolerance: float
    versions: dict[str, str]
    created: str

    def to_dict(self) -> dict:
        """Returns the certificate as JSON-ready values."""
        return {**asdict(self), "labels": list(self.labels)}


def export_run(
    run: Run,
    format: str,
    out: str | os.PathLike,
    *,
    images: str | os.PathLike | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    overwrite: bool = False,
) -> Certificate:
    """Writes a classifier in another format, compares it with Keras, and keeps it only if the two agree.

    In every format the model takes RGB images of 0 to 255 as uint8, any number at a time, and gives probabilities;
    preprocessing is inside. LiteRT files hold built-in operations only, so that the plain runtime suffices.

    Args:
        run: A run of task `classify`.
        format: `"saved_model"` (a folder), `"litert"` or `"onnx"` (a file).
        out: The file or folder to write. The certificate is written beside it: see `certificate_path`.
        images: Folder of photos to compare on, up to 64 spread over it; crops of the sample portrait by default.
            Black, white and noise are always added.
        tolerance: Largest allowed difference of a probability.
        overwrite: Replace an earlier export.

    Raises:
        ExportError: If the run is no image classifier, the format's packages are missing, `out` exists, the model
            cannot be converted, or the file does not load, run or agree. Nothing is left of it.
        ValueError: If `format` is unknown, or `images` is no folder of images.
        OSError: If the disk refuses.
    """
    _check_format(format)
    target = Path(os.path.abspath(out))
    _check_target(target, format, overwrite)
    image_size = _image_size(run)
    pixels, source = _sample_images(image_size) if images is None else _photos(images, image_size)
    pixels = np.concatenate([pixels, _extremes(image_size)])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder, _whole_float32():
        beside = Path(folder) / "export"
        (expected,) = compile_network(run.model)(pixels)
        found = _answers_of_file(run, format, beside, pixels)
        max_difference, equal_top1 = _compare(run, format, expected, found, tolerance)
        certificate = Certificate(
            name=run.name,
            model_sha256=run.card.model_sha256,
            format=format,
            files=_digests(beside, target.name),
            input=_input_description(run, image_size),
            output={"name": OUTPUT, "shape": [None, expected.shape[1]], "dtype": "float32"},
            labels=run.labels,
            weights=[source.to_dict() for source in run.card.weights],
            num_images=len(pixels),
            images=f"{source}, black, white and noise",
            max_difference=max_difference,
            equal_top1=equal_top1,
            tolerance=tolerance,
            versions=_versions(format),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        write_json(Path(folder) / "certificate", certificate.to_dict())
        _move_into_place(Path(folder), target)
    return certificate


def certificate_path(out: str | os.PathLike) -> Path:
    """Returns where the certificate of the export `out` lies: `<out>.certificate.json`."""
    return Path(f"{os.path.abspath(out)}.certificate.json")


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise ValueError(f"format must be one of {tuple(FORMATS)}. Received: format={format!r}.")
    packages = FORMATS[format].packages
    if missing := [package for package in packages if importlib.util.find_spec(package) is None]:
        raise ExportError(
            f"The format {format} needs packages that are not installed: {', '.join(missing)}. "
            f"Run: pip install {' '.join(packages)}"
        )


def _check_target(target: Path, format: str, overwrite: bool) -> None:
    existing = next((path for path in (target, certificate_path(target)) if path.exists()), None)
    if existing is not None and not overwrite:
        raise ExportError(f"{existing} exists. Choose another name, or overwrite it (`--overwrite`).")
    # A mistyped folder of other things must never be replaced.
    replaceable = (target / "saved_model.pb").is_file() if format == "saved_model" else target.is_file()
    if target.exists() and not replaceable:
        raise ExportError(f"{target} is not a {format} export, so it is not overwritten. Choose another name.")


def _image_size(run: Run) -> tuple[int, int]:
    """Returns height and width of the run's input in pixels, once it is sure that it is an image classifier's."""
    try:
        run.check_task("classify")
    except RunError as error:
        raise ExportError(str(error)) from error
    if run.card.input.image_size is None:
        raise ExportError(f"The card of {run.name!r} does not tell its image size. Received: image_size=None.")
    height, width = run.card.input.image_size
    shapes = [tuple(tensor.shape) for tensor in run.model.inputs]
    wanted = tf.TensorShape((None, height, width, 3))
    if len(shapes) == 1 and len(run.model.outputs) == 1 and wanted.is_compatible_with(shapes[0]):
        return height, width
    raise ExportError(f"The model {run.name!r} must take one RGB image of {height} x {width}. Takes: {shapes}.")


def _sample_images(image_size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Returns crops of the sample portrait, each also mirrored and with noise, `(15, height, width, 3)` uint8."""
    from skimage.data import astronaut

    portrait = astronaut()  # (512, 512, 3); the face is about 110 pixels wide, at 225, 120
    noise = np.random.default_rng(0).normal(scale=20, size=portrait.shape)
    noisy = np.clip(portrait + noise, 0, 255).astype(np.uint8)
    boxes = [(0, 512, 0, 512), (0, 384, 64, 448), (30, 230, 125, 325), (60, 180, 165, 285), (280, 500, 20, 240)]
    crops = [
        image[top:bottom, left:right]
        for top, bottom, left, right in boxes
        for image in (portrait, portrait[:, ::-1], noisy)
    ]
    return _resized(crops, image_size), "crops of the sample portrait, mirrored and noisy too"


def _photos(folder: str | os.PathLike, image_size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Returns photos spread over the sorted files of `folder`, their centres resized to the input, uint8."""
    files = image_files(folder)
    step = -(-len(files) // _MAX_PHOTOS)
    batches = read_photos(files[::step])
    photos = [photo for batch in batches for photo in batch]
    readable = [photo.image for photo in photos if photo.problem is None]
    if not readable:
        raise ExportError(f"None of the images tried in {folder} can be read. The first: {photos[0].problem}")
    left_out = f" ({len(photos) - len(readable)} more cannot be read)" if len(readable) < len(photos) else ""
    return _resized(readable, image_size), f"{len(readable)} photos given{left_out}"


def _extremes(image_size: tuple[int, int]) -> np.ndarray:
    black = np.zeros((*image_size, 3), dtype=np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, size=black.shape, dtype=np.uint8)
    return np.stack([black, black + 255, noise])


def _resized(images: list[np.ndarray], image_size: tuple[int, int]) -> np.ndarray:
    height, width = image_size
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return np.stack([fit_square(image, side)[top : top + height, left : left + width] for image in images])


def _answers_of_file(run: Run, format: str, path: Path, pixels: np.ndarray) -> np.ndarray:
    """Writes the model to `path` and returns the probabilities that the file gives for `pixels`."""
    # The converters and runtimes have no family of errors; some derive from Exception alone.
    try:
        FORMATS[format].write(run.model, (None, *pixels.shape[1:]), path)
    except Exception as error:
        raise ExportError(f"The model {run.name!r} cannot be written as {format}: {_shortened(error)}") from error
    try:
        return FORMATS[format].load(path)(pixels)
    except Exception as error:
        raise ExportError(
            f"The {format} export of {run.name!r} was written, but does not run, and was removed: {_shortened(error)}"
        ) from error


def _compare(run: Run, format: str, expected: np.ndarray, found: np.ndarray, tolerance: float) -> tuple[float, float]:
    """Returns the largest difference of a probability and the share of equal top-1, if the first is allowed."""
    if found.shape != expected.shape:
        raise ExportError(
            f"The {format} export of {run.name!r} gives other outputs than Keras and was removed: shape {found.shape}, "
            f"Keras {expected.shape}."
        )
    difference = float(np.abs(found - expected).max())
    if not difference <= tolerance:  # so that NaN is refused too
        raise ExportError(
            f"The {format} export of {run.name!r} does not agree with Keras and was removed: on {len(expected)} images "
            f"a probability differs by up to {difference:.3g}; allowed are {tolerance:.3g}."
        )
    return difference, float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1)))


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Keeps GPUs from rounding factors to TF32, 10 bits of mantissa, which alone may exceed the tolerance."""
    settings = tf.config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        settings.enable_tensor_float_32_execution(before)


def _input_description(run: Run, image_size: tuple[int, int]) -> dict:
    return {
        **run.card.input.to_dict(),
        "name": INPUT,
        "shape": [None, *image_size, 3],
        "axes": ["image", "row", "column", "channel"],
        "dtype": "uint8",
        "range": [0, 255],
        "channel_order": "RGB",
        "alignment": run.card.input.alignment,
    }


def _digests(path: Path, name: str) -> dict[str, str]:
    if path.is_file():
        return {name: sha256(path)}
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): sha256(file) for file in files}


def _versions(format: str) -> dict[str, str]:
    found = {"kerasface": __version__, "keras": keras.version(), "tensorflow": tf.__version__, "numpy": np.__version__}
    return found | {package: version(package) for package in FORMATS[format].packages}


def _move_into_place(folder: Path, target: Path) -> None:
    """Moves certificate and export from `folder`, synced to disk, to their places: both or neither."""
    for path in folder.rglob("*"):
        sync_path(path)
    with ExitStack() as undo:
        for new, place in ((folder / "certificate", certificate_path(target)), (folder / "export", target)):
            if place.exists():
                previous = folder / f"previous {new.name}"
                place.rename(previous)
                undo.callback(previous.rename, place)
            new.rename(place)
            undo.callback(place.rename, new)
        undo.pop_all()
    sync_path(target.parent)


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:500]

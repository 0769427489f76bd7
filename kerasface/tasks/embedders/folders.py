"""Folders of embedders: which may be added, what stands on one, and how one is removed."""

import os
from contextlib import suppress
from pathlib import Path

from kerasface.faces.embedders import SHIPPED, default_embedder
from kerasface.faces.run_embedder import fingerprint_of
from kerasface.files.paths import writing
from kerasface.files.replacement import forget_previous, put_away
from kerasface.gallery.opening import recorded_embedder
from kerasface.gallery.store import GalleryError
from kerasface.runs.card import ModelCard
from kerasface.runs.records import RunError
from kerasface.runs.store import DEFAULT_ROOT, check_name, find_run, missing_model


def check_addable(name: str, licence: str, root: str | os.PathLike = DEFAULT_ROOT) -> None:
    """Refuses what the file need not be read for.

    Args:
        name: What the run is to be called.
        licence: Of the weights.
        root: Folder of the runs.

    Raises:
        RunError: If the name is taken or no name, or no licence is given.
    """
    check_name(name)
    if name == SHIPPED:
        raise RunError(f"{SHIPPED!r} is the embedder that ships. Choose another name.")
    if (Path(root) / name).exists():
        raise RunError(
            f"There is a model {name!r} in {Path(root)} already. Choose another name, or remove it first: "
            f"kerasface embedders remove {name}"
        )
    if not licence.strip():
        raise RunError(
            "A network of others is added with its licence, as its owner states it: --licence 'Apache-2.0', or what "
            "else it says. It goes into the card."
        )


def remove_embedder(name: str, root: str | os.PathLike = DEFAULT_ROOT) -> Path:
    """Deletes a run that embeds faces, with what was measured of it.

    Galleries that hold its embeddings cannot be searched until they are embedded anew, or it is back.

    Args:
        name: The run's.
        root: Folder of the runs.

    Returns:
        The folder that was deleted.

    Raises:
        RunError: If there is no such run in `root`, or it does not embed faces.
        WriteError: If the disk refuses.
    """
    summary = find_run(root, name)
    if summary.path.parent != Path(root):
        raise RunError(missing_model(root, name))
    if summary.card is not None and summary.card.task != "embed":
        raise RunError(f"The model {name!r} is no embedder: it is of task {summary.card.task!r}, and is not removed.")
    if summary.card is None:
        raise RunError(f"Whether {name!r} is an embedder cannot be told, so it is not removed: {summary.problem}")
    with writing(summary.path):
        put_away(summary.path)  # gone at once; what is deleted file by file is half there for a while
        forget_previous(summary.path)
    return summary.path


def uses_of(name: str, card: ModelCard, root: str | os.PathLike = DEFAULT_ROOT) -> list[str]:
    """Returns what stands on a run as an embedder, in sentences: the user's default, and galleries in this folder.

    Args:
        name: The run's.
        card: Its card.
        root: Folder of the runs.
    """
    try:
        fingerprint = fingerprint_of(name, card)
    except RunError:
        return []
    found = []
    if default_embedder() == name and Path(root) == Path(DEFAULT_ROOT):
        found.append(f"{name} is the embedder that is taken where none is named (kerasface embedders default).")
    for gallery in sorted(Path().glob("*.gallery")):
        with suppress(GalleryError, OSError):
            if (recorded := recorded_embedder(gallery)) is not None and recorded[0] == fingerprint:
                found.append(f"The gallery {gallery} holds its embeddings.")
    return found

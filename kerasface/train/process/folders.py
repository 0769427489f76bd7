"""What a training's folder says to whoever did not start it: its kind, whether it learned something, how to go on."""

import contextlib
import shlex
from pathlib import Path

from kerasface.files.parsing import json_of
from kerasface.files.reading import open_regular, read_regular
from kerasface.files.zips import UNREADABLE
from kerasface.runs.store import DEFAULT_ROOT, RunError, check_name
from kerasface.train.kinds import KINDS
from kerasface.train.recipe import build_recipe, read_recipe

_MAX_PROGRESS = 2**26  # bytes of what a checkpoint says of where the training was


def session_folder(runs: str | Path, name: str) -> Path:
    """Returns where a training of this name keeps its log and checkpoint while it is in progress.

    Raises:
        RunError: If the name is no plain folder name.
    """
    check_name(name)
    return Path(runs) / f".{name}.running"


def sessions_in_progress(runs: str | Path) -> list[str]:
    """Returns the names of the trainings under `runs` that are running or were left off."""
    found = (path.name for path in Path(runs).glob(".*.running") if (path / "session.json").is_file())
    return sorted(name.removeprefix(".").removesuffix(".running") for name in found)


def read_facts(folder: Path) -> dict:
    """Returns what a training noted of itself.

    Raises:
        RunError: If that cannot be read.
    """
    try:
        facts = json_of(read_regular(folder / "session.json"))
        if not isinstance(facts, dict):
            raise ValueError("it holds no JSON object")
    except (ValueError, OSError) as error:
        raise RunError(f"The training {folder} is damaged: session.json: {error}.") from error
    return facts


def kind_of(folder: Path) -> str:
    """Returns which of `KINDS` a training is: as it wrote down; of one that did not, by the fields of its recipe.

    Raises:
        RunError: If it is none of them.
    """
    kind = read_facts(folder).get("kind")
    if kind is None:  # it began before they wrote that down
        for kind in KINDS.values():
            with contextlib.suppress(ValueError):
                build_recipe(read_recipe(folder / "recipe.toml", kind.recipe), kind.recipe)
                return kind.name
        raise RunError(
            f"{folder / 'recipe.toml'} is no recipe of this version. Discard the training, and start it anew."
        )
    if kind not in KINDS:
        raise RunError(f"The training {folder} is of a kind that this version does not know. Received: kind={kind!r}.")
    return kind


def has_learned(folder: Path) -> bool:
    """Tells whether the checkpoint in a training's folder holds at least one step, so that deleting it loses something.

    A checkpoint that cannot be read counts: somebody may still want to look at it.
    """
    import numpy as np  # an eighth of a second, which `--help` need not wait for

    try:
        with open_regular(folder / "checkpoint.npz") as file, np.load(file, allow_pickle=False) as stored:
            if stored.zip.getinfo("progress.npy").file_size > _MAX_PROGRESS:
                return True
            progress = json_of(stored["progress"].tobytes())
            return bool(progress.get("epoch") or progress.get("step") or progress.get("extra", {}).get("history"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, TypeError, KeyError, AttributeError, MemoryError, *UNREADABLE):
        return True


def resume_command(runs: str | Path, name: str, kind: str) -> str:
    """Returns the line that goes on with a training."""
    where = [] if str(runs) == DEFAULT_ROOT else ["--runs", str(runs)]
    return shlex.join(["kerasface", "train", kind, "--resume", name, *where])

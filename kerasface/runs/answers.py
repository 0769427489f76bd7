"""What the classifier of a run said of its held-out pictures: `records.json`, as the training left it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerasface.files.parsing import json_of
from kerasface.files.reading import read_regular
from kerasface.runs.store import RunError

FORMAT = 1  # of the JSON
_MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class HeldOutAnswers:
    """Which held-out pictures a classifier got wrong.

    Attributes:
        num_pictures: How many were held out.
        wrong: Files of those that got another name than their own.
        recall: Class to the share of its held-out pictures that got its name; `None` where nothing of it was held out.
        pictures: Tells the held-out pictures from others; runs before version 0.2 did not note it.
    """

    num_pictures: int
    wrong: frozenset[str]
    recall: Mapping[str, float | None]
    pictures: str | None


def read_answers(run: str | Path) -> HeldOutAnswers:
    """Returns what the classifier of a run said of its held-out pictures.

    Args:
        run: The run's folder.

    Raises:
        RunError: If the run kept no answers, or they cannot be read.
    """
    records = read_records(run)
    try:
        wrong = [mistake["file"] for mistake in records["mistakes"]]
        found = HeldOutAnswers(
            num_pictures=records["metrics"]["num_validation"],
            wrong=frozenset(wrong),
            recall={row["name"]: row["recall"] for row in records["classes"]},
            pictures=records.get("held_out"),
        )
        if not len(set(wrong)) == len(wrong) <= found.num_pictures:
            raise ValueError(f"{len(wrong)} mistakes in {found.num_pictures} pictures")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunError(f"The records {Path(run) / 'records.json'} are damaged: {error!r}.") from error
    return found


def read_records(run: str | Path) -> dict:
    """Returns the records of a run as its training wrote them.

    Args:
        run: The run's folder.

    Raises:
        RunError: If there are none, as in a run of another kind, or they cannot be read.
    """
    path = Path(run) / "records.json"
    try:
        content = json_of(read_regular(path, _MAX_BYTES))
    except OSError as error:
        raise RunError(f"The records {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RunError(f"The records {path} are damaged: {error}.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RunError(f"The records {path} are of another version; this one reads format {FORMAT}.")
    return content

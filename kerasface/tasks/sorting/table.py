"""The faces of many photos as a table, a row for each."""

from collections.abc import Iterator, Sequence

from kerasface.files.spreadsheets import csv_text

_PLACE = ("x", "y", "width", "height")
_DECISION = ("decision", "name", "score", "normalized_score", "threshold", "probability")
_TIMES = ("from", "to")
COLUMNS = ("photo", "face", *_PLACE, *_DECISION, "date", *_TIMES, "problem")


def faces_csv(results: Sequence[dict]) -> str:
    """Returns a table of faces with the columns `COLUMNS`; boxes are in pixels of the upright photo.

    A photo without a face has one row, whose decision is `no_face`; one that could not be read has its `problem`. The
    name is there where the decision is `match`, and `date` is what the camera wrote; `from` and `to` are the seconds
    in which a face of a video is seen.

    Args:
        results: For each photo `image`, and `faces` as `IdentifiedFace.to_dict` has them and `date`, or an `error`.
    """
    return csv_text(COLUMNS, (row for result in results for row in _rows(result)))


def _rows(result: dict) -> Iterator[list[object]]:
    photo, empty = result["image"], [None] * len(_PLACE)
    if "error" in result:
        yield [photo, None, *empty, *[None] * (len(_DECISION) + 1 + len(_TIMES)), result["error"]]
        return
    date = result["date"]
    if not result["faces"]:
        yield [photo, None, *empty, "no_face", *[None] * (len(_DECISION) - 1), date, *[None] * (len(_TIMES) + 1)]
    for number, face in enumerate(result["faces"], start=1):
        decision = [_cell(face[name]) for name in _DECISION]
        times = [face.get(name) for name in _TIMES]
        yield [photo, number, *(round(value, 1) for value in face["box"]), *decision, date, *times, None]


def _cell(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value

"""Frozen records out of JSON and back: the types of a dataclass's fields say what JSON must hold there."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import get_args, get_origin

from kerasface.terminal.streams import is_shown

LARGEST = 2**53  # from here on whole numbers are no longer what they were once they were floats
_REMEDY = "Bring back the card that it had, or train the model again."


class RunError(RuntimeError):
    """A trained model cannot be listed, read or written, or is of another kind than is asked for."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A card or a part of it: `extra` is what else JSON holds there, and comes last again."""

    extra: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values: what is not as by default, what is always written, and `extra`."""
        found, always = {}, self._always()
        for entry in fields(self):
            value = getattr(self, entry.name)
            default = {} if entry.default_factory is dict else entry.default
            if entry.name != "extra" and (entry.name in always or value != default):
                found[entry.name] = _plain(value)
        return {**found, **self.extra}

    def _always(self) -> Collection[str]:
        """Names of the fields that are written even if they are as by default."""
        return ()

    def _misfits(self) -> Iterable[str]:
        """Names of the fields that do not fit for other reasons than their type."""
        return ()


class _MisfitError(Exception):
    """A value of JSON that is no value of a field's type."""


def read_record(kind: type, content: object, place: str):
    """Parses a JSON object into a frozen dataclass, and checks it.

    A field may be missing where it has a default, and `null` where that is `None`. What there is no field for becomes
    `extra`.

    Args:
        kind: The dataclass, a `Record`; `metadata={"wanted": ...}` of a field says in words what must be held there.
        content: The JSON.
        place: What it is called in errors.

    Raises:
        RunError: If something is missing or does not fit.
    """
    if not isinstance(content, dict):
        raise _MisfitError
    known = [entry for entry in fields(kind) if entry.name != "extra"]
    values = {}
    for entry in known:
        value = content.get(entry.name)
        needed = entry.default is MISSING and entry.default_factory is MISSING
        if value is None and not needed and (entry.name not in content or entry.default is None):
            continue
        try:
            values[entry.name] = _value(entry.type, value, f"{place}: {entry.name}")
        except _MisfitError as error:
            raise refusal(entry, value, place) from error
        except RunError as error:
            if "wanted" not in entry.metadata:
                raise
            raise refusal(entry, value, place) from error
    extra = {name: value for name, value in content.items() if name not in {entry.name for entry in known}}
    record = kind(**values, extra=extra)
    for name in record._misfits():
        raise refusal(next(entry for entry in known if entry.name == name), content[name], place)
    return record


def _value(annotation, value: object, place: str):
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is UnionType:  # with None, which is not asked for here
        return _value(arguments[0], value, place)
    if origin is tuple:
        kinds = arguments[:1] * len(value) if isinstance(value, list) and arguments[-1] is ... else arguments
        if not isinstance(value, list) or len(kinds) != len(value):
            raise _MisfitError
        return tuple(_value(kind, item, place) for kind, item in zip(kinds, value, strict=True))
    if is_dataclass(annotation):
        return read_record(annotation, value, place)
    fitting = {Mapping: dict, None: annotation if annotation is not float else int | float}[origin]
    if not isinstance(value, fitting) or (isinstance(value, bool) and annotation is not bool):
        raise _MisfitError
    if isinstance(value, int | float) and not abs(value) < LARGEST:  # nor infinite
        raise _MisfitError
    if isinstance(value, str) and not is_shown(value):
        raise _MisfitError
    return value


def refusal(entry, value: object, place: str) -> RunError:
    """Makes the error of a value that is none of a field, given as `dataclasses.fields` has it."""
    received = repr(value)[:500]
    if wanted := entry.metadata.get("wanted"):
        return RunError(f"{place} must hold {wanted}. Received: {entry.name}={received}. {_REMEDY}")
    kind = dict if is_dataclass(entry.type) or get_origin(entry.type) is Mapping else entry.type
    return RunError(
        f"{place} lacks a valid {entry.name!r} ({getattr(kind, '__name__', kind)}). Received: {received}. {_REMEDY}"
    )


def _plain(value):
    if is_dataclass(value):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value

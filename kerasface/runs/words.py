"""How what is known of a run is written down, in a terminal and on a page."""

import datetime

from kerasface.terminal.words import share

DASH = "-"


def measure_text(name: str, value: float) -> str:
    """Returns a number that a run is judged by, as people read it."""
    return f"{value:.3f}" if name == "mean IoU" else share(value, 2)


def size_text(size: int) -> str:
    """Returns bytes as people read them: `17.3 MiB`."""
    power = next((power for power in (3, 2, 1) if size >= 1024**power), 0)
    return f"{size / 1024**power:.{1 if power else 0}f} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"


def when_text(created: str | None) -> str:
    """Returns a time as it stands in a card, in UTC, to the minute; what is no time as it is."""
    try:
        when = datetime.datetime.fromisoformat(created or "")
    except ValueError:
        return (created or DASH)[:16]
    return (when.astimezone(datetime.UTC) if when.tzinfo else when).strftime("%Y-%m-%d %H:%M")


def plain_value(value) -> str:
    """Returns a value of a recipe or of metrics as people write it; of a long list how long it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(plain_value, value)) if len(value) <= 8 else f"{len(value):,} values"
    return DASH if value is None else str(value)

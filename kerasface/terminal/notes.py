"""Notes: what is to be known of how a command works, next to what it answers."""

import sys

_said: set[str] = set()


def say_once(text: str) -> None:
    """Writes a note as one line on stderr, the first time in this process."""
    if text not in _said:
        _said.add(text)
        print(f"Note: {text}", file=sys.stderr)

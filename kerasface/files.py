"""Paths as users give them, and files as the disk takes them."""

import os
from pathlib import Path


def user_path(path: str | os.PathLike) -> Path:
    """Returns a path in which a leading `~` is the user's home, and `~name` that of another user.

    A shell does so for a bare word only: not inside quotes, not after the `=` of an option, not in a recipe, in a field
    of a page or in an environment variable that something else than a shell has set. Whatever takes a path from a user
    passes it through here, once.
    """
    return Path(os.path.expanduser(path))


def user_folder(variable: str, default: str) -> Path:
    """Returns the folder that an environment variable names; where it is not set, `default` in the user's home."""
    return user_path(os.environ.get(variable) or os.path.join("~", default))

"""JSON and TOML of others: what cannot be parsed, however deeply it is nested, is a ValueError and nothing else."""

import json
import tomllib


def json_of(text: str | bytes, **options):
    """Returns what JSON says.

    Args:
        text: UTF-8 where it is bytes.
        options: For `json.loads`.

    Raises:
        ValueError: If it is none, or nested too deeply.
    """
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error


def toml_of(text: str) -> dict:
    """Returns what TOML says.

    Raises:
        ValueError: If it is none, or nested too deeply.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error

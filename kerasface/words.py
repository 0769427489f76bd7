"""Words for numbers of things, so that one is never "1 faces"."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun: `1 face`, `1,797 images`, `1 person`, `2 people`.

    Args:
        number: How many.
        noun: What one is called.
        plural: What several are called, and none; the noun with an s if not given.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"

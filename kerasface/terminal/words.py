"""Words for numbers: of things, so that one is never "1 faces", and of rates, so that a small one is not 0.00 %.

And tables of them in a terminal.
"""

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun: `1 face`, `1,797 images`, `1 person`, `2 people`.

    Args:
        number: How many.
        noun: What one is called.
        plural: What several are called, and none; the noun with an s if not given.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def some_names(names: Sequence[str]) -> str:
    """Returns the first three names, and how many more there are: a terminal has no room for 7,000."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def percent_of(rate: float) -> str:
    """Returns a rate in per cent with the digits that count: `12 %`, `0.24 %`, `0.0015 %`, `99.6 %`, `0 %`."""
    digits = 2 if rate < 0.95 else 4
    return f"{float(f'{100 * rate:.{digits}g}'):.12f}".rstrip("0").rstrip(".") + " %"


def share(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent, or a dash."""
    return "-" if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def points(rate: float) -> str:
    """A difference of two rates in percentage points, two digits."""
    rounded = round(100 * rate, 2) or 0.0  # no minus before nothing
    return f"{rounded:.2f}".replace("-", "\N{MINUS SIGN}")


def rounded(count: int) -> str:
    """Returns a large number with three digits: 300,774,272 is 301 M."""
    power = next((power for power in (9, 6, 3) if count >= 10**power), 0)
    return f"{count / 10**power:.3g} {dict(zip((9, 6, 3, 0), 'GMk ', strict=True))[power]}".strip()


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Returns rows as lines, columns side by side: the first `left` on the left, numbers on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

"""Reads an answer as people type it: 0.70, 0,70, 70 %, 7/10, 73 728, 1.2 million, 64·128·9."""

import ast
import itertools
import math
import operator
import re
import unicodedata

_LONGEST = 120  # characters of an answer
_LARGEST_POWER = 400
_WORDS = {"none": "0", "zero": "0", "half": "0.5", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"}
_WORDS |= {"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"}
# What people type for a sign, and the sign: minus and dashes, fraction slash and division, crosses and dots.
_SIGNS = (
    ("\u2212\u2013\u2014", "-"),
    ("\u2044\u00f7", "/"),
    ("\u00d7\u00b7\u2219\u22c5\u2217", "*"),
    ("\u2248\u2243~$\u20ac`\u200b\u2019'_", ""),
)
_SIZES = {
    **dict.fromkeys(("k", "thousand"), 1e3),
    **dict.fromkeys(("m", "mio", "million", "millions"), 1e6),
    **dict.fromkeys(("g", "bn", "billion", "billions"), 1e9),
}
_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_RAISED = re.compile(r"(?<=[\d)])[⁰¹²³⁴-⁹]+")
_NUMBER = re.compile(r"(?<![\w.,])(?:\d[\d.,]*|[.,]\d+)(?:e[+-]?\d+)?", re.IGNORECASE)


def read_number(text: str) -> tuple[float, ...]:
    """Returns what an answer may mean: `1,228` is 1228 to some people and 1.228 to others.

    Decimal commas and points, spaces or commas between thousands, per cent, fractions and simple sums, powers of ten,
    `thousand`, `million`, and a unit behind it that is left away.

    Raises:
        ValueError: If it is no number; the message says what to write instead.
    """
    plain = _plain(text)
    if not plain:
        raise ValueError("Nothing is written there. Write a number, such as 0.7, 70 % or 7/10.")
    if len(plain) > _LONGEST:
        raise ValueError(f"That has {len(plain)} characters. Write one number, such as 0.7, 70 % or 7/10.")
    plain, factor = _without_unit(plain)
    if not _NUMBER.search(plain):
        raise ValueError(f"{text.strip()!r} is no number. Write one such as 0.7, 70 % or 7/10.")
    if re.search(r"\d[.,]?\s*[,;&]\s+[\d.]|\band\b", plain):
        raise ValueError(f"{text.strip()!r} has several numbers. Write the one that is asked for.")
    pieces = _NUMBER.split(plain)
    found = []
    for values in itertools.product(*map(_values, _NUMBER.findall(plain))):
        sides = itertools.zip_longest(pieces, values, fillvalue="")
        try:
            value = _computed("".join(itertools.chain.from_iterable(sides))) * factor
        except (SyntaxError, TypeError, KeyError) as error:
            raise ValueError(
                f"{text.strip()!r} cannot be read. Write one number, such as 0.7, 70 % or 7/10."
            ) from error
        except (ZeroDivisionError, OverflowError) as error:
            raise ValueError(f"{text.strip()!r} has no value: it divides by zero or is too large.") from error
        if not math.isfinite(value):
            raise ValueError(f"{text.strip()!r} has no value: it is too large.")
        found.append(value)
    return tuple(dict.fromkeys(found))


def _plain(text: str) -> str:
    text = _RAISED.sub(r"**\g<0>", text)  # before they become digits like others: 3² is no 32
    text = unicodedata.normalize("NFKC", text).strip().lower()
    for signs, sign in _SIGNS:
        text = re.sub(f"[{signs}]", sign, text)
    text = text.rpartition("=")[2].strip().rstrip("!?").removesuffix(".").strip()
    text = re.sub(r"^(?:about|approximately|around|roughly|circa|ca\.?|exactly)\s+", "", text)
    text = re.sub(r"(?<=\d)\s*x\s*(?=\d)", "*", text).replace("^", "**")
    text = re.sub(r"(?<=\d)\s+(?=\d{3}(?!\d))", "", text)  # 73 728
    return _WORDS.get(text, text)


def _without_unit(text: str) -> tuple[str, float]:
    """Takes per cent, thousands, millions and units off the end."""
    factor = 1.0
    if found := re.fullmatch(r"(.*?[\d)])\s*(%|‰|per\s?cents?|percents?)(?:\s+[a-z ]+)?", text):
        return found[1], 0.001 if found[2] == "‰" else 0.01
    if found := re.fullmatch(r"(.*?[\d)])\s*([a-z]+)((?:\s+[a-z]+)*)", text):
        factor = _SIZES.get(found[2], 1.0)
        text = found[1]
    return text, factor


def _values(number: str) -> tuple[str, ...]:
    """What a written number may be in Python's form; in the order in which people mean it."""
    digits, exponent = [*number.lower().split("e"), ""][:2]
    exponent = exponent and f"e{exponent}"
    digits = digits.rstrip(".,")
    marks = re.findall("[.,]", digits)
    groups = re.split("[.,]", digits)
    grouped = all(len(group) == 3 for group in groups[1:]) and 1 <= len(groups[0]) <= 3 and groups[0] != "0"
    if not marks:
        forms = [digits]
    elif len(set(marks)) == 2:
        if len(set(marks[:-1])) != 1 or not all(len(group) == 3 for group in groups[1:-1]):
            raise ValueError(f"{number!r} mixes points and commas. Write it without those between thousands.")
        forms = ["".join(groups[:-1]) + "." + groups[-1]]
    elif len(marks) == 1:
        decimal = digits.replace(",", ".")
        forms = [decimal] if not grouped else [decimal, "".join(groups)][:: 1 if marks == ["."] else -1]
    elif grouped:
        forms = ["".join(groups)]
    else:
        raise ValueError(f"{number!r} has several points or commas. Write one number, such as 0.7 or 73728.")
    values = [float(form + exponent) for form in forms]
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{number!r} has no value: it is too large.")
    return tuple(map(repr, values))  # without zeros in front


def _computed(text: str) -> float:
    return _value(ast.parse(text.strip(), mode="eval").body)


def _value(node: ast.AST) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.UnaryOp):
        return _OPERATIONS[type(node.op)](_value(node.operand))
    if not isinstance(node, ast.BinOp):
        raise TypeError(f"Only sums of numbers are read. Received: {type(node).__name__}.")
    left, right = _value(node.left), _value(node.right)
    if isinstance(node.op, ast.Pow) and not (abs(right) <= _LARGEST_POWER and (left >= 0 or right.is_integer())):
        raise OverflowError
    return _OPERATIONS[type(node.op)](left, right)

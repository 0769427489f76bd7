"""How names that people gave are written next to words of ours, so that none can be taken for the other."""

import json
import unicodedata

# Answers of ours, and what they are called in reports; letters only.
_OURS = ("unknown", "stranger", "nobody", "ambiguous", "undecided", "lowquality", "noface", "mustchoose")


def as_name(name: str) -> str:
    """Returns a name as it is shown: in quotation marks where it reads like an answer of ours.

    A class or a person may be called `unknown`, as the folder of its photos is. Strangers are called unknown without
    quotation marks, and no name is shown as that word, however it is spelt, spaced or joined with others.

    Args:
        name: Of a class or a person.

    Example:
        >>> as_name("Ada"), as_name("Unknown")
        ('Ada', '"Unknown"')
    """
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", name).casefold() if letter.isalpha())
    if any(word in letters for word in _OURS) or '"' in name or not name.isprintable():
        return json.dumps(name, ensure_ascii=False)
    return name

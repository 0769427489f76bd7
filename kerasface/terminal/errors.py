"""Which errors are an answer to the user, and which are a fault of the program.

An answer is a sentence with exit code 1: a file that is missing, a photo that is damaged, a setting out of range. A
fault is a mistake in this code, and no sentence makes it anything else: it is called an internal error, exit code 70.
Built-in types do not tell them apart, as NumPy and Keras raise `ValueError` for a wrong shape too; where an error was
raised does.
"""

import dis
import os
import re
import sys
import traceback
from types import TracebackType

ANSWER, FAULT, INTERRUPTED = 1, 70, 130  # exit codes: ours, EX_SOFTWARE of sysexits.h, and 128 + SIGINT of the shells
DEBUG = "KERASFACE_DEBUG"
_OURS = (__name__.partition(".")[0], "pages")
_RAISE = dis.opmap["RAISE_VARARGS"]
_RECEIVED = re.compile(r"Received: .*?(?=\. |\.?$)", re.DOTALL)
_ARGUMENT = re.compile(r"(?<=[ (])([a-z][a-z0-9_]*)=(None\b|True\b|False\b)?")
_WORDS = {"None": "none", "True": "yes", "False": "no"}
_SIZE = re.compile(r"(images of |pictures of |size[ =])\((\d+), (\d+)(?:, \d+)?\)")


def is_answer(error: BaseException) -> bool:
    """Returns whether an error speaks to the user, rather than of a mistake in the program.

    These do: what the system says of files and memory, errors of KerasFace's own types, and a `ValueError` or
    `RuntimeError` that a `raise` statement of KerasFace itself has raised. One out of NumPy, Keras or TensorFlow, or
    out of an operation in KerasFace's code, does not: whoever calls them knows what may go wrong and says it.
    """
    if isinstance(error, OSError) or _is_short_of_memory(error) or _is_ours(type(error).__module__):
        return True
    return isinstance(error, ValueError | RuntimeError) and _raised_here(error.__traceback__)


def one_line(error: BaseException) -> str:
    """Returns an error's message in one line; its type, where there is no message."""
    text = " ".join(str(error).split())
    if _is_short_of_memory(error):
        return "Not enough memory. Give fewer or smaller images at a time, or take a smaller batch size."
    if isinstance(error, OSError) and error.strerror:  # Python's own words begin with a number: [Errno 28] ...
        names = [os.fspath(name) for name in (error.filename, error.filename2) if isinstance(name, str | os.PathLike)]
        return ": ".join([" -> ".join(names), error.strerror]).removeprefix(": ")
    return text or type(error).__name__


def tell(error: BaseException | None) -> int:
    """Says on stderr what ended a command; returns the exit code.

    Args:
        error: What was raised; `None` where a question was answered with no.
    """
    match error:
        case None:
            text, code = "Stopped: the answer was no.", ANSWER
        case KeyboardInterrupt():
            text, code = "Stopped by Ctrl-C.", INTERRUPTED
        case EOFError():
            text, code = "Stopped: the input ended where an answer was needed. Type it, or give an option.", ANSWER
        case _ if is_answer(error):
            text, code = f"Error: {one_line(error)}", ANSWER
        case _:
            advice = "Please report it with the lines above." if is_debugging() else f"{DEBUG}=1 shows where it is."
            named = f"{type(error).__name__}: {one_line(error)}".removesuffix(".")
            text, code = f"Internal error, a fault of KerasFace and not of its input: {named}. {advice}", FAULT
    show_traceback(error)
    print(text, file=sys.stderr)
    return code


def told(error: Exception) -> str:
    """Returns the words of an answer, for a page to show; a fault is raised once more, and Streamlit shows where it is.

    What was received stands there as a reader of the page knows it: `image_size=(112, 112)` as image size 112 x 112.
    With `KERASFACE_DEBUG` the traceback of an answer is printed, too.
    """
    if not is_answer(error):
        raise error
    show_traceback(error)
    return _in_words(str(error))


def _in_words(text: str) -> str:
    text = _SIZE.sub(r"\1\2 x \3", text)
    return _RECEIVED.sub(lambda received: _ARGUMENT.sub(_argument_in_words, received[0]), text)


def _argument_in_words(found: re.Match) -> str:
    return f"{found[1].replace('_', ' ')} {_WORDS.get(found[2], '')}"


def is_debugging() -> bool:
    """Returns whether `KERASFACE_DEBUG` asks for the traceback behind every error."""
    return os.environ.get(DEBUG, "") not in ("", "0")


def show_traceback(error: BaseException | None) -> None:
    """Prints the traceback of an error on stderr if `KERASFACE_DEBUG` asks for it."""
    if error is not None and is_debugging():
        traceback.print_exception(error)


def _is_short_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's, of a GPU


def _raised_here(trace: TracebackType | None) -> bool:
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code.co_code
    return _is_ours(trace.tb_frame.f_globals.get("__name__", "")) and code[trace.tb_lasti] == _RAISE


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS

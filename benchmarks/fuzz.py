"""Does any file, however it was damaged or crafted, end otherwise than well or in a sentence with a name?

    python benchmarks/fuzz.py
    python benchmarks/fuzz.py --kinds images cards --share 0.1 --seed 7

Files of every kind that KerasFace reads from others are made, then changed at random: bytes flipped, numbers set to
their limits, parts cut out, doubled, exchanged with another file's, words of the kind put in. Each mutant is read in a
process of its kind. It must be read or refused by an error of the family that says so, within 2 s of CPU and 512 MiB;
a crash, any other error and anything over the budget is told with the number of the mutant, by which it comes again
(`--only KIND NUMBER`; of galleries up to what is sealed, which is random). Networks of ONNX files that are read are
also built.
"""

import argparse
import contextlib
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CPU_SECONDS, MEBIBYTES = 2.0, 512
_SILENCE = 120  # seconds after which a process that says nothing has failed
_BATCH = 500  # mutants of one process
_NUMBERS = (b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"\x7f\xff", b"\xff\x7f", b"\xff" * 4, b"\0" * 4,
            b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80", b"\xff" * 8)  # fmt: skip
_WORDS = {
    "text": (b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"1" * 400, b'"\\ud800"', b"\x1b[31m", b"../../x",
             b"/dev/zero", b"[" * 3000, b"{" * 3000, b'"', b"\n", b"\0", b"\xff\xfe", b"=cmd|' /C calc'!A0",
             b"a" * 5000, b"[]", b"{}", b"2026-01-01", b"inf", b"0x7fffffffffffffff", b"\xe2\x80\xae"),
    "binary": (b"../../x", b"\0" * 64, b"\xff" * 64, b"a" * 3000),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        count: Mutants of a whole run.
        seeds: Makes the files that are changed.
        read: Reads a mutant that lies at a path.
        errors: Returns by which errors it may be refused.
        words: Which words are put in.
    """

    count: int
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    errors: Callable[[], tuple[type[Exception], ...]]
    words: str = "binary"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="all if not given")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of a whole run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs=2, metavar=("KIND", "NUMBER"), help="one mutant, with its traceback")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(try_one(arguments.only[0], int(arguments.only[1]), arguments.seed, is_told=True))
    elif arguments.worker:
        kind, first, count = arguments.worker
        work(kind, range(int(first), int(first) + int(count)), arguments.seed)
    else:
        failed = False
        print("| kind | mutants | read | refused | crashed | untyped | over budget | most CPU, s | most MiB |")
        print("|---|---|---|---|---|---|---|---|---|")
        for kind in arguments.kinds:
            counts, worst, failures = fuzz(kind, round(KINDS[kind].count * arguments.share), arguments.seed)
            numbers = [counts[name] for name in ("read", "refused", "crashed", "untyped", "over budget")]
            print(f"| {kind} | {sum(counts.values()):,} | {' | '.join(f'{n:,}' for n in numbers)} "
                  f"| {worst[0]:.2f} | {worst[1]:.0f} |", flush=True)  # fmt: skip
            for failure in failures[:10]:
                print(f"  {failure}", file=sys.stderr, flush=True)
            failed |= bool(failures)
        if failed:
            raise SystemExit("Some mutants ended otherwise than they should.")


def fuzz(kind: str, count: int, seed: int = 0) -> tuple[Counter, tuple[float, float], list[str]]:
    """Tries mutants of a kind in processes of their own.

    Returns:
        How many were read, refused, crashed, untyped, over budget; most seconds and mebibytes; what failed.
    """
    counts, worst, failures, first = Counter(), (0.0, 0.0), [], 0
    while first < count:
        number = first
        for number, outcome, seconds, mebibytes, told in batch(kind, first, min(_BATCH, count - first), seed):
            if outcome in ("read", "refused") and (seconds > CPU_SECONDS or mebibytes > MEBIBYTES):
                outcome, told = "over budget", f"{seconds:.1f} s, {mebibytes:.0f} MiB"
            counts[outcome] += 1
            worst = max(worst[0], seconds), max(worst[1], mebibytes)
            if outcome not in ("read", "refused"):
                failures.append(f"{kind} {number}: {outcome}: {told}")
        first = number + 1
    return counts, worst, failures


def batch(kind: str, first: int, count: int, seed: int):
    """Gives number, outcome, seconds, mebibytes and words of mutants until all were tried or the process has died."""
    command = [sys.executable, __file__, "--seed", str(seed), "--worker", kind, str(first), str(count)]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        number, alarm = first, None
        for line in _lines(process):
            if line is None:
                process.kill()
                alarm = f"nothing for {_SILENCE} s"
                break
            tried = tuple(json.loads(line))
            number = tried[0] + 1
            yield tried
        code = process.wait()
        if number < first + count:
            said.seek(0)
            last = said.read()[-300:].decode(errors="replace")
            yield number, "crashed", 0.0, 0.0, alarm or f"exit code {code}: {last}"


def _lines(process: subprocess.Popen):
    """Gives what a process writes; `None` where it writes nothing for too long."""
    import selectors

    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(_SILENCE):
            if not (line := process.stdout.readline()):
                return
            yield line
        yield None


def work(kind: str, numbers: range, seed: int) -> None:
    """Tries mutants and writes a line for each."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints
    try_one(kind, -1, seed)  # imports, and whatever is made once
    for number in numbers:
        out.write(json.dumps([number, *try_one(kind, number, seed)]) + "\n")
        out.flush()


def try_one(kind: str, number: int, seed: int, *, is_told: bool = False) -> tuple[str, float, float, str]:
    """Reads a mutant; returns outcome, seconds of CPU, mebibytes and words. Number -1 is a seed as it is."""
    one = KINDS[kind]
    content = _seeds(kind)[0] if number < 0 else mutant(kind, number, seed)
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        _forget_peak()
        before, started = _peak(), time.process_time()
        try:
            one.read(path)
            outcome, told = "read", ""
        except one.errors() as error:
            outcome, told = "refused", f"{type(error).__name__}: {str(error)[:300]}"
        except Exception as error:
            if is_told:
                raise
            outcome, told = "untyped", f"{type(error).__name__}: {str(error)[:300]}"
    return outcome, time.process_time() - started, max(0.0, _peak() - before), told


def mutant(kind: str, number: int, seed: int) -> bytes:
    """Returns a changed file; the same one for the same kind, number and seed."""
    generator = random.Random(f"{kind} {number} {seed}")
    seeds = _seeds(kind)
    content = bytearray(generator.choice(seeds))
    for _ in range(generator.choice((1, 1, 1, 2, 3, 8, 30))):
        _change(content, generator, seeds, _WORDS[KINDS[kind].words])
    return bytes(content)


def _change(content: bytearray, generator: random.Random, seeds: list[bytes], words: tuple[bytes, ...]) -> None:
    size = len(content)
    # Where heads are, much is decided.
    place = generator.randrange(size + 1) if generator.random() < 0.6 else generator.randrange(min(size, 200) + 1)
    length = generator.choice((1, 2, 4, 8, 30, 300, 3000))
    match generator.randrange(8):
        case 0 | 1 if place < size:
            content[place] ^= 1 << generator.randrange(8)
        case 2:
            number = generator.choice(_NUMBERS)
            content[place : place + len(number)] = number
        case 3:
            del content[place : place + length]
        case 4:
            content[place:place] = content[place : place + length] * generator.choice((1, 1, 2, 50))
        case 5:
            content[place:place] = generator.choice(words)
        case 6:
            other = generator.choice(seeds)
            start = generator.randrange(len(other) + 1)
            content[place : place + length] = other[start : start + length]
        case _ if generator.random() < 0.2:
            del content[place:]
        case _:
            content[place : place + length] = generator.randbytes(min(length, 30))


@cache
def _seeds(kind: str) -> list[bytes]:
    return KINDS[kind].seeds()


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # of Linux: the peak begins at what is used now


def _peak() -> float:
    """Most memory that was used, in mebibytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def image_seeds() -> list[bytes]:
    import numpy as np
    from PIL import Image

    rows, columns = np.mgrid[:48, :64]
    pixels = np.stack([4 * columns, 5 * rows, 2 * (rows + columns)], axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x9003] = 6, "2026:01:02 03:04:05"
    seeds = []
    for form, mode, options in (
        ("JPEG", "RGB", {"exif": exif}), ("JPEG", "RGB", {"progressive": True}), ("JPEG", "CMYK", {}),
        ("JPEG", "L", {}), ("WEBP", "RGBA", {"lossless": True}),
        ("PNG", "RGBA", {"exif": exif}), ("PNG", "P", {}), ("PNG", "I;16", {}), ("TIFF", "RGB", {}),
        ("TIFF", "F", {"compression": "tiff_lzw"}), ("WEBP", "RGB", {"exif": exif}),
        ("GIF", "P", {}), ("BMP", "RGB", {}), ("MPO", "RGB", {}), ("AVIF", "RGB", {}), ("HEIF", "RGB", {}),
    ):  # fmt: skip
        image, file = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode), io.BytesIO()
        with contextlib.suppress(KeyError, OSError, ValueError):  # a format that this Pillow cannot write
            image.convert(mode).save(file, form, **options)
            seeds.append(file.getvalue())
    return seeds


def read_image(path: Path) -> None:
    from kerasface.images.dates import date_taken
    from kerasface.images.decoding import decode

    decode(path.read_bytes())
    date_taken(path)


def card_seeds() -> list[bytes]:
    """Cards as trainings write them: of a classifier, a segmentation and an embedder."""
    always = {"format": 1, "name": "file", "created": "2026-01-01T00:00:00+00:00", "model_sha256": "0" * 64,
              "recipe": {"epochs": 3, "groups": None, "learning_rate": 0.001}, "metrics": {"top1": 0.9, "ece": None},
              "weights": [{"name": "face_resnet", "licence": "CC0-1.0", "sha256": "00"}]}  # fmt: skip
    face = {"kind": "face", "image_size": [150, 150], "values": "RGB, 0 to 255", "alignment": "five points",
            "detector": "mtcnn"}  # fmt: skip
    image = {"kind": "image", "image_size": [32, 32], "values": "RGB, 0 to 255"}
    cards = (
        {"task": "classify", "input": face, "backbone": "face_resnet", "labels": ["Ada", "Zo\u00eb"],
         "class_means": [[1.0, 0.0], [0.0, 1.0]], "calibration": {"temperature": 1.5, "applied": True}},
        {"task": "segment", "input": image, "backbone": "unet", "labels": ["skin", "hair"],
         "colours": [[0, 0, 0], [255, 0, 1]]},
        {"task": "embed", "input": face, "backbone": "face_resnet", "embedding": {"dim": 128, "fingerprint": "ab"}},
    )  # fmt: skip
    return [json.dumps(always | card, indent=1).encode() for card in cards]


def read_card(path: Path) -> None:
    from kerasface.runs.card import ModelCard

    ModelCard.read(path)


def recipe_seeds() -> list[bytes]:
    configs = Path(__file__).resolve().parent.parent / "configs"
    return [path.read_bytes() for path in sorted(configs.glob("*.toml"))]


def read_recipe_file(path: Path) -> None:
    from kerasface.train.kinds import KINDS as TRAININGS
    from kerasface.train.recipe import build_recipe, read_recipe

    refused = []
    for kind in TRAININGS.values():
        try:
            build_recipe(read_recipe(path, kind.recipe), kind.recipe)
        except ValueError as error:
            refused.append(error)
    if len(refused) == len(TRAININGS):
        raise refused[0]


def table_seeds() -> list[bytes]:
    table = "a,b,same\nada/1.jpg,ada/2.jpg,yes\n\"bob, or 'Bo'/1.jpg\",ada/1.jpg,no\n"
    return [
        table.encode(), table.replace(",", ";").encode("utf-16"), ("sep=;\n" + table.replace(",", ";")).encode(),
        b"1\t2\nAda\t1\t2\nBob\t1\t2\nAda\t1\tBob\t1\nAda\t2\tBob\t2\n",
        b"path,label\nada/1.jpg,Ada\nada/2.jpg,Ada\nbob/1.jpg,Bob\n",
    ]  # fmt: skip


def read_tables(path: Path) -> None:
    from kerasface.data.listings import read_listing
    from kerasface.data.pairs import read_pairs
    from kerasface.data.tables import read_table

    refused = []
    for read in (read_table, lambda file: read_pairs(file, file.parent), read_listing):
        try:
            read(path)
        except ValueError as error:
            refused.append(error)
    if len(refused) == 3:
        raise refused[0]


def zip_seeds() -> list[bytes]:
    photos, seeds = image_seeds()[:6], []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for number, photo in enumerate(photos):
                archive.writestr(f"faces/{'AdaBob'[number % 2 * 3 :][:3]}/{number}.jpg", photo)
            archive.writestr("faces/Ада/ü.png", photos[0])
            archive.comment = b"of a fuzz"
        seeds.append(file.getvalue())
    return seeds


def read_zip(path: Path) -> None:
    from kerasface.data.archives import unpack

    unpack(path.read_bytes(), path.with_name("unpacked"))
    outside = [file for file in path.parent.parent.glob("x")]
    assert not outside, "A name led out of the folder."


def onnx_seeds() -> list[bytes]:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    generator = np.random.default_rng(0)
    constants = {
        "mean": np.float32([127.5]), "filters": generator.normal(size=(6, 3, 3, 3)).astype(np.float32),
        "matrix": generator.normal(size=(8, 6)).astype(np.float32), "bias": np.zeros(8, np.float32),
        "slope": np.full((6, 1, 1), 0.2, np.float32), "gamma": np.ones(6, np.float32), "beta": np.zeros(6, np.float32),
    }  # fmt: skip
    seeds = []
    for middle in (
        [helper.make_node("Relu", ["x"], ["y"])],
        [helper.make_node("PRelu", ["x", "slope"], ["z"]),
         helper.make_node("BatchNormalization", ["z", "gamma", "beta", "beta", "gamma"], ["y"])],
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])],
    ):  # fmt: skip
        nodes = [
            helper.make_node("Sub", ["images", "mean"], ["centred"]),
            helper.make_node("Conv", ["centred", "filters"], ["x"], pads=[1, 1, 1, 1]),
            *middle,
            helper.make_node("GlobalAveragePool", ["y"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix", "bias"], ["vector"], transB=1),
        ]
        graph = helper.make_graph(
            nodes, "fuzz", [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ("N", 3, 18, 18))],
            [helper.make_tensor_value_info("vector", onnx.TensorProto.FLOAT, None)],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        seeds.append(model.SerializeToString())
    return seeds


def read_onnx(path: Path) -> None:
    from kerasface.models.onnx.input_form import InputForm
    from kerasface.models.onnx.network import build_network
    from kerasface.models.onnx.reading import read_bytes, read_graph

    graph = read_graph(read_bytes(path), "file")
    build_network(graph, InputForm(), mirrored=False)


def gallery_seeds() -> list[bytes]:
    """Galleries of eight and of two people; those of older versions cannot be made any more."""
    import numpy as np

    from kerasface.gallery.opening import open_gallery
    from kerasface.gallery.store import NewSample

    generator, seeds = np.random.default_rng(0), []
    for count in (8, 2):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CONFIG_HOME"] = folder
            path = Path(folder) / "g"
            with open_gallery(path, embedder="e", embedding_dim=16, key=b"k" * 32) as gallery, gallery.transaction():
                for number in range(count):
                    vector = generator.normal(size=16).astype(np.float32)
                    sample = NewSample(vector / np.linalg.norm(vector), f"{number}.jpg", f"{number}" * 64)
                    gallery.enroll(f"person {number}", [sample])
                gallery.refuse_match("0" * 64, (1, 2, 3, 4), "person 0")
            seeds.append(path.read_bytes())
    return seeds


def read_gallery(path: Path) -> None:
    from kerasface.gallery.opening import open_gallery

    os.environ["XDG_CONFIG_HOME"] = str(path.parent)
    with open_gallery(path, embedder="e", embedding_dim=16, key=b"k" * 32, create=False, timeout=1.0) as gallery:
        gallery.people(), gallery.templates(), gallery.refusals(), gallery.check(), gallery.history()


def _value_error() -> tuple[type[Exception], ...]:
    return (ValueError,)


def _image_errors() -> tuple[type[Exception], ...]:
    from kerasface.images.decoding import ImageError

    return (ImageError,)


def _run_errors() -> tuple[type[Exception], ...]:
    from kerasface.runs.records import RunError

    return (RunError,)


def _model_errors() -> tuple[type[Exception], ...]:
    from kerasface.models.pretrained import ModelFileError

    return (ModelFileError,)


def _gallery_errors() -> tuple[type[Exception], ...]:
    from kerasface.gallery.store import GalleryError

    return (GalleryError,)


KINDS = {
    "images": Kind(18_000, image_seeds, read_image, _image_errors),
    "cards": Kind(9_000, card_seeds, read_card, _run_errors, "text"),
    "recipes": Kind(8_000, recipe_seeds, read_recipe_file, _value_error, "text"),
    "tables": Kind(6_000, table_seeds, read_tables, _value_error, "text"),
    "zips": Kind(5_000, zip_seeds, read_zip, _value_error),
    "onnx": Kind(2_000, onnx_seeds, read_onnx, _model_errors),
    "galleries": Kind(2_000, gallery_seeds, read_gallery, _gallery_errors),
}

if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()

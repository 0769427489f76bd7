"""Is a gallery whole when the process that embeds it anew is killed, at whatever moment?

    python benchmarks/reembed_killed.py --samples 10000 --kills 40

A gallery of samples from a few photos is embedded anew with `reembed_gallery` by an embedder that costs next to
nothing, in a process that is killed (SIGKILL): every second one at a random moment of the whole work, the others while
the new templates are written. Then the gallery must open, pass its check, and hold all the old templates or all the new
ones; where it holds the new ones, taking it back must give the old ones. Every kill begins with the same gallery.
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import print_columns, print_header, print_row
from PIL import Image

from kerasface.faces.detection import Face
from kerasface.gallery.gallery import Gallery
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.tasks.reembedding import reembed_gallery

KEY = hashlib.sha256(b"only for this benchmark").digest()
PEOPLE, PHOTOS, SIDE = 20, 5, 24
OLD, NEW = ("old", 128), ("new", 192)  # fingerprints and dimensions
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Pixels:
    """An embedder of the pixels of a crop of 8 x 8, for which nothing has to be computed."""

    name: str = NEW[0]
    fingerprint: str = NEW[0]
    embedding_dim: int = NEW[1]

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        x, y = (int(value) for value in face.box[:2])
        return image[y : y + 8, x : x + 8]

    def embed(self, crops: np.ndarray) -> np.ndarray:
        values = crops.reshape(len(crops), -1).astype(np.float32)
        return values / np.linalg.norm(values, axis=1, keepdims=True)


def opened(path: Path) -> Gallery:
    return open_gallery(path, key=KEY)


def make_gallery(folder: Path, samples: int) -> Path:
    """A gallery with an old template for each place of a face on a few pictures."""
    rng, files = np.random.default_rng(0), []
    for number in range(PHOTOS):
        file = folder / f"{number}.png"
        Image.fromarray(rng.integers(1, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(file)
        files.append((str(file), hashlib.sha256(file.read_bytes()).hexdigest()))
    path = folder / "people.gallery"
    with open_gallery(path, embedder=OLD[0], embedding_dim=OLD[1], key=KEY) as gallery:
        for person in range(PEOPLE):
            enrolled = []
            for number in range(person, samples, PEOPLE):
                embedding = rng.normal(size=OLD[1]).astype(np.float32)
                place = [float(number % 16), float(number // 16 % 16), 8.0, 8.0]
                face = {"box": place, "landmarks": [[0.0, 0.0]] * 5}
                unit = embedding / np.linalg.norm(embedding)
                enrolled.append(NewSample(unit, *files[number % PHOTOS], face=face))
            gallery.enroll(f"person {person}", enrolled)
    return path


def content(gallery: Gallery) -> dict[int, bytes]:
    """The template of every sample, by its number."""
    people = [person.person_id for person in gallery.people()]
    return {
        sample.sample_id: embedding.tobytes()
        for person in people
        for sample, embedding in zip(gallery.samples(person), gallery.embeddings(person), strict=True)
    }


def reembed(path: Path, writing) -> None:
    """The work of the process that is killed; says when all is computed, and when it is done."""
    with opened(path) as gallery:
        reembed_gallery(
            gallery, Pixels(), on_progress=lambda done, total: writing.send("computed") if done == total else None
        )
    writing.send("done")
    os._exit(0)


def run(folder: Path, samples: int, kills: int, seed: int = 0) -> Counter:
    """Kills the work so often and returns how often which gallery was found."""
    whole = make_gallery(folder, samples)
    place = folder / "killed" / whole.name
    os.environ["XDG_CONFIG_HOME"] = str(place.parent)  # what this machine has seen of it goes with each copy
    with opened(whole) as gallery:
        before = content(gallery)
    counts = Counter(dict.fromkeys(("kills", "old", "new", "taken back", "neither", "problems"), 0))
    computing, writing, after = _undisturbed(whole, place)
    generator = random.Random(seed)
    for number in range(kills):
        _laid_out(whole, place)
        reader, sender = FORK.Pipe(duplex=False)
        process = FORK.Process(target=reembed, args=(place, sender))
        process.start()
        if number % 2:
            reader.recv()
            time.sleep(generator.uniform(0, 1.1 * writing))
        else:
            time.sleep(generator.uniform(0, 1.1 * (computing + writing)))
        process.kill()
        process.join()
        counts["kills"] += 1
        with opened(place) as gallery:
            counts["problems"] += len(gallery.check())
            found = content(gallery)
            which = {OLD[0]: ("old", before), NEW[0]: ("new", after)}[gallery.embedder]
            counts[which[0] if found == which[1] else "neither"] += 1
            if gallery.embedder == NEW[0]:
                gallery.undo_reembed()
                counts["taken back"] += content(gallery) == before
    return counts


def _undisturbed(whole: Path, place: Path) -> tuple[float, float, dict[int, bytes]]:
    """Seconds of computing and of writing where nobody kills, and what the gallery holds then."""
    _laid_out(whole, place)
    reader, sender = FORK.Pipe(duplex=False)
    process, started = FORK.Process(target=reembed, args=(place, sender)), time.monotonic()
    process.start()
    reader.recv()
    computed = time.monotonic()
    reader.recv()
    done = time.monotonic()
    process.join()
    with opened(place) as gallery:
        return computed - started, done - computed, content(gallery)


def _laid_out(whole: Path, place: Path) -> None:
    """A copy of the gallery as it was, and nothing beside it."""
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir()
    shutil.copy(whole, place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000, help="how many are embedded anew")
    parser.add_argument("--kills", type=int, default=40, help="how often it is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    arguments = parser.parse_args()
    print_header()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), arguments.samples, arguments.kills, arguments.seed)
    print_columns(*counts)
    print_row(*counts.values())
    print(f"\n{time.monotonic() - started:.0f} s.")
    if counts["neither"] or counts["problems"] or counts["taken back"] < counts["new"]:
        raise SystemExit("A gallery was neither the old one nor the new one, or the check found problems.")


if __name__ == "__main__":
    main()

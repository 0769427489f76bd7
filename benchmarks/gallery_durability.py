"""Does a gallery keep every acknowledged change when the processes that change it are killed again and again?

    python benchmarks/gallery_durability.py --kills 200

Two processes enrol, merge and delete persons in one gallery as fast as they can. Each writes what it is about to do,
and that it is done, to a log of its own, synced to disk after each line. At a random moment one of them is killed
(SIGKILL). Then, while the other one goes on, the gallery must pass its check and hold what the log says: all that was
acknowledged, and of what was going on at the kill either everything or nothing. The killed one is started anew.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np
from machine import print_columns, print_header, print_row

from kerasface.gallery.gallery import Gallery
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample

EMBEDDING_DIM = 128
WORKERS = 2
KEY = hashlib.sha256(b"only for this benchmark").digest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="how many processes are killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--gallery", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        work(arguments.folder, arguments.worker, arguments.gallery)
        return
    print_header()
    print_columns("kills", "acknowledged", "interrupted, done", "interrupted, undone", "lost", "half done", "problems")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), arguments.kills, arguments.seed)
    print_row(*counts.values())
    print(f"\n{time.monotonic() - started:.0f} s.")
    if counts["lost"] or counts["half done"] or counts["problems"]:
        raise SystemExit("Changes were lost or half done, or the check found problems.")


def run(folder: Path, kills: int, seed: int, place: str | None = None) -> Counter:
    """Kills workers in an empty folder and returns how often what was found.

    Args:
        folder: For logs, and for the gallery where no place is given.
        kills: How often.
        seed: Of the moments.
        place: Address of the gallery.
    """
    generator = random.Random(seed)
    place = place or str(folder / "gallery")
    counts = Counter(dict.fromkeys(("kills", "acknowledged", "done", "undone", "lost", "half done", "problems"), 0))
    open_as_worker(place).close()
    workers = [Worker(folder, number, place) for number in range(WORKERS)]
    try:
        for worker in workers:
            worker.start()
        for _ in range(kills):
            worker = generator.choice(workers)
            worker.kill_at_work(generator.uniform(0, 0.3))
            counts["kills"] += 1
            judge(place, [worker], counts)
            worker.start()
    finally:
        for worker in workers:
            worker.kill()
    return counts


def run_server_kills(folder: Path, kills: int, seed: int, place: str, server) -> Counter:
    """As `run`, but kills the server with all its processes while everybody works, and starts it anew."""
    generator = random.Random(seed)
    counts = Counter(dict.fromkeys(("kills", "acknowledged", "done", "undone", "lost", "half done", "problems"), 0))
    open_as_worker(place).close()
    workers = [Worker(folder, number, place) for number in range(WORKERS)]
    try:
        for _ in range(kills):
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.wait_until_at_work()
            time.sleep(generator.uniform(0, 0.3))
            server.kill()
            counts["kills"] += 1
            server.start()
            for worker in workers:  # those that did not end by the lost connection go on
                worker.kill()
            judge(place, workers, counts)
    finally:
        for worker in workers:
            worker.kill()
    return counts


def judge(place: str, workers: list["Worker"], counts: Counter) -> None:
    """Checks the gallery, and whether it holds what workers who were killed have been told."""
    with open_as_worker(place) as gallery:
        problems = gallery.check()
        print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
        counts["problems"] += len(problems)
        for worker in workers:
            counts.update(worker.judge(contents(gallery, worker.number)))


class Worker:
    """A process that changes the gallery, and what its log says that its part of the gallery must hold."""

    def __init__(self, folder: Path, number: int, place: str):
        self.folder, self.number, self.place = folder, number, place
        self.log = folder / f"log{number}.jsonl"
        self.log.touch()
        self.num_lines = 0  # of the log, judged so far
        self.expected: dict[str, set[str]] = {}  # name to sources of the samples
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts the process."""
        command = [sys.executable, __file__, "--worker", str(self.number), "--folder", str(self.folder)]
        command += ["--gallery", self.place]
        self.process = subprocess.Popen(command, cwd=Path(__file__).parent)

    def kill(self) -> None:
        """Kills the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def kill_at_work(self, seconds: float) -> None:
        """Kills the process `seconds` after it began to make changes."""
        self.wait_until_at_work()
        time.sleep(seconds)
        if self.process.poll() is not None:
            raise SystemExit(f"Worker {self.number} ended by itself: exit code {self.process.returncode}.")
        self.kill()

    def wait_until_at_work(self) -> None:
        """Waits until the process, which has just been started, has begun to make changes."""
        size = self.log.stat().st_size
        while self.log.stat().st_size == size and self.process.poll() is None:
            time.sleep(0.005)

    def judge(self, found: dict[str, set[str]]) -> Counter:
        """Compares what the gallery holds of this worker with what the log says, and goes on from what it holds."""
        changes = {change["number"]: change for change in read_log(self.log)[self.num_lines :]}
        self.num_lines += len(read_log(self.log)[self.num_lines :])
        interrupted = [change for change in changes.values() if not change["done"]]
        counts = Counter(acknowledged=len(changes) - len(interrupted))
        for change in changes.values():
            if change["done"]:
                apply(self.expected, self.number, change)
        made = {name: set(sources) for name, sources in self.expected.items()}
        for change in interrupted:  # one at most: the last
            apply(made, self.number, change)
        if interrupted:
            counts["done" if found == made else "undone"] += 1
        if found not in (made, self.expected):
            nearest = (
                made if len(found.keys() ^ made.keys()) < len(found.keys() ^ self.expected.keys()) else self.expected
            )
            counts["lost"] += len(found.keys() ^ nearest.keys())
            counts["half done"] += sum(found[name] != nearest[name] for name in found.keys() & nearest.keys())
        self.expected = found
        return counts


def work(folder: Path, worker: int, place: str) -> None:
    """Enrols, merges and deletes at random until it is killed."""
    path = folder / f"log{worker}.jsonl"
    number = max((change["number"] for change in read_log(path)), default=0)
    with open_as_worker(place) as gallery, path.open("ab", buffering=0) as log:
        names = list(contents(gallery, worker))
        while True:
            number += 1
            action = random.choice(["enroll", "enroll", "merge", "delete"]) if len(names) > 3 else "enroll"
            change = {"number": number, "action": action, "name": f"{worker}/{number}", "done": False}
            if action == "enroll":
                change["num_samples"] = random.randint(1, 5)
                names.append(change["name"])
            else:
                change["name"] = names.pop(random.randrange(len(names)))
                change["into"] = random.choice(names)
            append(log, change)
            carry_out(gallery, worker, change)
            append(log, change | {"done": True})


def carry_out(gallery: Gallery, worker: int, change: dict) -> None:
    """Makes a change in the gallery."""
    if change["action"] == "enroll":
        gallery.enroll(change["name"], [sample_of(source) for source in sources_of(worker, change)])
    elif change["action"] == "merge":
        gallery.merge(change["into"], change["name"])
    else:
        gallery.delete_person(change["name"])


def apply(state: dict[str, set[str]], worker: int, change: dict) -> None:
    """Makes a change in what a gallery is expected to hold."""
    if change["action"] == "enroll":
        state[change["name"]] = set(sources_of(worker, change))
    elif change["action"] == "merge":
        state[change["into"]] = state[change["into"]] | state.pop(change["name"])
    else:
        del state[change["name"]]


def contents(gallery: Gallery, worker: int) -> dict[str, set[str]]:
    """Returns name and sources of a worker's persons; a sample whose embedding is not its source's is left out."""
    found = {}
    with gallery.snapshot():
        for person in gallery.people():
            if person.name.startswith(f"{worker}/"):
                pairs = zip(gallery.samples(person.name), gallery.embeddings(person.name), strict=True)
                found[person.name] = {
                    sample.source
                    for sample, embedding in pairs
                    if (embedding == sample_of(sample.source).embedding).all()
                }
    return found


def sources_of(worker: int, change: dict) -> list[str]:
    """Returns the sources of the samples that a change enrols."""
    return [f"{worker}/{change['number']}/{index}" for index in range(change["num_samples"])]


def sample_of(source: str) -> NewSample:
    """Returns a sample that follows from its source alone."""
    digest = hashlib.sha256(source.encode())
    generator = np.random.default_rng(int.from_bytes(digest.digest()))
    embedding = generator.normal(size=EMBEDDING_DIM).astype(np.float32)
    return NewSample(embedding / np.linalg.norm(embedding), source, digest.hexdigest(), {"width": 90.0})


def open_as_worker(place: str) -> Gallery:
    """Opens the gallery under test."""
    return open_gallery(place, embedder="benchmark", embedding_dim=EMBEDDING_DIM, key=KEY)


def append(log: FileIO, line: dict) -> None:
    """Appends a line to a log and waits until it is on disk; one that a kill cut before it is ended."""
    log.write(b"\n" + json.dumps(line).encode() + b"\n")
    os.fsync(log.fileno())


def read_log(path: Path) -> list[dict]:
    """Returns the changes of a log in order, announced and done; a line that a kill cut does not count."""
    changes = []
    for line in path.read_bytes().split(b"\n"):
        with suppress(ValueError):
            changes.append(json.loads(line))
    return changes


if __name__ == "__main__":
    main()

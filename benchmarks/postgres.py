"""Does a gallery on PostgreSQL lose nothing, show everything to whoever follows, and show the server nobody?

    python benchmarks/postgres.py follow --enrolments 10000
    python benchmarks/postgres.py kills --kills 300 --server-kills 50
    python benchmarks/postgres.py large --templates 1000000
    python benchmarks/postgres.py secrets

Starts a server of its own in a temporary folder, with the settings that it comes with. `follow`: writers enrol, each
in a process of its own, while others follow; a template is searchable once it is in the index of a follower. `kills`:
`gallery_durability.py` on the server, whose workers are killed, and then the server itself with all its processes.
`large`: how long it takes to open many templates, and whether they are those of a file. `secrets`: the bytes of names,
paths and templates in a dump, the files, the write-ahead log and a log of all statements.
"""

import argparse
import hashlib
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import gallery_durability as durability
import numpy as np
from gallery_durability import EMBEDDING_DIM, KEY, sample_of
from machine import print_columns, print_header, print_row
from postgres_server import Server, programs

from kerasface.gallery.gallery import Gallery
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.search import SearchIndex
from kerasface.gallery.store import NewSample

SAMPLES_EACH = 10  # of a person
SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("follow", "kills", "large", "secrets"))
    parser.add_argument("--enrolments", type=int, default=10_000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--followers", type=int, default=3)
    parser.add_argument("--rate", type=float, help="enrolments a second of all writers together; as fast as they can")
    parser.add_argument("--kills", type=int, default=300, help="of processes that change the gallery")
    parser.add_argument("--server-kills", type=int, default=50)
    parser.add_argument("--templates", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print_header()
    print(subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True).stdout.strip())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        settings = {"log_statement": "all"} if arguments.what == "secrets" else {}
        server = Server(**settings)
        try:
            server.start()
            globals()[arguments.what](server, Path(folder), arguments)
        finally:
            server.remove()


def open_at(place: str | Path) -> Gallery:
    """Opens the gallery under test."""
    return open_gallery(place, embedder="benchmark", embedding_dim=EMBEDDING_DIM, key=KEY)


def follow(server: Server, folder: Path, arguments: argparse.Namespace) -> None:
    """Writers and followers at once; every enrolment must reach every follower."""
    place, each = server.address(), arguments.enrolments // arguments.writers
    open_at(place).close()
    results, begin = SPAWN.Queue(), SPAWN.Event()
    following = [
        SPAWN.Process(target=_follow, args=(place, each * arguments.writers, results, begin))
        for _ in range(arguments.followers)
    ]
    rate = arguments.rate and arguments.rate / arguments.writers
    writing = [
        SPAWN.Process(target=_write, args=(place, writer, each, rate, results, begin))
        for writer in range(arguments.writers)
    ]
    for process in (*following, *writing):
        process.start()
    for _ in (*following, *writing):
        results.get()
    started = time.monotonic()
    begin.set()
    committed, seen = {}, []
    for _ in (*following, *writing):
        kind, times = results.get()
        if kind == "committed":
            committed.update(times)
            ended = time.monotonic()
        else:
            seen.append(times)
    for process in (*following, *writing):
        process.join()
    with open_at(place) as gallery:
        templates, problems = gallery.templates(), gallery.check()
    kept = {digest_of(embedding) for embedding in templates.embeddings}
    delays = np.array([times[key] - at for times in seen for key, at in committed.items() if key in times])
    print_columns("enrolments", "a second", "lost", "unseen", "searchable p50", "p95", "p99", "most", "problems")
    print_row(
        len(committed), f"{len(committed) / (ended - started):.0f}", len(committed.keys() - kept),
        sum(len(committed.keys() - times.keys()) for times in seen),
        *(f"{1000 * np.quantile(delays, part):.0f} ms" for part in (0.5, 0.95, 0.99, 1)), len(problems),
    )  # fmt: skip


def digest_of(embedding: np.ndarray) -> bytes:
    return hashlib.blake2b(embedding.tobytes(), digest_size=8).digest()


def _write(place: str, writer: int, count: int, rate: float | None, results, begin) -> None:
    times = {}
    with open_at(place) as gallery:
        results.put("ready")
        begin.wait()
        started = time.monotonic()
        for number in range(count):
            if rate:
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
            sample = sample_of(f"{writer}/{number}")
            gallery.enroll(f"{writer}/{number // SAMPLES_EACH}", [sample])
            times[digest_of(sample.embedding)] = time.monotonic()
    results.put(("committed", times))


def _follow(place: str, count: int, results, begin) -> None:
    times, index = {}, SearchIndex(EMBEDDING_DIM)
    with open_at(place) as gallery:
        results.put("ready")
        begin.wait()
        version = 0
        with gallery.following() as wait:
            while len(times) < count and wait(version, 120.0):
                changed = gallery.templates(version)
                index.remove(np.concatenate([changed.removed, changed.sample_ids]))
                index.add(changed.embeddings, changed.sample_ids, changed.person_ids)
                now = time.monotonic()
                for embedding in changed.embeddings:
                    times.setdefault(digest_of(embedding), now)
                version = changed.version
    results.put(("seen", times))


def kills(server: Server, folder: Path, arguments: argparse.Namespace) -> None:
    """Kills whoever changes the gallery, and then the server."""
    place = server.address()
    print_columns("killed", "times", "acknowledged", "interrupted, done", "undone", "lost", "half done", "problems")
    for name, times in (("writers", arguments.kills), ("server", arguments.server_kills)):
        part = folder / name
        part.mkdir()
        place = server.address(name)
        if name == "writers":
            counts = durability.run(part, times, seed=0, place=place)
        else:
            counts = durability.run_server_kills(part, times, 0, place, server)
        print_row(name, *counts.values())
        if counts["lost"] or counts["half done"] or counts["problems"]:
            raise SystemExit("Changes were lost or half done, or the check found problems.")


def large(server: Server, folder: Path, arguments: argparse.Namespace) -> None:
    """The same templates in a file and on the server: opened, and searched."""
    generator = np.random.default_rng(0)
    places = {"SQLite": folder / "gallery", "PostgreSQL": server.address()}
    for place in places.values():
        generator = np.random.default_rng(0)
        with open_at(place) as gallery:
            started = time.monotonic()
            fill(gallery, arguments.templates, generator)
            print(f"{str(place).partition(':')[0]}: filled in {time.monotonic() - started:.0f} s")
    print_columns("kept by", "templates", "opened in", "processor time of the client", "search, median of 20")
    found, probes = {}, unit(generator.normal(size=(20, EMBEDDING_DIM)))
    for name, place in places.items():
        started, worked = time.monotonic(), time.process_time()
        with open_at(place) as gallery:
            templates = gallery.templates()
        took, worked = time.monotonic() - started, time.process_time() - worked
        order = np.argsort(templates.sample_ids)
        found[name] = [templates.embeddings[order], templates.sample_ids[order]]
        index = SearchIndex.from_templates(templates.embeddings.copy(), templates.sample_ids, templates.person_ids)
        times, answers = [], []
        for probe in probes:
            started = time.monotonic()
            answers.append([(one.sample_id, one.score) for one in index.search(probe[None])[0]])
            times.append(time.monotonic() - started)
        found[name].append(answers)
        print_row(name, len(order), f"{took:.1f} s", f"{worked:.1f} s", f"{1000 * np.median(times):.1f} ms")
    first, second = found.values()
    same = all(np.array_equal(*pair) for pair in zip(first[:2], second[:2], strict=True))
    print(f"The same templates, bit for bit: {same}; the same answers: {first[2] == second[2]}")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def fill(gallery: Gallery, count: int, generator: np.random.Generator) -> None:
    """Enrols made-up people with 10 samples each, a thousand people in a transaction."""
    for first in range(0, count // SAMPLES_EACH, 1000):
        with gallery.transaction():
            for person in range(first, min(first + 1000, count // SAMPLES_EACH)):
                embeddings = unit(generator.normal(size=(SAMPLES_EACH, EMBEDDING_DIM)))
                sources = [f"{person}/{number}" for number in range(SAMPLES_EACH)]
                hashes = [hashlib.sha256(source.encode()).hexdigest() for source in sources]
                gallery.enroll(f"person {person}", list(map(NewSample, embeddings, sources, hashes)))


def secrets(server: Server, folder: Path, arguments: argparse.Namespace) -> None:
    """Looks for what nobody may see in everything that the server keeps, with a log of all statements."""
    place, wanted = server.address(), []
    with open_at(place) as gallery:
        for person in range(100):
            name, sources = f"Secret Name {person:03d}", [f"/photos/secret path {person:03d}/{n}.jpg" for n in range(3)]
            samples = [sample_of(source) for source in sources]
            gallery.enroll(name, samples)
            gallery.person(name)
            gallery.refuse_match(samples[0].source_hash, (1, 2, 3, 4), name)
            gallery.seen.add({samples[0].source_hash: {"path": sources[0]}}, "benchmark")
            wanted += [name.encode(), *(source.encode() for source in sources)]
            wanted += [part for one in samples for part in (one.embedding.tobytes(), one.source_hash.encode())]
        gallery.merge("Secret Name 000", "Secret Name 001")
        gallery.delete_person("Secret Name 002")
        gallery.templates()
    dump = subprocess.run(
        [programs() / "pg_dump", "-h", server.folder, "-U", "postgres", "postgres"], capture_output=True, check=True
    ).stdout
    server.execute("CHECKPOINT")
    files = [file for file in server.data.rglob("*") if file.is_file()]
    parts = {
        "dump": dump,
        "tables and indexes": _content(file for file in files if "base" in file.parts),
        "write-ahead log": _content(file for file in files if "pg_wal" in file.parts),
        "log of statements": server.log.read_bytes(),
    }
    wanted += [part.hex().encode() for part in wanted]
    print_columns("what", "bytes", "looked for", "found")
    for name, content in parts.items():
        print_row(name, f"{len(content):,}", len(wanted), sum(part in content for part in wanted))


def _content(files: Iterable[Path]) -> bytes:
    return b"".join(file.read_bytes() for file in files)


if __name__ == "__main__":
    main()

"""How often does the face unlock open for whom it should, and for photos, screens and strangers?

    python benchmarks/unlock.py --data ../shared/data --seed 2

All videos are made of photos (`unlock_videos.py`); whoever acts in them reads the instructions, as an attacker would:

- genuine: a head that turns as asked, after 0.25 to 0.5 s to react. Three photos of another sitting are enrolled, ahead
  and 30 degrees to either side.
- still: a photo that does not move, half of them of FASSEG, half of LFW.
- moved print: turned, tilted and shifted as asked, flat or bent up to 2.5 radians (around a bottle), glare and blur.
- rolled print: the same, bent 2 to 3 radians, which seems to turn most.
- replay of another challenge: a screen that shows a head turn in another order.
- stranger: a head that turns as asked, of somebody else than who is enrolled.
- replay of this challenge: the same order by luck, in its own time. No part of the promise: it is what gets through.

With `--frontal` genuine users, strangers and replays have the faces of FASSEG's frontal pictures, none of whom was seen
before; their heads turn as those of the seven persons do, and the one photo of each is enrolled.

Persons 2, 4 and 6 of FASSEG and every second person of LFW were tuned on; none of them is in a video here. The genuine
videos come from four persons in two sittings each, so their interval is that of videos, not of persons.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row, timed
from scipy.stats import binomtest
from unlock_videos import FRAME_RATE, BorrowedTurn, Head, Maker, print_moved, replay, script_of, still, turning

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import central_face
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.images.decoding import decode
from kerasface.unlock.challenge import Challenge, draw_challenge
from kerasface.unlock.identity import EnrolledPeople, IdentityTrack
from kerasface.unlock.liveness import MIN_WIDTH
from kerasface.unlock.machine import UnlockMachine
from kerasface.unlock.session import TIMEOUT, FrameReader, unlock_analyzer
from kerasface.unlock.states import State, Status

PERSONS = (1, 3, 5, 7)  # of FASSEG
ENROLLED_ANGLES = (-30, 0, 30)
BENDS = (0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5)  # radians
ROLLED = (2.0, 2.5, 3.0)
ENROLLED_PHOTOS = 3  # of LFW


@dataclass(frozen=True, eq=False)
class Attempt:
    """How one video ended.

    Attributes:
        status: The last status.
        seconds: Of video, from its first frame to the end.
        passed: Whether challenge and identity alone would have unlocked.
        width: The sign of a head that turns.
        frame_seconds: What each frame took to read and judge.
    """

    status: Status
    seconds: float
    passed: bool
    width: float
    frame_seconds: list[float]

    @property
    def is_accepted(self) -> bool:
        return self.status.state == State.UNLOCKED


class Stage:
    """Makes the videos of each species, from persons that nothing was tuned on."""

    def __init__(self, data: Path, analyzer: FaceAnalyzer):
        self._fasseg, self._analyzer = data / "fasseg" / "train", analyzer
        people = [sorted(folder.glob("*.jpg")) for folder in sorted((lfw_folder(data) / "images").iterdir())[1::2]]
        self._people = [photos for photos in people if len(photos) > ENROLLED_PHOTOS]
        self.head = cache(lambda person, sitting: Head(self._fasseg, person, sitting, analyzer.detector))

    def genuine(self, number: int, challenge: Challenge, generator: np.random.Generator):
        person, sitting = self._cast(number)
        return self._enrolled(person, 3 - sitting), turning(self.head(person, sitting), generator)

    def still(self, number: int, challenge: Challenge, generator: np.random.Generator):
        people, photo = self._photo(number, generator)
        return people, still(photo, generator)

    def moved_print(self, number: int, challenge: Challenge, generator: np.random.Generator):
        people, photo = self._photo(number, generator)
        return people, print_moved(photo, generator, bend=BENDS[number % len(BENDS)])

    def rolled_print(self, number: int, challenge: Challenge, generator: np.random.Generator):
        people, photo = self._photo(number, generator)
        return people, print_moved(photo, generator, bend=ROLLED[number % len(ROLLED)])

    def stranger(self, number: int, challenge: Challenge, generator: np.random.Generator):
        person, sitting = self._cast(number)
        other = PERSONS[(PERSONS.index(person) + 1 + number // 8 % 3) % len(PERSONS)]
        return self._enrolled(other, 1 + number % 2), turning(self.head(person, sitting), generator)

    def replay_other(self, number: int, challenge: Challenge, generator: np.random.Generator):
        other = challenge
        while _agrees(other, challenge):
            other = _drawn(generator)
        return self._replay(number, other, generator)

    def replay_this(self, number: int, challenge: Challenge, generator: np.random.Generator):
        return self._replay(number, challenge, generator)

    def _replay(self, number: int, shown: Challenge, generator: np.random.Generator):
        person, sitting = self._cast(number)
        video = turning(self.head(person, sitting), generator, script=script_of(shown, generator), webcam=False)
        return self._enrolled(person, 3 - sitting), replay(video, generator)

    def _cast(self, number: int) -> tuple[int, int]:
        return PERSONS[number % len(PERSONS)], 1 + number // len(PERSONS) % 2

    @cache  # noqa: B019 (there is one stage)
    def _enrolled(self, person: int, sitting: int) -> EnrolledPeople:
        return self._people_of([self.head(person, sitting).photos[angle] for angle in ENROLLED_ANGLES])

    def _people_of(self, photos: list[np.ndarray]) -> EnrolledPeople:
        found = self._analyzer.analyze(photos, pick=central_face)
        templates = np.stack([faces[0].embedding for faces in found])
        return EnrolledPeople({"1": "1"}, ("1",) * len(photos), templates, self._analyzer.embedder.fingerprint)

    def _photo(self, number: int, generator: np.random.Generator) -> tuple[EnrolledPeople, np.ndarray]:
        """Somebody enrolled, and another photo of that person, alike enough to be worth a try."""
        if number % 2:
            person, sitting = self._cast(number // 2)
            return self._enrolled(person, 3 - sitting), self.head(person, sitting).photos[0]
        while True:
            files = self._people[generator.integers(len(self._people))][: ENROLLED_PHOTOS + 1]
            photos = [decode(file) for file in files]
            found = self._analyzer.analyze(photos, pick=central_face)
            if not all(found):
                continue
            people = self._people_of(photos[:-1])
            scores = normalizer_of(people.embedder).scores(found[-1][0].embedding[None], people.templates)
            if scores.max() >= IdentityTrack(people).point.threshold:
                return people, photos[-1]


class FrontalStage(Stage):
    """The same with faces of which there is one photo."""

    def __init__(self, data: Path, analyzer: FaceAnalyzer):
        super().__init__(data, analyzer)
        self._lenders = [(person, sitting) for sitting in (1, 2) for person in range(1, 8)]
        # Some of those in `train` are here again.
        self._faces = sorted(path.stem for path in (data / "fasseg" / "validation" / "images").glob("*.jpg"))
        self._frontal = data / "fasseg" / "validation"

    def genuine(self, number: int, challenge: Challenge, generator: np.random.Generator):
        head = self._borrowed(number)
        return self._people_of([head.photos[0]]), turning(head, generator)

    def stranger(self, number: int, challenge: Challenge, generator: np.random.Generator):
        other = self._borrowed(number + 1 + number // len(self._faces))
        return self._people_of([other.photos[0]]), turning(self._borrowed(number), generator)

    def _replay(self, number: int, shown: Challenge, generator: np.random.Generator):
        head = self._borrowed(number)
        video = turning(head, generator, script=script_of(shown, generator), webcam=False)
        return self._people_of([head.photos[0]]), replay(video, generator)

    def _borrowed(self, number: int) -> BorrowedTurn:
        lender = self.head(*self._lenders[number % len(self._lenders)])
        face = self._faces[number % len(self._faces)]
        return BorrowedTurn(self._frontal, face, lender, self._analyzer.detector)


def _agrees(first: Challenge, second: Challenge) -> bool:
    """Whether one is the beginning of the other: then it is no other answer."""
    return all(a.pose == b.pose for a, b in zip(first.steps, second.steps, strict=False))


def _drawn(generator: np.random.Generator) -> Challenge:
    return draw_challenge(random.Random(int(generator.integers(2**31))))


def play(people: EnrolledPeople, maker: Maker, challenge: Challenge, reader: FrameReader) -> Attempt:
    """Shows a video to the unlock, frame by frame, and each status to the video."""
    identity = IdentityTrack(people)
    machine = UnlockMachine(identity, challenge, timeout=TIMEOUT)
    frame_seconds, number = [], 0
    while not machine.status.state.is_final:
        now = number / FRAME_RATE
        frame = maker(now, machine.status if number else None)
        took, _ = timed(lambda frame=frame, now=now: machine.observe(reader.read(frame, now)[0]))
        frame_seconds.append(took)
        number += 1
    is_judged = machine.status.cause in (None, "flat")
    passed = is_judged and identity.verdict() is not None
    width = machine.width.ratio if machine.width else 1.0
    return Attempt(machine.status, now, passed, width, frame_seconds)


def attempts(make: Callable, count: int, seed: tuple[int, int], reader: FrameReader) -> Iterator[Attempt]:
    for number in range(count):
        generator = np.random.default_rng([*seed, number])
        challenge = _drawn(generator)
        people, maker = make(number, challenge, generator)
        yield play(people, maker, challenge, reader)


def share(count: int, total: int) -> str:
    """A share with its exact 95 % interval; where nothing was counted, the one-sided bound."""
    if count == 0:
        return f"0 of {total}: up to {1 - 0.05 ** (1 / total):.1%}"
    low, high = binomtest(count, total).proportion_ci(method="exact")
    return f"{count} of {total}: {count / total:.1%} ({low:.1%} to {high:.1%})"


def print_sign(results: dict[str, list[Attempt]]) -> None:
    """Prints how many challenge and identity alone would let in, and how many are left with the passive sign."""
    columns = ("least", "median", "most")
    print_columns("passive sign: a head narrows", "accepted without", f"with (>= {MIN_WIDTH})", *columns)
    for name, found in results.items():
        widths = [attempt.width for attempt in found if attempt.passed]
        values = (min(widths), median(widths), max(widths)) if widths else ()
        cells = [f"{value:.2f}" for value in values] or ["-"] * len(columns)
        print_row(name, len(widths), sum(width >= MIN_WIDTH for width in widths), *cells)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--videos", type=int, default=50, help="videos of each species")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn: challenges, times, rooms, webcams")
    parser.add_argument("--frontal", action="store_true", help="faces of the frontal pictures")
    arguments = parser.parse_args()
    if not (arguments.data / "fasseg" / "train" / "images").is_dir():
        raise SystemExit(f"{arguments.data / 'fasseg'} does not exist. Give the folder that holds it: --data FOLDER.")
    print_header()
    analyzer = unlock_analyzer()
    stage = (FrontalStage if arguments.frontal else Stage)(arguments.data, analyzer)
    reader = FrameReader(analyzer)
    species = {
        "genuine": stage.genuine,
        "still": stage.still,
        "moved print": stage.moved_print,
        "rolled print": stage.rolled_print,
        "replay of another challenge": stage.replay_other,
        "stranger": stage.stranger,
        "replay of this challenge": stage.replay_this,
    }
    if arguments.frontal:  # these have photos of LFW's people and of the four persons
        species = {name: make for name, make in species.items() if "print" not in name and name != "still"}
    results: dict[str, list[Attempt]] = {}
    print()
    print_columns("species", "accepted (95 % interval)", "refused because")
    for kind, (name, make) in enumerate(species.items()):
        results[name] = list(attempts(make, arguments.videos, (arguments.seed, kind), reader))
        causes = Counter(attempt.status.cause for attempt in results[name] if not attempt.is_accepted)
        accepted = sum(attempt.is_accepted for attempt in results[name])
        print_row(
            name, share(accepted, arguments.videos), ", ".join(f"{cause} {n}" for cause, n in causes.most_common())
        )
    seconds = [attempt.seconds for attempt in results["genuine"] if attempt.is_accepted]
    took = [frame for attempt in results["genuine"] for frame in attempt.frame_seconds[1:]]
    print(
        f"\nGenuine, seconds of video from the first frame to unlocked: median {median(seconds):.2f}, "
        f"9 of 10 within {np.percentile(seconds, 90):.2f}"
    )
    print(
        f"Frame loop at 640 x 480: median {1000 * median(took):.1f} ms, 95 % within "
        f"{1000 * np.percentile(took, 95):.1f} ms: {1 / median(took):.0f} frames/s\n"
    )
    print_sign(results)


if __name__ == "__main__":
    main()

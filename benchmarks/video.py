"""A video of 60 s made from photos of two people: how long `identify` takes, and whom it names.

    python benchmarks/video.py --data ../shared/data --film film.mp4 --gallery film.gallery

Of each four photos of LFW follow one another, moved and zoomed over a background, at 720p and 25 frames a second: of
one person from 0 to 40 s, of the other from 15 to 60 s. Both are enrolled with two other photos each, and so are 38
others. Processor time is that of all threads, of the looking and deciding alone.
"""

import time
from pathlib import Path

import cv2
import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.cache.embeddings import image_files
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.gallery.opening import open_gallery
from kerasface.images.decoding import decode
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, SourcePhoto
from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting.answers import decide_all
from kerasface.tasks.sorting.looking import look_at_photos

PEOPLE, ENROLLED = 40, 2
SECONDS, RATE, SIZE = 60, 25, (1280, 720)
SHOWN = ((0, 40), (15, 60))  # seconds in which each of the two is to be seen
PHOTOS = 4  # of each, one after the other
_FADE = 0.5  # seconds


def people_of(folder: Path) -> dict[str, list[Path]]:
    """The people with the most photos, and these."""
    of = {}
    for path in image_files(folder):
        of.setdefault(path.parent.name, []).append(path)
    return {name: of[name] for name in sorted(of, key=lambda name: (-len(of[name]), name))[:PEOPLE]}


def make_film(path: Path, photos: list[list[np.ndarray]]) -> None:
    """Writes the video: each person's photos fade into one another while they move and grow."""
    width, height = SIZE
    rows, columns = np.mgrid[:height, :width]
    background = np.stack([rows // 5, columns // 9, 90 + (rows + columns) // 40], axis=-1).astype(np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    for number in range(SECONDS * RATE):
        now, frame = number / RATE, background.copy()
        for person, (start, end) in enumerate(SHOWN):
            if start <= now < end:
                part = (now - start) / (end - start) * PHOTOS
                index, rest = int(part), (part - int(part)) * (end - start) / PHOTOS
                shown = photos[person][index].astype(np.float32)
                if index and rest < _FADE:
                    shown = (photos[person][index - 1] * (1 - rest / _FADE)) + shown * (rest / _FADE)
                side = int(300 + 60 * np.sin(now / 3 + person))
                x = int(60 + person * 640 + 100 * (1 + np.sin(now / 2.3 + person)))
                y = int(40 + 140 * (1 + np.cos(now / 3.1 + person)))
                frame[y : y + side, x : x + side] = cv2.resize(shown.astype(np.uint8), (side, side))
        writer.write(frame[..., ::-1])
    writer.release()


def main() -> None:
    """Makes the video where it is not there, enrolls, and looks."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--film", type=Path, required=True, help="The video, made if missing.")
    parser.add_argument("--gallery", type=Path, required=True, help="A gallery to make.")
    args = parser.parse_args()
    people, analyzer = people_of(lfw_folder(args.data) / "images"), FaceAnalyzer()
    actors = list(people)[:2]
    if not args.film.exists():
        make_film(args.film, [[decode(path) for path in people[name][ENROLLED : ENROLLED + PHOTOS]] for name in actors])
    print_header()
    own = analyzer.embedder
    with open_gallery(args.gallery, embedder=own.fingerprint, embedding_dim=own.embedding_dim) as gallery:
        enroller = Enroller(Identifier(gallery, fpir=CONFLICT_FPIR))
        for name, photos in people.items():
            (looks,) = look_at_photos(photos[:ENROLLED], analyzer)
            enroller.enroll(
                name, [SourcePhoto(str(look.path), look.source_hash, look.faces[:1], face=1) for look in looks]
            )
        identifier = Identifier(gallery)
        begun, busy = time.perf_counter(), time.process_time()
        looks = [look for batch in look_at_photos([args.film], analyzer) for look in batch]
        (answer,) = decide_all(identifier, looks)
        seconds, processor = time.perf_counter() - begun, time.process_time() - busy
    print(f"\n{SECONDS} s of video, on it {' and '.join(actors)}: {seconds:.1f} s, processor time {processor:.1f} s")
    print(*answer.look.notes, sep="\n")
    print_columns("face", "from", "to", "decision", "name", "normalized score", "threshold")
    for number, (face, (start, end)) in enumerate(zip(answer.faces, answer.look.times, strict=True), start=1):
        score = f"{face.normalized_score:.2f}", f"{face.threshold:.2f}"
        print_row(number, f"{start:.1f}", f"{end:.1f}", face.decision, face.name or "", *score)


if __name__ == "__main__":
    main()

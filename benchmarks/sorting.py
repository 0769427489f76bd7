"""Photos of 40 people among 3,514 strangers: how long sorting takes, and what 50 answers about doubtful faces bring.

    python benchmarks/sorting.py --data ../shared/data --gallery sorting.gallery

All photos of LFW are looked at and remembered beside the gallery; where they are already, only decided anew. Of the
40 people with the most photos three are enrolled, past the gate; the rest is to be found. A user is played who knows
everybody and answers the most doubtful question each time, 50 times. Counted are the faces nearest the middle of each
photo, whose names LFW tells; others are reported as named beside them.
"""

import time
from pathlib import Path

import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.cache.embeddings import image_files
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.gallery.opening import open_gallery
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, SourcePhoto
from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting.answers import Answer, without_doubtful_names
from kerasface.tasks.sorting.doubts import confirm, deny, find_doubts
from kerasface.tasks.sorting.looking import LookedAt, look_at_photos

PEOPLE, ENROLLED, ANSWERS = 40, 3, 50
FPIRS = (0.01, 0.003)
_MIDDLE = 125  # pixels: photos are 250 x 250
_NEAR = 2.5  # of normalized score below the threshold: what is further off is not decided anew after each answer


def middle_face(look: LookedAt) -> int:
    """Number of the face nearest the middle of a photo, whose name LFW tells; -1 without a face."""
    boxes = np.array([entry.face.box for entry in look.faces]).reshape(-1, 4)
    off = np.abs(boxes[:, :2] + boxes[:, 2:] / 2 - _MIDDLE).sum(axis=1)
    return int(off.argmin()) if len(off) else -1


def whose(look: LookedAt) -> str:
    return look.path.parent.name


def enroll_first(looks: list[LookedAt], enroller: Enroller) -> set[str]:
    """Enrols the first photos of the people with the most; returns the names."""
    of = {}
    for look in looks:
        of.setdefault(whose(look), []).append(look)
    names = sorted(of, key=lambda name: (-len(of[name]), name))[:PEOPLE]
    for name in names:
        taken = 0
        for look in of[name]:
            if look.faces and taken < ENROLLED:
                face = look.faces[middle_face(look)]
                (result,) = enroller.enroll(name, [SourcePhoto(str(look.path), look.source_hash, [face], face=1)])
                taken += result.refused in (None, "duplicate")  # of an earlier run
    return set(names)


def decided(identifier: Identifier, looks: list[LookedAt]) -> list:
    return identifier.decide([look.faces for look in looks], source_hashes=[look.source_hash for look in looks])


def print_state(answers: int | str, yes: int, looks: list[LookedAt], rows: list, names: set[str], fpir: float) -> None:
    """How many photos of the people are found, and how many names are right."""
    right = wrong = beside = 0
    for look, faces in zip(looks, rows, strict=True):
        for number, face in enumerate(faces):
            if face.name and number != middle_face(look):
                beside += 1
            elif face.name:
                right, wrong = right + (face.name == whose(look)), wrong + (face.name != whose(look))
    total = sum(whose(look) in names for look in looks)
    print_row(fpir, answers, yes, f"{right / total:.1%}", f"{right / (right + wrong):.1%}", wrong, beside)


def answer_doubts(identifier: Identifier, enroller: Enroller, looks: list[LookedAt], names: set[str]) -> None:
    """Plays the user."""
    rows, passed, yes = decided(identifier, looks), set(), 0
    print_state(0, 0, looks, rows, names, identifier.fpir)
    near = [
        look
        for look, faces in zip(looks, rows, strict=True)
        if any(face.threshold and face.normalized_score > face.threshold - _NEAR for face in faces)
    ]
    for _ in range(ANSWERS):
        doubt = find_doubts(near, decided(identifier, near), passed)[0]
        passed.add(doubt.key)
        if doubt.number == middle_face(doubt.look) and doubt.face.most_alike == whose(doubt.look):
            yes += 1
            confirm(doubt, enroller)
        else:
            deny(doubt, enroller.gallery)
    rows = decided(identifier, looks)
    print_state(ANSWERS, yes, looks, rows, names, identifier.fpir)
    sure = without_doubtful_names([Answer(look, faces) for look, faces in zip(looks, rows, strict=True)])
    print_state(f"{ANSWERS}, doubtful names left out", yes, looks, [one.faces for one in sure], names, identifier.fpir)


def main() -> None:
    """Looks at the photos, then answers."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--gallery", type=Path, required=True, help="A gallery to make; changed, but for nothing else.")
    parser.add_argument("--fpir", type=float, default=FPIRS[1], help="Rate of strangers who may be taken for somebody.")
    args = parser.parse_args()
    photos, analyzer = image_files(lfw_folder(args.data) / "images"), FaceAnalyzer()
    print_header()
    own = analyzer.embedder
    with open_gallery(args.gallery, embedder=own.fingerprint, embedding_dim=own.embedding_dim) as gallery:
        known, started = gallery.seen.count(), time.perf_counter()
        looks = [look for batch in look_at_photos(photos, analyzer, gallery.seen) for look in batch]
        print(
            f"\n{len(looks):,} photos, {known:,} of them remembered: looked at in {time.perf_counter() - started:.1f} s"
        )
        enroller = Enroller(Identifier(gallery, fpir=CONFLICT_FPIR))
        names = enroll_first(looks, enroller)
        identifier, started = Identifier(gallery, fpir=args.fpir), time.perf_counter()
        decided(identifier, looks)
        print(f"decided on all of them in {time.perf_counter() - started:.1f} s\n")
        enrolled = {sample.source_hash for person in gallery.people() for sample in gallery.samples(person.person_id)}
        others = [look for look in looks if look.source_hash not in enrolled and look.faces]
        print_columns("FPIR", "answers", "of them yes", "photos found", "names that are right", "wrong", "named beside")
        answer_doubts(identifier, enroller, others, names)


if __name__ == "__main__":
    main()

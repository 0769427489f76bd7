"""Measures the default thresholds of face classifiers: writes kerasface/faces/rates/classifier_points.json.

A classifier of faces that was trained without strangers has none to measure on. Many classifiers are drawn from the
people of LFW: so many people, each known by the mean direction of so many photos. Everybody else comes as a stranger,
with one photo, and further photos of those known come as known. The threshold is that at which 0.3 % of every second
stranger reach somebody's direction; the rate is measured on the others. Wilson's interval counts every stranger once.

Rates do not travel to photos that were taken otherwise: the same is done with the Georgia Tech database, whose people
sat at the same place in the same light, and the share of its strangers that is accepted at LFW's threshold is noted.

    python benchmarks/classifier_points.py --data ../shared/data --date 2026-11-28
"""

import argparse
import json
from pathlib import Path

import numpy as np
from lfw import lfw_folder

from kerasface.data.cache.crops import crop_faces
from kerasface.evaluation.verification import wilson_interval
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import FaceDetector
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.files.paths import default_cache_folder
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.runtime import compile_network
from kerasface.train.engine.frozen import class_directions

OUT = Path(__file__).resolve().parent.parent / "kerasface" / "faces" / "rates" / "classifier_points.json"
FALSE_ACCEPT = 0.003
SIZES = (2, 3, 5, 8, 12, 20, 50, 100, 200, 400)
PHOTOS = (1, 2, 4, 8)
LEAST_CLASSIFIERS, PEOPLE_DRAWN = 40, 800  # for each number of people and of photos
BLOCK = 256


def embedded(folder: Path, cache: Path) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Embeddings of all photos under `folder`, by number of views, and the person of each."""
    paths = sorted(folder.glob("*/*.jpg"))
    crops = crop_faces(paths, FaceDetector(), FACE_RESNET_CROP, cache)
    images = crops.store.array(crops.keys)
    embeddings = {}
    for views in (1, 2):
        network = compile_network(build_face_resnet(views=views), precision="float32")
        starts = range(0, len(images), BLOCK)
        embeddings[views] = np.concatenate([network(np.asarray(images[start : start + BLOCK]))[0] for start in starts])
    names = [paths[position].parent.name for position in crops.positions]
    return embeddings, np.unique(names, return_inverse=True)[1]


def draw(embeddings: np.ndarray, people: np.ndarray, size: int, photos: int, rng: np.random.Generator):
    """For one classifier scores of strangers, their numbers, scores of known people, who got their name; or `None`."""
    usable = np.flatnonzero(np.bincount(people) > photos)
    strangers = np.flatnonzero(np.bincount(people) > 0)
    if len(usable) < size or len(strangers) - size < 5:
        return None
    known = rng.choice(usable, size, replace=False)
    mixed = [rng.permutation(np.flatnonzero(people == person)) for person in known]
    train = np.concatenate([rows[:photos] for rows in mixed])
    directions = class_directions([embeddings[train]], np.arange(size).repeat(photos), size)
    others = rng.permutation(np.flatnonzero(~np.isin(people, known)))
    others = others[np.unique(people[others], return_index=True)[1]]  # one photo of each stranger
    cosines = embeddings[[rows[photos] for rows in mixed]] @ directions
    right = cosines.argmax(axis=1) == np.arange(size)
    return (embeddings[others] @ directions).max(axis=1), people[others], cosines.max(axis=1), right


def measure(size: int, photos: int, lfw, gtech, rng: np.random.Generator) -> dict | None:
    times = max(LEAST_CLASSIFIERS, PEOPLE_DRAWN // size)
    drawn = [draw(*lfw, size, photos, rng) for _ in range(times)]
    if drawn[0] is None:
        return None
    strangers, numbers, known, right = (np.concatenate(part) for part in zip(*drawn, strict=True))
    threshold = float(np.quantile(strangers[numbers % 2 == 0], 1 - FALSE_ACCEPT))
    judged = numbers % 2 == 1
    accepted, alone = np.mean(strangers[judged] >= threshold), len(np.unique(numbers[judged]))
    low, high = wilson_interval(round(accepted * alone), alone)
    elsewhere = [draw(*gtech, size, photos, rng) for _ in range(times)]
    alike = None if elsewhere[0] is None else np.mean(np.concatenate([one[0] for one in elsewhere]) >= threshold)
    return {
        "num_classes": size,
        "photos": photos,
        "threshold": round(threshold, 4),
        "unknown_accepted": round(float(accepted), 5),
        "unknown_accepted_low": round(low, 5),
        "unknown_accepted_high": round(high, 5),
        "alike_accepted": None if alike is None else round(float(alike), 4),
        "known_accepted": round(float(np.mean(known >= threshold)), 4),
        "known_correct": round(float(np.mean(right & (known >= threshold))), 4),
        "num_unknown": alone,
        "num_known": len(known),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with lfw and gtech")
    parser.add_argument("--date", required=True, help="today, YYYY-MM-DD")
    parser.add_argument("--cache", type=Path, default=default_cache_folder())
    arguments = parser.parse_args()
    lfw, lfw_people = embedded(lfw_folder(arguments.data) / "images", arguments.cache)
    gtech, gtech_people = embedded(arguments.data / "gtech" / "images", arguments.cache)
    written = {}
    for views in (1, 2):
        rng = np.random.default_rng(0)
        pairs = ((lfw[views], lfw_people), (gtech[views], gtech_people))
        rows = [row for size in SIZES for photos in PHOTOS if (row := measure(size, photos, *pairs, rng))]
        written[embedder_fingerprint(views)] = {
            "data": f"{len(np.unique(lfw_people)):,} people of Labeled Faces in the Wild, {len(lfw_people):,} photos",
            "alike": f"{len(np.unique(gtech_people))} people of the Georgia Tech face database, "
            f"{len(gtech_people)} photos taken at one place",
            "date": arguments.date,
            "false_accept_asked": FALSE_ACCEPT,
            "rows": rows,
        }
        for row in rows:
            print(views, row)
    OUT.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

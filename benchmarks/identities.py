"""Many real identities from scratch: closed-set accuracy, and what the features of each network verify.

    python benchmarks/identities.py --data ../shared/data
    python benchmarks/identities.py --data ../shared/data --min-images 10 --epochs 40

Of the people of LFW with enough photos, four fifths are trained on, some photos of each held out; pairs of the others,
of whom nothing was trained on, are compared by the cosine of the features in front of the last layer. From scratch
means random weights: without augmentation, with it, and with label smoothing too. Next to them stand the features of
`face_resnet`, which has seen millions of faces, and of EfficientNet-Lite0, which has seen pictures of anything.
"""

import tempfile
from pathlib import Path

from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedders import load_embedder
from kerasface.tasks.measuring.embedding import embed_people
from kerasface.tasks.measuring.pairs import pairs_of_people, score_pairs
from kerasface.tasks.measuring.people import people_of_folder
from kerasface.tasks.measuring.rates import measure_pairs
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import ClassifyRecipe

HELD_OUT = 5  # every fifth person is for the pairs


def networks(side: int, epochs: int, backbone: str) -> dict[str, dict]:
    """The settings of each network."""
    scratch = {"backbone": backbone, "image_size": side, "epochs": epochs}
    return {
        f"{backbone}, plain": {**scratch, "augment": "none", "flip": False, "label_smoothing": 0.0},
        f"{backbone}, augmentation": {**scratch, "augment": "standard", "label_smoothing": 0.0},
        f"{backbone}, augmentation and label smoothing": {**scratch, "augment": "standard", "label_smoothing": 0.1},
        "efficientnet_lite0, frozen": {"backbone": "efficientnet_lite0", "epochs": 0},
        "face_resnet, frozen": {"backbone": "face_resnet", "classifier": "softmax", "epochs": 0},
        "face_resnet, class means": {"backbone": "face_resnet"},
    }


def linked(images: Path, folder: Path, min_images: int) -> tuple[Path, Path]:
    """Links the people into a folder to train on and one for the pairs."""
    people = [place for place in sorted(images.iterdir()) if len(list(place.glob("*.jpg"))) >= min_images]
    for number, place in enumerate(people):
        target = folder / ("pairs" if number % HELD_OUT == HELD_OUT - 1 else "train") / place.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(place.resolve(), target_is_directory=True)
    return folder / "train", folder / "pairs"


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--min-images", type=int, default=2, help="people with fewer photos are left out")
    parser.add_argument("--side", type=int, default=48, help="pixels, from scratch")
    parser.add_argument("--epochs", type=int, default=15, help="from scratch")
    parser.add_argument("--backbone", default="simple_cnn", help="what is trained from scratch")
    parser.add_argument("--only", nargs="*", help="names of networks, as they stand in the table")
    parser.add_argument("--cache", type=Path, help="folder of the caches; a temporary one if not given")
    arguments = parser.parse_args()
    print_header()
    print_columns(
        *("network", "people", "train / held out", "top-1", "top-5", "training s"),
        *("people of the pairs", "EER", "accepted at an FMR of 1 %"),
    )
    with tempfile.TemporaryDirectory() as folder:
        place, runs = Path(folder), Path(folder) / "runs"
        train, others = linked(lfw_folder(arguments.data) / "images", place, arguments.min_images)
        people = people_of_folder(others)
        pairs = pairs_of_people(people)
        for number, (name, settings) in enumerate(
            networks(arguments.side, arguments.epochs, arguments.backbone).items()
        ):
            if arguments.only and name not in arguments.only:
                continue
            run = f"run{number}"
            recipe, cache = ClassifyRecipe(**settings), arguments.cache or place / "cache"
            metrics = run_training("classify", train, run, recipe=recipe, runs=runs, cache=cache).metrics
            (embedded,) = embed_people(people, FaceAnalyzer(embedder=load_embedder(run, root=runs)))
            report = measure_pairs(score_pairs(pairs, embedded)).report
            print_row(
                name,
                metrics["num_classes"],
                f"{metrics['num_train']:,} / {metrics['num_validation']:,}",
                f"{metrics['top1']:.1%}",
                f"{metrics['top5']:.1%}",
                f"{metrics['seconds']:.0f}",
                len(people.names),
                f"{report.eer:.2%}",
                f"{report.tar_at_fmr['0.01'].value:.1%}",
            )


if __name__ == "__main__":
    main()

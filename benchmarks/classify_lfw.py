"""How well and how fast is `train classify` on the people of LFW with ten or more photos?

    python benchmarks/classify_lfw.py --data ../shared/data

The first run starts with an empty cache, all others find it filled; each has its own split and initial weights.
"""

import tempfile
import time
from pathlib import Path
from statistics import mean

from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.train.classify import ClassifyRecipe, TrainedRun, train_classifier

STAGES = ("faces", "features", "head")


def train_timed(images: Path, folder: Path, recipe: ClassifyRecipe) -> tuple[TrainedRun, dict[str, float]]:
    """Trains once; returns the run and the seconds of each stage, from its first report to its last."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}

    def report(stage: str, done: int, total: int) -> None:
        last[stage] = time.perf_counter()
        first.setdefault(stage, last[stage])

    run = train_classifier(
        images, "benchmark", recipe=recipe, runs=folder / "runs", cache=folder / "cache", on_progress=report
    )
    # The head reports after each epoch only, so its first one would be missed: its own clock is right.
    return run, {stage: last[stage] - first[stage] for stage in ("faces", "features")} | {
        "head": run.metrics["head_seconds"]
    }


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--min-images", type=int, default=10, help="leave out people with fewer photos")
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings")
    arguments = parser.parse_args()
    print_header()
    images = lfw_folder(arguments.data) / "images"
    tops = []
    print_columns(
        "seed", "cache", "people", "train / held out", "top-1", "top-5", *(f"{stage} s" for stage in STAGES), "run s"
    )
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            recipe = ClassifyRecipe(min_images=arguments.min_images, seed=seed)
            run, stages = train_timed(images, Path(folder), recipe)
            metrics = run.metrics
            tops.append((metrics["top1"], metrics["top5"]))
            computed = metrics["num_crops_computed"]
            print_row(
                seed,
                f"{computed} crops computed" if computed else "filled",
                metrics["num_classes"],
                f"{metrics['num_train']} / {metrics['num_validation']}",
                f"{metrics['top1']:.2%}",
                f"{metrics['top5']:.2%}",
                *(f"{stages[stage]:.2f}" for stage in STAGES),
                f"{metrics['seconds']:.2f}",
            )
    top1, top5 = zip(*tops, strict=True)
    print(f"top-1 mean {mean(top1):.2%}, lowest {min(top1):.2%}; top-5 mean {mean(top5):.2%}, lowest {min(top5):.2%}")


if __name__ == "__main__":
    main()

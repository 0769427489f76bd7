"""How well and how fast is `train classify` on people of LFW, and what happens to strangers?

    python benchmarks/classify_lfw.py --data ../shared/data
    python benchmarks/classify_lfw.py --data ../shared/data --min-images 2 --holdout 0.001
    python benchmarks/classify_lfw.py --data ../shared/data --classifier softmax

Strangers are people with fewer photos than `--min-images`. The first run starts with an empty cache unless `--cache`
names one, all others find it filled; each has its own split.
"""

import tempfile
from pathlib import Path
from statistics import mean

from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import ClassifyRecipe


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--min-images", type=int, default=10, help="people with fewer photos are strangers")
    parser.add_argument("--holdout", type=float, default=0.2, help="share of each person's photos held out")
    parser.add_argument("--classifier", help="cosine (the default), softmax, arcface, cosface")
    parser.add_argument("--epochs", type=int, help="epochs of fine-tuning")
    parser.add_argument("--copies", type=int, default=0, help="augmented copies per photo")
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings")
    parser.add_argument("--cache", type=Path, help="folder of the caches")
    arguments = parser.parse_args()
    print_header()
    images = lfw_folder(arguments.data) / "images"
    columns = ("top1", "top5", "ece", "known_accepted", "unknown_accepted")
    found = []
    print_columns(
        *("seed", "people", "train / held out / strangers", "top-1", "top-5", "ECE", "known accepted"),
        *("strangers accepted", "head s", "run s", "images computed"),
    )
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            recipe = ClassifyRecipe(
                min_images=arguments.min_images,
                holdout=arguments.holdout,
                classifier=arguments.classifier,
                epochs=arguments.epochs,
                copies=arguments.copies,
                seed=seed,
            )
            cache = arguments.cache or Path(folder) / "cache"
            metrics = run_training(
                "classify", images, "run", recipe=recipe, runs=Path(folder) / "runs", cache=cache
            ).metrics
            found.append([metrics[name] for name in columns])
            counts = (metrics["num_train"], metrics["num_validation"], metrics["num_unknown"])
            print_row(
                seed,
                metrics["num_classes"],
                " / ".join(map(str, counts)),
                *(f"{metrics[name]:.2%}" for name in columns),
                f"{metrics['head_seconds']:.2f}",
                f"{metrics['seconds']:.1f}",
                metrics["num_images_computed"],
            )
    print_row("mean", "", "", *(f"{mean(values):.2%}" for values in zip(*found, strict=True)), "", "", "")


if __name__ == "__main__":
    main()

"""Ten kinds of surfaces and things, with few pictures each: what do ImageNet's features give?

    python benchmarks/transfer.py
    python benchmarks/transfer.py --crops 40 --epochs 20

Crops of ten pictures that come with scikit-image, drawn at random places and sizes, a fifth of each held out: a head on
the frozen features of `efficientnet_lite0`, the last blocks fine-tuned with it, and `simple_cnn` from scratch.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from machine import print_columns, print_header, print_row
from PIL import Image
from skimage import data

from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import ClassifyRecipe

PICTURES = (
    *("astronaut", "brick", "camera", "chelsea", "coffee"),
    *("grass", "gravel", "hubble_deep_field", "moon", "rocket"),
)
SHARES = (1 / 2, 3 / 4)  # of the shorter side of a picture: the smallest crop, and the largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, default=40, help="of each picture")
    parser.add_argument("--image-size", type=int, default=128, help="pixels that the crops are brought to")
    parser.add_argument("--epochs", type=int, default=30, help="from scratch")
    arguments = parser.parse_args()
    print_header()
    shared = {"faces": False, "image_size": arguments.image_size, "augment": "light"}
    recipes = {
        "efficientnet_lite0, frozen": ClassifyRecipe(**shared, epochs=0),
        "efficientnet_lite0, fine-tuned": ClassifyRecipe(**shared, epochs=3),
        "simple_cnn, from scratch": ClassifyRecipe(**shared, backbone="simple_cnn", epochs=arguments.epochs),
    }
    print_columns("network", "pictures", "held out", "top-1", "before fine-tuning", "ECE", "s")
    with tempfile.TemporaryDirectory() as folder:
        crops, runs, cache = (Path(folder) / name for name in ("crops", "runs", "cache"))
        write_crops(crops, arguments.crops)
        for name, recipe in recipes.items():
            events = []
            options = {"runs": runs, "cache": cache, "on_event": events.append}
            metrics = run_training("classify", crops, "crops", recipe=recipe, **options).metrics
            before = next((event for event in events if event["event"] == "comparison"), None)
            print_row(
                name,
                metrics["num_train"],
                metrics["num_validation"],
                f"{metrics['top1']:.2%}",
                f"{before['frozen']['top1']:.2%} (kept: {before['fine_tuned_kept']})" if before else "",
                f"{metrics['ece']:.1%}",
                f"{metrics['seconds']:.0f}",
            )


def write_crops(folder: Path, count: int, seed: int = 0) -> None:
    """Writes crops of each picture into a folder of its name."""
    generator = np.random.default_rng(seed)
    for name in PICTURES:
        (folder / name).mkdir(parents=True)
        picture = Image.fromarray(getattr(data, name)()).convert("RGB")
        for number in range(count):
            side = int(min(picture.size) * generator.uniform(*SHARES))
            left, top = (int(generator.integers(size - side + 1)) for size in picture.size)
            picture.crop((left, top, left + side, top + side)).save(folder / name / f"{number}.png")


if __name__ == "__main__":
    main()

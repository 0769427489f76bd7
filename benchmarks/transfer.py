"""Ten kinds of surfaces and things, with few pictures each: what do ImageNet's features give?

    python benchmarks/transfer.py
    python benchmarks/transfer.py --crops 20 --seeds 5 --networks frozen

Crops of ten pictures that come with scikit-image, of a third to two thirds of the shorter side, drawn once at random
places; a fifth of each picture's is held out, by each seed another: a head on the frozen features of
`efficientnet_lite0`, the last blocks fine-tuned with it, and `simple_cnn` from scratch.
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
SHARES = (1 / 3, 2 / 3)  # of the shorter side of a picture: the smallest crop, and the largest
NETWORKS = {
    "frozen": ("efficientnet_lite0, frozen", {"epochs": 0}),
    "fine-tuned": ("efficientnet_lite0, fine-tuned", {"epochs": 3}),
    "scratch": ("simple_cnn, from scratch", {"backbone": "simple_cnn", "epochs": 30}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, default=40, help="of each picture")
    parser.add_argument("--image-size", type=int, help="pixels that the crops are brought to; the network's own")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each, every one with its own split")
    parser.add_argument("--networks", nargs="+", default=[*NETWORKS], choices=NETWORKS)
    arguments = parser.parse_args()
    print_header()
    print_columns("network", "seed", "pictures", "held out", "top-1", "before fine-tuning", "ECE", "s")
    with tempfile.TemporaryDirectory() as folder:
        crops, runs, cache = (Path(folder) / name for name in ("crops", "runs", "cache"))
        write_crops(crops, arguments.crops)
        for title, settings in map(NETWORKS.get, arguments.networks):
            found = []
            for seed in range(arguments.seeds):
                shared = {"faces": False, "image_size": arguments.image_size, "augment": "light", "seed": seed}
                events = []
                options = {"runs": runs, "cache": cache, "on_event": events.append}
                recipe = ClassifyRecipe(**shared, **settings)
                metrics = run_training("classify", crops, "crops", recipe=recipe, **options).metrics
                before = next((event for event in events if event["event"] == "comparison"), None)
                found.append(metrics["top1"])
                print_row(
                    title,
                    seed,
                    metrics["num_train"],
                    metrics["num_validation"],
                    f"{metrics['top1']:.2%}",
                    f"{before['frozen']['top1']:.2%} (kept: {before['fine_tuned_kept']})" if before else "",
                    f"{metrics['ece']:.1%}",
                    f"{metrics['seconds']:.0f}",
                )
            mean = f"{np.mean(found):.2%} ({min(found):.2%} to {max(found):.2%})"
            print_row(title, "mean (lowest to highest)", "", "", mean, "", "", "")


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

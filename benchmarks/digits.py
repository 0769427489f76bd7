"""How well does each architecture of the course read scikit-learn's digits?

    python benchmarks/digits.py
    python benchmarks/digits.py --architectures linear mlp --seeds 3

1,797 images of 32 x 32 pixels, 20 % of each class held out; every architecture is trained from scratch.
"""

import argparse
import tempfile
from pathlib import Path

from machine import print_columns, print_header, print_row

from kerasface.data.samples import write_digits
from kerasface.models.zoo import ARCHITECTURES
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import build_recipe, read_recipe

RECIPE = Path(__file__).resolve().parent.parent / "configs" / "digits.toml"
WANTED = {"linear": 0.95, "mlp": 0.97, "lenet": 0.98} | dict.fromkeys(
    ("simple_cnn", "convnext", "vgg_recipe", "mobilenet", "mobilenet_v2", "alexnet", "inception", "resnet34"), 0.985
)
# Besides the recipe: without convolutions a moved digit is another one; deep networks take long on a processor.
SETTINGS = {
    "linear": {"augment": "none", "epochs": 40},
    "mlp": {"augment": "none", "epochs": 40},
    "alexnet": {"learning_rate": 5e-4},  # its own: that of the recipe is for networks with normalisation
    "mobilenet": {"learning_rate": 1e-2},  # its own, too
    "inception": {"epochs": 12},
    "resnet34": {"epochs": 12},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", nargs="+", default=[*WANTED], choices=[*ARCHITECTURES])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each, every one with its own split")
    arguments = parser.parse_args()
    print_header()
    print_columns("architecture", "seed", "top-1", "wanted", "ECE", "epochs (augmentation)", "images/s", "s")
    with tempfile.TemporaryDirectory() as folder:
        digits, runs, cache = (Path(folder) / name for name in ("digits", "runs", "cache"))
        write_digits(digits)
        for name in arguments.architectures:
            for seed in range(arguments.seeds):
                settings = read_recipe(RECIPE) | {"augment": "light", "epochs": 20, "backbone": name, "seed": seed}
                settings |= SETTINGS.get(name, {})
                settings |= {"epochs": arguments.epochs} if arguments.epochs else {}
                recipe = build_recipe(settings)
                metrics = run_training("classify", digits, name, recipe=recipe, runs=runs, cache=cache).metrics
                print_row(
                    name,
                    seed,
                    f"{metrics['top1']:.2%}",
                    f"{WANTED[name]:.1%}" if name in WANTED else "",
                    f"{metrics['ece']:.2%}",
                    f"{recipe.epochs} ({recipe.augment})",
                    f"{metrics['images_per_second']:,.0f}",
                    f"{metrics['seconds']:.0f}",
                )


if __name__ == "__main__":
    main()

"""Does a head that is trained on some people of LFW help to verify and to find others?

    python benchmarks/metric_lfw.py --data ../shared/data
    python benchmarks/metric_lfw.py --data ../shared/data --loss triplet --seeds 3
    python benchmarks/metric_lfw.py --data ../shared/data --no-stretch

Every seed splits the people anew: half of them train the head, the others are judged, those with one photo as unknown.
`by cosines` compares embeddings as they are; `normalized` is how galleries are searched. `kept` is what the training
would have kept. Changes are relative to the backbone as it is, of the same seed, with their spread over the seeds.
"""

import tempfile
from pathlib import Path

import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.train.engine.driver import run_training
from kerasface.train.metric_learning.recipe import CHOICES, MetricRecipe


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--loss", choices=CHOICES["loss"], default="supcon", help="loss of the head")
    parser.add_argument("--no-stretch", action="store_true", help="begin with the backbone as it is")
    parser.add_argument("--head-epochs", type=int, default=MetricRecipe().head_epochs, help="epochs on the features")
    parser.add_argument("--seeds", type=int, default=5, help="how many splits")
    parser.add_argument("--cache", type=Path, help="folder of the caches")
    arguments = parser.parse_args()
    print_header()
    images = lfw_folder(arguments.data) / "images"
    print_columns(
        *("seed", "embeddings", "EER", "accepted at FMR 0.1 %", "missed at FPIR 1 % by cosines", "normalised"),
        *("on people trained on, by cosines", "kept", "seconds"),
    )
    found: dict[str, list[tuple]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            recipe = MetricRecipe(
                loss=arguments.loss, stretch=not arguments.no_stretch, head_epochs=arguments.head_epochs, seed=seed
            )
            cache = arguments.cache or Path(folder) / "cache"
            metrics = run_training(
                "metric", images, "run", recipe=recipe, runs=Path(folder) / "runs", cache=cache
            ).metrics
            for name, judged in metrics["held_out"].items():
                rates = _rates(judged)
                found.setdefault(name, []).append(rates)
                trained_on = metrics["trained_on"][name]["fnir_of_cosines"]
                kept = "yes" if name == metrics["kept"] else ""
                print_row(seed, name, *_shares(rates), f"{trained_on:.1%}", kept, f"{metrics['seconds']:.0f}")
    plain = np.array(found["plain"])
    for name, rates in found.items():
        print_row("mean", name, *_shares(np.mean(rates, axis=0)), "", "", "")
    for name, rates in list(found.items())[1:]:
        changes = np.array(rates) / plain - 1
        shown = [f"{mean:+.1%} ± {spread:.1%}" for mean, spread in zip(changes.mean(0), changes.std(0), strict=True)]
        print_row("change", name, *shown, "", "", "")


def _rates(judged: dict) -> tuple[float, float, float, float]:
    accepted = judged["tar_at_fmr"]["0.001"]["value"]
    return judged["eer"], accepted, judged["fnir_of_cosines"], judged["fnir_at_fpir"]["0.01"]["value"]


def _shares(rates) -> list[str]:
    return [f"{rate:.2%}" for rate in rates]


if __name__ == "__main__":
    main()

"""How much faster is an epoch on cached features than one through the frozen backbone?

    python benchmarks/frozen_speed.py --data ../shared/data
    python benchmarks/frozen_speed.py --backbone efficientnet_lite0

The same head, images, batches and optimizer, in turns: `model.fit` through the frozen backbone, and the frozen stage of
`train classify`. The backbone's features were computed once before; that time is shown as well. `face_resnet` sees the
people of LFW, `efficientnet_lite0` crops of scikit-image's pictures.
"""

import tempfile
import time
from pathlib import Path

import keras
from lfw import lfw_folder
from machine import benchmark_parser, interleaved, print_columns, print_header, print_row
from transfer import write_crops

from kerasface.train.classification.data import prepare
from kerasface.train.classification.defaults import resolve
from kerasface.train.classification.stages import head_stage, image_stage
from kerasface.train.engine.frozen import FrozenFeatures, build_head, joined
from kerasface.train.engine.precision import training_context
from kerasface.train.recipe import ClassifyRecipe


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--backbone", choices=("face_resnet", "efficientnet_lite0"), default="face_resnet")
    parser.add_argument("--crops", type=int, default=100, help="of each of ten pictures, for efficientnet_lite0")
    parser.add_argument("--min-images", type=int, default=10, help="people with fewer photos are left out")
    parser.add_argument("--repeats", type=int, default=3, help="epochs timed of each")
    parser.add_argument("--cache", type=Path, help="folder of the caches")
    arguments = parser.parse_args()
    print_header()
    of_faces = arguments.backbone == "face_resnet"
    recipe = resolve(
        ClassifyRecipe(
            faces=of_faces,
            backbone=arguments.backbone,
            min_images=arguments.min_images,
            classifier="softmax",
            mirror=False,
            epochs=1,
            batch_size=128,
            augment="none",
        )
    )
    with tempfile.TemporaryDirectory() as folder, training_context(recipe):
        cache = arguments.cache or Path(folder)
        pictures = lfw_folder(arguments.data) / "images" if of_faces else Path(folder) / "crops"
        if not of_faces:
            write_crops(pictures, arguments.crops)
        prepared = prepare(pictures, recipe, cache)
        started = time.perf_counter()
        features = FrozenFeatures(prepared, recipe, cache)
        once = time.perf_counter() - started
        head = build_head(features, prepared, recipe)
        cached = head_stage(head, features, prepared, recipe, dict)
        model = joined(features, head)
        for layer in features.model.layers:
            layer.trainable = False
        through = image_stage("train", model, prepared, recipe, dict)
        epochs = {
            "through the backbone": lambda: through.model.fit(through.batches(0, 0), shuffle=False, verbose=0),
            "on cached features": lambda: cached.model.fit(cached.batches(0, 0), shuffle=False, verbose=0),
        }
        seconds = interleaved(epochs, arguments.repeats)
    slow, fast = seconds.values()
    print_columns("images", "classes", *(f"{name}, s" for name in epochs), "times as fast", "features once, s")
    print_row(
        len(prepared.train), len(prepared.names), f"{slow:.2f}", f"{fast:.3f}", f"{slow / fast:.0f}", f"{once:.1f}"
    )
    print(f"weights that are trained: {sum(keras.ops.size(weight) for weight in through.model.trainable_weights):,}")


if __name__ == "__main__":
    main()

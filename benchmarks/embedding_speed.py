"""How fast are embeddings, against dlib on the same crops in turns, and does bfloat16 change them?

    python benchmarks/embedding_speed.py --data ../shared/data

It needs dlib: pip install dlib-bin. One pass per crop on either side: no mirror image, no jitter. dlib computes on one
core, TensorFlow on all of them.
"""

import dlib
import numpy as np
from lfw import lfw_crops
from machine import benchmark_parser, interleaved, print_columns, print_header, print_row

from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.models.pretrained import locate, weight_file
from kerasface.models.runtime import best_precision, device_name


def time_batches(embedders: dict[str, FaceEmbedder], crops: np.ndarray, sizes: list[int], repeats: int) -> None:
    network = dlib.face_recognition_model_v1(str(locate(weight_file("face_resnet"))))
    print_columns("batch", "engine", "ms", "faces/s", "times as fast as dlib")
    for size in sizes:
        batch = crops[:size]
        chips = list(batch)
        calls = {"dlib float32": lambda chips=chips: network.compute_face_descriptor(chips, 0)}
        for precision, embedder in embedders.items():
            calls[f"face_resnet {precision}"] = lambda embedder=embedder, batch=batch: embedder.embed(batch)
        seconds = interleaved(calls, repeats)
        for name, value in seconds.items():
            ratio = seconds["dlib float32"] / value
            print_row(size, name, f"{1000 * value:.1f}", f"{size / value:.1f}", f"{ratio:.1f}")


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64], help="batch sizes to time")
    parser.add_argument("--repeats", type=int, default=5, help="timings per engine and batch size")
    parser.add_argument("--crops", type=int, default=512, help="faces that bfloat16 is compared to float32 on")
    arguments = parser.parse_args()
    print_header()
    embedders = {precision: FaceEmbedder(views=1, precision=precision) for precision in ("float32", "bfloat16")}
    count = max(*arguments.batches, arguments.crops)
    crops = lfw_crops(arguments.data, count, FaceDetector(), embedders["float32"])
    native = best_precision() == "bfloat16"
    print(f"{device_name()}; default precision {best_precision()}")
    if not native:
        print("processor has no bfloat16: its speed is not measured here, only what it does to the embeddings")
    fast = embedders if native else {"float32": embedders["float32"]}
    time_batches(fast, crops, arguments.batches, arguments.repeats)
    single, half = (embedder.embed(crops[: arguments.crops]) for embedder in embedders.values())
    cosine = np.sum(single * half, axis=1)
    print(
        f"cosine of bfloat16 to float32 over {len(cosine)} faces: lowest {cosine.min():.6f}, mean {cosine.mean():.6f}"
    )


if __name__ == "__main__":
    main()

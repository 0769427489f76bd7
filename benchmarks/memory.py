"""Does memory grow with a stream of differently sized photos?

    python benchmarks/memory.py --data ../shared/data

Every photo has another height and width; all are analysed one by one: found, aligned, embedded.
"""

import os
from pathlib import Path

import numpy as np
from lfw import covering, lfw_photos
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.faces.analyzer import FaceAnalyzer

SETTLED = 50  # photos after which growth counts


def resident_mib() -> float:
    """Returns this process's resident memory in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--photos", type=int, default=500, help="how many photos")
    parser.add_argument("--smallest", type=int, default=200, help="shortest side in pixels")
    parser.add_argument("--largest", type=int, default=2000, help="longest side in pixels")
    arguments = parser.parse_args()
    print_header()
    photos = lfw_photos(arguments.data, arguments.photos)
    analyzer = FaceAnalyzer()
    sizes = np.random.default_rng(0).integers(arguments.smallest, arguments.largest + 1, (arguments.photos, 2))
    resident, num_faces = [resident_mib()], 0
    print_columns("photos", "resident MiB", "faces so far")
    print_row(0, f"{resident[0]:.0f}", 0)
    for count, (photo, (height, width)) in enumerate(zip(photos, sizes, strict=True), start=1):
        num_faces += len(analyzer.analyze([covering(photo, height, width)])[0])
        resident.append(resident_mib())
        if count in (10, SETTLED) or count % 100 == 0 or count == len(photos):
            print_row(count, f"{resident[-1]:.0f}", num_faces)
    settled = min(SETTLED, len(photos))
    print(
        f"growth from photo {settled} to {len(photos)}: {resident[-1] - resident[settled]:.0f} MiB; "
        f"highest in between {max(resident[settled:]) - resident[settled]:+.0f} MiB"
    )


if __name__ == "__main__":
    main()

"""How well and how fast does the whole way, from files to verdicts, do on LFW's pairs?

    python benchmarks/lfw_verification.py --data ../shared/data

Runs `kerasface evaluate verification` as a user would, in a process of its own; the wall time includes its start.
"""

import json
import subprocess
import sys

from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row, timed


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--pairs", help="another pairs file; lfw/pairs.txt of --data if not given")
    parser.add_argument("--views", default="6", help="views of each face to average over: 1, 2 or 6")
    arguments = parser.parse_args()
    print_header()
    folder = lfw_folder(arguments.data)
    pairs = arguments.pairs or folder / "pairs.txt"
    command = [sys.executable, "-m", "kerasface", "evaluate", "verification", "--json"]
    command += ["--images", str(folder / "images"), "--pairs", str(pairs)]
    command += ["--views", arguments.views]
    seconds, result = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True))
    report = json.loads(result.stdout)
    tar = {fmr: f"{at['value']:.2%} ({at['low']:.2%} to {at['high']:.2%})" for fmr, at in report["tar_at_fmr"].items()}
    print(f"{report['device']}, {report['precision']}")
    print_columns(
        "embedding", "pairs", "lost", "accuracy", "AUC", "EER", "TAR at FMR 1 %", "TAR at FMR 0.1 %", "wall time"
    )
    print_row(
        f"{arguments.views} views",
        report["num_pairs"],
        report["num_failed"],
        f"{report['accuracy_mean']:.2%} +- {report['accuracy_se']:.2%}",
        f"{report['auc']:.5f}",
        f"{report['eer']:.2%}",
        tar["0.01"],
        tar["0.001"],
        f"{seconds:.0f} s",
    )


if __name__ == "__main__":
    main()

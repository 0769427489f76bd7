"""Are important lines watched? Breaks thirty of them one by one: does a related test of the default suite fail?

    python benchmarks/broken_lines.py
    python benchmarks/broken_lines.py --only alignment --only onnx

In a copy of the project each line is replaced by one that runs and is wrong; then the tests that stand next to it are
run until the first failure. A line whose tests all pass is not watched. A line that is no longer there once is an error
of the list below: put the new one there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from machine import benchmark_parser, print_columns, print_header, print_row

ROOT = Path(__file__).parent.parent
COPIED = (
    "kerasface",
    "pages",
    "tests",
    "app.py",
    "pyproject.toml",
    "requirements.txt",
    "configs",
    "saved_models",
    "docs",
)


@dataclass(frozen=True)
class Line:
    """A line of the library, what it is replaced by, and the tests that should see it."""

    file: str
    right: str
    wrong: str
    tests: str


LINES = (
    Line(
        "images/decoding.py",
        "rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb, note",
        "rgb, note",
        "images",
    ),
    Line("files/writing.py", "os.replace(beside, path)", "shutil.copy(beside, path)", "files"),
    Line("files/locks.py", "fcntl.LOCK_SH if shared else fcntl.LOCK_EX", "fcntl.LOCK_SH", "files"),
    Line(
        "evaluation/normalization.py",
        "(cosines - second[..., 0]) / second[..., 1]) / 2",
        "(cosines - second[..., 0]) / first[..., 1]) / 2",
        "evaluation",
    ),
    Line("evaluation/verification.py", "(scores[inside] >= threshold)", "(scores[inside] > threshold)", "evaluation"),
    Line("evaluation/verification.py", "excess = fmr - (1 - tar)", "excess = fmr - tar", "evaluation"),
    Line("evaluation/calibration.py", "(num_genuine + 1) / (num_genuine + 2)", "1.0", "evaluation"),
    Line("evaluation/identification.py", "np.mean(unknown >= threshold)", "np.mean(unknown > threshold)", "evaluation"),
    Line("evaluation/segmentation.py", "np.nanmean(iou)", "np.nanmax(iou)", "evaluation"),
    Line("losses/embeddings.py", "return cosines - self.margin", "return cosines + self.margin", "losses"),
    Line(
        "losses/embeddings.py", "ops.relu(positive + self.margin - negative)", "ops.relu(positive - negative)", "losses"
    ),
    Line("losses/pixels.py", "overlap = 2 * ops.sum(", "overlap = ops.sum(", "losses"),
    Line(
        "models/freezing.py",
        "trainable=index >= count - trainable_blocks",
        "trainable=index < trainable_blocks",
        "models",
    ),
    Line(
        "models/unet.py",
        'layers.Concatenate(name=f"{name}_join")([x, skip])',
        'layers.Concatenate(name=f"{name}_join")([x, x])',
        "models/test_unet.py",
    ),
    Line(
        "models/layers/views.py",
        "return (maps + ops.flip(mirrored, axis=2)) / 2",
        "return (maps + mirrored) / 2",
        "models",
    ),
    Line("models/dlib_format.py", "return -value if head & 0x80 else value", "return value", "models"),
    Line(
        "faces/alignment.py",
        "(turn.real, -turn.imag, shift.real)",
        "(turn.real, turn.imag, shift.real)",
        "faces/test_alignment.py",
    ),
    Line(
        "faces/detection.py",
        "probability[inside] > self.thresholds[0]",
        "probability[inside] > self.thresholds[1]",
        "faces",
    ),
    Line(
        "faces/quality.py",
        "if quality.sharpness < MIN_SHARPNESS:",
        "if quality.sharpness < 0:",
        "faces/test_quality.py",
    ),
    Line(
        "gallery/keys.py",
        'self._records.encrypt(nonce, text, f"{kind} {number}".encode())',
        "self._records.encrypt(nonce, text, b'')",
        "gallery/test_keys.py",
    ),
    Line(
        "gallery/search.py",
        "np.matmul(probes, templates[whole:].T, out=scores[:, whole:])",
        "scores[:, whole:] = 0",
        "gallery",
    ),
    Line("gallery/refusals.py", "(known.source_hash, known.box) == wanted", "known.box == wanted[1]", "gallery"),
    Line(
        "tasks/verification.py", "if normalized >= point.threshold:", "if normalized > 0:", "tasks/test_verification.py"
    ),
    Line(
        "tasks/identification.py",
        "self.normalized >= self.threshold",
        "self.normalized >= 0",
        "tasks/test_identification.py",
    ),
    Line(
        "data/folders.py",
        "round(fraction * len(indices)), 1, len(indices) - 1)",
        "round(fraction * len(indices)), 0, len(indices))",
        "data",
    ),
    Line("data/duplicates.py", "np.asarray(validation)[~crosses]", "np.asarray(validation)", "data"),
    Line(
        "train/engine/optimizers.py",
        "ops.multiply(variable, rate * self.decoupled_decay)",
        "ops.multiply(variable, self.decoupled_decay)",
        "train/engine",
    ),
    Line("train/engine/loop.py", "self.best = _values(model.variables)", "self.best = []", "train/engine"),
    Line(
        "inspection/attribution/activation_maps.py",
        "gradients.mean(axis=(1, 2), keepdims=True)",
        "gradients.max(axis=(1, 2), keepdims=True)",
        "inspection/attribution",
    ),
    Line("unlock/machine.py", "if self.width.is_flat:", "if False:", "unlock"),
)


def is_caught(copy: Path, line: Line) -> str:
    """Breaks the line in the copy, runs its tests and mends it; returns the first test that fails, or nothing."""
    path = copy / "kerasface" / line.file
    content = path.read_text(encoding="utf-8")
    if content.count(line.right) != 1:
        raise SystemExit(f"{line.file} has {line.right!r} {content.count(line.right)} times, not once.")
    path.write_text(content.replace(line.right, line.wrong), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{line.tests}"]
        environment = os.environ | {"PYTHONPATH": str(copy)}  # also of what the tests start
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    finally:
        path.write_text(content, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f"The tests of {line.file} did not run: {done.stdout[-2000:]}")
    failed = [text for text in done.stdout.splitlines() if text.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].split("::")[-1] if done.returncode else ""


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--only", action="append", help="lines of files with this in their name")
    args = parser.parse_args()
    chosen = [line for line in LINES if not args.only or any(part in line.file for part in args.only)]
    print_header()
    print_columns("file", "instead of", "caught by", "s")
    num_caught = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        for line in chosen:
            started = time.perf_counter()
            found = is_caught(Path(folder), line)
            num_caught += bool(found)
            print_row(line.file, f"`{line.right}`", found or "**nothing**", f"{time.perf_counter() - started:.0f}")
    print(f"\n{num_caught} of {len(chosen)} caught")


if __name__ == "__main__":
    main()

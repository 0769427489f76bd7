"""Runs that no training made: a card, and what else a test wants of them. Nothing of Keras is needed for that."""

import hashlib
import json

RECIPE = {"backbone": "simple_cnn", "norm": "batch", "learning_rate": 0.001, "seed": 0}
METRICS = {"top1": 0.9, "top5": 1.0, "ece": 0.02, "num_validation": 10, "num_params": 26122, "seconds": 12.5}


def make_run(root, name, *, files=None, **changes):
    """Writes `root/name`, a classifier of two classes; fields of its card and further files as given."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(name.encode())
    card = {
        "format": 1,
        "name": name,
        "task": "classify",
        "input": {"kind": "image", "image_size": [32, 32]},
        "backbone": "simple_cnn",
        "labels": ["Ada", "Emmy"],
        "recipe": RECIPE,
        "metrics": METRICS,
        "created": "2026-11-28T21:04:00+00:00",
        "model_sha256": hashlib.sha256(name.encode()).hexdigest(),
        **changes,
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    for file, content in (files or {}).items():
        (folder / file).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def records(wrong, *, held_out="one", num=10):
    """Records of `num` held-out pictures, half of them Ada's (`Ada/0` ...), of which the `wrong` got another name."""
    names = ("Ada", "Emmy")
    lost = {name: sum(file.startswith(name) for file in wrong) for name in names}
    return {
        "format": 1,
        "metrics": {"num_validation": num},
        "held_out": held_out,
        "classes": [{"name": name, "recall": 1 - lost[name] / (num / 2)} for name in names],
        "mistakes": [{"file": file} for file in wrong],
    }

"""A folder of models as somebody who means no good would hand it on; each is a kind of its own."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np

from tests.runs.made_up import METRICS, make_run

SIDE = 16
SCRIPT = "<script>alert(1)</script>[x](javascript:alert(1)) :material/home: =1+1"
# What a run keeps besides its model and card.
SIDE_FILES = (
    *("labels.json", "metrics.json", "history.csv", "rejected.csv", "recipe.toml", "events.jsonl", "records.json"),
    *("filters.npz", "report.html", "rates.json", "cohort.npz", "confusion.json"),
)
ODD = (None, True, -1, 2**62, 10**400, "x", [], {}, [[1]], {"a": {"b": None}})  # numbers, as a card may have them


def network(outputs=2, *, shape=(SIDE, SIDE, 3), layer=None):
    pictures = keras.Input(shape, name="picture")
    x = keras.layers.Conv2D(4, 3, padding="same", name="maps")(pictures)
    x = x if layer is None else layer(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(pictures, keras.layers.Dense(outputs, activation="softmax", name="head")(x))


def save(root, name, model, **changes):
    """A run whose card fits the file of a Keras model, whatever that does when it is used."""
    path = Path(root).parent / f"{name}.keras"
    model.save(path)
    return put(root, name, path.read_bytes(), **changes)


def put(root, name, content, **changes):
    """A run whose card fits the content of its file."""
    size = [SIDE, SIDE]
    given = {"input": {"kind": "image", "image_size": size}, "model_sha256": hashlib.sha256(content).hexdigest()}
    folder = make_run(root, name, **given | changes)
    (folder / "model.keras").write_bytes(content)
    return folder


def with_config(model, root, name, change):
    """A model's file whose configuration was changed."""
    path = Path(root).parent / f"{name}.keras"
    model.save(path)
    other = path.with_suffix(".zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "config.json":
                content = change(content.decode()).encode()
            target.writestr(entry.filename, content)
    return other.read_bytes()


def make_hostile_models(root, proof):
    """Makes `root/NAME` for each kind; code that runs leaves the file `proof`.

    Returns:
        The names of those whose folder alone tells that they are no good, and of those that only using them does.
    """
    root.mkdir(parents=True)
    return _broken(root), [*_networks(root, proof), *_cards(root), *_files(root)]


def _broken(root):
    os.mkfifo(make_run(root, "card-a-pipe") / "more")
    (root / "card-a-pipe" / "card.json").unlink()
    os.mkfifo(root / "card-a-pipe" / "card.json")
    make_run(root, "model-a-pipe")
    (root / "model-a-pipe" / "model.keras").unlink()
    os.mkfifo(root / "model-a-pipe" / "model.keras")
    for name, text in (("card-deep", "[" * 100_000), ("card-a-list", "[]"), ("card-not-text", "\udcff")):
        (make_run(root, name) / "card.json").write_text(text, errors="surrogateescape")
    (root / "card-a-device").mkdir()
    (root / "card-a-device" / "card.json").symlink_to("/dev/zero")
    make_run(root, "card-with-controls", labels=["a\x1b[2J", "b"])
    make_run(root, "card-infinite", metrics=METRICS | {"top1": float("inf")})
    make_run(root, "side-of-a-billion", input={"kind": "image", "image_size": [10**18, 10**18]})
    return sorted(path.name for path in root.iterdir())


def _networks(root, proof):
    code = f"__import__('pathlib').Path({str(proof)!r}).touch()"
    run = keras.layers.Lambda(lambda x, _code=code: (exec(_code), x)[1], name="run")
    save(root, "runs-code", network(layer=run))
    names = ["runs-code", "imports-code", "unknown-layer", "declares-a-billion", "no-numbers", "no-picture"]
    proof.unlink(missing_ok=True)
    plain = network()

    def imports(config):
        return config.replace('"module": "keras.layers"', '"module": "os"', 1)

    def unknown(config):
        return config.replace('"Conv2D"', '"Conv9D"')

    def billion(config):
        return config.replace('"filters": 4', '"filters": 1000000000')

    for name, change in (("imports-code", imports), ("unknown-layer", unknown), ("declares-a-billion", billion)):
        put(root, name, with_config(plain, root, name, change))
    plain.set_weights([np.full_like(weight, np.nan) for weight in plain.get_weights()])
    save(root, "no-numbers", plain)
    flat = keras.Input((5,))
    save(root, "no-picture", keras.Model(flat, keras.layers.Dense(2)(flat)))
    for name, task in (("no-numbers-parts", "segment"), ("no-numbers-faces", "embed")):
        save(root, name, plain, task=task, labels=["a", "b"] if task == "segment" else [])
        names.append(name)
    two = keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))
    both = keras.layers.Flatten()(keras.layers.Add()(two))
    save(root, "two-inputs", keras.Model(two, keras.layers.Dense(2)(both)))
    put(root, "not-keras", b"PK\3\4 and nothing of a model")
    put(root, "labels-of-another", (root / "no-numbers" / "model.keras").read_bytes(), labels=["a", "b", "c"])
    return [*names, "two-inputs", "not-keras", "labels-of-another"]


def _cards(root):
    """Cards that can be read and say what makes no sense."""
    names = []
    for number, value in enumerate(ODD):
        for task, keys in (
            ("classify", ("top1", "top5", "ece", "num_validation", "num_params", "seconds", "multiply_adds")),
            ("embed", ("num_people_validation", "num_validation", "held_out", "kept", "eer")),
            ("segment", ("iou", "f1", "mean_iou", "pixel_accuracy", "num_validation")),
        ):
            name = f"odd-{task}-{number}"
            make_run(
                root, name, task=task, metrics=dict.fromkeys(keys, value), recipe={"backbone": value, "seed": value}
            )
            names.append(name)
    make_run(root, "scripts", labels=[SCRIPT, SCRIPT + "2"], backbone=SCRIPT, licence=SCRIPT, trained_on=SCRIPT)
    make_run(root, SCRIPT.replace("/", " "))
    return [*names, "scripts", SCRIPT.replace("/", " ")]


def _files(root):
    """Models of which the other files are pipes, or hold what makes no sense."""
    folder = make_run(root, "all-pipes")
    for file in SIDE_FILES:
        os.mkfifo(folder / file)
    for number, text in enumerate(("", "{", "[]", "[1]", '{"format": 1}', "a,b\n1\n", "\0" * 100)):
        make_run(root, f"odd-files-{number}", files=dict.fromkeys(SIDE_FILES, text))
    events = ["epoch", "progress", "steps", "start", "end", "resumed", "warning", "diverged"]
    lines = "\n".join(json.dumps({"event": event}) for event in events)
    records = {"format": 1} | {
        name: [None, 1, {}]
        for name in ("metrics", "open_set", "mistakes", "classes", "notes", "confusions", "confusion", "training")
    }
    history = "epoch,loss,val_mean_iou,impostor_distance\n1,nan,inf,\nx,1e999,-1,y\n"
    files = {"events.jsonl": lines, "records.json": records, "history.csv": history, "report.html": SCRIPT}
    make_run(root, "odd-contents", files=files)
    half = {"format": 1, "metrics": {"num_validation": 0, "top1": "x"}, "open_set": {}, "notes": "abc", "mistakes": {}}
    make_run(root, "half-records", files=files | {"records.json": half})
    running = root / ".odd-running.running"
    running.mkdir()
    (running / "session.json").write_text(
        json.dumps({"kind": "classify", "data": 5, "process": "x", "process_start": 1})
    )
    (running / "events.jsonl").write_text(lines)
    piped = root / ".piped.running"
    piped.mkdir()
    for file in ("session.json", "events.jsonl", "checkpoint.npz", "recipe.toml", "stop"):
        os.mkfifo(piped / file)
    launched = root / ".launched.launch"
    launched.mkdir()
    for file in ("launch.json", "output.log"):
        os.mkfifo(launched / file)
    os.mkfifo(root / ".swept.sweep.json")
    (root / ".odd.sweep.json").write_text('{"format": 1, "kind": "classify", "name": "odd", "runs": [{}], "data": 1}')
    return ["all-pipes", *(f"odd-files-{number}" for number in range(7)), "odd-contents", "half-records"]

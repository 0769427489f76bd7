"""Records of a training that was not run: pictures of one colour each, and probabilities that are written down."""

from pathlib import Path

import numpy as np
import pytest

from kerasface.data.duplicates import LeakReport
from kerasface.evaluation.classification import cross_fitted_temperature
from kerasface.runs.card import ModelInput
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.judging import Judged
from kerasface.train.classification.records import Records

NO_PAIRS = np.zeros((0, 2), dtype=np.int64)
NO_LEAKS = LeakReport(NO_PAIRS, NO_PAIRS, NO_PAIRS, NO_PAIRS, np.zeros(0, dtype=np.int64))


def _softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _prepared(names, labels, train, validation, unknown, **changes):
    """Prepared data of pictures of one colour each, each of a person of its own."""
    folders = [names[label] if label >= 0 else "unknown" for label in labels]
    images = np.broadcast_to(np.arange(len(labels), dtype=np.uint8)[:, None, None, None], (len(labels), 12, 12, 3))
    fields = {
        "root": Path("people"),
        "names": names,
        "images": images,
        "keys": [str(index) for index in range(len(labels))],
        "files": [f"{folder}/{index}.jpg" for index, folder in enumerate(folders)],
        "people": folders,
        "labels": np.asarray(labels, dtype=np.int64),
        "groups": np.arange(len(labels)),
        "train": np.asarray(train),
        "validation": np.asarray(validation),
        "unknown": np.asarray(unknown, dtype=np.int64),
        "moved": np.zeros(0, dtype=np.int64),
        "leaks": NO_LEAKS,
        "rejected": [],
        "left_out": {},
        "num_computed": 0,
        "input": ModelInput(kind="image"),
    }
    return PreparedData(**fields | changes)


def _records(prepared, probabilities, unknown_probabilities, **changes):
    labels = prepared.labels[prepared.validation]
    judged = Judged(
        probabilities=probabilities,
        labels=labels,
        scores=probabilities.max(axis=1),
        unknown_probabilities=unknown_probabilities,
        unknown_scores=unknown_probabilities.max(axis=1),
        unknown_groups=prepared.groups[prepared.unknown],
        score="probability",
    )
    temperature = cross_fitted_temperature(probabilities, labels)
    fields = {
        "metrics": {"top1": judged.top1, "top5": 1.0, "num_classes": 3, "num_train": 6, "num_validation": len(labels)},
        "history": [],
        "judged": judged,
        "temperature": temperature,
        "open_set": judged.cooled(temperature).open_set(),
        "prepared": prepared,
        "comparison": None,
        "notes": [],
    }
    return Records(**fields | changes)


@pytest.fixture
def records():
    """Six to train on, thirty held out, of whom two of Ada and one of Grace are called Emmy; forty strangers.

    The second picture of Ada is the surest mistake. The threshold is chosen on every second stranger, the first among
    them; of the others it accepts one, who is called Grace.
    """
    labels = np.concatenate([np.arange(3).repeat(2), np.arange(3).repeat(10), np.full(40, -1)])
    people = {"input": ModelInput()}
    prepared = _prepared(["Ada", "Emmy", "Grace"], labels, range(6), range(6, 36), range(36, 76), **people)
    rng = np.random.default_rng(0)
    logits = 6.0 * np.eye(3)[labels[6:36]] + rng.normal(0, 0.5, (30, 3))
    logits[[0, 1, 25]] = [0, 7, 0], [0, 9, 0], [0, 5, 0]
    strangers = np.tile([[0.5, 0, 0], [0, 0.3, 0]], (20, 1))
    strangers[7] = [0, 0, 20]
    return _records(prepared, _softmax(logits), _softmax(strangers))


@pytest.fixture
def make_prepared():
    """Function from names, labels and the indices of training, validation and strangers to prepared data."""
    return _prepared


@pytest.fixture
def make_records():
    """Function from prepared data and the probabilities of held-out images and strangers to records."""
    return _records

"""Keras callbacks for trainings of one's own."""

import os
import shutil
from pathlib import Path

import keras

from kerasface.runs.store import DEFAULT_ROOT, check_name
from kerasface.train.process.claim import claim_name


class Resumable(keras.callbacks.BackupAndRestore):
    """Makes any `model.fit` go on after a kill where it was: weights, optimizer and epoch are kept after every epoch.

    The name belongs to one process at a time, also against `kerasface train`. When `fit` comes to its end, what was
    kept is removed. The model has to be built, and the data of an epoch should not depend on the epochs before.

    Args:
        name: Name of the training.
        runs: Folder of the runs; what is kept lies in `runs/.<name>.fit`.
        every: `"epoch"`, or after how many batches the state is kept, too.

    Raises:
        RunError: If the name is no folder name, or a training of that name runs (when `fit` begins).

    Example:
        ```python
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> history = model.fit(x, y, epochs=3, verbose=0, callbacks=[kf.callbacks.Resumable("linear")])
        >>> len(history.epoch)
        3

        ```
    """

    def __init__(self, name: str, *, runs: str | os.PathLike = DEFAULT_ROOT, every: str | int = "epoch"):
        check_name(name)
        self._name, self._runs, self._lock = name, Path(runs), None
        super().__init__(str(self._runs / f".{name}.fit"), save_freq=every, double_checkpoint=True)

    def on_train_begin(self, logs=None):
        self._lock = claim_name(self._runs, self._name, to_train=True)
        try:
            super().on_train_begin(logs)
        except BaseException:
            self.release()
            raise

    def on_train_end(self, logs=None):
        shutil.rmtree(self.backup_dir, ignore_errors=True)
        self.release()

    def release(self):
        """Gives the name back, where `fit` ended with an error in a process that lives on."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

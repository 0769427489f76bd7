"""The training loop: Keras's `fit`, one epoch at a time, so that it can be followed, stopped and resumed at any step.

Order and augmentation are functions of seed, epoch and step (`data/pipelines.py`), and everything else that changes is
in the checkpoint: weights, random states of the layers, the optimizer, metrics, early stopping. A training that was
killed goes on from its last checkpoint and ends with the same weights.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kerasface.train.engine.optimizers import averaged
from kerasface.train.engine.schedules import EarlyStopping, Plateau
from kerasface.train.engine.session import Session
from kerasface.train.engine.snapshots import note_filters

_LOG_SECONDS = 1.0  # between two lines of the event log
StageProgress = Callable[[str, int, int], None]


class TrainingDivergedError(RuntimeError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True, eq=False)
class Stage:
    """One run of `fit`: a compiled model, its batches and how it is judged.

    Attributes:
        name: `head`, `fine_tune` or `train`.
        model: Compiled; takes what `batches` gives.
        batches: From epoch and first step to a `tf.data.Dataset` of that epoch's batches from there on.
        steps_per_epoch: Batches of a whole epoch.
        epochs: Epochs at most.
        validate: Returns `val_loss` and other measures of the model as it is; called after each epoch.
        files_of_batch: From epoch and step to the files in that batch, to name them in an error.
        batch_size: Samples per step.
        num_samples: Samples per epoch.
        patience: Epochs without a better `val_loss` after which the stage ends and the best weights come back; 0 for
            never.
        plateau: Highest learning rate, where it falls when `val_loss` no longer does; else `None`.
        after_first_step: Called once, after the first step of the stage.
    """

    name: str
    model: keras.Model
    batches: Callable
    steps_per_epoch: int
    epochs: int
    validate: Callable[[], dict]
    files_of_batch: Callable[[int, int], Sequence[str]]
    batch_size: int
    num_samples: int
    patience: int = 0
    plateau: float | None = None
    after_first_step: Callable[[], None] = lambda: None


@dataclass
class _Progress:
    """Where a stage stands; JSON-ready."""

    stage: str
    epoch: int = 0
    step: int = 0  # steps done in this epoch
    measures: dict[str, float] = field(default_factory=dict)  # means over these steps
    history: list[dict] = field(default_factory=list)
    seconds: float = 0.0  # of training, over all processes
    early_stopping: dict | None = None
    plateau: dict | None = None


@dataclass(frozen=True)
class StageResult:
    """How a stage ended.

    Attributes:
        history: One record per epoch: `stage`, `epoch`, `loss`, ..., `val_loss`, ..., `images_per_second`, `seconds`.
        stopped: Whether it was asked to stop before its end.
        seconds: Seconds of training, over all processes.
    """

    history: list[dict]
    stopped: bool
    seconds: float


def run_stage(
    stage: Stage,
    session: Session,
    *,
    kept: dict[str, list[np.ndarray]] | None = None,
    extra: dict | None = None,
    on_progress: StageProgress | None = None,
) -> StageResult:
    """Runs a stage to its end, from the session's checkpoint if that is one of this stage.

    Args:
        stage: The stage.
        session: Where log and checkpoints go.
        kept: Arrays of earlier stages that must stay in the checkpoint.
        extra: JSON-ready values of earlier stages that must stay in the checkpoint.
        on_progress: Called with the stage's name, steps done and steps in all.

    Returns:
        The history. The model has the weights to keep: averaged where they were averaged, and of the best epoch where
        there was patience.

    Raises:
        TrainingDivergedError: If the loss became NaN or infinite; the last good checkpoint is kept.
        TrainingStoppedError: If it was asked to stop before the first step of all stages.
    """
    runner = _Runner(stage, session, kept or {}, extra or {}, on_progress or (lambda *counts: None))
    return runner.run()


class _Runner:
    def __init__(self, stage: Stage, session: Session, kept: dict, extra: dict, report: StageProgress):
        self.stage = stage
        self.session = session
        self.kept = kept
        self.extra = extra
        self.report = report
        self.progress = _Progress(stage.name)
        self.stopping = EarlyStopping(patience=stage.patience) if stage.patience else None
        self.plateau = Plateau(rate=stage.plateau) if stage.plateau else None
        self.best: list[np.ndarray] = []
        self.resumed_at, self.earlier = 0, {}  # of an interrupted epoch: the steps done and the means over them
        self.stopped = False
        stage.model.optimizer.build(stage.model.trainable_variables)

    def run(self) -> StageResult:
        if not self.extra.get("history"):  # of an earlier stage
            self.session.stop_early_if_asked()
        self._restore()
        self._began = time.perf_counter()
        with _interrupts() as interrupted:
            self._interrupted = interrupted
            while self.progress.epoch < self.stage.epochs:
                self.stopped = self._stop_is_asked()
                if not self.stopped:
                    self._train_epoch()
                if self.stopped or self._finish_epoch():
                    break
        if self.stopped:
            self.session.note_stop()
            self._checkpoint()
        with averaged(self.stage.model):
            kept = self.best or _values(self.stage.model.variables)
        _assign(self.stage.model.variables, kept)
        self.progress.seconds += time.perf_counter() - self._began
        return StageResult(self.progress.history, self.stopped, self.progress.seconds)

    def _train_epoch(self) -> None:
        epoch, start = self.progress.epoch, self.progress.step
        self.epoch_began, self.step_began = time.perf_counter(), start
        if start == self.stage.steps_per_epoch:
            return  # interrupted between the last step and the judging
        self.stage.model.fit(
            self.stage.batches(epoch, start),
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
            callbacks=[_Steps(self)],
        )

    def _finish_epoch(self) -> bool:
        """Judges the epoch and notes it; returns whether the stage is over."""
        progress, model = self.progress, self.stage.model
        seconds = time.perf_counter() - self.epoch_began
        images = (self.stage.steps_per_epoch - self.step_began) * self.stage.batch_size
        with averaged(model):
            judged = self.stage.validate()
            row = {"stage": self.stage.name, "epoch": progress.epoch + 1, **progress.measures, **judged}
            row |= {"learning_rate": _rate(model), "images_per_second": images / seconds, "seconds": seconds}
            if self.stopping is not None and self.stopping.update(judged["val_loss"]):
                self.best = _values(model.variables)
        if self.plateau is not None:
            model.optimizer.learning_rate = self.plateau.update(judged["val_loss"])
        progress.history.append(row)
        progress.epoch, progress.step, progress.measures = progress.epoch + 1, 0, {}
        self.resumed_at, self.earlier = 0, {}
        self.session.event("epoch", **row)
        note_filters(self.session.folder, progress.epoch, _up_to_date(model))
        return self.stopping is not None and self.stopping.should_stop

    def after_step(self, step: int, logs: dict) -> None:
        """Called by Keras after each step; `step` counts the steps done in this epoch."""
        self.progress.step = step
        if not np.isfinite(logs["loss"]):
            self._diverged(step)
        self.progress.measures = self._over_the_epoch(step, logs)
        if self.progress.epoch == 0 and step == 1:
            _up_to_date(self.stage.model)
            self.stage.after_first_step()
        done = self.progress.epoch * self.stage.steps_per_epoch + step
        self.report(self.stage.name, done, self.stage.epochs * self.stage.steps_per_epoch)
        now = time.perf_counter()
        if now - self._logged >= _LOG_SECONDS or step == self.stage.steps_per_epoch:
            self._log(step, now)
        if self._stop_is_asked():
            self.stopped = self.stage.model.stop_training = True
        elif self.session.checkpoint_is_due():
            self._checkpoint()

    def _over_the_epoch(self, step: int, logs: dict) -> dict[str, float]:
        """Means over the epoch so far: Keras's are over the steps since it was resumed."""
        before, now = (min(count * self.stage.batch_size, self.stage.num_samples) for count in (self.resumed_at, step))
        return {
            name: (self.earlier.get(name, 0.0) * before + float(value) * (now - before)) / now
            for name, value in logs.items()
        }

    def _log(self, step: int, now: float) -> None:
        images = (step - self._logged_step) * self.stage.batch_size
        self.session.event(
            "steps",
            stage=self.stage.name,
            epoch=self.progress.epoch + 1,
            step=step,
            steps_per_epoch=self.stage.steps_per_epoch,
            epochs=self.stage.epochs,
            **self.progress.measures,
            learning_rate=_rate(self.stage.model),
            images_per_second=images / max(now - self._logged, 1e-9),
            memory_mib=resident_mib(),
        )
        self._logged, self._logged_step = now, step

    def _stop_is_asked(self) -> bool:
        return self._interrupted.is_set() or self.session.stop_is_asked()

    def begin_epoch(self) -> None:
        """Called by Keras before the first step of an epoch or of what is left of it."""
        self._logged, self._logged_step = time.perf_counter(), self.progress.step

    def _diverged(self, step: int) -> None:
        files = self.stage.files_of_batch(self.progress.epoch, step - 1)
        some = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        place = f"stage {self.stage.name}, epoch {self.progress.epoch + 1}, step {step}"
        message = (
            f"The loss became NaN or infinite in {place}, at learning rate {_rate(self.stage.model):.3g}. "
            f"The batch held {some}. Lower the learning rate, or look at these images. "
            f"The last good checkpoint is kept in {self.session.folder}."
        )
        self.session.event("diverged", text=message)
        raise TrainingDivergedError(message)

    def _checkpoint(self) -> None:
        model = _up_to_date(self.stage.model)
        weights = _values(model.variables)
        if not all(np.isfinite(value).all() for value in weights if value.dtype.kind == "f"):
            return  # the loss of the next step will be NaN; the last good checkpoint stays
        progress = self.progress
        now = time.perf_counter()
        progress.seconds, self._began = progress.seconds + now - self._began, now
        progress.early_stopping = self.stopping and self.stopping.to_dict()
        progress.plateau = self.plateau and self.plateau.to_dict()
        arrays = {
            "model": weights,
            "optimizer": _values(model.optimizer.variables),
            "best": self.best,
            **{f"kept/{name}": values for name, values in self.kept.items()},
        }
        self.session.write_checkpoint(arrays, {**asdict(progress), "extra": self.extra})

    def _restore(self) -> None:
        found = self.session.read_checkpoint()
        if found is None or found[1]["stage"] != self.stage.name:
            self._checkpoint_start()
            return
        arrays, progress = found
        model = self.stage.model
        self.extra = progress.pop("extra")
        self.progress = _Progress(**progress)
        _assign(model.variables, arrays["model"])
        _assign(model.optimizer.variables, arrays["optimizer"])
        self.resumed_at, self.earlier = self.progress.step, self.progress.measures
        self.best = arrays.get("best", [])
        if self.stopping is not None:
            self.stopping = EarlyStopping.from_dict(self.progress.early_stopping)
        if self.plateau is not None:
            self.plateau = Plateau.from_dict(self.progress.plateau)
        self.session.event("resumed", stage=self.stage.name, epoch=self.progress.epoch + 1, step=self.progress.step)

    def _checkpoint_start(self) -> None:
        """A stage begins with a checkpoint: whatever happens from here on, what came before is not computed again."""
        self._began = time.perf_counter()
        self._checkpoint()
        note_filters(self.session.folder, 0, self.stage.model)


class _Steps(keras.callbacks.Callback):
    """Hands Keras's steps to the runner."""

    def __init__(self, runner: _Runner):
        super().__init__()
        self._runner = runner
        self._first = runner.progress.step

    def on_epoch_begin(self, epoch, logs=None):
        self._runner.begin_epoch()

    def on_train_batch_end(self, batch, logs=None):
        self._runner.after_step(self._first + batch + 1, logs)


def resident_mib() -> float | None:
    """Returns this process's resident memory in MiB; `None` on systems that do not tell it in a file."""
    path = Path("/proc/self/statm")
    if not path.is_file():
        return None
    import resource

    return int(path.read_text().split()[1]) * resource.getpagesize() / 2**20


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into an event, so that the current step is finished; the second one interrupts."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def interrupt(number, frame):
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def _values(variables: Sequence) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence, values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _rate(model: keras.Model) -> float:
    return float(ops.convert_to_numpy(_up_to_date(model).optimizer.learning_rate))


def _up_to_date(model: keras.Model) -> keras.Model:
    """Returns the model with the values of the step before: within an epoch JAX keeps them outside its variables.

    Without this the variables read there as if they had just been made. It costs a few milliseconds, and Keras picks up
    the next step from the variables: so it is called where they are read, not at every step.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
    return model

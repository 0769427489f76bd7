"""AdamW and SGD with a factor on the rate of each variable, decoupled weight decay and an average of the weights."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
from keras import ops


class _Refined:
    """What both optimizers add to Keras's: it stands in front of the Keras class and changes its `update_step`.

    The average is kept here and not by Keras's `use_ema`, which counts every batch of an accumulated step as one, and
    replaces the weights by their average at the end of every `fit`.
    """

    def __init__(self, *, decoupled_decay: float, rate_of: Callable[[str], float] | None, ema: float | None, **options):
        super().__init__(**options)
        self.decoupled_decay = decoupled_decay
        self.rate_of = rate_of
        self.ema = ema

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # By index, because TensorFlow hands `update_step` variables of its own, which have no path.
        self._factors = tuple(_factor(self.rate_of, variable.path) for variable in variables)
        self._averages = []
        if self.ema is not None:
            self._averages = [
                self.add_variable_from_reference(variable, name="average", initializer=_value_of(variable))
                for variable in variables
            ]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        rate = ops.cast(learning_rate, variable.dtype) * self._factors[index]
        if self.decoupled_decay and len(variable.shape) > 1:
            self.assign_sub(variable, ops.multiply(variable, rate * self.decoupled_decay))
        super().update_step(gradient, variable, rate)
        if self.ema is not None:
            average = self._averages[index]
            share = ops.cast(_share(self.ema, self.iterations + 1), variable.dtype)
            self.assign(average, ops.add(average, ops.multiply(ops.subtract(variable, average), share)))

    def _backend_apply_gradients(self, grads, trainable_variables):
        if keras.backend.backend() == "tensorflow" and self._distribution_strategy.num_replicas_in_sync > 1:
            self._apply_on_all_devices(grads, trainable_variables)
        else:
            super()._backend_apply_gradients(grads, trainable_variables)

    def _apply_on_all_devices(self, grads, trainable_variables):
        """Applies the sum of the gradients that the devices of a `tf.distribute` strategy found.

        Keras would clip each device's gradients before they are summed, and cannot accumulate: TensorFlow lets devices
        meet in no branch of a condition. So they meet first, and the condition comes behind.
        """
        import tensorflow as tf

        rate, batches, sums = self.learning_rate, self.gradient_accumulation_steps or 1, []
        grads = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, list(grads))
        if batches > 1:
            sums = [self._accumulated_gradients[self._get_variable_index(variable)] for variable in trainable_variables]
            grads = [gradient + ops.convert_to_tensor(total) for gradient, total in zip(grads, sums, strict=True)]
        clipped = self._clip_gradients([gradient / batches for gradient in grads])

        def apply(strategy, grads, clipped, rate):
            def on_each(function, variable, *values):
                strategy.extended.update(variable.value, function, args=values, group=False)

            def update():
                for variable, gradient in zip(trainable_variables, clipped, strict=True):
                    on_each(lambda value, *given: self.update_step(given[0], value, given[1]), variable, gradient, rate)
                for total in sums:
                    on_each(lambda value: value.assign(tf.zeros_like(value)), total)

            def accumulate():
                for total, gradient in zip(sums, grads, strict=True):
                    on_each(lambda value, given: value.assign(given), total, gradient)

            if batches == 1:
                update()
            else:
                ops.cond(ops.equal((self._iterations + 1) % batches, 0), update, accumulate)

        merge = tf.__internal__.distribute.interim.maybe_merge_call  # as Keras's own TensorFlow optimizer does
        merge(apply, self._distribution_strategy, grads, clipped, rate)

    def swap_averages(self, variables):
        """Exchanges the values of these variables and of their averages; without averages it does nothing."""
        for variable in variables if self._averages else ():
            average = self._averages[self._get_variable_index(variable)]
            value = ops.copy(variable)
            variable.assign(average)
            average.assign(value)


class _AdamW(_Refined, keras.optimizers.Adam):
    pass


class _SGD(_Refined, keras.optimizers.SGD):
    pass


def build_optimizer(
    name: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    *,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    rate_of: Callable[[str], float] | None = None,
    ema: float | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
) -> keras.optimizers.Optimizer:
    """Builds an optimizer for `model.compile`.

    Its `variables` are its whole state: assigned to those of an equal optimizer, built on an equal model, they let
    training go on as if it had not stopped.

    Args:
        name: `"adamw"` or `"sgd"`.
        learning_rate: A number, which may be assigned between epochs, or a schedule. A schedule's step is a batch,
            also where several batches are accumulated; an accumulated step takes the rate of its last batch.
        weight_decay: Share of a weight that is taken off per update, times the weight's own rate. Variables of one
            dimension, such as biases and the scales of norms, do not decay.
        momentum: Of `"sgd"`, in `[0, 1)`; AdamW has none to choose.
        rate_of: From a variable's path to the factor in `(0, 1]` on its rate; 1 for all if not given.
        ema: Momentum of the exponential moving average of the weights, in `[0, 1)`. After `t` updates those of update
            `i` count `ema ** (t - i)` in it, divided by the sum of these: it is the mean of the first few weights, and
            later `average = ema * average + (1 - ema) * weight`. `None` keeps no average. Training goes on with the
            weights; `averaged` puts the average in their place for a while.
        clip_norm: Greatest norm of all gradients together, after accumulation; longer ones are scaled down.
        accumulate: Batches whose gradients are averaged into one update.

    Raises:
        ValueError: If the name is unknown or a number is out of range. When the optimizer is built: if a factor is.

    Example:
        ```python
        optimizer = build_optimizer("adamw", 1e-3, weight_decay=0.05, ema=0.999)
        model.compile(optimizer, "categorical_crossentropy")
        model.fit(batches)
        with averaged(model):
            model.evaluate(validation)
        ```

    Reference:
        Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019 (arXiv:1711.05101), algorithms 1 and 2.
    """
    if name not in ("adamw", "sgd"):
        raise ValueError(f"Unknown optimizer. Received: name={name!r}. Expected 'adamw' or 'sgd'.")
    is_schedule = isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule)
    rules = {
        "learning_rate": (learning_rate, is_schedule or learning_rate > 0),
        "weight_decay": (weight_decay, weight_decay >= 0),
        "momentum": (momentum, 0 <= momentum < 1 and (name == "sgd" or momentum == 0)),
        "ema": (ema, ema is None or 0 <= ema < 1),
        "clip_norm": (clip_norm, clip_norm is None or clip_norm > 0),
        "accumulate": (accumulate, accumulate >= 1),
    }
    for argument, (value, holds) in rules.items():
        if not holds:
            raise ValueError(f"{argument} is out of range for {name}. Received: {argument}={value}.")
    options = {
        "name": name,
        "learning_rate": learning_rate if is_schedule else float(learning_rate),
        "decoupled_decay": weight_decay,
        "rate_of": rate_of,
        "ema": ema,
        "global_clipnorm": clip_norm,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
    }
    return _AdamW(**options) if name == "adamw" else _SGD(momentum=float(momentum), **options)


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Puts the average of the weights in their place, to evaluate or to save the model, and the weights back after.

    Both are back bit for bit, also after an error. Only trainable weights have an average: statistics of BatchNorm
    layers stay as they are. With an optimizer that keeps no average, the weights stay.

    Args:
        model: Compiled with an optimizer of `build_optimizer`; do not train it meanwhile.

    Raises:
        ValueError: If the model has no such optimizer.
    """
    # `compile` wraps the optimizer of a model in mixed_float16.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not isinstance(optimizer, _Refined):
        raise ValueError(
            f"Only optimizers of build_optimizer keep an average. Received: model.optimizer={model.optimizer}."
        )
    variables = model.trainable_variables
    optimizer.build(variables)  # in case it has not made a step
    optimizer.swap_averages(variables)
    try:
        yield
    finally:
        optimizer.swap_averages(variables)


def _share(ema: float, updates):
    """The share of the newest weights in their average: 1 at the first update, 1 - ema after many.

    It is `(1 - ema) / (1 - ema ** updates)`: the average is divided by what its shares sum up to, as Adam's are, or the
    weights of the first update, which are nearly random, would keep nearly all of it for 1 / (1 - ema) updates.
    """
    if ema == 0:
        return 1.0
    return (1 - ema) / -ops.expm1(ops.cast(updates, "float32") * math.log(ema))


def _factor(rate_of: Callable[[str], float] | None, path: str) -> float:
    factor = float(rate_of(path)) if rate_of else 1.0
    if not 0 < factor <= 1:
        raise ValueError(f"A factor on the learning rate lies in (0, 1]. Received: rate_of({path!r})={factor}.")
    return factor


def _value_of(variable) -> Callable:
    return lambda shape, dtype: ops.cast(ops.copy(variable), dtype)

"""Losses over pixels: logits of a segmentation model against a mask of class ids."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

_OUTSIDE = 255  # class id of pixels outside a picture; no class has it


class _PixelLoss(keras.losses.Loss):
    """A loss over the pixels of a batch, which may be weighted by image `(batch,)` or by pixel `(batch, rows, cols)`.

    Pixels of id 255 lie outside a picture and do not count. All is computed in float32, whatever the logits are.

    Args:
        name: Of the loss.
        label_sets: Where masks hold labels and not classes: for each label, by its id, the ids of the classes that it
            may mean. Without it an id is that of a class.

    Raises:
        ValueError: If a label means nothing or, when called, a class without logits.
    """

    def __init__(self, name: str, label_sets: Sequence[Sequence[int]] | None = None):
        super().__init__(name=name)
        if label_sets is not None and not (len(label_sets) and all(map(len, label_sets))):
            raise ValueError(f"Every label means one class or more. Received: label_sets={label_sets}.")
        self.label_sets = None if label_sets is None else [[int(index) for index in meant] for meant in label_sets]

    def get_config(self):
        return {**super().get_config(), "label_sets": self.label_sets}

    def may_be(self, num_classes: int) -> np.ndarray:
        """Returns 1 where a label may mean a class, else 0, float32, `(num_labels, num_classes)`."""
        if self.label_sets is None:
            return np.eye(num_classes, dtype=np.float32)
        if max(map(max, self.label_sets)) >= num_classes:
            raise ValueError(
                f"Labels mean classes that have logits. Received: label_sets={self.label_sets}, {num_classes} classes."
            )
        return np.array([[index in meant for index in range(num_classes)] for meant in self.label_sets], np.float32)

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Not left to Keras: weights by image would be multiplied along the columns, and Dice needs them in its sums.
        logits = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        ids = ops.cast(y_true, "int32")
        labeled = ops.cast(ops.not_equal(ids, _OUTSIDE), "float32")
        weights = labeled
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, "float32")
            by_image = len(sample_weight.shape) == 1
            weights = labeled * (ops.reshape(sample_weight, (-1, 1, 1)) if by_image else sample_weight)
        true = ops.take(self.may_be(logits.shape[-1]), ops.where(labeled > 0, ids, 0), axis=0)
        return self.of_pixels(true, logits, weights, labeled)

    def call(self, y_true, y_pred):
        return self(y_true, y_pred)


@keras.saving.register_keras_serializable(package="kerasface")
class DiceLoss(_PixelLoss):
    """Soft Dice loss: 1 minus the overlap `2 sum(p t) / (sum(p) + sum(t))` of each class, averaged over classes.

    Use it where classes differ in area: an eye counts as much as the background. The sums run over the whole batch, so
    that a class need not be in every picture. A class that no mask of the batch has counts (as 1) only if it is the
    most probable one of some pixel: softmax is never quite 0, and would cost such a class its whole overlap.

    Where labels mean several classes, each different set of classes has its overlap, with p the sum over the set, in
    the pixels of which the label tells whether they are of the set: it lies within the set, or shares no class with it.

    Args:
        label_sets: For each label, by its id in the masks, the ids of the classes that it may mean; without it an id is
            that of a class.

    Input shape:
        Class ids `(batch, rows, cols)` and logits `(batch, rows, cols, num_classes)`. Sample weights `(batch,)` or
        `(batch, rows, cols)` weight pixels within the sums.

    Reference:
        Milletari et al., "V-Net", 3DV 2016 (arXiv:1606.04797), section 3; without the squares, as in Drozdzal et al.,
        "The Importance of Skip Connections in Biomedical Image Segmentation", 2016 (arXiv:1608.04117).

    Example:
        ```python
        >>> classes = np.array([[[0, 1]]])  # a picture of two pixels
        >>> logits = np.array([[[[2.0, 0.0], [0.0, 0.0]]]])
        >>> round(float(kf.losses.DiceLoss()(classes, logits)), 3)
        0.321

        ```
    """

    def __init__(self, label_sets: Sequence[Sequence[int]] | None = None, name="dice", **kwargs):
        super().__init__(name, label_sets)

    def of_pixels(self, true, logits, weights, labeled):
        probabilities = ops.softmax(logits, axis=-1)
        weights = weights[..., None]
        predicted = ops.one_hot(ops.argmax(probabilities, axis=-1), logits.shape[-1], dtype="float32")
        if self.label_sets is not None:
            sets = np.unique(self.may_be(logits.shape[-1]), axis=0).T  # (num_classes, num_sets)
            shared = ops.matmul(true, sets)  # classes that label and set have in common
            within = shared >= ops.sum(true, axis=-1, keepdims=True)
            weights = weights * ops.cast(ops.logical_or(within, shared == 0), "float32")
            true = ops.cast(within, "float32")
            probabilities, predicted = ops.matmul(probabilities, sets), ops.matmul(predicted, sets)
        counts = ops.cast(ops.max(weights * ops.maximum(true, predicted), axis=(0, 1, 2)) > 0, "float32")
        overlap = 2 * ops.sum(weights * probabilities * true, axis=(0, 1, 2))
        total = ops.sum(weights * (probabilities + true), axis=(0, 1, 2))
        losses = 1 - overlap / ops.maximum(total, 1e-7)
        return ops.sum(losses * counts) / ops.maximum(ops.sum(counts), 1.0)


@keras.saving.register_keras_serializable(package="kerasface")
class FocalLoss(_PixelLoss):
    """Focal loss `-(1 - p)^gamma log(p)` of the true class's probability p, the mean over all pixels.

    Use it where most pixels are easy: those that are right already hardly count.

    Args:
        gamma: How fast pixels lose weight as they become right; 0 is cross-entropy.
        label_sets: For each label, by its id in the masks, the ids of the classes that it may mean: p is the sum of
            their probabilities. Without it an id is that of a class.

    Input shape:
        Class ids `(batch, rows, cols)` and logits `(batch, rows, cols, num_classes)`. Sample weights `(batch,)` or
        `(batch, rows, cols)` are factors on the pixels.

    Raises:
        ValueError: If `gamma` is below 0.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017 (arXiv:1708.02002), equation 4.

    Example:
        ```python
        >>> classes = np.array([[[0, 1]]])  # a picture of two pixels
        >>> logits = np.array([[[[2.0, 0.0], [0.0, 0.0]]]])
        >>> round(float(kf.losses.FocalLoss(gamma=2)(classes, logits)), 3)
        0.088

        ```
    """

    def __init__(self, gamma: float = 2.0, label_sets: Sequence[Sequence[int]] | None = None, name="focal", **kwargs):
        super().__init__(name, label_sets)
        if gamma < 0:
            raise ValueError(f"gamma must be at least 0. Received: gamma={gamma}.")
        self.gamma = gamma

    def of_pixels(self, true, logits, weights, labeled):
        log_p = _log_probability(true, logits)
        # Above 0, where the derivative of a root (gamma below 1) is infinite.
        wrong = ops.maximum(-ops.expm1(log_p), 1e-7)
        return _mean(-(wrong**self.gamma) * log_p, weights, labeled)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="kerasface")
class PixelCrossEntropy(_PixelLoss):
    """Cross-entropy of the true class, the mean over all pixels.

    Args:
        class_weights: Factor on the pixels of each class, by class id; 1 for all by default. The mean is still over
            the number of pixels, so weights above 1 make the loss larger. A label that means several classes weighs as
            the lightest of them.
        label_sets: For each label, by its id in the masks, the ids of the classes that it may mean: the loss is the
            negative logarithm of the sum of their probabilities. Without it an id is that of a class.

    Input shape:
        Class ids `(batch, rows, cols)` and logits `(batch, rows, cols, num_classes)`. Sample weights `(batch,)` or
        `(batch, rows, cols)` are factors on the pixels.

    Raises:
        ValueError: If a weight is below 0 or, when called, their number is not that of the classes.

    Example:
        ```python
        >>> classes = np.array([[[0, 1]]])  # a picture of two pixels
        >>> logits = np.array([[[[2.0, 0.0], [0.0, 0.0]]]])
        >>> round(float(kf.losses.PixelCrossEntropy()(classes, logits)), 3)
        0.41

        ```
    """

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        label_sets: Sequence[Sequence[int]] | None = None,
        name="pixel_cross_entropy",
        **kwargs,
    ):
        super().__init__(name, label_sets)
        if class_weights is not None and (len(class_weights) == 0 or min(class_weights) < 0):
            raise ValueError(f"Class weights must be at least 0. Received: class_weights={class_weights}.")
        self.class_weights = None if class_weights is None else [float(weight) for weight in class_weights]

    def of_pixels(self, true, logits, weights, labeled):
        losses = -_log_probability(true, logits)
        if self.class_weights is not None:
            if len(self.class_weights) != logits.shape[-1]:
                raise ValueError(
                    "Every class needs one weight. "
                    f"Received: {len(self.class_weights)} class_weights for {logits.shape[-1]} classes."
                )
            weighed = ops.where(true > 0, ops.convert_to_tensor(self.class_weights, "float32"), math.inf)
            losses = losses * ops.min(weighed, axis=-1)
        return _mean(losses, weights, labeled)

    def get_config(self):
        return {**super().get_config(), "class_weights": self.class_weights}


@keras.saving.register_keras_serializable(package="kerasface")
class SumOfLosses(keras.losses.Loss):
    """Several losses of the same output, each times its weight, such as Dice plus cross-entropy.

    Args:
        losses: Keras losses, at least one.
        weights: Factor on each; 1 by default.

    Raises:
        ValueError: If there is no loss, or not one weight for each.

    Example:
        ```python
        >>> classes = np.array([[[0, 1]]])  # a picture of two pixels
        >>> logits = np.array([[[[2.0, 0.0], [0.0, 0.0]]]])
        >>> both = kf.losses.SumOfLosses([kf.losses.DiceLoss(), kf.losses.PixelCrossEntropy()])
        >>> round(float(both(classes, logits)), 3)
        0.731

        ```
    """

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        weights: Sequence[float] | None = None,
        name="sum_of_losses",
        **kwargs,
    ):
        super().__init__(name=name)
        weights = [1.0] * len(losses) if weights is None else weights
        if not losses or len(weights) != len(losses):
            raise ValueError(
                f"A sum needs losses and one weight for each. Received: {len(losses)} losses, weights={weights}."
            )
        self.losses = list(losses)
        self.weights = [float(weight) for weight in weights]

    def __call__(self, y_true, y_pred, sample_weight=None):
        return sum(
            weight * loss(y_true, y_pred, sample_weight) for loss, weight in zip(self.losses, self.weights, strict=True)
        )

    def call(self, y_true, y_pred):
        return self(y_true, y_pred)

    def get_config(self):
        losses = [keras.saving.serialize_keras_object(loss) for loss in self.losses]
        return {**super().get_config(), "losses": losses, "weights": self.weights}

    @classmethod
    def from_config(cls, config):
        losses = [keras.saving.deserialize_keras_object(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})


def _log_probability(true, logits):
    """Logarithm of the summed probability of the classes that are 1 in `true`, `(batch, rows, cols)`."""
    # Far below every other one, but finite: the gradient of minus infinity is no number.
    among = ops.where(true > 0, logits, -1e9)
    return ops.logsumexp(among, axis=-1) - ops.logsumexp(logits, axis=-1)


def _mean(losses, weights, labeled):
    """Sum of weighted losses over the number of labelled pixels, as Keras averages."""
    return ops.sum(losses * weights) / ops.maximum(ops.sum(labeled), 1.0)

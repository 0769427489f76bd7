"""Losses that Keras itself does not have."""

import math

import keras
from keras import ops


class _AngularMargin(keras.losses.Loss):
    """Softmax cross-entropy over scaled cosines, with a margin on the true class's cosine."""

    def __init__(self, margin: float, scale: float, label_smoothing: float, name: str):
        super().__init__(name=name)
        self.margin = margin
        self.scale = scale
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        logits = self.scale * ops.where(y_true > 0.5, self.with_margin(y_pred), y_pred)
        if self.label_smoothing:
            y_true = y_true * (1 - self.label_smoothing) + self.label_smoothing / y_true.shape[-1]
        return -ops.sum(y_true * ops.log_softmax(logits, axis=-1), axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "scale": self.scale,
            "label_smoothing": self.label_smoothing,
        }


@keras.saving.register_keras_serializable(package="kerasface")
class ArcFace(_AngularMargin):
    """Additive angular margin: the true class counts as `cos(theta + margin)`.

    Use it for many identities: it pulls each towards its class weight by more than it takes to win. Beyond
    `theta = pi - margin`, where `cos(theta + margin)` would rise again, the cosine is lowered by
    `margin * sin(margin)` instead, so that the loss stays monotonous.

    Args:
        margin: In radians.
        scale: Factor on the cosines before the softmax.
        label_smoothing: Share of the target's probability spread over all classes.

    Input shape:
        One-hot labels and cosines in `[-1, 1]`, both `(batch, num_classes)`.

    Reference:
        Deng et al., "ArcFace", CVPR 2019 (arXiv:1801.07698), equation 3.
    """

    def __init__(
        self, margin: float = 0.5, scale: float = 64.0, label_smoothing: float = 0.0, name="arcface", **kwargs
    ):
        super().__init__(margin, scale, label_smoothing, name)

    def with_margin(self, cosines):
        # Away from +-1, where the derivative of the angle is infinite.
        angles = ops.arccos(ops.clip(cosines, -1 + 1e-6, 1 - 1e-6))
        turned = ops.cos(angles + self.margin)
        lowered = cosines - self.margin * math.sin(self.margin)
        return ops.where(angles + self.margin < math.pi, turned, lowered)


@keras.saving.register_keras_serializable(package="kerasface")
class CosFace(_AngularMargin):
    """Additive cosine margin: the true class counts as `cos(theta) - margin`.

    Args:
        margin: Subtracted from the cosine.
        scale: Factor on the cosines before the softmax.
        label_smoothing: Share of the target's probability spread over all classes.

    Input shape:
        One-hot labels and cosines in `[-1, 1]`, both `(batch, num_classes)`.

    Reference:
        Wang et al., "CosFace", CVPR 2018 (arXiv:1801.09414), equation 4.
    """

    def __init__(
        self, margin: float = 0.35, scale: float = 64.0, label_smoothing: float = 0.0, name="cosface", **kwargs
    ):
        super().__init__(margin, scale, label_smoothing, name)

    def with_margin(self, cosines):
        return cosines - self.margin

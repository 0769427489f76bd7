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

    Example:
        ```python
        >>> labels, cosines = np.array([[1.0, 0.0]]), np.array([[0.6, 0.2]])
        >>> round(float(kf.losses.ArcFace(scale=8)(labels, cosines)), 3)
        0.947

        ```
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

    Example:
        ```python
        >>> labels, cosines = np.array([[1.0, 0.0]]), np.array([[0.6, 0.2]])
        >>> round(float(kf.losses.CosFace(scale=8)(labels, cosines)), 3)
        0.513

        ```
    """

    def __init__(
        self, margin: float = 0.35, scale: float = 64.0, label_smoothing: float = 0.0, name="cosface", **kwargs
    ):
        super().__init__(margin, scale, label_smoothing, name)

    def with_margin(self, cosines):
        return cosines - self.margin


MINING = ("all", "semi-hard", "batch-hard")
NEGATIVES = ("anchor", "batch")
_FAR = 1e9  # added where a pair must not be chosen; distances of unit embeddings end at 2


class _PairLoss(keras.losses.Loss):
    """A loss over the pairs of a batch of embeddings, told apart by their labels.

    Its values are one per embedding, scaled so that their mean over the batch is the mean over the anchors that count.
    """

    def call(self, y_true, y_pred):
        y_pred = ops.cast(y_pred, "float32")  # 16 bits cannot tell embeddings that lie close together
        labels = ops.reshape(y_true, (-1,))
        same = ops.equal(labels[:, None], labels[None, :])
        itself = ops.eye(ops.shape(labels)[0], dtype="bool")
        genuine = ops.cast(ops.logical_and(same, ops.logical_not(itself)), "float32")
        impostor = ops.cast(ops.logical_not(same), "float32")
        values, counts = self.of_pairs(ops.matmul(y_pred, ops.transpose(y_pred)), genuine, impostor)
        return values * ops.cast(ops.shape(labels)[0], "float32") / ops.maximum(ops.sum(counts), 1.0)


@keras.saving.register_keras_serializable(package="kerasface")
class TripletLoss(_PairLoss):
    """Triplet loss `max(d(a, p) + margin - d(a, n), 0)`; d is the Euclidean distance of unit embeddings.

    Use it where only the order matters: an anchor's own pictures nearer than everybody else's.

    Args:
        margin: In units of the distance, which ends at 2.
        mining: `all` is the mean over all triplets. `semi-hard` takes for each pair of anchor and positive the nearest
            negative that lies beyond the positive, or the farthest of all where none does. `batch-hard` takes for each
            anchor its farthest positive and its nearest negative.

    Input shape:
        Integer labels `(batch,)` and unit embeddings `(batch, embedding_dim)`. Anchors without a positive or a
        negative in the batch do not count.

    Raises:
        ValueError: If `margin` is not above 0 or `mining` is unknown.

    Reference:
        Schroff et al., "FaceNet", CVPR 2015 (arXiv:1503.03832), section 3.2; Hermans et al., "In Defense of the
        Triplet Loss", 2017 (arXiv:1703.07737), equations 5 and 7.

    Example:
        ```python
        >>> people, embeddings = np.array([0, 0, 1, 1]), np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]])
        >>> round(float(kf.losses.TripletLoss(margin=0.2)(people, embeddings)), 3)
        0.275

        ```
    """

    def __init__(self, margin: float = 0.2, mining: str = "batch-hard", name="triplet", **kwargs):
        super().__init__(name=name)
        if margin <= 0:
            raise ValueError(f"margin must be above 0. Received: margin={margin}.")
        if mining not in MINING:
            raise ValueError(f"mining must be one of {', '.join(MINING)}. Received: mining={mining!r}.")
        self.margin = margin
        self.mining = mining

    def of_pairs(self, cosines, genuine, impostor):
        distances = _distances(cosines)
        if self.mining == "batch-hard":
            positive = ops.max(distances * genuine, axis=1)
            negative = ops.min(distances + _FAR * (1 - impostor), axis=1)
            counts = ops.max(genuine, axis=1) * ops.max(impostor, axis=1)
            return counts * ops.relu(positive + self.margin - negative), counts
        # (anchor, positive, negative)
        triplets = ops.relu(distances[:, :, None] + self.margin - distances[:, None, :])
        chosen = genuine[:, :, None] * impostor[:, None, :]
        if self.mining == "semi-hard":
            chosen = chosen * _semi_hard(distances, impostor)
        return ops.sum(triplets * chosen, axis=(1, 2)), ops.sum(chosen, axis=(1, 2))

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "mining": self.mining}


@keras.saving.register_keras_serializable(package="kerasface")
class ContrastiveLoss(_PairLoss):
    """Contrastive loss: `d^2 / 2` of genuine pairs, `max(margin - d, 0)^2 / 2` of impostor pairs.

    d is the Euclidean distance of unit embeddings. The mean over genuine and the mean over impostor pairs are added:
    a batch has many times more impostor pairs, which would else outweigh the others.

    Args:
        margin: Distance beyond which impostor pairs are left alone, above 0; distances end at 2.

    Input shape:
        Integer labels `(batch,)` and unit embeddings `(batch, embedding_dim)`.

    Raises:
        ValueError: If `margin` is not above 0.

    Reference:
        Hadsell et al., "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006, equation 4.

    Example:
        ```python
        >>> people, embeddings = np.array([0, 0, 1, 1]), np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]])
        >>> round(float(kf.losses.ContrastiveLoss(margin=0.5)(people, embeddings)), 3)
        0.206

        ```
    """

    def __init__(self, margin: float = 0.5, name="contrastive", **kwargs):
        super().__init__(name=name)
        if margin <= 0:
            raise ValueError(f"margin must be above 0. Received: margin={margin}.")
        self.margin = margin

    def of_pairs(self, cosines, genuine, impostor):
        distances = _distances(cosines)
        pull = ops.square(distances) * genuine / ops.maximum(ops.sum(genuine), 1.0)
        push = ops.square(ops.relu(self.margin - distances)) * impostor / ops.maximum(ops.sum(impostor), 1.0)
        return ops.sum(pull + push, axis=1) / 2, ops.ones((1,))

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


@keras.saving.register_keras_serializable(package="kerasface")
class SupConLoss(_PairLoss):
    """Supervised contrastive loss: each picture is to find those of its person among all others in the batch.

    Args:
        temperature: The cosines are divided by it; the smaller, the more the hardest negatives count.
        negatives: `anchor` is the paper's: the positives of an anchor compete with everything that it is compared
            with. With `batch` every genuine pair competes with the impostor pairs of the whole batch, at the mean
            weight of one anchor's: an order within each anchor's row is not enough then, one threshold must do for
            all people, as it must where strangers are to be told from those enrolled.

    Input shape:
        Integer labels `(batch,)` and unit embeddings `(batch, embedding_dim)`. Anchors without a positive in the batch
        count as negatives only.

    Raises:
        ValueError: If `temperature` is not above 0 or `negatives` is unknown.

    Reference:
        Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020 (arXiv:2004.11362), equation 2.

    Example:
        ```python
        >>> people, embeddings = np.array([0, 0, 1, 1]), np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]])
        >>> round(float(kf.losses.SupConLoss(temperature=0.1)(people, embeddings)), 3)
        0.967

        ```
    """

    def __init__(self, temperature: float = 0.1, negatives: str = "anchor", name="supcon", **kwargs):
        super().__init__(name=name)
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0. Received: temperature={temperature}.")
        if negatives not in NEGATIVES:
            raise ValueError(f"negatives must be one of {', '.join(NEGATIVES)}. Received: negatives={negatives!r}.")
        self.temperature = temperature
        self.negatives = negatives

    def of_pairs(self, cosines, genuine, impostor):
        logits = cosines / self.temperature
        if self.negatives == "anchor":
            others = ops.logsumexp(logits - _FAR * (1 - genuine - impostor), axis=1, keepdims=True)
            each = others - logits
        else:
            size = ops.cast(ops.shape(cosines)[0], "float32")
            others = ops.logsumexp(logits - _FAR * (1 - impostor)) - ops.log(size)
            each = ops.softplus(others - logits)
        counts = ops.sum(genuine, axis=1)
        anchors = ops.cast(counts > 0, "float32")
        return ops.sum(each * genuine, axis=1) / ops.maximum(counts, 1.0), anchors

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature, "negatives": self.negatives}


def _distances(cosines):
    """Euclidean distances of unit embeddings; never quite 0, where the derivative of the root is infinite."""
    return ops.sqrt(ops.maximum(2 - 2 * cosines, 1e-9))


def _semi_hard(distances, impostor):
    """Marks for each anchor and positive the chosen negative: `(batch, batch, batch)` of 0 and 1."""
    beyond = impostor[:, None, :] * ops.cast(distances[:, None, :] > distances[:, :, None], "float32")
    nearest = ops.argmin(distances[:, None, :] + _FAR * (1 - beyond), axis=2)
    farthest = ops.argmax(distances * impostor, axis=1)[:, None]
    index = ops.where(ops.max(beyond, axis=2) > 0, nearest, farthest)
    return ops.one_hot(index, ops.shape(distances)[1], dtype="float32")

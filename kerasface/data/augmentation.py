"""Random changes of training images that a resumed training repeats exactly.

Augmentation here is a function of images and a key, and has no state: the same key gives the same pictures, in whatever
order and in however many threads the batches are made. Keras's layers draw from a `SeedGenerator`, which counts its
draws in a variable and so depends on everything drawn before; they are given a `_KeyedSeed` instead.

Mirroring, shifting, zooming and rotating are one resampling by OpenCV. Keras has a layer for each, but a chain of them
resamples as often, which blurs, and is slow: on two cores, images of 112 pixels, Keras's three layers of `light` made
1,000 images a second, one resampling by the TensorFlow operation beneath them 2,200, and OpenCV seven times that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from kerasface.images.squares import fit_square

# Images, one-hot labels and a key to images and labels.
Augmentation = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

MIXES = ("none", "mixup", "cutmix")
_MIXUP_ALPHA = 0.2  # of the Beta distribution of the weight; Zhang et al. 2018 use 0.1 to 0.4
_ERASED = 128  # grey level of an erased patch


@dataclass(frozen=True)
class Policy:
    """How far the images of a batch are changed; each image draws its own values.

    Attributes:
        shift: Largest shift, as a share of the side.
        zoom: Largest change of size, as a share of it.
        rotation: Largest rotation in degrees.
        brightness: Largest change, as a share of 255.
        contrast: Largest change of the contrast, as a share of it.
        color: Largest change of the saturation, as a share of it. The hue stays: skin comes in no other.
        erasing: Probability that a patch is erased.
        blur: Probability that an image is blurred, by a Gaussian of up to 1.5 pixels.
    """

    shift: float
    zoom: float
    rotation: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    color: float = 0.0
    erasing: float = 0.0
    blur: float = 0.0


POLICIES: dict[str, Policy | None] = {
    "none": None,
    "light": Policy(shift=0.05, zoom=0.1),
    "standard": Policy(shift=0.08, zoom=0.15, rotation=10, brightness=0.1, contrast=0.2, color=0.3, erasing=0.25),
    "strong": Policy(shift=0.1, zoom=0.25, rotation=20, brightness=0.2, contrast=0.4, color=0.6, erasing=0.5, blur=0.3),
}


class _KeyedSeed(keras.random.SeedGenerator):
    """Gives each draw of one batch a seed of its own, made from the batch's key and the number of the draw."""

    def __init__(self, key: tf.Tensor):
        # The parent would make the variable that this class exists to do without.
        self._key = key
        self._draws = 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        # Keras's Beta distribution uses the seed 12 further on as well; 64 keeps the draws apart.
        self._draws += 64
        return self._key + tf.constant([0, self._draws], dtype=tf.int64)


def batch_key(seed: int, epoch: int, step: int) -> np.ndarray:
    """Returns the key of a batch, `(2,)` int64: different for every seed, epoch and step."""
    return np.random.SeedSequence((seed, epoch, step)).generate_state(2, np.uint32).astype(np.int64)


def check_policy(policy: str, mix: str) -> None:
    """Raises ValueError if the policy or the mix is unknown."""
    if policy not in POLICIES:
        raise ValueError(f"Unknown augmentation policy. Received: policy={policy!r}. Choose one of {[*POLICIES]}.")
    if mix not in MIXES:
        raise ValueError(f"Unknown mix. Received: mix={mix!r}. Choose one of {list(MIXES)}.")


def move_images(images: np.ndarray, policy: str, key: np.ndarray, *, flip: bool = True) -> np.ndarray:
    """Mirrors, rotates, zooms and shifts every image by values of its own: the first half of an augmentation.

    Args:
        images: RGB uint8, shape `(batch_size, height, width, 3)`.
        policy: One of `POLICIES`; `none` changes nothing.
        key: From `batch_key`.
        flip: Whether half of the images are mirrored. Turn it off where the mirror image is something else: digits,
            text, left and right profiles.
    """
    settings = POLICIES[policy]
    if settings is None:
        return images
    draws = np.random.default_rng(key).uniform(-1, 1, (len(images), 5))
    moved = np.empty_like(images)
    for image, target, (mirror, turn, size, right, down) in zip(images, moved, draws, strict=True):
        target[:] = transform_geometry(
            image,
            flip=flip and mirror < 0,
            rotation=settings.rotation * turn,
            zoom=(1 + settings.zoom) ** size,  # on a logarithmic scale: as often larger as smaller
            shift=(settings.shift * right * image.shape[1], settings.shift * down * image.shape[0]),
        )
    return moved


def transform_geometry(
    image: np.ndarray, *, flip: bool, rotation: float, zoom: float, shift: tuple[float, float]
) -> np.ndarray:
    """Changes the geometry of one image in one resampling; what comes in over the edge is the reflected picture.

    Args:
        image: `(height, width, 3)` uint8.
        flip: Mirror left and right, first of all.
        rotation: Counter-clockwise, about the centre, in degrees.
        zoom: Above 1 things become larger, below 1 smaller.
        shift: To the right and down, in pixels, last of all.

    Returns:
        An image of the same shape and dtype.
    """
    height, width = image.shape[:2]
    centre = np.array([width - 1, height - 1]) / 2
    cosine, sine = np.cos(np.deg2rad(rotation)) / zoom, np.sin(np.deg2rad(rotation)) / zoom
    # Output pixel p shows input pixel turn @ (p - centre - shift) + centre; y points down.
    turn = np.array([[cosine, -sine], [sine, cosine]])
    if flip:
        turn[0] *= -1
    matrix = np.column_stack([turn, centre - turn @ (centre + shift)])
    return cv2.warpAffine(
        image,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


@cache
def build_augmentation(policy: str, mix: str = "none", *, mixup_alpha: float | None = None) -> Augmentation:
    """Builds the second half of an augmentation: colour, blur, erased patches and mixing, by Keras's layers.

    Args:
        policy: One of `POLICIES`.
        mix: One of `MIXES`. `mixup` averages pairs of images and of labels (Zhang et al. 2018); `cutmix` puts a patch
            of one image into another and weighs the labels by area (Yun et al. 2019).
        mixup_alpha: Both parameters of the beta distribution that `mixup` draws its shares from; 0.2 if not given.

    Returns:
        A graph function, traced once and good for every epoch, of images `(batch_size, height, width, 3)` uint8,
        one-hot labels `(batch_size, num_classes)` float32 and a key from `batch_key` that returns images and labels of
        the same shapes and dtypes.

    Raises:
        ValueError: If the policy or the mix is unknown.
    """
    check_policy(policy, mix)
    settings = POLICIES[policy]
    layers = [] if settings is None else _appearance_layers(settings)
    mixer = {
        "mixup": keras.layers.MixUp(alpha=mixup_alpha or _MIXUP_ALPHA),
        "cutmix": keras.layers.CutMix(factor=(1.0, 1.0)),
    }.get(mix)

    @tf.function
    def augment(images, labels, key):
        if not layers and mixer is None:
            return images, labels
        seed = _KeyedSeed(key)
        shape = images.shape
        images = tf.cast(images, tf.float32)
        for layer in layers:
            images = layer.transform_images(images, _draw(layer, images, seed), training=True)
        if mixer is not None:
            transformation = _draw(mixer, images, seed)
            images = mixer.transform_images(images, transformation, training=True)
            labels = mixer.transform_labels(labels, transformation, training=True)
        # Bytes are a quarter of the traffic to the device, and training and evaluation get the same dtype.
        images = tf.cast(tf.clip_by_value(tf.round(images), 0, 255), tf.uint8)
        return tf.ensure_shape(images, shape), labels

    return augment


def augment_image(image: np.ndarray, policy: str, key: np.ndarray, *, flip: bool = True) -> np.ndarray:
    """Augments one image, `(height, width, 3)` uint8, by both halves of a policy, without mixing."""
    moved = move_images(image[None], policy, key, flip=flip)
    if not _changes_colors(policy):
        return moved[0]
    changed, _ = build_augmentation(policy)(tf.constant(moved), tf.zeros((1, 1)), tf.constant(key))
    return changed[0].numpy()


def preview_sheet(
    images: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    policy: str,
    *,
    mix: str = "none",
    mixup_alpha: float | None = None,
    flip: bool = True,
    num_columns: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """Draws a sheet of augmented images, each with its soft label in words, to look at before training.

    Args:
        images: RGB uint8, shape `(num_images, height, width, 3)`; they are mixed with one another.
        labels: Label of each image, integers, shape `(num_images,)`.
        names: Name of each label.
        policy: One of `POLICIES`.
        mix: One of `MIXES`.
        mixup_alpha: As `build_augmentation` has it.
        flip: As `move_images` has it.
        num_columns: Images side by side.
        seed: Another seed draws other changes.

    Returns:
        RGB uint8; each image is at least 128 pixels wide on it.

    Raises:
        ValueError: If there is no image, or the policy or the mix is unknown.
    """
    if len(images) == 0:
        raise ValueError("A sheet needs at least one image. Received: 0 images.")
    augment = build_augmentation(policy, mix, mixup_alpha=mixup_alpha)
    key = batch_key(seed, 0, 0)
    one_hot = np.eye(len(names), dtype=np.float32)[labels]
    moved = move_images(np.asarray(images), policy, key, flip=flip)
    changed, soft = augment(tf.constant(moved), tf.constant(one_hot), tf.constant(key))
    side, text_height, gap = max(128, images.shape[1]), 36, 8  # pixels; two lines of text
    num_columns = min(num_columns, len(images))
    num_rows = -(-len(images) // num_columns)
    sheet = Image.new(
        "RGB", (num_columns * (side + gap) + gap, num_rows * (side + text_height + gap) + gap), (255, 255, 255)
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (image, shares) in enumerate(zip(np.asarray(changed), np.asarray(soft), strict=True)):
        x = gap + index % num_columns * (side + gap)
        y = gap + index // num_columns * (side + text_height + gap)
        sheet.paste(Image.fromarray(fit_square(image, side)), (x, y))
        for line, text in enumerate(_soft_label(shares, names)):
            while draw.textlength(text, font) > side:
                text = text[:-2] + "…"
            draw.text((x, y + side + 1 + 16 * line), text, (20, 20, 20), font)
    return np.array(sheet)


@cache
def _changes_colors(policy: str) -> bool:
    settings = POLICIES[policy]
    return settings is not None and bool(_appearance_layers(settings))


def _appearance_layers(policy: Policy) -> list[keras.Layer]:
    """The layers that change colours, not places. `RandomColorJitter` would save lines, but draws without the key."""
    layers = keras.layers
    chosen = {
        layers.RandomBrightness: (policy.brightness, {"factor": policy.brightness}),
        # A single number would only raise the contrast.
        layers.RandomContrast: (policy.contrast, {"factor": (policy.contrast, policy.contrast)}),
        layers.RandomColorDegeneration: (policy.color, {"factor": policy.color}),
        layers.RandomGaussianBlur: (
            policy.blur,
            {"factor": (policy.blur, policy.blur), "kernel_size": 5, "sigma": (0.3, 1.5)},
        ),
        layers.RandomErasing: (
            policy.erasing,
            {"factor": (policy.erasing, policy.erasing), "scale": (0.02, 0.2), "fill_value": _ERASED},
        ),
    }
    return [layer(**settings) for layer, (strength, settings) in chosen.items() if strength > 0]


def _draw(layer: keras.Layer, images: tf.Tensor, seed: _KeyedSeed) -> dict[str, tf.Tensor]:
    # In tf.data the layers compute with TensorFlow, whatever backend trains. Calling a layer would see to it, but draws
    # from the layer's state.
    layer.backend.set_backend("tensorflow")
    return layer.get_random_transformation(images, training=True, seed=seed)


def _soft_label(shares: np.ndarray, names: Sequence[str]) -> list[str]:
    """The two largest shares of a soft label in words; shares below half a percent are left out."""
    largest = np.argsort(-shares, kind="stable")[:2]
    return [f"{shares[label]:.0%} {names[label]}" for label in largest if shares[label] >= 0.005]

"""A model made ready to be explained: compiled graphs that give scores, activations and gradients of any target."""

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import islice

import keras
import numpy as np
import tensorflow as tf

from kerasface.arrays import check_array
from kerasface.inspection.attribution.targets import Target
from kerasface.inspection.placement import Placement, placements
from kerasface.inspection.stitching import (
    before_probabilities,
    default_layer,
    find_layer,
    infer,
    leaves,
    map_layers,
    output_index,
    run_through,
)

_BATCH = 32  # images computed at once; memory grows with it
# Largest difference from the model itself, as a share of its largest output, and where layers compute in 16 bits.
_TOLERANCE, _TOLERANCE_16 = 1e-5, 3e-2


class Stitched:
    """Stitches image, a layer's activations and the output of a model into one graph, and checks it.

    Keep it and use it again: every graph is traced once, whatever the photo.

    Args:
        model: Functional or sequential, flat or with models nested in it; one input of RGB images with values 0 to 255.
        layer: The layer whose activations and gradients are wanted: its name, or `outer/inner` in a nested model; by
            default the one that `default_layer` chooses.
        output: Name of the output to explain; needed where the model has several.

    Attributes:
        model: The model.
        layer: Path of the layer; `None` where the model has no map.
        input_shape: Height, width and channels of an image; `None` for a side that may have any length.

    Raises:
        ValueError: If the model has several inputs, no image input, several outputs of which none is named, no such
            layer, or the layer does not lead to the output.
        RuntimeError: If the graph does not give what the model gives, or Keras does not run on TensorFlow.

    Example:
        ```python
        stitched = Stitched(load_run("saved_models", "digits").model)
        attribution = METHODS["grad-cam"](stitched, image, ClassTarget())
        ```
    """

    def __init__(self, model: keras.Model, layer: str | None = None, *, output: str | None = None):
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                "Attributions are computed with TensorFlow's gradients. "
                f"Received: backend {keras.backend.backend()!r}. Unset KERAS_BACKEND."
            )
        if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
            raise ValueError(
                f"Only models of one image can be explained. Received: {model.name} with inputs "
                f"{[tuple(tensor.shape) for tensor in model.inputs]}."
            )
        self.model = model
        self.input_shape = tuple(model.inputs[0].shape[1:])
        self._output = output_index(model, output)
        self.layer = default_layer(model, self._output) if layer is None else find_layer(model, layer)
        self._before = before_probabilities(model, self._output)
        self._name = output
        self._placements: dict[tuple[int, int], Placement] = {}
        self._variants: dict[str, Stitched] = {}
        self._check()

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of the layer's map; for any image size, those for 256x256 pixels.

        Raises:
            ValueError: If the layer gives no map.
        """
        maps = map_layers(self.model)
        if self.layer not in maps:
            raise ValueError(
                f"A class activation map needs a layer that gives a map. Received: layer={self.layer!r} of "
                f"{self.model.name}; choose one of {list(maps)[-5:]}."
            )
        return maps[self.layer]

    def placement(self, image_size: tuple[int, int]) -> Placement:
        """Returns where the layer's map looks in an image of this height and width."""
        if image_size not in self._placements:
            self._placements[image_size] = placements(self.model, image_size)[self.layer]
        return self._placements[image_size]

    def variant(self, name: str, change: Callable[[keras.Model], keras.Model]) -> "Stitched":
        """Returns the same for a changed copy of the model, which is made once and kept under `name`."""
        if name not in self._variants:
            self._variants[name] = self.changed(change(self.model))
        return self._variants[name]

    def changed(self, model: keras.Model) -> "Stitched":
        """Returns the same for another model of this architecture."""
        return Stitched(model, self.layer, output=self._name)

    def check_image(self, image: np.ndarray) -> None:
        """Refuses an image that the model does not take.

        Raises:
            ValueError: If it is not `(height, width, channels)`, or of another size than the model's.
        """
        check_array(image, f"{self.model.name} takes images of shape {self.input_shape}")
        fits = image.ndim == 3 and all(
            want in (None, side) for want, side in zip(self.input_shape, image.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"{self.model.name} takes images of shape {self.input_shape}. Received: image of shape {image.shape}. "
                "Resize it first."
            )

    def weights(self, image: np.ndarray, target: Target) -> np.ndarray:
        """Returns the weights of a target on the logits for this image, `(height, width, channels)`."""
        self.check_image(image)
        return target.weights(self.logits(image[None])[0])

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Returns the logits of images `(n, height, width, channels)`; the output where it is not made of logits."""
        return self._forward(_floats(images))[1].numpy()

    def activations(self, images: np.ndarray) -> np.ndarray:
        """Returns the layer's activations for images `(n, height, width, channels)`, float32.

        Where the model looks at several views of an image inside, there are as many for each: all images in their
        first view, then all in their second and so on.
        """
        return self._forward(_floats(images))[0].numpy()

    def scores(self, images: Iterable[np.ndarray], weights: np.ndarray, *, of: str = "logits") -> np.ndarray:
        """Returns the target's score for every image.

        Args:
            images: Images `(height, width, channels)`, one after another: no more than a batch of them is held.
            weights: The target's.
            of: `"logits"`, or `"output"` for the same sum over what the model gives out, such as probabilities.

        Returns:
            `(n,)` float32.
        """
        which = ("logits", "output").index(of)
        weights, images, scores = tf.constant(weights), iter(images), []
        while batch := list(islice(images, _BATCH)):
            scores.append(self._score_graph(_floats(np.stack(batch)), weights)[which].numpy())
        return np.concatenate(scores) if scores else np.zeros(0, dtype=np.float32)

    def layer_gradients(self, image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Returns the layer's activations for an image, the score's gradient with respect to them, and the score.

        Both are `(views, ...)`: one view, but where the model looks at several views of an image inside.

        Raises:
            ValueError: If the output does not depend on the layer.
        """
        activations, gradients, score = self._layer_graph(_floats(image[None]), tf.constant(weights))
        return activations.numpy(), gradients.numpy(), float(score)

    def input_gradients(self, images: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the gradient of every image's score with respect to the image, and the scores.

        Args:
            images: `(n, height, width, channels)`, uint8 or floats in `[0, 255]`.
            weights: The target's.

        Returns:
            `(n, height, width, channels)` and `(n,)`, both float32.
        """
        gradients, scores = self._input_graph(_floats(images), tf.constant(weights))
        return gradients.numpy(), scores.numpy()

    def _run(self, images) -> tuple:
        """Activations, logits and output of images, float32 but the activations."""
        seen = {}

        def operation(path, found, *args, **kwargs):
            if self._before and path == self._before[0]:
                seen["logits"] = self._before[1](args[0])
            outputs = infer(found, *args, **kwargs)
            if path == self.layer:
                seen["activations"] = keras.tree.flatten(outputs)[0]
            return outputs

        output = keras.tree.flatten(run_through(self.model, images, operation))[self._output]
        logits = seen.get("logits", output)
        for layer in self._before[2] if self._before else ():
            logits = layer(logits)
        activations = seen.get("activations", images)
        return activations, tf.cast(logits, tf.float32), tf.cast(output, tf.float32)

    # Concrete functions, called directly, can never be traced again.

    @cached_property
    def _image_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec((None, *self.input_shape), tf.float32)

    @cached_property
    def _forward(self):
        @tf.function(input_signature=[self._image_spec], autograph=False)
        def forward(images):
            activations, logits, output = self._run(images)
            return tf.cast(activations, tf.float32), logits, output

        return forward.get_concrete_function()

    @cached_property
    def _score_graph(self):
        @tf.function(input_signature=[self._image_spec, tf.TensorSpec(None, tf.float32)], autograph=False)
        def scores(images, weights):
            _, *values = self._run(images)
            return tuple(_per_image(value * weights) for value in values)

        return scores.get_concrete_function()

    @cached_property
    def _layer_graph(self):
        @tf.function(input_signature=[self._image_spec, tf.TensorSpec(None, tf.float32)], autograph=False)
        def gradients(images, weights):
            with tf.GradientTape() as tape:
                tape.watch(images)  # the weights may all be frozen
                activations, logits, _ = self._run(images)
                score = tf.reduce_sum(logits * weights)
            gradient = tape.gradient(score, activations)
            if gradient is None:
                raise ValueError(
                    f"The output of {self.model.name} does not depend on this layer. Received: layer={self.layer!r}. "
                    "Choose one that leads to it."
                )
            return tf.cast(activations, tf.float32), tf.cast(gradient, tf.float32), score

        return gradients.get_concrete_function()

    @cached_property
    def _input_graph(self):
        @tf.function(input_signature=[self._image_spec, tf.TensorSpec(None, tf.float32)], autograph=False)
        def gradients(images, weights):
            with tf.GradientTape() as tape:
                tape.watch(images)
                scores = _per_image(self._run(images)[1] * weights)
            return tape.gradient(scores, images), scores

        return gradients.get_concrete_function()

    def _check(self) -> None:
        """Compares the graph with the model on an image of noise."""
        size = tuple(side or 64 for side in self.input_shape)
        image = _floats(np.random.default_rng(0).integers(0, 256, (1, *size)))
        expected = keras.tree.flatten(self.model(image, training=False))[self._output]
        expected, found = np.asarray(expected, dtype=np.float32), self._forward(image)[2].numpy()
        coarse = any(getattr(leaf, "compute_dtype", "float32") != "float32" for leaf in leaves(self.model).values())
        tolerance = (_TOLERANCE_16 if coarse else _TOLERANCE) * max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(found - expected).max())
        if not difference <= tolerance:
            raise RuntimeError(
                f"The graph for {self.model.name} does not give what the model gives: outputs differ by "
                f"{difference:.2g}, allowed are {tolerance:.2g}. It cannot be explained."
            )


def _floats(images: np.ndarray) -> tf.Tensor:
    return tf.constant(images, dtype=tf.float32)


def _per_image(values):
    return tf.reduce_sum(tf.reshape(values, (tf.shape(values)[0], -1)), axis=1)

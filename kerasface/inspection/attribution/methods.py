"""All methods of attribution by name; each takes a stitched model, an image and a target."""

from collections.abc import Callable

from kerasface.inspection.attribution.activation_maps import grad_cam, grad_cam_plus_plus, layer_cam
from kerasface.inspection.attribution.gradients import (
    deconvolution,
    guided_backprop,
    integrated_gradients,
    smooth_grad,
)
from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.perturbation import occlusion, rise

METHODS: dict[str, Callable[..., Attribution]] = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "layer-cam": layer_cam,
    "integrated-gradients": integrated_gradients,
    "smooth-grad": smooth_grad,
    "guided-backprop": guided_backprop,
    "deconvolution": deconvolution,
    "occlusion": occlusion,
    "rise": rise,
}
# They explain by the map of one layer.
LAYER_METHODS = ("grad-cam", "grad-cam++", "layer-cam")
# Of these RISE alone passes both tests on a classifier on `face_resnet` (benchmarks/RESULTS.md): deleting what it names
# lowers the probability faster than deleting at random, and random weights give another map. LayerCAM is much quicker
# and as good in the first, but its maps follow the edges of the picture too; Grad-CAM's are too coarse on faces.
DEFAULT_METHOD = "rise"


def default_method(task: str) -> str:
    """Returns the method to begin with: of a model of pixels, on which 500 images take half a minute, a quick one.

    Args:
        task: That of the model's card.
    """
    return "layer-cam" if task == "segment" else DEFAULT_METHOD

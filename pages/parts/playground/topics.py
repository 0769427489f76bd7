"""Every topic of the playground by the name that its address has, in the order of the menu."""

from pages.parts.playground.choice import Topic
from pages.parts.playground.experiments import depth, descent, moved, open_set, overconfidence, transfer, triplets
from pages.parts.playground.maps import CONVOLUTION_CODE, DROPBLOCK_CODE, show_convolution, show_dropblock
from pages.parts.playground.mixup import CODE as MIXUP_CODE
from pages.parts.playground.mixup import show_mixup
from pages.parts.playground.softmax import SMOOTHING_CODE, SOFTMAX_CODE, show_smoothing, show_softmax
from pages.parts.playground.training import CODE as LIVE_CODE
from pages.parts.playground.training import show_live_training
from pages.parts.playground.worked import (
    activations,
    backpropagation,
    channels,
    groups,
    linear,
    normalization,
    transposed,
    unpooling,
)

CLASSIFY, CONVOLVE, LEARN, DEEP, FACES = "Classify", "Convolve", "Learn", "Go deep", "Know faces"

TOPICS = {
    "softmax": Topic("Softmax", CLASSIFY, show_softmax, SOFTMAX_CODE),
    "linear-classifier": Topic("Linear classifier", CLASSIFY, linear.show_linear_classifier, linear.CODE),
    "label-smoothing": Topic("Label smoothing", CLASSIFY, show_smoothing, SMOOTHING_CODE),
    "overconfidence": Topic("Overconfidence", CLASSIFY, overconfidence.show_overconfidence, overconfidence.CODE),
    "convolution": Topic("Convolution", CONVOLVE, show_convolution, CONVOLUTION_CODE),
    "channels": Topic("Several channels", CONVOLVE, channels.show_channels, channels.CHANNELS_CODE),
    "one-by-one": Topic("1 x 1 kernel", CONVOLVE, channels.show_one_by_one, channels.ONE_CODE),
    "groups": Topic("Groups", CONVOLVE, groups.show_groups, groups.CODE),
    "transposed-convolution": Topic("Transposed convolution", CONVOLVE, transposed.show_transposed, transposed.CODE),
    "unpooling": Topic("Pooling and back", CONVOLVE, unpooling.show_unpooling, unpooling.CODE),
    "moved-picture": Topic("Moved picture", CONVOLVE, moved.show_moved_picture, moved.CODE),
    "activations": Topic("Activation functions", LEARN, activations.show_activations, activations.CODE),
    "backpropagation": Topic("Forward and back", LEARN, backpropagation.show_backpropagation, backpropagation.CODE),
    "gradient-descent": Topic("Gradient descent", LEARN, descent.show_descent, descent.CODE),
    "live-training": Topic("Live training", LEARN, show_live_training, LIVE_CODE, draws_page=True),
    "mixup": Topic("Mixup", LEARN, show_mixup, MIXUP_CODE, draws_page=True),
    "depth": Topic("Depth", DEEP, depth.show_depth, depth.CODE, draws_page=True),
    "normalization": Topic("Normalization", DEEP, normalization.show_normalization, normalization.CODE),
    "dropblock": Topic("DropBlock", DEEP, show_dropblock, DROPBLOCK_CODE),
    "transfer": Topic("Transfer", DEEP, transfer.show_transfer, transfer.CODE, draws_page=True),
    "triplets": Topic("Triplets", FACES, triplets.show_triplets, triplets.CODE, draws_page=True),
    "open-set": Topic("Open set", FACES, open_set.show_open_set, open_set.CODE),
}

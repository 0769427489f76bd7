"""Every topic of the playground by the name that its address has, in the order of the menu."""

from pages.parts.playground.choice import Topic
from pages.parts.playground.maps import show_convolution, show_dropblock
from pages.parts.playground.mixup import show_mixup
from pages.parts.playground.softmax import show_smoothing, show_softmax
from pages.parts.playground.training import show_live_training

CLASSIFY, CONVOLVE, LEARN, DEEP, FACES = "Classify", "Convolve", "Learn", "Go deep", "Know faces"

TOPICS = {
    "softmax": Topic("Softmax", CLASSIFY, show_softmax),
    "label-smoothing": Topic("Label smoothing", CLASSIFY, show_smoothing),
    "convolution": Topic("Convolution", CONVOLVE, show_convolution),
    "live-training": Topic("Live training", LEARN, show_live_training),
    "mixup": Topic("Mixup", LEARN, show_mixup),
    "dropblock": Topic("DropBlock", DEEP, show_dropblock),
}

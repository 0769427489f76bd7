"""What each architecture brought, for people: the year, the paper, the idea."""

from dataclasses import dataclass

from kerasface.models.backbones import APPLICATIONS, family_of


@dataclass(frozen=True)
class Idea:
    """What an architecture is remembered for.

    Attributes:
        year: Of the paper.
        paper: Authors and title.
        text: The idea, in a sentence or two.
        arxiv: Number of the paper there; empty where it has none.
    """

    year: int
    paper: str
    text: str
    arxiv: str = ""


LINEAR = Idea(
    1936,
    "Fisher, The Use of Multiple Measurements in Taxonomic Problems",
    "One template per class, and the class whose template fits the pixels best wins. It cannot know that a face that "
    "is moved by a few pixels is the same face.",
)
MLP = Idea(
    1986,
    "Rumelhart, Hinton and Williams, Learning Representations by Back-propagating Errors",
    "Hidden units between pixels and classes, trained by passing the error back. Every unit has a weight for every "
    "pixel: nearly all weights stand in the first layer.",
)
LENET = Idea(
    1998,
    "LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition",
    "Small kernels that are the same everywhere, and maps that are halved again and again: what is learned in one "
    "place holds in all places, with few weights. It read the digits on a tenth of America's checks.",
)
SIMPLE = Idea(
    1998,
    "LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition",
    "The plain pattern of LeNet, four times, with what has been learned since: 3x3 kernels, ReLU, normalisation behind "
    "each convolution, and the mean of each map in place of dense layers.",
)
ALEXNET = Idea(
    2012,
    "Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks",
    "Depth, ReLU, dropout and two graphics cards: it made a third fewer errors in ImageNet's contest and began deep "
    "learning's decade. Its work lies in the convolutions, its weights in the dense layers behind them.",
)
VGG = Idea(
    2014,
    "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition",
    "Nothing but 3x3 kernels: two of them see as far as one of 5x5, with fewer weights and one more nonlinearity. The "
    "recipe is conv, conv, pool, and twice as many channels each time the map is halved.",
    "1409.1556",
)
INCEPTION = Idea(
    2014,
    "Szegedy et al., Going Deeper with Convolutions",
    "Kernels of several sizes side by side, made affordable by 1x1 kernels that thin the channels first; and an "
    "average over the map in place of the dense layers.",
    "1409.4842",
)
INCEPTION_V3 = Idea(
    2015,
    "Szegedy et al., Rethinking the Inception Architecture for Computer Vision",
    "Large kernels taken apart: 5x5 into two of 3x3, 7x7 into 1x7 and 7x1. Label smoothing comes from here as well.",
    "1512.00567",
)
RESNET = Idea(
    2015,
    "He et al., Deep Residual Learning for Image Recognition",
    "A block learns what to add to its input, and the shortcut carries the gradient past it: so 152 layers can be "
    "trained, where plain networks get worse with depth.",
    "1512.03385",
)
RESNET_V2 = Idea(
    2016,
    "He et al., Identity Mappings in Deep Residual Networks",
    "Normalisation and ReLU in front of each convolution: nothing stands in the way of the shortcut any more.",
    "1603.05027",
)
INCEPTION_RESNET = Idea(
    2016,
    "Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
    "Inception's branches with the shortcut of residual networks: it learns faster, at the same cost.",
    "1602.07261",
)
DENSENET = Idea(
    2016,
    "Huang et al., Densely Connected Convolutional Networks",
    "Each layer sees the maps of all layers before it in its block, so that a few new channels a layer are enough: few "
    "weights, much memory.",
    "1608.06993",
)
XCEPTION = Idea(
    2016,
    "Chollet, Xception: Deep Learning with Depthwise Separable Convolutions",
    "Inception taken to its end: space and channels are looked at one after the other, everywhere. By the author of "
    "Keras.",
    "1610.02357",
)
MOBILENET = Idea(
    2017,
    "Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
    "A depthwise kernel for space, a 1x1 kernel for channels: eight to nine times less work than normal 3x3 "
    "convolutions. The 1x1 kernels have nearly all of what is left.",
    "1704.04861",
)
MOBILENET_V2 = Idea(
    2018,
    "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks",
    "Blocks that widen, filter depthwise and narrow again without an activation; the shortcut joins the narrow ends.",
    "1801.04381",
)
MOBILENET_V3 = Idea(
    2019,
    "Howard et al., Searching for MobileNetV3",
    "Found by a search that measures time on a phone, and finished by hand: channels are weighed against each other, "
    "and cheap activations stand in for costly ones.",
    "1905.02244",
)
NASNET = Idea(
    2017,
    "Zoph et al., Learning Transferable Architectures for Scalable Image Recognition",
    "Cells that were found by a search on small pictures, stacked for large ones.",
    "1707.07012",
)
EFFICIENTNET = Idea(
    2019,
    "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    "Depth, width and resolution grow together, by one number: B0 was found by a search, B1 to B7 follow from it.",
    "1905.11946",
)
EFFICIENTNET_LITE = Idea(
    2019,
    "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    "EfficientNet-B0 as its authors published it for phones: without the weighing of channels, and with ReLU6, so that "
    "small chips compute it in integers. KerasFace goes on from its ImageNet weights with pictures of any kind.",
    "1905.11946",
)
EFFICIENTNET_V2 = Idea(
    2021,
    "Tan and Le, EfficientNetV2: Smaller Models and Faster Training",
    "Normal convolutions again in the first stages, where depthwise ones have few multiply-adds but leave the hardware "
    "idle: fewer multiply-adds are not always less time.",
    "2104.00298",
)
CONVNEXT = Idea(
    2022,
    "Liu et al., A ConvNet for the 2020s",
    "A residual network that takes from transformers what made them good, such as 7x7 depthwise kernels and fewer "
    "normalisations, and keeps convolution.",
    "2201.03545",
)
FACE_RESNET = Idea(
    2017,
    "King, High Quality Face Recognition with Deep Metric Learning",
    "29 layers after ResNet-34, with half its filters, trained so that photos of one person lie together and others "
    "apart: it gives 128 numbers, not classes. The embedder of KerasFace.",
)
UNET = Idea(
    2015,
    "Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation",
    "One half halves the map to learn what is there, the other doubles it again and takes in the finer maps of the "
    "first, to tell where: a class for every pixel.",
    "1505.04597",
)

_OWN = {
    "face_resnet": FACE_RESNET,
    "efficientnet_lite0": EFFICIENTNET_LITE,
    "linear": LINEAR,
    "mlp": MLP,
    "lenet": LENET,
    "simple_cnn": SIMPLE,
    "alexnet": ALEXNET,
    "vgg_recipe": VGG,
    "resnet34": RESNET,
    "inception": INCEPTION,
    "mobilenet": MOBILENET,
    "mobilenet_v2": MOBILENET_V2,
    "convnext": CONVNEXT,
    "unet": UNET,
}
_FAMILIES = {
    "convnext": CONVNEXT,
    "densenet": DENSENET,
    "efficientnet": EFFICIENTNET,
    "efficientnet_v2": EFFICIENTNET_V2,
    "inception_resnet_v2": INCEPTION_RESNET,
    "inception_v3": INCEPTION_V3,
    "mobilenet": MOBILENET,
    "mobilenet_v2": MOBILENET_V2,
    "mobilenet_v3": MOBILENET_V3,
    "nasnet": NASNET,
    "resnet": RESNET,
    "resnet_v2": RESNET_V2,
    "vgg16": VGG,
    "vgg19": VGG,
    "xception": XCEPTION,
}


def idea_of(name: str) -> Idea | None:
    """What the architecture of this name, or its family in `keras.applications`, brought; None if it is not known."""
    if name in APPLICATIONS:
        return _FAMILIES.get(family_of(name))
    return _OWN.get(name)

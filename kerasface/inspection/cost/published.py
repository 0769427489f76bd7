"""What was published of the contest that made networks of pictures known, and of the networks themselves.

Numbers were taken down from the papers, and so are of their own ways to count and to test; what a paper does not say is
None. Held against another source: ResNet's 3.57 % (its abstract), MobileNet and MobileNetV2 (the tables next to their
authors' code), and the weights of AlexNet, VGG-16 and both MobileNets (counted here, by a test). The work of VGG-16 is
as ResNet's paper counts it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ContestYear:
    """The best entry of a year to classify ILSVRC's 1,000 classes.

    Attributes:
        year: Of the contest.
        name: Of the entry or its network.
        error: Share of the test images whose class is not among its five answers.
        layers: Layers with weights; 0 for no network.
        source: Where the error is published.
    """

    year: int
    name: str
    error: float
    layers: int
    source: str


@dataclass(frozen=True)
class PublishedNetwork:
    """A network as its authors describe it.

    Attributes:
        name: As it is called.
        year: Of the paper.
        built_as: Name in the zoo or in `keras.applications`, as `inspection.cost.comparison.build_by_name` takes it.
        parameters: Weights.
        multiply_adds: Of one image.
        top1: Share of ImageNet's validation images, or of the data named in `note`, that it gets right.
        top5: Share of those whose class is among its five answers.
        note: How it was measured.
        source: Number of the paper at arXiv, or what the paper is.
    """

    name: str
    year: int
    built_as: str
    parameters: float | None
    multiply_adds: float | None
    top1: float | None
    top5: float | None
    note: str
    source: str

    @property
    def link(self) -> str:
        """Address of the paper; empty where it is not at arXiv."""
        return f"https://arxiv.org/abs/{self.source}" if self.source[0].isdigit() else ""


_REVIEW = "Russakovsky et al. 2015 (arXiv:1409.0575), table 5"
PEOPLE_ERROR = 0.051  # of one trained person, Russakovsky et al. 2015, section 6.4
CONTEST = (
    ContestYear(2010, "NEC-UIUC", 0.282, 0, _REVIEW),
    ContestYear(2011, "XRCE", 0.258, 0, _REVIEW),
    ContestYear(2012, "AlexNet", 0.164, 8, f"{_REVIEW}; 15.3 % with more training data"),
    ContestYear(2013, "Clarifai", 0.117, 8, _REVIEW),
    ContestYear(2014, "GoogLeNet", 0.067, 22, _REVIEW),
    ContestYear(2015, "ResNet", 0.0357, 152, "He et al. 2015 (arXiv:1512.03385), table 5"),
    ContestYear(2016, "Trimps-Soushen", 0.0299, 0, "ILSVRC 2016, list of results; several networks together"),
    ContestYear(2017, "SENet", 0.0225, 152, "Hu et al. 2017 (arXiv:1709.01507), section 6.2"),
)

_CROP = "one crop"
FAMILY = (
    PublishedNetwork(
        *("LeNet-5", 1998, "lenet", 60e3, 341e3, 0.9905, None, "digits of MNIST"),
        "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition",
    ),
    PublishedNetwork(
        *("AlexNet", 2012, "alexnet", 60e6, None, 0.593, 0.818, "one network, ten crops"),
        "Krizhevsky et al. 2012, ImageNet Classification with Deep Convolutional Neural Networks",
    ),
    PublishedNetwork(
        "VGG-16",
        2014,
        "VGG16",
        138e6,
        15.3e9,
        0.752,
        0.925,
        "one network, several sizes",
        "1409.1556",
    ),
    PublishedNetwork("GoogLeNet", 2014, "inception", None, 1.5e9, None, 0.8993, "one network, one crop", "1409.4842"),
    PublishedNetwork("ResNet-34", 2015, "resnet34", None, 3.6e9, 0.7497, 0.9224, "ten crops", "1512.03385"),
    PublishedNetwork("ResNet-152", 2015, "ResNet152", None, 11.3e9, 0.7857, 0.9429, "ten crops", "1512.03385"),
    PublishedNetwork("Inception-v3", 2015, "InceptionV3", 25e6, 5e9, 0.788, 0.944, _CROP, "1512.00567"),
    PublishedNetwork("DenseNet-121", 2016, "DenseNet121", None, None, 0.7498, 0.9229, _CROP, "1608.06993"),
    PublishedNetwork("MobileNet", 2017, "mobilenet", 4.2e6, 569e6, 0.706, None, _CROP, "1704.04861"),
    PublishedNetwork("MobileNetV2", 2018, "mobilenet_v2", 3.4e6, 300e6, 0.72, None, _CROP, "1801.04381"),
    PublishedNetwork("EfficientNet-B0", 2019, "EfficientNetB0", 5.3e6, 0.39e9, 0.771, 0.933, _CROP, "1905.11946"),
    PublishedNetwork("ConvNeXt-T", 2022, "ConvNeXtTiny", 29e6, 4.5e9, 0.821, None, _CROP, "2201.03545"),
)

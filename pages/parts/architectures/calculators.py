"""The view Calculators of the page Architectures: convolutions and dense layers by hand, three ways to convolve."""

import itertools

import streamlit as st

from kerasface.inspection.cost.calculators import (
    conv_multiply_adds,
    conv_output_size,
    conv_parameters,
    dense_parameters,
    separable_ratio,
)
from kerasface.inspection.teaching.factorized import ways_to_convolve
from kerasface.inspection.teaching.kernel_places import LEFT_OUT, kernel_places
from kerasface.plotting.kernel_places import MAX_PIXELS, places_figure
from kerasface.plotting.style import percent
from kerasface.terminal.errors import told
from pages.parts.architectures.layers import FORMULA
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.server.address import asked_for
from pages.parts.tables import show_table

# (label, shortest name of the setting, least, most): of one convolution, and of the three ways
CONVOLUTION = {
    "N": ("N: side of the image, pixels", 1, 256),
    "F": ("F: side of the kernel", 1, 15),
    "S": ("S: stride", 1, 8),
    "P": ("P: padding at each end", 0, 7),
    "D": ("D: dilation", 1, 4),
    "channels": ("Channels of the image", 1, 512),
    "filters": ("Filters", 1, 512),
    "groups": ("G: groups", 1, 512),
}
CONVOLUTION_SAMPLES = {
    "32 x 32 x 3, ten 5 x 5": (32, 5, 1, 2, 1, 3, 10, 1),
    "32 x 32 x 3, six 5 x 5": (32, 5, 1, 0, 1, 3, 6, 1),
    "28 x 28 x 6, ten 5 x 5": (28, 5, 1, 0, 1, 6, 10, 1),
    "3 x 3, 64 to 128": (28, 3, 1, 1, 1, 64, 128, 1),
    "7 x 7, 3 x 3 by 2": (7, 3, 2, 0, 1, 1, 1, 1),
    "7 x 7, 3 x 3 by 3": (7, 3, 3, 0, 1, 1, 1, 1),
    "AlexNet's first": (227, 11, 4, 0, 1, 3, 96, 1),
    "Dilated": (32, 3, 1, 2, 2, 64, 64, 1),
    "Two groups": (27, 5, 1, 2, 1, 96, 256, 2),
    "Depthwise, two for each channel": (14, 3, 1, 1, 1, 64, 128, 64),
}
WAYS = {
    "side": ("Side of the output", 1, 128),
    "kernel": ("F: side of the kernel", 1, 11),
    "in": ("Channels in", 1, 1024),
    "out": ("Channels out", 1, 1024),
    "reduced": ("Channels left by the 1x1 kernels", 1, 512),
}
WAYS_SAMPLES = {
    "Inception's 5 x 5 branch": (28, 5, 192, 32, 16),
    "6 x 6 x 3 to 4 x 4 x 5": (4, 3, 3, 5, 2),
    "12 x 12 x 3 to 8 x 8 x 256": (8, 5, 3, 256, 2),
    "A block of MobileNet": (14, 3, 512, 512, 128),
}
DENSE = {
    "in": ("Numbers that go in", 1, 25_088),
    "first": ("Units of the first hidden layer; 0: there is none", 0, 4096),
    "second": ("Units of the second hidden layer; 0: there is none", 0, 4096),
    "out": ("Classes", 1, 1000),
}
DENSE_SAMPLES = {
    "32 x 32 x 3, 100 hidden, 10 classes": (3072, 100, 0, 10),
    "32 x 32 x 3 to 10 classes": (3072, 0, 0, 10),
    "The head of VGG-16": (25_088, 4096, 4096, 1000),
}


def show_calculators():
    """A convolution along one side, the same map in three ways, then dense layers."""
    show_convolution()
    st.divider()
    show_dense()
    st.divider()
    show_ways()


def show_convolution():
    st.subheader("How large is the output, and how many weights?")
    choose_sample("convolution", CONVOLUTION, CONVOLUTION_SAMPLES)
    left, right = st.columns([2, 3], gap="large")
    with left:
        size, kernel, stride, padding, dilation, channels, filters, groups = sliders("convolution", CONVOLUTION)
    with right:
        try:
            weights = conv_parameters(kernel, channels, filters, groups=groups)
            side = conv_output_size(size, kernel, stride, padding, dilation, strict=False)
        except ValueError as error:
            st.error(plain(told(error)), icon=":material/block:")
            return
        places = kernel_places(size, kernel, stride, padding, dilation)
        show_size((size, kernel, stride, padding, dilation), side)
        show_fit(int((places[0] == LEFT_OUT).sum()), side)
        products = conv_multiply_adds((side, side), kernel, channels, filters, groups=groups)
        one = f"{kernel}·{kernel}·{channels // groups}"
        with st.container(horizontal=True, gap="large"):
            st.metric("Output", f"{side} x {side} x {filters}", width="content")
            st.metric("Weights", f"{weights:,}", width="content")
            st.metric("Multiply-adds", f"{products:,}", width="content")
        st.markdown(
            f"**Weights** ({one} + 1)·{filters} = {weights:,}: a bias for each filter  \n"
            f"**Multiply-adds** {side}·{side} places · {one}·{filters} = {products:,}"
        )
        if places.shape[1] <= MAX_PIXELS:
            show_chart(places_figure(places), key="places", alt="Which pixels each place of the kernel sees")
        else:
            st.caption(f"Each place of the kernel is drawn for up to {MAX_PIXELS} pixels, padding included.")


def show_dense():
    st.subheader("Dense layers: every number to every unit")
    choose_sample("dense", DENSE, DENSE_SAMPLES)
    left, right = st.columns([2, 3], gap="large")
    with left:
        widths = [width for width in sliders("dense", DENSE) if width]
        bias = st.toggle("A bias for each unit", key="dense_bias", persist_state="session")
    with right:
        weights = dense_parameters(widths, bias)
        st.metric("Weights of the dense layers", f"{weights:,}", width="content")
        factors = [(f"({before} + 1)" if bias else f"{before}", after) for before, after in itertools.pairwise(widths)]
        st.markdown(f"{' + '.join(f'{before}·{after}' for before, after in factors)} = {weights:,}")
        st.caption("Each weight is used once for a picture: there are as many multiply-adds as weights without biases.")


def show_size(numbers: tuple[int, int, int, int, int], side: int):
    """The formula, in letters and in numbers."""
    size, kernel, stride, padding, dilation = numbers
    room = rf"{size} + 2 \cdot {padding} - {dilation}\,({kernel} - 1) - 1"
    filled = rf"\left\lfloor \frac{{{room}}}{{{stride}}} \right\rfloor + 1 = {side}"
    st.latex(rf"\begin{{aligned}} & {FORMULA} \\ =\ & {filled} \end{{aligned}}")


def show_fit(left_out: int, side: int):
    """Whether the stride ends at the last pixel."""
    if not left_out:
        st.success("It fits: the last place ends at the last pixel.", icon=":material/check_circle:")
        return
    last = f"the last {left_out} pixels of each padded row are" if left_out > 1 else "the last pixel of a padded row is"
    st.warning(
        f"It does not fit: {last} never looked at. Some lectures call that an error; Keras rounds down to {side}. "
        "Another stride or padding makes it fit.",
        icon=":material/fit_screen:",
    )


def show_ways():
    st.subheader("The same map for less work")
    st.markdown(
        "A normal kernel looks at space and channels at once. A **depthwise separable** convolution takes them one "
        "after the other; a **1x1 convolution first** thins the channels before the large kernel comes."
    )
    choose_sample("ways", WAYS, WAYS_SAMPLES)
    left, right = st.columns([2, 3], gap="large")
    with left:
        side, kernel, channels, filters, reduced = sliders("ways", WAYS)
    ways = ways_to_convolve((side, side), kernel, channels, filters, reduced)
    with right:
        rows = [
            {
                "way": way.name,
                "multiply-adds": f"{way.multiply_adds:,}",
                "of the normal": percent(way.share),
                "weights, no biases": f"{way.weights:,}",
            }
            for way in ways
        ]
        show_table(rows, "Multiply-adds and weights of the three ways")
        sums = [f"{way.name}: {way.sum} = {way.weights:,} weights" for way in ways]
        st.markdown("  \n".join([*sums, f"Each weight is used at {side}·{side} = {side * side:,} places."]))
        ratio = separable_ratio(kernel, filters)
        st.latex(
            rf"\frac{{\text{{separable}}}}{{\text{{normal}}}} = \frac{{1}}{{C_{{out}}}} + \frac{{1}}{{F^2}} "
            rf"= \frac{{1}}{{{filters}}} + \frac{{1}}{{{kernel}^2}} = {ratio:.4f}"
        )
        show_gain(ways[2].share, reduced)


def show_gain(share: float, reduced: int):
    if share < 1:
        st.markdown(f"Thinned to {reduced} channels first, it is **{1 / share:.1f} times** less work than normal.")
    else:
        st.markdown(f"Thinning to {reduced} channels saves nothing here: there are too few to thin.")


def choose_sample(key: str, settings: dict, samples: dict[str, tuple[int, ...]]):
    """Worked numbers of lectures; choosing one, or following a link to one, moves the sliders."""

    def move(sample: str):
        names = [f"{key}_{name}" for name in settings]
        st.session_state.update(zip(names, samples[sample], strict=True))

    if f"{key}_{next(iter(settings))}" not in st.session_state:  # not the sliders' default: a sample moves them
        move(next(iter(samples)))
    asked_for(f"{key}_sample", samples, "example")
    chosen, moved = st.pills("Worked examples", list(samples), key=f"{key}_sample", bind="query-params"), f"{key}_moved"
    if chosen and chosen != st.session_state.get(moved):
        move(chosen)
    st.session_state[moved] = chosen


def sliders(key: str, settings: dict) -> list[int]:
    return [
        st.slider(label, least, most, key=f"{key}_{name}", persist_state="session")
        for name, (label, least, most) in settings.items()
    ]

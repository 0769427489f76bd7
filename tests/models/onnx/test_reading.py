"""ONNX files that are no face network, that would run code or read other files: refused in one sentence each."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from kerasface.models.onnx import reading  # noqa: E402
from kerasface.models.onnx.input_form import InputForm, normalizes_itself  # noqa: E402
from kerasface.models.onnx.network import build_network  # noqa: E402
from kerasface.models.onnx.parity import compare  # noqa: E402
from kerasface.models.onnx.reading import missing_packages, read_bytes, read_graph  # noqa: E402
from kerasface.models.pretrained import ModelFileError  # noqa: E402
from tests.models.onnx.networks import CHANNELS, SIDE, ints, model_of, network, weights  # noqa: E402


def op(operator, inputs=("x",), output="y", **attributes):
    return helper.make_node(operator, list(inputs), [output], **attributes)


def changed(change, *middle, constants=None, **options):
    """A network after `change` did something to it."""
    proto = network(middle, constants, **options)
    change(proto)
    return proto


def external(proto):
    proto.graph.initializer[0].data_location = TensorProto.EXTERNAL
    proto.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def not_numbers(value):
    def change(proto):
        array = numpy_helper.to_array(next(one for one in proto.graph.initializer if one.name == "filters")).copy()
        array[1, 2, 0, 0] = value
        next(one for one in proto.graph.initializer if one.name == "filters").CopyFrom(
            numpy_helper.from_array(array, "filters")
        )

    return change


def shape_of_weights(*dims):
    def change(proto):
        filters = next(one for one in proto.graph.initializer if one.name == "filters")
        filters.ClearField("dims")
        filters.dims.extend(dims)

    return change


def added(field, value):
    return lambda proto: getattr(proto.graph, field).append(value)


BRANCH = helper.make_graph([], "branch", [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)])
IMAGES = helper.make_tensor_value_info("others", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])
VECTOR = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, None)
FUNCTION = helper.make_function("mine", "f", ["a"], ["b"], [op("Relu", ("a",), "b")], [helper.make_opsetid("", 17)])


def nothing(proto):
    pass


def untold(proto):
    proto.graph.input[0].type.tensor_type.ClearField("shape")


# What is wrong: the file, and words of the sentence.
REFUSED = {
    "unknown operators": (
        lambda: changed(nothing, op("Softmax", output="z"), op("Resize", ("z", "", "s")), constants={"s": weights(4)}),
        "uses operators that are not known here: Resize (1), Softmax (1). Known are: Add, AveragePool",
    ),
    "an operator of somebody": (lambda: changed(nothing, op("Steal", domain="evil")), "not ONNX's own: evil.Steal"),
    "a function": (lambda: changed(lambda p: p.functions.append(FUNCTION)), "functions of its own, such as 'f'"),
    "a loop": (lambda: changed(nothing, op("Loop", ("", "", "x"), body=BRANCH)), "Loop runs a network inside"),
    "a branch": (lambda: changed(nothing, op("If", then_branch=BRANCH, else_branch=BRANCH)), "If runs a network"),
    "external data": (lambda: changed(external), "lies in another file"),
    "sparse weights": (
        lambda: changed(added("sparse_initializer", onnx.SparseTensorProto())),
        "sparse weights",
    ),
    "NaN": (lambda: changed(not_numbers(np.nan)), "weights 'filters' are NaN or infinite"),
    "infinity": (lambda: changed(not_numbers(np.inf)), "weights 'filters' are NaN or infinite"),
    "a shape of other weights": (lambda: changed(shape_of_weights(6, 3, 3, 4)), "does not hold what its shape says"),
    "an impossible shape": (lambda: changed(shape_of_weights(2**40, 2**20)), "impossible shape"),
    "a negative shape": (lambda: changed(shape_of_weights(-1, 2)), "impossible shape"),
    "words for weights": (
        lambda: changed(added("initializer", helper.make_tensor("w", TensorProto.STRING, [1], [b"a"]))),
        "of a kind that is not read: string",
    ),
    "no node": (lambda: changed(lambda p: p.graph.ClearField("node")), "it holds no network"),
    "two inputs": (lambda: changed(added("input", IMAGES)), "Received: 2 inputs (images, others)"),
    "two outputs": (lambda: changed(added("output", VECTOR)), "Received: 2 outputs (vector, pooled)"),
    "any side": (lambda: network(input_shape=("N", 3, "height", "width")), "['N', 3, 'height', 'width']"),
    "no square": (lambda: network(input_shape=("N", 3, 112, 96)), "fixed square size"),
    "grey pictures": (lambda: network(input_shape=("N", 1, SIDE, SIDE)), "fixed square size"),
    "a vector": (lambda: network(input_shape=("N", 128)), "fixed square size"),
    "a large picture": (lambda: network(input_shape=("N", 3, 4096, 4096)), "16 to 1,024 pixels"),
    "integers": (lambda: network(kind=TensorProto.UINT8), "must be float32 images. Received: uint8"),
    "no shape": (lambda: changed(untold), "fixed square size"),
    "an old operator set": (lambda: network(opset=6), "Received: opset 6"),
    "an operator set to come": (lambda: network(opset=99), "Received: opset 99"),
    "out of order": (
        lambda: changed(lambda p: p.graph.node.append(p.graph.node.pop(0))),
        "takes 'centred', which nothing before it gives",
    ),
    "twice": (lambda: changed(lambda p: p.graph.node.append(p.graph.node[2])), "'x' is computed twice"),
    "an output from nowhere": (
        lambda: network(output="nobody"),
        "nothing in it computes its output 'nobody'",
    ),
    "a map": (lambda: network(tail=[op("Relu", output="vector")]), "Received: output shape [None, 6, 18, 18]"),
    "few classes": (
        lambda: network((), {"w": weights(2, CHANNELS, SIDE, SIDE)}, tail=[op("Conv", ("x", "w"), "vector")]),
        "a vector of 8 to 8,192 numbers",
    ),
    "no image in it": (
        lambda: network((), {"c": weights(1, 8)}, tail=[op("Identity", ("c",), "vector")]),
        "its output does not depend on the images",
    ),
    "filters of other channels": (
        lambda: network([op("Conv", ("x", "w"), name="odd")], {"w": weights(6, 5, 3, 3)}),
        "of its node odd (Conv), 1 groups of filters [6, 5, 3, 3] do not fit 6 channels",
    ),
    "too large a window": (
        lambda: network([op("Conv", ("x", "w"), name="odd")], {"w": weights(6, 6, 30, 30)}),
        "its node odd (Conv) is no Keras layer",
    ),
    "three dimensions": (
        lambda: network([op("Conv", ("x", "w"))], {"w": weights(6, 6, 3, 3, 3)}),
        "two dimensions of space are read",
    ),
    "a batch that is joined": (
        lambda: network([op("Reshape", ("x", "s"))], {"s": ints(6, -1, SIDE, SIDE)}),
        "does not keep the images apart",
    ),
    "a reshape that does not fit": (
        lambda: network([op("Reshape", ("x", "s"))], {"s": ints(-1, 7)}),
        "does not keep the images apart",
    ),
    "a batch that is moved": (lambda: network([op("Transpose", perm=[1, 0, 2, 3])]), "it moves the batch"),
    "a product of maps": (lambda: network([op("MatMul", ("x", "x"))]), "computed from the images, not a constant"),
    "a division by zero": (
        lambda: network([op("Div", ("x", "z"))], {"z": np.zeros(1, np.float32)}),
        "divides a constant by a tensor, or by zero",
    ),
    "batches that are normalized": (
        lambda: network([op("BatchNormalization", ("x", *"gbmv"), training_mode=1)], {c: weights(6) for c in "gbmv"}),
        "it normalizes by the batch",
    ),
    "a mask": (
        lambda: network([helper.make_node("Dropout", ["x"], ["d", "mask"]), op("Mul", ("d", "mask"))]),
        "takes 'mask', a further output",
    ),
    "an endless constant": (
        lambda: network([op("ConstantOfShape", ("s",), "c"), op("Add", ("x", "c"))], {"s": ints(2**20, 2**20)}),
        "its constants do not fit: a shape of that size",
    ),
    "NaN of constants": (
        lambda: network([op("Sqrt", ("c",), "n"), op("Mul", ("x", "n"))], {"c": -np.ones(1, np.float32)}),
        "of its node n (Sqrt), it makes NaN of constants",
    ),
    "padding that fills the memory": (
        lambda: network([op("Pad", ("x", "p"), name="wide")], {"p": ints(0, 0, 0, 0, 0, 0, 40_000, 40_000)}),
        "its layer wide_pad makes 9,608,641,944 numbers of each image",  # (40,018 rows and columns) x 6 channels
    ),
    "a convolution that pads as much": (
        lambda: network([op("Conv", ("x", "w"), pads=[9000] * 4)], {"w": weights(6, 6, 1, 1)}),
        "numbers of each image, and 16,777,216 are allowed",
    ),
    "a calculation with the batch": (
        lambda: network([op("Shape", output="s"), op("Add", ("s", "s"), "t"), op("Reshape", ("x", "t"))]),
        "it calculates with the number of images",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_face_network_is_refused(name):
    make, told = REFUSED[name]
    with pytest.raises(ModelFileError) as caught:
        build_network(read_graph(make().SerializeToString(), "net.onnx"), InputForm())
    sentence = str(caught.value)
    assert told in sentence
    assert sentence.startswith("net.onnx is not imported: ")
    assert "\n" not in sentence


@pytest.mark.parametrize("content", [b"", b"no ONNX", bytes(range(256)) * 50, b"\x89PNG\r\n\x1a\n" + b"\0" * 99])
def test_other_files_are_refused(content):
    with pytest.raises(ModelFileError, match=r"^net\.onnx is no"):
        read_graph(content, "net.onnx")


def test_broken_files_end_in_sentences():
    """Bytes of a network changed here and there: read, or refused with a sentence."""
    content, rng = network().SerializeToString(), np.random.default_rng(0)
    refused = 0
    for _ in range(80):
        broken = bytearray(content)
        for place in rng.integers(0, 700, 3):
            broken[place] = rng.integers(256)
        try:
            build_network(read_graph(bytes(broken), "net.onnx"), InputForm())
        except ModelFileError:
            refused += 1
    assert refused > 20


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "net.onnx").write_bytes(network().SerializeToString())
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    with pytest.raises(ModelFileError, match="is larger than an ONNX file may be"):
        read_bytes(tmp_path / "net.onnx")
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        read_bytes(tmp_path / "other.onnx")


def test_without_its_packages_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(reading.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else name)
    assert missing_packages() == (
        "ONNX files need onnxruntime, which KerasFace does not install: pip install 'kerasface[onnx]'"
    )
    with pytest.raises(ModelFileError, match=r"pip install 'kerasface\[onnx\]'"):
        read_graph(b"", "net.onnx")


def judged(change=None, images=None):
    proto = network()
    content = proto.SerializeToString()
    graph = read_graph(content, "net.onnx")
    model = build_network(graph, InputForm())
    if change:
        layer = model.get_layer("fc")
        layer.set_weights([change(weight) for weight in layer.get_weights()])
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8) if images is None else images
    return compare(model, content, graph, InputForm(), images)


def test_a_model_that_differs_from_its_file_is_refused():
    assert judged()["max_difference"] < 1e-5
    with pytest.raises(ModelFileError, match=r"differs from ONNX Runtime by 1\.0e-02 of the largest number on 3 crops"):
        judged(lambda weight: 1.01 * weight)


def test_a_network_that_sees_nothing_is_refused():
    with pytest.raises(ModelFileError, match="the same numbers for every picture"):
        judged(images=np.zeros((3, SIDE, SIDE, 3), np.uint8))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("rgb 0..255", InputForm()),
        ("BGR  0..255", InputForm("bgr")),
        ("rgb -1..1", InputForm("rgb", (127.5,) * 3, (127.5,) * 3)),
        ("rgb 0..1", InputForm("rgb", (0.0,) * 3, (255.0,) * 3)),
        ("rgb mean 127.5 std 128", InputForm("rgb", (127.5,) * 3, (128.0,) * 3)),
        ("bgr mean 104, 117,123 std 1", InputForm("bgr", (104.0, 117.0, 123.0), (1.0,) * 3)),
    ],
)
def test_an_input_is_said_in_words(text, form):
    assert InputForm.parse(text) == form
    assert InputForm.parse(str(form)) == form


@pytest.mark.parametrize(
    "text",
    ["", "rgb", "0..255", "rgb 1..0", "rgb 0...255", "grb 0..1", "rgb mean 1,2 std 1", "rgb mean 1 std 0", "rgb -"],
)
def test_what_is_no_input_is_refused(text):
    with pytest.raises(ValueError, match="An input is told as"):
        InputForm.parse(text)


STEPS = {
    "taken off and divided": ([("Sub", 127.5), ("Div", 128)], True),
    "taken off alone": ([("Sub", 104.0)], True),
    "multiplied and taken off": ([("Mul", 1 / 255), ("Sub", 0.5)], True),
    "of 0 to 1": ([("Sub", 0.5), ("Div", 0.5)], False),
    "none": ([], False),
}


@pytest.mark.parametrize("name", STEPS)
def test_whether_a_file_normalizes_is_found(name):
    steps, expected = STEPS[name]
    nodes, constants, last = [], {"w": weights(8, 3, 3, 3)}, "images"
    for place, (operator, number) in enumerate(steps):
        constants[f"c{place}"] = np.float32([number]).reshape(1, 1, 1, 1)
        nodes.append(op(operator, (last, f"c{place}"), f"s{place}"))
        last = f"s{place}"
    nodes += [op("Conv", (last, "w"), "m"), op("GlobalAveragePool", ("m",), "p"), op("Flatten", ("p",), "vector")]
    assert normalizes_itself(read_graph(model_of(nodes, constants).SerializeToString(), "net.onnx")) is expected


@pytest.mark.slow
@pytest.mark.data
def test_the_face_network_of_others_is_its_file(data_dir):
    """Of 128 random pictures; benchmarks/imported_embedder.py takes crops of faces."""
    content = read_bytes(data_dir / "embedders" / "mobilefacenet.onnx")
    graph = read_graph(content, "mobilefacenet.onnx")
    assert normalizes_itself(graph)
    model = build_network(graph, InputForm())
    images = np.random.default_rng(0).integers(0, 256, (16, 112, 112, 3), np.uint8)
    result = compare(model, content, graph, InputForm(), images)
    assert result["max_difference"] <= 1e-4 * result["largest"]
    assert model.output_shape == (None, 128)

"""Models from ONNX files: our own come back, those of others compute what they did there."""

from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test.case.node as node_cases
import pytest
from layer_cases import PACKAGE
from onnx import TensorProto, helper, numpy_helper
from onnx_cases import FILES, cases, pools_long
from onnx_networks import NETWORKS, inputs_for
from onnx_runs import case_and_inputs, in_reference, model_of
from rows import each

import backprop as bp
from backprop import layers
from backprop.core.errors import CorruptFileError
from backprop.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LayerNormalization,
    Normalization,
    PositionEmbedding,
    ReLU,
    Residual,
    Softmax,
)

DATA = Path(__file__).parent / "data" / "onnx"
FILES |= {"InstanceNormalization": "instance_normalization"}

BRANCHES = (
    *(layers.Masking, layers.MultiHeadAttention, layers.RMSNormalization, layers.GLU),
    *(layers.TimeDistributed, layers.TransformerBlock, layers.UnitNormalization),
    layers.RepeatVector,
)
"""Layers that are neither a chain of nodes nor ways that are joined again."""

SEVERAL_NODES = (layers.ReLU6, layers.HardTanh, layers.CELU, layers.LogSigmoid, layers.Squareplus)
SEVERAL_NODES += (layers.SparsePlus, layers.TanhShrink, layers.Threshold, layers.Sparsemax)
"""Activations that are written as nodes which are not read."""


def is_chain(layer):
    joined = isinstance(layer, layers.Bidirectional) and layer.merge_mode != "concat"
    relu = isinstance(layer, layers.ReLU) and layer.definition != layers.ReLU.definition
    softmax = isinstance(layer, layers.Softmax) and isinstance(layer.axis, tuple)
    inverse = isinstance(layer, Normalization) and layer.invert
    return not (
        joined or inverse or relu or softmax or isinstance(layer, (*BRANCHES, *SEVERAL_NODES))
    )


CHAINS = [case for case in PACKAGE if case.mask is None and is_chain(case.make())]
JOINED = ("bidirectional_sum", "bidirectional_ave", "bidirectional_mul")
"""Two layers that come back as branches of a block."""

OTHERS = [
    case
    for case in PACKAGE
    if case.mask is None and not is_chain(case.make()) and str(case) not in JOINED
]
NETWORKS_THAT_ARE_CHAINS = [
    *("regression", "mlp", "mlp_normalized", "binary", "lenet", "convolutions_with_norms"),
    *("autoencoder", "resized", "painted_with_gaps", "series", "series_of_windows", "nested"),
    *("nothing", "table", "residual_images", "inception"),
]


def exported(model, path):
    model.export(path)
    return path


def kept(model):
    """The weights that an ONNX file has: no count of a Normalization, no positions beyond T."""
    found = []
    for layer in (one for top in model.layers for one in (top.inside() or [top])):
        if layer.inside():
            continue
        for parameter in layer.parameters:
            if isinstance(layer, Normalization) and parameter.name.endswith("count"):
                continue
            value = parameter.value
            if isinstance(layer, PositionEmbedding):
                value = value[: layer.input_shape[0]]
            if isinstance(layer, layers.PReLU):  # a shared α is read as one for each place
                value = np.broadcast_to(value, layer.input_shape)
            found.append(value.ravel())
    return found


@each("case", CHAINS, ids=str)
def test_every_chain_comes_back_with_its_weights(case, tmp_path):
    model, X = case_and_inputs(case)
    back = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
    np.testing.assert_allclose(back.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
    assert back.dtype == model.dtype
    for expected, found in zip(kept(model), kept(back), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("case", [case for case in PACKAGE if str(case) in JOINED], ids=str)
def test_joined_directions_come_back_as_a_block(case, tmp_path):
    model, X = case_and_inputs(case)
    back = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
    np.testing.assert_allclose(back.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
    assert isinstance(back.layers[0], layers.Block)


@pytest.mark.parametrize("name", NETWORKS_THAT_ARE_CHAINS)
def test_networks_come_back_with_their_weights(name, tmp_path):
    shape, make = NETWORKS[name]
    model = model_of(make(), shape)
    back = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
    X = inputs_for(shape, 5)
    np.testing.assert_allclose(back.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
    for expected, found in zip(kept(model), kept(back), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_layers_come_back_as_they_were(tmp_path):
    made = [
        *(layers.Rescaling(0.1, 0.5), layers.Conv2D(3, 3, padding="same"), BatchNormalization()),
        *(layers.LeakyReLU(0.3), layers.MaxPooling2D(3, 2, "same"), layers.Conv2D(2, 2, 2)),
        *(layers.Reshape((4, 2)), layers.PositionalEncoding(), LayerNormalization()),
        layers.LSTM(3, return_sequences=True, go_backwards=True),
        layers.Bidirectional(layers.GRU(2, return_sequences=True)),
        *(layers.GRU(4, reset_after=False), layers.SiLU(), Dense(3), Softmax()),
    ]
    model = model_of(made, (8, 8, 1))
    back = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
    assert [str(layer) for layer in back.layers] == [str(layer) for layer in model.layers]
    assert back.layers[0].scale == 0.1
    assert (back.layers[1].padding, back.layers[4].padding) == ("same", "same")
    assert back.layers[3].negative_slope == 0.3
    for a, b in zip(model.parameters, back.parameters, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.value, b.value)


def test_causal_windows_come_back_as_such(tmp_path):
    model = model_of([layers.Conv1D(2, 3, padding="causal", dilation_rate=2)], (6, 2))
    (layer,) = bp.load_onnx(exported(model, tmp_path / "a.onnx")).layers
    assert (layer.padding, layer.dilation_rate) == ("causal", (2,))


def test_both_directions_are_joined_in_their_order_alone(tmp_path):
    """[F B] is what a layer returns here; [B F], or their features in turns, is not."""
    model = model_of([layers.Bidirectional(layers.GRU(2))], (4, 3))
    found = onnx.load(exported(model, tmp_path / "a.onnx"))
    turn = [n for n in found.graph.node if n.op_type == "Transpose"][-1]
    turn.attribute[0].ints[:] = [1, 2, 0]
    onnx.save_model(found, tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=r"Reshape.*one after the other"):
        bp.load_onnx(tmp_path / "a.onnx")


def test_a_float64_model_comes_back_as_one(tmp_path):
    model = model_of([Dense(3), ReLU()], (4,), "float64")
    back = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_what_is_no_chain_is_an_error_that_names_a_node(case, tmp_path):
    model, _ = case_and_inputs(case)
    with pytest.raises(ValueError, match=r"node '\S+' \(\w+\).*(only chains|cannot be read)"):
        bp.load_onnx(exported(model, tmp_path / "a.onnx"))


# ---------------------------------------------------------------------------- networks of PyTorch


@pytest.fixture(scope="module")
def of_torch():
    with np.load(DATA / "torch.npz") as found:
        return dict(found)


TORCH = {
    "cnn": "Permute Conv2D ReLU MaxPooling2D ZeroPadding2D Conv2D LeakyReLU "
    "GlobalAveragePooling2D Flatten Dense Softmax",
    "cnn2": "Permute Conv2D SiLU AveragePooling2D Permute Flatten Dense GELU Dense",
    "conv1": "Permute Conv1D ReLU MaxPooling1D Permute Flatten Dense",
    "gru": "GRU Dense",
    "lstm": "LSTM Dense",
    "mlp": "Dense Tanh LayerNormalization Dense LogSoftmax",
    "tokens": "Embedding Dense",
    "up": "Permute Conv2DTranspose Cropping2D ReLU UpSampling2D PReLU Sigmoid Permute",
}


@pytest.mark.parametrize("name", TORCH)
def test_networks_of_pytorch_compute_what_they_did_there(name, of_torch):
    model = bp.load_onnx(DATA / f"{name}.onnx")
    assert " ".join(type(layer).__name__ for layer in model.layers) == TORCH[name]
    found = model.predict(of_torch[f"{name}/x"])
    np.testing.assert_allclose(found, of_torch[f"{name}/y"], rtol=0, atol=1e-6)


def test_a_network_of_pytorch_is_explained_and_trained_on(of_torch):
    model = bp.load_onnx(DATA / "cnn.onnx")
    X, y = of_torch["cnn/x"], np.array([1, 3])
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.evaluate(X, y)
    assert model.check_gradients(X, y).ok
    assert "conv2d_1" in str(model.explain(X[:1], y[:1]))
    model.fit(X, y, epochs=20, verbose=0)
    assert model.evaluate(X, y) < before


def test_what_was_read_is_exported_again(of_torch, tmp_path):
    for name in TORCH:
        model = bp.load_onnx(DATA / f"{name}.onnx")
        again = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
        X = of_torch[f"{name}/x"]
        np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-6, atol=1e-7)


# ----------------------------------------------------------------------- the standard's own cases

READ = {
    "AveragePool": 9,
    "BatchNormalization": 2,
    "Conv": 6,
    "ConvTranspose": 5,
    "Dropout": 5,
    "Elu": 2,
    "Flatten": 3,
    "Gelu": 2,
    "Gemm": 8,
    "GlobalAveragePool": 2,
    "GlobalMaxPool": 2,
    "GroupNormalization": 2,
    "Identity": 1,
    "InstanceNormalization": 2,
    "LayerNormalization": 13,
    "LeakyRelu": 2,
    "LogSoftmax": 5,
    "MatMul": 1,
    "MaxPool": 10,
    "PRelu": 1,
    "Pad": 0,
    "Relu": 1,
    "Reshape": 0,
    "Resize": 1,
    "Selu": 1,
    "Slice": 2,
    "Softmax": 6,
    "Squeeze": 1,
    "Sub": 1,
    "Transpose": 2,
    "Unsqueeze": 6,
}
"""How many of an operator's cases are read; the others, such as images of three axes, are not."""


def as_file(case, path):
    """A case as a file in which all inputs but the first are constants."""
    (model,) = [k.model for k in node_cases._NodeTestCases if k.name == f"test_{case.name}"]
    made = onnx.ModelProto()
    made.CopyFrom(model)
    first, *others = made.graph.node[0].input
    for name, array in zip(others, case.inputs[1:], strict=True):
        if name:
            made.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    given = [value for value in made.graph.input if value.name == first]
    outputs = list(made.graph.output[:1])
    for values, left in ((made.graph.input, given), (made.graph.output, outputs)):
        del values[:]
        values.extend(left)
    onnx.save_model(made, path)
    return path


def read_or_refused(path, operator):
    """The model, or None if it cannot be read, for which the operator or the shape is named."""
    try:
        return bp.load_onnx(path)
    except ValueError as error:
        reason = str(error)
    assert f"({operator}) cannot be read" in reason or "samples of shape" in reason
    return None


@pytest.mark.parametrize("operator", pools_long(READ))
def test_the_standards_cases_are_read_rightly_or_refused(operator, tmp_path):
    read = 0
    for case in cases(operator):
        model = read_or_refused(as_file(case, tmp_path / "a.onnx"), operator)
        if model is None:
            continue
        X, Y = case.inputs[0], case.outputs[0]
        np.testing.assert_allclose(model.predict(X), Y, rtol=1e-5, atol=1e-6, err_msg=case.name)
        read += 1
    assert read == READ[operator]


# ------------------------------------------------------------------------------------ what is not


def graph_of(nodes, constants=(), shape=("N", 3), outputs=("y",), path=None, opset=21):
    """A file of nodes, from x to y."""
    floats = [TensorProto.FLOAT] * 2
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", floats[0], shape)],
        [helper.make_tensor_value_info(name, floats[1], ("N", "K")) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    versions = [helper.make_opsetid("", opset)]
    onnx.save_model(helper.make_model(graph, opset_imports=versions, ir_version=8), path)
    return path


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], name=f"my_{operator}", **attributes)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([node("Sin", ["x"], "y")], r"node 'my_Sin' \(Sin\) cannot be read: backprop reads chains"),
        ([node("Add", ["x", "x"], "y")], r"my_Add.* joins 'x' with itself"),
        (
            [node("Relu", ["x"], "a"), node("Tanh", ["x"], "b"), node("Sub", ["a", "b"], "y")],
            r"'x' goes to node 'my_Relu' \(Relu\) and node 'my_Tanh' \(Tanh\), but only chains",
        ),
        (
            [node("Relu", ["x"], "a"), node("Concat", ["x", "a"], "y", axis=0)],
            "my_Concat.*another axis than the last",
        ),
        (
            [node("Relu", ["x"], "a"), node("Sum", ["x", "a", "V"], "y")],
            "my_Sum.* joins 'x' with 'V', which does not come from it",
        ),
        (
            [node("Relu", ["x"], "a"), node("Tanh", ["a"], "b"), node("Sum", ["x", "a", "b"], "y")],
            "my_Sum.* share nodes",
        ),
        (
            [node("Relu", ["x"], "a"), node("Sin", ["a"], "b"), node("Add", ["x", "b"], "y")],
            r"a.onnx': node 'my_Sin' \(Sin\) cannot be read: backprop reads",
        ),
        (
            [node("Relu", ["x"], "a"), node("Sin", ["x"], "b"), node("Relu", ["a"], "y")],
            r"'x' goes to node 'my_Relu' \(Relu\) and node 'my_Sin'",
        ),
        ([node("Softmax", ["x"], "y", axis=0)], "my_Softmax.*axis=0 is not the last one"),
        (
            [node("Transpose", ["x"], "y", perm=[1, 0])],
            "my_Transpose.*samples are not where they must be",
        ),
        ([node("MatMul", ["x", "V"], "y")], r"my_MatMul.*no product with a matrix"),
        ([node("Mul", ["x", "V"], "y")], "my_Mul.*more than one number"),
        ([node("Div", ["x", "n"], "y")], "my_Div.*constant is not positive"),
        ([node("Sub", ["V", "x"], "y")], "my_Sub.*input 1 is no constant"),
        ([node("Cast", ["x"], "a", to=7), node("Relu", ["a"], "y")], "Cast before it makes whole"),
    ],
)
def test_what_cannot_be_read_is_said(nodes, reason, tmp_path):
    constants = [("V", np.ones(3, np.float32)), ("n", np.array([1, -2, 3], np.float32))]
    path = graph_of(nodes, constants, path=tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=reason):
        bp.load_onnx(path)


def test_states_read_backwards_that_nobody_turns_are_refused(tmp_path):
    model = model_of([LSTM(2, return_sequences=True), ReLU()], (4, 3))
    found = onnx.load(exported(model, tmp_path / "a.onnx"))
    (lstm,) = [n for n in found.graph.node if n.op_type == "LSTM"]
    next(a for a in lstm.attribute if a.name == "direction").s = b"reverse"
    onnx.save_model(found, tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="reads backwards, and its states are not turned round"):
        bp.load_onnx(tmp_path / "a.onnx")


def test_two_inputs_are_refused(tmp_path):
    path = graph_of([node("Relu", ["x"], "y")], outputs=("y", "x"), path=tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="1 inputs and 2 outputs: a chain of layers has one"):
        bp.load_onnx(path)


def test_an_open_length_is_refused(tmp_path):
    path = graph_of([node("Relu", ["x"], "y")], shape=("N", "T", 3), path=tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=r"'x' has samples of shape \['T', 3\]: export it with"):
        bp.load_onnx(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "it is empty"),
        (b'{"layers": []}', "it is a text, JSON perhaps"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file"),
        (b"\x80\x04\x95", "it is a pickle"),
        (b"PK\x03\x04 no", "it was cut off"),
        (b"PK\x03\x04" + bytes(40), "it was cut off"),
        (b"\x89PNG\r\n", "it is damaged"),
        (b"text of any kind", "it is damaged"),
    ],
    ids=["empty", "JSON", "HDF5", "pickle", "zip", "zip of zeros", "PNG", "text"],
)
def test_what_another_file_is_is_said(content, kind, tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=rf"a\.onnx' is no ONNX file.*: {kind}"):
        bp.load_onnx(path)


def test_a_device_is_not_read():
    with pytest.raises(CorruptFileError, match="'/dev/zero' is a device or a pipe, and no file"):
        bp.load_onnx("/dev/zero")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        bp.load_onnx(tmp_path / "a.onnx")


def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path):
    path = exported(model_of([Dense(3), Softmax()], (4,)), tmp_path / "a.onnx")
    whole = path.read_bytes()
    for n in range(0, len(whole), 7):
        path.write_bytes(whole[:n])
        with pytest.raises(CorruptFileError, match=r"a\.onnx'"):
            bp.load_onnx(path)


def test_a_file_with_wrong_bytes_is_read_or_refused_by_its_name(tmp_path, rng):
    path = exported(
        model_of([Conv2D(2, 3), ReLU(), Flatten(), Dense(3)], (5, 5, 1)), tmp_path / "a"
    )
    whole, refused = path.read_bytes(), []
    for _ in range(400):
        wrong = np.frombuffer(whole, np.uint8).copy()
        wrong[rng.integers(len(wrong), size=3)] = rng.integers(256, size=3)
        path.write_bytes(wrong.tobytes())
        try:
            bp.load_onnx(path)
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 200
    assert all(said.startswith(repr(str(path))) for said in refused)


def test_a_network_by_hand_is_read(tmp_path):
    """Channels first, a product with its second factor turned, a bias for all: (1,)."""
    rng = np.random.default_rng(0)
    constants = [
        ("W", rng.standard_normal((2, 3, 3, 3)).astype(np.float32)),
        ("V", rng.standard_normal((4, 18)).astype(np.float32)),
        ("c", np.array([0.5], np.float32)),
    ]
    nodes = [
        node("Conv", ["x", "W"], "a"),
        node("Relu", ["a"], "b"),
        node("MaxPool", ["b"], "d", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["d"], "e"),
        node("Gemm", ["e", "V", "c"], "f", transB=1, alpha=2.0, beta=3.0),
        node("Softmax", ["f"], "y"),
    ]
    path = graph_of(nodes, constants, ("N", 3, 8, 8), path=tmp_path / "a.onnx")
    X = rng.standard_normal((5, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(bp.load_onnx(path).predict(X), in_reference(path, X), atol=1e-6)


@pytest.mark.parametrize("opset", [9, 11])
def test_operators_of_older_versions_are_read(opset, tmp_path):
    """Then axes and ratios were attributes, and Softmax went over all axes from one on."""
    rng = np.random.default_rng(0)
    constants = [("W", rng.standard_normal((3, 4)).astype(np.float32))]
    nodes = [
        node("Squeeze", ["x"], "a", axes=[1]),
        node("MatMul", ["a", "W"], "b"),
        node("Dropout", ["b"], "d", ratio=0.25),
        node("Softmax", ["d"], "e", axis=1),
        node("Unsqueeze", ["e"], "y", axes=[2]),
    ]
    path = graph_of(nodes, constants, ("N", 1, 3), path=tmp_path / "a.onnx", opset=opset)
    X = rng.standard_normal((5, 1, 3)).astype(np.float32)
    model = bp.load_onnx(path)
    np.testing.assert_allclose(model.predict(X), in_reference(path, X), atol=1e-6)
    assert next(layer.rate for layer in model.layers if isinstance(layer, Dropout)) == 0.25


@pytest.mark.parametrize("turn", [(0, 1, 2, 3), (0, 2, 3, 1)])
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 3, 1, 1), (3, 3, 3), (3,)])
def test_differences_and_quotients_are_one_normalization_where_they_fit(turn, shape, tmp_path):
    rng = np.random.default_rng(0)
    draw = [("m", rng.standard_normal(shape)), ("s", 1 + rng.random(shape))]
    nodes = [
        node("Sub", ["x", "m"], "a"),
        node("Transpose", ["a"], "b", perm=turn),
        node("Div", ["b", "s"], "y"),
    ]
    constants = [(name, np.float32(value)) for name, value in draw]
    path = graph_of(nodes, constants, ("N", 3, 3, 3), path=tmp_path / "a.onnx")
    X = rng.standard_normal((5, 3, 3, 3)).astype(np.float32)
    model = bp.load_onnx(path)
    np.testing.assert_allclose(model.predict(X), in_reference(path, X), rtol=1e-5, atol=1e-6)
    if turn == (0, 1, 2, 3):
        assert [type(layer) for layer in model.layers] == [Normalization]


def test_dropout_comes_back_where_training_goes_on(tmp_path):
    nodes = [node("Dropout", ["x", "p"], "y")]
    path = graph_of(nodes, [("p", np.float32(0.3))], path=tmp_path / "a.onnx")
    (layer,) = bp.load_onnx(path).layers
    assert isinstance(layer, Dropout)
    assert layer.rate == 0.3


def test_blocks_in_blocks_come_back_as_they_were(tmp_path):
    inner = layers.Parallel([[Dense(3), layers.SiLU()], Dense(2)])
    made = [
        *(Dense(5), Residual([layers.Tanh(), Residual([Dense(5)]), Dense(5)])),
        Residual([inner], shortcut=[Dense(5, use_bias=False)]),
        layers.Parallel([layers.Identity(), [Dense(5), ReLU()], layers.GELU()], "maximum"),
    ]
    model = model_of(made, (4,))
    back = bp.load_onnx(exported(model, tmp_path / "a.onnx"))
    assert [type(layer) for layer in back._chain.inside()] == [
        type(layer) for layer in model._chain.inside()
    ]
    for a, b in zip(model.parameters, back.parameters, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


@pytest.mark.parametrize("around", [True, False])
def test_sums_of_images_with_channels_first_are_read(around, tmp_path, rng):
    W = rng.normal(size=(2, 2, 3, 3)).astype("float32")
    nodes = [
        *(node("Conv", ["x", "W"], "a", pads=[1, 1, 1, 1]), node("Tanh", ["a"], "b")),
        *(node("Conv", ["x", "W"], "c", pads=[1, 1, 1, 1]), node("Sum", ["c", "b"], "d")),
        node("Conv", ["d", "W"], "y", pads=[1, 1, 1, 1]),
    ]
    if around:
        nodes = [
            *(node("Conv", ["x", "W"], "a", pads=[1, 1, 1, 1]), node("Tanh", ["a"], "b")),
            *(node("Conv", ["b", "W"], "c", pads=[1, 1, 1, 1]), node("Add", ["c", "a"], "d")),
            node("Conv", ["d", "W"], "y", pads=[1, 1, 1, 1]),
        ]
    path = graph_of(nodes, [("W", W)], ("N", 2, 4, 5), path=tmp_path / "a.onnx")
    model = bp.load_onnx(path)
    X = rng.normal(size=(3, 2, 4, 5)).astype("float32")
    expected = in_reference(path, X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)

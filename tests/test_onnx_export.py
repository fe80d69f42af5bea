"""Models as ONNX files: ONNX Runtime computes what ``predict`` does, for every layer."""

import builtins
import inspect
import sys

import numpy as np
import onnx
import pytest
from layer_cases import CASES, PACKAGE, Cube, MeanOverSteps, Scale
from onnx_architectures import ARCHITECTURES
from onnx_networks import DIGITS, NETWORKS, SERIES, WORDS, inputs_for
from onnx_runs import (
    case_and_inputs,
    in_float64,
    in_onnxruntime,
    in_reference,
    model_of,
    operators,
)
from rows import each

import backprop as bp
from backprop import layers
from backprop.core.errors import NotBuiltError
from backprop.estimators import MLPClassifier, MLPRegressor
from backprop.layers import (
    BatchNormalization,
    Chain,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Masking,
    MaxPooling2D,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.storage import onnx_export
from backprop.storage.onnx_graph import HOW, Graph

ENDING_IN_PROBABILITIES = [
    name for name, (_, make) in NETWORKS.items() if isinstance(make()[-1], (Softmax, Sigmoid))
]
IN_FLOAT32_ALONE = {
    *("vgg", "residual_tower", "vision_transformer", "mixer", "lstm_stack", "residual_rows")
}
"""Networks that nobody else runs in float64: ONNX Runtime has no Conv, LSTM and Softplus of it, and
the standard's definitions no LayerNormalization."""


@each("case", PACKAGE, ids=str)
def test_every_layer_runs_elsewhere_with_the_same_numbers(case, tmp_path):
    model, X = case_and_inputs(case)
    model.export(tmp_path / "a.onnx")
    expected, found = model.predict(X), in_onnxruntime(tmp_path / "a.onnx", X.astype("float32"))
    assert (found.dtype, found.shape) == (np.float32, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@each("case", PACKAGE, ids=str)
def test_every_layer_is_exported_in_float64(case, tmp_path):
    """Attributes, such as ε, are float32 in ONNX: that leaves 7 digits of them."""
    model, X = case_and_inputs(case, "float64")
    model.export(tmp_path / "a.onnx")
    found = in_float64(tmp_path / "a.onnx", X.astype("float64"))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, model.predict(X), rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_run_elsewhere_with_the_same_numbers(name, tmp_path):
    shape, make = NETWORKS[name]
    model = model_of(make(), shape)
    model.export(tmp_path / "a.onnx")
    for n in (1, 6):
        X = inputs_for(shape, n)
        found = in_onnxruntime(tmp_path / "a.onnx", X)
        np.testing.assert_allclose(found, model.predict(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_follow_the_standard(name, tmp_path):
    """The standard's own definitions give the same numbers; no runtime is trusted alone."""
    shape, make = NETWORKS[name]
    model = model_of(make(), shape)
    model.export(tmp_path / "a.onnx")
    X = inputs_for(shape, 4)
    found = in_reference(tmp_path / "a.onnx", X)
    np.testing.assert_allclose(found, model.predict(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - IN_FLOAT32_ALONE))
def test_networks_keep_the_precision_of_predict(name, tmp_path):
    shape, make = ARCHITECTURES[name]
    model = model_of(make(), shape, "float64")
    model.export(tmp_path / "a.onnx")
    X = inputs_for(shape, 4, "float64")
    found = in_float64(tmp_path / "a.onnx", X)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ENDING_IN_PROBABILITIES)
def test_networks_give_logits_on_request(name, tmp_path):
    shape, make = NETWORKS[name]
    model, X = model_of(make(), shape), inputs_for(shape, 4)
    model.export(tmp_path / "a.onnx", logits=True)
    logits = in_onnxruntime(tmp_path / "a.onnx", X)
    found, expected = model.layers[-1].forward(logits), model.predict(X)
    assert not np.allclose(logits, expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_networks_are_many_and_tell_samples_apart():
    assert len(NETWORKS) >= 50
    for name, (shape, make) in NETWORKS.items():
        found = model_of(make(), shape).predict(inputs_for(shape, 6))
        assert np.ptp(found, axis=0).max() > 1e-3, name


def test_every_layer_of_the_package_has_a_conversion():
    made = {type(layer) for case in CASES for layer in [case.make()]}
    public = {getattr(layers, name) for name in layers.__all__}
    bases = {layers.Activation, layers.Block, layers.Input, layers.Lambda, layers.Layer}
    assert public - set(onnx_export.TABLE) == bases
    assert set(onnx_export.TABLE) <= made | {layers.Bidirectional}


# ------------------------------------------------------------------------------------- what it says


def test_what_the_file_says_about_itself(tmp_path):
    model = model_of([Dense(4), ReLU(), Dense(3), Softmax()], (5,))
    model.export(tmp_path / "a.onnx")
    found = onnx.load(tmp_path / "a.onnx")
    assert found.ir_version == 10
    assert [(o.domain, o.version) for o in found.opset_import] == [("", 21)]
    assert (found.producer_name, found.producer_version) == ("backprop", bp.__version__)
    assert {p.key: p.value for p in found.metadata_props} == {"backprop": bp.__version__}
    (given,), (made,) = found.graph.input, found.graph.output
    shapes = [value.type.tensor_type.shape.dim for value in (given, made)]
    sizes = [[size.dim_param or size.dim_value for size in shape] for shape in shapes]
    assert (given.name, made.name) == ("x", "probabilities")
    assert sizes == [["N", 5], ["N", 3]]
    assert [node.name for node in found.graph.node] == [
        *("dense_1/Gemm", "relu_1/Relu", "dense_2/Gemm", "softmax_1/Softmax")
    ]
    assert [t.name for t in found.graph.initializer] == [
        *("dense_1.W", "dense_1.b", "dense_2.W", "dense_2.b")
    ]


def test_a_compiled_and_trained_model_exports_its_probabilities(tmp_path):
    X, y = inputs_for((64,), 30), np.arange(30) % 10
    model = bp.Sequential([Dense(8), ReLU(), Dense(10), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, y, epochs=2, verbose=0)
    model.export(tmp_path / "a.onnx")
    np.testing.assert_allclose(in_onnxruntime(tmp_path / "a.onnx", X), model.predict(X), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*converge.*")
def test_estimators_export_by_their_network(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 5))
    classifier = MLPClassifier(hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(
        X, np.sign(X[:, 0])
    )
    regressor = MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(X, X[:, 0])
    for made, expected in (
        (classifier, classifier.predict_proba(X)[:, 1]),
        (regressor, regressor.predict(X)),
    ):
        made.model_.export(tmp_path / "a.onnx")
        found = in_onnxruntime(tmp_path / "a.onnx", X.astype(made.model_.dtype))
        np.testing.assert_allclose(found[:, -1], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("end", [Softmax, Sigmoid])
@pytest.mark.parametrize("nested", [False, True])
def test_logits_are_what_the_last_activation_is_given(end, nested, tmp_path):
    own = [Dense(4), Tanh(), Dense(3), end()]
    model = model_of([Chain(own)] if nested else own, (5,))
    model.export(tmp_path / "a.onnx", logits=True)
    X = inputs_for((5,), 4)
    expected = model.activations(X)["chain_1.dense_2" if nested else "dense_2"]
    np.testing.assert_allclose(in_onnxruntime(tmp_path / "a.onnx", X), expected, atol=1e-6)
    assert onnx.load(tmp_path / "a.onnx").graph.output[0].name == "logits"


def test_logits_of_what_makes_no_probabilities_are_refused(tmp_path):
    model = model_of([Dense(4), Tanh()], (5,))
    with pytest.raises(ValueError, match="ends with Tanh 'tanh_1': export it without"):
        model.export(tmp_path / "a.onnx", logits=True)


def test_logits_are_asked_for_by_true_or_false(tmp_path):
    with pytest.raises(TypeError, match="logits must be True or False, but it is 'no'"):
        model_of([Dense(3), Softmax()], (4,)).export(tmp_path / "a.onnx", logits="no")


def test_axes_turned_twice_are_not_turned(tmp_path):
    own = [Conv2D(2, 3), BatchNormalization(), MaxPooling2D(), Conv2D(3, 2)]
    model_of(own, DIGITS).export(tmp_path / "a.onnx")
    assert operators(tmp_path / "a.onnx") == [
        *("Transpose", "Conv", "BatchNormalization", "MaxPool", "Conv", "Transpose")
    ]


def test_what_no_output_needs_is_left_out(tmp_path):
    """The mask is for nobody here."""
    model_of([Embedding(9, 4, mask_zero=True), Flatten()], WORDS).export(tmp_path / "a.onnx")
    assert operators(tmp_path / "a.onnx") == ["Cast", "Gather", "Flatten"]


def test_a_model_without_weights_is_refused(tmp_path):
    for model in (bp.Sequential([Dense(3)]), bp.Sequential(), bp.Sequential([bp.Input((3,))])):
        with pytest.raises(NotBuiltError, match="nothing to export yet"):
            model.export(tmp_path / "a.onnx")


def test_the_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"old")

    def fail(model, to):
        with open(to, "wb") as file:
            file.write(b"half")
        raise RuntimeError

    monkeypatch.setattr(onnx, "save_model", fail)
    with pytest.raises(RuntimeError):
        model_of([Dense(3)], (4,)).export(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.onnx"]


def test_the_file_is_checked_before_it_is_written(tmp_path):
    class Wrong(layers.ReLU):
        def onnx(self, graph, x):
            return graph.add("NoSuchOperator", x)

    with pytest.raises(onnx.checker.ValidationError, match="NoSuchOperator"):
        model_of([Wrong()], (4,)).export(tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    def without_onnx(name, *rest, **more):
        if name == "onnx":
            raise ImportError(name)
        return real(name, *rest, **more)

    real = builtins.__import__
    monkeypatch.delitem(sys.modules, "onnx")
    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(ImportError, match="pip install onnx"):
        model_of([Dense(3)], (4,)).export(tmp_path / "a.onnx")


# ----------------------------------------------------------------------------- layers of one's own


@pytest.mark.parametrize("own", [Cube, Scale, lambda: layers.Lambda(np.square, np.multiply)])
def test_a_layer_of_ones_own_is_named_with_what_to_do(own, tmp_path):
    model = model_of([Dense(3), Residual([own()])], (3,))
    with pytest.raises(TypeError, match=r"at 'residual_1\.\w+_1' cannot be exported") as caught:
        model.export(tmp_path / "a.onnx")
    assert "def onnx(self, graph, x):" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_class_derived_from_a_layer_is_not_taken_for_it(tmp_path):
    class Other(layers.ReLU):
        def f(self, Z, out=None):
            return np.minimum(Z, 0, out=out)

    with pytest.raises(TypeError, match="Other is a class of your own"):
        model_of([Other()], (3,)).export(tmp_path / "a.onnx")


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: Residual([layer])])
def test_a_class_with_another_formula_needs_an_onnx_of_its_own(wrap, tmp_path):
    class Double(layers.Layer):
        def forward(self, X, training=False):
            return 2 * X

        def onnx(self, graph, x):
            return graph.add("Mul", x, 2.0)

    class Triple(Double):
        def forward(self, X, training=False):
            return 3 * X

    class Named(Double):
        pass

    with pytest.raises(TypeError, match="Triple has a formula of its own, but the onnx of Double"):
        model_of([wrap(Triple())], (3,)).export(tmp_path / "a.onnx")
    model_of([wrap(Named())], (3,)).export(tmp_path / "a.onnx")


def example_of(text):
    """The indented lines behind ``::`` in a docstring, run: what they define."""
    code = text.split("::\n", 1)[1].splitlines()
    first = next(k for k, line in enumerate(code) if line.strip())
    last = next(k for k, line in enumerate(code) if k > first and line[:1] not in ("", " "))
    found = {"Layer": layers.Layer, "np": np}
    exec("\n".join(line[4:] for line in code[first:last]), found)
    return found


def test_the_example_in_the_docstring_works(tmp_path):
    own = example_of(inspect.getdoc(Graph))["Scale"]
    model = model_of([Dense(3), own(), Chain([own()])], (4,))
    model.export(tmp_path / "a.onnx")
    X = inputs_for((4,), 5)
    assert operators(tmp_path / "a.onnx") == ["Gemm", "Mul", "Mul"]
    np.testing.assert_allclose(in_onnxruntime(tmp_path / "a.onnx", X), model.predict(X), rtol=1e-6)


def test_the_example_in_the_error_works(tmp_path):
    found = {}
    exec("class Twice(Layer):\n" + HOW.split("\n\n")[1], {"Layer": layers.Layer}, found)
    own = type("Twice", (found["Twice"],), {"forward": lambda self, X, training=False: 2 * X})
    model = model_of([own()], (4,))
    model.export(tmp_path / "a.onnx")
    X = inputs_for((4,), 5)
    np.testing.assert_array_equal(in_onnxruntime(tmp_path / "a.onnx", X), 2 * X)


def test_a_layer_of_ones_own_may_take_and_change_a_mask(tmp_path):
    class Mean(MeanOverSteps):
        takes_mask = True

        def output_mask(self, X, mask):
            return None

        def onnx(self, graph, x, mask):
            m = graph.cast(graph.add("Unsqueeze", mask, np.array([2])), graph.dtype)
            total = graph.add("ReduceSum", graph.add("Mul", x, m), np.array([1]), keepdims=0)
            steps = graph.add("ReduceSum", m, np.array([1]), keepdims=0)
            return graph.add("Div", total, steps), None

    model = model_of([Masking(), Mean(), Dense(2)], SERIES)
    model.export(tmp_path / "a.onnx")
    X = inputs_for(SERIES, 6)
    np.testing.assert_allclose(in_onnxruntime(tmp_path / "a.onnx", X), model.predict(X), atol=1e-6)


@pytest.mark.parametrize("returned", [None, 3, ("a",), (None, None)])
def test_a_method_that_returns_no_name_is_an_error(returned, tmp_path):
    own = type("Own", (layers.Identity,), {"onnx": lambda self, graph, x: returned})
    with pytest.raises(TypeError, match="onnx of Own 'own_1' must return the name"):
        model_of([own()], (3,)).export(tmp_path / "a.onnx")


def test_a_mask_of_steps_within_steps_is_refused(tmp_path):
    reader = [layers.Embedding(5, 2, mask_zero=True), layers.TimeDistributed(layers.LSTM(2))]
    model = model_of(reader, (3, 4))
    with pytest.raises(TypeError, match=r"TimeDistributed .* a mask of the steps within its steps"):
        model.export(tmp_path / "words.onnx")


def test_samples_without_a_direction(tmp_path):
    """Runtimes gave 0.3 and 0.4 where a sample is too short for a direction."""
    model = bp.Sequential([bp.Input(2), layers.UnitNormalization()])
    model.export(tmp_path / "a.onnx")
    X = np.array([[0, 0], [3e-13, 4e-13], [3, 4]], "float32")
    found = in_onnxruntime(tmp_path / "a.onnx", X)
    np.testing.assert_allclose(found, [[0, 0], [0, 0], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(model.predict(X), found, rtol=1e-6)

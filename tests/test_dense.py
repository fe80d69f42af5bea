"""Dense beyond the contract table, and what every layer inherits: names, views, freezing."""

import re

import numpy as np
import pytest
from published import published

from backprop.core.errors import NotBuiltError, ShapeError
from backprop.core.lookup import default_name
from backprop.initializers import Constant, GlorotUniform
from backprop.layers import Dense, Layer, LeakyReLU, PReLU, ReLU, RMSNormalization, Tanh
from backprop.layers.activations import Activation


def dense(units: int = 3, n_in: int = 4, dtype: str = "float64", **options) -> Dense:
    layer = Dense(units, **options)
    layer.build((n_in,), np.random.default_rng(0), dtype)
    return layer


def test_worked_example():
    """One sample, two inputs, two outputs, by hand."""
    layer = dense(2, 2)
    layer.W = [[1.0, 2.0], [3.0, 4.0]]
    layer.b = [10.0, 20.0]
    Z = layer.forward(np.array([[1.0, -1.0]]), training=True)
    np.testing.assert_array_equal(Z, [[8.0, 18.0]])
    np.testing.assert_array_equal(layer.backward(np.array([[1.0, 10.0]])), [[21.0, 43.0]])
    np.testing.assert_array_equal(layer.dW, [[1.0, 10.0], [-1.0, -10.0]])
    np.testing.assert_array_equal(layer.db, [1.0, 10.0])


@pytest.mark.parametrize("name", ["dense_2d", "dense_3d"])
def test_published_dense(name):
    v = published("layers.npz", name)
    layer = Dense(3)
    layer.build(v["in_x"].shape[1:], dtype="float64")
    layer.W, layer.b = v["param_weight"].T, v["param_bias"]  # PyTorch's weight is (out, in)
    np.testing.assert_allclose(layer.forward(v["in_x"], training=True), v["y"], rtol=1e-12)
    np.testing.assert_allclose(layer.backward(v["upstream"]), v["grad_in_x"], rtol=1e-12)
    np.testing.assert_allclose(layer.dW, v["grad_param_weight"].T, rtol=1e-12)
    np.testing.assert_allclose(layer.db, v["grad_param_bias"], rtol=1e-12)


@pytest.mark.parametrize("units", [0, -1, 2.5, 3.0, True, "3", None])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(
        ValueError,
        match=re.escape(f"Dense(units) must be an integer of 1 or more, but it is {units!r}"),
    ):
        Dense(units)


def test_units_may_be_a_numpy_integer():
    assert Dense(np.int64(3)).output_shape((4,)) == (3,)


def test_parameters_and_their_flags():
    W, b = dense().parameters
    assert (W.name, W.shape, W.decays, W.trainable) == ("W", (4, 3), True, True)
    assert (b.name, b.shape, b.decays, b.trainable) == ("b", (3,), False, True)
    assert [p.name for p in dense(use_bias=False).parameters] == ["W"]


def test_start_values_are_glorot_and_zeros_from_the_given_generator():
    expected = GlorotUniform()((4, 3), np.random.default_rng(0), "float64")
    layer = dense()
    np.testing.assert_array_equal(layer.W, expected)
    np.testing.assert_array_equal(layer.b, np.zeros(3))


def test_both_dtypes_start_from_the_same_numbers():
    np.testing.assert_array_equal(dense(dtype="float32").W, dense().W.astype("float32"))


def test_initializers_may_be_chosen():
    layer = dense(kernel_initializer="ones", bias_initializer=Constant(0.5))
    assert (layer.W == 1).all()
    assert (layer.b == 0.5).all()
    with pytest.raises(ValueError, match="initializer 'golrot' is not known"):
        Dense(3, kernel_initializer="golrot")


@pytest.mark.parametrize("name", ["W", "b", "dW", "db"])
def test_assigning_writes_into_the_array(name):
    layer = dense()
    before = getattr(layer, name)
    value = np.arange(before.size, dtype=float).reshape(before.shape)
    setattr(layer, name, value.tolist())
    assert getattr(layer, name) is before
    np.testing.assert_array_equal(before, value)


@pytest.mark.parametrize("name", ["W", "b", "dW", "db"])
@pytest.mark.parametrize("value", [0.0, np.ones(1), np.ones((3, 4)), np.ones((1, 3)), [1.0] * 4])
def test_assigning_never_broadcasts(name, value):
    layer = dense()
    before = getattr(layer, name).copy()
    shape = re.escape(str(before.shape))
    with pytest.raises(ShapeError, match=f"{name[-1]} has the shape {shape}"):
        setattr(layer, name, value)
    np.testing.assert_array_equal(getattr(layer, name), before)


def test_weights_before_build():
    with pytest.raises(AttributeError, match="not built"):
        _ = Dense(3).W
    with pytest.raises(NotBuiltError, match="not built"):
        Dense(3).forward(np.ones((2, 4)))


def test_missing_attributes_are_ordinary_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'b'"):
        _ = dense(use_bias=False).b
    with pytest.raises(AttributeError, match="no attribute 'weights'"):
        _ = dense().weights
    assert not hasattr(Dense(3), "_W")


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 5), (4, 2), (2, 3, 5), ()])
def test_inputs_of_another_shape(shape):
    layer = dense(name="first")
    for training in (False, True):
        with pytest.raises(ShapeError, match=r"Dense 'first' was built for 4 features.*4 columns"):
            layer.forward(np.ones(shape), training)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_integer_inputs(dtype):
    layer = dense(dtype=dtype)
    X = np.arange(8).reshape(2, 4)
    Z = layer.forward(X, training=True)
    assert Z.dtype == dtype
    np.testing.assert_array_equal(Z, layer.forward(X.astype(dtype)))


@pytest.mark.parametrize("given", ["float64", "int64"])
def test_delta_of_another_dtype(given):
    """A float64 delta once met a message from inside NumPy in a float32 layer."""
    X = np.random.default_rng(1).standard_normal((2, 4)).astype("float32")
    delta = np.arange(-3, 3).reshape(2, 3)
    layer, other = dense(dtype="float32"), dense(dtype="float32")
    layer.forward(X, training=True)
    other.forward(X, training=True)
    dX = layer.backward(delta.astype(given))
    assert dX.dtype == "float32"
    np.testing.assert_array_equal(dX, other.backward(delta.astype("float32")))
    np.testing.assert_array_equal(layer.dW, other.dW)


def test_first_layer_skips_the_input_gradient():
    layer = dense()
    X, delta = np.ones((2, 4)), np.ones((2, 3))
    layer.forward(X, training=True)
    layer.backward(delta)
    dW, db = layer.dW.copy(), layer.db.copy()
    layer.dW, layer.db = np.zeros((4, 3)), np.zeros(3)
    layer.needs_input_gradient = False
    assert layer.backward(delta) is None
    np.testing.assert_array_equal(layer.dW, dW)
    np.testing.assert_array_equal(layer.db, db)


def test_gradients_replace_those_of_the_step_before():
    layer = dense()
    X, delta = np.ones((2, 4)), np.ones((2, 3))
    layer.dW, layer.db = np.full((4, 3), 9.0), np.full(3, 9.0)
    layer.forward(X, training=True)
    layer.backward(delta)
    np.testing.assert_array_equal(layer.dW, np.full((4, 3), 2.0))
    np.testing.assert_array_equal(layer.db, np.full(3, 2.0))


def test_building_anew_forgets_the_pass_before():
    layer = dense()
    layer.forward(np.ones((2, 4)), training=True)
    layer.build((5,), np.random.default_rng(0), "float32")
    assert [p.shape for p in layer.parameters] == [(5, 3), (3,)]
    assert layer.W.dtype == "float32"
    with pytest.raises(ValueError, match="forward"):
        layer.backward(np.ones((2, 3)))


def test_freezing_before_and_after_build():
    layer = Dense(3)
    assert layer.trainable
    layer.trainable = False
    layer.build((4,))
    assert [p.trainable for p in layer.parameters] == [False, False]
    layer.trainable = True
    assert [p.trainable for p in layer.parameters] == [True, True]


def test_what_is_not_learnt_by_gradients_is_never_trainable():
    class Averaging(Layer):
        def build(self, input_shape, rng=None, dtype="float32"):
            super().build(input_shape, rng, dtype)
            self.add_parameter("mean", input_shape, "zeros", learned=False)
            self.add_parameter("gamma", input_shape, "ones")

    layer = Averaging()
    layer.build((3,))
    assert [p.trainable for p in layer.parameters] == [False, True]
    layer.trainable = False
    layer.trainable = True
    assert [p.trainable for p in layer.parameters] == [False, True]


def test_names_and_representations():
    class BatchNorm(Layer):
        pass

    layers = Dense(1), ReLU(), LeakyReLU(), PReLU(), BatchNorm(), RMSNormalization()
    names = ["dense", "relu", "leaky_relu", "prelu", "batch_norm", "rms_normalization"]
    assert [default_name(layer) for layer in layers] == names
    assert str(Dense(1)) == "Dense"
    assert str(Dense(1, name="out")) == "Dense 'out'"
    assert repr(Tanh(name="t")) == "<Tanh 't'>"


def test_a_layer_without_formulas_says_what_is_missing():
    class Bare(Layer):
        pass

    class BareActivation(Activation):
        pass

    with pytest.raises(NotImplementedError, match=r"Bare must define forward"):
        Bare().forward(np.ones((1, 2)))
    with pytest.raises(NotImplementedError, match=r"Bare must define backward"):
        Bare().backward(np.ones((1, 2)))
    with pytest.raises(NotImplementedError, match=r"BareActivation must define f\("):
        BareActivation().forward(np.ones((1, 2)))
    with pytest.raises(NotImplementedError, match=r"BareActivation must define f_prime\("):
        BareActivation().f_prime(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)))


def test_writing_weights_before_the_layer_is_built_is_refused_with_the_reason():
    with pytest.raises(NotBuiltError, match="Dense has no W to write into before it is built"):
        Dense(3).W = np.ones((2, 3))

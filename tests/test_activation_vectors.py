"""The later activations against published numbers, at their kinks and at their extremes.

The vectors in ``data/`` come from PyTorch 2.13 and Keras 3.15 in float64, on a grid that holds
±1e4, 0, −0 and the kinks.
"""

import numpy as np
import pytest
from derivatives import derivative, relative_error, value_and_slope
from published import activation, published

from backprop import Sequential
from backprop.core.errors import NotBuiltError, ShapeError
from backprop.initializers import Constant
from backprop.layers import (
    ELU,
    GELU,
    SELU,
    Dense,
    Exponential,
    HardSigmoid,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    SiLU,
    Softplus,
    Softsign,
)
from backprop.optimizers import SGD

PUBLISHED = [
    ("torch", "leaky_relu_0.01", LeakyReLU(0.01)),
    ("torch", "leaky_relu_0.2", LeakyReLU(0.2)),
    ("torch", "leaky_relu_0.3", LeakyReLU()),
    ("keras", "leaky_relu", LeakyReLU(0.2)),  # the function's default; the layer's is 0.3
    ("torch", "elu_1", ELU()),
    ("torch", "elu_0.5", ELU(alpha=0.5)),
    ("keras", "elu", ELU()),
    ("torch", "selu", SELU()),
    ("keras", "selu", SELU()),
    ("torch", "gelu_erf", GELU()),
    ("keras", "gelu", GELU()),
    ("torch", "gelu_tanh", GELU(approximate=True)),
    ("keras", "gelu_tanh", GELU(approximate=True)),
    ("torch", "silu", SiLU()),
    ("keras", "silu", SiLU()),
    ("torch", "mish", Mish()),
    ("keras", "mish", Mish()),
    ("torch", "softplus", Softplus()),
    ("keras", "softplus", Softplus()),
    ("torch", "softsign", Softsign()),
    ("keras", "softsign", Softsign()),
    ("keras", "exponential", Exponential()),
]


@pytest.mark.parametrize(("source", "name", "layer"), PUBLISHED, ids=lambda x: str(x))
def test_published_values_and_slopes(source, name, layer):
    """Absolute 1e-12 stands beside relative 1e-12: a tail may underflow here and not there."""
    x, value, slope = activation(source, name)
    Y, dX = value_and_slope(layer, x)
    np.testing.assert_allclose(Y, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dX, slope, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("source", "name"), [("torch", "hardsigmoid"), ("keras", "hard_sigmoid")])
def test_published_hard_sigmoid(source, name):
    """Both slopes are PyTorch's, whose ⅙ is a single-precision number and 5e-9 off."""
    x, value, slope = activation(source, name)
    Y, dX = value_and_slope(HardSigmoid(), x)
    np.testing.assert_allclose(Y, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dX, slope, rtol=1e-7)
    np.testing.assert_array_equal(dX == 0, slope == 0)


def test_published_log_softmax():
    v, layer = published("activations.npz", "log_softmax"), LogSoftmax()
    np.testing.assert_allclose(
        layer.forward(v["x"], training=True), v["value"], rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(layer.backward(v["upstream"]), v["grad"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.forward(v["x"]), v["value"], rtol=1e-12, atol=1e-12)


def test_log_softmax_keeps_the_digits_of_large_logits():
    """z − log Σ e^z would lose what lies below the last digit of z."""
    logits = np.array([[1e4, 1e4 - 1]], np.float32)
    expected = -np.log1p(np.exp([[-1.0, 1.0]]))
    np.testing.assert_allclose(LogSoftmax().forward(logits), expected, rtol=1e-6)


def test_published_prelu():
    v = published("activations.npz", "prelu")
    layer = PReLU(Constant(v["alpha"]))
    layer.build((4,), dtype="float64")
    np.testing.assert_allclose(layer.forward(v["x"], training=True), v["value"], rtol=1e-14)
    np.testing.assert_allclose(layer.backward(v["upstream"]), v["grad_x"], rtol=1e-14)
    np.testing.assert_allclose(layer.dalpha, v["grad_alpha"], rtol=1e-14)


# --------------------------------------------------------------------------- kinks and extremes


@pytest.mark.parametrize(
    ("layer", "at", "slope"),
    [
        (LeakyReLU(), 0.0, 0.3),
        (ELU(0.5), 0.0, 0.5),
        (SELU(), 0.0, 1.0507009873554805 * 1.6732632423543772),
        (HardSigmoid(), 3.0, 0.0),
        (HardSigmoid(), -3.0, 0.0),
    ],
)
def test_slope_at_a_kink(layer, at, slope):
    assert value_and_slope(layer, [at])[1] == pytest.approx([slope], rel=1e-14, abs=0)


def test_prelu_takes_alpha_as_its_slope_at_0():
    layer = PReLU(Constant(0.25))
    layer.build((2,), dtype="float64")
    np.testing.assert_array_equal(value_and_slope(layer, [0.0, -0.0])[1], [0.25, 0.25])


EVERYWHERE = [LeakyReLU(), ELU(), ELU(2.0), SELU(), HardSigmoid(), Softplus(), Softsign()]
EVERYWHERE += [SiLU(), Mish(), GELU(), GELU(approximate=True)]


@pytest.mark.parametrize("layer", EVERYWHERE, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_finite_up_to_ten_thousand(layer, dtype):
    """Floating-point errors raise in tests, so that this also says: without a warning."""
    x = np.concatenate([np.linspace(-1e4, 1e4, 2001), np.linspace(-120, 120, 2401)]).astype(dtype)
    Y, dX = value_and_slope(layer, x)
    assert Y.dtype == dX.dtype == dtype
    assert np.isfinite(Y).all()
    assert np.isfinite(dX).all()
    assert np.abs(dX).max() < 2.1


@pytest.mark.parametrize("layer", EVERYWHERE, ids=lambda layer: type(layer).__name__)
def test_float32_is_as_exact_as_its_digits(layer):
    x = np.linspace(-8, 8, 1601, dtype=np.float32)
    Y, dX = value_and_slope(layer, x)
    exact_Y, exact_dX = value_and_slope(layer, x.astype(np.float64))
    np.testing.assert_allclose(Y, exact_Y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(dX, exact_dX, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(("dtype", "last"), [("float32", 88.0), ("float64", 709.0)])
def test_exponential_becomes_infinite_without_a_warning(dtype, last):
    Y, dX = value_and_slope(Exponential(), np.array([-1e4, last, 1e4], dtype))
    assert Y[0] == 0 < Y[1] < Y[2] == np.inf
    np.testing.assert_array_equal(dX, Y)


def test_gelu_approximation_is_near():
    x = np.linspace(-8, 8, 1601)
    difference = np.abs(GELU().forward(x) - GELU(approximate=True).forward(x)).max()
    assert 1e-4 < difference < 5e-4


# ------------------------------------------------------------------- options and derivatives


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, 2.5])
def test_leaky_relu_of_any_slope(slope, rng):
    layer = LeakyReLU(negative_slope=slope)
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    Y, dX = value_and_slope(layer, x)
    np.testing.assert_allclose(Y, [-2 * slope, -slope, 1, 2], rtol=1e-15)
    np.testing.assert_allclose(dX, [slope, slope, 1, 1], rtol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 2.5])
def test_elu_of_any_alpha(alpha):
    Y, dX = value_and_slope(ELU(alpha), [-50.0, -1.0, 0.5, 2.0])
    np.testing.assert_allclose(Y, [-alpha, alpha * np.expm1(-1), 0.5, 2], rtol=1e-15)
    np.testing.assert_allclose(dX, [0, alpha * np.exp(-1), 1, 1], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("kind", [LeakyReLU, ELU])
@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, None, "0.1"])
def test_slopes_must_be_numbers_of_0_or_more(kind, bad):
    with pytest.raises((ValueError, TypeError), match=r"must be (0 or more|a number).* but it is"):
        kind(bad)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_prelu_has_an_alpha_for_each_number_of_a_sample(shape, rng):
    layer = PReLU("random_normal")
    layer.build(shape, rng, "float64")
    layer.alpha = rng.standard_normal(shape)
    X, delta = rng.standard_normal((2, 5, *shape))
    X += 0.1 * np.sign(X)  # away from the kink

    def E():
        return float(np.sum(delta * layer.forward(X)))

    layer.forward(X, training=True)
    dX = layer.backward(delta)
    assert layer.parameters[0].name == "alpha"
    assert layer.dalpha.shape == shape
    assert relative_error(dX, derivative(E, X)) < 1e-7
    assert relative_error(layer.dalpha, derivative(E, layer.alpha)) < 1e-7


def test_prelu_starts_as_a_relu_and_learns_an_absolute_value(rng):
    X = rng.uniform(-1, 1, (64, 1))
    model = Sequential([PReLU(), Dense(1, kernel_initializer="ones")], seed=0, dtype="float64")
    np.testing.assert_array_equal(model.predict(X), np.maximum(X, 0))
    model.compile(SGD(0.5), "mse")
    model.fit(X, np.abs(X), epochs=100, batch_size=64, verbose=0)
    assert model.parameters["prelu_1.alpha"].value == pytest.approx(-1, abs=0.01)
    assert not model.parameters["prelu_1.alpha"].decays


def test_prelu_refuses_other_samples():
    layer = PReLU()
    with pytest.raises(NotBuiltError, match="not built"):
        layer.forward(np.zeros((5, 4)))
    layer.build((3, 4))
    for shape in [(5, 4), (5, 1, 4), (5, 2, 4), (5, 3, 1), (5, 3, 3, 4)]:
        with pytest.raises(ShapeError, match=r"pass samples"):
            layer.forward(np.zeros(shape))


COMPLEX = [*EVERYWHERE, Exponential(), LogSoftmax()]


@pytest.mark.parametrize(
    "layer",
    [layer for layer in COMPLEX if not isinstance(layer, Softsign)],  # which needs |z|
    ids=lambda layer: type(layer).__name__,
)
def test_complex_steps_give_the_derivative(layer, rng):
    """f(z + ih) ≈ f(z) + ih f′(z): no formula stands in the way of complex numbers."""
    Z, direction = rng.uniform(-2.5, 2.5, (2, 3, 4))
    delta = rng.standard_normal((3, 4))
    layer.forward(Z, training=True)
    expected = np.sum(layer.backward(delta) * direction)
    h = 1e-30
    found = np.sum(delta * layer.forward(Z + 1j * h * direction).imag) / h
    assert found == pytest.approx(expected, rel=1e-13)


def test_names_of_the_layers_in_a_model():
    layers = [LeakyReLU(), PReLU(), ELU(), SELU(), GELU(), SiLU(), HardSigmoid(), LogSoftmax()]
    assert [layer.name for layer in Sequential(layers).layers] == [
        *("leaky_relu_1", "prelu_1", "elu_1", "selu_1", "gelu_1"),
        *("silu_1", "hard_sigmoid_1", "log_softmax_1"),
    ]

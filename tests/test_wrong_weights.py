"""Nothing is predicted from weights that are not finite, whatever hides them in the outputs."""

import math

import numpy as np
import pytest
from rows import each, thirds

import backprop as bp
from backprop.layers import Dense, Layer, ReLU
from tests.layer_cases import CASES


class Hiding(Layer):
    """Its outputs are 0 for all that comes."""

    def output_shape(self, input_shape):
        return (1,)

    def forward(self, X, training=False):
        return np.zeros((X.shape[0], 1), X.dtype)


def hidden(layers):
    """A model of these layers none of whose numbers can be seen in its outputs."""
    model = bp.Sequential([*layers, Hiding()], seed=0)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("turn", [0, *(pytest.param(k, marks=pytest.mark.long) for k in (1, 2))])
@each("case", thirds(c for c in CASES if c.built().parameters), ids=str)
def test_one_weight_of_any_layer(case, turn):
    """Of the three values that are not finite each row has another one in turn."""
    value = [math.inf, -math.inf, math.nan][(CASES.index(case) + turn) % 3]
    rng = np.random.default_rng(0)
    model = hidden([case.make()])
    inputs = {n: case.draw(rng, (n, *case.shape)) for n in (1, 5, 63, 64, 1000)}
    model.build((None, *case.shape))
    for p in model.parameters:
        place = tuple(rng.integers(n) for n in p.shape)
        kept = p.value[place]
        p.value[place] = value
        for n, X in inputs.items():
            with pytest.raises(ValueError, match=rf"{p.name} hold nan or inf"):
                model.predict(X)
            if n < 64:
                with pytest.raises(ValueError, match=rf"{p.name} hold nan or inf"):
                    model.evaluate(X, np.zeros((n, 1)))
        p.value[place] = kept
    assert not model.predict(inputs[1]).any()


@pytest.mark.parametrize("units", [4, 3000])
def test_a_weight_that_a_relu_hides(units):
    """−∞ becomes 0; the inputs that meet +∞ are 0."""
    model = bp.Sequential([Dense(units), ReLU(), Dense(1)], seed=0)
    model.build((None, 3))
    model.layers[0].b[...] = -math.inf
    for rows in (np.ones((1, 3)), np.ones((70, 3))):
        with pytest.raises(ValueError, match=r"dense_1\.b hold nan or infinite"):
            model.predict(rows)


@pytest.mark.parametrize("how", ["raise", "warn"])
def test_large_weights_and_inputs_are_no_wrong_ones(how):
    """Squares that overflow are nobody's concern but the check's."""
    model = bp.Sequential([Dense(1, kernel_initializer="ones")], seed=0)
    model.compile("sgd", "mae")
    model.build((None, 1))
    model.layers[0].W[...] = 1e30
    with np.errstate(all=how):
        np.testing.assert_array_equal(model.predict([[1e-30]]).round(5), [[1.0]])
        assert model.evaluate([[1e-30]], [[1.0]]) < 1e-5
        model.layers[0].W[...] = 1.0
        np.testing.assert_allclose(model.predict([[1e30]]), [[1e30]], rtol=1e-6)

"""Regularizers of one's own are tried when a layer is built, on a copy of the weights."""

import numpy as np
import pytest
from mistakes import C, X, assert_speaks

import backprop as bp
from backprop.inspection import check_layer
from backprop.layers import Dense, Softmax
from backprop.regularizers import L2, Regularizer


class Cubic(Regularizer):
    """Ω = Σ |w|³, or what is given in the place of its formulas."""

    def __init__(self, penalty=None, gradient=None):
        self.formulas = penalty, gradient

    def penalty(self, W):
        penalty, _ = self.formulas
        return penalty(W) if penalty else float(np.sum(np.abs(W) ** 3))

    def gradient(self, W):
        _, gradient = self.formulas
        return gradient(W) if gradient else 3 * W * np.abs(W)


def model_with(kernel=None, bias=None):
    layer = Dense(5, kernel_regularizer=kernel, bias_regularizer=bias)
    model = bp.Sequential([layer, Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def doubled(W):
    W *= 2
    return W


WRITES = {
    "penalty": Cubic(penalty=lambda W: float(doubled(W).sum())),
    "gradient": Cubic(gradient=doubled),
}


@pytest.mark.parametrize("where", ["kernel", "bias"])
@pytest.mark.parametrize("method", WRITES)
def test_one_that_writes_into_the_weights_is_refused(method, where):
    """Else every evaluation would change them; a bias of zeros does not hide it."""
    model = model_with(**{where: WRITES[method]})
    with pytest.raises(ValueError, match=rf"^Cubic\.{method} wrote into W.* a copy") as caught:
        model.evaluate(X, C)
    assert_speaks(caught, [])


RETURNED = {
    "None": lambda W: None,
    "another shape": lambda W: np.ones((2, 2)),
    "text": lambda W: "a",
    "complex numbers": lambda W: W * 1j,
    "masked": lambda W: np.ma.masked_less(W, 0),
}


@pytest.mark.parametrize("made", RETURNED.values(), ids=RETURNED)
@pytest.mark.parametrize("method", ["penalty", "gradient"])
def test_what_they_return_is_looked_at(method, made):
    words = {
        "penalty": r"^Cubic\.penalty must return Ω\(W\), a number, but it returned",
        "gradient": r"^Cubic\.gradient must return ∂Ω/∂W, shape \(4, 5\), but it returned",
    }
    model = model_with(Cubic(**{method: made}))
    with pytest.raises((TypeError, ValueError), match=words[method]) as caught:
        model.fit(X, C, verbose=0)
    assert_speaks(caught, [])


@pytest.mark.parametrize("made", [lambda W: 0.1, lambda W: W.sum(), lambda W: W.tolist()])
def test_a_gradient_has_a_number_for_each_weight(made):
    with pytest.raises((TypeError, ValueError), match=r"shape \(4, 5\), but it returned"):
        model_with(Cubic(gradient=made)).fit(X, C, verbose=0)


def test_numbers_of_all_types_are_right():
    for number in (1, 0.5, np.float32(0.5), np.array(0.5), True):
        model_with(Cubic(lambda W, number=number: number)).fit(X, C, verbose=0)
    for dtype in (int, bool, "float32", "float64"):
        right = Cubic(gradient=lambda W, dtype=dtype: np.ones(W.shape, dtype))
        model_with(right, right).fit(X, C, verbose=0)


def test_one_that_is_right_is_asked_when_the_layer_is_built():
    class Seen(L2):
        calls = 0

        def gradient(self, W):
            self.calls += 1
            return super().gradient(W)

    seen = Seen(0.1)
    own, plain = model_with(seen), model_with(L2(0.1))
    for model in (own, plain):
        model.fit(X, C, verbose=0)
    assert seen.calls == 2
    np.testing.assert_array_equal(own.parameters.values, plain.parameters.values)
    assert check_layer(Dense(2, kernel_regularizer=Cubic()), 3).ok

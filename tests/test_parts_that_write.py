"""Parts of one's own that write into what they are given: nobody else sees it, or it is refused."""

import numpy as np
import pytest
from mistakes import assert_speaks

import backprop as bp
from backprop.layers import Chain, Dense, Lambda, Layer, ReLU, Residual

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = RNG.normal(size=(20, 3)).astype("float32")
W = RNG.uniform(1, 2, 20).astype("float32")


class KeptSlope(bp.losses.Loss):
    """ℓ = Σ_k c_k ŷ_k: the derivative is the same array for ever, or a view of one."""

    def __init__(self, view):
        super().__init__()
        self.slope = np.array([1.0, 2.0, 4.0], "float32")
        self.view = view

    def values(self, prediction, target):
        if not self.view and self.slope.ndim == 1:
            self.slope = np.tile(self.slope, (len(prediction), 1))
        return (prediction * self.slope).sum(axis=-1)

    def gradient(self, prediction, target):
        return np.broadcast_to(self.slope, prediction.shape) if self.view else self.slope


class Writing(bp.metrics.Metric):
    def reset(self):
        self.total = 0.0

    def update(self, prediction, target, sample_weight=None):
        self.total += float(abs(prediction).sum())
        prediction[...] = target[...] = 7
        if sample_weight is not None:
            sample_weight[...] = 7

    def result(self):
        return self.total


class WritingMean(bp.metrics.MeanMetric):
    def values(self, prediction, target):
        prediction -= target
        target[...] = 7
        return np.abs(prediction, out=prediction).mean(axis=-1)


class WritingLoss(bp.losses.Loss):
    def __init__(self, writes):
        super().__init__()
        self.writes = writes

    def values(self, prediction, target):
        found = np.mean((prediction - target) ** 2, axis=-1)
        if self.writes:
            prediction -= target
            target[...] = 0
        return found

    def gradient(self, prediction, target):
        return 2 / prediction.shape[-1] * (prediction - target)


class WritingLayer(Layer):
    def __init__(self, where):
        super().__init__()
        self.where = where

    def forward(self, X, training=False):
        if self.where == "forward" or (self.where == "training" and training):
            X *= 2
            return X
        return 2 * X

    def backward(self, delta):
        if self.where == "backward":
            delta *= 2
            return delta
        return 2 * delta


LAYERS = {
    "forward": lambda: WritingLayer("forward"),
    "training": lambda: WritingLayer("training"),
    "backward": lambda: WritingLayer("backward"),
    "function": lambda: Lambda(lambda X: np.multiply(X, 2, out=X), lambda delta, X, Y: 2 * delta),
    "derivative": lambda: Lambda(lambda X: 2 * X, lambda delta, X, Y: np.add(delta, delta, delta)),
}


def numbers(model, given):
    """What the verbs say of a model of which a part may write; its weights afterwards."""
    x, y, weight = (each.copy() for each in (X, Y, W))
    history = model.fit(
        x, y, 7, 2, 0, shuffle=False, sample_weight=weight, validation_data=(x, y, weight)
    )
    found = [
        [history.history[name] for name in ("loss", "mae", "val_mae")],
        model.train_on_batch(x, y, weight, return_dict=True)["mae"],
        model.evaluate(x, y, 7, sample_weight=weight, return_dict=True)["mae"],
    ]
    for mine, its in zip((x, y, weight), (X, Y, W), strict=True):
        np.testing.assert_array_equal(mine, its)
    return found, model.get_weights()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("make", [Writing, WritingMean])
def test_a_metric_that_writes_into_what_it_gets_changes_nothing_else(make, weighted):
    def trained(more):
        model = bp.Sequential([Dense(3)], seed=0)
        plain, counted = ([], more) if weighted else (more, [])
        model.compile("sgd", "mse", metrics=[*plain, "mae"], weighted_metrics=counted)
        return numbers(model, more)

    (alone, weights), (beside, its) = trained([]), trained([make("own")])
    assert alone == beside
    np.testing.assert_equal(weights, its)


def test_a_loss_that_writes_into_what_it_gets_changes_nothing_else():
    def trained(writes):
        model = bp.Sequential([Dense(3), ReLU()], seed=0)
        model.compile("sgd", WritingLoss(writes), metrics=["mae"])
        return numbers(model, writes)

    ((_, *right), _), ((_, *found), _) = trained(False), trained(True)
    assert np.isfinite(right).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("view", [False, True])
def test_the_derivative_that_a_loss_returns_stays_the_losss(view):
    loss = KeptSlope(view)
    for _ in range(3):
        E = float((W * (X[:, :3] @ [1, 2, 4])).mean())
        assert loss.forward(X[:, :3], Y, W) == pytest.approx(E, rel=1e-5)
        np.testing.assert_allclose(loss.backward(), np.outer(W, [1, 2, 4]) / 20, rtol=1e-6)


@pytest.mark.parametrize("where", LAYERS)
@pytest.mark.parametrize(
    "around",
    [
        lambda layer: [Dense(3), ReLU(), layer, Dense(3)],
        lambda layer: [Chain([Dense(3), layer]), Dense(3)],
        lambda layer: [Dense(4), Residual([layer]), Dense(3)],
        lambda layer: [layer, Dense(3)],
    ],
    ids=["inside", "in a chain", "in a block", "in front"],
)
@pytest.mark.parametrize("verb", ["fit", "train_on_batch", "evaluate", "predict", "forward"])
def test_a_layer_that_writes_into_what_it_gets_is_refused(verb, around, where):
    """Else it changes what the layers around it go on with, or the array of the caller."""
    layers = around(LAYERS[where]())
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    model.build((None, 4))
    before, x = model.get_weights(), X.copy()
    calls = {
        "fit": lambda: model.fit(x, Y, verbose=0, shuffle=False),
        "train_on_batch": lambda: model.train_on_batch(x, Y),
        "evaluate": lambda: model.evaluate(x, Y),
        "predict": lambda: model.predict(x),
        "forward": lambda: model.forward(x),
    }
    trains = verb in ("fit", "train_on_batch")
    if not (trains or where in ("forward", "function")):
        calls[verb]()
        return
    if where in ("backward", "derivative") and layers[0].name.startswith(("writing", "lambda")):
        calls[verb]()  # whose backward is not called
        return
    what = "backward wrote into the delta" if where in ("backward", "derivative") else "forward wr"
    for _ in range(2):  # also when it is called again
        with pytest.raises(ValueError, match=rf"_1'\.{what}.*given") as caught:
            calls[verb]()
    assert_speaks(caught, ["a copy"])
    np.testing.assert_array_equal(x, X)
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_layers_that_do_not_write_are_compared_once():
    compared = []

    class Seen(WritingLayer):
        def forward(self, X, training=False):
            compared.append(X)
            return X  # the same array, unchanged, is allowed

    model = bp.Sequential([Dense(3), Seen("nowhere"), Dense(3)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, Y, 7, 2, 0, validation_data=(X, Y))
    assert len(compared) == 8
    assert vars(model.layers[1])["_looked_at"] == {"forward", "forward in training", "backward"}


@pytest.mark.parametrize("method", ["values", "gradient"])
def test_a_loss_must_not_return_what_is_masked(method):
    """A sum leaves it out, a mean over all samples does not."""

    class Masked(WritingLoss):
        pass

    def masked(self, *given):
        return np.ma.masked_less(getattr(WritingLoss, method)(self, *given), 0.1)

    setattr(Masked, method, masked)
    model = bp.Sequential([Dense(3)], seed=0)
    model.compile("sgd", Masked(False))
    with pytest.raises(ValueError, match=rf"Masked\.{method} must .* returned what is masked"):
        model.fit(X, Y, verbose=0)

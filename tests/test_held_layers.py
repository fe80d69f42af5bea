"""Layers that a layer of one's own holds in its attributes, with weights that are not its own."""

import warnings

import numpy as np
import pytest

import backprop as bp
from backprop.layers import (
    LSTM,
    Bidirectional,
    Block,
    Dense,
    Flatten,
    Layer,
    ReLU,
    Residual,
    TransformerBlock,
)

X = np.random.default_rng(0).standard_normal((20, 3))


class Holding(Layer):
    """Passes everything on to layers that it made itself."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = inner

    def make_parameters(self, input_shape):
        for layer in self.inner:
            if isinstance(layer, Layer):
                layer.build(input_shape, np.random.default_rng(0), self.dtype)

    def output_shape(self, input_shape):
        return (3,)

    def forward(self, X, training=False):
        for layer in self.inner:
            X = layer.forward(X, training)
        return X

    def backward(self, delta):
        for layer in self.inner[::-1]:
            delta = layer.backward(delta)
        return delta


class Adding(Holding):
    """Makes the weights of its layers its own."""

    def make_parameters(self, input_shape):
        super().make_parameters(input_shape)
        self.parameters += [p for layer in self.inner for p in layer.parameters]


class Adopting(Block):
    """Holds a layer as a block does."""

    def __init__(self, inner):
        super().__init__()
        self.inner = self.adopt(inner)

    def make_parameters(self, input_shape):
        self.build_child(self.inner, input_shape)

    def output_shape(self, input_shape):
        return self.inner.output_shape(input_shape)

    def forward(self, X, training=False):
        return self.inner.forward(X, training)

    def backward(self, delta):
        return self.inner.backward(delta)


class Built(Adopting):
    """Builds its layer itself, so that the weights stay out of the block's."""

    def make_parameters(self, input_shape):
        self.inner.build(input_shape, np.random.default_rng(0), self.dtype)


class Transposed(Layer):
    """X Wᵀ with the W of another layer of the model."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    def output_shape(self, input_shape):
        return (3,)

    def forward(self, X, training=False):
        return X @ self.other.W.T

    def backward(self, delta):
        return delta @ self.other.W


def fitted(*layers, X=X):
    model = bp.Sequential([*layers, Flatten(), Dense(1)], seed=0)
    model.compile("adam", "mse")
    model.fit(X, X.reshape(len(X), -1)[:, 0], verbose=0)
    return model


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            lambda: Holding(ReLU(), Dense(3)),
            r"Holding 'holding_1' holds Dense in self.inner\[1\]",
        ),
        (lambda: Holding(bp.Sequential([Dense(3)])), r"holds Dense 'dense_1' in self.inner\[0\]"),
        (lambda: Built(Dense(3)), r"Built 'built_1' holds Dense 'dense_1' in self.children\[0\]"),
        (
            lambda: Residual([Holding(Dense(3))]),
            r"Holding 'holding_1' holds Dense in self.inner\[0\]",
        ),
    ],
)
def test_weights_of_layers_in_attributes_are_warned_of(made, words):
    words += ", whose weights .* neither trained nor saved.*Block, adopt"
    with pytest.warns(RuntimeWarning, match=words) as told:
        fitted(made())
    assert len(told) == 1
    model = bp.Sequential([bp.Input(3), made()])  # which builds each layer as it is added
    with pytest.warns(RuntimeWarning, match=words):
        model.compile("adam", "mse")


def test_check_layer_says_the_same_once():
    with pytest.warns(RuntimeWarning, match="Derive the class from Block") as told:
        bp.inspection.check_layer(Holding(Dense(3)), 3)
    assert len(told) == 1


def test_what_is_held_on_purpose_is_not_warned_of():
    known = fitted(Dense(3))
    frozen = known.layers[0].copy(trainable=False)
    encoder = Dense(2)
    sequences = X.reshape(5, 4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(Holding(ReLU()))
        fitted(Holding(frozen))
        fitted(Adding(Dense(3)))
        fitted(encoder, Transposed(encoder))
        fitted(bp.Input(3), encoder := Dense(2), Transposed(encoder))
        later = Dense(3)
        fitted(bp.Input(3), Dense(3), Transposed(later), later)
        fitted(bp.Input(3), Adding(Dense(3)))
        fitted(Adopting(Bidirectional(LSTM(2))), X=sequences)
        fitted(Adopting(TransformerBlock(1, 4)), X=sequences)
        fitted(Adopting(Residual([Adopting(Dense(3))])))


class Handmade(Layer):
    """A dense layer as it is written from scratch: weights and their gradients in attributes."""

    def __init__(self, n_in=3, n_out=3):
        super().__init__()
        self.n_out = n_out
        self.W, self.b = np.full((n_in, n_out), 0.1), np.zeros(n_out)

    def output_shape(self, input_shape):
        return (self.n_out,)

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X @ self.W + self.b

    def backward(self, delta):
        self.dW, self.db = self.X.T @ delta, delta.sum(axis=0)
        return delta @ self.W.T


class InDicts(Handmade):
    def __init__(self, n_in=3, n_out=3):
        super().__init__(n_in, n_out)
        self.params, self.grads = {"W": self.W, "b": self.b}, {}
        del self.W, self.b

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X @ self.params["W"] + self.params["b"]

    def backward(self, delta):
        self.grads["W"] = self.X.T @ delta
        self.grads["b"] = delta.sum(axis=0)
        return delta @ self.params["W"].T


class InPlace(Handmade):
    """It has no bias, and writes into a gradient that it has from the start."""

    def make_parameters(self, input_shape):
        self.W, self.dW = np.ones((*input_shape, self.n_out)), np.ones((*input_shape, self.n_out))

    def backward(self, delta):
        self.dW[...] = self.X.T @ delta
        return delta @ self.W.T


class TrainsItself(Handmade):
    """Its weights stand still where it comes first: nobody calls its backward there."""

    def backward(self, delta):
        dX = delta @ self.W.T
        self.W -= 0.1 * self.X.T @ delta
        return dX


class Advised(Handmade):
    """As the warning says."""

    def make_parameters(self, input_shape):
        self.W = self.add_parameter("W", (*input_shape, self.n_out))
        self.b = self.add_parameter("b", (self.n_out,))

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X @ self.W.value + self.b.value

    def backward(self, delta):
        self.W.gradient[...] = self.X.T @ delta
        self.b.gradient[...] = delta.sum(axis=0)
        return delta @ self.W.value.T


class OfConstants(Handmade):
    """A fixed projection that keeps its δ, of the shape of its constant if a batch has 3 rows."""

    def backward(self, delta):
        self.delta, self.dX = delta, delta @ self.W.T
        return self.dX


class ByTheBook(Layer):
    """A batch normalization whose statistics are known to no one, and whose derivatives stay."""

    def make_parameters(self, input_shape):
        self.mean, self.var = np.zeros(input_shape), np.ones(input_shape)

    def forward(self, X, training=False):
        if training:
            self.X, self.mu, self.s = X, X.mean(axis=0), np.sqrt(X.var(axis=0) + 1e-5)
            self.mean = 0.9 * self.mean + 0.1 * self.mu
            self.var *= 0.9
            self.var += 0.1 * self.s**2
            return (X - self.mu) / self.s
        return (X - self.mean) / np.sqrt(self.var)

    def backward(self, delta):
        A = (self.X - self.mu) / self.s
        self.dvar, self.dmean = np.mean(delta * A, axis=0), np.mean(delta, axis=0)
        return (delta - self.dmean - A * self.dvar) / self.s


class ByTheBookScaled(ByTheBook):
    """Its scale is no parameter: that one is warned of, and not the statistics."""

    def make_parameters(self, input_shape):
        super().make_parameters(input_shape)
        self.gamma = np.ones(input_shape)

    def forward(self, X, training=False):
        return super().forward(X, training) * self.gamma

    def backward(self, delta):
        self.dgamma = np.sum(delta * (self.X - self.mu) / self.s, axis=0)
        return super().backward(delta * self.gamma)


class Echo(OfConstants):
    """It begins with the state that the last batch left, and keeps the derivative of that one."""

    def forward(self, X, training=False):
        h = vars(self).get("h", X)
        Y = X + (h if h.shape == X.shape else X) @ self.W
        if training:
            self.h = Y
        return Y


def around(made):
    model = bp.Sequential([*made, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("made", "n", "first"),
    [
        (lambda: [Handmade()], 1, r"self\.W, self\.b: .* self\.W = .*'W', shape\)"),
        (lambda: [Handmade(), ReLU(), Handmade()], 2, r"self\.W, self\.b: "),
        (lambda: [Dense(3), Handmade()], 1, r"self\.W, self\.b: "),
        (lambda: [InDicts()], 1, r"self\.params\['W'\], .*'b'\]: .* = .*'W', shape\)"),
        (lambda: [InPlace()], 1, r"self\.W: "),
        (lambda: [TrainsItself()], 1, r"self\.W: .* changes them"),
        (lambda: [Residual([Handmade()])], 1, r"self\.W, self\.b: "),
        (lambda: [ByTheBookScaled()], 1, r"self\.gamma: "),
    ],
    ids=["first", "several", "behind", "dicts", "in place", "by itself", "in a block", "scaled"],
)
@pytest.mark.parametrize("train", ["fit", "train_on_batch"])
def test_training_warns_of_weights_that_are_no_parameters(made, n, first, train):
    with pytest.warns(RuntimeWarning, match=f"no parameters, {first}") as caught:
        getattr(around(made()), train)(X, X[:, :1], **{"verbose": 0} if train == "fit" else {})
    assert len(caught) == n


def test_weights_as_long_as_a_batch_are_not_taken_for_what_is_kept_of_its_samples():
    with pytest.warns(RuntimeWarning, match=r"self\.W, self\.b: "):
        around([Handmade()]).fit(X, X[:, :1], batch_size=3, verbose=0)


def test_weights_that_are_made_as_that_warning_says_are_trained():
    model = around([Advised()])
    model.build((None, 3))
    before = model.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, X[:, :1], verbose=0)
    assert len(before) == 4
    assert not any(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("batch_size", [2, 3, 20])
def test_constants_are_not_taken_for_such_weights(batch_size):
    frozen = Handmade()
    frozen.trainable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        around([OfConstants(), frozen]).fit(X, X[:, :1], batch_size=batch_size, verbose=0)


@pytest.mark.parametrize("made", [ByTheBook, Echo])
def test_what_forward_changes_in_training_is_not_taken_for_a_weight(made):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        around([Dense(3), made()]).fit(X, X[:, :1], batch_size=7, verbose=0)


class WordVectors(Handmade):
    """Beside its weights it holds an array for each of many words."""

    def make_parameters(self, input_shape):
        self.vectors, self.batches = {k: np.ones(2) for k in range(2000)}, []

    def __deepcopy__(self, memo):
        self.batches.append("copied")
        return super().__deepcopy__(memo)

    def forward(self, X, training=False):
        self.batches.append(len(X))
        return super().forward(X, training)


def test_a_layer_that_holds_thousands_of_arrays_is_not_copied():
    layer = WordVectors()
    around([Dense(3), layer]).train_on_batch(X, X[:, :1])
    assert layer.batches == [20]


@pytest.mark.parametrize("how", ["list", "dict", "once"])
@pytest.mark.parametrize("again", ["copy", "reset"])
def test_a_parameter_of_an_earlier_build_is_found(how, again):
    class Scale(Layer):
        g = None

        def __init__(self):
            super().__init__()
            self.ps, self.pd = [], {}

        def make_parameters(self, input_shape):
            if how == "once" and self.g is not None:
                return
            new = self.add_parameter("g", input_shape, "ones")
            if how == "list":
                self.ps.append(new)
            elif how == "dict":
                self.pd.setdefault("g", new)
            else:
                self.g = new

        def forward(self, X, training=False):
            if training:
                self.X = X
            return X * self.used().value

        def used(self):
            return {"list": lambda: self.ps[0], "dict": lambda: self.pd["g"]}.get(
                how, lambda: self.g
            )()

        def backward(self, delta):
            self.used().gradient[...] = (delta * self.X).sum(axis=tuple(range(delta.ndim - 1)))
            return delta * self.used().value

    model = fitted(Scale())
    kept = model.get_weights()
    words = r"Scale 'scale_1' keeps in self\.(ps|pd|g) a parameter"
    if (how, again) == ("once", "copy"):
        words = "is a copy with weights of the shapes"
    unbuilt = bp.Sequential([model.layers[0].copy()])
    act = model.reset if again == "reset" else lambda: unbuilt.build((None, *X.shape[1:]))
    with pytest.raises(ValueError, match=words):
        act()
    if again == "copy":
        with pytest.raises(ValueError, match=words):
            bp.Sequential([bp.Input(X.shape[1:]), model.layers[0].copy()])
    for now, before in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(now, before)

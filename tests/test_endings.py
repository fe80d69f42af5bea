"""The last layer's outputs must be what the loss takes: else nothing is trained, not even begun."""

from copy import deepcopy

import numpy as np
import pytest
from layer_cases import PACKAGE
from mistakes import assert_speaks
from rows import each

import backprop as bp
from backprop import layers, losses
from backprop.core.errors import ShapeError
from backprop.core.types import REAL
from backprop.layers import Dense, Sigmoid, Softmax

X = np.random.default_rng(0).uniform(0.1, 0.2, (12, 4))
PROBABILITIES = {
    "bce": losses.BinaryCrossentropy,
    "cce": losses.CategoricalCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "focal": losses.BinaryFocalCrossentropy,
    "categorical focal": losses.CategoricalFocalCrossentropy,
    "kl": losses.KLDivergence,
    "dice": losses.Dice,
    "tversky": losses.Tversky,
}
UNFIT = {
    "relu": [layers.ReLU()],
    "tanh": [layers.Tanh()],
    "log-softmax": [layers.LogSoftmax()],
    "relu of images": [layers.Reshape((1, 1, 3)), layers.ReLU(), layers.Flatten()],
    "dense": [Dense(3)],
    "identity": [layers.Identity()],
    "convolution": [layers.Reshape((1, 1, 3)), layers.Conv2D(3, 1), layers.Flatten()],
    "lstm": [layers.Reshape((1, 3)), layers.LSTM(3)],
    "both ways": [layers.Reshape((1, 3)), layers.Bidirectional(layers.GRU(3), merge_mode="sum")],
    "each step": [
        layers.Reshape((1, 3)),
        layers.TimeDistributed([Dense(3), layers.Tanh()]),
        layers.Flatten(),
    ],
    "normalised": [layers.BatchNormalization()],
    "a chain": [layers.Chain([layers.Chain([Dense(3), layers.SiLU()])])],
    "relu up to 6": [layers.ReLU(max_value=6)],
    "leaky, up to 1": [layers.ReLU(max_value=1, negative_slope=0.1)],
}
FIT = {
    "sigmoid": [Sigmoid()],
    "softmax": [Softmax()],
    "hard sigmoid": [layers.HardSigmoid()],
    "relu up to 1": [layers.ReLU(max_value=1)],
    "dropout": [Sigmoid(), layers.Dropout(0.1)],
    "reshaped": [layers.Reshape((1, 3)), Sigmoid(), layers.Flatten()],
    "each step": [layers.Reshape((1, 3)), layers.TimeDistributed(Sigmoid()), layers.Flatten()],
}


def model(loss, ends):
    made = bp.Sequential([Dense(3), *deepcopy(ends)], seed=0)
    made.compile("sgd", loss)
    return made


def targets(loss):
    return np.arange(12) % 3 if "Sparse" in type(loss).__name__ else np.eye(3)[np.arange(12) % 3]


def refused(made, y, words):
    for call in (made.fit, made.evaluate, made.train_on_batch, made.test_on_batch, made.explain):
        with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked
            call(X, y)
        assert_speaks(caught, words)


@each("ends", UNFIT.values(), ids=UNFIT)
@each("loss", PROBABILITIES.values(), ids=PROBABILITIES)
def test_what_is_no_probability_is_refused(loss, ends):
    loss = loss()
    refused(model(loss, ends), targets(loss), [str(loss), "takes probabilities", "end it with"])


@each("last", [layers.ReLU, layers.Softplus, layers.Exponential, layers.LogSigmoid])
@each("kind", [losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy])
def test_numbers_of_one_sign_are_not_called_logits(kind, last):
    """σ of them would be above ½ for all samples, or below it."""
    refused(model(kind(), [last()]), np.eye(3)[np.arange(12) % 3], ["with Sigmoid() in its place."])


@each("ends", FIT.values(), ids=FIT)
@each("loss", PROBABILITIES.values(), ids=PROBABILITIES)
def test_probabilities_are_taken(loss, ends):
    loss = loss()
    made = model(loss, ends)
    made.fit(X, targets(loss), epochs=1, verbose=0)
    assert np.isfinite(made.evaluate(X, targets(loss), verbose=0))


ALONE = {
    "then dropout": [Dense(1), Softmax(), layers.Dropout(0.1)],
    "then both": [Dense(1), layers.Chain([Softmax(), layers.Dropout(0.1)]), layers.Flatten()],
    "in chains": [layers.Chain([Dense(2), layers.Chain([Dense(1), Softmax()])])],
    "each step": [
        layers.Reshape((1, 4)),
        layers.TimeDistributed([Dense(1), Softmax()]),
        layers.GaussianNoise(0.1),
        layers.Flatten(),
    ],
    "steps": [
        layers.Reshape((1, 4)),
        layers.TimeDistributed([Dense(1), layers.LogSoftmax()]),
        layers.Flatten(),
    ],
}


VERBS = ("fit", "evaluate", "train_on_batch")


@pytest.mark.parametrize("parts", ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("built", [True, False])
def test_outputs_that_are_a_softmax_of_one_number_are_refused(parts, built):
    model = bp.Sequential(deepcopy(parts), seed=0)
    calls = [lambda how=how: getattr(model, how)(X, np.ones(12)) for how in VERBS]
    if built:
        model.build((None, 4))
        calls = [lambda: model.compile("sgd", "binary_crossentropy")]
    else:
        model.compile("sgd", "binary_crossentropy")
        calls.append(lambda: model.build((None, 4)))  # as in steps by hand
    for call in calls:
        with pytest.raises(ValueError, match="are probabilities with the sum 1") as caught:
            call()
        assert_speaks(caught, ["the model ends with", "Sigmoid()"])


@pytest.mark.parametrize(
    "block",
    [
        lambda lonely: layers.Parallel([Dense(2), lonely]),
        lambda lonely: layers.Parallel([[layers.Parallel([Dense(2), lonely]), Dense(2)], Dense(1)]),
        lambda lonely: layers.Residual([lonely, Dense(4)]),
        lambda lonely: layers.Residual([Dense(3)], [lonely, Dense(3)]),
    ],
    ids=["branch", "branch of a branch", "residual", "shortcut"],
)
def test_a_softmax_of_one_number_is_told_of_inside_blocks(block):
    def made(units):
        lonely = layers.Chain([Dense(units), layers.LogSoftmax()])
        model = bp.Sequential([block(lonely), Dense(1)], seed=0)
        model.compile("sgd", "mse")
        return model

    with pytest.warns(RuntimeWarning, match=r"LogSoftmax .* one alone, .* Sigmoid\(\)"):
        made(1).fit(X, np.ones(12), verbose=0)
    made(2).fit(X, np.ones(12), verbose=0)


def test_a_softmax_over_the_steps_of_a_sequence_may_stand_on_one_output():
    parts = [layers.Reshape((4, 1)), layers.Softmax(axis=1), layers.Flatten(), Dense(1)]
    model = bp.Sequential(parts, seed=0)
    model.compile("sgd", "mse")
    assert np.isfinite(model.evaluate(X, np.ones(12)))


@pytest.mark.parametrize("last", [Dense(3), layers.Tanh(), layers.LogSigmoid()], ids=str)
def test_rates_that_may_be_negative_are_refused(last):
    loss = losses.Poisson()
    refused(
        model(loss, [last]), targets(loss), ["Poisson takes numbers from 0 on", "Exponential()"]
    )


@pytest.mark.parametrize("last", [layers.Softplus(), layers.ReLU(), layers.Exponential()], ids=str)
def test_rates_are_taken(last):
    history = model(losses.Poisson(), [last]).fit(X, np.ones((12, 3)), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("loss", [losses.BinaryCrossentropy, losses.CategoricalCrossentropy])
def test_probabilities_are_no_logits(loss):
    loss = loss(from_logits=True)
    made = model(loss, [layers.HardSigmoid()])
    refused(made, targets(loss), ["takes logits", "'hard_sigmoid_1'", "drop one of the two"])
    model(loss, [layers.Tanh()]).fit(X, targets(loss), verbose=0)


def test_of_a_layer_of_ones_own_nothing_is_known():
    class Shifted(layers.Tanh):
        def f(self, Z, out=None):
            A = super().f(Z, out)
            A *= 0.5
            A += 0.5
            return A

        def f_prime(self, Z, A, out):
            np.subtract(1, A, out=out)
            out *= A
            out *= 2
            return out

    history = model("bce", [Shifted()]).fit(X, np.eye(3)[np.arange(12) % 3], verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@each("case", PACKAGE, ids=str)
def test_a_layer_keeps_to_its_interval(case):
    layer = case.built()
    low, high = layer.interval or REAL
    for seed in range(5):
        samples, _ = case.samples(seed=seed)
        Y = layer.forward(samples if case.integers else 5 * samples)
        assert low <= Y.min()
        assert Y.max() <= high


SEQUENCES = np.random.default_rng(0).uniform(0, 1, (6, 5, 3))
OF_CLASSES = {
    "cce": losses.CategoricalCrossentropy,
    "focal": losses.CategoricalFocalCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "kl": losses.KLDivergence,
}


@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch", "explain"])
@pytest.mark.parametrize("axis", [1, -2, [1, 2]])
@pytest.mark.parametrize("make", OF_CLASSES.values(), ids=OF_CLASSES)
def test_classes_along_another_axis_than_the_last_are_refused(make, axis, verb):
    """The loss would divide rows that have another sum than 1, and train on something else."""
    model = bp.Sequential([Dense(3), layers.Chain([Softmax(axis)])], seed=0)
    model.compile("sgd", make())
    model.build((None, 5, 3))
    before = model.parameters.values.copy()
    y = SEQUENCES.argmax(-1) if make is losses.SparseCategoricalCrossentropy else SEQUENCES
    words = r"^Softmax 'softmax_1' makes .* along axis 1.* the last axis, 2: take Softmax\(\)"
    with pytest.raises(ValueError, match=words):
        getattr(model, verb)(SEQUENCES, y)
    np.testing.assert_array_equal(model.parameters.values, before)


@pytest.mark.parametrize(
    ("loss", "parts", "shape"),
    [
        ("categorical_crossentropy", [Softmax(2)], (6, 5, 3)),
        ("categorical_crossentropy", [layers.Flatten(), Softmax(1)], (6, 15)),
        ("categorical_crossentropy", [Softmax(1), layers.Permute((2, 1))], (6, 3, 5)),
        ("categorical_crossentropy", [Softmax([1, 2]), layers.Flatten()], (6, 15)),
        ("binary_crossentropy", [Softmax(1)], (6, 5, 3)),
        ("mse", [Softmax([1, 2])], (6, 5, 3)),
    ],
)
def test_other_axes_are_taken_where_they_mean_the_same_or_the_loss_does_not_mind(
    loss, parts, shape
):
    model = bp.Sequential([Dense(3), *parts], seed=0)
    model.compile("sgd", loss)
    y = np.zeros(shape)
    y[..., 0] = 1
    model.fit(SEQUENCES, y, verbose=0)


@pytest.mark.parametrize(("layer", "words"), [
    (Softmax, "the model contains Softmax .* one alone never changes"),
    (bp.layers.Sparsemax, "the model contains Sparsemax .* one alone never changes"),
])  # fmt: skip
def test_a_hidden_layer_that_makes_single_numbers_constant_is_refused(layer, words):
    model = bp.Sequential([Dense(1), layer(), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=words):
        model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)

"""Targets of several classes, or of none, where the outputs are probabilities of one class each."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import (
    LSTM,
    Chain,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Masking,
    Permute,
    Reshape,
    Sigmoid,
    Softmax,
)

N = 12
X = np.random.default_rng(0).normal(size=(N, 4))
ONE = np.eye(3)[np.arange(N) % 3]
SEVERAL, NONE = ONE.copy(), ONE.copy()
SEVERAL[5], NONE[5] = [0, 1, 1], 0
TOLD = r"should have the sum 1, but row 5 of y is \({}\), whose sum is {}\. Several answers"


def model(loss="categorical_crossentropy", end=(Softmax,)):
    made = bp.Sequential([Dense(3), *(kind() for kind in end)], seed=0)
    made.compile("sgd", loss)
    return made


LOGITS = bp.losses.CategoricalCrossentropy
MODELS = {
    "categorical_crossentropy": lambda: model(),
    "logits": lambda: model(LOGITS(from_logits=True), ()),
    "focal": lambda: model("categorical_focal_crossentropy"),
    "kl_divergence": lambda: model("kld"),
    "binary_crossentropy_after_softmax": lambda: model("binary_crossentropy"),
    "categorical_hinge": lambda: model("categorical_hinge", ()),
    "softmax_in_a_chain": lambda: model("dice", (lambda: Chain([Dense(3), Softmax()]),)),
    "softmax_and_reshape": lambda: model("tversky", (Softmax, lambda: Reshape((3,)))),
}


@pytest.mark.parametrize("case", MODELS)
def test_rows_of_several_classes_or_none_are_told_of_once(case):
    for y, row, total in ((SEVERAL, "0, 1, 1", 2), (NONE, "0, 0, 0", 0)):
        with pytest.warns(RuntimeWarning, match=TOLD.format(row, total)) as told:
            MODELS[case]().fit(X, y, epochs=3, verbose=0)
        assert len(told) == 1
    MODELS[case]().fit(X, ONE, verbose=0)


def test_every_way_into_a_training():
    batches = [(X[:6], SEVERAL[:6]), (X[6:], SEVERAL[6:])]
    for fit in (
        lambda: model().fit(batches, epochs=2, verbose=0),
        lambda: model().fit(lambda: iter(batches), epochs=2, verbose=0),
        lambda: bp.fit_many([model(), model()], X, SEVERAL, verbose=0),
        lambda: model().fit(X, SEVERAL, validation_split=0.25, verbose=0),
    ):
        with pytest.warns(RuntimeWarning, match="should have the sum 1, but row 5") as told:
            fit()
        assert len(told) == 1


def test_shares_and_what_is_hidden_are_usual():
    model().fit(X, np.full((N, 3), 1 / 3, "float32"), verbose=0)
    model().fit(X, np.round(np.random.default_rng(0).dirichlet([1, 1, 1], N), 2), verbose=0)
    model().fit(X, NONE, sample_weight=(NONE.sum(axis=1) > 0), verbose=0)
    model("binary_crossentropy", (Sigmoid,)).fit(X, SEVERAL, verbose=0)
    model("mse", ()).fit(X, SEVERAL, verbose=0)
    padded = bp.Sequential([Embedding(5, 4, mask_zero=True), Dense(3), Softmax()], seed=0)
    padded.compile("sgd", "categorical_crossentropy")
    steps = np.arange(N * 4).reshape(N, 4) % 4
    padded.fit(steps, np.eye(3)[steps % 3] * (steps > 0)[..., np.newaxis], verbose=0)


@pytest.mark.parametrize(
    "end",
    [
        lambda: [Reshape((2, 3)), Softmax(), Flatten()],
        lambda: [Reshape((2, 3)), Softmax(), Permute((2, 1))],
        lambda: [Reshape((2, 3)), Chain([Softmax(), Reshape((6,)), Dropout(0.0)])],
    ],
    ids=["flat", "permuted", "in_a_chain"],
)
@pytest.mark.parametrize("loss", ["mse", "categorical_crossentropy"])
def test_several_answers_in_a_row_have_another_sum(loss, end):
    made = bp.Sequential([Dense(6), *end()], seed=0)
    made.compile("sgd", loss)
    several = np.stack([ONE, ONE[::-1]], axis=1)
    permuted = isinstance(made.layers[-1], Permute)
    made.fit(X, several.transpose(0, 2, 1) if permuted else several.reshape(N, 6), verbose=0)


def steps_of(front, classes=4):
    made = bp.Sequential([*front, Dense(classes), Softmax()], seed=0)
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


TOKENS = np.arange(N * 4).reshape(N, 4) % 4
NUMBERS = np.repeat(TOKENS[..., np.newaxis], 2, axis=-1).astype(float)
FRONTS = {
    "embedding": (lambda: [Embedding(5, 4, mask_zero=True)], TOKENS),
    "masking": (lambda: [Masking(), LSTM(2, return_sequences=True)], NUMBERS),
    "mask_inside": (lambda: [Dense(3, use_bias=False), Masking()], NUMBERS),
}


@pytest.mark.parametrize("front", FRONTS)
def test_the_class_of_padding_needs_no_weight_and_no_training(front):
    layers, x = FRONTS[front]
    y = np.where(TOKENS == 0, 0, TOKENS % 2 + 1)
    steps_of(layers()).fit(x, y, class_weight={1: 1, 2: 2, 3: 9}, verbose=0)
    last = np.where(TOKENS == 0, np.where(np.arange(N) < 9, 0, 3)[:, np.newaxis], y)
    steps_of(layers()).fit(x, last, validation_split=0.25, verbose=0)


def test_the_classes_of_steps_that_are_shown_are_told_of():
    y = np.where(TOKENS == 0, 0, TOKENS % 2 + 1)
    for front in ("embedding", "masking"):
        layers, x = FRONTS[front]
        with pytest.warns(RuntimeWarning, match="none for class 1, which does"):
            steps_of(layers()).fit(x, y, class_weight={2: 2, 3: 9}, verbose=0)
        last = y.copy()
        last[-1, -1] = 3
        with pytest.warns(RuntimeWarning, match="only they are of class 3, which"):
            steps_of(layers()).fit(x, last, validation_split=0.25, verbose=0)
    with pytest.warns(RuntimeWarning, match="none for class 0, which does"):
        steps_of([Embedding(5, 4)]).fit(TOKENS, y, class_weight={1: 1, 2: 2, 3: 9}, verbose=0)


def test_classes_of_no_weight_may_be_in_the_last_rows_alone():
    y, w = np.arange(N) % 2, np.ones(N)
    y[-1], w[-1] = 2, 0
    given = {"validation_split": 0.25, "verbose": 0}
    for made, targets in ((steps_of([]), y), (model(), np.eye(3)[y])):
        made.fit(X, targets, sample_weight=w, **given)
        with pytest.warns(RuntimeWarning, match="only they are of class 2, which"):
            made.fit(X, targets, **given)
    made = steps_of([Embedding(5, 4)])
    targets, w = TOKENS % 2, np.ones((N, 4))
    targets[-1, -1], w[-1, -1] = 2, 0
    made.fit(TOKENS, targets, sample_weight=w, **given)

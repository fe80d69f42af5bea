"""Targets of several classes, or of none, where the outputs are probabilities of one class each."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Chain, Dense, Embedding, Reshape, Sigmoid, Softmax

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

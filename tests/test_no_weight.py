"""Samples none of which counts, and weights of classes that are others than those that occur."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import LSTM, Dense, Embedding, ReLU, Softmax

N = 24
ZERO = np.zeros(N)
X = np.random.default_rng(0).normal(size=(N, 4))
y = np.arange(N) % 3
NOTHING = r"no sample of {} counts in the loss, which is therefore 0: all have the weight 0"


def classifier(loss="sparse_categorical_crossentropy", optimizer="sgd"):
    model = bp.Sequential([Dense(5), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile(optimizer, loss)
    return model


def batches(w):
    return lambda: ((X[k : k + 8], y[k : k + 8], w[k : k + 8]) for k in range(0, N, 8))


HALF = np.where(np.arange(N) < N // 2, 0.0, 1.0)
FITS = {
    "arrays": ((X, y), {"sample_weight": ZERO}),
    "integers": ((X, y), {"sample_weight": [0] * N}),
    "class_weight": ((X, y), {"class_weight": {0: 0, 1: 0.0, 2: 0}}),
    "a_function": ((batches(ZERO),), {}),
    "a_stream_and_class_weight": (
        ([(X[:12], y[:12]), (X[12:], y[12:])],),
        {"class_weight": dict.fromkeys(range(3), 0)},
    ),
    "the_first_half": ((X, y), {"sample_weight": HALF, "validation_split": 0.5}),
}
VALIDATIONS = {
    "validation x": {"validation_data": (X, y, ZERO)},
    "validation  x": {"validation_data": batches(ZERO)},
    "validation_split": {"sample_weight": 1 - HALF, "validation_split": 0.5},
}


@pytest.mark.parametrize("case", FITS)
def test_fit_warns_once_if_no_sample_counts(case):
    arguments, options = FITS[case]
    with pytest.warns(RuntimeWarning, match=NOTHING.format("x")) as told:
        classifier().fit(*arguments, epochs=3, verbose=0, **options)
    assert len(told) == 1


@pytest.mark.parametrize("case", VALIDATIONS)
def test_samples_that_are_held_out_may_not_count_either(case):
    with pytest.warns(RuntimeWarning, match=NOTHING.format(case.replace("  ", " "))) as told:
        classifier().fit(X, y, epochs=3, verbose=0, **VALIDATIONS[case])
    assert len(told) == 1


def test_evaluate_and_lbfgs_warn_too():
    model = classifier(optimizer=bp.optimizers.LBFGS())
    for call in (
        lambda: model.fit(X, y, sample_weight=ZERO, verbose=0),
        lambda: model.evaluate(X, y, sample_weight=ZERO),
        lambda: model.evaluate(batches(ZERO)),
    ):
        with pytest.warns(RuntimeWarning, match=NOTHING.format("x")) as told:
            call()
        assert len(told) == 1


def test_targets_that_are_all_ignored():
    model = classifier(bp.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    with pytest.warns(RuntimeWarning, match="a class that the loss ignores"):
        model.fit(X, np.full(N, -1), verbose=0)
    model.fit(X, np.where(np.arange(N) < 23, -1, 0), verbose=0)  # one is known


def padded(seed=0):
    made = [Embedding(5, 2, mask_zero=True), LSTM(3, return_sequences=True)]
    model = bp.Sequential(made, seed=seed)
    model.compile("sgd", "mse")
    return model


PADDING, STEPS = np.zeros((N, 6), int), np.ones((N, 6, 3))


def test_sequences_of_padding_alone():
    with pytest.warns(RuntimeWarning, match="or are padding") as told:
        padded().fit(PADDING, STEPS, epochs=2, verbose=0)
    assert len(told) == 1


EVALUATIONS = {
    "evaluate": ("x", lambda: padded().evaluate(PADDING, STEPS)),
    "evaluate_a_stream": ("x", lambda: padded().evaluate([(PADDING, STEPS)] * 2)),
    "fit": (
        "the validation data",
        lambda: padded().fit(
            PADDING + 1, STEPS, epochs=3, verbose=0, validation_data=(PADDING, STEPS)
        ),
    ),
    "fit_many": (
        "the validation data",
        lambda: bp.fit_many(
            [padded(), padded(1)],
            *(PADDING + 1, STEPS),
            epochs=3,
            verbose=0,
            validation_data=(PADDING, STEPS),
        ),
    ),
}


@pytest.mark.parametrize("case", EVALUATIONS)
def test_an_evaluation_of_padding_alone(case):
    what, call = EVALUATIONS[case]
    with pytest.warns(RuntimeWarning, match=NOTHING.format(what)) as told:
        call()
    assert len(told) == 1


def test_an_evaluation_of_padding_among_others_is_usual():
    some = np.where(np.arange(N)[:, np.newaxis] < N - 1, PADDING, 1)
    padded().evaluate(some, STEPS, batch_size=4)
    padded().test_on_batch(PADDING, STEPS)


def test_models_that_are_trained_together_warn_of_what_is_held_out():
    for options in ({"sample_weight": ZERO}, {"validation_data": (X, y, ZERO)}):
        with pytest.warns(RuntimeWarning, match=r"no sample of (validation )?x counts") as told:
            bp.fit_many([classifier(), classifier()], X, y, verbose=0, **options)
        assert len(told) == 1
    models = [bp.Sequential([Dense(3), Dense(1)], seed=seed) for seed in range(2)]
    for model in models:
        model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match="validation y varies by 23 around 1e") as told:
        bp.fit_many(models, X, y, validation_data=(X, 1e9 + np.arange(N)), verbose=0)
    assert len(told) == 1


def test_one_batch_without_a_weight_is_nothing_to_be_told_of():
    w = np.where(np.arange(N) < 20, 0.0, 1.0)
    classifier().fit(X, y, batch_size=4, sample_weight=w, shuffle=False, verbose=0)
    classifier().fit(batches(w), verbose=0)
    classifier().train_on_batch(X, y, ZERO)


@pytest.mark.parametrize(
    "weights", [{1: 2.0, 2: 3.0}, {2: 1.5}, {np.int64(2): 1.5, 0.0: 1.0}], ids=str
)
def test_weights_of_other_classes_than_those_that_occur(weights):
    for model, targets in ((classifier(), y % 2), (classifier("mse"), np.eye(3)[y % 2])):
        with pytest.warns(RuntimeWarning, match=r"for class 2, which does not occur in y") as told:
            model.fit(X, targets, class_weight=weights, epochs=2, verbose=0)
        assert len(told) == 1


@pytest.mark.parametrize("weights", [{}, {0: 2}, {0: 1, 1: 2, 2: 5}, {1: 0, 0: 1}], ids=str)
def test_a_class_without_a_weight_counts_1_and_a_weight_may_be_unused(weights):
    one, other = classifier(), classifier()
    one.fit(X, y % 2, class_weight=weights, verbose=0)
    other.fit(X, y % 2, sample_weight=[weights.get(k, 1) for k in y % 2], verbose=0)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("ignored", [-1, 255, 2])
def test_a_class_that_is_ignored_needs_no_weight(ignored):
    targets = np.where(y == 2, ignored, y)
    one, other = (
        classifier(bp.losses.SparseCategoricalCrossentropy(ignore_class=ignored)) for _ in range(2)
    )
    weights = {0: 3.0, 1: 0.5} | ({2: 7.0} if ignored != 2 else {})
    one.fit(X, targets, class_weight=weights, verbose=0)
    other.fit(X, targets, sample_weight=np.array([3, 0.5, 1])[y], verbose=0)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("shape", [(N,), (N, 3)])
def test_the_loss_does_not_depend_on_the_batch_size_where_targets_are_ignored(shape):
    rng = np.random.default_rng(1)
    given, targets = rng.normal(size=(*shape, 4)), rng.integers(0, 3, shape)
    targets[: N // 2 + 3] = -1  # batches of ignored targets alone among them
    models = [bp.Sequential([Dense(3), Softmax()], seed=seed, dtype="float64") for seed in range(2)]
    for model in models:
        model.compile("sgd", bp.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    model = models[0]
    whole = model.evaluate(given, targets)
    for size in (1, 5, 8):
        assert model.evaluate(given, targets, size) == pytest.approx(whole, rel=1e-12)
    alone = bp.Sequential([Dense(3), Softmax()], seed=0, dtype="float64")
    alone.compile(bp.optimizers.SGD(0.0), bp.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    options = {"batch_size": 5, "verbose": 0}
    assert alone.fit(given, targets, **options).history["loss"] == [pytest.approx(whole, rel=1e-12)]
    options |= {"validation_data": (given, targets), "validation_batch_size": 5}
    together = bp.fit_many(models, given, targets, **options)
    for history, model in zip(together, models, strict=True):
        found = history.history["val_loss"][0]
        assert found == pytest.approx(model.evaluate(given, targets), rel=1e-12)


def test_a_class_that_is_ignored_is_missed_nowhere():
    model = classifier(bp.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    targets = np.where(np.arange(N) == N - 1, -1, y)
    model.fit(X, targets, validation_split=0.25, verbose=0)


def test_lbfgs_minimises_the_mean_over_what_is_not_ignored():
    targets = np.where(np.arange(N) < 11, -1, y)
    found = []
    for size in (N, 5):
        model = classifier(
            bp.losses.SparseCategoricalCrossentropy(ignore_class=-1), bp.optimizers.LBFGS()
        )
        found.append(model.fit(X, targets, batch_size=size, epochs=3, verbose=0).history["loss"])
    assert found[0] == pytest.approx(found[1], rel=1e-4)

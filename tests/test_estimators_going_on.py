"""Estimators whose training goes on: after a crash, in a warm start, a partial fit, a copy."""

import copy

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, Tanh

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# --- after a crash -------------------------------------------------------------------------------

CUT = [
    {"shuffle": False},
    {"dropout": 0.2},
    {"batch_normalization": True},
    {"early_stopping": True, "learning_rate_init": 0.5},  # the second epoch is the best
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2},
    {"solver": "sgd", "learning_rate": "invscaling"},
    {"tol": 10.0, "n_iter_no_change": 4},
    {"solver": "lbfgs"},
]


def brought(mlp):
    """Everything that training has brought."""
    told = [vars(mlp._records[0]), mlp.history_.history, mlp.model_.optimizer.learning_rate]
    return [mlp.model_.parameters.values.tolist(), *told]


@pytest.mark.parametrize("arguments", CUT, ids=str)
@pytest.mark.parametrize("save_freq", ["epoch", 3])
@pytest.mark.parametrize(
    "hook", ["on_epoch_end", pytest.param("on_test_begin", marks=pytest.mark.long)]
)
def test_an_interrupted_training_goes_on_with_the_same_bits(
    arguments, save_freq, hook, iris, tmp_path
):
    class Crash(bp.callbacks.Callback):
        times = 0

        def fail(self, *_):
            self.times += 1
            if self.times == 4:
                raise RuntimeError("crash")

    setattr(Crash, hook, lambda self, *rest: self.fail(*rest))
    common = {"hidden_layer_sizes": (4,), "max_iter": 8, "random_state": 0, "batch_size": 40}

    def fitted(*callbacks):
        mlp = MLPClassifier(**common | arguments, callbacks=callbacks)
        return mlp.fit(*iris, validation_data=(iris[0][::5], iris[1][::5]))

    def backup():
        return bp.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)

    with pytest.raises(RuntimeError, match="crash"):
        fitted(backup(), Crash())
    assert brought(fitted(backup())) == brought(fitted())
    assert not (tmp_path / "backup").exists()  # or the next fit would begin where this one ended


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
def test_the_random_numbers_of_numpy_itself_go_on_too(hook, iris, tmp_path):
    def crash(*_):
        raise RuntimeError("crash")

    def fitted(seed, **hooks):
        np.random.seed(seed)  # noqa: NPY002
        told = [bp.callbacks.BackupAndRestore(tmp_path), bp.callbacks.LambdaCallback(**hooks)]
        return MLPClassifier((4,), max_iter=4, batch_size=40, callbacks=told).fit(*iris)

    whole = fitted(0)
    with pytest.raises(RuntimeError, match="crash"):
        fitted(0, **{hook: crash})
    again = fitted(1)
    assert again.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(again.coefs_[0], whole.coefs_[0])


# --- curves over several fits --------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_losses_of_a_validation_stand_beside_those_of_their_epochs(solver, iris):
    mlp = MLPClassifier((3,), solver=solver, max_iter=2, warm_start=True, random_state=0)
    expected, held_out = [], []
    for validated in (False, True, False, True, False):
        mlp.fit(*iris, validation_data=iris if validated else None)
        expected += mlp.history_.history["loss"]
        held_out += mlp.history_.history["val_loss"] if validated else [np.nan] * 2
        curves = {
            "validation" if line.get_linestyle() == "--" else "training": line.get_ydata()
            for line in mlp.plot_loss_curve().axes[0].lines
            if len(line.get_xdata()) > 1
        }
        np.testing.assert_array_equal(curves["training"], expected)
        if "validation" in curves:
            np.testing.assert_array_equal(curves["validation"], held_out)
        assert "not finite" not in mlp.plot_loss_curve().axes[0].get_title()
    np.testing.assert_array_equal(mlp.validation_loss_curve_, held_out[:-2])


def test_curves_of_one_solver_after_the_other(iris):
    mlp = MLPClassifier((3,), max_iter=4, warm_start=True, random_state=0)
    mlp.fit(*iris).set_params(solver="lbfgs", max_iter=3).fit(*iris, validation_data=iris)
    lines = mlp.plot_loss_curve().axes[0].lines
    (line,) = (each for each in lines if each.get_label() == "training")
    assert len(line.get_ydata()) == 7
    assert len(mlp.loss_curve_) == 4  # as in scikit-learn
    assert len(mlp.validation_loss_curve_) == 7


def test_a_fit_without_an_iteration_is_drawn_too(iris):
    mlp = MLPRegressor(
        hidden_layer_sizes=(3,), solver="lbfgs", tol=0.01, warm_start=True, random_state=0
    )
    mlp.fit(iris[0], iris[0][:, 0]).fit(iris[0], iris[0][:, 0])
    assert mlp.n_iter_ == 0
    assert mlp.history_.history["loss"] == [mlp.loss_]
    assert mlp.plot_loss_curve()


# --- other arguments -----------------------------------------------------------------------------

SGD = {"solver": "sgd"}
CHANGES = [
    ({}, {"activation": "tanh"}),
    ({}, {"learning_rate_init": 0.1, "beta_1": 0.5}),
    ({}, {"alpha": 5.0, "batch_size": 20}),
    ({}, {"solver": "sgd"}),
    (SGD, {"momentum": 0.1, "activation": "identity"}),
    (SGD, {"learning_rate": "invscaling"}),
    (SGD | {"learning_rate": "invscaling"}, {"learning_rate": "constant"}),
    (SGD | {"learning_rate": "invscaling"}, {"power_t": 0.1, "learning_rate_init": 0.5}),
    (SGD | {"learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1}, {"tol": 1e-9}),
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("first", "then"), CHANGES, ids=str)
def test_other_arguments_count_as_in_scikit_learn(first, then, warm, iris):
    """In partial fits those of the optimizer do not: it goes on as it was made."""
    common = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 3, "shuffle": False}
    pair = [
        kind(**common | first, batch_size=50, warm_start=warm)
        for kind in (MLPClassifier, neural_network.MLPClassifier)
    ]
    for mlp in pair:
        for arguments in ({}, {}, then, {}):
            mlp.set_params(**arguments)
            mlp.fit(*iris) if warm else mlp.partial_fit(*iris, classes=[0, 1, 2])
    np.testing.assert_allclose(pair[0].loss_curve_, pair[1].loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("warm", [False, True])
def test_another_loss_and_other_metrics_count_at_once(warm, iris):
    X, y = iris[0][:, :3], iris[0][:, 3]
    common = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 1, "batch_size": 150}
    mlp = MLPRegressor(**common, alpha=0.0, warm_start=True).fit(X, y)
    mlp.set_params(loss=bp.losses.Huber(0.1), metrics=["mae"])
    expected = bp.losses.Huber(0.1).forward(mlp.predict(X)[:, np.newaxis], y)
    (mlp.fit if warm else mlp.partial_fit)(X, y)
    assert mlp.loss_curve_[1] == pytest.approx(expected)
    assert list(mlp.history_.history) == ["loss", "mae"]


@pytest.mark.parametrize("warm", [False, True])
def test_another_structure_keeps_all_that_both_have(warm, iris):
    X, y = iris
    common = {"batch_normalization": True, "random_state": 0, "learning_rate_init": 0.05}
    mlp = MLPClassifier((4, 3), **common, max_iter=5, warm_start=True).fit(X, y)
    before = {p.name: p.value.copy() for p in mlp.model_.parameters}
    assert not np.allclose(before["batch_normalization_1.gamma"], 1)
    mlp.set_params(activation="tanh", dropout=0.1)
    mlp.set_params(max_iter=1, learning_rate_init=1e-9, batch_size=150)
    (mlp.fit if warm else mlp.partial_fit)(X, y)
    assert [type(layer).__name__ for layer in mlp.model_.layers].count("Dropout") == 2
    assert mlp.model_.optimizer.iterations == (1 if warm else 6)
    for p in mlp.model_.parameters:
        moves = 1e-6 if warm else 0.1  # by the old learning rate
        if "moving" not in p.name:
            np.testing.assert_allclose(p.value, before[p.name], rtol=0, atol=moves)


@pytest.mark.parametrize("change", [{"activation": "tanh"}, {"solver": "lbfgs"}], ids=str)
def test_what_is_frozen_stays_so(change, iris):
    mlp = MLPClassifier((4,), batch_normalization=True, max_iter=3, warm_start=True)
    mlp.fit(*iris)
    dense, normalisation, *_ = mlp.model_.layers
    dense.trainable = normalisation.parameters[0].trainable = False
    before = [W.copy() for W in mlp.coefs_]
    mlp.set_params(**change).fit(*iris)
    np.testing.assert_array_equal(mlp.coefs_[0], before[0])
    assert not np.array_equal(mlp.coefs_[1], before[1])
    trained = {p.name: p.trainable for p in mlp.model_.parameters}
    assert not trained["batch_normalization_1.gamma"]
    assert trained["batch_normalization_1.beta"]
    assert not mlp.model_.layers[0].trainable


def test_another_dtype_is_that_of_the_network(iris):
    mlp = MLPClassifier((4,), max_iter=3, random_state=0, warm_start=True).fit(*iris)
    before = mlp.coefs_[0].copy()
    mlp.set_params(dtype="float32", learning_rate_init=1e-9).fit(*iris)
    assert mlp.coefs_[0].dtype == mlp.predict_proba(iris[0]).dtype == np.float32
    np.testing.assert_allclose(mlp.coefs_[0], before, atol=1e-6)
    mlp.set_params(dtype="float64").partial_fit(*iris)
    assert mlp.coefs_[0].dtype == np.float64


@pytest.mark.parametrize("first", [False, True])
def test_what_stops_training_may_change(first, iris):
    mlp = MLPClassifier((4,), max_iter=3, random_state=0, warm_start=True, early_stopping=first)
    mlp.fit(*iris).set_params(early_stopping=not first).fit(*iris)
    assert len(mlp.loss_curve_) == 6
    if first:
        assert mlp.validation_scores_ is None
        assert mlp.best_loss_ == min(mlp.loss_curve_[3:])
    else:
        assert len(mlp.validation_scores_) == 3
        assert mlp.best_loss_ is None


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("columns", [[0, 1], [0]])
def test_as_many_targets_as_before(warm, columns, iris):
    X, Y = iris[0][:, :2], iris[0][:, 1:]
    mlp = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, warm_start=True)
    mlp.fit(X, Y[:, [0, 1][: 3 - len(columns)]].squeeze())
    before = mlp.predict(X)
    with pytest.raises(ValueError, match=rf"had {3 - len(columns)} .* but y has {len(columns)}"):
        (mlp.fit if warm else mlp.partial_fit)(X, Y[:, columns].squeeze())
    assert mlp.n_outputs_ == 3 - len(columns)
    np.testing.assert_array_equal(mlp.predict(X), before)


# --- a copy --------------------------------------------------------------------------------------


def build(n_features, n_outputs, units=4):
    return bp.Sequential([Dense(units), Tanh(), Dense(n_outputs)])


def test_a_warm_start_goes_by_an_optimizer_whose_rate_was_lowered(iris):
    wrapped = SequentialClassifier(build, optimizer=bp.optimizers.SGD(0.1), warm_start=True)
    wrapped.fit(*iris)
    wrapped.optimizer.learning_rate = 0.0
    before = wrapped.model_.get_weights()
    wrapped.fit(*iris)
    assert wrapped.model_.optimizer.learning_rate == 0
    for array, as_it_was in zip(wrapped.model_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, as_it_was)
    optimizer = wrapped.model_.optimizer
    assert copy.deepcopy(wrapped).fit(*iris).model_.optimizer.iterations > 100
    assert wrapped.fit(*iris).model_.optimizer is optimizer  # nothing has changed since


SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "warm_start": True}
WRAPPED = {"build": build, "units": 3, "epochs": 2, "random_state": 0, "warm_start": True}
COPIED = [
    SequentialClassifier(**WRAPPED, optimizer=bp.optimizers.Adam(0.05)),
    SequentialRegressor(**WRAPPED, n_members=2),
    MLPClassifier(**SMALL),
    MLPRegressor(**SMALL, solver="lbfgs"),
]


@pytest.mark.parametrize("estimator", COPIED, ids=lambda each: type(each).__name__)
def test_a_fit_of_a_copy_leaves_the_original_as_it_was(estimator, iris):
    """Both had the same networks, so that a warm start of the one trained the other's, too."""
    X, y = iris
    original, alike = estimator.fit(X, y), clone(estimator).fit(X, y)
    predict = "predict_proba" if hasattr(original, "predict_proba") else "predict"
    before = getattr(original, predict)(X)
    twin = copy.copy(original)
    np.testing.assert_array_equal(getattr(twin, predict)(X), before)
    twin.fit(X, y)
    twin.model_.parameters.values[...] = 0
    np.testing.assert_array_equal(getattr(original, predict)(X), before)
    assert twin.get_params() == original.get_params()
    assert twin.history_ is twin.models_[0].history
    again = copy.copy(original).fit(X, y)  # goes on as if it were the original
    np.testing.assert_array_equal(getattr(again, predict)(X), getattr(alike.fit(X, y), predict)(X))

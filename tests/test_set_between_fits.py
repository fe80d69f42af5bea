"""What is set of estimators between two fits, and of callbacks and parts within one."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network

import backprop as bp
from backprop.callbacks import EarlyStopping, LambdaCallback
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, LeakyReLU
from backprop.metrics import AUC, FBetaScore, Precision, Recall
from backprop.training.settings import settings_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 4))
CODES, OTHERS = (X[:, 0] > 0).astype(int), RNG.integers(0, 2, 120)
Y = X @ [1.0, -2.0, 0.5, 3.0]


# ------------------------------------------------------------------------------- an MLP


SET = [
    ({}, "best_loss_", np.inf),
    ({}, "loss_curve_", []),
    ({"early_stopping": True}, "best_validation_score_", -np.inf),
    ({"early_stopping": True}, "validation_scores_", []),
]


@pytest.mark.parametrize(("arguments", "name", "value"), SET)
def test_what_training_goes_by_may_be_set_as_in_scikit_learn(arguments, name, value):
    common = {"warm_start": True, "max_iter": 30, "random_state": 0, "learning_rate_init": 0.02}
    told = []
    for kind in (neural_network.MLPClassifier, MLPClassifier):
        mlp = kind((8,), n_iter_no_change=5, tol=1e-3, **common, **arguments).fit(X, CODES)
        setattr(mlp, name, copy.copy(value))
        mlp.fit(X, OTHERS)
        told.append([mlp.n_iter_, len(mlp.loss_curve_), mlp.loss_, *(mlp.validation_scores_ or ())])
    assert told[0] == pytest.approx(told[1], rel=1e-9)


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("change", [np.asarray, tuple, lambda curve: None])
def test_curves_of_another_kind_go_on(members, change):
    mlp = MLPRegressor(hidden_layer_sizes=(4,), random_state=0, n_members=members)
    for _ in range(3):
        mlp.partial_fit(X, Y)
        mlp.loss_curve_ = change(mlp.loss_curve_)
    mlp.partial_fit(X, Y)
    assert isinstance(mlp.loss_curve_, list)
    assert len(mlp.loss_curve_) == 4


def test_names_of_ones_own_are_left_alone():
    class Mine(MLPRegressor):
        _checked = None

    assert Mine(hidden_layer_sizes=(4,), max_iter=1).fit(X, Y).fit(X, Y)._checked is None


def test_several_networks_go_by_it_too():
    mlp = MLPClassifier((4,), warm_start=True, max_iter=5, random_state=0, n_members=2, tol=0.0)
    mlp.fit(X, CODES)
    known = [record.best_loss_ for record in mlp._records]
    curves = [[*record.loss_curve_] for record in mlp._records]
    mlp.fit(X, CODES)
    assert [record.loss_curve_[:5] for record in mlp._records] == curves
    assert curves[0] != curves[1]
    assert all(now.best_loss_ < before for now, before in zip(mlp._records, known, strict=True))
    mlp.best_loss_ = 1e-9
    mlp.fit(X, CODES)
    assert mlp.best_loss_ == 1e-9


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
def test_weights_that_are_put_there_first_are_those_of_the_first_network_alone(verb):
    one = MLPRegressor(hidden_layer_sizes=(8,), max_iter=9, random_state=1).fit(X, Y)
    mlp = MLPRegressor(
        hidden_layer_sizes=(8,), random_state=0, warm_start=True, n_members=3, max_iter=1
    )
    mlp.coefs_, mlp.intercepts_ = one.coefs_, one.intercepts_
    getattr(mlp, verb)(X, Y)
    sizes = [abs(model.layers[0].W).sum() for model in mlp.models_]
    assert min(sizes) > 5
    assert len(set(sizes)) == 3
    assert abs(mlp.coefs_[0] - one.coefs_[0]).max() < 0.01


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", "huber"),
        ("loss", None),
        ("batch_size", 2.5),
        ("batch_normalization", "no"),
        ("alpha", -1),
    ],
)
def test_a_partial_fit_checks_arguments_that_have_changed(name, value):
    mlp = MLPRegressor(hidden_layer_sizes=(8,), random_state=0).partial_fit(X, Y)
    kept = getattr(mlp, name)
    before = mlp.coefs_[0].copy()
    setattr(mlp, name, value)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPRegressor must be"):
        mlp.partial_fit(X, Y)
    np.testing.assert_array_equal(mlp.coefs_[0], before)
    setattr(mlp, name, kept)
    mlp.partial_fit(X, Y)


def test_the_penalty_of_a_wide_network_is_alpha():
    wide = RNG.standard_normal((60, 60))
    mlp = MLPClassifier((800,), random_state=0, max_iter=1, warm_start=True, batch_size=60)
    mlp.fit(wide, CODES[:60])
    penalty = mlp.model_.layers[0].kernel_regularizer
    penalty.l2 = 0.5
    with pytest.raises(ValueError, match=r"Dense 'dense_1' was set to 0.5, but .* set alpha"):
        mlp.fit(wide, CODES[:60])
    penalty.l2 = 0.0
    mlp.fit(wide, CODES[:60])


def test_the_spread_of_targets_is_0_or_more():
    def fitted(targets):
        mlp = MLPRegressor(hidden_layer_sizes=(4,), n_members=2, max_iter=2, random_state=0)
        return mlp.fit(X, targets)

    one, two = fitted(Y), fitted(np.stack([Y, -Y], axis=1))
    for mlp, wrong in ((one, -1.0), (one, np.nan), (one, [1.0, 2.0]), (two, np.ones(7))):
        with pytest.raises(ValueError, match="noise_"):
            mlp.noise_ = wrong
    one.noise_ = two.noise_ = 0.0
    least = one.predict(X, return_std=True)[1]
    np.testing.assert_allclose(
        least, np.std([model.predict(X)[:, 0] for model in one.models_], axis=0, ddof=1)
    )
    one.noise_, two.noise_ = [0.5], [0.5, 2.0]
    np.testing.assert_allclose(one.predict(X, return_std=True)[1], np.hypot(least, 0.5))
    assert two.predict(X, return_std=True)[1][:, 1].min() > 2
    assert not hasattr(MLPRegressor(), "noise_")


# ----------------------------------------------------------------- networks from a function


def build(n_features, n_outputs, hidden=(8,)):
    return bp.Sequential([Dense(units) for units in (*hidden, n_outputs)])


def test_a_list_for_build_that_has_changed_in_itself_is_noticed():
    first = SequentialRegressor(build, hidden=[8], warm_start=True, epochs=1).fit(X, Y)
    first.fit(X, Y)
    first.hidden[0] = 32
    with pytest.raises(ValueError, match="hidden has changed since the last fit built the netwo"):
        first.fit(X, Y)
    first.warm_start = False
    assert first.fit(X, Y).model_.layers[0].W.shape == (4, 32)


METRICS = [
    (Recall, "thresholds", 0.05),
    (lambda: Precision([0.3, 0.5]), "thresholds", [0.05, 0.2]),
    (Recall, "class_id", 0),
    (AUC, "curve", "PR"),
    (FBetaScore, "beta", 3.0),
]


@pytest.mark.parametrize(("make", "name", "value"), METRICS)
def test_a_metric_of_an_estimator_may_be_changed_in_itself(make, name, value):
    told = []
    for way in ("in itself", "anew", "not at all"):
        first = SequentialClassifier(
            build, metrics=[make()], warm_start=True, epochs=1, random_state=0
        ).fit(X, OTHERS)
        if way == "anew":
            first.metrics = [make()]
        if way != "not at all":
            setattr(first.metrics[0], name, value)
        found = first.fit(X, OTHERS).history_.history
        told.append([values for key, values in found.items() if key != "loss"])
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_what_a_metric_of_ones_own_has_counted_is_no_setting():
    class Share(bp.metrics.Metric):
        better = "larger"

        def reset(self):
            self.n = self.hits = 0

        def update(self, prediction, target, sample_weight=None):
            self.n += len(target)
            self.hits += int((prediction.argmax(axis=-1) == target).sum())

        def result(self):
            return self.hits / max(self.n, 1)

    own = Share("share")
    own.reset()
    first = SequentialClassifier(build, metrics=[own], warm_start=True, epochs=1, random_state=0)
    first.fit(X, OTHERS)
    steps = first.model_.optimizer.iterations
    own.update(np.eye(2), np.ones(2))
    assert first.fit(X, OTHERS).model_.optimizer.iterations == 2 * steps


# ------------------------------------------------------------------------ within a training


CHANGES = {
    "the layers": lambda model: setattr(model.layers[0].kernel_regularizer, "l2", 0.5),
    "the loss": lambda model: setattr(model.loss, "delta", 20.0),
    "the layers ": lambda model: setattr(model.layers[1], "negative_slope", 0.9),
}


@pytest.mark.parametrize("what", CHANGES)
def test_l_bfgs_refuses_another_function_than_it_began_with(what):
    model = bp.Sequential([Dense(3, kernel_regularizer="l2"), LeakyReLU(0.1), Dense(1)], seed=0)
    model.compile(bp.optimizers.LBFGS(), bp.losses.Huber())

    def act(epoch, logs):
        if epoch == 1:
            CHANGES[what](model)

    words = f"a callback has changed a setting of {what.strip()} in the middle of a fit by L-BFGS"
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y, epochs=9, verbose=0, callbacks=[LambdaCallback(on_epoch_end=act)])
    watched = [LambdaCallback(on_epoch_end=lambda *_: None), EarlyStopping("loss")]
    assert model.fit(X, Y, epochs=3, verbose=0, callbacks=watched).epoch == [0, 1, 2]


def test_l_bfgs_takes_a_look_at_the_inputs_and_parts_that_count():
    class Counting(bp.regularizers.L2):
        calls = 0

        def penalty(self, W):
            self.calls += 1
            return super().penalty(W)

    model = bp.Sequential([Dense(1, kernel_regularizer=Counting(0.1))], seed=0)
    model.compile(bp.optimizers.LBFGS(), "mse")
    look = LambdaCallback(
        on_epoch_begin=lambda *_: setattr(model.layers[0], "needs_input_gradient", True)
    )
    assert len(model.fit(X, Y, epochs=3, verbose=0, callbacks=[look]).epoch) == 3
    assert model.layers[0].kernel_regularizer.calls > 3


def test_l_bfgs_takes_a_loss_that_counts():
    class Counting(bp.losses.Loss):
        calls = 0

        def values(self, prediction, target):
            self.calls += 1
            return np.mean((prediction - target) ** 2, axis=-1)

        def gradient(self, prediction, target):
            return 2 * (prediction - target) / target.shape[-1]

    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(bp.optimizers.LBFGS(), Counting())
    watch = LambdaCallback(on_epoch_end=lambda *_: None)
    assert len(model.fit(X, Y, epochs=3, verbose=0, callbacks=[watch]).epoch) == 3
    assert model.loss.calls > 3


def test_the_settings_of_a_joined_loss_are_those_that_workers_compare():
    model = bp.Sequential([Dense(2), bp.layers.Softmax()], seed=0)
    model.compile("sgd", bp.losses.CategoricalFocalCrossentropy(gamma=1.0))
    model.build((None, 4))
    before = settings_of(model)
    assert settings_of(model) == before
    model.loss.gamma = 3.0
    assert [name for name, value in settings_of(model).items() if value != before[name]] == [
        "the loss"
    ]


@pytest.mark.parametrize("change", [("monitor", "accuracy"), ("mode", "max"), ("mode", "auto")])
def test_a_stop_goes_by_what_it_watches_from_then_on(change):
    name, value = change
    stop = EarlyStopping("loss", patience=1, mode="max" if value == "auto" else "auto")
    stop.patience = 1 if value != "auto" else 9
    model = bp.Sequential([Dense(1), bp.layers.Sigmoid()], seed=0)
    model.compile(bp.optimizers.SGD(0.05), "binary_crossentropy", metrics=["accuracy"])
    seen = []

    def act(epoch, logs):
        if epoch == 2:
            setattr(stop, name, value)
        seen.append((stop.rises, stop.best))

    model.fit(X, CODES, epochs=5, verbose=0, callbacks=[LambdaCallback(on_epoch_end=act), stop])
    rises = name == "monitor" or value == "max"
    assert seen[2] == (rises, -np.inf if rises else np.inf)


# --------------------------------------------------------------------- models and histories


def test_the_names_of_features_are_as_many_as_there_are():
    frame = pd.DataFrame(X[:, :3], columns=list("abc"))
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(frame, Y, verbose=0)
    with pytest.raises(ValueError, match="must name the 3 features of the model, but there are 2"):
        model.feature_names = ["a", "b"]
    assert model.feature_names == ("a", "b", "c")
    model.feature_names = ["b", "c", "a"]
    model.predict(frame[["b", "c", "a"]])
    model.feature_names = ()
    assert model.feature_names is None
    model.predict(frame)


def test_a_history_with_arrays_in_it_is_printed():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, verbose=0)
    history.history["loss"] = np.array([3.0, 2.0])
    assert repr(history) == "<History of 2 epochs: loss=2>"

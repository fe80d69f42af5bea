"""What backprop's MLPs have beside scikit-learn's arguments, and ensembles of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.neural_network
from matplotlib.figure import Figure
from scipy import sparse
from sklearn import datasets
from sklearn.base import clone
from sklearn.utils.class_weight import compute_sample_weight

import backprop as bp
from backprop import estimators
from backprop.estimators import MLPClassifier, MLPRegressor, networks, training
from backprop.estimators.steps import PenalisedSteps
from backprop.experiments import many
from backprop.layers import BatchNormalization, Dense, Dropout, ReLU, Softmax

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def iris():
    X, y = datasets.load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    order = np.random.default_rng(0).permutation(150)
    return X[order], y[order]


@pytest.fixture
def sine(rng):
    X = rng.uniform(-3, 3, (120, 1))
    return X, np.sin(2 * X[:, 0]) + 0.2 * rng.normal(size=120)


# --- arguments of our own ------------------------------------------------------------------------


def test_layers_between(iris):
    mlp = MLPClassifier((8, 6), max_iter=2, dropout=0.3, batch_normalization=True, random_state=0)
    layers = mlp.fit(*iris).model_.layers
    hidden = [Dense, BatchNormalization, ReLU, Dropout]
    assert [type(layer) for layer in layers] == [*hidden, *hidden, Dense, Softmax]
    assert layers[3].rate == 0.3
    again = clone(mlp).fit(*iris)
    np.testing.assert_array_equal(mlp.predict_proba(iris[0]), again.predict_proba(iris[0]))
    with pytest.raises(ValueError, match="draws random numbers"):
        MLPClassifier(dropout=0.3, solver="lbfgs").fit(*iris)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 2: 0.5}], ids=str)
def test_class_weights(iris, class_weight):
    X, y = iris[0][:100], iris[1][:100]
    weight = compute_sample_weight(class_weight, y)
    common = {"max_iter": 10, "random_state": 0, "batch_size": 30}
    by_class = MLPClassifier((5,), class_weight=class_weight, **common).fit(X, y)
    by_sample = MLPClassifier((5,), **common).fit(X, y, sample_weight=weight)
    assert by_class.loss_curve_ == by_sample.loss_curve_
    if class_weight == "balanced":
        with pytest.raises(ValueError, match="needs all samples at once"):
            MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("incremental", [False, True])
def test_batches_without_weight_count_for_nothing(iris, wide, incremental, monkeypatch):
    """Without momentum the other batches train as if these were not there."""
    monkeypatch.setattr(networks, "WIDE", 0 if wide else 10**9)
    X, y = iris
    order = np.argsort(y == 2, kind="stable")  # 100 samples of weight 1 or 2, and 50 of 0
    X, y = X[order], y[order]
    common = {"solver": "sgd", "momentum": 0.0, "shuffle": False, "batch_size": 25, "alpha": 3.0}
    mlp, few = (
        MLPClassifier((5,), max_iter=4, random_state=0, class_weight=weight, **common)
        for weight in ({0: 1.0, 1: 2.0, 2: 0.0}, {0: 1.0, 1: 2.0})
    )
    if incremental:
        for _ in range(4):
            mlp.partial_fit(X[:100], y[:100], classes=[0, 1, 2])
            with pytest.warns(RuntimeWarning, match="no sample of x counts"):
                mlp.partial_fit(X[100:], y[100:])
            few.partial_fit(X[:100], y[:100], classes=[0, 1, 2])
        losses = mlp.loss_curve_[::2]
        assert mlp.loss_curve_[1::2] == [0] * 4
    else:
        mlp.fit(X, y)
        for _ in range(4):
            few.partial_fit(X[:100], y[:100], classes=[0, 1, 2])
        losses = [loss * 150 / 100 for loss in mlp.loss_curve_]
    np.testing.assert_allclose(losses, few.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(mlp.model_.parameters.values, few.model_.parameters.values)
    with pytest.raises(ValueError, match="all sample weights are 0 with class_weight"):
        mlp.set_params(class_weight=dict.fromkeys(range(3), 0)).fit(X, y)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_losses_of_validation_data_are_weighted_means_without_the_penalty(
    iris, solver, wide, monkeypatch
):
    monkeypatch.setattr(networks, "WIDE", 0 if wide else 10**9)
    X, y = iris
    weight, seen = np.where(y == 0, 5.0, 0.5), []
    told = bp.callbacks.LambdaCallback(
        on_test_end=lambda logs: seen.append(logs["loss"]),
        on_epoch_end=lambda epoch, logs: seen.append(
            mlp.models_[0].evaluate(X, y, sample_weight=weight)
        ),
    )
    mlp = MLPClassifier((5,), solver=solver, alpha=20.0, max_iter=3, random_state=0)
    mlp.set_params(callbacks=[told]).fit(X, y, validation_data=(X, y, weight))
    losses = -np.log(mlp.predict_proba(X)[np.arange(150), y])
    assert mlp.validation_loss_curve_[-1] == pytest.approx(np.average(losses, weights=weight))
    assert mlp.validation_loss_curve_ == pytest.approx(mlp.history_.history["val_loss"])
    assert mlp.validation_loss_curve_ == pytest.approx(seen[::2])
    assert seen[1::2] == pytest.approx([loss * weight.mean() for loss in seen[::2]])


def test_validation_data_and_their_curve(iris):
    X, y = iris
    mlp = MLPClassifier((6,), max_iter=8, alpha=0.5, metrics=["accuracy"], random_state=0)
    mlp.fit(X[:100], y[:100], validation_data=(X[100:], y[100:]))
    assert len(mlp.validation_loss_curve_) == 8
    loss, share = mlp.model_.evaluate(X[100:], y[100:])
    assert mlp.validation_loss_curve_[-1] == pytest.approx(loss)  # without the penalty
    assert mlp.history_.history["val_accuracy"][-1] == share == mlp.score(X[100:], y[100:])
    alone = clone(mlp).fit(X[:100], y[:100])
    assert alone.loss_curve_ == mlp.loss_curve_  # nothing is learnt from them
    assert alone.validation_loss_curve_ == []
    with pytest.raises(ValueError, match=r"validation_data must be \(X, y\)"):
        mlp.fit(X, y, validation_data=X)


def test_early_stopping_by_validation_data(iris):
    X, y = iris
    mlp = MLPClassifier((6,), early_stopping=True, learning_rate_init=0.05, random_state=0)
    mlp.fit(X[:100], y[:100], validation_data=(X[100:], y[100:]))
    assert mlp.t_ == 100 * mlp.n_iter_  # none of the 100 is set aside
    assert mlp.score(X[100:], y[100:]) == max(mlp.validation_scores_)


def test_callbacks_metrics_schedule_and_dtype(iris):
    stop = bp.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(mlp.models_[0], "stop_training", epoch == 4)
    )
    schedule = bp.schedules.ExponentialDecay(0.1, 10, 0.5)
    mlp = MLPClassifier(
        (5,), callbacks=[stop], metrics=["accuracy"], schedule=schedule, dtype="float32"
    )
    mlp.fit(*iris)
    assert mlp.n_iter_ == len(mlp.history_.history["accuracy"]) == 5
    assert mlp.history_.history["learning_rate"] == [
        pytest.approx(schedule(k + 1)) for k in range(5)
    ]
    assert mlp.coefs_[0].dtype == mlp.predict_proba(iris[0]).dtype == np.float32
    with pytest.raises(ValueError, match="both determine the learning rate"):
        mlp.set_params(solver="sgd", learning_rate="adaptive").fit(*iris)


def test_all_of_them_together_are_these_formulas(iris, rng):
    """Weights of samples and classes, penalty, normalisation, schedule and Nesterov's momentum."""
    X, y = iris
    by_sample, by_class = rng.uniform(0.5, 2, 150), {0: 2.0, 1: 0.5, 2: 0.0}
    schedule, alpha = bp.schedules.ExponentialDecay(0.3, 2, 0.7), 3.0
    mlp = MLPClassifier((5,), "tanh", solver="sgd", momentum=0.8, alpha=alpha, batch_size=40)
    mlp.set_params(max_iter=4, random_state=1, batch_normalization=True, schedule=schedule)
    mlp.set_params(class_weight=by_class).fit(X, y, by_sample)

    random, parts = np.random.RandomState(1), []
    for n, k in ((4, 5), (5, 3)):
        bound = np.sqrt(6 / (n + k))
        parts += [random.uniform(-bound, bound, (n, k)), random.uniform(-bound, bound, k)]
    W, b, V, c = parts
    gamma, beta = np.ones(5), np.zeros(5)
    theta = [W, b, gamma, beta, V, c]
    velocity = [np.zeros_like(each) for each in theta]
    w = by_sample * np.array([by_class[k] for k in y])
    order, curve, t = np.arange(150), [], 0
    for _ in range(4):
        drawn = np.arange(150)
        random.shuffle(drawn)
        order, total = order[drawn], 0.0
        for rows in np.split(order, [40, 80, 120]):
            x, n, weight = X[rows], len(rows), w[rows] / w[rows].sum()
            share = alpha / w[rows].sum()
            Z = x @ W + b
            deviation = np.sqrt(Z.var(axis=0) + 1e-3)
            Z_hat = (Z - Z.mean(axis=0)) / deviation
            A = np.tanh(gamma * Z_hat + beta)
            P = np.exp(A @ V + c)
            P /= P.sum(axis=1, keepdims=True)
            loss = -weight @ np.log(P[np.arange(n), y[rows]])
            total += n * (loss + share / 2 * ((W**2).sum() + (V**2).sum()))
            D = weight[:, np.newaxis] * (P - np.eye(3)[y[rows]])
            delta = D @ V.T * (1 - A**2)
            d = delta * gamma
            d = (d - d.mean(axis=0) - Z_hat * (d * Z_hat).mean(axis=0)) / deviation
            g = [x.T @ d + share * W, d.sum(axis=0), (delta * Z_hat).sum(axis=0)]
            g += [delta.sum(axis=0), A.T @ D + share * V, D.sum(axis=0)]
            eta, t = schedule(t), t + 1
            for value, v, slope in zip(theta, velocity, g, strict=True):
                v[...] = 0.8 * v - eta * slope
                value += 0.8 * v - eta * slope
        curve.append(total / 150)
    np.testing.assert_allclose(mlp.loss_curve_, curve, rtol=1e-12)
    np.testing.assert_allclose(mlp.coefs_[0], W, rtol=1e-9)
    np.testing.assert_allclose(mlp.intercepts_[1], c, rtol=1e-9)


@pytest.fixture
def any_network_is_wide(monkeypatch):
    """Every penalty is that of regularisers."""
    monkeypatch.setattr(networks, "WIDE", 0)


@pytest.mark.usefixtures("any_network_is_wide")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_penalty_of_regularisers(iris, solver, rng):
    X, y = iris
    weight = rng.uniform(0.1, 2, 150)
    common = {"alpha": 5.0, "max_iter": 12, "batch_size": 40, "random_state": 0, "solver": solver}
    ours, theirs = (
        package.MLPClassifier((9,), **common).fit(X, y, sample_weight=weight)
        for package in (estimators, sklearn.neural_network)
    )
    for W, V in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(W, V, rtol=0, atol=1e-9)
    assert ours.loss_ == pytest.approx(theirs.loss_)
    assert ours.model_.penalty() == 0


@pytest.mark.usefixtures("any_network_is_wide")
def test_checkpoints_on_the_way(iris, tmp_path):
    X, y = iris
    path = tmp_path / "model.npz"
    saver = bp.callbacks.ModelCheckpoint(path)
    mlp = MLPClassifier((5,), alpha=3.0, max_iter=4, batch_size=150, callbacks=[saver]).fit(X, y)
    loaded = bp.load_model(path)
    np.testing.assert_array_equal(loaded.predict(X), mlp.model_.predict(X))
    assert loaded.layers[0].kernel_regularizer.l2 == 0
    assert mlp.model_.layers[0].kernel_regularizer.l2 == 0  # the penalty is that of the training


def test_wide_networks_on_several_threads(rng):
    """Where threads share a step, the penalty is in what each of them computes."""
    X, y = rng.normal(size=(400, 300)) / 9, rng.integers(0, 2, 400)
    common = {"alpha": 20.0, "max_iter": 5, "random_state": 0}
    for solver in ("sgd", "adam", "lbfgs"):
        pair = [
            package.MLPClassifier((400, 300), solver=solver, batch_size=400, **common).fit(X, y)
            for package in (estimators, sklearn.neural_network)
        ]
        for W, V in zip(pair[0].coefs_, pair[1].coefs_, strict=True):
            np.testing.assert_allclose(W, V, rtol=0, atol=1e-7)


def test_lbfgs_reports_too(iris):
    X, y = iris
    seen = []
    told = bp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    mlp = MLPClassifier(
        (5,), solver="lbfgs", max_iter=9, random_state=0, callbacks=[told], metrics=["accuracy"]
    )
    mlp.fit(X[:100], y[:100], validation_data=(X[100:], y[100:]))
    assert len(seen) == mlp.n_iter_ == len(mlp.validation_loss_curve_) == 9
    assert seen[-1] == mlp.loss_
    assert mlp.history_.history["accuracy"][-1] == mlp.score(X[:100], y[:100])


def test_lbfgs_calls_the_hooks_that_the_optimizer_of_that_name_calls(iris):
    def hooks(told):
        class Hooks(bp.callbacks.Callback):
            pass

        for name in bp.callbacks.base.HOOKS:
            setattr(Hooks, name, lambda self, *rest, name=name: told.append((name, rest[:-1])))
        return [Hooks()]

    ours, models = [], []
    mlp = MLPClassifier((5,), solver="lbfgs", max_iter=3, random_state=0, callbacks=hooks(ours))
    mlp.fit(*iris, validation_data=iris)
    model = bp.Sequential([Dense(5), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile(bp.optimizers.LBFGS(), "sparse_categorical_crossentropy")
    model.fit(*iris, epochs=3, validation_data=iris, verbose=0, callbacks=hooks(models))
    assert ("on_train_batch_begin", (0,)) in ours
    several = ("on_test_batch_begin", "on_test_batch_end")  # batches of 32 there
    assert [t for t in ours if t[0] not in several] == [t for t in models if t[0] not in several]


@pytest.mark.parametrize(
    "change",
    [
        lambda epoch, logs: MODELS[-1].parameters.values.fill(0),
        lambda epoch, logs: setattr(MODELS[-1].layers[0], "trainable", False),
    ],
    ids=["weights", "frozen"],
)
def test_lbfgs_refuses_what_its_search_cannot_take_up(iris, change):
    told = bp.callbacks.LambdaCallback(on_epoch_end=change)
    told.set_model = MODELS.append
    with pytest.raises(ValueError, match="in the middle of a fit by L-BFGS"):
        MLPClassifier((5,), solver="lbfgs", max_iter=9, callbacks=[told]).fit(*iris)


MODELS = []


@pytest.mark.parametrize("max_fun", [15000, 12])
def test_lbfgs_normalises_by_the_statistics_of_all_samples(iris, max_fun):
    mlp = MLPClassifier((5,), solver="lbfgs", batch_normalization=True, alpha=0.0)
    mlp.set_params(max_iter=30, random_state=0, max_fun=max_fun)
    mlp.fit(*iris, validation_data=iris)
    assert mlp.validation_loss_curve_[-1] == pytest.approx(mlp.loss_, rel=1e-6)
    assert mlp.model_.evaluate(*iris) == pytest.approx(mlp.loss_, rel=1e-6)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_pictures(iris, solver, tmp_path):
    X, y = iris
    mlp = MLPClassifier((5,), solver=solver, max_iter=5).fit(X, y, validation_data=(X, y))
    figure = mlp.plot_loss_curve(tmp_path / "loss.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "loss.png").stat().st_size > 1000
    shown = {line.get_label() for axes in figure.axes for line in axes.lines}
    assert len(figure.axes[0].lines) >= 2, shown


def test_any_loss(sine):
    mlp = MLPRegressor(loss=bp.losses.Huber(0.1), hidden_layer_sizes=(8,), max_iter=5)
    mlp.fit(*sine)
    assert isinstance(mlp.model_.loss, bp.losses.Huber)
    with pytest.raises(ValueError, match="The 'loss' parameter of MLPRegressor must be"):
        MLPRegressor(loss="huge").fit(*sine)


@pytest.mark.parametrize("n_members", [1, 2])
def test_estimators_with_one_loss_and_one_metric_compute_in_copies(sine, n_members):
    """In two threads each took up what the other had computed."""
    loss, metric = bp.losses.Huber(), bp.metrics.MeanAbsoluteError()
    given = {"loss": loss, "metrics": [metric], "n_members": n_members, "max_iter": 2}
    regressors = [MLPRegressor(**given, random_state=seed).fit(*sine) for seed in range(2)]
    models = [model for regressor in regressors for model in regressor.models_]
    used = [part for model in models for part in (model.loss, *model.metrics)]
    assert len({id(part) for part in [loss, metric, *used]}) == 2 + 2 * len(models)
    assert metric.result() != metric.result()  # nan: it has counted nothing


# --- ensembles -----------------------------------------------------------------------------------


def ensemble(kind, **arguments):
    common = {"hidden_layer_sizes": (6,), "n_members": 4, "random_state": 0, "batch_size": 30}
    return kind(**common | {"learning_rate_init": 0.02, "max_iter": 30} | arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 0.1},
        {"alpha": 2.0, "batch_size": 40, "solver": "sgd"},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.02, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
        {"tol": 0.03, "n_iter_no_change": 3},
        {"early_stopping": True, "n_iter_no_change": 3},
        {"dropout": 0.2, "batch_normalization": True, "metrics": ["accuracy"]},
        {"metrics": [bp.metrics.F1Score(average="macro")], "max_iter": 3},
    ],
    ids=str,
)
def test_members_train_in_step_as_each_would_alone(iris, arguments, monkeypatch):
    X, y = iris
    together = ensemble(MLPClassifier, **arguments)
    fitted = []
    original = many.fit_together
    monkeypatch.setattr(
        many, "fit_together", lambda *a, **k: fitted.append(original(*a, **k)) or fitted[-1]
    )
    together.fit(X, y, validation_data=(X[:20], y[:20]))
    assert fitted
    assert fitted[0] is not None
    by_epochs = [model.history.history["loss"] for model in together.models_]
    monkeypatch.setattr(many, "TOGETHER_BELOW", 0)

    by_batches, order = training.train_by_batches, training.Order

    def own_order(mlp, model, *others):
        monkeypatch.setattr(training, "Order", lambda _: model.generators["shuffle"])
        by_batches(mlp, model, *others)
        monkeypatch.setattr(training, "Order", order)

    monkeypatch.setattr(training, "train_by_batches", own_order)
    alone = ensemble(MLPClassifier, **arguments).fit(X, y, validation_data=(X[:20], y[:20]))
    stopped = [record.n_iter_ for record in together._records]
    assert stopped == [record.n_iter_ for record in alone._records]
    for k, (mine, its) in enumerate(zip(together.models_, alone.models_, strict=True)):
        np.testing.assert_allclose(by_epochs[k], its.history.history["loss"], rtol=1e-9)
        assert mine.history.epoch == list(range(stopped[k]))
        assert mine.optimizer.iterations == its.optimizer.iterations
        for name, vector in mine.optimizer.state.items():
            np.testing.assert_allclose(vector, its.optimizer.state[name], rtol=1e-7, atol=1e-12)
        for name, rng in mine.generators.items():
            assert rng.bit_generator.state == its.generators[name].bit_generator.state
    np.testing.assert_allclose(together.predict_proba(X), alone.predict_proba(X), rtol=1e-7)
    np.testing.assert_allclose(together.loss_curve_, alone.loss_curve_)
    np.testing.assert_allclose(together.validation_loss_curve_, alone.validation_loss_curve_)
    assert together.n_iter_ == max(stopped)
    assert len(together.validation_loss_curve_) == max(stopped)


def test_members_go_on_in_step_when_one_diverges(iris, monkeypatch):
    X, y = iris
    mlp = ensemble(MLPClassifier, activation="identity", dtype="float32").partial_fit(
        X, y, classes=[0, 1, 2]
    )
    monkeypatch.setattr(training, "train_in_turn", None)
    mlp.models_[1].parameters.values[...] = 1e30
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="non-finite parameter weights") as raised,
    ):
        mlp.partial_fit(X, y)
    assert "of models[1] in epoch 1, step 1" in str(raised.value.__cause__)
    assert [model.optimizer.iterations for model in mlp.models_] == [10, 5, 10, 10]
    assert [len(model.history.epoch) for model in mlp.models_] == [1, 0, 1, 1]
    np.testing.assert_array_equal(mlp.models_[1].parameters.values, np.float32(1e30))


@pytest.mark.parametrize("weigh", ["sample_weight", "class_weight"])
def test_members_divide_by_the_sum_of_the_weights_as_one_does(iris, weigh):
    """Weights of 2 for all samples change the penalty alone, which is 0 here."""
    X, y = iris
    arguments = {"solver": "sgd", "alpha": 0.0, "max_iter": 4, "batch_size": 150}
    plain = ensemble(MLPClassifier, **arguments).fit(X, y)
    if weigh == "sample_weight":
        weighed = ensemble(MLPClassifier, **arguments).fit(X, y, sample_weight=np.full(150, 2.0))
    else:
        weights = dict.fromkeys(range(3), 2.0)
        weighed = ensemble(MLPClassifier, **arguments, class_weight=weights).fit(X, y)
    np.testing.assert_allclose(weighed.loss_curve_, plain.loss_curve_)
    np.testing.assert_allclose(weighed.predict_proba(X), plain.predict_proba(X))
    uneven = np.linspace(0.5, 2.0, 150)
    quiet = bp.callbacks.LambdaCallback()  # with callbacks one is trained after the other
    one, other = (
        ensemble(MLPClassifier, **arguments, callbacks=told).fit(X, y, sample_weight=uneven)
        for told in ([], [quiet])
    )
    assert not np.allclose(one.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_members_have_the_penalty_of_one(iris, solver):
    X, y = iris
    arguments = {"alpha": 20.0, "solver": solver, "max_iter": 3, "batch_size": 150}
    many_ = ensemble(MLPClassifier, **arguments).fit(X, y, validation_data=(X, y))
    one = ensemble(MLPClassifier, n_members=1, **arguments).fit(X, y)
    for mlp in (many_, one):
        with PenalisedSteps(mlp.model_, 20.0) as step:
            loss, prediction = step.gradients(X, y, None)
        penalty = 10.0 * sum((W**2).sum() for W in mlp.coefs_) / 150
        plain = -np.log(prediction[np.arange(150), y]).mean()
        assert loss == pytest.approx(plain + penalty)
        assert mlp.model_.evaluate(X, y) == pytest.approx(plain)
    held_out = [-np.log(model.predict(X)[np.arange(150), y]).mean() for model in many_.models_]
    assert many_.validation_loss_curve_[-1] == pytest.approx(np.mean(held_out))


def test_probabilities_are_averaged(iris):
    X, y = iris
    mlp = ensemble(MLPClassifier, max_iter=5).fit(X, y)
    each = [model.predict(X) for model in mlp.models_]
    assert len(each) == 4
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(mlp.predict_proba(X), np.mean(each, axis=0))
    np.testing.assert_array_equal(mlp.predict(X), np.mean(each, axis=0).argmax(axis=1))
    again = clone(mlp).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), mlp.predict_proba(X))


@pytest.mark.parametrize("outputs", [1, 2])
def test_standard_deviations(sine, outputs):
    X, y = sine
    Y = y if outputs == 1 else np.stack([y, 2 * y], axis=1)
    mlp = ensemble(MLPRegressor, activation="tanh").fit(X, Y)
    each = np.array([model.predict(X) for model in mlp.models_])
    mean, std = mlp.predict(X, return_std=True)
    np.testing.assert_allclose(mean, each.mean(axis=0).reshape(Y.shape))
    residual = Y.reshape(120, -1) - each.mean(axis=0)
    np.testing.assert_allclose(mlp.noise_, np.sqrt((residual**2).mean(axis=0)))
    expected = np.sqrt(each.var(axis=0, ddof=1) + mlp.noise_**2)
    np.testing.assert_allclose(std, expected.reshape(Y.shape))
    with pytest.raises(ValueError, match="return_std=True needs several networks"):
        MLPRegressor(max_iter=1).fit(X, y).predict(X, return_std=True)


@pytest.mark.parametrize(
    "arguments",
    [{"solver": "lbfgs"}, {"callbacks": [bp.callbacks.Callback()]}],
    ids=["lbfgs", "told"],
)
def test_members_one_after_the_other(iris, arguments):
    X, y = iris
    mlp = ensemble(MLPClassifier, max_iter=20, **arguments).fit(X, y)
    assert mlp.score(X, y) > 0.9
    assert mlp.n_iter_ == 20


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_backup_keeps_one_network(iris, solver, tmp_path):
    told = [bp.callbacks.BackupAndRestore(tmp_path)]
    mlp = ensemble(MLPClassifier, solver=solver, callbacks=told)
    with pytest.raises(ValueError, match="there are 4 models, and each would go on from another's"):
        mlp.fit(*iris)
    assert not hasattr(mlp, "models_")


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("told", [[], [bp.callbacks.Callback()]], ids=["alone", "told"])
def test_frozen_layers_stay_and_have_no_penalty(iris, n_members, told, wide, monkeypatch):
    monkeypatch.setattr(networks, "WIDE", 0 if wide else networks.WIDE)
    X, y = iris
    common = {"alpha": 30.0, "batch_size": 150, "shuffle": False, "callbacks": told}
    mlp = ensemble(MLPClassifier, n_members=n_members, **common).partial_fit(
        X, y, classes=[0, 1, 2]
    )
    for model in mlp.models_:
        model.layers[0].trainable = False
    frozen, free = ([m.layers[k].W.copy() for m in mlp.models_] for k in (0, 2))
    plain = np.mean([model.evaluate(X, y) for model in mlp.models_])
    mlp.partial_fit(X, y)
    penalty = np.mean([15 * (W**2).sum() / 150 for W in free])
    assert mlp.loss_ == pytest.approx(plain + penalty)
    for model, W, V in zip(mlp.models_, frozen, free, strict=True):
        np.testing.assert_array_equal(model.layers[0].W, W)
        assert not np.array_equal(model.layers[2].W, V)


def test_curves_of_several_fits_have_the_epochs_of_each_side_by_side(iris):
    X, y = iris
    stops = {"warm_start": True, "tol": 0.03, "n_iter_no_change": 3, "max_iter": 60}
    mlp = ensemble(MLPClassifier, **stops).fit(X, y)
    epochs = [record.n_iter_ for record in mlp._records]
    assert min(epochs) < max(epochs) == len(mlp.loss_curve_)
    means = []
    for _ in range(2):
        mlp.partial_fit(X, y)
        means.append(np.mean([model.history.history["loss"][0] for model in mlp.models_]))
    np.testing.assert_allclose(mlp.loss_curve_[max(epochs) :], means)
    mlp.fit(X, y, validation_data=(X, y))
    first = np.mean([model.history.history["val_loss"][0] for model in mlp.models_])
    trained, held_out, *_ = mlp.plot_loss_curve().axes[0].lines
    assert held_out.get_ydata()[0] == pytest.approx(first)
    assert held_out.get_xdata()[0] == trained.get_xdata()[max(epochs) + 2]
    assert len(trained.get_xdata()) == len(mlp.loss_curve_)


def test_an_interrupt_that_leaves_networks_without_training_is_one(iris):
    def press(epoch, logs):
        seen.append(epoch)
        if len(seen) == at:
            raise KeyboardInterrupt

    told, seen, at = [bp.callbacks.LambdaCallback(on_epoch_end=press)], [], 2
    mlp = ensemble(MLPClassifier, callbacks=told, max_iter=3, n_members=2)
    with pytest.raises(KeyboardInterrupt):
        mlp.fit(*iris)
    seen, at = [], 5  # the second epoch of the second network
    with pytest.warns(UserWarning, match="interrupted by user"):
        mlp.fit(*iris)
    assert [len(model.history.epoch) for model in mlp.models_] == [3, 2]


def test_members_are_told_of(iris, capsys):
    mlp = ensemble(MLPClassifier, max_iter=2, verbose=True, n_members=2).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["Epoch", "Epoch"]
    assert lines[1].endswith(f"loss: {mlp.loss_:.4f}")
    mlp.fit(*iris, sample_weight=np.ones(150))  # one after the other
    found = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert found == [
        *["Network 1 of 2", "Iteration 1", "Iteration 2"],
        "Network 2 of 2",
        *found[1:3],
    ]


def test_members_go_on(iris):
    X, y = iris
    mlp = ensemble(MLPClassifier, max_iter=3, warm_start=True).fit(X, y)
    first = mlp.loss_
    assert len(mlp.fit(sparse.csr_matrix(X), y).loss_curve_) == 6
    mlp.set_params(warm_start=False).partial_fit(X, y)
    assert len(mlp.loss_curve_) == 7
    assert mlp.loss_curve_[-1] < first


# --- the room itself -----------------------------------------------------------------------------


def test_without_scikit_learn_it_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None; from backprop.estimators import MLPClassifier"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.stderr.splitlines()[-1] == (
        "ImportError: backprop.estimators needs scikit-learn 1.6 or newer: pip install scikit-learn"
    )


@pytest.mark.parametrize(("held_out", "plans"), [(False, 1), (True, 3)])
def test_networks_trained_in_step_are_planned_once(held_out, plans, monkeypatch):
    """But for what is held out, of which each needs a source of its own."""
    planned = []
    plan_fit = training.plan_fit

    def planning(*given, **named):
        planned.append(named)
        return plan_fit(*given, **named)

    monkeypatch.setattr(training, "plan_fit", planning)
    X, y = np.eye(8), np.arange(8.0)
    mlp = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0, n_members=3)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        mlp.fit(X, y, validation_data=(X, y) if held_out else None)
    assert len(planned) == plans
    assert len(mlp.validation_loss_curve_) == (2 if held_out else 0)

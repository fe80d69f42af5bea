"""MLPClassifier and MLPRegressor against scikit-learn's: the same arguments, the same networks."""

import copy
import inspect
import pickle
import re
import signal

import numpy as np
import pytest
import sklearn.neural_network as theirs
from scipy import sparse
from sklearn import datasets
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import backprop as bp
from backprop import estimators
from backprop.estimators.convergence import accuracy, r2
from backprop.estimators.steps import PenalisedSteps
from backprop.losses.scikit import (
    HalfMeanSquaredError,
    HalfPoissonDeviance,
    SummedBinaryCrossentropy,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = ["MLPClassifier", "MLPRegressor"]


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def iris(kind="MLPClassifier"):
    """150 samples of four features, and their class or, for a regressor, a number."""
    X, y = datasets.load_iris(return_X_y=True)
    X = standardised(X)
    return (X[:, :3], X[:, 3]) if kind == "MLPRegressor" else (X, y)


def two_classes(n=120):
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return standardised(X)[:n], y[:n]


def both(kind, X, y, *, sample_weight=None, **arguments):
    """Ours and theirs, fitted with the same random state."""
    arguments = {"random_state": 3, "hidden_layer_sizes": (12,), **arguments}
    return [
        getattr(package, kind)(**arguments).fit(X, y, sample_weight=sample_weight)
        for package in (estimators, theirs)
    ]


def curve(mlp):
    return np.array(getattr(mlp, "loss_curve_", [mlp.loss_]))


def same(ours, other, tolerance=1e-6):
    """Whether both trained alike: epochs, losses, weights."""
    assert ours.n_iter_ == other.n_iter_
    np.testing.assert_allclose(curve(ours), curve(other), rtol=0, atol=tolerance)
    for W, V in zip(ours.coefs_ + ours.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_allclose(W, V, rtol=0, atol=100 * tolerance)


# --- the same networks ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_loss_curves_on_full_batches(kind, solver, activation):
    full = {"shuffle": False, "batch_size": 150, "learning_rate_init": 0.05}
    same(*both(kind, *iris(kind), activation=activation, solver=solver, max_iter=60, **full), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 32},  # 150 = 4 · 32 + 22: the penalty of the last batch is another one
        {"batch_size": 32, "alpha": 3.0, "hidden_layer_sizes": (9, 5)},
        {"batch_size": 32, "shuffle": False, "solver": "sgd", "momentum": 0.0},
        {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.2, "tol": 1e-2},
        {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3, "learning_rate_init": 0.02},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": 7, "activation": "logistic"},
        {"early_stopping": True, "n_iter_no_change": 4, "learning_rate_init": 0.02},
        {"solver": "lbfgs", "max_iter": 30},
        {"solver": "lbfgs", "max_iter": 200, "tol": 0.01},
    ],
    ids=str,
)
def test_any_arguments(kind, arguments):
    ours, other = both(kind, *iris(kind), **{"max_iter": 40, **arguments})
    same(ours, other)
    assert ours.score(*iris(kind)) == pytest.approx(other.score(*iris(kind)), abs=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_sample_weights_count_in_mean_and_penalty(kind, solver, rng):
    X, y = iris(kind)
    weight = rng.uniform(0, 3, len(y))
    arguments = {"alpha": 2.0, "batch_size": 40, "max_iter": 20, "solver": solver}
    same(*both(kind, X, y, sample_weight=weight, **arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        {"learning_rate_init": 0.01},
        {"tol": 1e-3, "n_iter_no_change": 3},
        {"early_stopping": True, "validation_fraction": 0.25, "tol": 1e-3},
        {"early_stopping": True, "tol": 0.05, "validation_fraction": 0.25, "n_iter_no_change": 4},
        {"early_stopping": True, "solver": "sgd", "learning_rate_init": 0.1},
    ],
    ids=str,
)
def test_training_stops_at_the_same_epoch(arguments):
    ours, other = both("MLPClassifier", *two_classes(), max_iter=400, **arguments)
    same(ours, other)
    assert ours.n_iter_ < 400
    assert ours.best_loss_ == pytest.approx(other.best_loss_)
    if ours.validation_scores_ is not None:
        np.testing.assert_array_equal(ours.validation_scores_, other.validation_scores_)
        assert ours.best_validation_score_ == other.best_validation_score_


def test_several_labels():
    X, y = datasets.make_multilabel_classification(80, 6, n_classes=4, random_state=0)
    ours, other = both("MLPClassifier", X, y, max_iter=40, learning_rate_init=0.01)
    same(ours, other)
    np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(ours.predict(X), other.predict(X))
    as_matrix = estimators.MLPClassifier((12,), random_state=3, max_iter=5)
    found = as_matrix.fit(X, sparse.csr_matrix(y)).predict(X)
    assert sparse.issparse(found)


def test_counts():
    X, y = iris("MLPRegressor")
    same(*both("MLPRegressor", X, np.round(np.exp(y)), loss="poisson", max_iter=40))
    with pytest.raises(ValueError, match="targets of 0 or more, but one is -"):
        estimators.MLPRegressor(loss="poisson").fit(X, y)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_sparse_inputs(container):
    X, y = iris()
    X = np.where(np.abs(X) > 1, X, 0)
    ours, dense = (
        estimators.MLPClassifier((6,), random_state=0, max_iter=9, batch_size=40).fit(form, y)
        for form in (container(X), X)
    )
    same(ours, dense)
    np.testing.assert_allclose(ours.predict_proba(container(X)), dense.predict_proba(X))


def test_single_precision():
    X, y = iris("MLPRegressor")
    ours, other = both("MLPRegressor", X.astype("float32"), y, max_iter=20)
    assert {a.dtype.name for a in ours.coefs_ + ours.intercepts_} == {"float32"}
    assert ours.predict(X.astype("float32")).dtype == np.float32
    np.testing.assert_allclose(curve(ours), curve(other), rtol=1e-4)


def test_partial_fits():
    X, y = two_classes()
    pair = [
        package.MLPClassifier((5,), random_state=1, solver="sgd", learning_rate_init=0.1)
        for package in (estimators, theirs)
    ]
    for rows in (slice(50), slice(50, 120), slice(30, 90)):
        for mlp in pair:
            mlp.partial_fit(X[rows], y[rows], classes=[0, 1])
    same(*pair)
    assert [mlp.t_ for mlp in pair] == [180, 180]


def test_warm_starts():
    X, y = iris()
    pair = both("MLPClassifier", X, y, warm_start=True, max_iter=4)
    for mlp in pair:
        mlp.set_params(max_iter=7).fit(X, y)
    same(*pair)
    assert len(pair[0].loss_curve_) == 11


# --- several outputs, where scikit-learn's gradient is not that of its loss -----------------------


def five_outputs():
    X, y = datasets.make_regression(60, 5, n_targets=5, random_state=0)
    return X, y / y.std()


def test_gradient_is_that_of_the_reported_loss():
    X, y = five_outputs()
    mlp = estimators.MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", alpha=3.0, max_iter=1, random_state=0
    ).fit(X, y)
    model = mlp.model_
    theta, step = model.parameters.values, PenalisedSteps(model, 3.0)
    loss, _ = step.gradients(X, y, None)
    penalty = 1.5 * sum((W**2).sum() for W in mlp.coefs_) / 60
    assert loss == pytest.approx(0.5 * ((mlp.predict(X) - y) ** 2).mean() + penalty)
    g = model.parameters.gradients.copy()
    for k in range(0, len(theta), 7):
        h, at = 1e-6, theta[k]
        theta[k] = at + h
        above = step.gradients(X, y, None)[0]
        theta[k] = at - h
        below = step.gradients(X, y, None)[0]
        theta[k] = at
        assert g[k] == pytest.approx((above - below) / (2 * h), abs=1e-8)


def test_theirs_is_as_many_times_larger_as_there_are_outputs():
    X, y = five_outputs()
    common = {"solver": "sgd", "momentum": 0.0, "batch_size": 60, "max_iter": 15, "alpha": 0.5}
    ours = estimators.MLPRegressor(random_state=0, **common | {"alpha": 0.1})
    ours.set_params(learning_rate_init=0.005).fit(X, y)
    other = theirs.MLPRegressor(random_state=0, learning_rate_init=0.001, **common).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), other.predict(X), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "prediction", "target"),
    [
        (HalfMeanSquaredError(), "normal", "normal"),
        (HalfPoissonDeviance(), "positive", "counts"),
        (SummedBinaryCrossentropy(), "shares", "bits"),
    ],
    ids=["squares", "poisson", "labels"],
)
def test_losses_are_differentiated_exactly(loss, prediction, target, rng):
    make = {
        "normal": lambda: rng.normal(size=(6, 3)),
        "positive": lambda: rng.uniform(0.2, 3, (6, 3)),
        "counts": lambda: rng.integers(0, 4, (6, 3)).astype(float),
        "shares": lambda: rng.uniform(0.1, 0.9, (6, 3)),
        "bits": lambda: rng.integers(0, 2, (6, 3)).astype(float),
    }
    values = {"prediction": make[prediction](), "target": make[target]()}
    report = bp.inspection.check_loss(loss, 3, **values)
    assert report.ok, report


# --- the same face -------------------------------------------------------------------------------

OWN = {"dropout", "batch_normalization", "class_weight", "callbacks", "metrics", "schedule"}
OWN |= {"dtype", "n_members"}


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_and_methods(kind):
    ours, other = getattr(estimators, kind), getattr(theirs, kind)
    mine, given = (inspect.signature(each).parameters for each in (ours, other))
    told = [(p.name, p.kind, p.default) for p in mine.values() if p.name not in OWN]
    assert told == [(p.name, p.kind, p.default) for p in given.values()]
    assert all(mine[name].kind is inspect.Parameter.KEYWORD_ONLY for name in OWN & mine.keys())
    for name in ("fit", "partial_fit", "predict", "score", "predict_proba", "predict_log_proba"):
        if hasattr(other(), name):
            theirs_first = list(inspect.signature(getattr(other(), name)).parameters)
            found = list(inspect.signature(getattr(ours(), name)).parameters)
            assert found[: len(theirs_first)] == theirs_first


@pytest.mark.parametrize("arguments", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_fitted_attributes(kind, arguments):
    ours, other = both(kind, *iris(kind), max_iter=3, **arguments)
    public = {name for name in vars(other) if name[-1] == "_" and name[0] != "_"}
    assert public <= vars(ours).keys()
    for name in public - {"coefs_", "intercepts_"}:
        mine, given = getattr(ours, name), getattr(other, name)
        assert type(mine) is type(given) or isinstance(mine, float), name
        np.testing.assert_array_equal(np.shape(mine), np.shape(given), name)
    for name in ("n_layers_", "n_outputs_", "out_activation_", "t_", "n_features_in_"):
        assert getattr(ours, name) == getattr(other, name)
    extra = vars(ours).keys() - vars(other).keys() - ours.get_params().keys()
    public = {name for name in extra if name[0] != "_"}
    assert public == {"models_", "history_", "validation_loss_curve_"}


def test_labels_of_any_kind():
    X, y = iris()
    names = np.array(["setosa", "versicolor", "virginica"], dtype=object)[y]
    ours, other = both("MLPClassifier", X, names, max_iter=30)
    np.testing.assert_array_equal(ours.classes_, other.classes_)
    np.testing.assert_array_equal(ours.predict(X), other.predict(X))
    np.testing.assert_allclose(ours.predict_log_proba(X), np.log(ours.predict_proba(X)))
    with pytest.raises(ValueError, match=r"y. has classes not in .self.classes_."):
        ours.set_params(warm_start=False).partial_fit(X[:2], ["setosa", "lily"])
    with pytest.raises(ValueError, match="warm_start can only be used where"):
        ours.set_params(warm_start=True).fit(X[:90], names[:90])


def test_lines_of_an_epoch(capsys):
    for early_stopping in (False, True):
        arguments = {"verbose": True, "tol": 1.0, "n_iter_no_change": 2}
        ours, _ = both("MLPClassifier", *iris(), early_stopping=early_stopping, **arguments)
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) % 2 == 0
        assert printed[: len(printed) // 2] == printed[len(printed) // 2 :]  # ours and theirs
        assert printed[0] == f"Iteration 1, loss = {ours.loss_curve_[0]:.8f}"


def test_messages():
    X, y = iris()
    kind = estimators.MLPClassifier
    with pytest.warns(ConvergenceWarning, match=re.escape("Maximum iterations (2) reached")):
        kind(max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        kind(max_iter=2, solver="lbfgs").fit(X, y)
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger"):
        kind(batch_size=1000, max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes must be > 0, got \[3, -1\]"):
        kind((3, -1)).fit(X, y)
    with pytest.raises(ValueError, match="The 'activation' parameter of MLPClassifier must be"):
        kind(activation="gelu").fit(X, y)
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as raised:
        kind(solver="lbfgs").partial_fit(X, y)
    assert "only available for stochastic optimizers. lbfgs is" in str(raised.value.__cause__)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        kind(early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="all others, have the weight 0"):
        kind(early_stopping=True).fit(X, y, sample_weight=np.arange(150) == 0)
    with pytest.raises(NotFittedError):
        _ = kind().model_


def test_weights_that_are_put_in_their_place():
    X, y = iris()
    ours, other = both("MLPClassifier", X, y, max_iter=3)
    for mlp in (ours, other):
        mlp.coefs_[1] = 2 * mlp.coefs_[1]
        mlp.intercepts_[0][...] = 0.5
    np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X))
    assert ours.coefs_[1] is ours.model_.layers[2].W
    for mlp in (ours, other):
        mlp.partial_fit(X, y)
    same(ours, other)


@pytest.mark.parametrize("kind", KINDS)
def test_copies(kind):
    X, y = iris(kind)
    ours = getattr(estimators, kind)(max_iter=3, random_state=0, batch_normalization=True)
    ours.fit(X, y)
    dumped = pickle.dumps(ours)
    again = pickle.loads(dumped)
    np.testing.assert_array_equal(again.predict(X), ours.predict(X))
    assert again.coefs_[0] is again.model_.layers[0].W
    np.testing.assert_array_equal(
        again.partial_fit(X, y).predict(X), ours.partial_fit(X, y).predict(X)
    )
    assert len(dumped) < 60_000 + 12 * ours.model_.parameters.values.nbytes
    fresh = clone(ours)
    assert not hasattr(fresh, "coefs_")
    assert fresh.get_params() == ours.get_params()


class Copier(bp.callbacks.EarlyStopping):
    """Copies the estimator that it belongs to, and that it knows, after each epoch."""

    def __init__(self):
        super().__init__("loss")
        self.estimator, self.sizes = None, []

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.sizes.append(len(pickle.dumps(self.estimator)))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_copies_with_callbacks_that_know_the_estimator_and_all_other_callbacks(solver):
    X, y = iris()
    X, y = np.repeat(X, 50, axis=0), np.repeat(y, 50)
    told = Copier()
    ours = estimators.MLPClassifier((4,), max_iter=2, solver=solver, random_state=0)
    ours.set_params(callbacks=[told], early_stopping=True)
    told.estimator = ours
    ours.fit(X, y)
    assert max(told.sizes) < 20_000 < X.nbytes
    for again in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        np.testing.assert_array_equal(again.predict(X), ours.predict(X))
        assert again.callbacks[0].estimator is again
        assert again.callbacks[0].model is again.model_
    assert not hasattr(clone(ours), "coefs_")


@pytest.fixture
def interruptible():
    """A process whose parent ignores Ctrl-C ignores it, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_ends_training_with_a_warning(solver):
    X, y = iris()

    class Press(bp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                signal.raise_signal(signal.SIGINT)

    mlp = estimators.MLPClassifier(callbacks=[Press()], max_iter=50, solver=solver)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        mlp.fit(X, y)
    assert mlp.n_iter_ == len(mlp.history_.history["loss"]) == 3
    assert mlp.loss_ == mlp.history_.history["loss"][-1]
    assert mlp.predict(X).shape == (150,)


def test_scores_are_those_of_scikit_learn(rng):
    from sklearn.metrics import accuracy_score, r2_score

    y, p, w = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), rng.uniform(0, 2, 20)
    y[:, 1] = 4.0
    assert r2(p, y, w) == pytest.approx(r2_score(y, p, sample_weight=w))
    p[:, 1] = 4.0
    assert r2(p, y, None) == pytest.approx(r2_score(y, p))
    labels, shares = rng.integers(0, 3, 20), rng.uniform(0, 1, (20, 3))
    found = accuracy_score(labels, shares.argmax(axis=1), sample_weight=w)
    assert accuracy(shares, labels, w) == pytest.approx(found)
    bits = rng.integers(0, 2, (20, 3))
    assert accuracy(shares, bits, None) == accuracy_score(bits, shares > 0.5)
    assert np.isnan(accuracy(np.full((2, 1), np.nan), np.zeros((2, 1)), None))
    assert np.isnan(r2(np.full((2, 1), np.inf), np.zeros((2, 1)), None))

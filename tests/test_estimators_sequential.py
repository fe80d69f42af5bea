"""Any network as an estimator, and all estimators inside scikit-learn's tools."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn import datasets
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.experiments.stacked_models import StackedModels
from backprop.initializers import Constant
from backprop.layers import (
    BatchNormalization,
    Chain,
    Conv1D,
    Dense,
    Dropout,
    GlobalAveragePooling1D,
    Input,
    LogSoftmax,
    Parallel,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Sparsemax,
    Tanh,
)
from backprop.layers.chain import unfold

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def build(n_features, n_outputs, units=8, dtype="float64"):
    """A network that ends where the estimator goes on."""
    return bp.Sequential([Dense(units), ReLU(), Dense(n_outputs)], dtype=dtype)


def build_compiled(n_features, n_outputs, learning_rate=0.05):
    model = bp.Sequential([Dense(8), ReLU(), Dense(n_outputs), Softmax()], seed=0)
    model.compile(bp.optimizers.Adam(learning_rate), "categorical_crossentropy", ["accuracy"])
    return model


def build_single(n_features, n_outputs):
    return bp.Sequential([Dense(6), ReLU(), Dense(1), Sigmoid()])


@pytest.mark.parametrize(
    "last", [Tanh, ReLU, lambda: Chain([Tanh()])], ids=["tanh", "relu", "chain"]
)
def test_a_single_output_gets_a_sigmoid_behind_an_activation_too(last):
    """A Softmax was added, and then refused."""
    X, y = datasets.make_classification(60, 4, random_state=0)

    def build(n_features, n_outputs):
        return bp.Sequential([Dense(6), ReLU(), Dense(1), last()])

    model = SequentialClassifier(build, epochs=1, verbose=0).fit(X, y)
    assert isinstance(model.model_.layers[-1], Sigmoid)
    assert model.predict_proba(X).shape == (60, 2)


def build_chain(n_features, n_outputs):
    last = [Dense(1), Sigmoid()] if n_outputs == 2 else [Dense(n_outputs), Softmax()]
    return bp.Sequential([Dense(6), ReLU(), Chain(last)])


def build_logits(n_features, n_outputs):
    model = bp.Sequential([Dense(6), ReLU(), Dense(n_outputs)])
    loss = bp.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model


@pytest.fixture
def iris():
    X, y = datasets.load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    return (X - X.mean(axis=0))[order], np.array(["a", "b", "c"])[y][order]


@pytest.fixture
def table(rng):
    """A frame with a category, a gap and a number, and whether something is so."""
    n = 90
    frame = pd.DataFrame({"size": rng.normal(size=n), "colour": rng.choice(["red", "blue"], n)})
    return frame, (frame["size"] + (frame["colour"] == "red") > 0.5).astype(int)


ADAM = bp.optimizers.Adam(0.05)
CLASSIFIERS = [
    MLPClassifier((8,), learning_rate_init=0.05, max_iter=30, random_state=0),
    SequentialClassifier(build, epochs=15, optimizer=ADAM, random_state=0),
]
REGRESSORS = [
    MLPRegressor(hidden_layer_sizes=(8,), learning_rate_init=0.05, max_iter=60, random_state=0),
    SequentialRegressor(build, epochs=15, optimizer=ADAM, random_state=0),
]


def name_of(estimator):
    return type(estimator).__name__


classifiers = pytest.mark.parametrize("classifier", CLASSIFIERS, ids=name_of)
everyone = pytest.mark.parametrize("estimator", CLASSIFIERS + REGRESSORS, ids=name_of)


# --- what build may return -----------------------------------------------------------------------


@pytest.mark.parametrize("made", [build, build_compiled, build_chain, build_logits])
def test_three_classes(iris, made):
    X, y = iris
    found = SequentialClassifier(made, epochs=30, optimizer=ADAM, random_state=1)
    found.fit(X[:100], y[:100], validation_data=(X[100:], y[100:]))
    P = found.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found.predict(X), found.classes_[P.argmax(axis=1)])
    assert found.score(X, y) > (0.6 if made is build_logits else 0.9)
    assert sum(isinstance(layer, Softmax) for layer in unfold(found.model_.layers)) <= 1
    assert found.n_iter_ == len(found.history_.history["val_loss"]) == 30


@pytest.mark.parametrize("made", [build, build_single, build_chain])
def test_two_classes(iris, made):
    X, y = iris[0], iris[1] == "a"
    found = SequentialClassifier(made, epochs=20, optimizer=ADAM, random_state=0).fit(X, y)
    assert isinstance(unfold(found.model_.layers)[-2], Dense)  # one probability, not one of one
    assert found.predict_proba(X).shape == (150, 2)
    assert found.predict(X).dtype == bool
    assert found.score(X, y) > 0.95
    with pytest.raises(ValueError, match="at least 2 classes, but all of y are of one class"):
        found.fit(X, np.zeros(150))


def test_several_labels():
    X, y = datasets.make_multilabel_classification(100, 6, n_classes=3, random_state=0)
    found = SequentialClassifier(build, epochs=30, optimizer=ADAM, random_state=0).fit(X / 5, y)
    assert isinstance(found.model_.layers[-1], Sigmoid)
    assert found.predict(X / 5).shape == (100, 3)
    assert (found.predict(X / 5) == y).mean() > 0.7


def test_numbers():
    X, y = datasets.make_regression(100, 4, n_targets=2, noise=1.0, random_state=0)
    y /= y.std()
    found = SequentialRegressor(build, epochs=40, optimizer=ADAM, n_members=3, random_state=0)
    assert found.fit(X, y).score(X, y) > 0.95
    mean, std = found.predict(X, return_std=True)
    assert mean.shape == std.shape == (100, 2)
    assert (std >= found.noise_).all()


def test_weights_count_relative_to_each_other(iris):
    X, y = iris
    common = {"epochs": 3, "batch_size": 150, "random_state": 0, "shuffle": False}
    weight = np.where(y == "a", 2.0, 0.5)
    fitted = [
        SequentialClassifier(build, **common).fit(X, y, sample_weight=factor * weight)
        for factor in (1, 100)
    ]
    P, Q = (each.predict_proba(X) for each in fitted)
    np.testing.assert_allclose(P, Q, rtol=1e-9)
    by_class = SequentialClassifier(build, class_weight={"a": 2.0, "b": 0.5, "c": 0.5}, **common)
    np.testing.assert_allclose(by_class.fit(X, y).predict_proba(X), P, rtol=1e-9)
    with pytest.raises(ValueError, match="all sample weights are 0"):
        by_class.set_params(class_weight={"a": 0, "b": 0, "c": 0}).fit(X, y)


@pytest.mark.parametrize("n_members", [1, 2])
def test_weights_of_validation_data_count_relative_to_each_other(iris, n_members):
    X, y = iris
    weight = np.linspace(1.0, 30.0, 150)
    classifier = SequentialClassifier(build, epochs=2, n_members=n_members, random_state=0)
    classifier.fit(X, y, validation_data=(X, y, weight))
    codes = np.searchsorted(classifier.classes_, y)
    losses = -np.log(classifier.model_.predict(X)[np.arange(150), codes])
    expected = np.average(losses, weights=weight)
    assert classifier.history_.history["val_loss"][-1] == pytest.approx(expected)


@pytest.mark.parametrize("n_members", [1, 3])
def test_the_curve_of_the_validation_is_drawn_too(iris, n_members):
    classifier = SequentialClassifier(build, epochs=4, n_members=n_members, random_state=0)
    figure = classifier.fit(*iris, validation_data=iris).plot_loss_curve()
    trained, *_, held_out = figure.axes[0].lines
    for line, name in ((trained, "loss"), (held_out, "val_loss")):
        np.testing.assert_array_equal(line.get_ydata(), classifier.history_.history[name])


def test_networks_of_several_have_their_own_metrics_and_train_in_step(iris, monkeypatch):
    trained, fit = [], StackedModels.fit
    monkeypatch.setattr(
        StackedModels, "fit", lambda self, *a: trained.append(len(self.models)) or fit(self, *a)
    )
    metrics = [bp.metrics.F1Score(average="macro")]
    classifier = SequentialClassifier(build, epochs=2, n_members=3, metrics=metrics).fit(*iris)
    assert trained == [3]
    assert len({model.history.history["f1_score"][-1] for model in classifier.models_}) > 1


def test_a_loss_of_logits_leaves_the_end_as_it_is(iris):
    """A Softmax was added, with which the loss was refused."""
    loss = bp.losses.SparseCategoricalCrossentropy(from_logits=True)
    common = {"epochs": 3, "random_state": 0}
    found = SequentialClassifier(build, loss=loss, **common).fit(*iris)
    assert isinstance(found.model_.layers[-1], Dense)
    usual = SequentialClassifier(build, **common).fit(*iris)
    np.testing.assert_allclose(found.predict_proba(iris[0]), usual.predict_proba(iris[0]))


@pytest.mark.parametrize("kind", ["CategoricalCrossentropy", "CategoricalFocalCrossentropy"])
@pytest.mark.parametrize("compiled", [False, True])
def test_logits_of_one_right_class_stay_such_where_y_has_one_hot_rows(iris, kind, compiled):
    def build_compiled(n_features, n_outputs):
        model = build(n_features, n_outputs)
        model.compile("adam", loss)
        return model

    X, y = iris[0], np.eye(3)[np.unique(iris[1], return_inverse=True)[1]]
    loss = getattr(bp.losses, kind)(from_logits=True)
    chosen = {"build": build_compiled} if compiled else {"build": build, "loss": loss}
    made = SequentialClassifier(**chosen, epochs=2).fit(X, y)
    powers = np.exp(made.model_.predict(X))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(made.predict_proba(X), expected, rtol=1e-6)
    np.testing.assert_array_equal(made.predict(X), np.eye(3)[expected.argmax(axis=1)])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("last", "loss"),
    [
        ([Softmax], "categorical_crossentropy"),
        ([Softmax], "mse"),
        ([Softmax], "binary_crossentropy"),
        ([Sigmoid], "categorical_crossentropy"),
        ([], "categorical_hinge"),
    ],
)
def test_one_class_is_chosen_of_those_that_compete_if_each_row_of_y_has_one(last, loss, sparse):
    """The likeliest of many classes may well be below ½, and is the model's answer all the same."""

    def build_whole(n_features, n_outputs):
        model = bp.Sequential([Dense(n_outputs), *(kind() for kind in last)])
        model.compile("adam", loss, metrics=["accuracy"])
        return model

    (X, y), (X_test, y_test) = bp.datasets.load_digits()
    rows, rows_test = np.eye(10, dtype=int)[y[:200]], np.eye(10, dtype=int)[y_test]
    fitted = SequentialClassifier(build_whole, epochs=3, random_state=0)
    fitted.fit(X[:200], csr_matrix(rows) if sparse else rows)
    found = fitted.predict(X_test)
    found = found.toarray() if sparse else found
    np.testing.assert_array_equal(
        found.argmax(axis=1), fitted.model_.predict(X_test).argmax(axis=1)
    )
    np.testing.assert_array_equal(found.sum(axis=1), 1)
    accuracy = fitted.model_.evaluate(X_test, rows_test.astype(float))[1]
    assert fitted.score(X_test, rows_test) == pytest.approx(accuracy)


def test_classes_that_compete_may_all_be_missing_if_a_row_of_the_fit_had_none(iris):
    def build_whole(n_features, n_outputs):
        model = bp.Sequential([Dense(n_outputs), Softmax()])
        model.compile("adam", "categorical_crossentropy")
        return model

    X, y = iris[0], np.eye(3)[np.unique(iris[1], return_inverse=True)[1]]
    y[0] = 0
    with pytest.warns(RuntimeWarning, match="should have the sum 1, but row 0"):
        fitted = SequentialClassifier(build_whole, epochs=1, random_state=0).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(X), fitted.predict_proba(X) > 0.5)


@pytest.mark.parametrize("last", [Softmax, LogSoftmax, Sparsemax])
def test_one_hot_rows_take_the_cross_entropy_of_one_right_class(iris, last):
    def build_whole(n_features, n_outputs):
        return bp.Sequential([Dense(n_outputs), last()])

    X, y = iris[0], np.eye(3)[np.unique(iris[1], return_inverse=True)[1]]
    given = {"epochs": 20, "optimizer": bp.optimizers.SGD(0.1), "random_state": 0}
    made = SequentialClassifier(build_whole, **given).fit(X, y)
    assert str(made.model_.loss) == "CategoricalCrossentropy"
    np.testing.assert_allclose(made.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert made.score(X, y) > 0.5


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_outputs_that_learn_each_by_itself_share_a_probability_of_1(iris, classes, logits):
    """A softmax of their logits would be too sure, and without a division they have any sum."""

    def build_single_answers(n_features, n_outputs):
        ending = [] if logits else [Sigmoid()]
        model = bp.Sequential([Dense(6), ReLU(), Dense(n_outputs), *ending], seed=0)
        model.compile("adam", bp.losses.BinaryCrossentropy(from_logits=logits))
        return model

    X, y = (each[iris[1] < "abcd"[classes]] for each in iris)
    classifier = SequentialClassifier(build_single_answers, epochs=3, random_state=0).fit(X, y)
    answers = classifier.model_.predict(X).astype(float)
    if logits:
        answers = 1 / (1 + np.exp(-answers))
    expected = answers / answers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-5)
    np.testing.assert_array_equal(
        classifier.predict(X), classifier.classes_[expected.argmax(axis=1)]
    )


def test_answers_that_are_all_no_make_every_class_as_likely(iris):
    def build_no(n_features, n_outputs):
        model = bp.Sequential([Dense(n_outputs, bias_initializer=Constant(-1e4)), Sigmoid()])
        model.compile(bp.optimizers.SGD(0.0), "binary_crossentropy")
        return model

    found = SequentialClassifier(build_no, epochs=1).fit(*iris).predict_proba(iris[0])
    np.testing.assert_allclose(found, np.full((150, 3), 1 / 3))


@pytest.mark.parametrize("first", [0, 1])
def test_some_networks_may_end_in_logits(iris, first):
    builds = iter([build_logits, build][:: 1 - 2 * first])
    classifier = SequentialClassifier(lambda *n: next(builds)(*n), epochs=2, n_members=2)
    probabilities = classifier.fit(*iris).predict_proba(iris[0])
    outputs = [model.predict(iris[0]) for model in classifier.models_]
    exponentials = np.exp(outputs[first])
    outputs[first] = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, np.mean(outputs, axis=0), rtol=1e-6)


@pytest.mark.parametrize("n_members", [1, 2])
def test_going_on_with_other_arguments(iris, n_members):
    common = {"epochs": 1, "n_members": n_members, "random_state": 0, "warm_start": True}
    classifier = SequentialClassifier(build, metrics=["accuracy"], **common).fit(*iris)
    states = [model.optimizer for model in classifier.models_]
    classifier.set_params(metrics=["accuracy"], epochs=2).fit(*iris)
    assert [model.optimizer for model in classifier.models_] == states
    classifier.set_params(optimizer=bp.optimizers.SGD(1e-9)).fit(*iris)
    rates = [model.optimizer.learning_rate for model in classifier.models_]
    assert rates == [1e-9] * n_members
    before = classifier.predict_proba(iris[0])
    with pytest.raises(ValueError, match="units has changed since the last fit built the networks"):
        classifier.set_params(units=9).fit(*iris)
    np.testing.assert_array_equal(classifier.predict_proba(iris[0]), before)
    classifier.set_params(units=8, metrics=None).fit(*iris)
    assert list(classifier.history_.history) == ["loss"]
    given = SequentialClassifier(build_compiled, **common).fit(*iris)
    optimizer = given.model_.optimizer
    assert given.set_params(optimizer="sgd").fit(*iris).model_.optimizer is optimizer


@pytest.mark.parametrize("kind", [SequentialClassifier, SequentialRegressor])
def test_a_fit_that_is_refused_leaves_the_estimator_as_it_was(iris, kind):
    X, y = iris
    y = np.unique(y, return_inverse=True)[1]
    estimator = kind(build, epochs=1, random_state=0)
    for wrong in ({"sample_weight": -np.ones(150)}, {"validation_data": (X[:, :2], y)}):
        with pytest.raises(ValueError, match=r"weight|validation_data"):
            estimator.fit(X, y, **wrong)
        with pytest.raises(NotFittedError):
            estimator.predict(X)
    before = estimator.fit(X, y).predict(X)
    with pytest.raises(ValueError, match="weight"):
        estimator.fit(X[:100, :3], y[:100], sample_weight=-np.ones(100))
    np.testing.assert_array_equal(estimator.predict(X), before)


def test_random_states_and_trained_networks(iris):
    X, y = iris

    def trained(n_features, n_outputs):
        model = bp.Sequential([Input(4), Dense(3, kernel_initializer="ones"), Softmax()])
        model.layers[0].trainable = False
        return model

    kept = SequentialClassifier(trained, epochs=2).fit(X, y)
    np.testing.assert_array_equal(kept.model_.layers[0].W, 1)
    one, two = (SequentialClassifier(build, epochs=2, random_state=5).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    went_on = clone(one).set_params(warm_start=True).fit(X, y)
    before = went_on.model_.parameters.values.copy()
    first = went_on.history_.history["loss"][0]
    assert went_on.fit(X, y).history_.history["loss"][0] < first
    assert not np.array_equal(before, went_on.model_.parameters.values)


def test_mistakes(iris):
    with pytest.raises(TypeError, match="build must be a function of"):
        SequentialClassifier("dense").fit(*iris)
    with pytest.raises(TypeError, match="build must return a Sequential, but it returned int"):
        SequentialClassifier(lambda n_features, n_outputs: 3).fit(*iris)
    one = build(4, 3)
    with pytest.raises(ValueError, match="the same model twice"):
        SequentialClassifier(lambda n_features, n_outputs: one, n_members=2).fit(*iris)


def test_settings_are_parameters():
    estimator = SequentialClassifier(build, units=16, epochs=3)
    assert estimator.get_params()["units"] == 16
    assert estimator.get_params()["dtype"] == "float64"  # of build, where it is not said
    assert clone(estimator).get_params() == estimator.get_params()
    estimator.set_params(units=4, epochs=5, dtype="float32")
    assert (estimator.units, estimator.epochs, estimator.dtype) == (4, 5, "float32")
    assert "units=4" in repr(estimator)
    with pytest.raises(ValueError, match="Invalid parameter 'width'"):
        estimator.set_params(width=3)
    anything = SequentialClassifier(lambda n_features, n_outputs, **settings: None)
    assert anything.set_params(width=3).get_params()["width"] == 3


# --- inside scikit-learn's tools -----------------------------------------------------------------


def test_grid_over_what_build_takes(iris):
    grid = GridSearchCV(
        SequentialClassifier(build, optimizer=ADAM, random_state=0),
        {"units": [1, 12], "epochs": [10]},
        cv=3,
    ).fit(*iris)
    assert grid.best_params_ == {"units": 12, "epochs": 10}
    assert grid.best_estimator_.model_.layers[0].units == 12
    assert grid.score(*iris) > 0.9


@everyone
def test_pickles_and_processes(estimator, iris):
    X, y = iris[0][:, :3], iris[1] if hasattr(estimator, "predict_proba") else iris[0][:, 3]
    scores = cross_val_score(estimator, X, y, cv=2, n_jobs=2, error_score="raise")
    assert scores.min() > 0.5
    fitted = clone(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@classifiers
def test_pipelines_on_frames(classifier, table):
    X, y = table
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["size"]),
            ("kinds", OneHotEncoder(sparse_output=False), ["colour"]),
        ]
    ).set_output(transform="pandas")
    pipeline = make_pipeline(columns, clone(classifier)).fit(X, y)
    assert pipeline.score(X, y) > 0.85
    names = list(pipeline[-1].feature_names_in_)
    assert names == ["numbers__size", "kinds__colour_blue", "kinds__colour_red"]
    sparse_ones = make_pipeline(OneHotEncoder(), clone(classifier)).fit(X[["colour"]], y)
    assert sparse_ones.predict(X[["colour"]]).shape == (90,)


@classifiers
def test_the_networks_know_the_columns_too(classifier, iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = clone(classifier).fit(frame, y)
    assert fitted.model_.feature_names == ("a", "b", "c", "d")
    with pytest.raises(ValueError, match="x has the columns of another order"):
        fitted.model_.predict(frame[list("dcba")])
    assert clone(classifier).fit(X, y).model_.feature_names is None


@classifiers
def test_calibration_voting_and_importance(classifier, iris):
    X, y = iris
    calibrated = CalibratedClassifierCV(classifier, cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    voting = VotingClassifier(
        [("net", classifier), ("line", LogisticRegression())], voting="soft"
    ).fit(X, y)
    assert voting.score(X, y) > 0.85
    fitted = clone(classifier).fit(X, y)
    importance = permutation_importance(fitted, X, y, n_repeats=3, random_state=0)
    assert importance.importances_mean[2] > importance.importances_mean[1]


def test_the_names_of_settings_may_end_or_begin_with_a_line(iris):
    """They were left out as if they were results: a grid compared a network with itself."""

    def of_lines(n_features, n_outputs, lambda_=0.0, _units=3):
        layers = [Dense(_units, kernel_regularizer=bp.regularizers.L2(lambda_)), Dense(n_outputs)]
        return bp.Sequential(layers)

    classifier = clone(SequentialClassifier(of_lines, epochs=1, lambda_=0.5)).set_params(_units=7)
    layer = classifier.fit(*iris).model_.layers[0]
    assert (layer.units, layer.W.shape[1]) == (7, 7)
    assert classifier.get_params()["lambda_"] == 0.5
    assert classifier.model_.parameters["dense_1.W"].regularizer.l2 == 0.5


def test_another_build_is_set_together_with_its_own_arguments(iris):
    """Its argument was refused, as the build before takes none of that name."""

    def wide(n_features, n_outputs, width=4):
        return build(n_features, n_outputs, units=width)

    given = {"width": 9, "build": wide}
    for params in (given, dict(reversed(given.items()))):
        classifier = SequentialClassifier(build, epochs=1).set_params(**params)
        assert classifier.fit(*iris).model_.layers[0].units == 9


def test_an_unknown_parameter_is_told_those_of_build():
    def build(n_features, n_outputs, units=8, rate=0.1):
        return bp.Sequential([Dense(units), Dense(n_outputs)])

    for kind in (SequentialClassifier, SequentialRegressor):
        with pytest.raises(ValueError, match=r"(?s)Invalid parameter 'unitz'.*'rate'.*'units'"):
            kind(build).set_params(units=4, unitz=3)


def test_a_build_that_begins_with_settings_is_refused():
    """As one for Keras does: of 4 features and 3 classes it made 4 layers of 3 units."""

    def build_model(n_hidden=1, n_neurons=30, learning_rate=0.1):
        layers = [layer for _ in range(n_hidden) for layer in (Dense(n_neurons), Tanh())]
        return bp.Sequential([*layers, Dense(3)])

    def given_sizes(n_features=4, n_outputs=3, units=8):
        return build(n_features, n_outputs, units)

    for kind in (SequentialClassifier, SequentialRegressor):
        with pytest.raises(TypeError, match=r"def build\(n_features, n_outputs, n_hidden=…\)"):
            kind(build_model)
        with pytest.raises(TypeError, match="where units would be one of these numbers"):
            kind(given_sizes).set_params(build=lambda n_features, units=8: build(n_features, 3))
        assert kind(given_sizes, units=5).get_params()["units"] == 5


@pytest.mark.parametrize(
    ("loss", "each"),
    [(bp.losses.GaussianNegativeLogLikelihood(), 2), (bp.losses.Quantile([0.1, 0.5, 0.9]), 3)],
)
def test_several_networks_with_several_outputs_for_a_target(loss, each):
    def build(n_features, n_outputs):
        return bp.Sequential([Dense(each * n_outputs)])

    X = np.random.default_rng(0).standard_normal((40, 3))
    y = X[:, 0] + 1
    regressor = SequentialRegressor(build, loss=loss, epochs=2, random_state=0, n_members=3)
    regressor.fit(X, y)
    assert regressor.predict(X).shape == (40, each)
    alone = [model.predict(X) for model in regressor.models_]
    np.testing.assert_allclose(regressor.predict(X), np.mean(alone, axis=0), rtol=1e-6)
    with pytest.raises(ValueError, match="return_std=True needs one output a target: with a loss"):
        regressor.predict(X, return_std=True)
    words = f"score compares a prediction with each target, but there are {each} outputs for 1 in y"
    with pytest.raises(ValueError, match=words):
        regressor.score(X, y)


@pytest.mark.parametrize(
    "last",
    [
        lambda: [Dense(1), Tanh()],
        lambda: [Dense(1), Dropout(0.1)],
        lambda: [Dense(1), BatchNormalization()],
        lambda: [Parallel([[Dense(2), Dense(1)], [Dense(1)]], merge="add")],
        lambda: [Reshape((4, 1)), Conv1D(1, 2), GlobalAveragePooling1D()],
    ],
)
def test_single_output_gets_sigmoid_whatever_layer_makes_it(last):
    X, y = np.random.default_rng(0).standard_normal((12, 4)), np.arange(12) % 2
    classifier = SequentialClassifier(lambda n_features, n_outputs: bp.Sequential(last()), epochs=1)
    model = classifier.fit(X, y).model_
    assert isinstance(model.layers[-1], Sigmoid)
    assert isinstance(model.loss.unjoined, bp.losses.BinaryCrossentropy)
    np.testing.assert_array_equal(classifier.predict(X), model.predict(X)[:, 0] > 0.5)

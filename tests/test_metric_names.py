"""How metrics get their names, what functions they may be, and what training gives them."""

import functools
import math
import warnings

import numpy as np
import pytest
from measuring import column, measure, near

import backprop as bp
from backprop import metrics
from backprop.layers import Dense, Sigmoid, Softmax
from backprop.losses import BinaryCrossentropy
from backprop.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    F1Score,
    FBetaScore,
    FunctionMetric,
    MeanAbsoluteError,
    MeanMetric,
    MeanSquaredError,
    Metric,
    Precision,
    R2Score,
    Recall,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)

# --- functions -----------------------------------------------------------------------------------


def largest_error(y_true, y_pred):
    return np.max(np.abs(y_true - y_pred))


def mean_error(y_true, y_pred):
    return np.mean(y_true - y_pred, axis=-1)


def test_function_takes_keras_order_and_gives_its_name():
    metric = metrics.get(mean_error)
    assert metric.name == "mean_error"
    assert measure(metric, np.ones((2, 2)), np.full((2, 2), 3.0)) == 2  # y_true - y_pred


def r2_score(y_true, y_pred, *, sample_weight=None):
    """As scikit-learn's, for one output; it refuses a single sample."""
    if len(y_true) < 2:
        raise ValueError("Found array with 1 sample(s) while a minimum of 2 is required.")
    w = np.ones(len(y_true)) if sample_weight is None else sample_weight
    mean = np.average(y_true[:, 0], weights=w)
    return 1 - w @ (y_true - y_pred)[:, 0] ** 2 / (w @ (y_true[:, 0] - mean) ** 2)


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_a_function_of_one_number_sees_all_samples_together(rng, size):
    P, Y, w = rng.normal(size=(20, 1)), rng.normal(size=(20, 1)), rng.uniform(0, 2, 20)
    for weight, known in ((None, R2Score()), (w, R2Score())):
        metric, buffer = FunctionMetric(r2_score), np.empty((size, 1))
        for _ in range(2):
            metric.reset()
            assert math.isnan(metric.result())
            for start in range(0, 20, size):
                rows = slice(start, start + size)
                batch = buffer[: len(P[rows])]  # as training hands it over
                batch[...] = P[rows]
                metric.update(batch, Y[rows], None if weight is None else weight[rows])
                if start > 1:
                    metric.result()  # also on the way
            known.reset()
            known.update(P, Y, weight)
            assert metric.result() == near(known.result())


def test_a_function_of_one_number_in_fit_and_evaluate(rng):
    X, y, w = rng.normal(size=(20, 3)), rng.normal(size=20), rng.uniform(0, 2, 20)
    model = bp.Sequential([Dense(1)], seed=0, dtype="float64")
    known = R2Score(name="known"), R2Score(name="known_weighted")
    functions = FunctionMetric(r2_score), FunctionMetric(r2_score, "weighted")
    pairs = [[a, b] for a, b in zip(functions, known, strict=True)]
    model.compile(bp.optimizers.SGD(0), "mse", *pairs)
    logs = model.fit(
        X, y, 7, 2, verbose=0, sample_weight=w, validation_data=(X, y, w), validation_batch_size=3
    ).history
    for prefix in ("", "val_"):
        assert logs[f"{prefix}r2_score"] == pytest.approx(logs[f"{prefix}known"], rel=1e-12)
        assert logs[f"{prefix}weighted"] == pytest.approx(logs[f"{prefix}known_weighted"], rel=1e-9)
    found = [model.evaluate(X, y, size)[1] for size in (1, 6, 20)]
    assert found == pytest.approx([logs["r2_score"][0]] * 3, rel=1e-12)


def test_a_function_without_an_argument_for_weights_cannot_be_weighted():
    metric = FunctionMetric(largest_error)
    with pytest.raises(ValueError, match="'largest_error': the function returns one number for al"):
        metric.update(np.zeros((3, 1)), np.ones((3, 1)), np.ones(3))
    metric.update(np.zeros((3, 1)), np.array([[1.0], [2.0], [0.0]]))
    metric.update(np.zeros((1, 1)), np.array([[6.0]]))
    assert metric.result() == 6


def test_of_a_function_with_a_value_for_each_sample_nothing_is_kept(rng):
    metric = FunctionMetric(lambda y, p: np.squeeze(np.abs(y - p)))
    P, Y = rng.normal(size=(10, 1)), rng.normal(size=(10, 1))
    for rows in (slice(4), slice(4, 5), slice(5, 10)):  # one batch of a single sample
        metric.update(P[rows], Y[rows])
    assert metric._kept == []
    assert metric.result() == near(np.abs(P - Y).mean())
    first = FunctionMetric(metric.function)  # whose first batch does not tell
    for rows in (slice(1), slice(1, 10)):
        first.update(P[rows], Y[rows])
    assert first.result() == near(np.abs(P - Y).mean())


@pytest.mark.parametrize("name", [None, 5, b"mine", ["mine"]])
def test_names_must_be_strings(name):
    with pytest.raises(TypeError, match=r"Accuracy\(name\) must be a string, but it is"):
        Accuracy(name=name)


def test_what_is_no_function_is_refused_when_the_metric_is_made():
    with pytest.raises(TypeError, match="must be a function of"):
        FunctionMetric("r2_score")


def test_a_mistake_in_a_function_is_told_at_once():
    with pytest.raises(AttributeError, match="numpy"):
        FunctionMetric(lambda y, p: p.numpy()).update(np.ones((2, 1)), np.ones((2, 1)))


def test_function_may_return_booleans_or_a_column():
    P, Y = np.array([[0.2], [0.9]]), np.array([[0], [0]])
    assert measure(FunctionMetric(lambda y, p: p > 0.5), P, Y) == 0.5
    assert measure(FunctionMetric(lambda y, p: p - y), P, Y, [3, 1]) == near((3 * 0.2 + 0.9) / 4)


@pytest.mark.parametrize("returned", [np.ones(3), "good", [None, None], np.ones((1, 2))])
def test_function_must_return_numbers(returned):
    metric = FunctionMetric(lambda y_true, y_pred: returned, name="mine")
    with pytest.raises(ValueError, match="metric 'mine': the function must return a number, or"):
        metric.update(np.ones((2, 1)), np.ones((2, 1)))


def test_names_of_functions():
    class Scorer:
        def __call__(self, y_true, y_pred):
            return 0.25

    assert metrics.get(lambda y_true, y_pred: 0.0).name == "<lambda>"
    assert metrics.get(functools.partial(largest_error)).name == "partial"
    assert metrics.get(Scorer()).name == "Scorer"
    assert measure(metrics.get(Scorer()), [[1.0]], [[1.0]]) == 0.25
    assert FunctionMetric(largest_error, name="worst").name == "worst"


def test_mean_of_a_formula_of_ones_own():
    class AngleError(MeanMetric):
        def values(self, prediction, target):
            return 1 - np.cos(prediction - target)[:, 0]

    metric = AngleError("angle")
    assert measure(metric, [[0.0], [np.pi]], [[0.0], [0.0]]) == near(1)
    assert measure(metric, [[0.0], [np.pi]], [[0.0], [0.0]], [3, 1]) == near(0.5)
    with pytest.raises(NotImplementedError, match="MeanMetric must define values"):
        MeanMetric("mine").update(np.ones((1, 1)), np.ones((1, 1)))


# --- names ---------------------------------------------------------------------------------------

NAMES = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1_score": F1Score,
    "fbeta_score": FBetaScore,
    "auc": AUC,
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "r2_score": R2Score,
    "r2": R2Score,
    "true_positives": metrics.TruePositives,
    "true_negatives": metrics.TrueNegatives,
    "false_positives": metrics.FalsePositives,
    "false_negatives": metrics.FalseNegatives,
    "binary_io_u": metrics.BinaryIoU,
    "mape": metrics.MeanAbsolutePercentageError,
    "mean_absolute_percentage_error": metrics.MeanAbsolutePercentageError,
    "msle": metrics.MeanSquaredLogarithmicError,
    "mean_squared_logarithmic_error": metrics.MeanSquaredLogarithmicError,
    "log_cosh": metrics.LogCoshError,
    "logcosh": metrics.LogCoshError,
    "cosine_similarity": metrics.CosineSimilarity,
    "pearson_correlation": metrics.PearsonCorrelation,
    "concordance_correlation": metrics.ConcordanceCorrelation,
    "bce": metrics.BinaryCrossentropy,
    "binary_crossentropy": metrics.BinaryCrossentropy,
    "categorical_crossentropy": metrics.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": metrics.SparseCategoricalCrossentropy,
    "kld": metrics.KLDivergence,
    "kl_divergence": metrics.KLDivergence,
    "poisson": metrics.Poisson,
    "hinge": metrics.Hinge,
    "squared_hinge": metrics.SquaredHinge,
    "categorical_hinge": metrics.CategoricalHinge,
}
SHORT = ("acc", "mse", "rmse", "mae", "r2", "mape", "msle", "log_cosh", "bce", "kld")


@pytest.mark.parametrize("name", NAMES)
def test_name_makes_a_metric_that_keeps_it(name):
    metric = metrics.get(name)
    assert type(metric) is NAMES[name]
    assert metric.name == name
    if name not in SHORT:
        assert NAMES[name]().name == name


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="metric 'acuracy' is not known") as caught:
        metrics.get("acuracy")
    listed = str(caught.value).removesuffix(".").partition("the names are ")[2].split(", ")
    assert sorted(listed) == sorted(NAMES)


@pytest.mark.parametrize("kind", dict.fromkeys(NAMES.values()))
def test_the_name_of_a_class_is_a_name_too(kind):
    assert type(metrics.get(kind.__name__)) is kind
    assert type(metrics.get("MSE")) is MeanSquaredError
    assert type(metrics.get("f_beta_score")) is FBetaScore
    assert type(metrics.get("log_cosh_error")) is metrics.LogCoshError


@pytest.mark.parametrize("wrong", [None, 3, Accuracy, dict])
def test_what_is_no_metric(wrong):
    with pytest.raises(TypeError, match="metric must be a name or an object"):
        metrics.get(wrong)


def test_threshold_reaches_the_metrics_that_were_given_by_name():
    for name in ("accuracy", "acc", "binary_accuracy", "precision", "recall", "f1_score"):
        metric = metrics.get(name, threshold=0.0)
        assert measure(metric, [[-1.0], [0.2]], [[0], [1]]) == 1
        assert metrics.get(name).result() != 0
    assert metrics.get("fbeta_score", threshold=0.0).threshold == 0
    assert metrics.get("auc", threshold=0.0).name == "auc"
    mine = Accuracy()
    assert metrics.get(mine, threshold=0.0) is mine
    assert mine.threshold == 0.5


def names(*groups):
    return [(m.name, m.weighted) for m in metrics.get_all(*groups)]


def test_names_are_made_distinct_as_in_keras():
    assert names(["acc", "mse", "acc", "acc"]) == [
        ("acc", False),
        ("mse", False),
        ("acc_1", False),
        ("acc_2", False),
    ]
    assert names(["acc"], ["acc", "mse", "acc", "mse"]) == [
        ("acc", False),
        ("weighted_acc", True),
        ("mse", True),
        ("weighted_acc_1", True),
        ("weighted_mse", True),
    ]
    first, second = Precision(class_id=0), Precision(class_id=1)
    for _ in range(2):  # and stay as they are when a model is compiled again
        assert [m.name for m in metrics.get_all([first, second])] == ["precision", "precision_1"]
    assert names([Accuracy("a_1"), Accuracy("a"), Accuracy("a")]) == [
        ("a_1", False),
        ("a", False),
        ("a_2", False),
    ]


def test_weighted_flag_follows_the_last_call():
    metric = Accuracy()
    assert metrics.get_all([], [metric])[0].weighted
    assert not metrics.get_all([metric])[0].weighted


def test_refused_metrics_stay_as_they_were():
    metric, other = Accuracy(), Accuracy()
    for group in ([metric, metric], [metric, other, "loss_"], [other, metric, "val_acc"]):
        with pytest.raises(ValueError, match="metric"):
            metrics.get_all([], group)
    with pytest.raises(ValueError, match="hold the same object Accuracy"):
        metrics.get_all([metric], [metric])
    with pytest.raises(ValueError, match="is called 'loss'"):
        metrics.get_all(["acc", Accuracy("loss")])
    for taken in ("epoch", "learning_rate"):  # else CSVLogger writes the one for the other
        with pytest.raises(ValueError, match=f"is called {taken!r}"):
            metrics.get_all(["acc", Accuracy(taken)])
    assert [metric.name, other.name] == ["accuracy"] * 2
    assert not metric.weighted


# --- in training ---------------------------------------------------------------------------------


@pytest.fixture
def data(rng):
    X = rng.normal(size=(24, 3))
    y = (X[:, 0] + 0.5 * rng.normal(size=24) > 0).astype(int)
    return X, y, rng.random(24)


def binary_model(layers, loss, **options):
    model = bp.Sequential(layers, seed=1, dtype="float64")
    model.compile(bp.optimizers.SGD(0.0), loss, **options)  # a model that stays as it is
    return model


def test_weighted_metrics_alone_follow_the_weights(data):
    X, y, w = data
    names = ["accuracy", "mse", AUC(), largest_error]
    weighted = ["accuracy", "mse", AUC(), "recall"]
    model = binary_model(
        [Dense(1), Sigmoid()], "binary_crossentropy", metrics=names, weighted_metrics=weighted
    )
    p, Y = model.predict(X), column(y)
    expected = {name: measure(metrics.get(name), p, Y) for name in ("accuracy", "mse", "auc")}
    expected["largest_error"] = largest_error(Y, p)
    weights = [1, 1, 1] + [0] * 21
    for sample_weight in (w, weights, None):
        for name in ("accuracy", "mse", "auc"):
            value = measure(metrics.get(name), p, Y, sample_weight)
            expected[f"weighted_{name}"] = value
        expected["recall"] = measure(Recall(), p, Y, sample_weight)
        loss = pytest.approx(BinaryCrossentropy().forward(p, Y, sample_weight))
        close = {"loss": loss} | {k: pytest.approx(v, nan_ok=True) for k, v in expected.items()}
        found = model.evaluate(X, y, sample_weight=sample_weight, return_dict=True)
        assert found == close
        assert list(found)[:5] == ["loss", "accuracy", "mse", "auc", "largest_error"]
        history = model.fit(X, y, 24, verbose=0, sample_weight=sample_weight).history
        assert {key: values[0] for key, values in history.items()} == close
        batch = model.train_on_batch(X, y, sample_weight=sample_weight)
        assert dict(zip(found, batch, strict=True)) == close


def test_batches_and_validation_give_the_whole_epochs_numbers(data):
    X, y, w = data
    model = binary_model(
        [Dense(1), Sigmoid()],
        "mse",
        metrics=["auc", "r2"],
        weighted_metrics=["f1_score", AUC("PR")],
    )
    p, Y = model.predict(X), column(y)
    history = model.fit(
        X, y, 7, sample_weight=w, validation_data=(X[:9], y[:9], w[:9]), verbose=0
    ).history
    assert list(history) == [
        *("loss", "auc", "r2", "f1_score", "weighted_auc"),
        *("val_loss", "val_auc", "val_r2", "val_f1_score", "val_weighted_auc"),
    ]
    for part, rows in (("", slice(None)), ("val_", slice(0, 9))):
        assert history[f"{part}auc"][0] == near(measure(AUC(), p[rows], Y[rows]))
        assert history[f"{part}r2"][0] == near(measure(R2Score(), p[rows], Y[rows]))
        assert history[f"{part}f1_score"][0] == near(measure(F1Score(), p[rows], Y[rows], w[rows]))
        pr = measure(AUC("PR"), p[rows], Y[rows], w[rows])
        assert history[f"{part}weighted_auc"][0] == near(pr)


def test_class_weights_reach_weighted_metrics(data):
    X, y, _ = data
    model = binary_model(
        [Dense(1), Sigmoid()], "mse", metrics=["acc"], weighted_metrics=[Accuracy("mine")]
    )
    p = model.predict(X)
    history = model.fit(X, y, 24, class_weight={0: 0.2, 1: 3.0}, verbose=0).history
    assert history["acc"][0] == near(measure(Accuracy(), p, y))
    assert history["mine"][0] == near(measure(Accuracy(), p, y, np.where(y, 3.0, 0.2)))


@pytest.mark.parametrize("loss", [BinaryCrossentropy(from_logits=True), "hinge", "squared_hinge"])
def test_names_know_where_yes_begins_for_logits_and_hinge_scores(data, loss):
    X, y, _ = data
    by_name = ["accuracy", "precision", "recall", "f1_score", "auc"]
    with pytest.warns(RuntimeWarning, match="'given' takes outputs above 0.5 for yes.*threshold=0"):
        model = binary_model(
            [Dense(1)], loss, metrics=[*by_name, Accuracy("given")], weighted_metrics=["acc"]
        )
    z = model.predict(X)
    assert np.any((z > 0) & (z < 0.5))  # where the thresholds 0 and ½ differ
    found = model.evaluate(X, y, return_dict=True)
    on_sides = column(np.where(z[:, 0] > 0, 1.0, 0.0))
    for name in by_name[:-1]:
        assert found[name] == measure(metrics.get(name), on_sides, y)
    assert found["acc"] == found["accuracy"]
    assert found["auc"] == measure(AUC(), z, y)
    assert found["given"] == measure(Accuracy(), z, y)  # an object is as it was made


HALVES = {
    "none": lambda: Precision(name="it"),
    "half": lambda: Precision(0.5, name="it"),
    "accuracy": lambda: metrics.BinaryAccuracy("it"),
    "overlap": lambda: metrics.BinaryIoU(name="it"),
    "counts": lambda: metrics.TruePositives(name="it"),
    "f-score": lambda: metrics.F1Score(name="it"),
}


@pytest.mark.parametrize("loss", [BinaryCrossentropy(from_logits=True), "hinge"])
@pytest.mark.parametrize("made", HALVES)
def test_objects_that_go_by_one_half_of_logits_are_told_of(made, loss):
    """What they count is wrong without a word: a probability of ½ is a logit of 0."""
    with pytest.warns(
        RuntimeWarning, match=r"'it' takes outputs above 0\.5 .* pass thresholds?=0 "
    ):
        binary_model([Dense(1)], loss, metrics=[HALVES[made]()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        binary_model([Dense(1), Sigmoid()], "binary_crossentropy", metrics=[HALVES[made]()])
        two = Precision([0.3, 0.5], name="two")
        fine = [Precision(0.0), AUC(), two, "recall", Accuracy("mine", 0.0)]
        binary_model([Dense(1)], loss, metrics=fine)


def test_the_largest_of_several_outputs_needs_no_threshold():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = bp.Sequential([Dense(3)])
        model.compile("sgd", "hinge", metrics=[Accuracy(), metrics.F1Score(), Precision(top_k=1)])


@pytest.mark.parametrize("kind", ["Binary", "Categorical", "SparseCategorical"])
def test_a_metric_on_logits_after_probabilities_is_refused(kind):
    """Taken for logits, they would give numbers that are too high."""
    made = getattr(metrics, f"{kind}Crossentropy")(from_logits=True)
    last = Sigmoid() if kind == "Binary" else Softmax()
    model = bp.Sequential([Dense(1 + 2 * (kind != "Binary")), last])
    with pytest.raises(
        ValueError, match=r"takes logits, as from_logits=True says, but .* ends with"
    ):
        model.compile("sgd", "mse", metrics=[made])


def test_probabilities_keep_the_threshold_of_one_half(data):
    X, y, _ = data
    model = binary_model([Dense(1), Sigmoid()], "binary_crossentropy", metrics=["acc"])
    assert model.metrics[0].threshold == 0.5
    assert 0 < model.evaluate(X, y)[1] < 1


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("mse", "metric 'mse': there must be one target for each output"),
        (Precision(class_id=3), "class_id must be one of the 3 outputs"),
    ],
)
@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch"])
def test_metric_that_does_not_fit_is_found_before_the_first_step(rng, metric, message, verb):
    X, y = rng.normal(size=(6, 2)), rng.integers(0, 3, 6)
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc", metric])
    model.build((None, 2))
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match=message):
        getattr(model, verb)(X, y)
    np.testing.assert_array_equal(model.parameters.values, before)
    assert model.history is None


def test_check_disturbs_nothing_that_was_counted():
    for metric in (Accuracy(), AUC(), R2Score()):
        expected = measure(metric, [[0.1], [0.9], [0.4]], [[0.0], [1.0], [1.0]])
        metric.check((1,), np.zeros((5, 1)))
        assert metric.result() == expected
    seen = []
    metric = FunctionMetric(lambda y_true, y_pred: seen.append(1) or 0.0)
    metric.check((1,), np.zeros((5, 1)))
    assert seen == []


def test_metric_of_ones_own_without_weights_is_never_given_any(data):
    class Smallest(Metric):
        def reset(self):
            self.least = math.inf

        def update(self, prediction, target):
            self.least = min(self.least, float(prediction.min()))

        def result(self):
            return self.least

    X, y, w = data
    model = binary_model([Dense(1)], "mse", metrics=[Smallest("least")])
    history = model.fit(X, y, 5, sample_weight=w, verbose=0).history
    assert history["least"][0] == near(model.predict(X).min())
    with pytest.raises(
        TypeError, match=r"write def update\(self, prediction, target, sample_weight"
    ):
        model.compile("sgd", "mse", weighted_metrics=[Smallest("least")])


@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch"])
def test_a_metric_that_is_given_the_name_of_another_one(verb):
    """The History would have the numbers of one of them alone."""
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", F1Score()])
    model.metrics[1].name = "accuracy"
    with pytest.raises(ValueError, match="two metrics of the model are called 'accuracy'"):
        getattr(model, verb)(np.eye(3), np.arange(3))
    assert model.optimizer.iterations == 0
    model.metrics[1].name = "f"
    assert list(model.fit(np.eye(3), np.arange(3), verbose=0).history) == ["loss", "accuracy", "f"]


def test_a_metric_that_a_callback_gives_the_name_of_another_one():
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", F1Score()])
    rename = bp.callbacks.Callback()
    rename.on_epoch_begin = lambda epoch, logs: setattr(model.metrics[epoch], "name", "accuracy")
    with pytest.raises(ValueError, match="two metrics of the model are called 'accuracy'"):
        model.fit(np.eye(3), np.arange(3), epochs=2, verbose=0, callbacks=[rename])
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize("name", ["loss", "epoch", "batch", "learning_rate", "val_a"])
def test_names_of_other_numbers_in_logs_and_names_of_files(name):
    model = bp.Sequential([Dense(1)])
    with pytest.raises(ValueError, match=f"one of the metrics is called '{name}'"):
        model.compile("sgd", "mse", metrics=[FunctionMetric(lambda y, p: 0.0, name)])


@pytest.mark.parametrize(
    ("metric", "other"),
    [
        ("categorical_focal_crossentropy", "binary_crossentropy"),
        ("kl_divergence", "binary_crossentropy"),
        (metrics.LossMetric(bp.losses.CosineSimilarity()), "mse"),
        ("categorical_hinge", "hinge"),
    ],
)
def test_a_loss_that_compares_outputs_is_no_metric_of_one_and_named_as_a_metric(metric, other):
    model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy", metrics=[metric])
    with pytest.raises(ValueError, match=rf"^metric '.*there is one: take '{other}'\.$"):
        model.fit(np.ones((8, 3)), np.arange(8) % 2, verbose=0)


def test_top_k_of_as_many_outputs_is_right_beside_thresholds_alone():
    y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.9], [0.8], [0.2]])
    both = Precision(0.5, top_k=1)
    both.update(p, y)
    assert both.result() == 0.5
    with pytest.raises(ValueError, match="all of them are chosen: leave it out"):
        Precision(top_k=1).update(p, y)
    with pytest.raises(ValueError, match="pass a smaller top_k, or thresholds"):
        Precision(top_k=2).update(np.eye(2), np.eye(2))

"""What a model's outputs are: answers, classes or scores, and what metrics make of each of them.

Where a test says so, its numbers are scikit-learn 1.9.1's for the inputs that stand here.
"""

import numpy as np
import pytest
from measuring import measure

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import Chain, Dense, LogSoftmax, ReLU, Sigmoid, Softmax
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    SparseCategoricalCrossentropy,
)
from backprop.metrics import (
    AUC,
    Accuracy,
    F1Score,
    FBetaScore,
    Precision,
    Recall,
    confusion_matrix,
)

SCORES = ["precision", "recall", "f1_score", "fbeta_score", "auc"]
X = np.random.default_rng(7).normal(size=(40, 4))
ANSWERS = np.random.default_rng(8).integers(0, 2, (40, 3))
CLASS = (X[:, 0] + np.random.default_rng(9).normal(size=40) > 0.4).astype(int)


def trained(layers, loss, y, metrics, epochs=3, **options):
    """A model and what it reports of the data, by name."""
    model = bp.Sequential([Dense(5), ReLU(), *layers], seed=2, dtype="float64")
    model.compile(bp.optimizers.SGD(0.3), loss, metrics)
    model.fit(X, y, epochs=epochs, verbose=0, **options)
    return model, model.evaluate(X, y, return_dict=True)


# ------------------------------------------------------------------- answers, each for itself


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("metric", ["accuracy", "acc", Accuracy])
def test_accuracy_after_a_binary_cross_entropy_is_that_of_every_output(metric, from_logits):
    loss = BinaryCrossentropy(from_logits)
    threshold = 0.0 if from_logits else 0.5
    metric = metric(threshold=threshold) if metric is Accuracy else metric
    ending = [Dense(3)] if from_logits else [Dense(3), Sigmoid()]
    model, found = trained(ending, loss, ANSWERS, [metric, "binary_accuracy"])
    right = (model.predict(X) > threshold) == ANSWERS
    assert list(found.values())[1] == pytest.approx(right.mean(), rel=1e-12)
    assert found["binary_accuracy"] == pytest.approx(right.mean(), rel=1e-12)
    assert model.history.history["binary_accuracy"] == list(model.history.history.values())[1]
    hits = model.predict(X).argmax(axis=1) == ANSWERS.argmax(axis=1)
    assert right.mean() != hits.mean()


def test_a_saved_model_still_knows_what_its_outputs_are(tmp_path):
    model, found = trained([Dense(3), Sigmoid()], "bce", ANSWERS, ["accuracy"])
    model.save(tmp_path / "a.npz")
    assert bp.load_model(tmp_path / "a.npz").evaluate(X, ANSWERS, return_dict=True) == found


def test_models_trained_together_know_it_too():
    def make(seed):
        model = bp.Sequential([Dense(3), Sigmoid()], seed=seed)
        model.compile("sgd", "bce", ["accuracy"])
        return model

    models = [make(0), make(1)]
    histories = bp.fit_many(models, X, ANSWERS, epochs=2, verbose=0)
    for model, history in zip(models, histories, strict=True):
        alone = make(model.seed).fit(X, ANSWERS, epochs=2, verbose=0)
        assert history.history["accuracy"] == pytest.approx(alone.history["accuracy"])


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("kind", [F1Score, FBetaScore])
def test_f_scores_of_answers_choose_every_output_above_a_half(kind, average):
    model, found = trained([Dense(3), Sigmoid()], "bce", ANSWERS, [kind(average, name="mine")])
    expected = measure(kind(average, threshold=0.5), model.predict(X), ANSWERS)
    assert found["mine"] == pytest.approx(expected, rel=1e-12)


def test_two_answers_are_counted_together_and_not_as_two_classes():
    names = [*SCORES, AUC("PR", "pr")]
    y = ANSWERS[:, :2].copy()
    y[:20] = np.eye(2)[y[:20, 0]]  # as if the two were classes, in the first batches
    model, found = trained([Dense(2), Sigmoid()], "bce", y, names)
    P = model.predict(X)
    columns = [measure(Precision(), P[:, [k]], y[:, [k]]) for k in (0, 1)]
    chosen = P > 0.5
    assert found["precision"] == pytest.approx((chosen & (y == 1)).sum() / chosen.sum(), rel=1e-12)
    assert found["precision"] not in columns
    pooled = P.reshape(-1, 1), y.reshape(-1, 1)
    assert found["auc"] == pytest.approx(measure(AUC(), *pooled), rel=1e-12)
    assert found["pr"] == pytest.approx(measure(AUC("PR"), *pooled), rel=1e-12)
    f1 = [measure(F1Score(), P[:, [k]], y[:, [k]]) for k in (0, 1)]
    assert found["f1_score"] == pytest.approx(np.mean(f1), rel=1e-12)


SEVERAL = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1]])
NONE = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("rows", [SEVERAL, NONE, 2 * SEVERAL - 1], ids=["several", "none", "signs"])
@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        *[("bce", m) for m in ("categorical_accuracy", bp.metrics.TopKCategoricalAccuracy(2))],
        *[("mse", m) for m in ("accuracy", "categorical_accuracy", "f1_score")],
        *[("mse", m) for m in (bp.metrics.TopKCategoricalAccuracy(2), F1Score("micro"))],
    ],
)
def test_rows_that_name_no_single_class_are_refused_before_training(loss, metric, rows):
    if loss == "bce":
        rows = np.maximum(rows, 0)
    y = np.concatenate([np.eye(3)[[0, 1]], rows])
    model = bp.Sequential([bp.Input(4), Dense(3), Sigmoid()], seed=0)
    model.compile("sgd", loss, [metric])
    before = model.parameters.values.copy()
    message = "row 3 is .* which names several or none|targets with several classes or none"
    with pytest.raises(ValueError, match=message):
        model.fit(X[:5], y, batch_size=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, before)


def test_rows_of_probabilities_name_the_most_probable_class():
    y = np.array([[0.2, 0.7, 0.1], [0.5, 0.5, 0.0], [0.6, 0.3, 0.1]])
    P = [[0.1, 0.8, 0.1], [0.9, 0.0, 0.1], [0.1, 0.8, 0.1]]
    classes = Accuracy()
    classes.outputs = "classes"  # as a categorical loss says: of equal ones the first counts
    assert measure(classes, P, y) == pytest.approx(2 / 3)
    assert measure(Accuracy(), P[::2], y[::2]) == 0.5


def test_class_weights_need_rows_of_one_class():
    model = bp.Sequential([Dense(3), Sigmoid()], seed=0)
    model.compile("sgd", "bce")
    with pytest.raises(ValueError, match="class_weight, targets: every row must name one class"):
        model.fit(X, ANSWERS, class_weight={1: 2.0}, verbose=0)


def test_a_confusion_matrix_needs_rows_of_one_class():
    for true, guess in ((SEVERAL, NONE[:, 0]), ([0, 1, 2], SEVERAL), (NONE, [0, 1, 2])):
        with pytest.raises(ValueError, match=r"y_(true|pred): every row must name one class"):
            confusion_matrix(true, guess)
    ties = np.array([[0.4, 0.4, 0.2]])  # scores: the first of the largest counts
    assert confusion_matrix([1], ties).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("number", [10**6, 2**40, 2**62, 2**70, 1e20])
def test_numbers_that_are_names_have_no_confusion_matrix(number):
    """The matrix of 0 to 10⁶ has 7 TiB, and larger numbers were cast into others."""
    true, guess = [number, 3, 7, 7], [3, 3, number, 7]
    for given, name in (((true, [0] * 4), "true"), (([0] * 4, guess), "pred")):
        with pytest.raises(ValueError, match=f"y_{name} holds a class {int(number)}, .*with ids ="):
            confusion_matrix(*given)
    ids = np.union1d(true, guess)  # as the error says
    counts = confusion_matrix(np.searchsorted(ids, true), np.searchsorted(ids, guess))
    assert counts.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]


# ----------------------------------------------------------------------------- one of two classes

YES = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0])
CHANCE = np.array([0.1, 0.4, 0.35, 0.8, 0.8, 0.4, 0.05, 0.9, 0.4, 0.2])
WEIGHT = np.array([1, 2, 0.5, 1, 3, 1, 0, 0.25, 1, 2])
BINARY = {  # by scikit-learn, of CHANCE > 0.5 and of CHANCE, with average="binary"
    Precision: (0.6666666666666666, 0.7647058823529411),
    Recall: (0.4, 0.48148148148148145),
    F1Score: (0.5, 0.5909090909090909),
    AUC: (0.78, 0.7925925925925926),
    lambda: AUC("PR"): (0.7428571428571429, 0.7707495119259824),
}


@pytest.mark.parametrize("told", [None, "classes"])
@pytest.mark.parametrize("make", BINARY)
def test_scores_of_two_classes_are_those_of_class_1_by_scikit_learn(make, told):
    P = np.stack([1 - CHANCE, CHANCE], axis=1)
    for target in (YES, YES[:, np.newaxis], np.eye(2)[YES]):
        metric = make()
        metric.outputs = told
        plain, weighted = BINARY[make]
        assert measure(metric, P, target) == pytest.approx(plain, rel=1e-12)
        assert measure(metric, P, target, WEIGHT) == pytest.approx(weighted, rel=1e-12)
        metric.reset()
        for row in range(10):
            metric.update(P[row : row + 1], target[row : row + 1])
            metric.result()
        assert metric.result() == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("form", ["softmax", "logits", "one-hot", "hinge", "mse"])
def test_two_classes_of_a_trained_model(form):
    """The same as of its probability of class 1 alone, whatever the outputs are."""
    loss = {
        "softmax": "sparse_categorical_crossentropy",
        "logits": SparseCategoricalCrossentropy(from_logits=True),
        "one-hot": CategoricalCrossentropy(),
        "hinge": CategoricalHinge(),
        "mse": "mse",
    }[form]
    rows = form in ("one-hot", "hinge", "mse")
    y = np.eye(2)[CLASS] if rows else CLASS
    linear = form in ("logits", "hinge")
    metrics = [*SCORES, AUC("PR", "pr"), Precision(name="object")]
    ending = [Dense(2)] if linear else [Dense(2), Softmax()]
    model, found = trained(ending, loss, y, metrics, epochs=20)
    Z = model.predict(X)
    ahead = Z[:, 1] - Z[:, 0]
    p = (1 / (1 + np.exp(-ahead)) if linear else Z[:, 1])[:, np.newaxis]
    one = CLASS[:, np.newaxis]
    kinds = [Precision(), Recall(), F1Score(), FBetaScore(), AUC(), AUC("PR"), Precision()]
    expected = [measure(kind, p, one) for kind in kinds]
    assert list(found.values())[1:] == pytest.approx(expected, rel=1e-12)
    assert found["precision"] > 0


def test_all_averages_and_classes_can_still_be_asked_for():
    P = np.stack([1 - CHANCE, CHANCE], axis=1)
    both = [measure(F1Score(class_id=k), P, YES) for k in (0, 1)]
    assert both[0] == pytest.approx(2 * 4 / (7 + 5))  # 4 of 7 chosen for class 0, which has 5
    assert measure(F1Score(), P, YES) == both[1] == pytest.approx(0.5)
    assert measure(F1Score("macro"), P, YES) == pytest.approx(np.mean(both))
    assert measure(F1Score("micro"), P, YES) == measure(Accuracy(), P, YES) == 0.6
    assert measure(F1Score("weighted"), P, YES) == pytest.approx(np.mean(both))  # 5 of each
    assert measure(AUC("PR", class_id=0), P, YES) != measure(AUC("PR"), P, YES)


def test_a_threshold_moves_class_1():
    P = np.stack([1 - CHANCE, CHANCE], axis=1)
    for threshold in (0.3, 0.39, 0.6):
        expected = measure(Recall(threshold), CHANCE[:, np.newaxis], YES[:, np.newaxis])
        assert measure(Recall(threshold), P, YES) == expected


def test_of_class_scores_the_largest_is_chosen_without_a_threshold():
    Z = np.random.default_rng(3).normal(size=(50, 3)) * 5 + 2
    c = np.random.default_rng(4).integers(0, 3, 50)
    for metric in (Precision(), Recall(), F1Score()):
        metric.outputs = "scores"
        plain = F1Score() if isinstance(metric, F1Score) else type(metric)(top_k=1)
        assert measure(metric, Z, c) == measure(plain, Z, c)


# ------------------------------------------------------------------------------- a single output


@pytest.mark.parametrize(
    "metric", ["categorical_accuracy", "sparse_categorical_accuracy", "top_k_categorical_accuracy"]
)
@pytest.mark.parametrize("y", [CLASS, CLASS[:, np.newaxis]], ids=["flat", "column"])
def test_metrics_that_compare_outputs_refuse_one_alone(metric, y):
    model = bp.Sequential([bp.Input(4), Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "bce", [metric])
    with pytest.raises(ShapeError, match=f"'{metric}' compares outputs with each other"):
        model.fit(X, y, verbose=0)


@pytest.mark.parametrize(
    ("metric", "advice"),
    [
        (bp.metrics.MeanIoU(2), r"take BinaryIoU\(\)"),
        ("sparse_categorical_crossentropy", "take 'binary_crossentropy'"),
    ],
)
def test_they_name_what_measures_the_same_of_a_single_output(metric, advice):
    model = bp.Sequential([bp.Input(4), Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "bce", [metric])
    with pytest.raises(ShapeError, match=advice):
        model.fit(X, CLASS, verbose=0)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        *((loss, Softmax) for loss in ("bce", "mse", "kld")),
        *((loss, Softmax) for loss in ("categorical", "sparse_categorical")),
        ("mse", LogSoftmax),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_softmax_of_one_output_is_refused(loss, nested, kind):
    ending = [Dense(1), kind()]
    model = bp.Sequential([Chain(ending)] if nested else ending, seed=0)
    model.compile("sgd", f"{loss}_crossentropy" if "categorical" in loss else loss)
    with pytest.raises(ShapeError, match=r"A single output takes Sigmoid\(\)"):
        model.fit(X, CLASS, verbose=0)

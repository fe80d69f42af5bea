"""What every metric counts: numbers by hand, from scikit-learn, and over batches and weights.

Where a test says so, its numbers are scikit-learn 1.9.1's for the inputs that stand here.
"""

import math

import numpy as np
import pytest
from measuring import column, measure, near
from rows import each

from backprop import metrics as m
from backprop.core.errors import ShapeError
from backprop.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    F1Score,
    FBetaScore,
    FunctionMetric,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    R2Score,
    Recall,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    confusion_matrix,
)

# Yes/no targets with tied scores, one of them between the two kinds.
YES = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0])
SCORE = np.array([0.1, 0.4, 0.35, 0.8, 0.8, 0.4, 0.05, 0.9, 0.4, 0.2])
YES_WEIGHT = np.array([1, 2, 0.5, 1, 3, 1, 0, 0.25, 1, 2])

# Three classes; the largest outputs are 0, 1, 2, 0, 2, 1, 0 (the first of two), 1.
CLASS = np.array([0, 1, 2, 1, 2, 1, 2, 0])
PROBABILITY = np.array(
    [
        [0.6, 0.3, 0.1],
        [0.2, 0.5, 0.3],
        [0.1, 0.2, 0.7],
        [0.4, 0.35, 0.25],
        [0.3, 0.3, 0.4],
        [0.1, 0.8, 0.1],
        [0.45, 0.1, 0.45],
        [0.25, 0.6, 0.15],
    ]
)
CLASS_WEIGHT = np.array([1, 2, 0.5, 1, 3, 1, 0.25, 2])

NUMBER = np.array([[3, -0.5], [2, 1], [7, -2], [4.2, 0], [-1, 3]])
GUESS = np.array([[2.5, 0], [2, 1.5], [8, -1.5], [4, 0.25], [0, 2]])
NUMBER_WEIGHT = np.array([1, 0.5, 2, 0, 3])


def mean_error(y_true, y_pred):
    return np.mean(y_true - y_pred, axis=-1)


CASES = {
    "accuracy, sparse": (Accuracy(), PROBABILITY, CLASS, CLASS_WEIGHT),
    "accuracy, one-hot": (Accuracy(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "accuracy, binary": (Accuracy(), column(SCORE), column(YES), YES_WEIGHT),
    "binary accuracy": (BinaryAccuracy(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "categorical accuracy": (CategoricalAccuracy(), PROBABILITY, CLASS, CLASS_WEIGHT),
    "top 1": (TopKCategoricalAccuracy(1), PROBABILITY, CLASS, CLASS_WEIGHT),
    "precision": (Precision(), column(SCORE), column(YES), YES_WEIGHT),
    "recall": (Recall(top_k=1, average="macro"), PROBABILITY, CLASS, CLASS_WEIGHT),
    "F1": (F1Score("weighted"), PROBABILITY, CLASS, CLASS_WEIGHT),
    "F2": (FBetaScore(beta=2.0), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "ROC": (AUC(), column(SCORE), column(YES), YES_WEIGHT),
    "ROC of three classes": (AUC(), PROBABILITY, CLASS, CLASS_WEIGHT),
    "PR": (AUC("PR"), column(SCORE), column(YES), YES_WEIGHT),
    "MSE": (MeanSquaredError(), GUESS, NUMBER, NUMBER_WEIGHT),
    "RMSE": (RootMeanSquaredError(), GUESS, NUMBER, NUMBER_WEIGHT),
    "MAE": (MeanAbsoluteError(), GUESS, NUMBER, NUMBER_WEIGHT),
    "R2": (R2Score(), GUESS, NUMBER, NUMBER_WEIGHT),
    "MAPE": (m.MeanAbsolutePercentageError(), GUESS, NUMBER + 9, NUMBER_WEIGHT),
    "MSLE": (m.MeanSquaredLogarithmicError(), GUESS + 9, NUMBER + 9, NUMBER_WEIGHT),
    "log cosh": (m.LogCoshError(), GUESS, NUMBER, NUMBER_WEIGHT),
    "cosine": (m.CosineSimilarity(), GUESS, NUMBER, NUMBER_WEIGHT),
    "Pearson": (m.PearsonCorrelation(), PROBABILITY, np.roll(PROBABILITY, 1), CLASS_WEIGHT),
    "BCE": (m.BinaryCrossentropy(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "BCE of logits": (m.BinaryCrossentropy("b", True, 0.1), GUESS, NUMBER > 0, NUMBER_WEIGHT),
    "CCE": (m.CategoricalCrossentropy("c"), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "sparse CCE": (m.SparseCategoricalCrossentropy(), PROBABILITY, CLASS, CLASS_WEIGHT),
    "KLD": (m.KLDivergence(), PROBABILITY, np.roll(PROBABILITY, 1), CLASS_WEIGHT),
    "Poisson": (m.Poisson(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "hinge": (m.Hinge(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "squared hinge": (m.SquaredHinge(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "categorical hinge": (m.CategoricalHinge(), PROBABILITY, np.eye(3)[CLASS], CLASS_WEIGHT),
    "TP": (m.TruePositives(0.3), PROBABILITY, CLASS, CLASS_WEIGHT),
    "TN": (m.TrueNegatives(), PROBABILITY, CLASS, CLASS_WEIGHT),
    "FP": (m.FalsePositives(0.15), column(SCORE), column(YES), YES_WEIGHT),
    "FN": (m.FalseNegatives(), column(SCORE), column(YES), YES_WEIGHT),
    "recall, top 1": (Recall(top_k=1), PROBABILITY, CLASS, CLASS_WEIGHT),
    "P at R": (m.PrecisionAtRecall(0.7), column(SCORE), column(YES), YES_WEIGHT),
    "R at P": (m.RecallAtPrecision(0.9), column(SCORE), column(YES), YES_WEIGHT),
    "sensitivity": (m.SensitivityAtSpecificity(0.7), PROBABILITY, CLASS, CLASS_WEIGHT),
    "specificity": (m.SpecificityAtSensitivity(0.7), PROBABILITY, CLASS, CLASS_WEIGHT),
    "ROC of each": (AUC(multi_label=True), PROBABILITY, CLASS, CLASS_WEIGHT),
    "mean IoU": (m.MeanIoU(3), PROBABILITY, CLASS, CLASS_WEIGHT),
    "binary IoU": (m.BinaryIoU(), column(SCORE), column(YES), YES_WEIGHT),
    "R2, weighted": (
        R2Score(class_aggregation="variance_weighted_average"),
        GUESS,
        NUMBER,
        NUMBER_WEIGHT,
    ),
    "function": (FunctionMetric(mean_error), GUESS, NUMBER, NUMBER_WEIGHT),
}
each_case = each(("metric", "prediction", "target", "weight"), CASES.values(), ids=CASES)


# --- what holds of every metric ------------------------------------------------------------------


@each_case
@each("weighted", [False, True])
@each("shared_buffer", [False, True])
def test_batches_give_what_all_samples_at_once_give(
    metric, prediction, target, weight, weighted, shared_buffer
):
    weight = weight if weighted else None
    whole = measure(metric, prediction, target, weight)
    metric.reset()
    buffer = np.empty_like(prediction)
    for rows in (slice(0, 3), slice(3, 4), slice(4, None)):
        batch = prediction[rows]
        if shared_buffer:  # as training hands it over: valid until the next batch
            batch = buffer[: len(batch)]
            batch[...] = prediction[rows]
        metric.update(batch, target[rows], None if weight is None else weight[rows])
        assert isinstance(metric.result(), float)  # also asked for on the way
    assert metric.result() == near(whole)


@each_case
def test_weight_says_how_often_a_sample_counts(metric, prediction, target, weight):
    counts = np.arange(len(target)) % 3
    repeated = measure(metric, np.repeat(prediction, counts, 0), np.repeat(target, counts, 0))
    assert measure(metric, prediction, target, counts) == near(repeated)
    ones = np.ones(len(target), np.float32)
    assert measure(metric, prediction, target, ones) == near(measure(metric, prediction, target))
    assert measure(metric, prediction, target, weight) != measure(metric, prediction, target)


@each_case
def test_float32_and_read_only_inputs(metric, prediction, target, weight):
    P = prediction.astype(np.float32)
    Y = target.astype(np.float32) if target.ndim == 2 else target.astype(np.int32)
    for array in (P, Y):
        array.flags.writeable = False
    before = P.copy(), Y.copy()
    assert measure(metric, P, Y) == pytest.approx(measure(metric, prediction, target), rel=1e-5)
    np.testing.assert_array_equal(P, before[0])
    np.testing.assert_array_equal(Y, before[1])


@each_case
def test_lists_and_a_time_axis(metric, prediction, target, weight):
    expected = measure(metric, prediction, target, weight)
    assert measure(metric, prediction.tolist(), target.tolist(), weight.tolist()) == expected
    n = len(target) - len(target) % 2
    flat = measure(metric, prediction[:n], target[:n])
    folded = [a[:n].reshape(2, n // 2, *a.shape[1:]) for a in (prediction, target)]
    assert measure(metric, *folded) == near(flat)
    twice = measure(metric, prediction[:n], target[:n], np.repeat([1.0, 2.0], n // 2))
    assert measure(metric, *folded, np.array([1.0, 2.0])) == near(twice)


@each_case
def test_nothing_counted_is_nan_and_reset_forgets(metric, prediction, target, weight):
    expected = measure(metric, prediction[:4], target[:4])
    metric.update(prediction[4:], target[4:])
    metric.reset()
    assert math.isnan(metric.result())
    metric.update(prediction[:4], target[:4])
    assert metric.result() == expected


@each_case
@each("wrong", [np.ones(2), np.ones((5, 9)), np.ones(1)])
def test_weights_must_be_one_a_sample(metric, prediction, target, weight, wrong):
    with pytest.raises(ShapeError, match=r"sample_weight must hold one number for each of the 5"):
        metric.update(prediction[:5], target[:5], wrong)


@each_case
def test_nothing_is_ever_broadcast(metric, prediction, target, weight):
    metric.reset()
    if isinstance(metric, FunctionMetric):
        return
    for wrong in (target[:1], target[:-1], np.ones((len(target), 7)), np.ones(())):
        with pytest.raises(ShapeError, match=rf"metric '{metric.name}': there must be"):
            metric.update(prediction, wrong)
    assert math.isnan(metric.result())


@each_case
def test_repr_and_default_name(metric, prediction, target, weight):
    assert repr(metric) == f"{type(metric).__name__}(name={metric.name!r})"
    assert not metric.weighted


# --- accuracies ----------------------------------------------------------------------------------


def test_accuracy_by_scikit_learn():
    """accuracy_score."""
    for target in (CLASS, column(CLASS), np.eye(3)[CLASS], CLASS.astype(float)):
        for metric in (Accuracy(), CategoricalAccuracy(), SparseCategoricalAccuracy()):
            assert measure(metric, PROBABILITY, target) == 0.625
            weighted = measure(metric, PROBABILITY, target, CLASS_WEIGHT)
            assert weighted == near(0.6976744186046512)


@each("kind", [Accuracy, BinaryAccuracy])
@each("p_shape", [(4,), (4, 1)])
@each("y_shape", [(4,), (4, 1)])
def test_one_output_in_every_shape(kind, p_shape, y_shape):
    p, y = np.array([-2.0, 0.2, 0.5, 3.0]), np.array([0, 1, 1, 1])
    p, y = p.reshape(p_shape), y.reshape(y_shape)
    assert measure(kind(), p, y) == 0.5
    assert measure(kind(threshold=0), p, y) == 1
    assert measure(kind(), p, y, [1, 0, 0, 2]) == 1
    assert measure(kind(threshold=0), p, 2 * y - 1) == 1  # -1 and 1, as for a hinge


def test_binary_accuracy_counts_every_one_of_several_answers():
    P = [[0.9, 0.2, 0.6], [0.1, 0.7, 0.8]]
    Y = [[1, 0, 0], [0, 1, 1]]
    answers = Accuracy()
    answers.outputs = "answers"  # as a binary cross-entropy says
    for metric in (BinaryAccuracy(), answers):
        assert measure(metric, P, Y) == near(5 / 6)
        assert measure(metric, P, Y, [3, 1]) == near((3 * 2 + 3) / 12)


def test_top_k_by_scikit_learn():
    """top_k_accuracy_score with labels=[0, 1, 2, 3]."""
    P = [
        [0.1, 0.2, 0.3, 0.4],
        [0.4, 0.3, 0.2, 0.1],
        [0.25, 0.35, 0.05, 0.36],
        [0.7, 0.1, 0.15, 0.05],
        [0.05, 0.5, 0.2, 0.25],
    ]
    y, w = np.array([2, 3, 0, 1, 2]), [1, 2, 0.5, 3, 1]
    for k, plain, weighted in (
        (1, 0, 0),
        (2, 0.2, 0.13333333333333333),
        (3, 0.8, 11 / 15),
    ):
        for target in (y, np.eye(4)[y]):
            for metric in (TopKCategoricalAccuracy(k), SparseTopKCategoricalAccuracy(k)):
                assert measure(metric, P, target) == near(plain)
                assert measure(metric, P, target, w) == near(weighted)


def test_top_k_with_ties_and_nan():
    P = [[0.3, 0.3, 0.3, 0.1]]
    for k in (1, 3):
        found = [measure(TopKCategoricalAccuracy(k), P, [c]) for c in range(4)]
        assert found == [1, 1, 1, 0]
    assert measure(TopKCategoricalAccuracy(2), [[np.nan] * 4], [1]) == 0
    assert TopKCategoricalAccuracy().k == 5


@pytest.mark.parametrize("k", [4, 5])
def test_top_k_refuses_as_many_guesses_as_classes(k):
    """It was always 1: with the 5 of the default for every model of at most 5 classes."""
    with pytest.raises(ValueError, match=f"has k={k} guesses and the model 4 outputs, so that it"):
        measure(TopKCategoricalAccuracy(k), [[0.3, 0.3, 0.3, 0.1]], [0])


@pytest.mark.parametrize("k", [0, -1, 2.0, True, None])
def test_top_k_refuses_what_is_no_number_of_guesses(k):
    with pytest.raises(ValueError, match=r"TopKCategoricalAccuracy\(k\) must be an integer of 1"):
        TopKCategoricalAccuracy(k)


@pytest.mark.parametrize("wrong", [-1, 3])
@pytest.mark.parametrize("metric", [TopKCategoricalAccuracy(2), F1Score(), AUC()], ids=repr)
def test_classes_without_an_output(metric, wrong):
    with pytest.raises(ValueError, match=rf"from 0 to 2 for 3 outputs, but.*run from .*{wrong}"):
        measure(metric, PROBABILITY[:2], np.array([wrong, 1]))


# --- precision, recall, F-scores -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "plain", "weighted"),
    [
        (Precision(), 0.6666666666666666, 0.7647058823529411),
        (Recall(), 0.4, 0.48148148148148145),
        (F1Score(), 0.5, 0.5909090909090909),
        (FBetaScore(beta=2.0), 0.43478260869565216, 0.52),
        (FBetaScore(beta=0.5), 0.5882352941176471, None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_yes_or_no_by_scikit_learn(metric, plain, weighted):
    """precision_score, recall_score, f1_score and fbeta_score of SCORE > 0.5."""
    assert measure(metric, column(SCORE), column(YES)) == near(plain)
    assert measure(metric, SCORE, YES) == near(plain)
    if weighted is not None:
        assert measure(metric, column(SCORE), column(YES), YES_WEIGHT) == near(weighted)


SKLEARN_AVERAGES = {
    Precision: {
        "micro": (0.625, 0.6976744186046512),
        "macro": (0.6666666666666666, 0.6814814814814815),
        "weighted": (0.7083333333333333, 0.696124031007752),
        0: (0.3333333333333333, 0.4444444444444444),
        1: (0.6666666666666666, 0.6),
        2: (1.0, 1.0),
    },
    Recall: {
        "micro": (0.625, 0.6976744186046512),
        "macro": (0.611111111111111, 0.6722222222222222),
        "weighted": (0.625, 0.6976744186046512),
        0: (0.5, 0.3333333333333333),
        1: (0.6666666666666666, 0.75),
        2: (0.6666666666666666, 0.9333333333333333),
    },
    F1Score: {
        "micro": (0.625, 0.6976744186046512),
        "macro": (0.6222222222222222, 0.6710454296661194),
        "weighted": (0.65, 0.6911826478787184),
        0: (0.4, 0.38095238095238093),
        1: (0.6666666666666666, 0.6666666666666666),
        2: (0.8, 0.9655172413793104),
    },
}


@pytest.mark.parametrize("kind", SKLEARN_AVERAGES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", 0, 1, 2])
def test_three_classes_by_scikit_learn(kind, average):
    """The same of the largest outputs, by ``average``, or for one class of ``average=None``."""
    options = {"average": average} if isinstance(average, str) else {"class_id": average}
    metric = kind(**options) if issubclass(kind, FBetaScore) else kind(top_k=1, **options)
    plain, weighted = SKLEARN_AVERAGES[kind][average]
    for target in (CLASS, column(CLASS), np.eye(3)[CLASS]):
        assert measure(metric, PROBABILITY, target) == near(plain)
        assert measure(metric, PROBABILITY, target, CLASS_WEIGHT) == near(weighted)


def test_outputs_that_are_each_compared_with_the_threshold():
    """precision_score and recall_score of PROBABILITY > 0.5, by average; the rest by hand."""
    assert measure(Precision(), PROBABILITY, CLASS) == 0.75  # micro, as Keras without arguments
    assert measure(Recall(), PROBABILITY, CLASS) == 0.375
    assert measure(Precision(average="macro"), PROBABILITY, CLASS) == near(0.8333333333333334)
    assert measure(Recall(average="macro"), PROBABILITY, CLASS) == near(0.38888888888888884)
    # above 0.3 lie, of the third class, 0.7, 0.4 and 0.45, all of them rightly
    assert measure(Precision(0.3, class_id=2), PROBABILITY, CLASS) == 1
    assert measure(F1Score(threshold=0.3, class_id=2), PROBABILITY, CLASS) == 1
    assert measure(F1Score(threshold=0.5, class_id=2), PROBABILITY, CLASS) == 0.5


def test_f_beta_is_the_harmonic_mean_of_precision_and_recall():
    """fbeta_score with average="macro" and beta=2, and the definition."""
    assert measure(FBetaScore(beta=2.0), PROBABILITY, CLASS) == near(0.6118326118326118)
    p, r = measure(Precision(), SCORE, YES), measure(Recall(), SCORE, YES)
    for beta in (0.3, 1, 4):
        expected = (1 + beta**2) * p * r / (beta**2 * p + r)
        assert measure(FBetaScore(beta=beta), SCORE, YES) == near(expected)
    assert measure(F1Score(), SCORE, YES) == measure(FBetaScore(), SCORE, YES)
    assert measure(F1Score(), PROBABILITY, CLASS) == near(0.6222222222222222)  # macro


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("kind", [Precision, Recall, F1Score])
def test_scores_without_anything_to_divide_by_are_0(kind, average):
    metric = kind(average=average)
    assert measure(metric, [0.1, 0.2], [1, 1]) == 0  # nothing chosen
    assert measure(metric, [0.1, 0.2], [0, 0]) == 0  # neither chosen nor true
    assert measure(metric, [0.9, 0.8], [0, 0]) == 0  # nothing true
    assert measure(metric, [[0.9, 0.1]], [[0, 0]], [0]) == 0


@pytest.mark.parametrize("kind", [Precision, Recall, F1Score, FBetaScore])
def test_decisions_refuse_what_they_cannot_do(kind):
    for wrong in ("none", "samples", *[None] * (not kind.by_class)):
        with pytest.raises(ValueError, match=rf"{kind.__name__}\(average\) must be 'auto',"):
            kind(average=wrong)
    with pytest.raises(ValueError, match=r"class_id must be one of the 3 outputs.*3"):
        measure(kind(class_id=3), PROBABILITY, CLASS)


@pytest.mark.parametrize("beta", [0, -1.0, np.inf, np.nan, "2"])
def test_beta_must_be_positive(beta):
    rule = r"FBetaScore\(beta\) must be (above 0|a number).* but it is"
    with pytest.raises((ValueError, TypeError), match=rule):
        FBetaScore(beta=beta)


# --- areas under curves --------------------------------------------------------------------------


def test_areas_by_scikit_learn():
    """roc_auc_score and average_precision_score, with ties and with weights."""
    p, y, w = column(SCORE), column(YES), YES_WEIGHT
    assert measure(AUC(), p, y) == near(0.78)
    assert measure(AUC(), p, y, w) == near(0.7925925925925926)
    assert measure(AUC("PR"), p, y) == near(0.7428571428571429)
    assert measure(AUC(curve="PR"), p, y, w) == near(0.7707495119259824)


def test_areas_of_three_classes_by_scikit_learn():
    """roc_auc_score and average_precision_score of the raveled one-hot rows, and of one column."""
    for target in (CLASS, np.eye(3)[CLASS]):
        assert measure(AUC(), PROBABILITY, target) == near(0.875)
        weighted = measure(AUC(), PROBABILITY, target, CLASS_WEIGHT)
        assert weighted == near(0.8159816116819902)
        assert measure(AUC("PR"), PROBABILITY, target) == near(0.7663690476190476)
        assert measure(AUC(class_id=2), PROBABILITY, target) == 1


def test_areas_are_their_definitions(rng):
    for _ in range(20):
        n = int(rng.integers(4, 40))
        s, y = rng.integers(0, 8, n) / 7, rng.integers(0, 2, n)
        y[:2] = 0, 1
        w = rng.random(n)
        pairs = np.outer(w * y, w * (1 - y))
        wins = (s[:, None] > s) + 0.5 * (s[:, None] == s)
        assert measure(AUC(), s, y, w) == near((pairs * wins).sum() / pairs.sum())
        area, recall = 0.0, 0.0
        for t in np.unique(s)[::-1]:
            chosen = w * (s >= t)
            now = (chosen @ y) / (w @ y)
            area += (now - recall) * (chosen @ y) / chosen.sum()
            recall = now
        assert measure(AUC("PR"), s, y, w) == near(area)
        # only the order counts: logits do as well as probabilities
        assert measure(AUC(), np.log(s + 0.01) * 100, y, w) == near(measure(AUC(), s, y, w))


def test_areas_that_do_not_exist_are_nan():
    assert math.isnan(measure(AUC(), [0.1, 0.9], [1, 1]))
    assert math.isnan(measure(AUC(), [0.1, 0.9], [0, 0]))
    assert math.isnan(measure(AUC("PR"), [0.1, 0.9], [0, 0]))
    assert measure(AUC("PR"), [0.1, 0.9], [1, 1]) == 1
    assert math.isnan(measure(AUC(), [0.1, 0.9], [0, 1], [1, 0]))
    assert math.isnan(measure(AUC(), [0.1, 0.9], [0, 1], [0, 0]))
    for curve in ("ROC", "PR"):  # a diverged model
        assert math.isnan(measure(AUC(curve), [0.1, np.nan, 0.9], [0, 0, 1]))
        assert measure(AUC(curve), [-np.inf, 0.9, np.inf], [0, 0, 1]) == 1


def test_samples_without_weight_are_left_out_of_areas():
    for curve in ("ROC", "PR"):
        for left_out in (0.9, 0.1, np.nan):
            found = measure(AUC(curve), [left_out, 0.5, 0.4, 0.3], [0, 1, 0, 1], [0, 1, 1, 1])
            assert found == near(measure(AUC(curve), [0.5, 0.4, 0.3], [1, 0, 1]))


def test_all_scores_tied_are_chance():
    assert measure(AUC(), [0.5] * 5, [1, 0, 0, 1, 0]) == 0.5
    assert measure(AUC("PR"), [0.5] * 5, [1, 0, 0, 1, 0]) == near(0.4)


def test_area_refuses_other_curves_and_classes():
    with pytest.raises(ValueError, match=r"AUC\(curve\) must be 'ROC' or 'PR'.*'roc'"):
        AUC("roc")
    with pytest.raises(ValueError, match="class_id must be one of the 3 outputs"):
        measure(AUC(class_id=3), PROBABILITY, CLASS)


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "plain", "weighted"),
    [
        (MeanSquaredError(), 0.41025, 0.7019230769230769),
        (RootMeanSquaredError(), 0.6405076111959951, math.sqrt(0.7019230769230769)),
        (MeanAbsoluteError(), 0.545, 0.7884615384615384),
        (R2Score(), 0.9010757603308012, 0.9053491737938852),
    ],
    ids=repr,
)
def test_errors_by_scikit_learn(metric, plain, weighted):
    """mean_squared_error, its root, mean_absolute_error and r2_score."""
    assert measure(metric, GUESS, NUMBER) == near(plain)
    assert measure(metric, GUESS, NUMBER, NUMBER_WEIGHT) == near(weighted)


def test_integers_do_not_overflow():
    P, Y = np.array([[3], [250]], np.uint8), np.array([[250], [3]], np.uint8)
    assert measure(MeanAbsoluteError(), P, Y) == 247
    assert measure(MeanSquaredError(), P, Y) == 247**2
    assert measure(R2Score(), P, Y) == near(1 - 4)


def test_errors_too_large_for_a_float32():
    P = np.array([[1e30]], np.float32)
    assert measure(RootMeanSquaredError(), P, np.zeros((1, 1), np.float32)) == pytest.approx(1e30)


def test_r2_of_targets_that_do_not_vary_by_scikit_learn():
    """r2_score: the mean with 1 for the exact first output, and with 0 for the other one."""
    Y = [[2.0, 1], [2, 3], [2, 5]]
    assert measure(R2Score(), [[2, 1], [2, 3], [2, 4.0]], Y) == near(0.9375)
    assert measure(R2Score(), [[2, 1], [2.5, 3], [2, 4.0]], Y) == near(0.4375)
    thirds = np.full((7, 1), 1 / 3)  # their mean is not one of them, but for rounding it would be
    assert measure(R2Score(), thirds + 1e-9, thirds) == 0


def test_r2_of_targets_far_from_0(rng):
    y = rng.normal(size=(50, 1))
    p = y + rng.normal(size=(50, 1)) / 4
    expected = 1 - np.sum((p - y) ** 2) / np.sum((y - y.mean()) ** 2)
    assert measure(R2Score(), p + 1e9, y + 1e9) == pytest.approx(expected, rel=1e-6)


def test_r2_forgets_the_number_of_outputs():
    metric = R2Score()
    assert measure(metric, GUESS, NUMBER) == near(0.9010757603308012)
    assert measure(metric, GUESS[:, :1], NUMBER[:, :1]) == near(0.9334921003717472)


def test_root_is_of_the_mean_over_all_batches():
    metric = RootMeanSquaredError()
    metric.update(np.zeros((1, 1)), np.full((1, 1), 2.0))
    metric.update(np.zeros((7, 1)), np.zeros((7, 1)))
    assert metric.result() == near(math.sqrt(4 / 8))  # the batches' roots are 2 and 0


# --- confusion matrix ----------------------------------------------------------------------------


def test_confusion_matrix_by_scikit_learn():
    """confusion_matrix of CLASS and the largest outputs."""
    expected = [[1, 1, 0], [1, 2, 0], [1, 0, 2]]
    floats = CLASS.astype(float)
    for true in (CLASS, CLASS.tolist(), column(CLASS), np.eye(3)[CLASS], floats, column(floats)):
        guesses = PROBABILITY.argmax(axis=1)
        for guess in (PROBABILITY, guesses, column(guesses.astype(float))):
            found = confusion_matrix(true, guess)
            assert found.tolist() == expected
            assert found.dtype.kind == "i"


def test_confusion_matrix_has_a_row_for_every_class():
    assert confusion_matrix([0, 1], [1, 1], n_classes=3).tolist() == [[0, 1, 0], [0, 1, 0], [0] * 3]
    assert confusion_matrix([0, 1], np.eye(4)[[0, 0]]).shape == (4, 4)
    assert confusion_matrix([0, 0], [2, 0]).tolist() == [[1, 0, 1], [0] * 3, [0] * 3]
    assert confusion_matrix([True, False], column([0.9, 0.7])).tolist() == [[0, 1], [0, 1]]
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("form", [lambda c: c, lambda c: c[..., None], lambda c: np.eye(3)[c]])
@pytest.mark.parametrize("steps", [(7,), (2, 3)])
def test_confusion_matrix_of_steps_and_pixels(form, steps):
    rng = np.random.default_rng(0)
    true, P = rng.integers(0, 3, (5, *steps)), rng.random((5, *steps, 3))
    known = np.zeros((3, 3))
    np.add.at(known, (true, P.argmax(axis=-1)), 1)
    np.testing.assert_array_equal(confusion_matrix(form(true), P), known)
    with pytest.raises(ValueError, match=r"pass y_true\.ravel\(\)"):
        confusion_matrix(true, P.argmax(axis=-1))


def test_confusion_matrix_can_be_drawn():
    from backprop.plotting import confusion_matrix as draw

    figure = draw(confusion_matrix(CLASS, PROBABILITY))
    assert "5 of 8" in figure.axes[0].get_title()


@pytest.mark.parametrize(
    ("true", "guess", "options", "message"),
    [
        ([0, 1], [0], {}, "y_true and y_pred must be of one length, but they are 2 and 1"),
        ([0, 1], [0, 0.5], {}, "y_pred must hold class indices"),
        ([0, -1], [0, 1], {}, "y_true must hold class indices"),
        ([0, 1], [0, np.inf], {}, "y_pred must hold class indices"),
        (
            ["a", "b"],
            [0, 1],
            {},
            r"with np\.unique\(y_true, return_inverse=True\)\[1\]",
        ),
        (
            ["a", "b"],  # each numbered by itself, b would be class 1 here and class 0 there
            ["b", "b"],
            {},
            r"np\.searchsorted\(np\.unique\(np\.append\(y_true, y_pred\)\), y_true\)",
        ),
        (np.ones((2, 2, 2)), [0, 1], {}, r"y_true must hold class indices \(N,\) or rows"),
        ([0, 1], [0, 2], {"n_classes": 2}, "n_classes is 2, but there is a class 2"),
        (column([0.2, 1.0]), [0, 1], {}, "y_true must hold class indices"),
        (
            [0, 1],
            column([-0.4, 2.5]),
            {},
            r"from -0.4 to 2.5: of logits pass np\.asarray\(y_pred\) > 0",
        ),
        ([0, 1], column([0.4, np.inf]), {}, "from 0.4 to inf"),
        ([0, 1], [-0.4, 2.5], {}, r"of logits of one output pass np.asarray\(y_pred\) > 0"),
    ],
)
def test_confusion_matrix_refuses(true, guess, options, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(true, guess, **options)


@pytest.mark.parametrize("columns", [1, 3])
def test_outputs_that_are_nan_name_no_class(columns):
    outputs = np.zeros((4, columns))
    outputs[2:] = np.nan
    with pytest.raises(ValueError, match="y_pred has a nan in row 2"):
        confusion_matrix([0, 0, 0, 0], outputs)
    assert confusion_matrix([0], np.array([[0.0, -np.inf]])).tolist() == [[1, 0], [0, 0]]


def test_a_gap_among_class_indices_is_named():
    """A threshold, which probabilities are given, would make a class of it."""
    classes, found = np.array([0.0, 1.0, 2.0]), np.array([0, 1, np.nan])
    with pytest.raises(ValueError, match="y_true has a nan in row 2"):
        confusion_matrix(found, classes)
    with pytest.raises(ValueError, match="y_pred has a nan in row 2"):
        confusion_matrix(classes, found)

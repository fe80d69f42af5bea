"""What metrics are told of a model, and what is found out before its weights change."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
from measuring import column

import backprop as bp
from backprop import losses, metrics
from backprop.layers import Dense, Sigmoid, Softmax, Sparsemax

R = np.random.default_rng(0)
X = R.standard_normal((60, 4))
B = (R.random(60) < 0.35).astype(int)
C = R.integers(0, 3, 60)
ANSWERS = (R.random((60, 3)) < 0.4).astype(int)


def model(parts, loss, *given, **options):
    made = bp.Sequential([bp.Input(4), *parts], seed=0, dtype="float64")
    made.compile("sgd", loss, metrics=given, **options)
    return made


def refused_before_a_step(made, y, words, **options):
    before = made.parameters.values.copy()
    with pytest.raises(ValueError, match=words):
        made.fit(X, y, verbose=0, **options)
    np.testing.assert_array_equal(made.parameters.values, before)
    assert made.optimizer.iterations == 0


# --- logits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "name", "units", "y"),
    [
        (losses.BinaryCrossentropy, "binary_crossentropy", 1, B),
        (losses.BinaryCrossentropy, "BCE", 3, ANSWERS),
        (losses.BinaryCrossentropy, "binary_focal_crossentropy", 1, B),
        (losses.SparseCategoricalCrossentropy, "sparse_categorical_crossentropy", 3, C),
        (losses.CategoricalCrossentropy, "categorical_crossentropy", 3, np.eye(3)[C]),
    ],
)
def test_the_name_of_a_cross_entropy_takes_logits_where_the_loss_does(loss, name, units, y):
    end = Sigmoid if loss is losses.BinaryCrossentropy else Softmax
    on_logits = model([Dense(units)], loss(from_logits=True), name)
    on_shares = model([Dense(units), end()], loss(), name)
    found, known = on_logits.evaluate(X, y), on_shares.evaluate(X, y)
    np.testing.assert_allclose(found, known, rtol=1e-12)
    history = on_logits.fit(X, y, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.parametrize(
    ("given", "units", "y"),
    [
        (metrics.BinaryCrossentropy(), 1, B),
        (metrics.CategoricalCrossentropy(), 3, np.eye(3)[C]),
        ("kld", 3, np.eye(3)[C]),
        ("poisson", 3, np.eye(3)[C]),
    ],
    ids=str,
)
def test_outputs_that_a_metric_cannot_take_are_found_before_the_first_step(given, units, y):
    refused_before_a_step(model([Dense(units)], "mse", given), y, "metric '.*end the model with")


# --- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        metrics.MeanIoU(3),
        metrics.OneHotIoU(3, [1]),
        metrics.SparseCategoricalCrossentropy(),
        metrics.CategoricalAccuracy(),
    ],
    ids=str,
)
def test_a_row_of_several_classes_is_found_before_the_first_step(made):
    y = np.eye(3)[C]
    y[59] = [1, 1, 0]
    refused_before_a_step(model([Dense(3), Sigmoid()], "mse", made), y, "row 59 ", batch_size=8)


def test_answers_of_each_output_need_not_name_one_class():
    found = model([Dense(3), Sigmoid()], "mse", "binary_io_u").fit(X, ANSWERS, verbose=0)
    assert np.isfinite(found.history["binary_io_u"]).all()


@pytest.mark.parametrize(
    ("made", "name", "value"),
    [
        (metrics.Precision(class_id=1), "class_id", 5),
        (metrics.Precision(top_k=1), "top_k", 3),
        (metrics.AUC(class_id=1), "class_id", 5),
        (metrics.AUC(), "label_weights", [1.0, 2.0]),
        (metrics.TopKCategoricalAccuracy(2), "k", 3),
        (metrics.MeanIoU(3), "num_classes", 4),
    ],
    ids=str,
)
def test_a_setting_changed_between_two_trainings_is_tried_before_the_next_step(made, name, value):
    m = model([Dense(3), Softmax()], "sparse_categorical_crossentropy", made)
    m.fit(X, C, verbose=0)
    setattr(m.metrics[0], name, value)
    before = m.parameters.values.copy()
    with pytest.raises(ValueError, match=r"^metric"):
        m.fit(X, C, verbose=0)
    np.testing.assert_array_equal(m.parameters.values, before)


# --- a metric of several models ------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        lambda f: model([Dense(3), Softmax()], "sparse_categorical_crossentropy", f),
        lambda f: model([Dense(3), Sigmoid()], "bce", "f1_score", f),
        lambda f: model([Dense(3), Sigmoid()], "bce", weighted_metrics=[f]),
    ],
    ids=["classes", "name", "weights"],
)
def test_a_metric_that_other_models_are_compiled_with_stays_this_ones_too(other):
    f = metrics.F1Score()
    a = model([Dense(3), Sigmoid()], "binary_crossentropy", f)
    given = {"sample_weight": R.uniform(0, 9, 60), "return_dict": True}
    known = a.evaluate(X, ANSWERS, **given)
    s = other(f)
    y = np.eye(3, dtype=int)[C] if s.loss.unjoined.outputs == "answers" else C
    own = s.evaluate(X, y)
    assert a.evaluate(X, ANSWERS, **given) == known
    assert s.evaluate(X, y) == own
    assert copy.deepcopy(a).evaluate(X, ANSWERS, **given) == known
    assert a.metrics[0] is f


def test_an_ignored_class_is_ignored_in_its_own_model_alone():
    f = metrics.Accuracy()
    a = model([Dense(3), Softmax()], "sparse_categorical_crossentropy", f)
    known = a.evaluate(X, C)
    model([Dense(3), Softmax()], losses.SparseCategoricalCrossentropy(ignore_class=0), f)
    assert a.evaluate(X, C) == known


def test_a_metric_renamed_by_its_user_keeps_the_name_when_the_model_is_built():
    made = bp.Sequential([Dense(1)], seed=0)
    made.compile("sgd", "mse", metrics=["mae"])
    made.metrics[0].name = "mine"
    assert list(made.evaluate(X, B, return_dict=True)) == ["loss", "mine"]


# --- the axis of the classes ---------------------------------------------------------------------


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("kind", [Softmax, Sparsemax])
def test_the_last_axis_may_be_counted_from_the_front(kind, built):
    def scores(last):
        made = bp.Sequential([bp.Input(4)] * built + [Dense(2), last], seed=1)
        made.compile("sgd", "binary_crossentropy", metrics=["precision", "recall", "auc"])
        return made.evaluate(X, np.eye(2)[B])

    np.testing.assert_allclose(scores(kind(axis=1)), scores(kind()), rtol=1e-12)


@pytest.mark.parametrize(
    "verb", ["fit", "evaluate", "train_on_batch", "explain", "check_gradients"]
)
@pytest.mark.parametrize("last", [lambda: Softmax(), lambda: Softmax(axis=1)])
def test_a_softmax_of_one_number_is_refused(last, verb):
    made = bp.Sequential([Dense(1), last()], seed=0)
    made.compile("sgd", "binary_crossentropy")
    with pytest.raises(bp.core.errors.ShapeError, match="one alone never changes"):
        getattr(made, verb)(X, B)


# --- class scores --------------------------------------------------------------------------------


def test_class_scores_are_ranked_by_their_probabilities():
    def scores(parts, loss):
        given = (
            metrics.AUC(multi_label=True, name="ovr"),
            metrics.RecallAtPrecision(0.4, class_id=1),
        )
        return model(parts, loss, "auc", *given).evaluate(X, C)

    logits = scores([Dense(3)], losses.SparseCategoricalCrossentropy(from_logits=True))
    shares = scores([Dense(3), Softmax()], "sparse_categorical_crossentropy")
    np.testing.assert_allclose(logits, shares, rtol=1e-12)


def test_probabilities_that_round_to_one_are_told_apart():
    Z, c = np.array([[50.0, 0, 0], [60, 0, 0], [55, 0, 0], [2000, 0, 0]]), np.array([1, 0, 1, 0])
    metric = metrics.AUC(class_id=0)
    metric.outputs = "scores"
    metric.update(Z, c)
    assert metric.result() == 1


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Accuracy", "acc", "R2Score", "r2", "MSE", "Huber", "AUC"])
def test_a_string_is_the_key_as_it_was_written(name):
    assert list(model([Dense(1)], "mse", name).evaluate(X, B, return_dict=True)) == ["loss", name]


# --- what is no prediction -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        metrics.Accuracy(),
        metrics.BinaryAccuracy(),
        metrics.Precision(),
        metrics.Recall(),
        metrics.F1Score(),
        metrics.BinaryIoU(),
    ],
    ids=str,
)
def test_numbers_of_classes_are_no_predictions(made):
    with pytest.raises(ValueError, match=r"whole numbers up to 4, .*confusion_matrix"):
        made.update([4, 3, 2, 1], [1, 2, 3, 4])
    made.update([0, 1, 1], [0, 1, 1])
    made.update([[0], [1]], [[0], [1]])
    made.update([0.4, 4.0], [0, 1])
    assert made.result() == 1


def test_whole_numbers_may_be_scores():
    for made in (metrics.AUC(), metrics.BinaryAccuracy(threshold=2), metrics.Recall(2)):
        made.update([4, 3, 2, 1], [1, 1, 0, 0])
        assert made.result() == 1


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["cat", "dog"], r"number what is cat .* with np\.unique\(y_true, return_inverse=True\)"),
        ([-1, 1], r"pass np\.asarray\(y_true\) > 0"),
        ([0.2, 1], "> 0.5"),
    ],
)
def test_labels_that_are_no_indices_are_named(labels, words):
    with pytest.raises(ValueError, match=f"y_true must hold class indices.*{words}"):
        metrics.confusion_matrix(labels, [0, 1])


@pytest.mark.parametrize(
    "kind", [np.asarray, list, pd.Series, column], ids=["array", "list", "series", "column"]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_advice_numbers_text_alike_where_one_of_the_two_lacks_a_class(kind, swapped):
    true, guess = ["b", "c", "a", "c"], ["a", "c", "a", "c"]
    expected = [[1, 0, 0], [1, 0, 0], [0, 0, 2]]
    if swapped:
        true, guess, expected = guess, true, np.transpose(expected)
    given = {"y_true": kind(true), "y_pred": kind(guess), "np": np}
    with pytest.raises(ValueError, match="number what is") as caught:
        metrics.confusion_matrix(given["y_true"], given["y_pred"])
    found = re.search(r"in both alike, with (.*) and (.*)\.$", str(caught.value)).groups()
    numbered = [eval(code, given) for code in found]
    np.testing.assert_array_equal(metrics.confusion_matrix(*numbered), expected)


def test_shapes_are_told_of_all_samples():
    made = model([Dense(3), Softmax()], "sparse_categorical_crossentropy", "mse")
    with pytest.raises(ValueError, match=r"shape \(N, 3\) and the targets \(N,\)"):
        made.fit(X, C, verbose=0)


def test_no_samples_change_nothing_in_r2():
    metric = metrics.R2Score()
    metric.update(np.empty((0, 1)), np.empty((0, 1)))
    metric.update(np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]]))
    assert metric.result() == 1


# --- padded steps --------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
@pytest.mark.parametrize("loss", ["dice", "tversky"])
def test_losses_of_whole_samples_are_refused_as_metrics_of_padded_steps(loss, verb):
    x, y = R.standard_normal((12, 6, 4)), (R.random((12, 6, 3)) < 0.5).astype(int)

    def made(*parts):
        found = bp.Sequential([*parts, Dense(3), Sigmoid()], seed=0)
        found.compile("sgd", "bce", metrics=[loss, losses.Huber()])
        return found

    masked = made(bp.layers.Masking())
    masked.build((None, 6, 4))
    before = masked.parameters.values.copy()
    with pytest.raises(ValueError, match="one number for all steps of a sample"):
        getattr(masked, verb)(x, y)
    np.testing.assert_array_equal(masked.parameters.values, before)
    getattr(made(), verb)(x, y)


# --- names of other libraries --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["update_state", "reset_state", "compute"])
def test_verbs_of_others_say_what_to_write(name):
    with pytest.raises(AttributeError, match=rf"'{name}': write metric.update\("):
        getattr(metrics.AUC(), name)
    with pytest.raises(TypeError, match=r"is not called: write metric.update\("):
        metrics.AUC()([0.1], [1])
    assert not hasattr(metrics.AUC(), "other")


@pytest.mark.parametrize(
    ("made", "name", "words"),
    [
        (metrics.AUC(), "from_logits", "any range"),
        (metrics.AUC(), "num_thresholds", "every score is a threshold"),
        (metrics.TopKCategoricalAccuracy(2), "top_k", "the name is k"),
        (metrics.R2Score(), "multioutput", "class_aggregation"),
        (bp.callbacks.EarlyStopping("loss"), "delta", "min_delta"),
    ],
    ids=["logits", "thresholds", "k", "aggregation", "delta"],
)
def test_names_of_others_are_not_set_in_vain(made, name, words):
    with pytest.raises(AttributeError, match=words):
        setattr(made, name, 1)
    with pytest.raises(TypeError, match=words):
        type(made)(**{name: 1})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("dice", "Dice takes probabilities"),
        (losses.Poisson(), "Poisson takes numbers from 0 on"),
        (losses.BinaryFocalCrossentropy(), "takes probabilities"),
    ],
)
def test_losses_as_metrics_ask_for_the_same_ending(given, words):
    with pytest.raises(ValueError, match=f"{words}, but the model ends with Dense"):
        model([Dense(1)], "mse", given)
    model([Dense(1), Sigmoid()], "mse", given).evaluate(X, B)


@pytest.mark.parametrize(("metric", "name", "value", "words"), [
    (metrics.BinaryAccuracy, "threshold", 1.5, "the threshold must lie between 0 and 1"),
    (metrics.Precision, "thresholds", (0.5, 50), "the threshold must lie between 0 and 1"),
    (metrics.BinaryCrossentropy, "from_logits", True, "takes logits, as from_logits=True says"),
])  # fmt: skip
def test_what_is_changed_after_compile_must_suit_the_model_as_well(metric, name, value, words):
    made = model([Dense(1), Sigmoid()], "binary_crossentropy", metric())
    made.fit(X, B, verbose=0)
    setattr(made.metrics[0], name, value)
    for verb in (made.fit, made.evaluate, made.train_on_batch):
        with pytest.raises(ValueError, match=words):
            verb(X, B)


def test_layers_that_come_after_compile_must_suit_the_metrics_as_well():
    made = bp.Sequential([Dense(1)], seed=0)
    made.compile("sgd", "binary_crossentropy", metrics=[metrics.BinaryAccuracy(threshold=3)])
    made.add(Sigmoid())
    with pytest.raises(ValueError, match="the threshold must lie between 0 and 1"):
        made.fit(X, B, verbose=0)

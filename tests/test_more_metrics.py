"""The less usual metrics: Keras's numbers, and what they are by definition.

``data/keras_vocabulary.npz`` is made by ``data/make_keras_vocabulary.py`` with Keras 3.15.
"""

import copy
import math

import numpy as np
import pytest
from measuring import measure
from published import published
from rows import each

import backprop as bp
from backprop import losses, metrics
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Softmax

KERAS = {
    "mape": metrics.MeanAbsolutePercentageError(),
    "msle": metrics.MeanSquaredLogarithmicError(),
    "log_cosh": metrics.LogCoshError(),
    "cosine": metrics.CosineSimilarity(),
    "pearson": metrics.PearsonCorrelation(),
    "bce": metrics.BinaryCrossentropy(),
    "bce_logits": metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    "cce": metrics.CategoricalCrossentropy(label_smoothing=0.1),
    "cce_logits": metrics.CategoricalCrossentropy(from_logits=True),
    "scce": metrics.SparseCategoricalCrossentropy(),
    "kld": metrics.KLDivergence(),
    "poisson": metrics.Poisson(),
    "hinge": metrics.Hinge(),
    "squared_hinge": metrics.SquaredHinge(),
    "categorical_hinge": metrics.CategoricalHinge(),
    "tp": metrics.TruePositives(),
    "tn": metrics.TrueNegatives(0.3),
    "fp": metrics.FalsePositives(),
    "fn": metrics.FalseNegatives(),
    "precision_top": metrics.Precision(top_k=2),
    "recall_top": metrics.Recall(top_k=3),
    "precision_at": metrics.PrecisionAtRecall(0.6),
    "recall_at": metrics.RecallAtPrecision(0.8),
    "sensitivity_at": metrics.SensitivityAtSpecificity(0.8),
    "specificity_at": metrics.SpecificityAtSensitivity(0.7),
    "r2": metrics.R2Score(class_aggregation="variance_weighted_average", num_regressors=2),
    "mean_iou": metrics.MeanIoU(4, ignore_class=2),
    "iou": metrics.IoU(4, [0, 1]),
    "binary_iou": metrics.BinaryIoU([1], 0.4),
    "one_hot_iou": metrics.OneHotIoU(4, [0, 2]),
    "one_hot_mean_iou": metrics.OneHotMeanIoU(4, ignore_class=1),
    "concordance": metrics.ConcordanceCorrelation(),
    "scce_ignore": metrics.SparseCategoricalCrossentropy(ignore_class=-1),
    "scce_ignore_logits": metrics.SparseCategoricalCrossentropy("s", True, -1),
    "auc_labels": metrics.AUC(multi_label=True, label_weights=[1.0, 0.5, 2.0, 3.0]),
    "auc_labels_together": metrics.AUC(label_weights=[1.0, 0.5, 2.0, 3.0]),
}


@pytest.mark.parametrize("weighted", ["", "_weighted"])
@each("name", KERAS)
def test_values_of_keras(name, weighted):
    """In float32, which is what Keras counts and divides in."""
    v = published("keras_vocabulary.npz", f"metric_{name}{weighted}")
    found = measure(KERAS[name], v["x"], v["t"], v.get("w"))
    assert found == pytest.approx(float(v["value"]), rel=2e-6)


@pytest.mark.parametrize(
    ("metric", "loss"),
    [
        (metrics.MeanAbsolutePercentageError(), losses.MeanAbsolutePercentageError()),
        (metrics.LogCoshError(), losses.LogCosh()),
        (metrics.BinaryCrossentropy(), losses.BinaryCrossentropy()),
        (
            metrics.CategoricalCrossentropy("c", label_smoothing=0.1),
            losses.CategoricalCrossentropy(label_smoothing=0.1),
        ),
        (metrics.KLDivergence(), losses.KLDivergence()),
        (metrics.Poisson(), losses.Poisson()),
        (metrics.CategoricalHinge(), losses.CategoricalHinge()),
    ],
    ids=repr,
)
def test_metrics_are_the_losses_of_that_name(metric, loss, rng):
    P, y = rng.uniform(0.05, 0.95, (2, 6, 3))
    P[0], y[0] = [0, 1, 0], [1, 0, 0]  # the loss does not clip either
    assert measure(metric, P, y) == pytest.approx(loss.forward(P, y), rel=1e-12)


def test_probabilities_are_asked_for(rng):
    for name in ("bce", "categorical_crossentropy", "kld"):
        with pytest.raises(ValueError, match=r"must be probabilities.*from_logits=True"):
            measure(metrics.get(name), np.array([[-1.0, 2.0]]), np.array([[0, 1]]))
    for name in ("cosine_similarity", "pearson_correlation"):
        with pytest.raises(ShapeError, match="compares the outputs of a sample with each other"):
            measure(metrics.get(name), np.ones((3, 1)), np.ones(3))


@pytest.mark.parametrize("name", ["categorical_crossentropy", "kl_divergence", "categorical_hinge"])
def test_what_compares_classes_needs_two_outputs_as_the_loss_does(name):
    metric = metrics.get(name)
    with pytest.raises(ShapeError, match=r"compares the outputs of a sample .* take '(b|h)"):
        metric.update(np.full((3, 1), 0.5), np.ones(3))
    with pytest.raises(ShapeError):
        losses.get(name).forward(np.full((3, 1), 0.5), np.ones((3, 1)))


@pytest.mark.parametrize("kind", [metrics.Precision, metrics.Recall])
@pytest.mark.parametrize(("k", "outputs"), [(2, 2), (5, 3)])
def test_the_largest_outputs_are_not_all_of_them(kind, k, outputs):
    with pytest.raises(ValueError, match=f"top_k={k}, .* outputs, so that .* a smaller"):
        kind(top_k=k).update(np.full((2, outputs), 0.5), np.eye(outputs)[[0, 0]])


def test_classes_in_place_of_scores_are_explained():
    for metric in (metrics.MeanIoU(3), metrics.CategoricalAccuracy()):
        with pytest.raises(ShapeError, match=r"a row of outputs for each sample, .* before argmax"):
            metric.update(np.array([0, 1, 2]), np.array([0, 1, 1]))


def test_counts_are_those_of_class_1_of_two_classes(rng):
    y = rng.integers(0, 2, 30)
    p = rng.uniform(size=30)
    both = np.stack([1 - p, p], axis=1)
    kinds = "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"
    for kind in kinds:
        one = measure(getattr(metrics, kind)(), p, y)
        assert measure(getattr(metrics, kind)(), both, y) == one
        assert measure(getattr(metrics, kind)(class_id=1), both, np.eye(2)[y]) == one
    assert sum(measure(getattr(metrics, kind)(), p, y) for kind in kinds) == 30


def test_every_threshold_is_tried(rng):
    """The definition, threshold by threshold."""
    p, y, w = np.round(rng.uniform(size=25), 1), rng.integers(0, 2, 25), rng.uniform(0.1, 2, 25)
    P, N = w @ y, w @ (1 - y)
    points = []
    for t in [*p, -1]:
        hits, misses = w @ (y * (p > t)), w @ ((1 - y) * (p > t))
        points.append((hits / P, hits / (hits + misses) if hits else 0, 1 - misses / N))
    for level in (0, 0.3, 0.75, 1):
        recalls = [(r, q, s) for r, q, s in points]
        expected = [
            (metrics.PrecisionAtRecall, max((q for r, q, s in recalls if r >= level), default=0)),
            (metrics.RecallAtPrecision, max((r for r, q, s in recalls if q >= level), default=0)),
            (
                metrics.SensitivityAtSpecificity,
                max((r for r, q, s in recalls if s >= level - 1e-12), default=0),
            ),
            (metrics.SpecificityAtSensitivity, max(s for r, q, s in recalls if r >= level - 1e-12)),
        ]
        for kind, value in expected:
            if level < 1 or kind is not metrics.PrecisionAtRecall:
                assert measure(kind(level), p, y, w) == pytest.approx(value, rel=1e-12)
    with pytest.raises(ValueError, match=r"PrecisionAtRecall\(recall\) must lie between 0 and 1"):
        metrics.PrecisionAtRecall(1.5)


@pytest.mark.parametrize(
    ("kind", "old", "setting", "new"),
    [
        (metrics.PrecisionAtRecall, {"recall": 1.0}, "recall", 0.2),
        (metrics.RecallAtPrecision, {"precision": 1.0}, "precision", 0.2),
        (metrics.SensitivityAtSpecificity, {"specificity": 1.0}, "specificity", 0.2),
        (metrics.SpecificityAtSensitivity, {"sensitivity": 1.0}, "sensitivity", 0.2),
        (metrics.MeanIoU, {"num_classes": 2}, "num_classes", 3),
        (metrics.IoU, {"num_classes": 2, "target_class_ids": [0]}, "num_classes", 3),
        (metrics.F1Score, {}, "average", None),
        (metrics.Precision, {}, "thresholds", (0.2, 0.5)),
    ],
)
def test_settings_that_are_changed_count_from_then_on(kind, old, setting, new, rng):
    p, y = rng.dirichlet(np.ones(3), 30), rng.integers(0, 3, 30)
    changed, made = kind(**old), kind(**{**old, setting: new})
    setattr(changed, setting, new)
    assert changed.several == made.several
    assert measure(changed, p, y) == measure(made, p, y)


def test_another_function_may_return_one_number_where_the_first_returned_many():
    metric = metrics.FunctionMetric(lambda y, p: abs(y - p)[:, 0])
    assert measure(metric, np.array([[1.0], [5.0]]), np.zeros((2, 1))) == 3
    metric.function = lambda y, p: abs(y - p).max()
    metric.update(np.array([[1.0], [5.0]]), np.zeros((2, 1)))
    metric.update(np.array([[2.0]]), np.zeros((1, 1)))
    assert metric.result() == 5


def test_areas_of_several_labels_are_averaged(rng):
    P, Y = rng.uniform(size=(30, 3)), rng.integers(0, 2, (30, 3))
    each = [measure(metrics.AUC(), P[:, k], Y[:, k]) for k in range(3)]
    assert measure(metrics.AUC(multi_label=True), P, Y) == pytest.approx(np.mean(each))
    both = measure(metrics.AUC(multi_label=True), P[:, :2], np.eye(2)[Y[:, 0]])
    one = [measure(metrics.AUC(), P[:, k], (Y[:, 0] == k)) for k in (0, 1)]
    assert both == pytest.approx(np.mean(one))
    Y[:, 0] = 1
    assert math.isnan(measure(metrics.AUC(multi_label=True), P, Y))


def test_adjusted_r2(rng):
    P, y = rng.normal(size=(2, 20, 1))
    plain = measure(metrics.R2Score(), P, y)
    adjusted = measure(metrics.R2Score(num_regressors=4), P, y)
    assert adjusted == pytest.approx(1 - (1 - plain) * 19 / 15)
    assert math.isnan(measure(metrics.R2Score(num_regressors=19), P, y))
    with pytest.raises(ValueError, match="class_aggregation"):
        metrics.R2Score(class_aggregation="mean")


SHARES = np.array(
    [[0.4, 0.35, 0.25], [0.2, 0.5, 0.3], [0.1, 0.15, 0.75], [0.34, 0.31, 0.35], [0.6, 0.1, 0.3]]
)
WEIGHTS = [1, 0.5, 2, 0.25, 1]


@pytest.mark.parametrize(
    ("arguments", "precision", "recall"),
    [
        ((0.32, 2), 0.75, 0.5142857432365417),
        ((0.5, 2), 1.0, 0.34285715222358704),
        ((None, 2), 0.4736842215061188, 0.5142857432365417),
        ((0.32, 2, 1), 0.3333333432674408, 0.2857142984867096),
    ],
)
def test_thresholds_top_k_and_class_id_in_the_order_of_keras(arguments, precision, recall):
    """Of Keras 3.15.1; a threshold holds for the largest outputs too."""
    Y = [[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0], [1, 1, 0]]
    for kind, expected in ((metrics.Precision, precision), (metrics.Recall, recall)):
        assert measure(kind(*arguments), SHARES, Y, WEIGHTS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("regressors", "expected"),
    [
        (0, [0.9048973321914673, 0.6687074899673462, 0.7581636905670166]),
        (1, [0.8975817561149597, 0.6432234644889832, 0.7395609021186829]),
    ],
)
def test_r2_of_each_output(regressors, expected):
    """Of Keras 3.15.1."""
    moved = [[0.5, -1, 2], [1, 1, -2], [0, 0.3, 0.1], [-0.2, 0.4, 0.5], [1, -1, 0]]
    score = metrics.R2Score(None, regressors)
    assert score.several
    found = measure(score, 10 * SHARES + moved, 10 * SHARES, WEIGHTS)
    assert found == pytest.approx(expected, rel=1e-6)
    assert all(math.isnan(each) for each in metrics.R2Score(None).result())


def test_iou_of_images_and_its_mistakes(rng):
    P, y = rng.uniform(size=(2, 4, 4, 3)), rng.integers(0, 3, (2, 4, 4))
    C = metrics.confusion_matrix(y.ravel(), P.argmax(-1).ravel())
    expected = np.mean(np.diag(C) / (C.sum(0) + C.sum(1) - np.diag(C)))
    for target in (y, y[..., None], np.eye(3)[y]):
        assert measure(metrics.MeanIoU(3), P, target) == pytest.approx(expected)
    with pytest.raises(ValueError, match="num_classes=4, but the model 3 outputs"):
        measure(metrics.MeanIoU(4), P, y)
    words = "classes are whole numbers from 0 to 2, but the targets run from"
    with pytest.raises(ValueError, match=words):
        measure(metrics.MeanIoU(3), P, y + 1)
    with pytest.raises(ValueError, match="must hold classes from 0 to 2"):
        metrics.IoU(3, [3])
    ignored = np.where(y == 2, -1, y)
    value = measure(metrics.MeanIoU(3, ignore_class=-1), P, ignored)
    assert value == measure(metrics.MeanIoU(3), P, np.where(y == 2, 0, y), y < 2)


def test_in_a_training(rng):
    X, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    watched = ["SparseCategoricalCrossentropy", metrics.MeanIoU(3), metrics.Recall(top_k=2)]
    watched += [metrics.TruePositives(0.4), metrics.AUC(multi_label=True)]
    model.compile(bp.optimizers.SGD(0), "sparse_categorical_crossentropy", watched)
    logs = model.fit(X, y, batch_size=8, epochs=1, verbose=0).history
    assert logs["SparseCategoricalCrossentropy"] == pytest.approx(logs["loss"], rel=1e-6)
    assert model.evaluate(X, y)[1:] == pytest.approx([v[0] for v in logs.values()][1:], rel=1e-6)


@pytest.mark.parametrize("name", [*losses.names._BY_NAME, "Huber", "Dice"])
def test_every_loss_is_a_metric_by_its_name(name, rng):
    loss = losses.get(name)
    X, K = rng.normal(size=(30, 4)), 4 if name == "gaussian_negative_log_likelihood" else 3
    y = rng.integers(0, 3, 30)
    if not name.startswith(("sparse", "categorical_generalized", "circle")):
        y = np.eye(3)[y] if K == 3 else rng.normal(size=(30, 2))
    model = bp.Sequential([Dense(K), Softmax()], seed=0, dtype="float64")
    model.compile(bp.optimizers.SGD(0), loss, [name], [losses.get(name)])
    w = rng.uniform(0.2, 2, 30)
    logs = model.fit(X, y, batch_size=8, sample_weight=w, epochs=1, verbose=0).history
    assert [*logs] == ["loss", name, [*logs][2]]
    if not name.startswith(("rmse", "root", "circle")):  # which are no means over samples
        plain = loss.forward(model.predict(X), y)
        sign = -1 if logs[name][0] * plain < 0 else 1  # Keras's cosine similarity has another sign
        assert sign * logs[name][0] == pytest.approx(plain, rel=1e-9)
        assert logs[[*logs][2]][0] == pytest.approx(logs["loss"][0] * 30 / w.sum(), rel=1e-9)


def test_losses_as_metrics_are_saved_and_leave_the_loss_alone(rng, tmp_path):
    X, y, huber = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), losses.Huber(0.5)
    alone, watched = (bp.Sequential([Dense(2)], seed=0) for _ in range(2))
    alone.compile("adam", huber)
    watched.compile("adam", huber, [huber])
    first, second = (m.fit(X, y, epochs=3, verbose=0).history for m in (alone, watched))
    assert first["loss"] == second["loss"]
    assert second["huber"] == pytest.approx(second["loss"], rel=1e-6)
    watched.save(tmp_path / "a.npz")
    back = bp.load_model(tmp_path / "a.npz")
    assert back.evaluate(X, y) == watched.evaluate(X, y)
    with pytest.raises(TypeError, match=r"LossMetric\(loss\) must be a loss such as Huber\(\)"):
        metrics.LossMetric(losses.Huber)


def test_weights_of_labels(rng):
    P, Y, v = rng.uniform(size=(30, 3)), rng.integers(0, 2, (30, 3)), [1.0, 0.0, 3.0]
    each = [measure(metrics.AUC(), P[:, k], Y[:, k]) for k in range(3)]
    metric = metrics.AUC(multi_label=True, label_weights=v)
    assert measure(metric, P, Y) == pytest.approx(np.average(each, weights=v))
    Y[:, 1] = 1  # has no area, and no weight
    assert math.isfinite(measure(metric, P, Y))
    with pytest.raises(ShapeError, match="label_weights must hold a number for each of the 2"):
        measure(metric, P[:, :2], Y[:, :2])
    with pytest.raises(ValueError, match="must hold a number above 0"):
        metrics.AUC(label_weights=[0, 0])
    with pytest.raises(ValueError, match=r"AUC\(label_weights\) must be 0 or more"):
        metrics.AUC(label_weights=[1, -1])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(12,), (3, 4)])
def test_ignored_targets_are_left_out_as_in_the_loss(shape, weighted, rng):
    P, c = rng.uniform(0.05, 0.95, (*shape, 3)), rng.integers(0, 3, shape)
    c[rng.uniform(size=shape) < 0.4] = 255
    w = rng.uniform(0.2, 3, shape[0]) if weighted else None
    loss, metric = (
        room.SparseCategoricalCrossentropy(ignore_class=255) for room in (losses, metrics)
    )
    of_loss = metrics.LossMetric(loss)
    expected = loss.forward(P, c, w)
    if weighted:  # the loss divides by how many there are, the metric by their weights
        known = c != 255
        expected *= known.sum() / (w.reshape(-1, *[1] * (len(shape) - 1)) * known).sum()
    for one in (metric, of_loss):
        assert measure(one, P, c, w) == pytest.approx(expected, rel=1e-12)
        assert math.isnan(measure(one, P, np.full(shape, 255)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(40,), (40, 3)])
def test_metrics_do_not_count_what_the_loss_of_the_model_ignores(shape, weighted, rng):
    """Or no model could ever have the accuracy 1."""
    X = rng.normal(size=(*shape, 2))
    known = (X[..., 0] > 0) + 2 * (X[..., 1] > 0)
    y = np.where(rng.uniform(size=shape) < 0.3, -1, known)
    w = rng.uniform(0.5, 2, shape) if weighted else None
    shown = [metrics.SparseTopKCategoricalAccuracy(2), "accuracy", "f1_score", metrics.MeanIoU(4)]
    model = bp.Sequential([Dense(4), Softmax()], seed=0, dtype="float64")
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    alone = [metrics.get(copy.deepcopy(each)) for each in shown]
    model.compile("sgd", loss, None if weighted else shown, shown if weighted else None)
    P, keep = model.predict(X), y >= 0
    expected = [measure(m, P[keep], y[keep], None if w is None else w[keep]) for m in alone]
    for size in (None, 7):
        found = model.evaluate(X, y, size, sample_weight=w)[1:]
        assert found == pytest.approx(expected, rel=1e-12)
    fitted = model.fit(X, y, sample_weight=w, batch_size=len(X), verbose=0).history
    assert [fitted[m.name][0] for m in model.metrics] == pytest.approx(expected, rel=1e-12)


def test_concordance_of_rows_that_do_not_vary():
    P = np.array([[2.0, 2.0], [1.0, 1.0]])
    assert measure(metrics.ConcordanceCorrelation(), P, P) == 0
    assert measure(metrics.ConcordanceCorrelation(), P, np.array([[2.0, 3.0], [1.0, 1.0]])) == 0


@pytest.mark.parametrize("kind", ["IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"])
def test_more_classes_than_any_computer_can_count(kind):
    ids = [[1]] if "Mean" not in kind else []
    with pytest.raises(ShapeError, match=rf"^{kind}\(num_classes.*no computer can hold"):
        getattr(metrics, kind)(10**40, *ids)


def test_the_accuracy_alone_is_not_guessed_for_ignored_targets_either(rng):
    X = rng.normal(size=(40, 2))
    y = np.where(rng.uniform(size=40) < 0.4, -1, X[:, 0] > 0)
    model = bp.Sequential([Dense(2), Softmax()], seed=0)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model.compile(bp.optimizers.SGD(0.0), loss, ["accuracy"])
    fitted = model.fit(X, y, batch_size=8, verbose=0).history["accuracy"]
    hits = (model.predict(X).argmax(-1) == y)[y >= 0]
    assert fitted == [pytest.approx(hits.mean())] == [pytest.approx(model.evaluate(X, y)[1])]


@pytest.mark.parametrize(
    "swapped", [[[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]], [[2, 0], [0, 1], [1, 0]]]
)
def test_true_rows_of_a_confusion_matrix_are_0_and_1(swapped):
    with pytest.raises(ValueError, match=r"y_true must hold one-hot rows.* true classes first"):
        metrics.confusion_matrix(np.array(swapped), [0, 1, 1])


def test_settings_of_a_loss_that_is_a_metric():
    """Those that it has now, in steps, validations and by hand."""

    def run(delta, later=None):
        loss = losses.Huber(delta)
        model = bp.Sequential([bp.layers.Dense(1)], seed=0)
        model.compile("sgd", "mse", metrics=[loss])
        X, y = np.arange(40.0).reshape(20, 2) / 10, np.arange(20.0)
        callback = bp.callbacks.Callback()
        if later is not None:
            callback.on_epoch_begin = lambda epoch, logs: setattr(
                loss, "delta", later if epoch else delta
            )
        options = {"verbose": 0, "validation_data": (X, y), "callbacks": [callback]}
        return model.fit(X, y, **options, epochs=2, batch_size=5).history

    for name in ("huber", "val_huber"):
        first, second, changed = (run(*given)[name] for given in ((1.0,), (5.0,), (1.0, 5.0)))
        assert changed == [first[0], second[1]] != first
    metric = metrics.LossMetric(losses.Huber(1.0))
    found = []
    for delta in (1.0, 5.0):
        metric.loss.delta = delta
        metric.reset()
        metric.update([[0.0]], [[4.0]])
        found.append(metric.result())
    assert found == [3.5, 8.0]


TWO = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.4, 0.6]])


@pytest.mark.parametrize("ids", [[1], [0], [0, 1]])
@pytest.mark.parametrize("targets", [np.array([0, 0, 1, 1, 0]), np.eye(2)[[0, 0, 1, 1, 0]]])
def test_binary_iou_of_two_classes_is_that_of_what_the_second_says(ids, targets):
    """scikit-learn's ``jaccard_score`` says ⅓ of class 1 and ½ of class 0."""
    metric = metrics.BinaryIoU(ids)
    for k in range(5):
        metric.update(TWO[k : k + 1], targets[k : k + 1])
    assert metric.result() == pytest.approx({(1,): 1 / 3, (0,): 1 / 2}.get(tuple(ids), 5 / 12))


def test_binary_iou_of_two_answers_is_that_of_both():
    """scikit-learn's ``jaccard_score`` of all ten answers says ⅜."""
    metric = metrics.BinaryIoU([1])
    metric.update(TWO, np.array([[1, 1], [0, 1], [0, 0], [1, 0], [1, 1]]))
    assert metric.result() == 3 / 8


def test_a_loss_as_a_metric_sees_all_digits_of_the_targets():
    metric, target = metrics.LossMetric(losses.MeanSquaredError()), 1.7e9 + np.arange(60.0)
    metric.update(np.full((60, 1), 1.7e9, np.float32), target[:, np.newaxis])
    assert metric.result() == np.mean(np.arange(60.0) ** 2)


def test_samples_with_one_true_answer_do_not_make_classes_of_answers():
    metric, target = metrics.BinaryIoU([1]), np.array([[1, 1], [0, 1], [0, 0], [1, 0], [1, 1]])
    for k in (0, 2, 4, 1, 3):  # those with one come last
        metric.update(TWO[k : k + 1], target[k : k + 1])
    assert metric.result() == 3 / 8

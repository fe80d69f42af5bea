"""Weights of steps ``(N, T)`` and of outputs ``(N, K)``: losses, gradients, steps and metrics."""

import numpy as np
import pytest
from mistakes import assert_speaks
from rows import thirds

import backprop as bp
from backprop import losses, metrics
from backprop.core.errors import ShapeError
from backprop.inspection import check_gradients
from backprop.layers import Dense, Identity, Sigmoid, Softmax, Softplus, Tanh

RNG = np.random.default_rng(0)
N, T, K = 12, 4, 3
X = {(): RNG.normal(size=(N, 5)), (T,): RNG.normal(size=(N, T, 5))}

PER_OUTPUT = {
    "mse": (losses.MeanSquaredError(), []),
    "rmse": (losses.RootMeanSquaredError(), []),
    "half": (losses.HalfSquaredError(), []),
    "mae": (losses.MeanAbsoluteError(), []),
    "huber": (losses.Huber(0.3), []),
    "log cosh": (losses.LogCosh(), []),
    "hinge": (losses.Hinge(), []),
    "squared hinge": (losses.SquaredHinge(), []),
    "poisson": (losses.Poisson(), [Softplus()]),
    "bce, matched": (losses.BinaryCrossentropy(), [Sigmoid()]),
    "bce on logits": (losses.BinaryCrossentropy(True, 0.1), []),
    "bce on probabilities": (losses.BinaryCrossentropy(), [Sigmoid(), Identity()]),
}
PER_SAMPLE = {
    "cce, matched": (losses.CategoricalCrossentropy(), [Softmax()]),
    "cce on logits": (losses.CategoricalCrossentropy(True), []),
    "scce, matched": (losses.SparseCategoricalCrossentropy(), [Softmax()]),
    "cosine": (losses.CosineSimilarity(), []),
    "kl": (losses.KLDivergence(), [Softmax()]),
    "categorical hinge": (losses.CategoricalHinge(), []),
}


def model_for(loss, ending, dtype="float64", **options):
    layers = [Dense(4), Tanh(), Dense(K), *(type(layer)() for layer in ending)]
    model = bp.Sequential(layers, seed=0, dtype=dtype)
    model.compile(bp.optimizers.SGD(0.1), loss, **options)
    return model


def targets(loss, axes):
    hits = RNG.integers(0, 2, (N, *axes, K)).astype(float)
    classes = RNG.integers(0, K, (N, *axes))
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return classes
    one_hot = isinstance(
        loss, losses.CategoricalCrossentropy | losses.KLDivergence | losses.CategoricalHinge
    )
    return np.eye(K)[classes] if one_hot else hits


CASES = [
    *((name, axes, (N, *axes, K)) for name in PER_OUTPUT for axes in X),
    *((name, (T,), (N, T)) for name in (PER_OUTPUT | PER_SAMPLE)),
    *((name, (T,), (N,)) for name in (PER_OUTPUT | PER_SAMPLE)),
    *((name, (), (N, 1)) for name in (PER_OUTPUT | PER_SAMPLE)),
]


@pytest.mark.parametrize(("name", "axes", "shape"), thirds(CASES))
def test_gradients_are_exact(name, axes, shape):
    loss, ending = (PER_OUTPUT | PER_SAMPLE)[name]
    model = model_for(loss, ending)
    report = check_gradients(model, X[axes], targets(loss, axes), RNG.uniform(size=shape))
    assert report.ok, report


def by_hand(loss, prediction, target, weight):
    """(1/N) Σ w ℓ, an output at a time by the loss itself: of one output, ℓ is that output's."""
    K = prediction.shape[-1]
    total = 0.0
    for k in range(K):
        of_one = type(loss)() if not isinstance(loss, losses.Huber) else losses.Huber(loss.delta)
        column = slice(k, k + 1)
        total += of_one.forward(prediction[..., column], target[..., column], weight[..., k])
    return total if isinstance(loss, losses.HalfSquaredError) else total / K


@pytest.mark.parametrize("axes", [(), (T,)])
@pytest.mark.parametrize(
    "name", sorted(PER_OUTPUT.keys() - {"rmse", "bce on logits", "bce, matched"})
)
def test_a_weight_for_each_output_weights_its_own_loss(name, axes):
    loss, _ = PER_OUTPUT[name]
    prediction = RNG.uniform(0.1, 0.9, (N, *axes, K))
    target, weight = targets(loss, axes), RNG.uniform(size=(N, *axes, K))
    expected = by_hand(loss, prediction, target, weight)
    np.testing.assert_allclose(loss.forward(prediction, target, weight), expected, rtol=1e-12)
    assert loss.backward().shape == prediction.shape
    # weights that are the same for all outputs of a sample are those of the sample
    same = np.repeat(weight[..., :1], K, axis=-1)
    np.testing.assert_allclose(
        loss.forward(prediction, target, same),
        loss.forward(prediction, target, weight[..., 0]),
        rtol=1e-12,
    )


def test_root_of_the_weighted_mean():
    P, Y, w = RNG.normal(size=(3, N, K))
    w = w**2
    found = losses.RootMeanSquaredError().forward(P, Y, w)
    np.testing.assert_allclose(found, np.sqrt((w * (P - Y) ** 2).mean()), rtol=1e-12)


def test_numbers_of_keras():
    """E = mean(w ℓ) with ℓ of shape (N, T), as Keras's "sum_over_batch_size" reduces it."""
    P = np.array([[[0.6, 0.4], [0.2, 0.8]]])
    Y = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    w = np.array([[0.5, 2.0]])
    expected = (0.5 * 0.16 + 2.0 * 0.04) / 2
    assert losses.MeanSquaredError().forward(P, Y, w) == pytest.approx(expected, rel=1e-12)
    expected = (0.5 * -np.log(0.6) + 2.0 * -np.log(0.8)) / 2
    assert losses.CategoricalCrossentropy().forward(P, Y, w) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("axes", [(), (T,)])
@pytest.mark.parametrize("name", PER_OUTPUT)
def test_recorded_steps_have_the_same_bits(name, axes):
    """Many epochs on the same buffers are replayed; run_eagerly asks the layers every time."""
    loss, ending = PER_OUTPUT[name]
    y, weight = targets(loss, axes), RNG.uniform(size=(N, *axes, K))
    trained = []
    for eagerly in (False, True):
        model = model_for(loss, ending, "float32", run_eagerly=eagerly)
        model.fit(X[axes], y, batch_size=6, epochs=30, sample_weight=weight, verbose=0)
        trained.append(model)
    assert trained[0].history.history == trained[1].history.history
    for mine, its in zip(*(model.get_weights() for model in trained), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_fit_evaluate_and_streams_agree():
    loss, ending = PER_OUTPUT["mse"]
    y, weight = targets(loss, (T,)), RNG.uniform(size=(N, T))
    model = model_for(loss, ending)
    P = model.predict(X[T,])
    expected = (weight * ((P - y) ** 2).mean(axis=-1)).mean()
    np.testing.assert_allclose(model.evaluate(X[T,], y, sample_weight=weight), expected)
    np.testing.assert_allclose(model.evaluate([(X[T,], y, weight)]), expected)
    np.testing.assert_allclose(model.evaluate(X[T,], y, 5, sample_weight=weight), expected)
    history = model.fit(
        X[T,], y, sample_weight=weight, validation_data=(X[T,], y, weight), verbose=0
    ).history
    np.testing.assert_allclose(history["loss"][0], expected)
    assert history["val_loss"][0] < expected


def test_class_weights_of_steps():
    """Class indices (N, T), one-hot rows (N, T, K), and 0/1 of one output (N, T, 1)."""
    table = np.array([0.5, 1.0, 3.0])
    weights = {0: 0.5, 2: 3.0}
    for name, of_targets in (
        ("scce, matched", np.asarray),
        ("cce, matched", np.eye(K).__getitem__),
    ):
        loss, ending = PER_SAMPLE[name]
        classes = RNG.integers(0, K, (N, T))
        model, other = model_for(loss, ending), model_for(loss, ending)
        y = of_targets(classes)
        mine = model.fit(X[T,], y, class_weight=weights, verbose=0).history
        assert mine == other.fit(X[T,], y, sample_weight=table[classes], verbose=0).history


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_weights_of_outputs_are_refused_where_a_loss_has_none_of_its_own(name):
    loss, ending = PER_SAMPLE[name]
    model = model_for(loss, ending)
    with pytest.raises(ShapeError) as caught:
        model.fit(X[()], targets(loss, ()), sample_weight=np.ones((N, K)), verbose=0)
    assert_speaks(caught, ["sample_weight", f"({N}, {K})", f"{loss}", "one number for all outputs"])
    assert model.input_shape is None


@pytest.mark.parametrize("shape", [(T,), (N, T + 1), (N, K), (N, 2, T), (N, T, K, 1), (1, T)])
def test_other_shapes_are_refused(shape):
    loss, ending = PER_SAMPLE["scce, matched"]
    with pytest.raises(ShapeError, match=r"shape \(12,\) or \(12, 4\), but its shape is"):
        model_for(loss, ending).fit(
            X[T,], targets(loss, (T,)), sample_weight=np.ones(shape), verbose=0
        )


def test_a_loss_of_ones_own_says_whether_it_is_made_of_outputs():
    class Whole(losses.MeanSquaredError):
        def values(self, prediction, target):
            return super().values(prediction, target) ** 2

    class Fourth(losses.Loss):
        over_outputs = "mean"

        def values(self, prediction, target):
            return ((prediction - target) ** 4).mean(axis=-1)

        def gradient(self, prediction, target):
            return 4 * (prediction - target) ** 3 / prediction.shape[-1]

    P, Y, w = np.abs(RNG.normal(size=(3, N, K)))
    with pytest.raises(ShapeError, match="one number for all outputs"):
        Whole().forward(P, Y, w)
    own = Fourth()
    np.testing.assert_allclose(own.forward(P, Y, w), (w * (P - Y) ** 4).mean())
    np.testing.assert_allclose(own.backward(), w * 4 * (P - Y) ** 3 / (N * K))


# ------------------------------------------------------------------------------------- the metrics


@pytest.mark.parametrize("axes", [(), (T,)])
def test_metrics_of_numbers_follow_the_weights_of_outputs(axes):
    P, Y = RNG.normal(size=(2, N, *axes, K))
    w = RNG.uniform(size=P.shape)
    mse, mae, r2 = metrics.MeanSquaredError(), metrics.MeanAbsoluteError(), metrics.R2Score()
    for metric in (mse, mae, r2):
        for part in (slice(0, 5), slice(5, None)):
            metric.update(P[part], Y[part], w[part])
    np.testing.assert_allclose(mse.result(), np.average((P - Y) ** 2, weights=w))
    np.testing.assert_allclose(mae.result(), np.average(np.abs(P - Y), weights=w))
    scores = []
    for k in range(K):
        p, y, v = (A[..., k].reshape(-1) for A in (P, Y, w))
        mean = np.average(y, weights=v)
        scores.append(1 - (v * (y - p) ** 2).sum() / (v * (y - mean) ** 2).sum())
    np.testing.assert_allclose(r2.result(), np.mean(scores))


def test_metrics_of_classes_follow_the_weights_of_steps():
    P = RNG.uniform(size=(N, T, K))
    classes = RNG.integers(0, K, (N, T))
    w = RNG.uniform(size=(N, T))
    flat = P.reshape(-1, K), classes.reshape(-1), w.reshape(-1)
    for make in (
        metrics.SparseCategoricalAccuracy,
        metrics.Accuracy,
        metrics.F1Score,
        metrics.AUC,
        lambda: metrics.Precision(top_k=1),
        lambda: metrics.TopKCategoricalAccuracy(2),
    ):
        metric, other = make(), make()
        metric.update(P, classes, w)
        other.update(*flat)
        np.testing.assert_allclose(metric.result(), other.result())


def test_decisions_follow_the_weights_of_outputs():
    P, Y = RNG.uniform(size=(N, K)), RNG.integers(0, 2, (N, K))
    w = RNG.uniform(size=(N, K))
    for make in (metrics.Precision, metrics.Recall, metrics.AUC, metrics.BinaryAccuracy):
        metric, other = make(), make()
        metric.update(P, Y, w)
        other.update(P.reshape(-1, 1), Y.reshape(-1, 1), w.reshape(-1))
        np.testing.assert_allclose(metric.result(), other.result())


def test_weighted_metrics_in_training_follow_them_too():
    loss, ending = PER_OUTPUT["bce, matched"]
    y, weight = targets(loss, ()), RNG.uniform(size=(N, K))
    model = model_for(loss, ending, weighted_metrics=["binary_accuracy", "mse"])
    P = model.predict(X[()])
    hits = np.average((P > 0.5) == y, weights=weight)
    found = model.evaluate(X[()], y, sample_weight=weight)
    np.testing.assert_allclose(found[1:], [hits, np.average((P - y) ** 2, weights=weight)])
    model.fit(X[()], y, sample_weight=weight, verbose=0)
    # a metric that has one number for all outputs of a sample cannot use them
    model = model_for(loss, ending, weighted_metrics=["categorical_accuracy"])
    one_hot = np.eye(K)[RNG.integers(0, K, N)]
    words = rf"'categorical_accuracy': sample_weight must .*\(N,\), but its shape is \(N, {K}\)"
    with pytest.raises(ShapeError, match=words):
        model.fit(X[()], one_hot, sample_weight=weight, verbose=0)
    assert model.input_shape is None


@pytest.mark.parametrize("name", ["huber", "log_cosh", "poisson", "half_squared_error"])
def test_losses_among_the_metrics_take_them_where_the_loss_does(name):
    loss = losses.get(name)
    P, Y, w = RNG.uniform(1, 2, (3, N, K))
    metric, single = metrics.LossMetric(loss), metrics.LossMetric(loss)
    for part in (slice(2), slice(2, None)):
        metric.update(P[part], Y[part], w[part])
        single.update(P[part].reshape(-1, 1), Y[part].reshape(-1, 1), w[part].ravel())
    times = K if loss.over_outputs == "sum" else 1
    assert metric.result() == pytest.approx(times * single.result())
    ones, plain = metrics.LossMetric(loss), metrics.LossMetric(loss)
    ones.update(P, Y, np.ones((N, K)))
    plain.update(P, Y)
    assert ones.result() == pytest.approx(plain.result())
    model = bp.Sequential([Dense(K)], seed=0)
    model.compile("sgd", "mse", weighted_metrics=["huber"])
    model.fit(X[()], Y, sample_weight=w, verbose=0)


ALL_METRICS = [
    metrics.Accuracy, metrics.BinaryAccuracy, metrics.MeanSquaredError, metrics.MeanAbsoluteError,
    metrics.RootMeanSquaredError, metrics.R2Score, metrics.Precision, metrics.Recall,
    metrics.F1Score, metrics.AUC, lambda: metrics.FunctionMetric(lambda y, p: (y - p)[:, 0]),
]  # fmt: skip


@pytest.mark.parametrize("make", ALL_METRICS)
@pytest.mark.parametrize(("bad", "words"), [(-1.0, "not negative"), (np.nan, "finite")])
def test_metrics_refuse_weights_that_are_none(make, bad, words):
    P, Y = RNG.uniform(size=(N, 1)), RNG.integers(0, 2, (N, 1))
    weight = np.ones(N)
    weight[3] = bad
    metric = make()
    with pytest.raises(ValueError, match=rf"sample_weight must hold .*{words}.* row 3"):
        metric.update(P, Y, weight)
    with pytest.raises(ValueError, match="sample_weight is masked"):
        metric.update(P, Y, np.ma.masked_less(np.arange(N), 3))


def test_explain_shows_the_weights_that_each_number_has():
    loss, ending = PER_OUTPUT["mse"]
    for axes, shape, symbol in (((), (N, K), "w_ik"), ((T,), (N, T), "w_it"), ((T,), (N,), "w_i")):
        model = model_for(loss, ending)
        y, weight = targets(loss, axes), RNG.uniform(size=shape)
        shown = model.explain(X[axes], y, weight)
        assert f"({symbol}/N) (2/K) (Ŷ − Y)" in str(shown)
        expected = model.evaluate(X[axes], y, sample_weight=weight)
        np.testing.assert_allclose(shown._record.loss, expected)
        np.testing.assert_allclose(shown._record.loss_parts.sum(), expected)
    one = model_for(loss, ending).explain(X[()][0], targets(loss, ())[0], RNG.uniform(size=K))
    assert "δ" in str(one)

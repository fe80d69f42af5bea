"""What functions and metrics of one's own return is looked at before any weight changes."""

import json
import threading

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Dense

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(20, 3)).astype("float32")
RETURNED = {
    "nothing": None,
    "text": "high",
    "a matrix": np.ones((3, 3)),
    "a dict": {"value": 1.0},
    "objects": np.array([None, 1.0]),
    "what is masked": np.ma.masked_less(np.arange(20.0), 3),
    "masked": np.ma.masked,
}


class Result(bp.metrics.Metric):
    def __init__(self, returned):
        super().__init__("own")
        self.returned = returned

    def reset(self):
        self.seen = 0

    def update(self, prediction, target, sample_weight=None):
        self.seen += len(prediction)

    def result(self):
        return self.returned


class Values(bp.metrics.MeanMetric):
    def __init__(self, returned):
        super().__init__("own")
        self.returned = returned

    def values(self, prediction, target):
        return self.returned


def function(returned):
    def own(y_true, y_pred):
        return returned

    return own


def trained(metric, how, optimizer="sgd"):
    model = bp.Sequential([bp.Input(4), Dense(3)], seed=0)
    model.compile(optimizer, "mse", metrics=[metric])
    before = model.get_weights()
    try:
        if how == "step":
            model.train_on_batch(X, Y)
        elif how == "stream":
            model.fit([(X, Y)], verbose=0)
        else:
            model.fit(X, Y, verbose=0)
    except Exception:
        for mine, its in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, its)
        raise
    return model


@pytest.mark.parametrize("how", ["fit", "step", "stream", "L-BFGS"])
@pytest.mark.parametrize("make", [Result, Values, function])
@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
def test_what_is_no_number_is_found_before_a_weight_changes(returned, make, how):
    optimizer = bp.optimizers.LBFGS() if how == "L-BFGS" else "sgd"
    with pytest.raises((TypeError, ValueError), match=r"^metric 'own': .* must return .* returned"):
        trained(make(returned), how, optimizer)


@pytest.mark.parametrize("returned", [1, np.float32(0.5), [0.1, 0.2], np.arange(3), np.nan])
def test_numbers_and_lists_of_numbers_are_taken(returned):
    trained(Result(returned), "fit")


class Seen(bp.metrics.Metric):
    """Counts the samples in an array, or a list, that it has for good and returns as it is."""

    several = True

    def __init__(self, counts):
        super().__init__("seen")
        self.counts = counts

    def reset(self):
        self.counts[:] = [0, 0]

    def update(self, prediction, target, sample_weight=None):
        self.counts[0] += len(prediction)
        self.counts[1] += float(prediction.sum())

    def result(self):
        return self.counts


@pytest.mark.parametrize(
    "returned",
    [
        np.float32(0.5),
        np.int64(3),
        np.array(2.0, "float32"),
        np.array([1, 2]),
        [np.float32(1), 2],
        (0.5, 1),
    ],
    ids=repr,
)
def test_results_are_plain_numbers_that_a_file_can_hold(returned):
    """``json.dump(history.history)`` writes Python's numbers and lists alone."""
    heard = []
    model = bp.Sequential([Dense(3)], seed=0)
    model.compile("sgd", "mse", metrics=[Result(returned)])
    hear = bp.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: heard.append(logs["own"]),
        on_train_batch_end=lambda batch, logs: heard.append(logs["own"]),
    )
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[hear]).history
    many = bp.fit_many([model], X, Y, verbose=0)
    evaluated, step = model.evaluate(X, Y)[1], model.train_on_batch(X, Y)[1]
    for found in (*heard, *history["own"], *history["val_own"], evaluated, step):
        assert json.loads(json.dumps(found)) == np.asarray(returned).tolist()
    json.dumps([many[0].history, model.evaluate(X, Y, return_dict=True)])


@pytest.mark.parametrize("counts", [np.zeros(2), [0, 0]], ids=["array", "list"])
@pytest.mark.parametrize("how", ["fit", "L-BFGS", "many", "steps"])
def test_a_result_that_the_metric_goes_on_with_stays_as_it_was(counts, how):
    told = []
    steps = {"on_train_batch_end": lambda batch, logs: told.append(logs["seen"])}
    epochs = {"on_epoch_end": lambda epoch, logs: told.append([*logs["seen"]])}
    tell = bp.callbacks.LambdaCallback(**(steps if how == "steps" else epochs))
    optimizer = bp.optimizers.LBFGS() if how == "L-BFGS" else "sgd"
    models = [bp.Sequential([bp.Input(4), Dense(3)], seed=k) for k in range(2)]
    for model in models:
        model.compile(optimizer, "mse", metrics=[Seen(counts.copy())])
    if how == "many":
        history = bp.fit_many(models, X, Y, epochs=3, verbose=0)[0]
    else:
        history = models[0].fit(X, Y, 5, 3, 0, [tell], validation_data=(X[:9], Y[:9]))
        assert [each[0] for each in history.history["val_seen"]] == [9, 9, 9]
    sums = [each[1] for each in history.history["seen"]]
    assert len(set(sums)) == 3
    if how == "steps":
        assert [each[0] for each in told] == [5, 10, 15, 20] * 3
    elif told:
        assert sums == [each[1] for each in told]


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, IndexError, AssertionError])
def test_a_result_that_one_sample_is_too_few_for_is_asked_for_later(error):
    class Two(Result):
        def result(self):
            if self.seen < 2:
                raise error("two samples at least")
            return 1.0

    assert trained(Two(None), "fit").history.history["own"] == [1.0]


@pytest.mark.parametrize("how", ["fit", "step", "stream"])
def test_a_metric_that_cannot_be_copied_is_told_of_before_a_weight_changes(how):
    metric = Result(1.0)
    metric.lock = threading.Lock()
    with pytest.raises(TypeError, match=r"^metric 'own' cannot be copied \(.*lock.*\), but e"):
        trained(metric, how)


def test_a_mean_of_a_batch_is_no_value_of_its_samples():
    """Its mean over batches of unequal sizes would be another number than that of all samples."""

    class Whole(bp.metrics.MeanMetric):
        def values(self, prediction, target):
            return np.abs(prediction - target).mean()

    with pytest.raises(TypeError, match="values must return an array with a number for each"):
        trained(Whole("own"), "fit")


def test_a_function_sees_no_batch_but_those_of_the_training():
    shapes = []

    def own(y_true, y_pred):
        shapes.append(y_true.shape)
        return 1.0

    model = trained(own, "fit")
    assert shapes == [(20, 3)] * 2  # with the first batch, and with all samples
    model.fit(X, Y, batch_size=8, verbose=0)
    assert shapes[2:] == [(20, 3)]


def overwriting(y_true, y_pred):
    y_true[...] = 0
    y_pred[y_pred > 0] = 1
    return 0.0


@pytest.mark.parametrize("returns", ["a number", "one for each sample"])
def test_a_function_that_writes_into_what_it_gets_changes_nothing_else(returns):
    def metric(y_true, y_pred):
        overwriting(y_true, y_pred)
        return 0.0 if returns == "a number" else np.zeros(len(y_pred))

    def scores(metrics):
        model = bp.Sequential([Dense(3)], seed=0)
        model.compile("sgd", "mse", metrics=metrics)
        given = Y.copy()
        history = model.fit(X, given, batch_size=6, verbose=0).history["mae"]
        evaluated = model.evaluate(X, given, batch_size=6, return_dict=True)["mae"]
        assert np.array_equal(given, Y)
        return history, evaluated

    assert scores([metric, "mae"]) == scores(["mae"])


def with_averages(optimizer="sgd", **metrics):
    model = bp.Sequential(
        [bp.Input(4), Dense(3), bp.layers.BatchNormalization(), Dense(1), bp.layers.Sigmoid()],
        seed=0,
    )
    model.compile(optimizer, "binary_crossentropy", **metrics)
    return model


def needs_classes(y_true, y_pred):
    if not np.isin(y_pred, (0, 1)).all():
        raise ValueError("a mix of binary and continuous targets")
    return float((y_true == y_pred).mean())


def unweighted(y_true, y_pred):
    return float((y_true == y_pred.round()).mean())


def needs_both(y_true, y_pred):
    if len(np.unique(y_true)) < 2:
        raise ValueError("one class alone")
    return 0.5


CLASSES = np.repeat([0, 1], 10)  # in the first batch there is one class alone


@pytest.mark.parametrize(
    ("how", "optimizer"),
    [(how, "sgd") for how in ("fit", "steps", "split", "batch", "evaluate")] + [("fit", "lbfgs")],
)
@pytest.mark.parametrize("wrong", ["predictions", "weights"])
def test_a_function_that_cannot_be_called_in_the_end_is_refused_in_the_beginning(
    wrong, how, optimizer
):
    """What the outputs are shows at once, and nothing has changed: neither weights nor averages."""
    if wrong == "predictions":
        model, words = with_averages(optimizer, metrics=[needs_classes]), "a mix of binary"
    else:
        model, words = with_averages(optimizer, weighted_metrics=[unweighted]), "be weighted"
    weights, before, told = np.ones(20), model.get_weights(), []
    tell = bp.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: told.append(batch),
        on_test_batch_end=lambda batch, logs: told.append(batch),
    )
    calls = {
        "fit": lambda: model.fit(X, CLASSES, 6, 1, 0, [tell], sample_weight=weights),
        "steps": lambda: model.fit(
            X, CLASSES, 6, 1, 0, [tell], sample_weight=weights, steps_per_epoch=2
        ),
        "split": lambda: model.fit(X, CLASSES, 6, 1, 0, [tell], 0.2, sample_weight=weights),
        "batch": lambda: model.train_on_batch(X, CLASSES, weights),
        "evaluate": lambda: model.evaluate(X, CLASSES, 6, 0, weights, callbacks=[tell]),
    }
    for _ in range(2):  # also when it is called again
        with pytest.raises(ValueError, match=words):
            calls[how]()
    assert not told
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_a_batch_with_one_class_alone_is_too_small_to_tell():
    model = with_averages(metrics=[needs_both])
    history = model.fit(X, CLASSES, 5, 2, 0, shuffle=False, validation_data=(X, CLASSES))
    assert history.history["needs_both"] == history.history["val_needs_both"] == [0.5, 0.5]
    assert model.evaluate(X, CLASSES, 5, return_dict=True)["needs_both"] == 0.5
    stream = [(X[rows], CLASSES[rows]) for rows in (slice(5), slice(5, 20))]
    other = with_averages(metrics=[needs_both])
    assert other.evaluate(stream, return_dict=True)["needs_both"] == 0.5
    assert other.fit(stream, verbose=0).history["needs_both"] == [0.5]


@pytest.mark.parametrize("error", [ZeroDivisionError, IndexError, AssertionError])
def test_a_batch_of_which_a_function_makes_another_error_is_too_small_to_tell(error):
    def found(y_true, y_pred):
        if not y_true.any():
            raise error("there is nothing to find")
        return 0.5

    model = with_averages(metrics=[found])
    assert model.fit(X, CLASSES, 5, 1, 0, shuffle=False).history["found"] == [0.5]
    assert model.evaluate(X, CLASSES, 5, return_dict=True)["found"] == 0.5
    with pytest.raises(error, match="nothing to find"):
        with_averages(metrics=[found]).fit(X, np.zeros(20, int), 5, verbose=0)


def test_train_on_batch_counts_before_it_changes_a_weight():
    """Also where the function has been called with other batches before."""
    model = with_averages(metrics=[needs_both])
    model.train_on_batch(X, CLASSES)
    before = model.get_weights()
    with pytest.raises(ValueError, match="one class alone"):
        model.train_on_batch(X[:5], CLASSES[:5])
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("verb", ["update_state", "compute"])
def test_metrics_of_other_libraries_are_no_functions(verb):
    """They would count the first batch twice, and all samples once more in every epoch."""

    class Accuracy:
        right = seen = 0

        def __call__(self, y_true, y_pred):
            self.right += (y_true == y_pred).sum()
            self.seen += y_true.size
            return self.right / self.seen

    setattr(Accuracy, verb, Accuracy.__call__)
    model = bp.Sequential([Dense(3)])
    for make in (lambda m: model.compile("sgd", "mse", [m]), bp.metrics.FunctionMetric):
        with pytest.raises(TypeError, match=f"^metric Accuracy has a method {verb} and counts"):
            make(Accuracy())


@pytest.mark.parametrize("size", [3, 20])
def test_one_number_for_each_output_is_none_for_each_sample(size):
    """Also where a batch has as many samples as there are outputs."""

    def of_outputs(y_true, y_pred):
        return np.abs(y_true - y_pred).mean(axis=0)

    def of_samples(y_true, y_pred):
        return np.abs(y_true - y_pred).mean(axis=1)

    model = bp.Sequential([bp.Input(4), Dense(3)], seed=0)
    model.compile("sgd", "mse", metrics=[of_outputs])
    for call in (
        lambda: model.fit(X, Y, size, verbose=0),
        lambda: model.evaluate(X, Y, size),
        lambda: model.train_on_batch(X[:size], Y[:size]),
    ):
        before = model.get_weights()
        with pytest.raises(ValueError, match="'of_outputs': the function must return a number, or"):
            call()
        np.testing.assert_equal(model.get_weights(), before)
    model.compile("sgd", "mse", metrics=[of_samples, "mae"])
    found = model.evaluate(X, Y, size, return_dict=True)
    assert found["of_samples"] == pytest.approx(found["mae"])


def whole(y_true, y_pred, sample_weight=None):
    if np.ndim(sample_weight) > 1:
        raise ValueError("'whole': sample_weight must hold one for each sample")
    return 1.0


def of_samples(y_true, y_pred):
    return np.abs(y_true - y_pred).mean(axis=-1)


@pytest.mark.parametrize("function", [whole, of_samples])
@pytest.mark.parametrize("how", ["arrays", "stream", "again"])
def test_weights_that_a_function_has_no_numbers_for_are_refused_before_the_first_step(
    function, how
):
    model = bp.Sequential([bp.Input(4), Dense(3)], seed=0)
    model.compile("sgd", "mse", weighted_metrics=[function])
    if how == "again":
        model.fit(X, Y, sample_weight=np.ones(20), verbose=0)
    before, weights = model.get_weights(), np.ones((20, 3))
    given = {"x": [(X, Y, weights)]} if how == "stream" else {"x": X, "y": Y, "batch_size": 7}
    if how != "stream":
        given["sample_weight"] = weights
    with pytest.raises(ValueError, match=f"'{function.__name__}': sample_weight must hold one"):
        model.fit(**given, verbose=0)
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


def plain(metric):
    model = bp.Sequential([bp.Input(4), Dense(1), bp.layers.Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy", metrics=[metric])
    return model


def test_many_models_refuse_such_a_function_before_the_first_step_too():
    models = [plain(needs_classes), plain(needs_classes)]
    before = [model.get_weights() for model in models]
    with pytest.raises(ValueError, match="a mix of binary"):
        bp.fit_many(models, X, CLASSES, batch_size=6, verbose=0)
    np.testing.assert_equal([model.get_weights() for model in models], before)
    histories = bp.fit_many(
        [plain(needs_both), plain(needs_both)], X, CLASSES, batch_size=5, verbose=0
    )
    assert histories[1].history["needs_both"] == [0.5]


class Numbers(bp.callbacks.Callback):
    """Asks for the numbers after every batch."""

    def __init__(self):
        self.numbers = []

    def on_train_batch_end(self, batch, logs):
        self.numbers.append(logs["needs_both"])

    on_test_batch_end = on_train_batch_end


def test_a_function_that_needs_more_samples_than_the_first_batches_hold_is_nan_until_then():
    order, told = np.argsort(CLASSES, kind="stable"), Numbers()
    model = plain(needs_both)
    history = model.fit(X[order], CLASSES[order], 5, 1, 0, [told], shuffle=False)
    assert np.isnan(told.numbers[0])
    assert told.numbers[-1] == history.history["needs_both"][0] == 0.5
    model.evaluate(X[order], CLASSES[order], 5, callbacks=[told])
    assert np.isnan(told.numbers[4])
    assert told.numbers[-1] == 0.5


def weighted_error(y_true, y_pred, sample_weight=None):
    return np.average(np.abs(y_true - y_pred).mean(axis=-1), weights=sample_weight)


@pytest.mark.parametrize("first", [0, 1])
def test_batches_without_weights_among_weighted_ones_have_the_weight_one(first, rng):
    weights = rng.uniform(0.5, 2, 20)
    weights[:10] = 1
    batches = [(X[:10], Y[:10]), (X[10:], Y[10:], weights[10:])]
    batches = batches[first:] + batches[:first]
    model = bp.Sequential([bp.Input(4), Dense(3)], seed=0)
    model.compile(bp.optimizers.SGD(0.0), "mse", weighted_metrics=[weighted_error, "mae"])
    wanted = model.evaluate(X, Y, sample_weight=weights)
    assert model.evaluate(batches) == pytest.approx(wanted)
    numbers = model.fit(batches, verbose=0).history
    assert [each[0] for each in numbers.values()] == pytest.approx(wanted)
    assert wanted[1] == pytest.approx(wanted[2])


def test_samples_of_which_none_counts_have_no_weighted_number():
    model = bp.Sequential([bp.Input(4), Dense(3)], seed=0)
    model.compile("sgd", "mse", weighted_metrics=[weighted_error])
    nothing = np.zeros(10)
    assert np.isnan(model.train_on_batch(X[:10], Y[:10], nothing)[1])
    told = bp.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    batches = [(X[:10], Y[:10], nothing), (X[10:], Y[10:], np.ones(10))]
    numbers = model.fit(batches, shuffle=False, verbose=0, callbacks=[told]).history
    assert np.isfinite(numbers["weighted_error"][0])


def test_a_number_for_each_output_is_refused_where_a_batch_has_as_many_samples():
    """Of one sample less it would be one number, nan, as ``r2_score`` makes of a single one."""

    def raw(y_true, y_pred):
        if len(y_true) < 2:
            return float("nan")
        return 1 - ((y_true - y_pred) ** 2).mean(axis=0) / y_true.var(axis=0)

    rng = np.random.default_rng(0)
    model = bp.Sequential([Dense(2)], seed=0)
    model.compile("sgd", "mse", metrics=[raw])
    with pytest.raises(ValueError, match="'raw': the function must return a number, or one for ea"):
        model.evaluate(rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), batch_size=2)


def test_functions_are_given_the_weights_of_outputs_and_steps():
    def wmae(y_true, y_pred, sample_weight=None):
        return float(np.average(abs(y_true - y_pred), weights=sample_weight))

    rng = np.random.default_rng(0)
    for shape in ((20, 3), (20, 5, 3)):
        X, Y, W = (rng.uniform(0, 2, (*shape[:-1], k)) for k in (4, 3, 3))
        model = bp.Sequential([Dense(3)], seed=0)
        model.compile("sgd", "mse", weighted_metrics=[wmae, "mae"])
        found = model.evaluate(X, Y, sample_weight=W, batch_size=7)
        expected = np.average(abs(model.predict(X) - Y), weights=W)
        assert found[1:] == pytest.approx([expected, expected], rel=1e-5)


def test_one_number_in_an_array_is_refused_for_batches_of_one_sample_too():
    def worst(y_true, y_pred):
        return np.max(np.abs(y_true - y_pred), axis=0)

    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=[worst])
    for size in (1, 7):
        with pytest.raises(ValueError, match="'worst': the function must return a number, or one"):
            model.fit(np.ones((20, 3)), np.arange(20.0), batch_size=size, verbose=0)


def test_a_function_that_fails_on_infinite_predictions_is_nan():
    def fails(y_true, y_pred):
        if not np.isfinite(y_pred).all():
            raise ValueError("Input contains infinity")
        return float(np.mean(y_pred))

    metric = bp.metrics.FunctionMetric(fails)
    metric.update(np.array([[1.0], [np.inf]]), np.zeros((2, 1)))
    assert np.isnan(metric.result())


def test_a_function_that_fails_on_its_weights_is_told_of_them():
    def fails(y_true, y_pred, sample_weight=None):
        if sample_weight is not None and sample_weight.ndim > 1:
            raise ValueError("Sample weights must be 1D")
        return float(np.mean(y_pred))

    model = bp.Sequential([bp.layers.Dense(2)], seed=0)
    model.compile("sgd", "mse", weighted_metrics=[fails])
    with pytest.raises(ValueError, match="must be 1D") as caught:
        model.fit(np.ones((8, 3)), np.ones((8, 2)), sample_weight=np.ones((8, 2)), verbose=0)
    (note,) = caught.value.__notes__
    assert note.endswith(
        "with weights of shape (8, 2). If it needs one for each sample, pass such weights."
    )


@pytest.mark.parametrize("own", [None, np.ones(20)])
def test_weights_of_a_validation_that_a_function_cannot_take_are_found_before_the_first_step(own):
    X, y = np.random.default_rng(0).normal(size=(20, 4)), np.ones(20)

    def largest(y_true, y_pred):
        return float(np.abs(y_true - y_pred).max())

    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse", weighted_metrics=[largest])
    with pytest.raises(ValueError, match="give it an argument sample_weight"):
        model.fit(X, y, sample_weight=own, verbose=0, validation_data=(X, y, np.ones(20)))
    assert model.optimizer.iterations == 0
    model.fit(X, y, verbose=0, validation_data=(X, y))
    assert "val_largest" in model.history.history

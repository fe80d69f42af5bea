"""Parts of one's own that may change without a word, and models that are not quite alike."""

import copy
import pickle

import numpy as np
import pytest

import backprop as bp
from backprop.estimators import MLPClassifier, MLPRegressor
from backprop.layers import (
    BatchNormalization,
    Bidirectional,
    Columns,
    Dense,
    Dropout,
    Layer,
    Parallel,
    PReLU,
    ReLU,
    Residual,
    SimpleRNN,
    Softmax,
    Tanh,
    TimeDistributed,
)
from backprop.losses import Loss, Quantile
from backprop.optimizers import SGD, Optimizer
from backprop.regularizers import L2

R = np.random.default_rng(0)
X, Y, LABELS = R.standard_normal((60, 4)), R.standard_normal((60, 1)), R.integers(0, 3, 60)


class Scaled(bp.Sequential):
    scale = 1.0

    def forward(self, X, training=False):
        return self.scale * super().forward(X, training)


def test_predictions_go_by_the_forward_of_a_model_class_for_ever():
    model = Scaled([bp.Input(4), Dense(2)], seed=0, dtype="float64")
    before = model.predict(X[:8])
    for _ in range(40):
        model.predict(X[:8])
    model.scale = 10.0
    np.testing.assert_allclose(model.predict(X[:8]), 10 * before)


class Annealed(Loss):
    """β (p − t)², whose β is a private number."""

    def __init__(self):
        super().__init__()
        self._beta = 1.0

    def values(self, prediction, target):
        return self._beta * ((prediction - target) ** 2).mean(-1)

    def gradient(self, prediction, target):
        return self._beta * 2 * (prediction - target) / prediction.shape[-1]


class Mean:
    """A metric that is an object, with a factor that may change."""

    factor = 1.0

    def __call__(self, y_true, y_pred):
        return self.factor * np.abs(y_true - y_pred).mean(-1)


def test_validations_go_by_the_loss_and_the_metrics_as_they_are():
    mean = Mean()
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(SGD(1e-9), Annealed(), metrics=[bp.metrics.FunctionMetric(mean, "mean")])

    def halve(epoch, logs):
        model.loss._beta /= 2
        mean.factor /= 2

    halving = bp.callbacks.LambdaCallback(on_epoch_end=halve)
    kept = model.fit(X, Y, epochs=3, verbose=0, callbacks=[halving], validation_data=(X, Y)).history
    np.testing.assert_allclose(kept["val_loss"], kept["loss"], rtol=1e-5)
    np.testing.assert_allclose(kept["val_mean"], kept["mean"], rtol=1e-5)


def classifier(*layers):
    return [*layers, Dense(3), Softmax()], "sparse_categorical_crossentropy", LABELS


def frozen_as_a_whole(normalization):
    normalization.trainable = False


def frozen_one_by_one(normalization):
    for parameter in normalization.parameters:
        parameter.trainable = False


PAIRS = {
    "columns": [lambda c=c: classifier(Columns(c), Dense(5), Tanh()) for c in ([0, 1], [2, 3])],
    "quantiles": [
        lambda q=q: ([Dense(3)], Quantile(q), Y) for q in ([0.1, 0.5, 0.9], [0.6, 0.7, 0.8])
    ],
    "inside and outside": [
        lambda: classifier(Dense(6), Tanh(), Residual([Dense(6), ReLU()])),
        lambda: classifier(Dense(6), Residual([Tanh(), Dense(6), ReLU()])),
    ],
    "whose regulariser": [
        lambda: classifier(Dense(6, kernel_regularizer=L2(0.3))),
        lambda: classifier(Dense(6, bias_regularizer=L2(0.3))),
    ],
    "shared axes": [
        lambda a=a: classifier(
            bp.layers.Reshape((2, 2)), PReLU(shared_axes=[a]), bp.layers.Flatten()
        )
        for a in (1, 2)
    ],
    "noise shape": [
        lambda s=s: classifier(
            bp.layers.Reshape((2, 2)), Dropout(0.5, noise_shape=s), bp.layers.Flatten()
        )
        for s in ((None, 1, 2), (None, 2, 1))
    ],
    "frozen": [lambda: classifier(Dense(5), BatchNormalization(), Tanh())] * 2,
}


@pytest.mark.parametrize("name", PAIRS)
def test_models_that_differ_are_not_trained_as_one(name):
    def made():
        models = []
        for k, make in enumerate(PAIRS[name]):
            layers, loss, y = make()
            model = bp.Sequential(layers, seed=0, dtype="float64")
            model.compile(SGD(0.1), loss)
            model.build((None, 4))
            if name == "frozen":
                (frozen_as_a_whole, frozen_one_by_one)[k](model.layers[1])
            models.append(model)
        return models, y

    together, y = made()
    bp.fit_many(together, X, y, epochs=8, batch_size=20, verbose=0)
    for one, model in zip(together, made()[0], strict=True):
        model.fit(X, y, epochs=8, batch_size=20, verbose=0)
        np.testing.assert_allclose(one.parameters.values, model.parameters.values, rtol=1e-9)


@pytest.mark.parametrize("in_place", [False, True])
def test_recorded_steps_and_validations_notice_a_list_that_was_changed(in_place):
    def trained(eagerly):
        model = bp.Sequential([Dense(3)], seed=0, dtype="float64")
        model.compile(SGD(0.1), Quantile([0.1, 0.5, 0.9]), run_eagerly=eagerly)

        def change(epoch, logs):
            if epoch == 6 and in_place:
                model.loss.q[:] = [0.3, 0.4, 0.45]
            elif epoch == 6:
                model.loss.q = [0.3, 0.4, 0.45]

        told = bp.callbacks.LambdaCallback(on_epoch_begin=change)
        options = {"batch_size": 20, "verbose": 0, "callbacks": [told]}
        history = model.fit(X, Y, epochs=12, validation_data=(X, Y), **options).history
        assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y))
        return model.parameters.values

    np.testing.assert_array_equal(trained(False), trained(True))


class ByTarget(Loss):
    """(p − t)², five times where t is above 0: NumPy alone knows where."""

    def weight(self, target):
        return np.where(np.asarray(target) > 0, 5, 1)

    def values(self, prediction, target):
        return (self.weight(target) * (prediction - target) ** 2).sum(-1)

    def gradient(self, prediction, target):
        return 2 * self.weight(target) * (prediction - target)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_several_networks_with_a_loss_of_ones_own_see_every_batch():
    options = {"batch_size": 8, "max_iter": 3, "alpha": 0.0, "random_state": 0, "loss": ByTarget()}
    several = MLPRegressor(hidden_layer_sizes=(5,), n_members=2, **options).fit(X, Y[:, 0])
    quiet = bp.callbacks.LambdaCallback()
    apart = MLPRegressor(hidden_layer_sizes=(5,), n_members=2, callbacks=[quiet], **options)
    apart.fit(X, Y[:, 0])
    np.testing.assert_allclose(several.predict(X), apart.predict(X))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_several_networks_with_one_metric_object_have_numbers_of_their_own():
    options = {"hidden_layer_sizes": (7,), "max_iter": 1, "learning_rate_init": 1e-12}
    numbers = []
    for metric in (bp.metrics.Accuracy(), "accuracy"):
        made = MLPClassifier(**options, n_members=3, random_state=1, metrics=[metric])
        made.fit(X, LABELS)
        numbers.append([model.history.history["accuracy"] for model in made.models_])
    assert numbers[0] == numbers[1]
    assert len({tuple(each) for each in numbers[0]}) > 1


class Slotted(Optimizer):
    slots = ("average",)

    def update(self, theta, g, scratch, average):
        theta -= g


def test_slots_do_not_hide_vectors_of_the_optimizer():
    model = bp.Sequential([Dense(1)], seed=0)
    with pytest.raises(ValueError, match="hold 'average', which an Optimizer keeps"):
        model.compile(Slotted(0.1), "mse")


class Masking(Layer):
    """Multiplies by 0 and 1, and writes into δ."""

    writes = True

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, X, training=False):
        return X * 1.0

    def backward(self, delta):
        if self.writes:
            delta *= 0.5
        return delta if self.writes else None


class Forgetting(Masking):
    writes = False


class TripledDelta(SimpleRNN):
    def backward(self, delta):
        delta *= 3
        return super().backward(delta)


def test_layers_of_ones_own_are_looked_at_in_both_directions():
    model = bp.Sequential([bp.layers.Reshape((2, 2)), Bidirectional(TripledDelta(3)), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="wrote into the delta"):
        model.fit(X, Y, verbose=0)


HOLDERS = {
    "branches": lambda part: [Dense(4), Parallel([part, Tanh()], "add"), Dense(1)],
    "steps": lambda part: [
        Dense(4),
        bp.layers.Reshape((2, 2)),
        TimeDistributed(part),
        bp.layers.Flatten(),
        Dense(1),
    ],
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_layers_of_ones_own_are_looked_at_in_branches_and_steps(holder):
    for part, error, words in (
        (Masking(), ValueError, "wrote into the delta"),
        (Forgetting(), TypeError, "backward returned None"),
    ):
        model = bp.Sequential(HOLDERS[holder](part), seed=0)
        model.compile("sgd", "mse")
        model.build((None, 4))
        before = model.parameters.values.copy()
        with pytest.raises(error, match=words):
            model.fit(X, Y, verbose=0)
        np.testing.assert_array_equal(model.parameters.values, before)


def test_layers_of_one_name_are_refused():
    model = bp.Sequential([Dense(4), Dense(4), Dense(1)])
    for layer in model.layers[:2]:
        layer.name = "hidden"
    with pytest.raises(ValueError, match="two layers are called 'hidden': names must differ"):
        model.build((None, 4))


@pytest.mark.parametrize("kind", [Tanh, ReLU, lambda: Dense(4), BatchNormalization])
def test_copies_compute_in_memory_of_their_own(kind):
    layer = kind()
    model = bp.Sequential([Dense(4), layer, Dense(4), copy.copy(layer), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.build((None, 4))
    assert bp.inspection.check_gradients(model, X[:8], Y[:8]).ok


class Weighted(Loss):
    def __init__(self):
        super().__init__()
        self.w = np.array([1.0, 5.0])

    def values(self, prediction, target):
        return (self.w * (prediction - target) ** 2).sum(-1)

    def gradient(self, prediction, target):
        return 2 * self.w * (prediction - target)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_pickled_estimators_keep_the_arrays_of_a_loss_of_ones_own():
    one = MLPRegressor(loss=Weighted(), hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    one.fit(X, X[:, :2])
    other = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(other.loss.w, [1.0, 5.0])
    other.partial_fit(X, X[:, :2])


def test_a_backward_that_training_does_not_call_is_warned_of():
    with pytest.warns(RuntimeWarning, match=r"Tripled\.backward is not called by fit"):

        class Tripled(Scaled):
            def backward(self, delta=None):
                return super().backward(delta)

    class Right(Scaled):
        scale = 3.0

        def backpropagate(self, delta):
            return super().backpropagate(self.scale * delta)

    model = Right([Dense(4), Tanh(), Dense(1)], seed=0, dtype="float64")
    model.compile(SGD(1.0), "mse")
    model.build((None, 4))
    assert bp.inspection.check_gradients(model, X[:8], Y[:8]).ok  # by backward
    before = model.parameters.values.copy()
    model.loss.forward(model.forward(X[:8], training=True), Y[:8])
    model.backward()
    g = model.parameters.gradients.copy()
    model.fit(X[:8], Y[:8], batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(before - model.parameters.values, g)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*diverged", "ignore:row 0")
def test_a_network_that_diverges_leaves_the_others_to_go_on():
    y = X @ [1.0, 2.0, 3.0, 4.0]
    made = MLPRegressor(
        activation="identity",
        solver="sgd",
        learning_rate_init=0.15,
        batch_size=20,
        hidden_layer_sizes=(7,),
        max_iter=60,
        early_stopping=True,
        n_members=3,
        random_state=1,
    )
    with np.errstate(all="warn"):
        made.fit(X, y, sample_weight=np.ones(60))
    trained = [model.optimizer.iterations for model in made.models_]
    assert min(trained) > 0, trained


def test_quantiles_with_weights_of_their_own():
    w = R.uniform(0.5, 2.0, (60, 3))
    model = bp.Sequential([bp.Input(4), Dense(3)], seed=0, dtype="float64")
    model.compile("sgd", Quantile([0.1, 0.5, 0.9]))
    d = Y - model.predict(X)
    each = np.maximum(np.array([0.1, 0.5, 0.9]) * d, (np.array([0.1, 0.5, 0.9]) - 1) * d)
    found = model.evaluate(X, Y, sample_weight=w)
    np.testing.assert_allclose(found, (w * each).mean())
    assert bp.inspection.check_gradients(model, X[:9], Y[:9], sample_weight=w[:9]).ok
    assert "0.1" in str(model.explain(X[:2], Y[:2]))

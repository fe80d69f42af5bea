"""Objects that stand in two places, and settings that are changed later."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import backprop as bp
from backprop.engine import recorded
from backprop.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Lambda,
    Layer,
    Parallel,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.losses import BinaryFocalCrossentropy, CategoricalFocalCrossentropy

X = np.random.default_rng(0).standard_normal((48, 6)).astype("f4")
Y = np.eye(3, dtype="f4")[np.random.default_rng(1).integers(0, 3, 48)]
SHARED = {
    "a block and the model": lambda layer: [Residual([Dense(6), layer]), Dense(6), layer],
    "the model and a block": lambda layer: [layer, Residual([Dense(6), layer])],
    "two blocks": lambda layer: [Residual([Dense(6), layer]), Residual([Dense(6), layer])],
    "two branches": lambda layer: [Parallel([[Dense(6), layer], [Dense(6), layer]])],
    "blocks in blocks": lambda layer: [Residual([Residual([layer])]), Residual([[layer]])],
}


@pytest.mark.parametrize("places", SHARED.values(), ids=list(SHARED))
@pytest.mark.parametrize("layer", [ReLU, lambda: Dense(6), lambda: Dropout(0.5)])
def test_a_layer_stands_in_one_place_of_a_model(places, layer):
    """Its second pass would overwrite what the first one keeps for the way back."""
    with pytest.raises(ValueError, match=r"belongs to a model already.*layer\.copy\(\)"):
        bp.Sequential(places(layer()))


@pytest.mark.parametrize("layer", [Tanh, lambda: Dropout(0.5)])
def test_a_layer_without_weights_stands_in_one_model(layer):
    shared = layer()
    one, other = (bp.Sequential([Dense(4), shared]) for _ in range(2))
    one.build((None, 6))
    with pytest.raises(ValueError, match="belongs to a model already"):
        other.build((None, 6))
    one.reset()  # goes on


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [CategoricalFocalCrossentropy, BinaryFocalCrossentropy])
@pytest.mark.parametrize("after", [1, 2, 5])
def test_replayed_powers_have_the_same_bits(loss, after, dtype, monkeypatch):
    """How many steps go by before one is recorded depends on the time that they take."""
    monkeypatch.setattr(recorded, "RECORD_AFTER", after)
    y, ending = (Y, Softmax()) if loss is CategoricalFocalCrossentropy else (Y[:, :1], Sigmoid())
    weights = []
    for eagerly in (True, False):
        model = bp.Sequential([Dense(8), Tanh(), Dense(y.shape[1]), type(ending)()], 0, dtype)
        model.compile(bp.optimizers.SGD(0.1), loss(gamma=2.0), run_eagerly=eagerly)
        model.fit(X, y, epochs=4, batch_size=16, verbose=0)
        weights.append(model.parameters.values)
    np.testing.assert_array_equal(*weights)


def test_settings_of_a_loss_that_is_joined_with_the_last_layer():
    def model(gamma, smoothing=0.0):
        made = bp.Sequential([bp.Input(6), Dense(3), Softmax()], seed=0)
        loss = CategoricalFocalCrossentropy(gamma=gamma, label_smoothing=smoothing)
        made.compile("sgd", loss)
        return made

    changed = model(2.0, 0.1)
    assert (changed.loss.gamma, changed.loss.label_smoothing) == (2.0, 0.1)
    changed.loss.gamma, changed.loss.label_smoothing = 4.0, 0.3
    assert changed.evaluate(X, Y) == model(4.0, 0.3).evaluate(X, Y)
    with pytest.raises(ValueError, match="gamma"):
        changed.loss.gamma = -1.0
    with pytest.raises(AttributeError, match=r"from_logits of Cat.*compile goes by it"):
        changed.loss.from_logits = True
    plain = bp.Sequential([Dense(3), Softmax()])
    plain.compile("sgd", "categorical_crossentropy")
    assert not hasattr(plain.loss, "gamma")
    with pytest.raises(AttributeError, match="ignore_class"):
        _ = plain.loss.ignore_class


def test_weights_that_are_views_of_the_model_s_own():
    model = bp.Sequential([bp.Input(3), Dense(3, use_bias=False), Dense(3, use_bias=False)])
    first, second = model.get_weights()
    model.set_weights([p.value for p in model.parameters][::-1])
    np.testing.assert_array_equal(model.get_weights(), [second, first])


def small_model(seed=0):
    model = bp.Sequential([Dense(4), Tanh(), Dense(3), Softmax()], seed=seed)
    model.compile("sgd", "categorical_crossentropy")
    return model


def test_a_callback_that_is_listed_twice():
    """A rate would fall twice as fast, patience end in half the epochs, a row be written twice."""
    stop = bp.callbacks.EarlyStopping("loss")
    for verb in ("fit", "evaluate"):
        with pytest.raises(ValueError, match="callbacks hold the same object EarlyStopping twice"):
            getattr(small_model(), verb)(X, Y, callbacks=[stop, stop], verbose=0)


def test_a_callback_of_two_trainings_at_once():
    """It would stop, and give its best weights to, the model of the other thread."""

    class Slower(bp.callbacks.ReduceLROnPlateau):
        pass

    slower = Slower("loss", patience=0, min_delta=10.0)
    said = bp.callbacks.LambdaCallback(on_train_begin=lambda logs: None)
    refused = []

    def train_another(epoch, logs):
        with ThreadPoolExecutor(1) as executor:
            for shared in (slower, said):
                job = executor.submit(
                    small_model(1).fit, X, Y, epochs=1, callbacks=[shared], verbose=0
                )
                refused.append(job.exception())

    model = small_model()
    nested = bp.callbacks.LambdaCallback(on_epoch_end=train_another)
    model.fit(X, Y, epochs=2, callbacks=[slower, said, nested], verbose=0)
    assert slower.model is model
    assert "same Slower is trained in another thread" in str(refused[0])
    assert refused[1] is None
    assert refused[3] is None
    small_model(1).fit(X, Y, epochs=1, callbacks=[slower], verbose=0)  # after that it may


class Half(Activation):
    """f(z) = z²/2, whose slope is z: that is the array which the layer before has returned."""

    def f(self, Z, out=None):
        return np.multiply(Z, Z / 2, out=out)

    def f_prime(self, Z, A, out):
        return Z


class Twice(Half):
    def f(self, Z, out=None):
        return np.multiply(Z, 2, out=out)

    def f_prime(self, Z, A, out):
        return np.broadcast_to(np.asarray(2, Z.dtype), Z.shape)  # which cannot be written into


class Square(Layer):
    def forward(self, X, training=False):
        self.X = X
        return X * X

    def backward(self, delta):
        self.X *= 2 * delta
        return self.X


@pytest.mark.parametrize("kind", [Half, Twice])
def test_a_slope_that_is_another_array_is_not_written_into(kind):
    model = bp.Sequential([Dense(4), Tanh(), kind(), Dense(3), Tanh(), kind()], seed=0)
    model.compile("sgd", "mse")
    assert model.check_gradients(X, Y).ok


@pytest.mark.parametrize(
    "layer", [Square, lambda: Lambda(np.square, lambda d, X, Y: np.multiply(X, 2 * d, out=X))]
)
def test_backward_leaves_the_inputs_of_forward_alone(layer):
    """They are the outputs of the layer before, which needs them for its own backward pass."""
    model = bp.Sequential([Dense(4), Tanh(), layer(), Dense(3)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="backward wrote into the inputs of its forward pass"):
        model.fit(X, Y, epochs=1, verbose=0)


def test_the_cost_of_gradients_is_looked_at_without_changing_the_model():
    layers = [bp.Input(6), Dense(4), BatchNormalization(), Dropout(0.5), Dense(3)]
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    weights, states = model.get_weights(), pickle.dumps(model.generators)
    bp.inspection.gradient_cost(model, X, Y, max_passes=5)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert pickle.dumps(model.generators) == states
    assert model.parameters.gradients.any()


def test_what_decays_is_saved(tmp_path):
    model = small_model()
    model.compile(bp.optimizers.AdamW(weight_decay=0.5), "categorical_crossentropy")
    model.build((None, 6))
    model.parameters["dense_1.W"].decays = False
    model.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz")
    assert [p.decays for p in loaded.parameters] == [False, False, True, False]
    for each in (model, loaded):
        each.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, loaded.parameters.values)


@pytest.mark.parametrize(
    "copied", [lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_attributes_of_parameters_in_a_model(copied):
    model = copied(bp.Sequential([bp.Input(6), Dense(3), BatchNormalization()]))
    flags = [p.trainable for p in model.parameters]
    for parameter in model.parameters:  # as one thaws everything in PyTorch
        parameter.trainable = True
    assert [p.trainable for p in model.parameters] == flags == [True] * 4 + [False] * 2
    for name, value in {"name": "W", "learned": False}.items():
        with pytest.raises(AttributeError, match=f"{name} of dense_1.W stays what it is, as mo"):
            setattr(model.parameters["dense_1.W"], name, value)


@pytest.mark.parametrize("name", ["value", "gradient", "grad", "theta", "trainable"])
def test_what_all_parameters_together_do_not_have_cannot_be_assigned_to_them(name):
    model = bp.Sequential([bp.Input(6), Dense(3)])
    with pytest.raises(AttributeError, match=f"nobody reads '{name}' of a model's parameters"):
        setattr(model.parameters, name, np.zeros(21))
    model.parameters.values = model.parameters.gradients = np.ones(21)
    assert model.layers[0].W.all()
    assert model.layers[0].dW.all()


@pytest.mark.parametrize(("name", "advice"), [("values", "value"), ("gradients", "gradient")])
def test_one_parameter_has_a_value_and_not_values(name, advice):
    parameter = bp.Sequential([bp.Input(6), Dense(3)]).parameters["dense_1.W"]
    with pytest.raises(AttributeError, match=f"no attribute '{name}': write .{advice}"):
        setattr(parameter, name, np.zeros((6, 3)))


@pytest.mark.parametrize("loaded", [False, True])
def test_a_model_that_is_compiled_again_without_its_loss(loaded, tmp_path):
    model = bp.Sequential([bp.Input(6), Dense(1), Sigmoid()], seed=0)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    if loaded:
        model.save(tmp_path / "model.npz")
        model = bp.load_model(tmp_path / "model.npz")
    for compile in (lambda: model.compile("sgd"), lambda: model.compile(metrics=["accuracy"])):
        with pytest.raises(ValueError, match="compile needs loss=…: the model was compiled with B"):
            compile()
    assert type(model.optimizer).__name__ == "Adam"
    assert len(model.metrics) == 1
    model.compile("sgd", "mse")  # as one may say
    model.compile("sgd")
    assert type(model.loss).__name__ == "MeanSquaredError"


@pytest.mark.parametrize("name", ["loss", "optimizer", "metrics"])
def test_what_compile_takes_is_not_assigned_and_all_of_it_is_passed_again(name):
    model = small_model()
    with pytest.raises(AttributeError, match=r"call model.compile\(optimizer=…, loss=…[,)]"):
        setattr(model, name, "mae")
    with pytest.raises(TypeError, match=r"by compile\(optimizer=…, loss=…, metrics=\[…\]\)"):
        model.metrics.append("mae")


def test_averages_of_a_batch_normalization_that_is_not_to_follow_batches():
    layer = BatchNormalization()
    with pytest.raises(AttributeError, match=r"of a layer with .trainable = False the averages"):
        layer.track_running_stats = False


@pytest.mark.parametrize("training", [Y, "yes", None])
def test_a_call_that_is_given_no_flag(training):
    with pytest.raises(TypeError, match="training must be True or False"):
        small_model()(X, training)


@pytest.mark.parametrize("dtype", ["abc", [], -1])
def test_estimators_know_two_dtypes(dtype):
    from backprop.estimators import MLPClassifier

    with pytest.raises(ValueError, match="dtype must be one of"):
        MLPClassifier(dtype=dtype).fit(X, Y[:, 0])


def test_weights_of_an_estimator_that_do_not_fit():
    from backprop.estimators import MLPRegressor

    made = MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, tol=0.1).fit(X, Y[:, 0])
    made.coefs_ = made.coefs_[:1]
    with pytest.raises(ValueError, match="coefs_ must hold an array for each of 2 layers"):
        made.predict(X)


@pytest.mark.parametrize("trainable", [None, True, False])
def test_copies_of_layers_whose_parameters_are_frozen_one_by_one(trainable):
    block = Residual([Dense(6, name="a"), BatchNormalization(name="b"), Dense(6, name="c")])
    model = bp.Sequential([bp.Input(6), block])
    model.get_layer("residual_1.c").trainable = False
    frozen, plain = (model.parameters[f"residual_1.a.{name}"] for name in "Wb")
    frozen.trainable, plain.decays = False, True
    copied = block.copy(trainable)
    other = bp.Sequential([bp.Input(6), copied])
    flags = {p.name.removeprefix("residual_1."): p.trainable for p in other.parameters}
    learned = {name for name in flags if "moving" not in name}
    expected = {None: learned - {"a.W", "c.W", "c.b"}, True: learned - {"c.W", "c.b"}, False: set()}
    assert {name for name in flags if flags[name]} == expected[trainable]
    assert other.parameters["residual_1.a.b"].decays


def test_names_of_other_libraries_that_are_like_none_of_ours():
    for layer, name, ours in (
        (bp.layers.SoftShrink(), "lambd", "threshold"),
        (bp.layers.MultiHeadAttention(2, 2), "use_causal_mask", "causal"),
    ):
        with pytest.raises(AttributeError, match=f"nobody reads '{name}'.*: set {ours}"):
            setattr(layer, name, 1)

"""Users' mistakes outside ``fit``: what is raised, and that nothing has changed."""

import numpy as np
import pytest
from mistakes import ONE_HOT, C, X, assert_speaks, classifier

import backprop as bp
from backprop.core.errors import NotBuiltError, NotCompiledError, ShapeError
from backprop.layers import Chain, Dense, Input, Layer, ReLU, Softmax
from backprop.losses import CategoricalCrossentropy, Loss, MeanSquaredError
from backprop.metrics import Accuracy
from backprop.optimizers import SGD

BUILT_FOR_OTHERS = (
    "Dense 'dense_1' was built for 784 features but received an array of shape (32, 783): "
    "pass samples with 784 columns."
)


def built(n_in=4):
    model = classifier()
    model.build((None, n_in))
    return model


def add_twice():
    layer = Dense(3)
    bp.Sequential([layer, ReLU(), layer])


def add_to_two_models():
    layer = Dense(3)
    bp.Sequential([layer]).build((None, 2))
    bp.Sequential([layer])


def own_layer(**methods):
    formulas = {"forward": lambda self, X, training=False: X, "backward": lambda self, delta: delta}
    return type("Own", (Layer,), formulas | methods)()


def own_loss(**methods):
    return type("Own", (Loss,), methods)()


CALLS = {
    "forward with a wrong number of features": (
        lambda: built(784).forward(np.zeros((32, 783))),
        ShapeError,
        [BUILT_FOR_OTHERS],
    ),
    "predict with a wrong number of features": (
        lambda: built(784).predict(np.zeros((32, 783))),
        ShapeError,
        ["Dense 'dense_1' was built for 784 features", "(32, 783)", "784 columns"],
    ),
    "fit with a wrong number of features": (
        lambda: built(784).fit(np.zeros((32, 783)), np.zeros(32, int)),
        ShapeError,
        ["Dense 'dense_1' was built for 784 features", "(32, 783)", "784 columns"],
    ),
    "forward 1-D": (lambda: classifier().forward(X[0]), ShapeError, ["X", "(4,)", "reshape"]),
    "forward 1-D built": (lambda: built().forward(X[0]), ShapeError, ["4 features", "(4,)"]),
    "forward text": (lambda: built().forward([["a"]]), TypeError, ["X", "numbers"]),
    "predict 1-D": (lambda: built().predict(X[0]), ShapeError, ["x", "(4,)", "x.reshape(1, -1)"]),
    "predict batch_size": (lambda: built().predict(X, 0), ValueError, ["batch_size", "it is 0"]),
    "evaluate batch_size": (lambda: built().evaluate(X, C, 0), ValueError, ["batch_size"]),
    "evaluate verbose": (lambda: built().evaluate(X, C, verbose=7), ValueError, ["verbose", "7"]),
    "build again": (lambda: built().build((None, 5)), ShapeError, ["(4,)", "(5,)", "already"]),
    "build with data": (
        lambda: classifier().build([X, X]),
        ShapeError,
        ["input_shape", "(None, 784)"],
    ),
    "shuffle by a text": (
        lambda: classifier().fit(X, C, shuffle="batch"),
        TypeError,
        ["shuffle", "True or False"],
    ),
    "return_dict by a text": (
        lambda: classifier().evaluate(X, C, return_dict="no"),
        TypeError,
        ["return_dict", "'no'"],
    ),
    "return_dict of a step": (
        lambda: classifier().train_on_batch(X, C, return_dict=np.ones(2)),
        TypeError,
        ["return_dict", "True or False"],
    ),
    "run_eagerly by a text": (
        lambda: classifier().compile("sgd", "mse", run_eagerly="False"),
        TypeError,
        ["run_eagerly", "'False'"],
    ),
    "a list of names": (lambda: classifier().get_layer(["a"]), ValueError, ["no layer is called"]),
    "build a number": (lambda: classifier().build(5), ShapeError, ["input_shape", "(None, 784)"]),
    "build no batch": (lambda: classifier().build((5, 4)), ShapeError, ["input_shape", "(5, 4)"]),
    "build 0": (lambda: classifier().build((None, 0)), ShapeError, ["input_shape", "(None, 0)"]),
    "build 2.5": (lambda: classifier().build((None, 2.5)), ShapeError, ["input_shape", "2.5"]),
    "parameters": (lambda: classifier().parameters, NotBuiltError, ["not built", "build((None"]),
    "get_weights": (lambda: classifier().get_weights(), NotBuiltError, ["not built", "Input("]),
    "output_shape": (lambda: classifier().output_shape, NotBuiltError, ["not built"]),
    "no layers": (lambda: bp.Sequential().predict(X), NotBuiltError, ["no layers"]),
    "not compiled": (lambda: bp.Sequential([Dense(1)]).fit(X, C), NotCompiledError, ["compile("]),
    "evaluate not compiled": (
        lambda: bp.Sequential([Dense(1)]).evaluate(X, C),
        NotCompiledError,
        ["not compiled", "compile("],
    ),
    "batch not compiled": (
        lambda: bp.Sequential([Dense(1)]).train_on_batch(X, C),
        NotCompiledError,
        ["not compiled"],
    ),
    "loss not compiled": (lambda: bp.Sequential([Dense(1)]).loss, NotCompiledError, ["compile("]),
    "unknown loss": (lambda: classifier().compile(loss="msee"), ValueError, ["'msee'", "mse,"]),
    "unknown optimizer": (lambda: classifier().compile("sdg"), ValueError, ["'sdg'", "sgd"]),
    "unknown metric": (
        lambda: classifier().compile(metrics=["acuracy"]),
        ValueError,
        ["metric", "'acuracy'", "accuracy"],
    ),
    "unknown initializer": (
        lambda: Dense(3, kernel_initializer="glorot"),
        ValueError,
        ["initializer", "'glorot'", "glorot_uniform"],
    ),
    "optimizer class": (lambda: classifier().compile(SGD), TypeError, ["optimizer", "parentheses"]),
    "loss class": (
        lambda: classifier().compile("sgd", MeanSquaredError),
        TypeError,
        ["loss", "parentheses"],
    ),
    "loss function": (
        lambda: classifier().compile("sgd", lambda a, b: 0.0),
        TypeError,
        ["loss must be a name or an object", "values(prediction, target)", "gradient(prediction"],
    ),
    "optimizer function": (
        lambda: classifier().compile(lambda theta: theta),
        TypeError,
        ["optimizer must be a name", "update(theta, g, scratch, *state)"],
    ),
    "metric class": (lambda: classifier().compile(metrics=[Accuracy]), TypeError, ["parentheses"]),
    "metrics string": (
        lambda: classifier().compile(metrics="accuracy"),
        TypeError,
        ["metrics must be a list: write metrics=['accuracy']."],
    ),
    "one metric": (
        lambda: classifier().compile(metrics=Accuracy()),
        TypeError,
        ["metrics must be a list"],
    ),
    "same metric twice": (
        lambda: classifier().compile(metrics=[Accuracy()] * 2),
        ValueError,
        ["metrics", "same object", "Accuracy(name='accuracy')", "second one"],
    ),
    "metric called loss": (
        lambda: classifier().compile(metrics=[Accuracy(name="loss")]),
        ValueError,
        ["metrics", "'loss'"],
    ),
    "layer class": (lambda: bp.Sequential([Dense]), TypeError, ["layers", "parentheses"]),
    "input class": (lambda: bp.Sequential([Input, Dense(3)]), TypeError, ["parentheses"]),
    "no layer": (lambda: bp.Sequential([Dense(3), "relu"]), TypeError, ["layers", "'relu'"]),
    "one layer": (lambda: bp.Sequential(Dense(3)), TypeError, ["layers must be a list"]),
    "layers without brackets": (
        lambda: bp.Sequential(Dense(3), ReLU()),
        TypeError,
        ["layers must be a list", "Sequential([Dense(…), ReLU(…)])"],
    ),
    "layers in two lists": (
        lambda: bp.Sequential([Dense(3)], [ReLU()]),
        TypeError,
        ["layers must be a list", "Sequential([…, ReLU(…)])"],
    ),
    "four layers without brackets": (
        lambda: bp.Sequential(Input(4), Dense(3), ReLU(), Dense(2), Softmax()),
        TypeError,
        ["Sequential([Input(…), Dense(…), ReLU(…), Dense(…), Softmax(…)])"],
    ),
    "input_shape": (
        lambda: Dense(8, input_shape=(4,)),
        TypeError,
        ["Dense(8)", "input_shape=(4,)", "Input((784,))", "first data"],
    ),
    "input_dim": (lambda: Dense(8, input_dim=4), TypeError, ["input_dim=4", "Input("]),
    "activation": (lambda: Dense(8, activation="relu"), TypeError, ["Dense(8), ReLU()"]),
    "second argument": (lambda: Dense(8, "relu"), TypeError, ["use_bias", "'relu'", "ReLU()"]),
    "no such argument": (lambda: Dense(8, bias=True), TypeError, ["bias=True", "no such argument"]),
    "forward without training": (
        lambda: bp.Sequential([own_layer(forward=lambda self, X: X)]),
        TypeError,
        ["Own.forward takes (X)", "write def forward(self, X, training=False)"],
    ),
    "the same in a chain": (
        lambda: bp.Sequential([[own_layer(forward=lambda self, X: X)]]),
        TypeError,
        ["Own.forward"],
    ),
    "the same to check_layer": (
        lambda: bp.inspection.check_layer(own_layer(forward=lambda self, X: X), 4),
        TypeError,
        ["Own.forward"],
    ),
    "training by name alone": (
        lambda: bp.Sequential([own_layer(forward=lambda self, X, *, training=False: X)]),
        TypeError,
        ["Own.forward takes (X, *, training=False)"],
    ),
    "backward without delta": (
        lambda: bp.Sequential([own_layer(backward=lambda self: None)]),
        TypeError,
        ["Own.backward takes ()", "write def backward(self, delta)"],
    ),
    "build as in Keras": (
        lambda: bp.Sequential([own_layer(build=lambda self, input_shape: None)]),
        TypeError,
        ["Own makes its parameters in build: do so in def make_parameters(self, input_shape)"],
    ),
    "no super().__init__()": (
        lambda: bp.Sequential([own_layer(__init__=lambda self: None)]),
        TypeError,
        ["Own.__init__ must call super().__init__()"],
    ),
    "own loss": (
        lambda: classifier().compile("sgd", own_loss(values=lambda self, y: y)),
        TypeError,
        ["Own.values takes (y)", "write def values(self, prediction, target)"],
    ),
    "own loss without super()": (
        lambda: classifier().compile("sgd", own_loss(__init__=lambda self: None)),
        TypeError,
        ["Own.__init__ must call super().__init__()"],
    ),
    "regions of no model": (
        lambda: bp.plotting.decision_regions("model", X[:, :2], C),
        TypeError,
        ["predict must be a model, or a function of points", "'model'"],
    ),
    "same layer twice": (add_twice, ValueError, ["'dense_1'", "already", "new one"]),
    "layer of another model": (add_to_two_models, ValueError, ["'dense_1'", "already"]),
    "duplicate names": (
        lambda: bp.Sequential([Dense(3, name="a"), ReLU(name="a")]),
        ValueError,
        ["'a'", "names must differ"],
    ),
    "duplicate names like those by number": (
        lambda: bp.Sequential([Dense(3, name="dense_1"), Dense(3, name="dense_1")]),
        ValueError,
        ["'dense_1'", "names must differ"],
    ),
    "input not first": (
        lambda: bp.Sequential([Dense(3), Input(4)]),
        ValueError,
        ["Input must stand first"],
    ),
    "two inputs": (lambda: bp.Sequential([Input(4), Input(4)]), ValueError, ["Input", "once"]),
    "input size": (lambda: Input((None, 4)), ValueError, ["Input(shape)", "(784,)"]),
    "units": (lambda: Dense(0), ValueError, ["units", "0"]),
    "dtype": (lambda: bp.Sequential(dtype="int32"), ValueError, ["dtype", "float32", "'int32'"]),
    "dtype unknown": (lambda: bp.Sequential(dtype="foo"), ValueError, ["dtype", "'foo'"]),
    "seed": (lambda: bp.Sequential(seed=-1), ValueError, ["seed", "-1"]),
    "seed text": (lambda: bp.Sequential(seed="a"), ValueError, ["seed", "'a'"]),
    "logits after softmax": (
        lambda: classifier().compile("sgd", CategoricalCrossentropy(from_logits=True)),
        ValueError,
        ["logits", "'softmax_1'", "drop one"],
    ),
}


@pytest.mark.parametrize(("call", "error", "words"), CALLS.values(), ids=CALLS)
def test_mistake_has_a_helpful_error(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert_speaks(caught, words)


def test_compile_that_fails_leaves_the_model_compiled_as_it_was():
    model = classifier()
    loss, optimizer, metrics = model.loss, model.optimizer, model.metrics
    for arguments in (
        ("sdg",),
        ("sgd", "msee"),
        ("sgd", "mse", ["acuracy"]),
        ("sgd", "mse", "acc"),
    ):
        with pytest.raises((ValueError, TypeError)):
            model.compile(*arguments)
    assert model.loss is loss
    assert model.optimizer is optimizer
    assert model.metrics is metrics


def test_add_that_fails_leaves_the_model_as_it_was():
    model = bp.Sequential([Dense(3)], seed=0)
    model.compile("sgd", CategoricalCrossentropy(from_logits=True))
    loss = model.loss
    for wrong in (Softmax(), Dense, ReLU(name="dense_1"), model.layers[0], Input(3)):
        with pytest.raises((ValueError, TypeError)):
            model.add(wrong)
    assert [layer.name for layer in model.layers] == ["dense_1"]
    assert model.loss is loss
    model.fit(X, ONE_HOT, verbose=0)
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([np.zeros((4, 3))], ShapeError, ["dense_1.W (4, 3), dense_1.b (3,)", "received (4, 3)."]),
        ([np.zeros((3, 4)), np.zeros(3)], ShapeError, ["(4, 3)", "received (3, 4), (3,)"]),
        ([np.zeros((4, 3)), 0.0], ShapeError, ["dense_1.b (3,)", "(4, 3), ()"]),
        ([], ShapeError, ["dense_1.W", "received none"]),
        (None, ShapeError, ["dense_1.W", "received none"]),
        (7, TypeError, ["weights must be a list"]),
        ([np.zeros((4, 3)), ["a", "b", "c"]], TypeError, ["weights[1] must hold numbers"]),
        ([np.zeros((4, 3)), [[1], [1, 2]]], ShapeError, ["weights", "same length"]),
    ],
)
def test_set_weights_that_fails_changes_no_weight(weights, error, words):
    model = bp.Sequential([Input(4), Dense(3)], seed=0)
    before = model.parameters.values.copy()
    with pytest.raises(error) as caught:
        model.set_weights(weights)
    assert_speaks(caught, words)
    np.testing.assert_array_equal(model.parameters.values, before)


class ForgetsTheOutputs(Layer):
    def forward(self, X, training=False):
        X * 2

    def backward(self, delta):
        return delta


class ForgetsTheGradient(Layer):
    def forward(self, X, training=False):
        return X

    def backward(self, delta):
        delta * 2


def test_a_layer_that_returns_nothing_is_named():
    """Layers before one without ∂E/∂X never learnt, and nobody said so."""
    with pytest.raises(
        TypeError, match=r"ForgetsTheOutputs.*\.forward must return .* returned None"
    ):
        bp.inspection.check_layer(ForgetsTheOutputs(), (3,))
    for layer, words in (
        (ForgetsTheOutputs(), r"'forgets_the_outputs_1'\.forward must return .* returned None"),
        (ForgetsTheGradient(), r"'forgets_the_gradient_1'\.backward returned None.* need ∂E/∂X"),
        (Chain([ForgetsTheGradient()]), r"'chain_1'\.backward returned None"),
        (Chain([Dense(3), ForgetsTheGradient()]), r"'forgets_the_gradient_1'\.backward returned"),
    ):
        model = bp.Sequential([Dense(4), layer, Dense(3), Softmax()], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.build((None, 4))
        before = model.parameters.values.copy()
        with pytest.raises(TypeError, match=words):
            model.fit(X, C, verbose=0)
        np.testing.assert_array_equal(model.parameters.values, before)
    model = bp.Sequential([ForgetsTheGradient(), Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, C, verbose=0)  # where it stands first nobody needs it

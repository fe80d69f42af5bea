"""What a newcomer writes first, on every verb: the answer names the argument and what to write."""

import inspect
import re
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
from mistakes import C, X, assert_speaks, classifier
from programs import run
from rows import each

import backprop as bp
from backprop import datasets, inspection, plotting
from backprop.callbacks import LivePlot
from backprop.core.errors import NotBuiltError
from backprop.layers import (
    GRU,
    LSTM,
    Activation,
    Bidirectional,
    Chain,
    Columns,
    Conv1D,
    Conv2D,
    Cropping2D,
    Dense,
    Embedding,
    Input,
    Layer,
    MultiHeadAttention,
    Parallel,
    Permute,
    ReLU,
    RepeatVector,
    Reshape,
    Residual,
    Sigmoid,
    SimpleRNN,
    TimeDistributed,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from backprop.losses import Huber, Loss
from backprop.metrics import Metric
from backprop.optimizers import LBFGS, Adam, bookkeeping
from backprop.sequential.elsewhere import ELSEWHERE


def compiled():
    model = classifier()
    model.build((None, *X.shape[1:]))
    return model


def compiled_with(loss):
    model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", loss)
    return model


CALLS = {
    "Input(name)": (lambda: Input((4,), name="x"), "there is no such argument; those of Input"),
    "Input(batch_shape)": (lambda: Input(batch_shape=(None, 4)), "no such argument"),
    "Activation": (lambda: bp.Sequential([Activation("relu")]), r"such as ReLU\(\)"),
    "Dense(8, ReLU())": (lambda: Dense(8, ReLU()), r"a layer of its own: Dense\(8\), ReLU\(\)"),
    "Dense(8, tanh)": (lambda: Dense(8, np.tanh), r"a layer of its own: Dense\(8\), Tanh\(\)"),
    "Dense(8, 'softmax')": (lambda: Dense(8, "softmax"), r"Dense\(8\), Softmax\(\)\.$"),
    "activation='swish'": (lambda: Dense(8, activation="swish"), r"Dense\(8\), SiLU\(\)\.$"),
    "activation='leaky_relu'": (
        lambda: Conv2D(8, 3, activation="leaky_relu"),
        r"Conv2D\(8, 3\), LeakyReLU\(\)\.$",
    ),
    "activation='linear'": (
        lambda: Dense(1, activation="linear"),
        r"a layer of its own, and Dense\(1\) has none\.$",
    ),
    "activation of a class of one's own": (
        lambda: type("Mine", (Dense,), {})(8, activation="tanh"),
        r"^Mine\(8\) cannot be made .* Mine\(8\), Tanh\(\)\.$",
    ),
    "activation of one's own": (
        lambda: Dense(8, activation=lambda z: z),
        r"Dense\(8\), and a layer such as ReLU\(\)\.$",
    ),
    "Conv1D(8)": (
        lambda: Conv1D(8),
        r"^Conv1D\(8\) lacks kernel_size; those of Conv1D are filters,",
    ),
    "Conv1D(in, out)": (
        lambda: Conv1D(1, 8, kernel_size=3),
        r"^Conv1D\(1, 8\) .* kernel_size is 8 already, by its place; a layer finds by itself how",
    ),
    "SGD twice": (
        lambda: bp.optimizers.SGD(0.1, learning_rate=0.2),
        r"learning_rate is 0.1 already, by its place; those of SGD are",
    ),
    "Dense.build": (lambda: Dense(3).build((None, 4)), r"input_shape of Dense must .* one sample"),
    "Dense.build()": (lambda: Dense(3).build("4"), r"input_shape of Dense must .* one sample"),
    "SimpleRNN": (
        lambda: SimpleRNN(return_sequences=True),
        r"^SimpleRNN\(\) lacks units; those of SimpleRNN are units",
    ),
    "Layer": (lambda: bp.Sequential([Layer()]), "computes nothing"),
    "fit_many": (
        lambda: bp.fit_many([classifier()], X, C, nb_epoch=3),
        r"fit is called as fit\(x, y, nb_epoch=…\), nb_epoch: the name is epochs",
    ),
    "cross_validate": (lambda: bp.cross_validate(classifier, X, C, cv=3), "search have folds="),
    "search": (lambda: bp.search(lambda a: 5, {"a": [1]}, X, C, folds=2), "^build returned 5: let"),
    "summary": (lambda: classifier().summary(5), "print_fn must be a function"),
    "saliency": (lambda: plotting.saliency(classifier(), X), "image must hold numbers"),
    "pad_sequences": (lambda: datasets.pad_sequences(5), "sequences must be a list"),
    "Vocabulary": (lambda: datasets.Vocabulary(5), "texts must be one string or a list"),
    "check_layer": (lambda: inspection.check_layer(Dense, (4,)), "layer must be a layer"),
    "no layer": (lambda: inspection.check_layer(5, (4,)), "layer must be a layer"),
    "predict": (lambda: classifier().predict(X, verbose="a"), "verbose must be"),
    "predict batches": (lambda: classifier().predict([(X, C)], verbose=7), "verbose must be"),
    "digits": (lambda: datasets.load_digits(images="False"), "images must be True or False"),
    "LivePlot": (lambda: LivePlot("a.png", keys=5), "keys must be a list"),
    "keys": (lambda: LivePlot("a.png", keys=[5]), "every one of keys must be a string"),
    "sparse picture": (
        lambda: plotting.confusion_matrix(scipy.sparse.eye_array(3)),
        r"pass matrix\.toarray\(\)",
    ),
    "rate range": (lambda: bp.learning_rate_range(classifier, X, C), "model must be a model"),
    "rate range of none": (lambda: bp.learning_rate_range(None, X, C), "model must be a model"),
    "surface": (lambda: inspection.loss_surface(classifier, X, C), "call the function"),
    "shape of an array": (lambda: inspection.check_layer(Dense(3), X), "input_shape must be"),
    "Input of an array": (lambda: Input(X), r"Input\(shape\) must be the shape of one sample"),
    "seed of text": (lambda: inspection.check_layer(Dense(3), (4,), seed="0"), "seed must be"),
    "loss by name": (lambda: inspection.check_loss("mse", (3,)), "loss must be a loss, an object"),
    "loss as class": (lambda: inspection.check_loss(Loss, (3,)), "loss must be a loss, an object"),
    "seed of a loss": (lambda: inspection.check_loss(Huber(), (3,), seed=-1), "seed must be"),
    "outputs": (lambda: inspection.layer_outputs(classifier, X), "chain must be a model"),
    "costs": (lambda: inspection.gradient_cost(classifier, X, C), "model must be a model"),
    "gradients": (lambda: inspection.check_gradients("model", X, C), "model must be a model"),
    "explain": (lambda: bp.explain.explain(classifier, X, C), "model must be a model"),
    "explain a class": (lambda: bp.explain.explain(bp.Sequential, X, C), "model must be a model"),
    "fit_many functions": (lambda: bp.fit_many([classifier], X, C), "models must hold"),
    "fit_many without a list": (
        lambda: bp.fit_many(classifier, X, C),
        r"call what makes one, as in \[build\(\) for",
    ),
    "search without samples": (
        lambda: bp.search(lambda rate: None, {"rate": [0.1, 0.2]}, [], []),
        r"^X has the shape \(0,\) and y \(0,\): .* at least as many samples as folds \(5\)",
    ),
    "fit_many samples apart": (
        lambda: bp.fit_many([classifier(), classifier()], [X, X], [C, C], verbose=0),
        r"an array for each of the 2 models.*rows=\[…\]",
    ),
    "fit_many samples apart, unequal": (
        lambda: bp.fit_many([classifier(), classifier()], [X, X[:5]], [C, C[:5]], verbose=0),
        r"an array for each of the 2 models.*rows=\[…\]",
    ),
    **{
        f"a last state into {layer}": (
            lambda layer=layer: bp.Sequential([LSTM(8), layer]).predict(np.ones((3, 4, 2))),
            r"of shape \(N, 8\):.* takes return_sequences=True",
        )
        for layer in (GRU(8), Conv1D(4, 2), MultiHeadAttention(2, 4), TimeDistributed(Dense(3)))
    },
    **{
        f"x and y in a {type(x).__name__}": (
            lambda x=x: classifier().fit(x, batch_size=8),
            "pass the samples as arrays, x and y each by itself",
        )
        for x in ((X, C), list(zip(X, C, strict=True)))
    },
    **{
        f"labels and {loss}": (
            lambda loss=loss: compiled_with(loss).fit(X, np.array(["no", "yes"] * 6)),
            message,
        )
        for loss, message in {
            "mse": "but y holds text, 'no' in row 0 .*: encode text and categories as numbers",
            "binary_crossentropy": r"dtype is <U3: number .* np\.unique\(y, return_inverse=True\)",
            "hinge": "but y holds text, 'no' in row 0 .*: encode text and categories as numbers",
        }.items()
    },
    "an activity regularizer": (
        lambda: Dense(32, activity_regularizer="l1"),
        r"a layer of its own: Dense\(32\), ActivityRegularization\(l1=0\.01\)",
    ),
    "inputs and outputs": (
        lambda: Dense(64, 64),
        r"but it is 64: the number of inputs is found by itself: Dense\(64\)\.",
    ),
    "several losses": (lambda: compiled_with(["mse", "hinge"]), "'hinge'\\]: a model has one"),
    "losses by name": (lambda: compiled_with({"a": "mse"}), "'mse'}: a model has one"),
    "validation by position": (
        lambda: classifier().fit(X, C, (X, C)),
        r"^batch_size, which follows y, .*: write validation_data=\(x, y\)",
    ),
    "a long integer": (lambda: Dense(tuple(range(999))), r"it is .{80}\.$"),
    "images into Dense": (
        lambda: classifier().fit(np.ones((12, 8, 8)), C),
        r"the targets, of shape \(12,\), have a class for each sample, but .* Flatten\(\)",
    ),
    "images of two sizes": (
        lambda: classifier().fit([np.ones((8, 8)), np.ones((9, 8))], [0, 1]),
        "Images are resized to one size",
    ),
    "a schedule without its steps": (
        lambda: bp.schedules.ExponentialDecay(0.1),
        r"^ExponentialDecay\(0\.1\) lacks decay_steps and decay_rate; those of",
    ),
    "a schedule of another library": (
        lambda: bp.schedules.CosineDecay(0.1, 100, lr=1),
        r"^CosineDecay\(0\.1, 100\) cannot be made with lr=1: ",
    ),
    "ONNX by save": (lambda: compiled().save("m.onnx"), r"model\.export\(path\) writes ONNX"),
    "TensorFlow by export": (lambda: compiled().export("m.tflite"), "export writes ONNX"),
    "labels of regions": (
        lambda: plotting.decision_regions(
            lambda Z: np.array(["no", "yes"])[(Z[:, 0] > 0) * 1], X[:, :2], C % 2
        ),
        r"returned np.str_\('no'\), …: number the classes as in y",
    ),
    "labels of samples": (
        lambda: plotting.decision_regions(lambda Z: Z[:, 0] > 0, X[:, :2], np.array(["a"] * 12)),
        r"np\.unique\(y, return_inverse=True\)\[1\]",
    ),
    "fit_many class": (lambda: bp.fit_many([bp.Sequential], X, C), "models must hold"),
    "build of a number": (lambda: bp.cross_validate(lambda: 5, X, C), "build returned 5"),
    "build of none": (lambda: bp.cross_validate(lambda: None, X, C), "return the model"),
    "search of none": (
        lambda: bp.search(lambda a: None, {"a": [1]}, X, C),
        "build returned None",
    ),
    "a matrix of labels": (lambda: plotting.confusion_matrix(C, C), "confusion_matrix.*counts it"),
    "curves of a model": (
        lambda: plotting.loss_curves(classifier()),
        "or the History of a fit, .* but it is of type Sequential",
    ),
    "a dict of layers": (lambda: bp.Sequential({"a": Dense(3)}), r"write layers=\[<Dense>\]"),
    "sequences to repeat": (
        lambda: bp.Sequential([RepeatVector(2)]).predict(np.ones((3, 4, 2))),
        r"\(N, C\) but received one of shape \(N, 4, 2\).*Reshape\(\(C,\)\)",
    ),
    **{
        f"columns by {names!r}": (
            lambda names=names: Columns(names),
            r"from 0, but \['age'\] holds names: .* x\.columns\.get_indexer\(\['age'\]\) gives",
        )
        for names in ("age", ["age"])
    },
    **{
        f"x and y alone in a {type(x).__name__}": (
            lambda x=x: classifier().evaluate(x),
            r"it made .* pass them as arrays, x and y each by itself\.$",
        )
        for x in ((X, C), [X, C], (X.tolist(), C.tolist()))
    },
    "samples in columns": (
        lambda: classifier().fit(X.T, C),
        (
            r"one target for each sample\. "
            r"If the samples of x are its columns: pass np\.transpose\(x\)\.$"
        ),
    ),
    "samples and targets in columns": (
        lambda: classifier().fit(X.T, C[np.newaxis]),
        r"If the samples of x are its columns: pass np\.transpose\(x\) and np\.transpose\(y\)\.$",
    ),
    "the shape of all samples": (
        lambda: bp.Sequential([Input(X.shape), Dense(3)]).predict(X),
        r"x\[np\.newaxis\]; if its rows are the samples, begin with Input\(\(4,\)\)\.$",
    ),
    "a layer that is called": (lambda: Dense(3)(X), "list the layers in the order"),
    "a layer as a loss": (lambda: classifier().compile("sgd", Dense(3)), "loss must be a name"),
    "a model as a build": (lambda: bp.cross_validate(classifier(), X, C), "a function of"),
    "a loss that is called": (lambda: compiled().loss(C, X), r"forward\(prediction, target\)"),
    "parameters as a method": (
        lambda: compiled().parameters(),
        r"write model\.parameters, without",
    ),
    "curves of one evaluation": (
        lambda: plotting.loss_curves({"loss": 0.5, "accuracy": 0.9}),
        r"^histories\['loss'\] must be a non-empty array with 1 axes",
    ),
    "windows of a text": (
        lambda: datasets.windows("so it goes", 3),
        r"series is a text: pass its numbers, Vocabulary\(text, …\)\.encode\(text\)",
    ),
    "a step without parameters": (
        lambda: compiled().optimizer.step(),
        r"call optimizer\.step\(model\.parameters\)",
    ),
    "a step of the model": (lambda: compiled().optimizer.step(compiled()), "SGD.step takes the"),
    "a step of L-BFGS": (lambda: bp.optimizers.LBFGS().step(), "LBFGS cannot take a step"),
    "curves": (lambda: plotting.loss_curves({"loss": [1.0]}, 5), "keys must be a list"),
    "a model of a model": (lambda: bp.Sequential(classifier()), "a list of layers in its place"),
    "a block of a model": (lambda: Residual(classifier()), "a list of layers in its place"),
    "branches of a model": (lambda: Parallel(classifier()), "a list of layers in its place"),
    "a shortcut": (lambda: Residual([Dense(3)], shortcut=True), "layers come from bp.layers"),
    "a class of layers": (lambda: bp.Sequential(Dense), "add the parentheses"),
    "a layer by name": (lambda: Chain("relu"), r"objects such as Dense\(8\)"),
    "weights of a model": (
        lambda: compiled().set_weights(compiled()),
        r"must be a list of arrays.*: get_weights\(\) of a model returns one",
    ),
    "weights of a file": (
        lambda: compiled().set_weights("weights.npz"),
        r"model\.load_weights\(path\) reads",
    ),
    "weights by name": (
        lambda: compiled().set_weights({"a": X}),
        r"pass list\(weights\.values\(\)\)",
    ),
    "weights by name of PyTorch": (
        lambda: compiled().set_weights({"0.weight": SimpleNamespace(detach=None)}),
        r"axes in another order.*save_file\(…, path\), and call model\.load_weights\(path\)",
    ),
}


@pytest.mark.parametrize(("call", "words"), CALLS.values(), ids=CALLS)
def test_the_answer_is_in_our_words(call, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        call()
    assert_speaks(caught, [])


@pytest.mark.parametrize("name", ELSEWHERE)
def test_verbs_of_other_libraries_are_answered(name):
    model = classifier()
    with pytest.raises(AttributeError, match=f"Sequential has no attribute '{name}': ") as caught:
        getattr(model, name)
    assert_speaks(caught, [ELSEWHERE[name]])
    assert not hasattr(model, name)
    assert name not in dir(model)
    with pytest.raises(AttributeError, match="nobody reads"):
        setattr(model, name, 5)


def test_models_and_histories_say_what_to_write_for_their_items():
    model = classifier()
    for index in (
        lambda: model[0],
        lambda: model["dense_1"],
        lambda: list(model),
        lambda: 3 in model,
    ):
        with pytest.raises(TypeError, match=r"^Sequential has no items: write model\.layers\[0\]"):
            index()
    history = model.fit(X, C, verbose=0)
    with pytest.raises(TypeError, match=r"^History has no items: write history\.history\['loss'\]"):
        history["loss"]
    assert model
    assert history


@pytest.mark.parametrize("verb", ["predict", "evaluate", "fit", "summary", "save_weights"])
def test_a_history_in_the_place_of_the_model_says_where_the_model_is(verb):
    model = classifier()
    history = model.fit(X, C, verbose=0)
    with pytest.raises(AttributeError, match=r"without model = .*; history\.model is the model\.$"):
        getattr(history, verb)
    assert history.model is model
    assert not hasattr(history, verb)
    assert verb not in dir(history)


def test_models_of_ones_own_may_have_such_verbs():
    class Scored(bp.Sequential):
        def score(self):
            return self.weights

    model = Scored([Dense(3)])
    model.weights = 5
    assert model.score() == 5
    assert {"score", "weights"} <= set(dir(model))
    assert "train" not in dir(model)


def test_predictions_are_silent_whatever_verbose_is(capsys):
    for verbose in (0, 1, 2, "auto", np.int64(1)):
        classifier().predict(X, verbose=verbose)
    assert capsys.readouterr().out == ""


def test_a_model_can_be_called():
    model = classifier()
    model.build((None, *X.shape[1:]))
    np.testing.assert_array_equal(model(X), model.predict(X))
    model(X, training=True)
    model.loss.forward(model(X, training=True), C)
    assert model.backward() is not None or model.parameters.gradients.any()


def test_what_the_layers_of_a_model_make_of_a_batch():
    """Also of one whose last activation is joined with its loss."""
    model = classifier()
    found = inspection.layer_outputs(model, X)
    np.testing.assert_array_equal(found["softmax_1"], model.predict(X))
    assert list(found) == [layer.name for layer in model.layers]


@pytest.mark.parametrize(("made", "name", "words"), [
    (lambda: Dense(3), "kernel", "there is W"),
    (lambda: Dense(3), "get_weights", "there is parameters, each with its .value"),
    (lambda: classifier().layers[0], "output", "there is activations"),
    (Layer, "add_weight", r"there is add_parameter\(name, shape"),
    (lambda: Metric("hits"), "add_weight", "keep it in an attribute"),
    (lambda: Metric("hits"), "add_state", "keep it in an attribute"),
])  # fmt: skip
def test_names_of_other_libraries_are_told(made, name, words):
    with pytest.raises(AttributeError, match=words):
        getattr(made(), name)
    assert not hasattr(made(), name)


@pytest.mark.parametrize(("name", "value", "words"), [
    ("dtype", "float64", r"Sequential\(…, dtype=…\)"),
    ("trainable", False, r"\.trainable = False"),
])  # fmt: skip
def test_arguments_that_layers_have_elsewhere(name, value, words):
    with pytest.raises(TypeError, match=words):
        Dense(8, **{name: value})


@pytest.mark.parametrize(("make", "words"), [
    (lambda: Parallel(Dense(4), Dense(4)), "Parallel([Dense(…), Dense(…)])"),
    (lambda: Chain(Dense(4), ReLU()), "Chain([Dense(…), ReLU(…)])"),
    (lambda: Chain(Dense(4), ReLU(), Dense(2)), "Chain([Dense(…), ReLU(…), Dense(…)])"),
    (lambda: Residual(Dense(4), ReLU(), Dense(4)), "Residual([Dense(…), ReLU(…), Dense(…)])"),
    (lambda: TimeDistributed(Dense(3), ReLU()), "TimeDistributed([Dense(…), ReLU(…)])"),
    (lambda: Bidirectional(LSTM(2), LSTM(2)), "Bidirectional(LSTM(…), backward_layer=LSTM(…))"),
    (lambda: Reshape(2, 2), "Reshape((2, 2))"),
    (lambda: Reshape(2, 2, 1), "Reshape((2, 2, 1))"),
    (lambda: Permute(2, 1), "Permute((2, 1))"),
    (lambda: ZeroPadding2D(1, 1), "ZeroPadding2D((1, 1))"),
    (lambda: ZeroPadding2D((1, 1), (2, 0)), "ZeroPadding2D(((1, 1), (2, 0)))"),
    (lambda: ZeroPadding1D(1, 0), "ZeroPadding1D((1, 0))"),
    (lambda: Cropping2D(1, 1), "Cropping2D((1, 1))"),
    (lambda: UpSampling2D(2, 2), "UpSampling2D((2, 2))"),
])  # fmt: skip
def test_brackets_that_are_missing_are_told(make, words):
    with pytest.raises(TypeError, match=re.escape(f"cannot be made: write {words}.")):
        make()


def test_brackets_that_are_there():
    for layer in (Residual([Dense(4)], [Dense(4)]), Parallel([Dense(4), Dense(4)], "add", "sum"),
                  Reshape((2, 2), "square"), Bidirectional(LSTM(2), "sum"),
                  ZeroPadding2D(((1, 1), (2, 0)))):  # fmt: skip
        assert isinstance(layer, bp.layers.Layer)


@pytest.mark.parametrize(("make", "words"), [
    (lambda m: Adam(m.parameters), r"learning rate first, such as Adam\(0.001\).* model.compile\("),
    (lambda m: Adam(m.parameters, 0.1), r"learning rate first, such as Adam\(0.001\)"),
    (lambda m: LBFGS(lr=1), "with lr=1: the line search of L-BFGS finds the length of every step"),
    (lambda m: setattr(LBFGS(), "lr", 1), "the line search of L-BFGS finds the length of every"),
    (lambda m: setattr(LBFGS(), "momentum", 0.9), "'momentum' of LBFGS: others have it"),
    (lambda m: setattr(m, "lr", 0.1), "it is the optimizer's: model.optimizer.learning_rate"),
    (lambda m: setattr(m, "learning_rate", 0.1), r"optimizer's: model\.optimizer\.learning_rate"),
    (lambda m: setattr(m.optimizer, "lr", 0.1), "set learning_rate"),
    (lambda m: Dense(3, lr=0.1), "the name is learning_rate, and optimizers have it"),
])  # fmt: skip
def test_the_learning_rate_where_it_is_not(make, words):
    model = classifier()
    model.build((None, 4))
    with pytest.raises((TypeError, AttributeError), match=words):
        make(model)


def test_parameters_are_told_what_others_call_their_arrays():
    parameter = compiled().layers[0].parameters[0]
    for name, there in (("grad", "gradient"), ("data", "value"), ("numpy", "value")):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}': write \.{there}\.$"):
            getattr(parameter, name)
    with pytest.raises(AttributeError, match=r"'requires_grad': write \.trainable\.$"):
        parameter.requires_grad = False


def test_optimizers_are_told_what_others_call_a_step():
    for name, words in bookkeeping.ELSEWHERE.items():
        for made in (bp.optimizers.SGD(), bp.optimizers.Adam()):
            with pytest.raises(AttributeError, match=re.escape(f"no attribute '{name}': {words}")):
                getattr(made, name)
            assert name not in dir(made)


VERBS = {
    "fit(X, C, nb_epoch=3)": "fit has no argument nb_epoch: the name is epochs.",
    "fit(X, C, class_weights={})": "fit has no argument class_weights: the name is class_weight.",
    "fit(X, C, validation=(X, C))": "validation: the name is validation_data, (x, y).",
    "fit(X, C, eggs=3)": "no argument eggs: its arguments are x, y, batch_size, epochs, verbose,",
    "fit(X, C, y=C)": "fit is given y twice; its arguments are",
    "fit()": "fit lacks x; its arguments are x, y,",
    "compile('sgd', 'mse', lr=3)": "compile has no argument lr: it is the optimizer's",
    "compile('sgd', 'mse', loss_weights=[1])": "loss_weights: a model has one loss.",
    "compile('sgd', 'mse', jit_compile=True)": "compile has no argument jit_compile: steps are",
    "save()": "save lacks path; its arguments are path, include_optimizer.",
    "save('a', True, 3)": "save is given 3 arguments; its arguments are path, include_optimizer.",
    "explain(X)": "explain lacks y; its arguments are X, y, sample_weight.",
    "predict(X, workers=2)": "predict has no argument workers: batches come one after the other",
    "predict()": "predict lacks x; its arguments are x, batch_size, verbose, steps, callbacks.",
    "evaluate(X, C, use_multiprocessing=True)": "evaluate has no argument use_multiprocessing:",
    "get_layer(index=0)": "get_layer has no argument index: write model.layers[index].",
    "set_weights(X, X)": "set_weights is given 2 arguments; its arguments are weights.",
    "train_on_batch(X, C, reset_metrics=False)": "reset_metrics: its arguments are x, y, sample_",
    "test_on_batch(X)": "test_on_batch lacks y; its arguments are x, y, sample_weight, return_dict",
    "build()": "build lacks input_shape; its arguments are input_shape.",
    "check_gradients()": "check_gradients lacks X and y; its arguments are X, y, sample",
    "fit(X, C, random_state=1)": "random_state: Sequential, cross_validate and search have seed=0.",
    "fit(X, C, test_size=0.2)": "fit has no argument test_size: its arguments are x, y, batch_size",
    "evaluate(X, C, class_weights={})": "no argument class_weights: its arguments are x, y, batch_",
    "evaluate(X, C, sample_weights=C)": "no argument sample_weights: the name is sample_weight.",
    "predict(X, epoch=1)": "predict has no argument epoch: its arguments are x, batch_size",
}


FUNCTIONS = {
    "load_model('a.npz', compile=False)": "compile: a model is loaded as it was saved; compile(…)",
    "load_onnx()": "load_onnx lacks path; its arguments are path.",
    "load_onnx('a', 'b', 'c')": "load_onnx is given 3 arguments; its arguments are path.",
    "datasets.stratified_split(X, C, test_size=0.2)": "test_size: the name is test_fraction",
    "datasets.stratified_split(X, C, 0.2, 1, 2)": "stratified_split is given 5 arguments; its arg",
    "datasets.standardize(X, with_mean=False)": "standardize has no argument with_mean: its arg",
    "datasets.load_iris(return_X_y=True)": "return_X_y: all data sets are returned as (X, y), (X",
    "datasets.load_digits(n_class=5)": "load_digits has no argument n_class: its arguments are ",
    "datasets.standardize()": "standardize lacks X; its arguments are X, others.",
    "plotting.confusion_matrix(X, cmap='Blues')": "cmap: its arguments are matrix, ",
    "explain.explain(model, X)": "explain lacks y; its arguments are model, X, y, sample_weight.",
    "inspection.check_loss(None, 3, X, X)": "batch_size, seed, prediction, target by name alone",
    "learning_rate_range(model, X, C, epochs=1)": "epochs: its arguments are model, X, y, start,",
    "cross_validate(lambda: model, X)": "cross_validate lacks y; its arguments are build, X, y, ",
    "cross_validate(lambda: model)": "lacks X and y; its arguments are build, X, y, folds, seed, ",
    "search(lambda: model, X, epochs=3)": "search lacks X and y; its arguments are build, settings",
    "fit_many([model], X, epochs=3)": "fit_many lacks y; its arguments are models, x, y, rows, ",
    "fit_many([model], X, C, 10)": "fit_many takes rows, validation_rows, executor by name alone",
    "fit_many([model], X, C, random_state=1)": "cross_validate and search have seed=0.",
    "fit_many([model], X, C, class_weights={})": "class_weights: the name is class_weight.",
    "datasets.Vocabulary()": "Vocabulary lacks texts; its arguments are texts, kind, size.",
    "datasets.Vocabulary('a', max_tokens=9)": "Vocabulary has no argument max_tokens: its argum",
    "distributed.Workers(n=4)": "n=4: there is no such argument; those of Workers are shards",
    "inspection.check_layer(bp.layers.Dense(3), 4, 5)": "batch_size, seed by name alone, as",
    "inspection.check_layer(bp.layers.Dense(3), 4, 5, seed=1)": "by name alone, as in batch_",
}


CALLS = {f"model.{call}": words for call, words in VERBS.items()}
CALLS |= {f"bp.{call}": words for call, words in FUNCTIONS.items()}


@pytest.mark.parametrize(("call", "words"), CALLS.items(), ids=CALLS)
def test_arguments_that_a_verb_or_a_function_does_not_take(call, words):
    with pytest.raises(TypeError, match=re.escape(words)) as caught:
        eval(call, {"bp": bp, "model": classifier(), "X": X, "C": C})
    assert_speaks(caught, [])


ROOMS = ("datasets", "explain", "inspection", "metrics", "plotting")
PUBLIC = {
    f"{room}.{name}": getattr(getattr(bp, room), name)
    for room in ROOMS
    for name in getattr(bp, room).__all__
    if name not in ("get", "get_all")  # which the package calls itself
}


@each("name", [name for name, public in PUBLIC.items() if inspect.isfunction(public)])
def test_every_function_answers_arguments_that_it_does_not_take(name):
    function = PUBLIC[name]
    with pytest.raises(TypeError, match=f"^{function.__name__} has no argument eggs: it"):
        function(eggs=3)


@each("verb", [
    "fit(X, C, verbose=0).plot(size=3)",
    "explain(X, C).plot(size=3)",
    "explain(X, C).save(size=3)",
    "explain(X, C).latex(size=3)",
    "explain(X, C).paths(size=3)",
    "activations(X, size=3)",
    "predict_on_batch(X, size=3)",
    "add(ReLU(), size=3)",
    "reset(size=3)",
])  # fmt: skip
def test_verbs_of_what_a_fit_or_explain_returns_do_so_too(verb):
    given = {"model": classifier(), "X": X, "C": C, "ReLU": ReLU}
    with pytest.raises(TypeError, match=r"has no argument size: it(s arguments are| takes none)"):
        eval(f"model.{verb}", given)


def test_what_needs_an_import_of_its_own_says_so():
    """scikit-learn is loaded with the estimators, and with nothing else."""
    found = run("-c", "import backprop as bp; bp.estimators.MLPClassifier()").stderr
    assert "no attribute 'estimators' before import backprop.estimators" in found
    assert run("-c", "import backprop as bp; bp.qqqq").stderr.strip().endswith("attribute 'qqqq'")


def test_samples_in_a_list_are_told_from_samples_of_other_columns():
    """Keras takes ``fit([X], y)``; "pass samples with 4 columns" was said of these."""
    model = compiled()
    with pytest.raises(
        ValueError, match=r"\(1, 12, 4\): pass np\.asarray\(x\)\[0\], the"
    ) as caught:
        model.fit([X], C)
    assert_speaks(caught, [])
    model.fit(np.asarray([X])[0], C, verbose=0)


def test_a_metric_advises_no_other_shape_where_there_is_none():
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["mae"])
    with pytest.raises(ValueError, match=r"targets \(N,\): choose another metric\.$"):
        model.fit(X, C, verbose=0)


def test_errors_inside_a_verb_are_its_own():
    class Wrong(bp.callbacks.Callback):
        def on_train_begin(self, logs):
            len(5)

    with pytest.raises(TypeError, match="has no len"):
        classifier().fit(X, C, callbacks=[Wrong()])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(Dense(3), (5, 4)), (Conv2D(2, 3), (5, 6, 6, 1)), (LSTM(2), (5, 3, 2)),
     (Embedding(9, 2), (5, 7))],
    ids=["rows", "images", "sequences", "tokens"],
)  # fmt: skip
def test_what_builds_a_model_builds_it_for_any_inputs(layer, shape):
    """It was a number of features, which images and sequences do not have."""
    X, model = np.ones(shape), bp.Sequential([layer])
    with pytest.raises(NotBuiltError, match=r"has no parameters yet") as caught:
        model.get_weights()
    build, start = re.findall(r"(build\(\(.*?\)\)|Input\(.*?\)),", str(caught.value))
    eval(f"model.{build}", {"model": model, "X": X})
    again = bp.Sequential([eval(start, {"Input": Input, "X": X}), layer.copy()])
    assert [w.shape for w in model.get_weights()] == [w.shape for w in again.get_weights()]


@pytest.mark.parametrize(("call", "advice"), [
    ("bp.datasets.mnist.load_data()", r"has no attribute 'load_data': write .*load_mnist$"),
    ("bp.explain(model, X, C)", "is not called: write backprop.explain.explain"),
    ("bp.layers.dense(3)", r"is not called: write backprop\.layers\.Dense$"),
    ("bp.metrics.accuracy(C, C)", r"is not called: write backprop\.metrics\.Accuracy$"),
    ("bp.losses.cross_entropy(C, C)", "is not called: write"),
    ("bp.sequential()", r"is not called: write backprop\.Sequential$"),
    ("bp.initializers.constant(1)", r"is not called: write backprop\.initializers\.Constant$"),
    ("bp.data(1)", "module 'backprop.data' is not called$"),
    ("bp.optimizers.adam(0.1)", r"is not called: write backprop\.optimizers\.Adam$"),
    ("bp.constraints.NonNeg()", r"write backprop\.constraints\.NonNegative$"),
    ("bp.initializers.Identity()", r"write backprop\.initializers\.IdentityInitializer$"),
    ("bp.schedules.LearningRateSchedule", r"write backprop\.schedules\.Schedule$"),
    ("bp.regularizers.nothing", "has no attribute 'nothing'$"),
    ("bp.callbacks.LambdaCallback(print)", r"their hooks: LambdaCallback\(on_epoch_end=…\)"),
    ("bp.layers.Dense(3, kernel_regularizer=abs)", r"that defines penalty\(W\) and, below"),
    ("bp.layers.Dense(3, kernel_constraint=abs)", r"from Constraint that .* project\(W\)"),
    ("bp.layers.Dense(3, kernel_initializer=abs)", r"Initializer that defines draw\(shape, rng\)"),
    ("model.predict(X, C)", r"predict takes inputs alone: write model\.evaluate\(x, y\)"),
    ("bp.layers.Bidirectional(bp.layers.LSTM(3)).forward_layer", "there is layer, the direction"),
    ("bp.layers.Dense(3).activation", r"there is a layer of its own behind it, such as ReLU\(\)"),
    ("bp.layers.Dense(3).count_params()", r"there is summary\(\) of the model"),
    ("model.summary(X)", "print_fn must be a function"),
    ("bp.layers(3)", "module 'backprop.layers' is not called$"),
    ("bp.optimizers.Adam().minimize(1, var_list=[])", r"no minimize: .* optimizer\.step\("),
    ("bp.layers.Activation(activation='relu')", r"a layer of its own: ReLU\(\)\."),
    ("bp.layers.Activation(activation=None)", "no layer has none"),
])  # fmt: skip
def test_first_calls_of_other_libraries_are_answered(call, advice):
    with pytest.raises((TypeError, AttributeError), match=advice):
        eval(call, {"bp": bp, "model": classifier(), "X": X, "C": C})

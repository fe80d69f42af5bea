"""Worked examples from textbooks, with the digits that their authors printed.

Sources: M. Mazur (2015), "A step by step backpropagation example"; M. Nielsen (2015), "Neural
Networks and Deep Learning", chapters 1 and 3, and the program that comes with it.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Dense, Sigmoid
from backprop.losses import HalfSquaredError, MeanSquaredError
from backprop.optimizers import SGD

DATA = Path(__file__).parents[1] / "data"


def assert_prints(actual, *printed):
    """Each number, rounded to as many decimals as were printed, is the printed one."""
    actual = np.ravel(actual)
    assert len(actual) == len(printed)
    for number, text in zip(actual, printed, strict=True):
        _, _, decimals = text.partition(".")
        assert f"{number:.{len(decimals)}f}" == text


def assert_same(actual, expected, tolerance):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------------------------- Mazur's example

X = np.array([[0.05, 0.10]])
Y = np.array([[0.01, 0.99]])


def mazur_network(*, train_biases):
    model = bp.Sequential([bp.Input(2), Dense(2), Sigmoid(), Dense(2), Sigmoid()], dtype="float64")
    W1, b1 = [[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35]
    W2, b2 = [[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60]
    model.set_weights([W1, b1, W2, b2])
    for name in ("dense_1.b", "dense_2.b"):
        model.parameters[name].trainable = train_biases
    model.compile(SGD(0.5), "half_squared_error")
    return model


def mazur_reference(case):
    """Error, outputs and weights after that many rounds, with weights as ours, (in, out)."""
    expected = json.loads((DATA / "mazur.json").read_text())[case]
    weights = [expected["W1"], expected["b1"], expected["W2"], expected["b2"]]
    return expected["E"], expected["o"], [np.transpose(array) for array in weights]


@pytest.fixture
def first_pass():
    """The network after step 4 of 5: its weights are still the first ones."""
    model = mazur_network(train_biases=False)
    prediction = model.forward(X, training=True)
    model.loss.forward(prediction, Y)
    model.backward()
    return model


def test_mazur_forward_pass(first_pass):
    hidden, hidden_sigmoid, output, output_sigmoid = first_pass.layers
    assert_prints(hidden.Z, "0.3775", "0.3925")
    assert_prints(hidden_sigmoid.A, "0.593269992", "0.596884378")
    assert_prints(output.Z[0, 0], "1.105905967")
    assert_prints(output_sigmoid.A, "0.751365070", "0.772928465")


def test_mazur_errors_of_each_output_and_their_sum(first_pass):
    prediction = first_pass.predict(X)
    errors = [HalfSquaredError().forward(prediction[:, [k]], Y[:, [k]]) for k in (0, 1)]
    assert_prints(errors, "0.274811083", "0.023560026")
    assert_prints(first_pass.evaluate(X, Y), "0.298371109")


def test_mazur_output_layer_gradients(first_pass):
    _, _, output, output_sigmoid = first_pass.layers
    error_by_output = output_sigmoid.delta
    error_by_net = output.delta
    assert_prints(error_by_output[0, 0], "0.74136507")
    assert_prints(error_by_net[0, 0] / error_by_output[0, 0], "0.186815602")
    assert_prints(error_by_net[0, 0], "0.138498562")
    assert_prints(output.dW[0, 0], "0.082167041")


def test_mazur_hidden_layer_gradients(first_pass):
    hidden, hidden_sigmoid, output, _ = first_pass.layers
    paths = output.delta[0] * output.W[0]  # from each output back to the first hidden neuron
    assert_prints(paths, "0.055399425", "-0.019049118")  # he prints …119, from rounded factors
    assert_prints(hidden_sigmoid.delta[0, 0], "0.036350306")
    assert_prints(hidden.delta[0, 0] / hidden_sigmoid.delta[0, 0], "0.241300709")
    assert_prints(hidden.dW[0, 0], "0.000438568")


def test_mazur_updated_weights(first_pass):
    first_pass.optimizer.step(first_pass.parameters)
    hidden, _, output, _ = first_pass.layers
    # w1, w3 lead out of the first input and w2, w4 out of the second: the columns are neurons
    assert_prints(hidden.W.T, "0.149780716", "0.19956143", "0.24975114", "0.29950229")
    assert_prints(output.W.T, "0.35891648", "0.408666186", "0.511301270", "0.561370121")
    np.testing.assert_array_equal(hidden.b, 0.35)
    np.testing.assert_array_equal(output.b, 0.60)
    assert_prints(first_pass.evaluate(X, Y), "0.291027773694")


def test_mazur_printed_error_comes_from_hidden_deltas_through_updated_weights(first_pass):
    hidden, _, output, _ = first_pass.layers
    hidden.trainable = False
    first_pass.optimizer.step(first_pass.parameters)
    first_pass.backward()  # the same activations, but δ now passes the new output weights
    hidden.trainable, output.trainable = True, False
    first_pass.parameters["dense_1.b"].trainable = False
    first_pass.optimizer.step(first_pass.parameters)

    error, prediction, weights = mazur_reference("none|seq=True|1")
    assert_prints(first_pass.evaluate(X, Y), "0.291027924")
    assert_same(first_pass.evaluate(X, Y), error, 1e-15)
    assert_same(first_pass.predict(X)[0], prediction, 1e-15)
    for actual, expected in zip(first_pass.get_weights(), weights, strict=True):
        assert_same(actual, expected, 1e-15)


@pytest.mark.parametrize("biases", ["none", pytest.param("separate", marks=pytest.mark.long)])
def test_mazur_rounds(biases):
    model = mazur_network(train_biases=biases == "separate")
    done = 0
    for rounds in (1, 10_000, 10_001):
        model.fit(X, Y, batch_size=1, epochs=rounds, initial_epoch=done, verbose=0)
        done = rounds
        error, prediction, weights = mazur_reference(f"{biases}|seq=False|{rounds}")
        np.testing.assert_allclose(model.evaluate(X, Y), error, rtol=1e-12)
        np.testing.assert_allclose(model.predict(X)[0], prediction, rtol=1e-12)
        for actual, expected in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-12)
        if (biases, rounds) == ("none", 10_000):  # what the text prints
            assert f"{model.evaluate(X, Y):.8e}" == "3.51018778e-05"
            assert_prints(model.predict(X), "0.015913620444", "0.984064273515")


def test_mazur_error_after_one_round_with_trained_biases():
    model = mazur_network(train_biases=True)
    model.fit(X, Y, batch_size=1, epochs=1, verbose=0)
    assert_prints(model.evaluate(X, Y), "0.280471446791")


@pytest.mark.parametrize(("n_outputs", "half", "mean"), [(1, 0.125, 0.25), (3, 2.625, 1.75)])
def test_one_and_three_outputs_tell_the_half_squared_error_from_the_mean(n_outputs, half, mean):
    """With Mazur's two outputs the two losses agree, so that his example cannot."""
    target = np.zeros((1, n_outputs))
    prediction = np.array([[0.5, 1.0, 2.0]])[:, :n_outputs]
    assert HalfSquaredError().forward(prediction, target) == half
    assert MeanSquaredError().forward(prediction, target) == mean


# ----------------------------------------------------------------------------- Nielsen's examples


def as_ours(array):
    """His weights are (out, in) and his biases columns; ours are (in, out) and rows."""
    return array.ravel() if array.shape[1] == 1 else array.T


def test_nielsen_quadratic_cost_after_1_and_20_epochs():
    with np.load(DATA / "nielsen_steps.npz") as archive:
        his = {key: as_ours(array) for key, array in archive.items() if key[0] in "Wbq"}
        x, y, output = archive["X"], archive["Y"], archive["quadratic_out"]
    model = bp.Sequential([bp.Input(4), Dense(5), Sigmoid(), Dense(3), Sigmoid()], dtype="float64")
    model.set_weights([his[key] for key in ("W0", "b0", "W1", "b1")])
    model.compile(SGD(3.0), "half_squared_error")

    done = 0
    for epochs in (1, 20):
        # his two mini-batches are the first four samples and the last three
        model.fit(x, y, 4, epochs, verbose=0, shuffle=False, initial_epoch=done)
        done = epochs
        for weights, key in zip(model.get_weights(), ("w0", "b0", "w1", "b1"), strict=True):
            assert_same(weights, his[f"quadratic_{key}_epoch{epochs}"], 1e-12)
    assert_same(model.predict(x), output, 1e-12)


@pytest.mark.parametrize(
    ("weight", "bias", "before", "after"),
    [(0.6, 0.9, "0.817574", "0.09395569"), (2.0, 2.0, "0.982014", "0.20284842")],
)
def test_nielsen_single_neuron_learns_slowly_when_badly_wrong(weight, bias, before, after):
    x, y = np.array([[1.0]]), np.array([[0.0]])
    model = bp.Sequential([bp.Input(1), Dense(1), Sigmoid()], dtype="float64")
    model.set_weights([[[weight]], [bias]])
    model.compile(SGD(0.15), "half_squared_error")
    assert_prints(model.predict(x), before)
    model.fit(x, y, batch_size=1, epochs=300, verbose=0)
    assert_prints(model.predict(x), after)

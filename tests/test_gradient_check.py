import copy
import math
import re

import numpy as np
import pytest
from layer_cases import FIRST, PACKAGE
from loss_cases import CASES as LOSSES
from rows import each, thirds

import backprop as bp
from backprop import inspection, layers
from backprop.core.errors import NotCompiledError, ShapeError
from backprop.inspection.part_check import state
from backprop.inspection.trials import suitable
from backprop.layers import Dense, Identity, Layer, ReLU, Sigmoid, Softmax, Tanh
from backprop.losses import MeanSquaredError, SparseCategoricalCrossentropy


def compiled(parts, loss="mse", dtype="float64", **options):
    model = bp.Sequential(parts, seed=3, dtype=dtype)
    model.compile("sgd", loss, **options)
    return model


def report_on(parts, loss="mse", *, n=6, n_in=4, n_out=3, rng=None, **options):
    rng = rng or np.random.default_rng(1)
    X, y = rng.standard_normal((n, n_in)), rng.standard_normal((n, n_out))
    return compiled(parts, loss, **options).check_gradients(X, y)


def wrong(report):
    return {tensor.name for tensor in report.tensors if not tensor.ok}


# --- what is right passes -------------------------------------------------------------------------

ENDINGS = {
    "BinaryCrossentropy": [Sigmoid],
    "CategoricalCrossentropy": [Softmax],
    "SparseCategoricalCrossentropy": [Softmax],
    "CategoricalGeneralizedCrossEntropy": [Softmax],
    "KLDivergence": [Softmax],
    "Poisson": [layers.Softplus],
    "BinaryFocalCrossentropy": [Sigmoid],
    "CategoricalFocalCrossentropy": [Softmax],
    "Dice": [Sigmoid],
    "Tversky": [Sigmoid],
}


@each("case", thirds((case for case in FIRST if not case.own), 1), ids=str)
def test_every_layer_passes_inside_a_model(case):
    passes_inside_a_model(case, "float64", 12)  # of each tensor, and the directions over all of it


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each("case", PACKAGE, ids=str)
def test_every_row_passes_inside_a_model(case, dtype):
    passes_inside_a_model(case, dtype, 100)


def passes_inside_a_model(case, dtype, entries):
    model = bp.Sequential([*case.in_front(), case.make(), Dense(3)], seed=3, dtype=dtype)
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True))
    model.build((None, *case.shape))
    report = model.check_gradients(*case.batch(6, 3), max_entries=entries)
    assert report.ok, report
    expected = {p.name for p in model.parameters if p.trainable}
    assert expected <= {tensor.name for tensor in report.tensors}
    assert case.integers or report["X"].checked


@pytest.mark.parametrize("hidden", [Tanh, pytest.param(ReLU, marks=pytest.mark.long)])
@each("loss", [case.make() for case in LOSSES], ids=repr)
def test_every_loss_passes_behind_a_model(loss, hidden, rng):
    _, y = suitable(loss, (6, 3), rng, None, None)
    ending = [] if getattr(loss, "from_logits", False) else ENDINGS.get(type(loss).__name__, [])
    model = compiled([Dense(5), hidden(), Dense(3), *(end() for end in ending)], loss)
    report = model.check_gradients(rng.standard_normal((6, 4)), y, rng.uniform(0.5, 2, 6))
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("ending", "loss", "y"),
    [
        (Softmax, "categorical_crossentropy", np.eye(3)[[0, 2, 1, 1]]),
        (Softmax, "sparse_categorical_crossentropy", [0, 2, 1, 1]),
        (Sigmoid, "binary_crossentropy", np.eye(3)[[0, 2, 1, 1]]),
        (Softmax, "mse", np.eye(3)[[0, 2, 1, 1]]),
        (Sigmoid, "mse", np.eye(3)[[0, 2, 1, 1]]),
    ],
)
def test_matched_and_other_pairs_pass_to_the_last_digits(ending, loss, y, dtype, rng):
    model = compiled([Dense(6), Sigmoid(), Dense(3), ending()], loss, dtype)
    report = model.check_gradients(rng.standard_normal((4, 5)), y)
    assert report.ok, report
    assert report.method == "complex step"
    assert report.error < 1e-12
    assert report.tolerance == 1e-8


def test_deep_sigmoid_and_relu_networks_pass(rng):
    for kind in (Sigmoid, ReLU):
        report = report_on([part for _ in range(12) for part in (Dense(6), kind())], n_out=6)
        assert report.ok, report
        assert report.error < 1e-10


def test_batch_of_one_passes(rng):
    assert report_on([Dense(4), ReLU(), Dense(3)], n=1).ok


def test_tiny_gradients_are_compared_digit_by_digit_and_a_factor_in_them_is_found(rng):
    def model(kind):
        parts = [kind(6), *(part for _ in range(6) for part in (Dense(6), Sigmoid())), Dense(3)]
        model = compiled(parts)
        model.build((None, 4))
        for p in model.parameters:
            p.value *= 0.05
        return model

    X, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    report = model(Dense).check_gradients(X, y)
    tensor = report["dense_1.W"]
    assert report.ok, report
    assert 0 < abs(tensor.numeric) < 1e-10
    assert tensor.error < 1e-9
    assert (tensor.unresolved, tensor.checked) == (0, 24)


def test_a_factor_in_gradients_of_a_trillionth_is_found(rng):
    for kind, right in ((Identity, True), (TwiceTheInputGradient, False)):
        model = compiled([Dense(6), Sigmoid(), kind(), Dense(3)])
        model.build((None, 4))
        model.layers[3].W *= 1e-12
        report = model.check_gradients(rng.standard_normal((6, 4)), rng.standard_normal((6, 3)))
        assert abs(report["dense_1.W"].numeric) < 1e-11
        assert report.ok == right, report


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_saturated_sigmoids_pass(loss, rng):
    model = compiled([Dense(7), Sigmoid(), Dense(3), Sigmoid()], loss)
    model.build((None, 4))
    for p in model.parameters:
        p.value *= 20
    report = model.check_gradients(20 * rng.standard_normal((6, 4)), np.eye(3)[[0, 1, 2, 0, 1, 2]])
    assert report.ok, report
    everything_flat = model.check_gradients(1e4 * rng.standard_normal((6, 4)), np.ones((6, 3)))
    assert everything_flat.ok, everything_flat


@pytest.mark.parametrize("kind", [ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU])
@pytest.mark.parametrize("loss", ["mse", "rmse"])  # the second one by differences
def test_preactivations_at_exactly_zero_pass(kind, loss, rng):
    X, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    X[2], X[:, 1] = 0, 0
    model = compiled([Dense(5), kind(), Dense(5), kind(), Dense(3)], loss)
    report = model.check_gradients(X, y)
    assert model.forward(X)[2].tolist() == [0, 0, 0]
    assert report.ok, report
    assert report["dense_1.W"].checked == 20
    assert report.method == ("complex step" if loss == "mse" else "central differences")


def test_regularisers_are_part_of_what_is_differentiated(rng):
    report = report_on([Dense(5, kernel_regularizer="l1_l2"), Tanh(), Dense(3)])
    assert report.ok, report


def test_sample_weights_are_part_of_what_is_differentiated(rng):
    X, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    model = compiled([Dense(3)])
    plain, weighted = model.check_gradients(X, y), model.check_gradients(X, y, [0, 1, 2, 3, 4])
    assert plain.ok
    assert weighted.ok
    assert weighted["X"].analytic != plain["X"].analytic


def test_frozen_layers_and_moving_averages_pass(rng):
    parts = [Dense(5), layers.BatchNormalization(), Tanh(), Dense(3)]
    for part in parts[:2]:
        part.trainable = False
    report = report_on(parts)
    assert report.ok, report
    assert not any("moving" in tensor.name for tensor in report.tensors)


def test_integer_inputs_are_checked_as_numbers(rng):
    model = compiled([Dense(3)], dtype="float32")
    report = model.check_gradients(rng.integers(0, 255, (5, 4), dtype=np.uint8), np.ones((5, 3)))
    assert report.ok, report
    assert report["X"].checked == 20


# --- what is wrong is found -----------------------------------------------------------------------


class TransposedW(Dense):
    def backward(self, delta):
        super().backward(delta)
        return delta @ self.W


class MeanOfBias(Dense):
    def backward(self, delta):
        dX = super().backward(delta)
        self.db[...] = delta.mean(axis=0)
        return dX


class FirstRowOfBias(Dense):
    def backward(self, delta):
        dX = super().backward(delta)
        self.db[...] = delta[0]
        return dX


class SignOfWeights(Dense):
    def backward(self, delta):
        dX = super().backward(delta)
        self.dW *= -1
        return dX


class TwiceWeights(Dense):
    def backward(self, delta):
        dX = super().backward(delta)
        self.dW *= 2
        return dX


class AddsToTheGradient(Dense):
    def backward(self, delta):
        before = self.dW.copy()
        dX = super().backward(delta)
        self.dW += before
        return dX


class ForgetsBias(Dense):
    def backward(self, delta):
        before = self.db.copy()
        dX = super().backward(delta)
        self.db[...] = before
        return dX


class ZeroSoftmax(Softmax):
    def backward(self, delta):
        return np.zeros_like(super().backward(delta))


class WrongBranch(ReLU):
    def f_prime(self, Z, A, out):
        return np.less_equal(Z, 0, out=out)


class TwiceTheInputGradient(Identity):
    def backward(self, delta):
        return 2 * super().backward(delta)


class WrongInputGradient(Dense):
    def backward(self, delta):
        super().backward(delta)
        return None if not self.needs_input_gradient else -(delta @ self.W.T)


class NoInputGradient(Dense):
    def backward(self, delta):
        super().backward(delta)


class OneWrongEntry(Dense):
    def backward(self, delta):
        dX = super().backward(delta)
        self.dW[123, 45] *= 1.001
        return dX


class MissingMean(MeanSquaredError):
    def backward(self):
        return super().backward() * len(self._prediction)


class IgnoresWeights(MeanSquaredError):
    def backward(self):
        delta = super().backward()
        return delta / self._scale / delta.shape[0]


ABOVE = {"dense_1.W", "dense_1.b", "X"}


@pytest.mark.parametrize(
    ("parts", "expected", "words"),
    [
        ([Dense(5), Tanh(), TransposedW(5), Dense(3)], ABOVE, "is wrong at"),
        (
            [Dense(5), MeanOfBias(5), Dense(3)],
            {"mean_of_bias_1.b"},
            "is 0.166667 times the right one everywhere",
        ),
        ([Dense(5), FirstRowOfBias(5), Dense(3)], {"first_row_of_bias_1.b"}, "is wrong at 5 of 5"),
        (
            [Dense(5), SignOfWeights(5), Dense(3)],
            {"sign_of_weights_1.W"},
            "has the wrong sign everywhere",
        ),
        (
            [Dense(5), TwiceWeights(5), Dense(3)],
            {"twice_weights_1.W"},
            "is 2 times the right one everywhere",
        ),
        (
            [Dense(5), AddsToTheGradient(3)],
            {"adds_to_the_gradient_1.W"},
            "not add to what is there",
        ),
        ([Dense(5), ForgetsBias(3)], {"forgets_bias_1.b"}, "backward must write it"),
        (
            [Dense(5), Dense(3), ZeroSoftmax()],
            {*ABOVE, "dense_2.W", "dense_2.b"},
            "is 0 everywhere",
        ),
        ([Dense(5), WrongBranch(), Dense(3)], ABOVE, "is wrong at"),
        ([Dense(5), TwiceTheInputGradient(), Dense(3)], ABOVE, "is 2 times the right one"),
        ([WrongInputGradient(5), Tanh(), Dense(3)], {"X"}, "has the wrong sign everywhere"),
    ],
    ids=lambda value: type(value[-2]).__name__ if isinstance(value, list) else None,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
# the second one by differences
@pytest.mark.parametrize("loss", ["mse", pytest.param("rmse", marks=pytest.mark.long)])
def test_planted_mistake_is_found(parts, expected, words, dtype, loss):
    report = report_on([copy.deepcopy(part) for part in parts], loss, dtype=dtype)
    assert wrong(report) == expected, report
    assert not report.ok
    assert all(words in report[name].finding for name in expected), report


def test_missing_mean_of_a_loss_is_found():
    report = report_on([Dense(3)], MissingMean())
    assert wrong(report) == {"dense_1.W", "dense_1.b", "X"}
    assert report["X"].finding == "is 6 times the right one everywhere"


def test_sample_weights_that_a_loss_forgets_are_found(rng):
    X, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    model = compiled([Dense(3)], IgnoresWeights())
    assert not model.check_gradients(X, y, [1, 1, 2, 3, 4]).ok


def test_missing_input_gradient_is_a_problem_unless_inputs_are_whole_numbers(rng):
    report = report_on([NoInputGradient(5), Dense(3)])
    assert report.problems == ("backward returned None instead of ∂E/∂X.",)
    assert not report.ok
    model = compiled([NoInputGradient(5), Dense(3)])
    assert model.check_gradients(rng.integers(0, 9, (5, 4)), np.ones((5, 3))).ok


def test_one_wrong_entry_among_many_is_found_by_directions(rng):
    model = compiled([OneWrongEntry(50), Dense(3)])
    X, y = rng.standard_normal((6, 150)), rng.standard_normal((6, 3))
    report = model.check_gradients(X, y)
    tensor = report["one_wrong_entry_1.W"]
    assert wrong(report) == {"one_wrong_entry_1.W"}
    assert (tensor.checked, tensor.directions, tensor.index) == (100, 3, None)
    assert "not sampled" in tensor.finding
    assert "100 of 7,500 + 3 directions" in str(report)


def test_one_wrong_entry_is_named_where_every_entry_is_checked(rng):
    model = compiled([OneWrongEntry(46), Dense(3)])
    X, y = rng.standard_normal((3, 124)), rng.standard_normal((3, 3))
    report = model.check_gradients(X, y, max_entries=10_000)
    tensor = report["one_wrong_entry_1.W"]
    assert tensor.index == (123, 45)
    assert tensor.error == pytest.approx(0.001, rel=0.01)
    assert tensor.analytic == pytest.approx(1.001 * tensor.numeric)
    assert tensor.finding == "is wrong at 1 of 5704 entries"


# --- random, stateful and merely real layers ------------------------------------------------------


class Noise(Layer):
    def forward(self, X, training=False):
        if not training:
            return X.copy()
        self.M = self._rng.uniform(0.5, 2.0, X.shape) if self._rng else np.nan
        return X * self.M

    def backward(self, delta):
        return delta * self.M


class NoiseOfInference(Noise):
    def backward(self, delta):
        return delta.copy()


HIDDEN = np.random.default_rng(7)


class HiddenNoise(Noise):
    def forward(self, X, training=False):
        self.M = HIDDEN.uniform(0.5, 2.0, X.shape)
        return X * self.M


class RealOnly(Layer):
    """|x|^1.5 by a function of Python floats: no complex number passes."""

    def forward(self, X, training=False):
        self.X = np.asarray(X)
        return np.vectorize(lambda x: math.pow(abs(x), 1.5))(X)

    def backward(self, delta):
        return delta * 1.5 * np.sqrt(np.abs(self.X)) * np.sign(self.X)


class DropsImaginaryParts(Layer):
    def forward(self, X, training=False):
        self.X = np.asarray(X)
        return np.asarray(X) * np.cos(np.real(X))

    def backward(self, delta):
        return delta * (np.cos(self.X) - self.X * np.sin(self.X))


def test_random_layers_are_frozen_and_checked_as_in_training():
    assert report_on([Dense(5), Noise(), Dense(3)]).ok
    report = report_on([Dense(5), NoiseOfInference(), Dense(3)])
    assert wrong(report) == ABOVE


def test_every_random_layer_draws_the_same_numbers_in_every_pass():
    report = report_on([Dense(5), Noise(), layers.Dropout(0.4), Tanh(), Noise(), Dense(3)])
    assert report.ok, report


def test_randomness_that_cannot_be_frozen_is_named():
    report = report_on([Dense(5), HiddenNoise(), Dense(3)])
    assert not report.ok
    assert "two training passes at the same point gave different numbers" in report.problems[0]


@pytest.mark.parametrize("kind", [RealOnly, DropsImaginaryParts])
def test_code_for_real_numbers_alone_is_checked_by_differences(kind):
    report = report_on([Dense(5), kind(), Dense(3)])
    assert report.method == "central differences"
    assert report.tolerance == 1e-6
    assert report.ok, report
    assert report.error < 1e-7


class Abs(Layer):
    """|x| with the slope 1 at 0: one of many that one may take at a kink."""

    def forward(self, X, training=False):
        self.X = np.asarray(X)
        return np.abs(X)

    def backward(self, delta):
        return delta * np.where(self.X >= 0, 1.0, -1.0)


class RealAbs(Abs):
    def forward(self, X, training=False):
        self.X = np.asarray(X)
        return np.vectorize(lambda x: math.fabs(x))(X)


@pytest.mark.parametrize("kind", [Abs, RealAbs])
def test_kink_at_the_point_itself_is_counted_and_not_judged(kind, rng):
    X, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    X[0, 0] = X[3, 2] = 0
    report = compiled([kind()]).check_gradients(X, y)
    assert report.ok, report
    assert (report.kinks, report["X"].checked) == (2, 18)
    assert "(2 at the point itself, not judged)" in str(report)


def test_kinks_close_by_are_stepped_around(rng):
    X, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    X[0, 0], X[3, 2], X[1, 1] = 1e-3, -1e-4, 1e-5
    report = compiled([RealAbs()]).check_gradients(X, y)
    assert report.ok, report
    assert (report.stepped_around, report.kinks) == (3, 0)
    assert "kinks stepped around: 3." in str(report)


# --- nothing changes, and the numbers in the report are right -------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_model_is_left_as_it_was_to_the_last_bit(dtype, rng):
    X, y = rng.standard_normal((12, 4)), rng.integers(0, 3, 12)
    parts = [Dense(6), layers.BatchNormalization(), layers.Dropout(0.3), ReLU(), Dense(3)]
    model = bp.Sequential([*parts, Softmax()], seed=0, dtype=dtype)
    optimizer = bp.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X, y, batch_size=5, epochs=2, verbose=0)
    twin = copy.deepcopy(model)
    before, inputs = state(model), X.copy()
    global_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert model.check_gradients(X, y).ok
    after = state(model)
    assert after == before
    assert np.random.get_state()[1].tolist() == global_state  # noqa: NPY002
    np.testing.assert_array_equal(X, inputs)
    for one in (model, twin):  # and it trains on as if nothing had been
        one.fit(X, y, batch_size=5, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, twin.parameters.values)


def test_model_that_is_not_built_stays_so(rng):
    model = compiled([Dense(5), ReLU(), Dense(3)], dtype="float32")
    assert model.check_gradients(rng.standard_normal((4, 4)), np.ones((4, 3))).ok
    assert model.input_shape is None
    assert model.layers[0].parameters == []
    model.build((None, 7))
    assert model.layers[0].W.shape == (7, 5)


class Counting(Identity):
    passes = 0

    def forward(self, Z, training=False):
        Counting.passes += training
        return super().forward(Z, training)


class RealCounting(Counting):
    def forward(self, Z, training=False):
        return np.ascontiguousarray(super().forward(Z, training).real) + 0 * float(Z.flat[0])


@pytest.mark.parametrize("kind", [Counting, RealCounting])
def test_forward_passes_are_counted(kind):
    Counting.passes = 0
    report = report_on([Dense(5), kind(), Dense(3)])
    assert report.ok, report
    assert report.method == ("complex step" if kind is Counting else "central differences")
    own_passes = 2  # of backpropagation, whose buffers hold the last step's numbers as in training
    assert Counting.passes == report.forward_passes + own_passes
    assert f"{report.forward_passes:,} forward passes" in str(report)


def test_same_check_gives_the_same_report():
    first, second = (str(report_on([Dense(5), ReLU(), Dense(3)])) for _ in range(2))
    assert first == second


# --- the report and the errors --------------------------------------------------------------------


def test_report_is_an_aligned_table_that_ends_in_a_verdict():
    report = report_on([Dense(5), Tanh(), Dense(3)])
    lines = str(report).splitlines()
    assert lines[0] == "Gradient check: Dense → Tanh → Dense, MeanSquaredError, 6 samples"
    rules = [k for k, line in enumerate(lines) if set(line) == {"─"}]
    assert rules == [1, 3, 9]
    width = len(lines[1])
    assert all(len(line) == width for line in lines[2:9])
    names = [line.split()[1] for line in lines[4:9]]
    assert names == ["dense_1.W", "dense_1.b", "dense_2.W", "dense_2.b", "X"]
    assert re.fullmatch(
        r"✓ All 5 gradients are right: the largest relative error is \d\.\de-\d\d "
        r"\(tolerance 1e-08\)\.",
        lines[10],
    )
    assert re.fullmatch(
        r"  By complex step in float64: \d+ forward passes; kinks stepped around: 0\.", lines[11]
    )
    assert len(lines) == 12


def test_wrong_gradients_are_marked_and_named_below_the_table():
    text = str(report_on([Dense(5), SignOfWeights(5), Dense(3)]))
    assert "\n✗ sign_of_weights_1.W has the wrong sign everywhere\n" in text
    assert text.count("✗") == 2
    assert "right:" not in text


def test_report_of_a_long_model_keeps_a_short_title():
    title = report_on([part for _ in range(9) for part in (Dense(3), Tanh())]).title
    assert title.startswith("Gradient check: Dense → Tanh → Dense → Tanh → … → Dense → Tanh, ")


def test_tensors_are_found_by_name():
    report = report_on([Dense(3)])
    assert report["dense_1.W"].shape == (4, 3)
    with pytest.raises(KeyError, match=r"there are dense_1\.W, dense_1\.b, X"):
        report["W"]


@pytest.mark.parametrize("inner", [layers.LSTM, layers.SimpleRNN])
def test_steps_that_a_mask_hides_have_no_slope(inner, rng):
    """A padded step that is moved is hidden no more: X was called wrong there."""
    X, y = rng.standard_normal((6, 5, 3)), rng.standard_normal((6, 2))
    X[:3, 3:] = 0
    model = compiled([layers.Masking(), Dense(4), inner(3), Dense(2)])
    report = model.check_gradients(X, y)
    assert report.ok, str(report)
    assert report["X"].kinks == 3 * 2 * 3
    assert report["X"].checked == X.size - report["X"].kinks


def test_users_mistakes_are_named(rng):
    X, y = rng.standard_normal((4, 4)), np.ones((4, 3))
    with pytest.raises(NotCompiledError):
        bp.Sequential([Dense(3)]).check_gradients(X, y)
    model = compiled([Dense(3)])
    with pytest.raises(ShapeError, match="4 samples"):
        model.check_gradients(X, y[:3])
    with pytest.raises(ValueError, match="max_entries must be an integer of 1 or more"):
        model.check_gradients(X, y, max_entries=0)
    model.build((None, 4))
    with pytest.raises(ShapeError, match="built for 4 features"):
        model.check_gradients(X[:, :3], y)


def test_public_names():
    assert bp.inspection is inspection
    assert {"check_gradients", "check_layer", "check_loss", "summary"} <= set(inspection.__all__)


@pytest.mark.parametrize("layers", [
    [bp.layers.Dense(3)],
    [bp.layers.LayerNormalization(), bp.layers.Dense(3)],
    [bp.layers.Dense(4), bp.layers.ActivityRegularization(l2=0.1), bp.layers.Dense(3)],
], ids=len)  # fmt: skip
def test_padded_steps_count_for_nothing_as_in_training(layers):
    rng = np.random.default_rng(0)
    X, y, w = rng.standard_normal((5, 6, 4)), rng.standard_normal((5, 6, 3)), rng.random(5)
    X[1:, 4:] = 0
    model = bp.Sequential([bp.layers.Masking(), *layers], seed=0)
    model.compile("sgd", "mse")
    for weight in (None, w):
        report = model.check_gradients(X, y, weight)
        assert report.ok, report

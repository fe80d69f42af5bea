import math

import numpy as np
import pytest

import backprop as bp
from backprop.experiments import LearningRateRange, learning_rate_range
from backprop.layers import Dense, Dropout, ReLU, Softmax
from backprop.optimizers import LBFGS, SGD, Adam
from backprop.plotting import learning_rates
from backprop.schedules import ExponentialDecay


def line(optimizer=None):
    """y = 3 x, to be found by one weight: with all samples at once E = a (w − 3)², a = mean(x²)."""
    X = np.random.default_rng(1).standard_normal((40, 1))
    model = bp.Sequential([Dense(1, use_bias=False)], seed=0, dtype="float64")
    model.compile(optimizer or SGD(0.25), "mse")
    return model, X, 3 * X


def digits(optimizer=None):
    (X, y), _ = bp.datasets.load_digits()
    layers = [Dense(32), ReLU(), Dropout(0.2), Dense(10), Softmax()]
    model = bp.Sequential(layers, seed=0)
    model.compile(
        optimizer or SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"]
    )
    return model, X, y


def smooth(losses):
    n = len(losses)
    return [
        sum(0.85 ** abs(i - j) * losses[j] for j in range(n))
        / sum(0.85 ** abs(i - j) for j in range(n))
        for i in range(n)
    ]


def test_every_step_takes_the_next_learning_rate_and_its_loss_is_smoothed():
    model, X, y = line()
    found = learning_rate_range(model, X, y, 1e-4, 0.4, steps=12, batch_size=40)
    assert found.learning_rates == pytest.approx([1e-4 * 4000 ** (i / 11) for i in range(12)])
    assert not found.diverged

    model.build((None, 1))
    w, a, losses = model.layers[0].W[0, 0], np.mean(X**2), []
    for eta in found.learning_rates:
        losses.append(a * (w - 3) ** 2)
        w -= eta * 2 * a * (w - 3)
    assert found.losses == pytest.approx(smooth(losses), rel=1e-12)


def test_the_suggestion_is_where_the_loss_falls_steepest():
    model, X, y = line()
    found = learning_rate_range(model, X, y, 1e-4, 0.4, steps=50, batch_size=40)
    s, eta = found.losses, found.learning_rates
    slopes = [
        (s[i + 1] - s[i - 1]) / (math.log(eta[i + 1]) - math.log(eta[i - 1])) for i in range(1, 49)
    ]
    steepest = 1 + int(np.argmin(slopes))
    assert 5 < steepest < 45
    assert found.suggestion == eta[steepest]


def test_it_ends_soon_after_the_learning_rate_is_too_large():
    model, X, y = line()
    found = learning_rate_range(model, X, y, 1e-3, 1e6, steps=100, batch_size=40)
    limit = 1 / np.mean(X**2)  # above it |1 − 2 a η| > 1, and every step makes the loss larger
    assert found.diverged
    assert limit < found.learning_rates[-1] < 30 * limit
    assert found.suggestion < limit
    assert found.losses[-1] < 4 * found.losses[0]  # though its loss may be far above that


def test_a_loss_that_overflows_ends_it_without_a_warning():
    X = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)
    model = bp.Sequential([Dense(8), ReLU(), Dense(8), ReLU(), Dense(1)], seed=0)
    model.compile(SGD(), "mse")
    found = learning_rate_range(model, X, X[:, :1] + 1, 1e-3, 1e30, steps=10)
    assert found.diverged
    assert np.isfinite(found.losses).all()
    assert len(found.losses) == len(found.learning_rates) < 10


def test_the_model_is_left_as_it_was_and_trains_on_as_if_nothing_had_been():
    model, X, y = digits(Adam())
    twin, _, _ = digits(Adam())
    for each in (model, twin):
        each.fit(X, y, epochs=1, verbose=0)
    learning_rate_range(model, X, y, steps=20)
    assert model.optimizer.iterations == twin.optimizer.iterations
    assert model.optimizer.learning_rate == 0.001
    for each in (model, twin):  # the orders and the dropout that follow are the same, too
        each.fit(X, y, epochs=1, verbose=0)
    assert np.array_equal(model.parameters.values, twin.parameters.values)


def test_a_model_that_is_not_built_stays_so():
    model, X, y = digits()
    learning_rate_range(model, X, y, steps=10)
    assert model.input_shape is None


def test_a_trained_model_goes_on_from_where_it_is():
    model, X, y = digits()
    fresh = learning_rate_range(model, X, y, steps=10)
    model.fit(X, y, epochs=3, verbose=0)
    assert learning_rate_range(model, X, y, steps=10).losses[0] < 0.5 * fresh.losses[0]


def test_the_seed_determines_the_batches():
    model, X, y = digits()
    first, again, other = (learning_rate_range(model, X, y, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.losses, again.losses)
    assert not np.array_equal(first.losses, other.losses)


def test_a_schedule_is_set_aside():
    plain, X, y = line()
    scheduled, _, _ = line(SGD(ExponentialDecay(0.1, 10, 0.5)))
    expected = learning_rate_range(plain, X, y, 1e-4, 0.1)
    assert np.array_equal(learning_rate_range(scheduled, X, y, 1e-4, 0.1).losses, expected.losses)
    assert isinstance(scheduled.optimizer.schedule, ExponentialDecay)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam()])
def test_training_with_the_suggestion_learns_the_digits(optimizer):
    model, X, y = digits(optimizer)
    found = learning_rate_range(model, X, y)
    model.optimizer.learning_rate = found.suggestion
    model.fit(X, y, epochs=3, verbose=0)
    assert model.evaluate(X, y, return_dict=True)["accuracy"] > 0.93


def test_a_loss_that_never_falls_suggests_nothing():
    model, X, y = line()
    model.build((None, 1))
    model.layers[0].W[...] = 3
    found = learning_rate_range(model, X, y, steps=10)
    assert math.isnan(found.suggestion)
    assert "The loss never fell: it was lowest, 0, at 1e-05." in str(found)
    (axes,) = found.plot().axes
    assert [drawn.get_label() for drawn in axes.lines] == ["loss"]


def test_it_prints_what_it_found():
    eta, losses = np.geomspace(0.001, 1, 4), np.array([2.0, 1.5, 0.25, 0.5])
    found = LearningRateRange(eta, losses, 0.01, diverged=True)
    assert repr(found) == str(found)
    assert str(found) == (
        "4 steps with learning rates from 0.001 to 1, where the loss diverged.\n"
        "The loss fell steepest at 0.01 and was lowest, 0.25, at 0.1."
    )


def test_the_picture_shows_the_loss_over_a_logarithmic_axis_and_the_suggestion(tmp_path):
    eta, losses = np.geomspace(0.001, 1, 4), np.array([2.0, 1.5, 0.25, 0.5])
    figure = LearningRateRange(eta, losses, 0.01, False).plot(tmp_path / "range.png")
    (axes,) = figure.axes
    loss, mark = axes.lines
    assert axes.get_xscale() == "log"
    assert np.array_equal(loss.get_xdata(), eta)
    assert np.array_equal(loss.get_ydata(), losses)
    assert list(mark.get_xdata()) == [0.01, 0.01]
    assert mark.get_label() == "steepest descent: 0.01"
    assert (tmp_path / "range.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 0}, "start must be above 0, but it is 0"),
        ({"stop": math.inf}, "stop must be above 0 and finite, but it is inf"),
        ({"start": 2.0}, "start must be below stop, but 2.0 is not below 1.0"),
        ({"steps": 9}, "steps must be an integer of 10 or more, but it is 9"),
        ({"seed": "0"}, "seed must be an integer of 0 or more, but it is '0'"),
        ({"batch_size": 0}, "batch_size must be an integer of 1 or more, but it is 0"),
        ({"start": 1e200, "stop": 1e300}, "the loss diverges at once with start=1e.200"),
    ],
)
def test_mistakes_are_named(arguments, message):
    model, X, y = line()
    with pytest.raises(ValueError, match=message):
        learning_rate_range(model, X, y, **arguments)


def test_an_optimizer_without_a_learning_rate_is_refused():
    model, X, y = line(LBFGS())
    with pytest.raises(ValueError, match="LBFGS finds the length of its steps itself"):
        learning_rate_range(model, X, y)


def test_the_picture_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="losses has 1 numbers but there are 2 learning rates"):
        learning_rates([0.1, 0.2], [1.0])
    with pytest.raises(ValueError, match="rates must hold finite numbers above 0"):
        learning_rates([0.0, 0.2], [1.0, 2.0])

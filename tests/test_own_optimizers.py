"""Optimizers of one's own that override ``step``, count their steps, or build on another one."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import BatchNormalization, Dense, Softmax
from backprop.optimizers import SGD, Adam, Optimizer

R = np.random.default_rng(0)
X, C = R.standard_normal((40, 5)), R.integers(0, 3, 40)


def network(optimizer, *layers):
    model = bp.Sequential([*layers, Dense(3), Softmax()], seed=0, dtype="float64")
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


class Wrapper(Optimizer):
    def __init__(self, inner, held=lambda inner: inner):
        super().__init__(0.1)
        self.inner = held(inner)

    def step(self, parameters):
        raise AssertionError("it is refused before")


@pytest.mark.parametrize("held", [lambda o: o, lambda o: [o, o], lambda o: {"slow": o}])
def test_an_optimizer_that_holds_another_is_refused(held):
    words = r"Wrapper holds another optimizer, Adam, in inner, .*: derive it, class Wrapper\(Adam\)"
    with pytest.raises(TypeError, match=words):
        network(Wrapper(Adam(), held))


def test_an_optimizer_without_the_constructor_of_its_base_is_refused():
    class Bare(SGD):
        def __init__(self):
            self.learning_rate = 0.1

    with pytest.raises(TypeError, match=r"^Bare\.__init__ must call super\(\)\.__init__\(\) in"):
        network(Bare())


class Lookahead(Adam):
    """Every second step goes half the way from where the last one but one ended."""

    slots = (*Adam.slots, "slow")

    def update(self, theta, g, scratch, *state):
        *state, slow = state
        if not self.iterations:
            slow[...] = theta
        super().update(theta, g, scratch, *state)
        if self.iterations % 2:
            slow += (theta - slow) / 2
            theta[...] = slow


def test_what_the_error_advises_gives_lookahead_with_files_and_resets(tmp_path):
    model, by_hand = network(Lookahead(0.1)), network(Adam(0.1))
    slow = None
    for k in range(6):
        model.train_on_batch(X, C)
        by_hand.build((None, 5))
        theta = by_hand.parameters.values
        slow = theta.copy() if slow is None else slow
        by_hand.train_on_batch(X, C)
        if k % 2:
            slow += (theta - slow) / 2
            theta[...] = slow
        np.testing.assert_allclose(model.parameters.values, theta, rtol=1e-12)
        if k == 2:
            model.save(tmp_path / "model.npz")
            model = bp.load_model(tmp_path / "model.npz", {"Lookahead": Lookahead})
    trained = model.get_weights()
    model.reset()
    for _ in range(6):
        model.train_on_batch(X, C)
    for again, before in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(again, before)


class Twice(SGD):
    def step(self, parameters):
        super().step(parameters)
        self.iterations += 1


class InUpdate(Adam):
    def update(self, theta, g, scratch, *state):
        super().update(theta, g, scratch, *state)
        self.iterations += 1


class Bare(Optimizer):
    def step(self, parameters):
        parameters.values[...] -= self.learning_rate * parameters.gradients


@pytest.mark.parametrize("train", ["fit", "train_on_batch", "learning_rate_range"])
@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Twice, r"a step of Twice counts as \d steps.*Optimizer\.step counts iterations already"),
        (InUpdate, r"a step of InUpdate counts as \d steps.*counts iterations already"),
        (Bare, r"a step of Bare counts as 0 steps.*call super\(\)\.step\(parameters\)"),
    ],
)
def test_steps_that_are_not_counted_once_are_refused_and_undone(kind, words, options, train):
    model = network(kind(0.1, **options), BatchNormalization())
    model.build((None, 5))
    before = model.parameters.values.copy()

    def two_steps():  # with two to add up, the first one may change nothing
        if train == "fit":
            return model.fit(X, C, batch_size=20, verbose=0)
        if train == "learning_rate_range":
            return bp.learning_rate_range(model, X, C, batch_size=20)
        return model.train_on_batch(X, C), model.train_on_batch(X, C)

    with pytest.raises(TypeError, match=words):
        two_steps()
    if not options:
        np.testing.assert_array_equal(model.parameters.values, before)
        assert model.optimizer.iterations == 0


class Centred(SGD):
    """The mean of each unit's gradient is subtracted; a gradient that is too long is left out."""

    def step(self, parameters):
        for p in parameters:
            p.gradient[...] -= p.gradient.mean(axis=0)
        if np.linalg.norm(parameters.gradients) < 0.6:
            super().step(parameters)


class Counting(Bare):
    def step(self, parameters):
        super().step(parameters)
        self.iterations += 1


def test_steps_of_ones_own_that_count_rightly_are_taken():
    model = network(Centred(0.1))
    model.fit(X, C, batch_size=8, epochs=20, verbose=0)
    assert 0 < model.optimizer.iterations < 100
    trained = []
    for kind in (Counting, SGD):
        schedule = bp.schedules.ExponentialDecay(0.5, 3, 0.5)
        trained.append(network(kind(schedule)))
        trained[-1].fit(X, C, batch_size=8, epochs=3, verbose=0)
    np.testing.assert_allclose(*(each.parameters.values for each in trained), rtol=1e-12)


def test_a_step_of_other_arguments_is_refused_when_it_is_compiled():
    class Nothing(SGD):
        def step(self):
            super().step()

    with pytest.raises(TypeError, match=r"Nothing\.step takes \(\).*def step\(self, parameters\)"):
        network(Nothing())

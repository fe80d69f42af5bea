"""``gradient_accumulation_steps`` in trainings: what is added up, counted, saved and refused."""

import os

import numpy as np
import pytest
from optimizer_cases import GATHERING, vector

import backprop as bp
from backprop.callbacks import BackupAndRestore, Callback
from backprop.core.parameters import Parameter, Parameters
from backprop.layers import Dense, Embedding, Flatten, Softmax, Tanh
from backprop.optimizers import LBFGS, SGD, Adafactor, Adam, Ftrl, Muon, Nadam

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((24, 5)), RNG.integers(0, 3, 24)


def network(optimizer, **options):
    model = bp.Sequential([Dense(6), Tanh(), Dense(3), Softmax()], seed=1, dtype="float64")
    model.compile(optimizer, "sparse_categorical_crossentropy", **options)
    return model


def trained(optimizer, **arguments):
    model = network(optimizer)
    model.fit(X, Y, **{"epochs": 3, "verbose": 0, "shuffle": False} | arguments)
    return model


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.2}, {"weight_decay": 0.1}])
@pytest.mark.parametrize("kind", [SGD, Adam, Nadam, Ftrl, Muon, Adafactor])
def test_several_batches_are_as_good_as_a_large_one(kind, options):
    small = trained(kind(0.1, gradient_accumulation_steps=3, **options), batch_size=4)
    large = trained(kind(0.1, **options), batch_size=12)
    assert small.optimizer.iterations == large.optimizer.iterations == 6
    np.testing.assert_allclose(
        small.parameters.values, large.parameters.values, rtol=1e-10, atol=1e-12
    )


def test_weights_change_in_every_third_step_alone():
    changes, rates = [], []

    class Look(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.before = self.model.parameters.values.copy()

        def on_train_batch_end(self, batch, logs=None):
            changes.append(bool((self.before != self.model.parameters.values).any()))
            rates.append(self.model.optimizer.learning_rate)

    optimizer = SGD(lambda step: 0.1 / (1 + step), gradient_accumulation_steps=3)
    trained(optimizer, batch_size=3, epochs=1, callbacks=[Look()])
    assert changes == [False, False, True, False, False, True, False, False]
    assert rates == [0.1 / (1 + step) for step in range(1, 9)]  # schedules count every step
    assert (optimizer.iterations, optimizer.steps) == (2, 8)


def test_what_is_left_over_waits_for_the_next_fit():
    """Of 8 steps two are left over; the first of the second fit makes the third update."""
    twice = trained(Adam(0.1, gradient_accumulation_steps=3), batch_size=3, epochs=1)
    twice.fit(X, Y, batch_size=3, epochs=2, verbose=0, shuffle=False)
    once = trained(Adam(0.1, gradient_accumulation_steps=3), batch_size=3, epochs=3)
    np.testing.assert_array_equal(twice.parameters.values, once.parameters.values)
    assert twice.optimizer.iterations == 8


@pytest.mark.parametrize("name", GATHERING)
def test_a_model_saved_in_between_goes_on_with_the_same_bits(name, tmp_path):
    kind, options = GATHERING[name]
    path = tmp_path / "model.npz"
    model = trained(kind(0.1, **options), batch_size=5, epochs=1)  # 5 steps
    assert model.optimizer.state["gradient_accumulator"].any()
    model.save(path)
    loaded = bp.load_model(path)
    for each in (model, loaded):
        each.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)
    assert loaded.optimizer.iterations == model.optimizer.iterations
    assert repr(loaded.optimizer) == repr(model.optimizer)


@pytest.mark.parametrize("name", GATHERING)
def test_a_training_cut_off_in_between_goes_on_with_the_same_bits(name, tmp_path):
    kind, options = GATHERING[name]

    class Killed(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.steps == 7:
                raise KeyboardInterrupt

    def run(*others):
        model = network(kind(0.1, **options))
        backup = BackupAndRestore(os.fspath(tmp_path), save_freq=1)
        model.fit(X, Y, 5, 3, verbose=0, callbacks=[backup, *others])
        return model.parameters.values

    with pytest.raises(KeyboardInterrupt):
        run(Killed())
    whole = network(kind(0.1, **options))
    whole.fit(X, Y, 5, 3, verbose=0)
    np.testing.assert_array_equal(run(), whole.parameters.values)


def test_other_numbers_of_steps_between_two_steps():
    """With fewer the mean is of those that there are; turned off, those are forgotten."""
    parameters, optimizer = vector(2), SGD(1.0, gradient_accumulation_steps=4)
    parameters.values[...] = 0
    for g in ([8.0, 0.0], [0.0, 8.0]):
        parameters.gradients[...] = g
        optimizer.step(parameters)
    optimizer.gradient_accumulation_steps = 2
    parameters.gradients[...] = [1.0, 1.0]
    optimizer.step(parameters)
    np.testing.assert_array_equal(parameters.values, [-3.0, -3.0])
    assert optimizer.steps == 3
    parameters.gradients[...] = [100.0, 100.0]
    optimizer.step(parameters)
    optimizer.gradient_accumulation_steps = None
    parameters.gradients[...] = [1.0, 2.0]
    optimizer.step(parameters)
    np.testing.assert_array_equal(parameters.values, [-4.0, -5.0])
    assert optimizer.state == {}
    assert (optimizer.steps, optimizer.iterations) == (5, 2)


def test_frozen_gradients_are_not_added_up():
    parameters, optimizer = vector(2, 2), SGD(1.0, gradient_accumulation_steps=2)
    parameters["p1"].trainable = False
    optimizer.step(parameters)
    assert not optimizer.state["gradient_accumulator"][2:].any()


def test_reset_forgets_what_was_added_up():
    parameters, optimizer = vector(2), SGD(1.0, gradient_accumulation_steps=2)
    optimizer.step(parameters)
    optimizer.reset()
    assert (optimizer.steps, optimizer.state) == (0, {})


def test_explain_shows_that_nothing_moves_before_the_last_step():
    model = network(SGD(0.1, gradient_accumulation_steps=2))
    text = str(model.explain(X[:1], Y[:1]))
    assert "− 0.1 ∂E" not in text
    assert "gradient_accumulation_steps=2" in text
    W = model.explain(X[:1], Y[:1])["dense_1"]
    np.testing.assert_array_equal(W.W_new, W.W)


@pytest.mark.parametrize("bad", [0, 1, -3, 2.5, True, "2"])
def test_numbers_of_steps_that_are_none(bad):
    with pytest.raises(ValueError, match="gradient_accumulation_steps must be an integer of 2"):
        SGD(gradient_accumulation_steps=bad)


def test_lbfgs_refuses():
    with pytest.raises(TypeError, match="takes the gradients of all samples in any case"):
        LBFGS(gradient_accumulation_steps=2)
    with pytest.raises(AttributeError, match="no gradient_accumulation_steps that could be"):
        LBFGS().gradient_accumulation_steps = 2


# ------------------------------------------------------------------------- optimizers by parameter


def test_muon_follows_adam_in_what_embeddings_look_up():
    """Whatever the layer is called: in Keras the name of the weights says it."""

    def velocities(**options):
        layers = [Embedding(7, 2, name="words"), Flatten(), Dense(3, name="out"), Softmax()]
        model = bp.Sequential(layers, seed=0)
        model.compile(Muon(**options), "sparse_categorical_crossentropy")
        model.fit([[1, 2], [3, 4]], [0, 1], verbose=0)
        return model.optimizer.state["velocity"].size

    assert velocities() == 14 + 3
    assert velocities(exclude_embeddings=False) == 3
    assert velocities(exclude_layers=["^out"]) == 14 + 12 + 3


def test_muon_brings_singular_values_near_to_1():
    for shape in ((6, 4), (4, 6), (5, 5)):
        X = RNG.standard_normal(shape)
        Muon().orthogonalize(X, *np.empty((3, *shape)))
        found = np.linalg.svd(X, compute_uv=False)
        assert (found > 0.3).all()
        assert (found < 1.3).all()


@pytest.mark.parametrize(("own", "adams"), [(0.5, None), (None, 0.5), (0.5, 0.25)])
def test_muon_decays_matrices_and_all_else_by_numbers_of_their_own(own, adams):
    names, shapes = ("W", "K", "b"), ((2, 3), (2, 2, 2), (3,))
    parts = [Parameter(n, np.ones(s), decays=n != "b") for n, s in zip(names, shapes, strict=True)]
    parameters = Parameters(parts, np.dtype("float64"))
    Muon(0.1, weight_decay=own, adam_weight_decay=adams).step(parameters)  # g is 0
    for name, decay in zip(names, (own, adams, 0), strict=True):
        np.testing.assert_allclose(parameters[name].value, 1 - 0.1 * (decay or 0), rtol=1e-15)


@pytest.mark.parametrize("bad", ["dense", [1], 5, ["("]])
def test_layers_that_cannot_be_excluded(bad):
    with pytest.raises((TypeError, ValueError), match="exclude_layers"):
        Muon(exclude_layers=bad)


def test_exclusions_are_fixed_by_the_first_step():
    model = trained(Muon())
    with pytest.raises(AttributeError, match=r"exclude_layers has no effect .* call reset\(\)"):
        model.optimizer.exclude_layers = ["dense"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adafactor_stands_rows_and_columns_without_gradients(dtype):
    """v of such an element is ε₁², which is 0 in float32."""
    model = bp.Sequential([Dense(3)], seed=0, dtype=dtype)
    model.compile(Adafactor(0.1), "mse")
    model.build((None, 4))
    g = model.parameters["dense_1.W"].gradient
    g[...] = 0
    g[0, 0] = 1.0
    W = model.parameters["dense_1.W"].value.copy()
    model.optimizer.step(model.parameters)
    changed = model.parameters["dense_1.W"].value != W
    assert changed.sum() == changed[0, 0] == 1
    assert np.isfinite(model.parameters.values).all()


def test_ftrl_needs_a_learning_rate_and_a_denominator():
    model = network(Ftrl(lambda step: 0.1 * (step < 3)))
    with pytest.raises(ValueError, match="divides by its learning rate"):
        model.fit(X, Y, batch_size=4, verbose=0)
    assert model.optimizer.iterations == 3
    with pytest.raises(ValueError, match="initial_accumulator_value=0 would divide by 0"):
        Ftrl(initial_accumulator_value=0)
    for name in ("beta", "l2_regularization_strength"):
        assert getattr(Ftrl(initial_accumulator_value=0, **{name: 1.0}), name) == 1
    # steps that only add g up need none
    waits = Ftrl(lambda step: 0.1 * (step % 2), gradient_accumulation_steps=2)
    assert trained(waits, batch_size=6, epochs=1).optimizer.iterations == 2


def test_ftrl_makes_weights_exactly_0():
    model = bp.Sequential([Dense(1)], seed=0, dtype="float64")
    model.compile(Ftrl(0.5, l1_regularization_strength=2.0), "mse")
    columns = np.linalg.qr(X)[0] * 5
    model.fit(columns, columns[:, :1], epochs=30, verbose=0)
    assert (model.parameters["dense_1.W"].value != 0).ravel().tolist() == [True] + [False] * 4


@pytest.mark.parametrize(
    ("name", "kind"), [("beta_2_decay", Adafactor), ("learning_rate_power", Ftrl)]
)
def test_powers_above_0(name, kind):
    with pytest.raises(ValueError, match=f"{name} must be 0 or less, but it is 0.5"):
        kind(**{name: 0.5})


def test_a_state_of_other_lengths_is_refused(tmp_path):
    model = trained(Muon())
    model.save(tmp_path / "model.npz")
    tree = bp.storage.snapshot.take(model)
    other = trained(Muon(exclude_layers=["dense"]))
    with pytest.raises(
        ValueError, match=r"momentum \(57\), velocity \(9\), but .* velocity \(57\)"
    ):
        bp.storage.snapshot.check(other, tree, "it")


def test_the_range_test_tries_a_learning_rate_in_every_step():
    model = network(SGD(gradient_accumulation_steps=3))
    model.fit(X, Y, batch_size=6, verbose=0)  # 4 steps: one is waiting
    found = bp.experiments.learning_rate_range(model, X, Y, start=1e-4, stop=1e-2, steps=12)
    np.testing.assert_allclose(found.learning_rates, np.geomspace(1e-4, 1e-2, 12))
    assert (model.optimizer.steps, model.optimizer.iterations) == (4, 1)

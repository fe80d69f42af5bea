import numpy as np
import pytest

import backprop as bp
from backprop.inspection import Recorder, loss_surface
from backprop.layers import Dense, Input


def line(seed: int = 0) -> tuple[bp.Sequential, np.ndarray, np.ndarray]:
    """y = w₁ x₁ + w₂ x₂: a loss with two weights, so that the plane is the whole space."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, 2))
    y = X @ [[1.0], [-2.0]]
    model = bp.Sequential([Input(2), Dense(1, use_bias=False)], seed=seed, dtype="float64")
    model.compile(bp.optimizers.SGD(0.1), "mse")
    return model, X, y


def test_the_surface_is_the_loss_at_theta_plus_steps_along_the_directions() -> None:
    model, X, y = line()
    surface = loss_surface(model, X, y, resolution=5)
    theta = model.parameters.values
    assert np.allclose(surface.directions @ surface.directions.T, np.eye(2))
    for i, alpha in enumerate(surface.alphas):
        for j, beta in enumerate(surface.betas):
            w = theta + alpha * surface.directions[0] + beta * surface.directions[1]
            assert surface.losses[i, j] == pytest.approx(np.mean((X @ w[:, None] - y) ** 2))


def test_the_way_of_training_lies_in_the_plane_and_ends_at_theta() -> None:
    model, X, y = line()
    recorder = Recorder()
    model.fit(X, y, batch_size=30, epochs=8, verbose=0, callbacks=[recorder])
    surface = loss_surface(model, X, y, recorder.thetas, resolution=4)
    assert surface.path is not None
    assert surface.path.shape == (9, 2)
    assert np.allclose(surface.path[-1], 0)
    assert surface.explained == pytest.approx(1.0)
    ways = recorder.thetas - model.parameters.values
    assert np.allclose(surface.path @ surface.directions, ways)
    assert surface.alphas[0] < surface.path[:, 0].min() <= 0 <= surface.alphas[-1]


def test_the_model_is_left_as_it_was() -> None:
    model, X, y = line()
    before = model.parameters.values.copy()
    loss_surface(model, X, y, resolution=3)
    assert np.array_equal(model.parameters.values, before)


def test_mistakes_are_named() -> None:
    model, X, y = line()
    with pytest.raises(ValueError, match="resolution must be an integer of 2 or more, but it is 1"):
        loss_surface(model, X, y, resolution=1)
    with pytest.raises(ValueError, match="thetas must hold 3 points or more"):
        loss_surface(model, X, y, [np.zeros(2), np.ones(2)])
    for wrong in (5, "abc", [np.zeros(3)] * 4, [[np.nan, 0.0]] * 3):
        with pytest.raises(ValueError, match="thetas must hold"):
            loss_surface(model, X, y, wrong)
    with pytest.raises(ValueError, match="seed must be an integer"):
        loss_surface(model, X, y, seed=0.5)


def test_it_can_be_drawn() -> None:
    model, X, y = line()
    figure = loss_surface(model, X, y, resolution=4).plot()
    assert figure.axes[0].get_title() == "loss surface"

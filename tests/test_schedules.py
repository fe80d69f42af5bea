"""Schedules: PyTorch's numbers where the formula is the same, and points worked out by hand."""

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from backprop.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Schedule,
)

with np.load(Path(__file__).parent / "data" / "schedules.npz") as data:
    TORCH = {key.split("/")[0]: data[key] for key in data.files if key.endswith("/lr")}

SAME = {
    "step_10_0.5": ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "exp_0.9": ExponentialDecay(0.1, 1, 0.9),
    "cosine_T40": CosineDecay(0.1, 40),
    "cosine_restarts_T10_mult2": CosineDecayRestarts(0.1, 10),
    "poly_40_p2": PolynomialDecay(0.1, 40, end_learning_rate=0.0, power=2.0),
    # PyTorch changes the rate at step 5, Keras after it
    "multistep_5_15_0.1": PiecewiseConstantDecay([4, 14], [0.1, 0.01, 0.001]),
    "onecycle_0.5_40": OneCycle(0.5, 40),
}


def test_every_schedule_of_the_file_is_used():
    assert set(TORCH) - {"plateau"} == set(SAME)


@pytest.mark.parametrize("name", SAME)
def test_learning_rates_are_those_of_torch(name):
    found = [SAME[name](step) for step in range(40)]
    assert {type(rate) for rate in found} == {float}
    np.testing.assert_allclose(found, TORCH[name], rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (ExponentialDecay(0.8, 4, 0.25), {0: 0.8, 2: 0.4, 4: 0.2, 8: 0.05}),
        (ExponentialDecay(0.8, 4, 0.25, staircase=True), {3: 0.8, 4: 0.2, 7: 0.2, 8: 0.05}),
        (InverseTimeDecay(0.6, 2, 0.5), {0: 0.6, 2: 0.4, 4: 0.3, 8: 0.2}),
        (InverseTimeDecay(0.6, 2, 0.5, staircase=True), {1: 0.6, 2: 0.4, 3: 0.4, 4: 0.3}),
        (PiecewiseConstantDecay([2, 5], [3, 2, 1]), {0: 3, 2: 3, 3: 2, 5: 2, 6: 1, 99: 1}),
        (PiecewiseConstantDecay([], [0.1]), {0: 0.1, 7: 0.1}),
        (PolynomialDecay(1.0, 10, 0.2), {0: 1, 5: 0.6, 10: 0.2, 11: 0.2, 99: 0.2}),
        (PolynomialDecay(1.0, 10, 0.2, power=0.5), {0: 1, 6: 0.2 + 0.8 * 0.4**0.5}),
        # d is 10 up to step 10, 20 from 11 to 20, and 30 then
        (PolynomialDecay(1, 10, 0, cycle=True), {0: 1, 10: 0, 11: 0.45, 15: 0.25, 20: 0, 21: 0.3}),
        (CosineDecay(0.4, 4), {0: 0.4, 1: 0.2 + 0.2 * 2**-0.5, 2: 0.2, 4: 0, 9: 0}),
        (CosineDecay(0.4, 4, alpha=0.5), {0: 0.4, 2: 0.3, 4: 0.2, 9: 0.2}),
        (
            CosineDecay(0.1, 4, warmup_target=0.5, warmup_steps=2),
            {0: 0.1, 1: 0.3, 2: 0.5, 4: 0.25, 6: 0, 7: 0},
        ),
        (CosineDecay(0.1, 4, 0.5, warmup_target=0.4), {0: 0.4, 2: 0.3, 4: 0.2}),
        (CosineDecayRestarts(0.4, 2, t_mul=1.0), {0: 0.4, 1: 0.2, 2: 0.4, 3: 0.2, 100: 0.4}),
        (
            CosineDecayRestarts(0.4, 2, m_mul=0.5),
            {0: 0.4, 1: 0.2, 2: 0.2, 4: 0.1, 6: 0.1, 10: 0.05},
        ),
        (CosineDecayRestarts(0.4, 2, m_mul=0.5, alpha=0.25), {0: 0.4, 2: 0.25, 4: 0.175}),
        (CosineDecayRestarts(0.4, 2, t_mul=1.5, alpha=0.25), {0: 0.4, 1: 0.25, 2: 0.4, 5: 0.4}),
        (OneCycle(1.0, 20, pct_start=0.3, div_factor=10, final_div_factor=5), {0: 0.1, 5: 1}),
        (OneCycle(1.0, 20, 0.3, 10, 5), {2: 0.55 - 0.45 * math.cos(0.4 * math.pi), 12: 0.51}),
        (OneCycle(1.0, 20, 0.3, 10, 5), {19: 0.02, 20: 0.02, 1000: 0.02}),
        (OneCycle(1.0, 10, pct_start=0.1), {0: 1}),
        (OneCycle(1.0, 4, pct_start=0.0, div_factor=2, final_div_factor=1), {1: 0.75, 3: 0.5}),
    ],
)
def test_by_hand(schedule, points):
    found = {step: schedule(step) for step in points}
    assert found == pytest.approx(points, rel=1e-13, abs=1e-16)


@pytest.mark.parametrize("t_mul", [2, 3, 10])
def test_restarts_come_at_the_very_step(t_mul):
    """Found by logarithms, as in Keras, the fifth one for t = 3 would come a step late."""
    schedule, restart, length = CosineDecayRestarts(0.5, 7, t_mul=t_mul), 0, 7
    for _ in range(8):
        assert schedule(restart) == 0.5
        assert schedule(restart + length - 1) < 0.03
        restart, length = restart + length, length * t_mul


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(-0.1, 10, 0.9), "initial_learning_rate must be 0 or more"),
        (lambda: ExponentialDecay(0.1, 0, 0.9), "decay_steps must be above 0"),
        (lambda: ExponentialDecay(0.1, -3, 0.9), "decay_steps must be above 0"),
        (lambda: ExponentialDecay(0.1, "10", 0.9), "decay_steps must be a number"),
        (lambda: InverseTimeDecay(0.1, 10, -0.5), "decay_rate must be 0 or more"),
        (lambda: InverseTimeDecay(math.nan, 10, 0.5), "initial_learning_rate must be 0 or more"),
        (lambda: PiecewiseConstantDecay([5], [0.1]), "there are 1 values and 1 boundaries"),
        (
            lambda: PiecewiseConstantDecay([5, 5], [1, 2, 3]),
            r"boundaries must increase, .* \(5.0, 5.0",
        ),
        (lambda: PiecewiseConstantDecay([5], [0.1, -1]), "each of values must be 0 or more"),
        (lambda: PolynomialDecay(0.1, 10, -1.0), "end_learning_rate must be 0 or more"),
        (lambda: PolynomialDecay(0.1, 10, power=0), "power must be above 0"),
        (lambda: PolynomialDecay(0.1, 0), "decay_steps must be above 0"),
        (lambda: CosineDecay(0.1, 0), "decay_steps must be above 0"),
        (lambda: CosineDecay(0.1, 9, alpha=-1), "alpha must be 0 or more"),
        (lambda: CosineDecay(0.1, 9, warmup_steps=3), "warmup_steps needs warmup_target"),
        (lambda: CosineDecay(0.1, 9, warmup_target=-1), "warmup_target must be 0 or more"),
        (lambda: CosineDecayRestarts(0.1, 0), "first_decay_steps must be above 0"),
        (lambda: CosineDecayRestarts(0.1, 9, t_mul=0.5), "t_mul must be 1 or more"),
        (lambda: CosineDecayRestarts(0.1, 9, m_mul=-1), "m_mul must be 0 or more"),
        (lambda: OneCycle(0.1, 0), "total_steps must be an integer of 1 or more"),
        (lambda: OneCycle(0.1, 10, pct_start=1.0), "pct_start must be 0 or more and below 1"),
        (lambda: OneCycle(0.1, 10, div_factor=0), "div_factor must be above 0"),
        (lambda: OneCycle(0.1, 10, final_div_factor=-1), "final_div_factor must be above 0"),
    ],
)
def test_arguments_that_cannot_be_used(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("schedule", SAME.values(), ids=SAME)
def test_copies_are_equal(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule


def test_representation_shows_the_call():
    assert repr(OneCycle(0.5, 40)) == (
        "OneCycle(max_learning_rate=0.5, total_steps=40, pct_start=0.3, div_factor=25.0, "
        "final_div_factor=10000.0)"
    )


def test_a_schedule_of_ones_own_defines_call():
    with pytest.raises(NotImplementedError, match=r"Schedule must define __call__\(step\)"):
        Schedule()(0)


def test_schedules_of_ones_own_take_what_their_constructors_do():
    class Halving(Schedule):
        def __call__(self, step):
            return 0.5**step

    class Falling(Halving):
        def __init__(self, base):
            self.base = base

    assert Falling(base=3).base == copy.deepcopy(Falling(3)).base == 3
    with pytest.raises(TypeError, match="Halving takes no arguments"):
        Halving(3)

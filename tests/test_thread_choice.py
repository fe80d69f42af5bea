"""Which steps are made on one thread, by the times of those before."""

import pytest

from backprop.engine.thread_choice import (
    COUNTED,
    IDLE,
    LOOK,
    RARELY,
    SETTLE,
    SLOWER,
    STAY,
    ThreadChoice,
)

CORES = 4
BEST = 0.004


def run(
    pace: ThreadChoice, several: float, one: float, seconds: float, share: float = 1.0
) -> list[bool]:
    """Steps that take so long, until the seconds are over; which of them were on one thread."""
    made = []
    while seconds > 0:
        made.append(pace.one_thread)
        time = one if pace.one_thread else several
        pace.took(time, time * (1 if pace.one_thread else share * CORES))
        seconds -= time
    return made


def test_with_the_cores_for_themselves_steps_stay_on_several_threads() -> None:
    assert not any(run(ThreadChoice(CORES), BEST, 2 * BEST, 10.0))
    assert not any(run(ThreadChoice(CORES), 1.0, 2.0, 50.0))


@pytest.mark.parametrize("times", [1.2, SLOWER * 1.01, 4.0])
def test_steps_that_become_slower_go_to_one_thread_if_that_is_quicker(times: float) -> None:
    pace = ThreadChoice(CORES)
    run(pace, BEST, 1.4 * BEST, 1.0)
    made = run(pace, times * BEST, 1.4 * BEST, 20.0)
    if times < SLOWER:  # so little that one thread was never tried
        assert not any(made)
    else:
        share = sum(made) / len(made)
        assert share > 0.9
        assert not made[0]
        assert made[round(2 * LOOK / BEST)]


def test_from_a_crowded_start_the_time_that_the_threads_run_tells() -> None:
    made = run(ThreadChoice(CORES), 3 * BEST, 1.4 * BEST, 20.0, share=IDLE - 0.01)
    assert sum(made) / len(made) > 0.9
    assert not any(run(ThreadChoice(CORES), 3 * BEST, 1.4 * BEST, 20.0, share=IDLE + 0.01))


def test_that_time_is_taken_over_several_looks() -> None:
    pace = ThreadChoice(CORES)
    for share in (0.9, 0.7, 0.9, 0.8) * 50:  # ticks that fall into one look or the other
        assert not any(run(pace, BEST, 1.4 * BEST, LOOK, share))
    pace = ThreadChoice(CORES)
    assert not any(run(pace, BEST, 1.4 * BEST, COUNTED - 2 * LOOK, share=0.5))
    assert any(run(pace, BEST, 1.4 * BEST, 3 * LOOK, share=0.5))


def test_one_thread_that_is_slower_is_left_soon_and_not_tried_again() -> None:
    pace = ThreadChoice(CORES)
    run(pace, BEST, 5 * BEST, 1.0)
    made = run(pace, 2 * BEST, 5 * BEST, 60.0)
    assert SETTLE <= sum(made) * 5 * BEST < SETTLE + 6 * BEST
    # slower than one thread, in the end
    assert any(run(pace, 6 * BEST, 5 * BEST, 1.0))


def test_when_the_neighbour_has_gone_steps_return_to_several_threads() -> None:
    pace = ThreadChoice(CORES)
    run(pace, BEST, 1.4 * BEST, 1.0)
    run(pace, 3 * BEST, 1.4 * BEST, 10.0)
    run(pace, BEST, 1.4 * BEST, STAY + 2 * BEST)
    assert not any(run(pace, BEST, 1.4 * BEST, 10.0))


def test_slow_looks_at_several_threads_are_rare() -> None:
    pace = ThreadChoice(CORES)
    run(pace, BEST, 1.4 * BEST, 1.0)
    made = run(pace, 100 * BEST, 1.4 * BEST, 100.0)
    looks = made.count(False)
    assert looks * 100 * BEST <= 100.0 / RARELY * 1.1
    assert looks > 5  # but they come


def test_first_steps_on_one_thread_may_be_slow_as_the_others_still_spin() -> None:
    pace = ThreadChoice(CORES)
    run(pace, BEST, 0.0, 1.0)
    run(pace, 2 * BEST, 1.4 * BEST, LOOK)
    assert pace.one_thread
    run(pace, 0.0, 3 * BEST, SETTLE / 2)
    made = run(pace, 2 * BEST, 1.4 * BEST, STAY)
    assert sum(made) * 1.4 * BEST > STAY / 2


def test_a_slow_step_among_quick_ones_on_one_thread_decides_nothing() -> None:
    pace = ThreadChoice(CORES)
    run(pace, BEST, 0.0, 1.0)
    run(pace, 2 * BEST, 1.4 * BEST, LOOK)
    run(pace, 0.0, 1.4 * BEST, SETTLE - 5 * BEST)
    run(pace, 0.0, 10 * BEST, BEST)
    assert pace.one_thread

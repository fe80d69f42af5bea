"""The threads that make parts of a step."""

import itertools
import threading
import time

import numpy as np
import pytest
from programs import run

from backprop.engine.team import IDLE, TRIALS, Team


@pytest.fixture
def team() -> Team:
    return Team()


def test_each_part_is_made_in_order_on_a_thread_of_its_own(team: Team) -> None:
    made: list[list[tuple[int, int]]] = [[], [], []]

    def call(k: int, i: int):
        return lambda: made[k].append((i, threading.get_ident()))

    for _ in range(2):
        team.make([[call(k, i) for i in range(5)] for k in range(3)])
    assert [[i for i, _ in part] for part in made] == [[0, 1, 2, 3, 4] * 2] * 3
    threads = [{thread for _, thread in part} for part in made]
    assert threads[0] == {threading.get_ident()}
    assert len(set().union(*threads)) == 3  # the same two others in both rounds


def test_parts_run_at_the_same_time(team: Team) -> None:
    meeting = threading.Barrier(2, timeout=10)
    team.make([[meeting.wait], [meeting.wait]])


@pytest.mark.parametrize("which", [0, 1])
def test_an_error_in_a_part_comes_when_all_are_through(which: int, team: Team) -> None:
    through = []

    def fail() -> None:
        raise ZeroDivisionError("in a part")

    def work() -> None:
        time.sleep(0.02)
        through.append(True)

    parts = [[work], [work]]
    parts[which] = [fail]
    with pytest.raises(ZeroDivisionError, match="in a part"):
        team.make(parts)
    assert through == [True]
    team.make([[work], [work]])  # and it works on
    assert through == [True] * 3


def test_while_one_step_has_the_threads_another_makes_its_parts_alone(team: Team) -> None:
    seen = []

    def inner() -> None:
        team.make([[lambda: seen.append(threading.get_ident())]] * 2)

    team.make([[inner], []])
    assert seen == [threading.get_ident()] * 2


def test_floating_point_errors_are_treated_as_the_caller_said(team: Team) -> None:
    tiny = np.full(3, 1e-300)

    def overflow() -> None:
        np.divide(1e300, tiny)

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        team.make([[], [overflow]])
    with np.errstate(over="ignore"):
        team.make([[], [overflow]])


def test_a_forked_process_has_threads_of_its_own() -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore")  # Python warns of forks beside threads
from backprop.engine.team import team
team.make([[], [int]])
team._free.acquire()  # as if another thread were in the middle of a step
child = os.fork()
if not child:
    made = []
    team.make([[], [lambda: made.append(os.getpid())]])
    os._exit(0 if made == [os.getpid()] else 1)
print(os.waitpid(child, 0)[1])
"""
    assert run("-c", code).stdout == "0\n"


def test_the_threads_end_with_the_process() -> None:
    done = run("-c", "from backprop.engine.team import team; team.make([[], [int]]); print(1)")
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_an_interrupted_wait_leaves_no_thread_at_work() -> None:
    code = """
import os, signal, time
from backprop.engine.team import team
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have ignored it
through = []
def interrupt():
    time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    through.append(True)
try:
    team.make([[], [interrupt]])
except KeyboardInterrupt:
    through.append("interrupted")
team.make([[], [lambda: through.append("again")]])
print(through)
"""
    assert run("-c", code).stdout == "[True, 'interrupted', 'again']\n"


def test_how_late_a_thread_begins_is_measured_once_when_the_threads_are_free(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    freed: list[bool] = []
    held = threading.Event()

    def noted() -> float:
        ran.append(threading.get_ident())
        return time.perf_counter()

    def hold() -> None:
        with team._free:
            held.set()
            time.sleep(0.05)
            freed.append(True)

    monkeypatch.setattr("backprop.engine.team.perf_counter", noted)
    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    lateness = team.lateness()
    assert freed  # another step had them until then
    other.join()
    assert len(set(ran)) == 2  # this thread and the one that was waited for
    assert 0 < lateness < 0.05
    ran.clear()
    assert team.lateness() == lateness
    assert ran == []
    assert not team._free.locked()


def test_how_late_a_thread_begins_is_measured_after_it_slept(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a step: a thread that has just worked begins sooner."""
    times: list[float] = []
    monkeypatch.setattr(team, "_make", lambda *_: times.append(time.perf_counter()))
    team.lateness()
    assert len(times) == TRIALS
    assert min(b - a for a, b in itertools.pairwise(times)) >= IDLE

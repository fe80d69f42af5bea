"""Trainings that are killed at random moments end as those that nothing disturbs.

With the same bits: weights, the optimizer's state, generators, History, what callbacks count, lines
of logs, checkpoints, curves, and no file too many (see ``killing.train``).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rows import thirds

import backprop as bp

TESTS = Path(__file__).resolve().parents[1]
SET_UPS = (
    *("sgd", "momentum", "adam", "ema", "schedule", "dropout", "stream", "generator"),
    *("steps", "double", "plateau", "stopping", "lbfgs"),
)


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    """Asks the program that trains and kills."""
    folders = [str(TESTS), str(Path(bp.__file__).resolve().parents[1])]
    # it forks, which is safe as long as there is one thread
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    program = subprocess.Popen(
        [sys.executable, str(TESTS / "killing.py"), str(tmp_path_factory.mktemp("kill"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(folders)},
    )

    def ask(**task):
        program.stdin.write(json.dumps(task).encode() + b"\n")
        program.stdin.flush()
        return json.loads(program.stdout.readline())

    yield ask
    program.stdin.close()
    program.stdout.close()
    assert program.wait() == 0


@pytest.mark.parametrize(
    "name",
    thirds((s for s in SET_UPS if s not in ("sgd", "ema", "schedule", "generator")), 1),
)
def test_what_was_killed_ends_as_if_it_had_not_been(killer, name):
    found = killer(name=name, kills=3, seed=os.getpid())
    assert found["differences"] == []
    assert found["stopped"] == (name == "stopping")
    assert found["epochs"] == list(range(len(found["epochs"])))
    if name == "plateau":
        assert found["rate"] < 0.1


@pytest.mark.long
@pytest.mark.parametrize("name", SET_UPS)
def test_thirty_kills(killer, name):
    assert killer(name=name, kills=30, seed=1)["differences"] == []

"""Starts jobs of several workers by mpiexec, as the tests of ``distributed`` need them."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 20.0
"""Seconds that a job may take."""

START = """
import sys
import numpy as np
import backprop as bp
from backprop.distributed import Workers
from backprop.layers import *
np.seterr(all="raise", under="ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(203, 6))
y = X[:, :3].argmax(1)
"""


def command(script: Path, n: int, *options: str, module: str = "") -> list[str]:
    """How a script is started on n workers of this machine, over shared memory alone.

    Args:
        script: The script.
        n: The number of workers.
        options: Of mpiexec.
        module: The module that is to run the script, if it is not Python alone.
    """
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
    assert mpiexec, "there is mpi4py but no mpiexec: install the extra mpi"
    # workers that wait leave their core to others, which this machine may have to serve, too
    placing = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
    memory = ["--mca", "btl", "self,sm", "--mca", "pml", "ob1"]
    python = [sys.executable, *(["-m", module] if module else []), str(script)]
    return [mpiexec, *options, *placing, *memory, "-n", str(n), *python]


def environment() -> dict[str, str]:
    """The variables of a job: the package of this checkout, and root may start it."""
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return {**os.environ, **allowed, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def write_job(folder: Path, code: str) -> Path:
    """A script of this code, in which ``bp``, ``Workers``, the layers and X, y are known."""
    script = folder / "job.py"
    script.write_text(START + textwrap.dedent(code), encoding="utf-8")
    return script


def run(
    folder: Path, n: int, code: str, *options: str, module: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a job, started as by ``command``, to its end, which must come within ``LIMIT``."""
    words = command(write_job(folder, code), n, *options, module=module)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, env=environment(), cwd=folder, stdout=pipe, stderr=pipe, text=True
    ) as job:
        try:
            out, said = job.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            job.terminate()  # mpiexec then ends its workers, which a kill would leave behind
            try:
                out, said = job.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                job.kill()
                out, said = job.communicate()
            raise AssertionError(f"the job took more than {LIMIT} s:\n{out}\n{said}") from None
    return subprocess.CompletedProcess(words, job.returncode, out, said)


def succeed(folder: Path, n: int, code: str, *options: str, module: str = "") -> str:
    """What a job prints, whose asserts must hold on every worker."""
    done = run(folder, n, code, *options, module=module)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout

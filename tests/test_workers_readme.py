"""The README's program for several processes works as printed, with the command that is printed."""

import re
import subprocess
from pathlib import Path

from mpi_jobs import ROOT, command, environment


def test_program_and_command_work_as_printed(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (inside,) = [block for block in others if "with Workers()" in block]
    before, after = first.split("history = model.fit(", 1)
    program = tmp_path / "train.py"
    program.write_text(before + inside + after.split("\n", 1)[1], encoding="utf-8")
    (printed,) = re.findall(r"/mpiexec ([^`]*)`", text)
    words = command(program, 2)
    assert printed.split() == [*words[-4:-2], ".venv/bin/python", program.name]
    done = subprocess.run(
        words, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Epoch 30/30") == 1
    assert (tmp_path / "training.png").exists()

"""Python programs in processes of their own, which find the package and the tests."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDERS = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])


def environment(**variables: str) -> dict[str, str]:
    """The environment of such a process."""
    return {**os.environ, "PYTHONPATH": FOLDERS, **variables}


def run(
    *arguments: Any,
    cwd: Any = None,
    check: bool = False,
    timeout: float | None = 120,
    **variables: str,
) -> Any:
    """A program that has ended, with what it printed; ``"-c", code`` runs a text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=check,
        timeout=timeout,
    )

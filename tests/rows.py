"""Tables of which one test takes every row: pytest spends longer on a small test than the test."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Test = Callable[..., None]


def each(names: str, rows: Iterable[Any], ids: Callable[[Any], object] = str) -> Callable[..., Any]:
    """Runs a test for every row and then fails with all that failed, each with its row's name.

    As ``pytest.mark.parametrize(names, rows, ids=ids)``, but one test. Rows follow one another
    without the fixtures being made anew, apart from ``rng``, which each row gets as it was.
    """
    arguments = [name.strip() for name in names.split(",")]
    table = list(rows)
    assert table, "a test without rows would always pass"

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def every_row(**fixtures: Any) -> None:
            failures = []
            for row in table:
                values = [row] if len(arguments) == 1 else row
                given = dict(zip(arguments, values, strict=True))
                if "rng" in fixtures:
                    given["rng"] = copy.deepcopy(fixtures["rng"])
                try:
                    test(**{**fixtures, **given})
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"in the row {names} = {ids(row)}")
                    failures.append(error)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(table)} rows failed", failures)

        parameters = inspect.signature(test).parameters
        assert set(arguments) <= set(parameters), f"{test.__name__} does not take {names}"
        left = [p for name, p in parameters.items() if name not in arguments]
        every_row.__signature__ = inspect.Signature(left)
        return every_row

    return decorate

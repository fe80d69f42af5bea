"""Tables of which one test takes every row: pytest spends longer on a small test than the test."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Row = type(pytest.param())
Test = Callable[..., None]
Ids = Callable[[Any], object] | Iterable[object] | None
SHORT_AND_LONG = pytest.mark.parametrize(
    "is_long", [False, pytest.param(True, marks=pytest.mark.long)], ids=["short", "long"]
)


def each(names: str | tuple[str, ...], rows: Iterable[Any], ids: Ids = None) -> Callable[..., Any]:
    """Runs a test for every row and then fails with all that failed, each with its row's name.

    As ``pytest.mark.parametrize(names, rows, ids=ids)``, but one test; the rows that are marked as
    long are another one. Fixtures are made once for all rows, apart from ``rng`` and
    ``monkeypatch``, of which each row has its own.
    """
    arguments = names.split(", ") if isinstance(names, str) else names
    table = [
        row if isinstance(row, Row) else pytest.param(*(row if len(arguments) > 1 else [row]))
        for row in rows
    ]
    assert table, "a test without rows would always pass"
    if ids is None or callable(ids):
        name = ids or str
        labels = [row.id or ", ".join(str(name(value)) for value in row.values) for row in table]
    else:
        labels = [str(label) for label in ids]
    parts: dict[bool, list[tuple[str, Any]]] = {False: [], True: []}
    for label, row in zip(labels, table, strict=True):
        parts["long" in {mark.name for mark in row.marks}].append((label, row))

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def every_row(**fixtures: Any) -> None:
            part = parts[bool(parts[True]) and fixtures.pop("is_long")]
            failures = []
            for label, row in part:
                given = {**fixtures, **dict(zip(arguments, row.values, strict=True))}
                if "rng" in fixtures:
                    given["rng"] = copy.deepcopy(fixtures["rng"])
                with pytest.MonkeyPatch.context() as patch:
                    if "monkeypatch" in fixtures:
                        given["monkeypatch"] = patch
                    try:
                        test(**given)
                    except (Exception, pytest.fail.Exception) as error:
                        error.add_note(f"in the row {', '.join(arguments)} = {label}")
                        failures.append(error)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(part)} rows failed", failures)

        parameters = inspect.signature(test).parameters
        assert set(arguments) <= set(parameters), f"{test.__name__} does not take {names}"
        left = [p for name, p in parameters.items() if name not in arguments]
        if parts[True]:
            left.append(inspect.Parameter("is_long", inspect.Parameter.POSITIONAL_OR_KEYWORD))
        every_row.__signature__ = inspect.Signature(left)
        return SHORT_AND_LONG(every_row) if parts[True] else every_row

    return decorate


def thirds(rows: Iterable[Any], first: int = 0) -> list[Any]:
    """The rows as parameters, of which the short run has every third, from ``first`` on."""
    found = []
    for k, row in enumerate(rows):
        values = row if type(row) is tuple else (row,)
        late = () if k % 3 == first else pytest.mark.long
        found.append(row if isinstance(row, Row) else pytest.param(*values, marks=late))
    return found

"""One test for every row of a table finds what a test for each row would find."""

import inspect

import numpy as np
import pytest
from rows import each, thirds


def test_every_row_that_fails_is_named() -> None:
    taken = []

    @each("n", range(5))
    def below_three(n):
        taken.append(n)
        assert n not in (2, 4), "too much"

    with pytest.raises(ExceptionGroup, match="2 of 5 rows failed") as caught:
        below_three()
    assert taken == [0, 1, 2, 3, 4]
    for error, n in zip(caught.value.exceptions, (2, 4), strict=True):
        assert isinstance(error, AssertionError)
        assert "too much" in str(error)
        assert error.__notes__ == [f"in the row n = {n}"]


def test_tables_in_each_other_take_all_pairs() -> None:
    taken = []

    @each("a, b", [(1, 2), (3, 4)])
    @each("c", "xy", ids=str.upper)
    def pairs(a, c, b):
        taken.append((a, b, c))
        assert (a, c) != (3, "y")

    with pytest.raises(ExceptionGroup) as caught:
        pairs()
    assert taken == [(1, 2, "x"), (1, 2, "y"), (3, 4, "x"), (3, 4, "y")]
    (outer,) = caught.value.exceptions
    assert outer.__notes__ == ["in the row a, b = 3, 4"]
    assert outer.exceptions[0].__notes__ == ["in the row c = Y"]


def test_what_does_not_raise_is_a_row_that_fails() -> None:
    @each("n", [1, 0, 2])
    def division(n):
        with pytest.raises(ZeroDivisionError):
            print(1 / n)

    with pytest.raises(BaseExceptionGroup, match="2 of 3 rows failed"):
        division()


@each("n", range(3))
def test_fixtures_stay_fixtures_and_every_row_draws_the_same(rng, n):
    assert rng.random() == np.random.default_rng(12345).random()


@each("value", [1, 2, 3])
def test_what_a_row_patches_is_undone_before_the_next(monkeypatch, value):
    assert not hasattr(each, "value")
    monkeypatch.setattr(each, "value", value, raising=False)
    assert each.value == value


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([(1, 2), (3, 4)], ["first", "second"]),
        ([pytest.param(1, 2, id="first"), pytest.param(3, 4, id="second")], None),
        ({"first": (1, 2), "second": (3, 4)}.values(), {"first": 0, "second": 1}),
    ],
)
def test_rows_are_named_as_parametrize_names_them(rows, ids):
    @each(("a", "b"), rows, ids)
    def sum_is_three(a, b):
        assert a + b == 3

    with pytest.raises(ExceptionGroup, match="1 of 2 rows failed") as caught:
        sum_is_three()
    assert caught.value.exceptions[0].__notes__ == ["in the row a, b = second"]


def test_mistakes_in_a_table_are_found_where_it_stands() -> None:
    def test(n):
        raise AssertionError

    with pytest.raises(AssertionError, match="without rows"):
        each("n", [])
    with pytest.raises(AssertionError, match="test does not take m"):
        each("m", [1])(test)
    assert not inspect.signature(each("n", [1])(test)).parameters


@pytest.mark.parametrize("first", range(3))
def test_every_third_row_is_short_and_all_are_there(first) -> None:
    taken = []

    @each("n", thirds(range(7), first))
    def take(n):
        taken.append(n)

    take(is_long=False)
    assert taken == list(range(first, 7, 3))
    take(is_long=True)
    assert sorted(taken) == list(range(7))


def test_long_rows_stay_long() -> None:
    long = pytest.param(0, marks=pytest.mark.long)
    assert thirds([long, 1]) == [long, pytest.param(1, marks=pytest.mark.long)]
    assert thirds([(1, 2)]) == [pytest.param(1, 2)]

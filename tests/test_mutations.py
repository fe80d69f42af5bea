"""Every small mistake that could stand in a backward pass is noticed by the gradient check."""

import mutations
import pytest
from loss_cases import CASES as LOSSES

EQUIVALENT = {
    "Dense.backward: not transposed: `self.dW = self.X.T @ rows`": (
        "runs on sparse inputs only; test_sparse_inputs.py compares these with dense ones"
    ),
    "Joined.delta_of: another comparison: `D *= np.greater(outputs[b], other) if c < b": (
        "of equal numbers alone, which test_blocks.py has"
    ),
    "Masking.backward: another function": "random numbers have no padded step, and δ/1 = δ",
    "PReLU.f_prime": "f(z) = z f′(z) calls it: value and slope change together",
    "Hinge.gradient: another operator: `G *= T` -> `G /= T`": "t is −1 or 1, and so 1/t = t",
    "SquaredHinge.gradient: another operator: `G *= T` -> `G /= T`": "t is −1 or 1",
}
"""Mutants that a check cannot notice, since they compute the same; why."""


def reason(mutant: mutations.Mutant) -> str | None:
    return next((why for start, why in EQUIVALENT.items() if str(mutant).startswith(start)), None)


def test_what_is_mutated_passes_as_it_stands() -> None:
    """The layers by themselves do in ``test_part_check.py``, in the same batches."""
    rows = [row for row in mutations.ROWS if row in LOSSES or row.name == "chain"]
    reports = [report for row in rows for report in mutations.checks(row)]
    assert [str(report) for report in reports if not report.ok] == []


@pytest.fixture(scope="module")
def mutants() -> list[mutations.Mutant]:
    return list(mutations.mutants())


@pytest.mark.long
def test_every_mutant_is_noticed(mutants: list[mutations.Mutant]) -> None:
    judged = [mutant for mutant in mutants if reason(mutant) is None]
    survivors = [str(mutant) for mutant in judged if mutations.survives(mutant)]
    print(f"{len(judged) - len(survivors)} of {len(judged)} mutants noticed, ", end="")
    print(f"{len(mutants) - len(judged)} equivalent ones left out")
    assert survivors == []
    assert len(judged) > 300


def test_every_layer_and_loss_is_mutated(mutants: list[mutations.Mutant]) -> None:
    mutated = {type(row.make()) for mutant in mutants for row in mutant.rows}
    assert mutated == {type(row.make()) for row in mutations.ROWS}


def test_no_exemption_is_stale(mutants: list[mutations.Mutant]) -> None:
    unused = [start for start in EQUIVALENT if not any(str(m).startswith(start) for m in mutants)]
    assert unused == []


def test_judging_a_mutant_leaves_the_package_sound(mutants: list[mutations.Mutant]) -> None:
    mutant = mutants[0]
    sound = vars(mutant.owner)[mutant.name]
    assert sound is not mutant.method
    assert not mutations.survives(mutant)
    assert vars(mutant.owner)[mutant.name] is sound


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a, b):\n    return a + b", ["-(a + b)", "a - b"]),
        ("def f(a, b):\n    return a * b", ["-(a * b)", "a / b", "a", "b"]),
        ("def f(W):\n    return W.T", ["-W.T", "W"]),
        ("def f(d):\n    d *= 2\n    return d", ["pass", "d /= 2", "d *= 1", "-d"]),
        ("def f(Z):\n    return np.greater(Z, 0)", ["-np", "np.less(Z, 0)", "np.greater(Z, 1)"]),
        ("def f(x):\n    self.check(x)\n    return np.sum(x, axis=-1)", ["-np.sum"]),
    ],
)
def test_mistakes_that_are_planted(source: str, expected: list[str]) -> None:
    found = [mutations.ast.unparse(tree) for _, tree in mutations.mutated(source)]
    assert len(found) == len(expected)
    for text in expected:
        assert any(text in mutant for mutant in found), (text, found)

"""Mutants of every backward pass in the package: the same source with one small mistake planted.

A gradient check is worth what it finds. Here each ``backward``, ``f_prime``, ``gradient`` and
``logit_gradient`` is taken as source, one place in it is changed (a sign, a factor, a transpose, a
dropped line), and the result is put into a subclass, which the check must then find wrong.
"""

import ast
import copy
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from layer_cases import PACKAGE, WithMask
from layer_cases import Case as LayerCase
from loss_cases import CASES as LOSSES
from loss_cases import Case as LossCase

from backprop import Sequential, losses
from backprop.inspection import GradientReport, check_layer, check_loss
from backprop.layers import Dense, Layer, Softmax, Tanh

LAYER_METHODS = ("backward", "unstretch", "unstandardize", "unpool", "change_back", "f_prime")
LAYER_METHODS += ("backward_steps", "back_after", "back_before", "slopes", "in_keras_order")
LAYER_METHODS += ("parts_of", "delta_of", "slope_with_options")
LAYER_METHODS += ("weighted_sum", "hand_out")
LOSS_METHODS = ("backward", "gradient", "logit_gradient")

ROWS: list[LayerCase | LossCase] = [*PACKAGE, *LOSSES]
"""Every concrete layer and loss of the package."""


def checks(row: LayerCase | LossCase) -> Iterator[GradientReport]:
    """The checks that a mutant must not pass, all of them."""
    if isinstance(row, LayerCase):
        if row.name == "chain":  # as in a model, whose matched pair skips the last layer
            model = Sequential([Dense(3), Tanh(), Dense(4), Softmax()], seed=0)
            model.compile(loss="sparse_categorical_crossentropy")
            yield model.check_gradients(np.eye(4), [0, 1, 2, 3])
        yield layer_check(row)
        return
    loss, shape = row.make(), (4,)
    yield check_loss(loss, shape)
    if isinstance(loss, losses.CategoricalGeneralizedCrossEntropy):  # with a softmax, by its logits
        model = Sequential([Dense(4), Softmax()], seed=0)
        model.compile(loss=loss)
        yield model.check_gradients(np.eye(4), [0, 1, 2, 3])
    if isinstance(loss, losses.CosineSimilarity):  # the second is too short to be stretched
        rows = np.array([[0.3, -1.2, 0.4, 0.9], [2e-8, 1e-8, -1e-8, 3e-8]])
        yield check_loss(loss, shape, prediction=rows, target=rows[::-1] + 0.1)
    if isinstance(loss, losses.MeanSquaredLogarithmicError):  # the first has no slope
        yield check_loss(loss, 2, prediction=[[-0.3, 1.2]], target=[[0.4, 0.9]])
    if isinstance(loss, losses.CategoricalHinge):  # the second costs nothing
        rows = np.array([[0.3, -1.2, 0.4, 0.9], [3.5, 1.0, -1.0, 0.7]])
        yield check_loss(loss, shape, prediction=rows, target=np.eye(4)[[1, 0]])


SIZE_AND_SEED = 5, 0
"""The batch with which mutants are judged; ``test_part_check.py`` has all sound layers with it."""


def layer_check(
    row: LayerCase, batch_size: int = SIZE_AND_SEED[0], seed: int = SIZE_AND_SEED[1]
) -> GradientReport:
    """The check of a layer by itself; of one that takes integers, in a model."""
    if not row.integers:
        layer = row.make() if row.mask is None else WithMask(row.make(), row.mask)
        return check_layer(layer, row.shape, batch_size=batch_size, seed=seed)
    model = Sequential([row.make(), Dense(3), Softmax()], seed=seed)
    model.compile(loss="sparse_categorical_crossentropy")
    return model.check_gradients(*row.batch(batch_size, 3))


# --- where a mistake can be made ------------------------------------------------------------------

OTHER_OPERATOR: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
OTHER_COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.Lt,
    ast.Lt: ast.Gt,
    ast.GtE: ast.Lt,
    ast.LtE: ast.Gt,
}
OTHER_FUNCTION = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "negative": "positive",
    "positive": "negative",
    "greater": "less",
    "less": "greater",
    "greater_equal": "less",
    "less_equal": "greater",
    "maximum": "minimum",
    "minimum": "maximum",
}

OTHER_NUMBER = {"0": 1, "1": 2, "2": 1, "0.5": 1}


def replacements(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """What may stand wrongly in place of a node: its description and the other node."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OTHER_OPERATOR:
        other = copy.deepcopy(node)
        other.op = OTHER_OPERATOR[type(node.op)]()
        yield "another operator", other
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield "a factor dropped", node.left
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield "a factor dropped", node.right
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER_COMPARISON:
        other_compare = copy.deepcopy(node)
        other_compare.ops[0] = OTHER_COMPARISON[type(node.ops[0])]()
        yield "another comparison", other_compare
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "not transposed", node.value
    if isinstance(node, ast.Attribute) and node.attr in OTHER_FUNCTION:
        other_function = copy.deepcopy(node)
        other_function.attr = OTHER_FUNCTION[node.attr]
        yield "another function", other_function
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield "a sign dropped", node.operand
    if isinstance(node, ast.Return) and not isinstance(node.value, ast.Constant | None):
        negated = copy.deepcopy(node)
        negated.value = ast.UnaryOp(ast.USub(), copy.deepcopy(node.value))
        yield "negated", negated
    if isinstance(node, ast.Constant) and str(node.value) in OTHER_NUMBER:
        yield "another constant", ast.Constant(OTHER_NUMBER[str(node.value)])
    if isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and "check" not in ast.unparse(node.value.func)  # no part of the formula
    ):
        yield "a line dropped", ast.Pass()


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Any]]:
    """Every node below, with the field, or field and position, of its parent that holds it."""
    function = tree.body[0]
    for position in range(len(function.body)):
        yield function, "body", position
    for parent in chain.from_iterable(map(ast.walk, function.body)):
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.operand, ast.Constant):
            continue  # -1 is an axis, no part of a formula
        for field, value in ast.iter_fields(parent):
            if isinstance(value, list):
                for position, child in enumerate(value):
                    if isinstance(child, ast.AST):
                        yield parent, field, position
            elif isinstance(value, ast.AST):
                yield parent, field, None


def at(parent: ast.AST, field: str, position: int | None) -> Any:
    value = getattr(parent, field)
    return value if position is None else value[position]


def put(parent: ast.AST, field: str, position: int | None, node: Any) -> None:
    if position is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[position] = node


# --- mutants --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """One method with one mistake.

    Attributes:
        owner: The class that defines the method.
        name: The method's name.
        method: The method with the mistake.
        mistake: What was done.
        original: The changed line as it should be.
        line: The changed line.
        rows: The rows whose objects have the method.
    """

    owner: type
    name: str
    method: Any
    mistake: str
    original: str
    line: str
    rows: list[LayerCase | LossCase]

    def __str__(self) -> str:
        where = f"{self.owner.__name__}.{self.name}"
        return f"{where}: {self.mistake}: `{self.original}` -> `{self.line}`"


def mutants() -> Iterator[Mutant]:
    """All mutants; a method that is inherited is mutated once, for all that inherit it."""
    users: dict[tuple[type, str], list[LayerCase | LossCase]] = {}
    for row in ROWS:
        for name in LAYER_METHODS if isinstance(row, LayerCase) else LOSS_METHODS:
            for owner in type(row.make()).__mro__:
                if name in vars(owner) and owner is not Layer:
                    users.setdefault((owner, name), []).append(row)
    for (owner, name), rows in users.items():
        source = textwrap.dedent(inspect.getsource(vars(owner)[name]))
        sound = ast.unparse(ast.parse(source)).splitlines()
        for mistake, tree in mutated(source):
            pairs = zip_longest(sound, ast.unparse(tree).splitlines(), fillvalue="")
            original, line = next((a.strip(), b.strip()) for a, b in pairs if a != b)
            method = compiled(tree, owner, name)
            yield Mutant(owner, name, method, mistake, original, line, rows)


def mutated(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Every wrong version of a function's source, with what is wrong; each until the next one."""
    tree = ast.parse(source)
    for place in list(places(tree)):
        right = at(*place)
        for mistake, node in list(replacements(right)):
            put(*place, node)
            yield mistake, ast.fix_missing_locations(tree)
            put(*place, right)


def compiled(tree: ast.Module, owner: type, name: str) -> Any:
    """The function of a tree, as if it stood in the class."""
    # the argument called __class__ is what super() looks for
    frame = ast.parse(f"def make(__class__):\n    return {name}")
    frame.body[0].body.insert(0, tree.body[0])
    namespace: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(frame), f"<mutant of {name}>", "exec")
    exec(code, vars(sys.modules[owner.__module__]), namespace)
    return namespace["make"](owner)


def survives(mutant: Mutant) -> bool:
    """Whether the check lets a mutant pass in every row; one that raises does not pass."""
    sound = vars(mutant.owner)[mutant.name]
    setattr(mutant.owner, mutant.name, mutant.method)
    try:
        return all(map(passes, mutant.rows))
    finally:
        setattr(mutant.owner, mutant.name, sound)


def passes(row: LayerCase | LossCase) -> bool:
    try:
        return all(report.ok for report in checks(row))
    except Exception:
        return False

"""The rows about a layer that is unrolled over time: every step forwards, and every step back."""

import re
from collections.abc import Iterator

from backprop.core.time_steps import Unrolled
from backprop.core.types import Array
from backprop.explain.names import Names, Row, Symbols, delta_name, fill, letter
from backprop.explain.record import LayerRecord
from backprop.explain.stated import stated
from backprop.layers import Layer
from backprop.layers.block import walk
from backprop.plotting.nodes import unit_name

_MOST = 6  # steps; of a longer sequence the first two and the last two are shown


def steps_forward(record: LayerRecord) -> list[Row]:
    """What each step computed."""
    rows: list[Row] = []
    for part, layer, unrolled in _unrolled(record):
        rows += [Row(part)] * bool(part)
        rows += [Row(_symbol(name, 0), array) for name, array in unrolled.start.items()]
        for at in _shown(unrolled):
            rows += _rows(at, layer, unrolled, "y", forward=True)
    return rows


def steps_back(record: LayerRecord, names: Names) -> tuple[list[Row], str]:
    """The gradients of each step from the last one on, and what is to be said of them."""
    rows: list[Row] = []
    remarks: list[str] = []
    for part, layer, unrolled in _unrolled(record):
        rows += [Row(part)] * bool(part)
        for at in reversed(_shown(unrolled)):
            rows += _rows(at, layer, unrolled, "y" if part else names.y, forward=False)
        remarks.append(unrolled.remark)
    if rows:
        said = (
            "`W_t` and `U_t` are `W` and `U` as step t meets them, so that `∂E/∂W` and `∂E/∂U` are "
            "the sums of `∂E/∂W_t` and `∂E/∂U_t` over the steps."
        )
        remarks.insert(0, said)
    return rows, " ".join(filter(None, dict.fromkeys(remarks)))


def _unrolled(record: LayerRecord) -> Iterator[tuple[str, Layer, Unrolled]]:
    """The layer, or those in it, that go step by step, each with its way in the layer."""
    for way, layer in walk([record.layer]):
        methods = ("forward", "backward", "forward_steps", "backward_steps")
        known = stated(layer, "step_formulas", *methods)
        unrolled = layer.unrolled() if known else None
        if unrolled is not None:
            yield way.partition(".")[2], layer, unrolled


def _shown(unrolled: Unrolled) -> list[int | range]:
    """The places of the steps that are shown, and of those that are left out."""
    T = len(unrolled.steps)
    if T <= _MOST:
        return list(range(T))
    return [0, 1, range(2, T - 2), T - 2, T - 1]


def _rows(at: int | range, layer: Layer, unrolled: Unrolled, y: str, forward: bool) -> list[Row]:
    if isinstance(at, range):
        return [Row(f"t = {at.start + 1} … {at.stop}")]
    step = unrolled.steps[at]
    shown = step.forward if forward else step.backward
    rows = []
    for name, array in shown.items():
        if name == "own":
            continue
        symbol = _symbol(name, step.reads if name == "x" else step.t)
        text = _known(layer.step_formulas.get(name, ""), unrolled, at)
        right, operands = fill(text, _symbols(text, layer, unrolled, at, y), layer)
        rows.append(Row(f"{symbol}{' = ' * bool(right)}{right}", array, operands=operands))
    return rows


def _known(text: str, unrolled: Unrolled, at: int) -> str:
    """A formula without the terms of a step after the last one, or of an output that is none."""
    step, last = unrolled.steps[at], at == len(unrolled.steps) - 1

    def known(term: str) -> bool:
        names = re.findall(r"\{(\w+)\}", term)
        later = any(name.endswith("_n") for name in names)
        return not (later and last) and ("own" not in names or "own" in step.backward)

    return text if known(text) else " + ".join(filter(known, text.split(" + ")))


def _symbols(text: str, layer: Layer, unrolled: Unrolled, at: int, y: str) -> Symbols:
    """What the names in a formula of a step stand for."""
    found: dict[str, tuple[str, Array | None]] = {
        p: (letter(p), None) for p in (each.name.rpartition(".")[2] for each in layer.parameters)
    }
    around = [unrolled.start, *(each.forward | each.backward for each in unrolled.steps), {}]
    step = unrolled.steps[at]
    for name in set(re.findall(r"\{(\w+)\}", text)) - {"b", "own"}:
        bare = re.sub("_[sn]$", "", name)
        t = step.t + {"_s": -1, "_n": 1}.get(name[len(bare) :], 0)
        found[name] = _symbol(bare, step.reads if bare == "x" else t), around[t].get(bare)
    if "own" in step.backward:
        if len(unrolled.steps) > 1 and "own" in unrolled.steps[0].backward:  # all are outputs
            y = unit_name(y, step.t - 1)
        found["own"] = delta_name(y), step.backward["own"]
    return found


def _symbol(name: str, t: int) -> str:
    """h₃ for ``"h"``, ∂E/∂h₃ for ``"dh"``, ∂E/∂p₃_i for ``"dp_i"``."""
    if name.startswith("d"):
        return f"∂E/∂{_symbol(name[1:], t)}"
    name, _, index = name.partition("_")
    return f"{unit_name(name, t - 1)}{'_' * bool(index)}{index}"

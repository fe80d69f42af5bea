"""The derivation: every formula of the pass, forward, backward and update, with its numbers."""

import re

from backprop.core.types import Array
from backprop.explain.ending import as_one, loss_gradient, loss_section
from backprop.explain.names import (
    Names,
    Row,
    Section,
    Symbols,
    delta_definition,
    delta_name,
    equation,
    fill,
    function_name,
    letter,
    name_layers,
    title,
)
from backprop.explain.record import LayerRecord, ParameterRecord, Record
from backprop.explain.stated import stated
from backprop.explain.time_steps import steps_back, steps_forward


def derivation(record: Record) -> list[tuple[str, list[Section]]]:
    """The three parts of the story, each with its title and its sections in order."""
    names = name_layers(record.layers, record.single)
    layers = list(zip(record.layers, names, strict=True))
    _, last = layers[-1]
    forward = [Section("input", [Row(layers[0][1].x, record.data.X)])]
    defined: set[str] = set()  # σ(z) = … is said once
    for layer, own in layers:
        forward.append(_forward(layer, own, defined))
    forward.append(loss_section(record, last))
    backward = [loss_gradient(record, last)]
    for layer, own in reversed(layers):
        if layer is record.layers[-1] and record.chained_delta is not None:
            backward.append(_backward(layer, own, record.single, record.chained_delta))
            backward.append(as_one(record, last, record.chained_delta))
        else:
            backward.append(_backward(layer, own, record.single, layer.delta_input))
    update = [_update(layer, own, record) for layer, own in layers]
    written = any(" v " in row.formula for section in update for row in section.rows)
    velocity = ", `v` its velocity" * (written and "velocity" in record.optimizer.state)
    return [
        ("Forward", forward),
        ("Backward", backward),
        (f"Update by {record.optimizer!r}{velocity}", [own for own in update if own.rows]),
    ]


# ------------------------------------------------------------------------------------- forward


def _forward(layer: LayerRecord, names: Names, defined: set[str]) -> Section:
    rows = [Row(names.parameter(name), p.value) for name, p in layer.parameters.items()]
    f, given = function_name(layer), [names.parameter(name) for name in layer.parameters]
    letters: Symbols = {"f": (f, None), **{n: (letter(n), None) for n in layer.parameters}}
    definition, _ = fill(stated(layer.layer, "definition", "forward", "f"), letters, layer.layer)
    if definition and definition not in defined:
        rows.append(Row(definition))
        defined.add(definition)
    rows += steps_forward(layer)
    text = stated(layer.layer, "formulas", "forward", "f").get("Y", "")
    right, operands = fill(text, _symbols(layer, names), layer.layer)
    right = right or f"{f}({'; '.join([names.x, *[', '.join(given)] * bool(given)])})"
    rows.append(Row(f"{names.y} = {right}", layer.Y, operands=operands))
    return Section(title(layer), rows)


def _symbols(layer: LayerRecord, names: Names) -> Symbols:
    """What the names in a layer's own formulas stand for."""
    symbols: dict[str, tuple[str, Array | None]] = {
        "x": (names.x, layer.X),
        "z": (names.x, layer.X),
        "y": (names.y, layer.Y),
        "a": (names.y, layer.Y),
        "delta": (delta_name(names.y), layer.delta),
        "slope": (f"{function_name(layer)}′({names.x})", layer.slope),
    }
    return symbols | {n: (names.parameter(n), p.value) for n, p in layer.parameters.items()}


# ------------------------------------------------------------------------------------ backward


def _backward(layer: LayerRecord, names: Names, single: bool, delta_input: Array | None) -> Section:
    x, y = names.x, names.y
    left = delta_definition(x)
    symbols = _symbols(layer, names)
    steps, remark = steps_back(layer, names)
    rows = steps + [
        _gradient(layer, name, symbols, single)
        for name, p in layer.parameters.items()
        if p.parameter.learned
    ]
    formulas = stated(layer.layer, "formulas", "backward")
    if "J" in formulas:
        i = "" if single else "_i"
        right, _ = fill(formulas["J"], {"x": (x + i, None), "y": (y + i, None)}, layer.layer)
        rows.append(Row(f"J{i} = ∂{y}{i}/∂{x}{i} = {right}", layer.jacobian(0).T))
        rows.append(Row(f"{left if single else f'∂E/∂{x}_i'} = ∂E/∂{y}{i} J{i}", delta_input))
        remark = "" if single else "Each sample has its own Jacobian; shown is that of sample 0."
        return Section(title(layer), rows, remark)
    text = formulas.get("dX", f"{{delta}} · ∂{y}/∂{x}")
    if "{slope}" in text:
        slope, _ = fill(stated(layer.layer, "slope", "f", "f_prime"), symbols, layer.layer)
        rows.append(Row(f"{symbols['slope'][0]}{' = ' * bool(slope)}{slope}", layer.slope))
    right, operands = fill(text, symbols, layer.layer)
    if delta_input is not None:  # by whole numbers, such as indices of words, there is none
        rows.append(Row(equation(left, right), delta_input, operands=operands))
    return Section(title(layer), rows, remark)


def _gradient(layer: LayerRecord, name: str, symbols: Symbols, single: bool) -> Row:
    """A parameter's gradient, with the part that its penalty has in it."""
    p, symbol = layer.parameters[name], symbols[name][0]
    text = stated(layer.layer, "formulas", "backward").get(f"d{name}", "")
    by_sample = layer.delta.ndim == 2 or text.startswith("_") or "Σ_N Σ_" in text
    if single and by_sample:  # and not over the steps of samples too
        text = re.sub("(^|= )Σ_N ", r"\1", text)
    right, operands = fill(text, symbols, layer.layer)
    if p.penalty_gradient is not None:
        right = f"{right or '…'} + ∂Ω/∂{symbol}"
        operands = (*operands, "+", p.penalty_gradient) if operands else ()
    return Row(equation(f"∂E/∂{symbol}", right), p.gradient, operands=operands)


# -------------------------------------------------------------------------------------- update


def _update(layer: LayerRecord, names: Names, record: Record) -> Section:
    rows: list[Row] = []
    remarks: list[str] = []
    for name, p in layer.parameters.items():
        symbol = names.parameter(name)
        if p.parameter.trainable:
            rows.append(_step(symbol, p, record))
        elif p.parameter.learned:
            rows.append(Row(f"{symbol} ← {symbol}", p.value))
            remarks.append(f"`{symbol}` is frozen (trainable = False).")
        else:
            rows.append(Row(symbol, p.value, p.new))
            remarks.append(f"`{symbol}` is not learnt: the forward pass changes it.")
        if p.parameter.constraint is not None:
            remarks.append(f"`P` restores {p.parameter.constraint!r} in `{symbol}`.")
    return Section(title(layer), rows, " ".join(remarks))


def _step(symbol: str, p: ParameterRecord, record: Record) -> Row:
    """The update of one parameter, P being its constraint."""
    formula = stated(record.optimizer, "formula", "update")
    text = formula(record.learning_rate, p.parameter.decays)
    symbols = {"theta": (symbol, p.value), "g": (f"∂E/∂{symbol}", p.gradient)}
    right, operands = fill(text, symbols, record.optimizer)
    if p.parameter.constraint is not None:
        right, operands = f"P({right})", ()
    return Row(f"{symbol} ← {right}", p.value, p.new, operands)

"""The derivation: every formula of the pass, forward, backward and update, with its numbers."""

import numpy as np

from backprop.core.types import Array
from backprop.explain.ending import as_one, loss_gradient, loss_section
from backprop.explain.names import (
    Names,
    Row,
    Section,
    delta_definition,
    delta_name,
    function_name,
    name_layers,
    title,
)
from backprop.explain.record import LayerRecord, ParameterRecord, Record
from backprop.layers import Dense, Identity, ReLU, Sigmoid, Softmax, Tanh
from backprop.optimizers import SGD, Optimizer

_DEFINITIONS: dict[type, str] = {
    Sigmoid: "σ(z) = 1 / (1 + exp(−z))",
    ReLU: "relu(z) = max(z, 0)",
    Softmax: "softmax(z)_k = exp(z_k) / Σ_j exp(z_j)",
}
_SLOPES: dict[type, str] = {Sigmoid: "{a} ⊙ (1 − {a})", Tanh: "1 − {a} ⊙ {a}", ReLU: "[{z} > 0]"}


def derivation(record: Record) -> list[tuple[str, list[Section]]]:
    """The three parts of the story, each with its title and its sections in order."""
    names = name_layers(record.layers, record.single)
    layers = list(zip(record.layers, names, strict=True))
    _, last = layers[-1]
    forward = [Section("input", [Row(layers[0][1].x, record.data.X)])]
    defined: set[type] = set()  # σ(z) = … is said once
    for layer, own in layers:
        forward.append(_forward(layer, own, type(layer.layer) not in defined))
        defined.add(type(layer.layer))
    forward.append(loss_section(record, last))
    backward = [loss_gradient(record, last)]
    for layer, own in reversed(layers):
        if layer is record.layers[-1] and record.chained_delta is not None:
            backward.append(_backward(layer, own, record.single, record.chained_delta))
            backward.append(as_one(record, last, record.chained_delta))
        else:
            backward.append(_backward(layer, own, record.single, layer.delta_input))
    update = [_update(layer, own, record) for layer, own in layers]
    velocity = ", `v` its velocity" if "velocity" in record.optimizer.state else ""
    return [
        ("Forward", forward),
        ("Backward", backward),
        (f"Update by {record.optimizer!r}{velocity}", [own for own in update if own.rows]),
    ]


# ------------------------------------------------------------------------------------- forward


def _forward(layer: LayerRecord, names: Names, define: bool) -> Section:
    rows = [Row(names.parameter(name), p.value) for name, p in layer.parameters.items()]
    given = [names.parameter(name) for name in layer.parameters]
    operands: tuple[Array | str, ...] = ()
    if isinstance(layer.layer, Dense):
        right = f"{names.x} {' + '.join(given)}"
        operands = (layer.X, layer.W, *(("+", layer.b) if "b" in layer.parameters else ()))
    elif isinstance(layer.layer, Identity):
        right = names.x
    else:
        right = f"{function_name(layer)}({'; '.join([names.x, *[', '.join(given)] * bool(given)])})"
        if define and type(layer.layer) in _DEFINITIONS:
            rows.append(Row(_DEFINITIONS[type(layer.layer)]))
    rows.append(Row(f"{names.y} = {right}", layer.Y, operands=operands))
    return Section(title(layer), rows)


# ------------------------------------------------------------------------------------ backward


def _backward(layer: LayerRecord, names: Names, single: bool, delta_input: Array | None) -> Section:
    x, y = names.x, names.y
    delta = delta_name(y)
    left = delta_definition(x)
    if isinstance(layer.layer, Dense):
        W = names.parameter("W")
        rows = [_gradient(layer, names, "W", f"{x}ᵀ {delta}", (layer.X.T, layer.delta))]
        if "b" in layer.parameters:
            right = delta if single and layer.delta.ndim == 2 else f"Σ_N {delta}"
            rows.append(_gradient(layer, names, "b", right))
        operands = (layer.delta, layer.W.T)
        return Section(
            title(layer), [*rows, Row(f"{left} = {delta} {W}ᵀ", delta_input, operands=operands)]
        )
    learned = [name for name, p in layer.parameters.items() if p.parameter.learned]
    rows = [_gradient(layer, names, name) for name in learned]
    remark = ""
    if isinstance(layer.layer, Identity):
        rows.append(Row(f"{left} = {delta}", delta_input))
    elif layer.slope is not None:
        slope = f"{function_name(layer)}′({x})"
        known = _SLOPES.get(type(layer.layer))
        right = f" = {known.format(a=y, z=x)}" if known else ""
        rows.append(Row(f"{slope}{right}", layer.slope))
        operands_ = (layer.delta, "⊙", layer.slope)
        rows.append(Row(f"{left} = {delta} ⊙ {slope}", delta_input, operands=operands_))
    elif isinstance(layer.layer, Softmax):
        row = layer.Y.reshape(-1, layer.Y.shape[-1])[0]
        J = np.diag(row) - np.outer(row, row)
        i = "" if single else "_i"
        rows.append(Row(f"J{i} = ∂{y}{i}/∂{x}{i} = diag({y}{i}) − {y}{i}ᵀ {y}{i}", J))
        rows.append(Row(f"{left if single else f'∂E/∂{x}_i'} = ∂E/∂{y}{i} J{i}", delta_input))
        remark = "" if single else "Each sample has its own Jacobian; shown is that of sample 0."
    else:
        rows.append(Row(f"{left} = {delta} · ∂{y}/∂{x}", delta_input))
    return Section(title(layer), rows, remark)


def _gradient(
    layer: LayerRecord,
    names: Names,
    name: str,
    right: str = "",
    operands: tuple[Array | str, ...] = (),
) -> Row:
    """A parameter's gradient, with the part that its penalty has in it."""
    p, symbol = layer.parameters[name], names.parameter(name)
    if p.penalty_gradient is not None:
        right = f"{right or '…'} + ∂Ω/∂{symbol}"
        operands = (*operands, "+", p.penalty_gradient) if operands else ()
    return Row(f"∂E/∂{symbol}{' = ' * bool(right)}{right}", p.gradient, operands=operands)


# -------------------------------------------------------------------------------------- update


def _update(layer: LayerRecord, names: Names, record: Record) -> Section:
    rows: list[Row] = []
    remarks: list[str] = []
    for name, p in layer.parameters.items():
        symbol = names.parameter(name)
        if p.parameter.trainable:
            rows.append(_step(symbol, p, record.optimizer, record.learning_rate))
        elif p.parameter.learned:
            rows.append(Row(f"{symbol} ← {symbol}", p.value))
            remarks.append(f"`{symbol}` is frozen (trainable = False).")
        else:
            rows.append(Row(symbol, p.value, p.new))
            remarks.append(f"`{symbol}` is not learnt: the forward pass changes it.")
        if p.parameter.constraint is not None:
            remarks.append(f"`P` restores {p.parameter.constraint!r} in `{symbol}`.")
    return Section(title(layer), rows, " ".join(remarks))


def _step(symbol: str, p: ParameterRecord, optimizer: Optimizer, rate: float) -> Row:
    """The update of one parameter: gradient descent written out, of other optimizers its Δ.

    v is the velocity before the step; clip and P are the optimizer's clipping and the parameter's
    constraint.
    """
    right = f"{symbol} + Δ{symbol}"
    operands: tuple[Array | str, ...] = ()
    if type(optimizer) is SGD and not optimizer.nesterov and not optimizer.use_ema:
        kept, gradient = symbol, f"∂E/∂{symbol}"
        if optimizer.weight_decay and p.parameter.decays:
            kept = f"(1 − {rate:g} · {optimizer.weight_decay:g}) {symbol}"
        if optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue:
            gradient = f"clip({gradient})"
        velocity = f"+ {optimizer.momentum:g} v " if optimizer.momentum else ""
        right = f"{kept} {velocity}− {rate:g} {gradient}"
        if right == f"{symbol} − {rate:g} ∂E/∂{symbol}":
            operands = (p.value, f"− {rate:g} ·", p.gradient)
    if p.parameter.constraint is not None:
        right, operands = f"P({right})", ()
    return Row(f"{symbol} ← {right}", p.value, p.new, operands)

"""Where the forward pass ends and the backward pass begins: the rows about E and ∂E/∂ŷ."""

import numpy as np

from backprop.core.types import Array
from backprop.explain.names import Names, Row, Section, delta_definition, name_layers
from backprop.explain.record import Record
from backprop.layers.block import walk
from backprop.losses.formula import Formula

_UNSMOOTHED = str.maketrans("ỹỸ", "yY")


def loss_section(record: Record, last: Names) -> Section:
    """E and what it is made of."""
    p, y, _ = _letters(record)
    data, loss, kind = record.data, record.loss_function, record.prediction.dtype.type
    given = y.translate(_UNSMOOTHED)
    rows = [Row(f"{p} = {last.y}", record.prediction), Row(given, data.y)]
    if y != given:
        right = loss.target_formula.format(y=given, K=record.prediction.shape[-1])
        rows.append(Row(f"{y} = {right}", record.target))
    if data.weight is not None:
        rows.append(Row("w", data.weight))
    rows += _definition(record)
    index, right = _value(record)
    if index:
        rows.append(Row(f"E{index} = {right}", record.loss_parts))
        right = f"Σ{index} E{index}"
    remarks = [_sizes(record)]
    penalties = _penalties(record)
    if penalties:
        rows.append(Row("Ω", np.asarray(record.penalty, kind)))
        right += " + Ω"
        remarks.append(f"The penalty `Ω` is {' + '.join(penalties)}.")
    rows.append(Row(f"E = {right}", np.asarray(record.loss, kind)))
    return Section(f"loss ({loss})", rows, " ".join(filter(None, remarks)))


def loss_gradient(record: Record, last: Names) -> Section:
    """∂E/∂ŷ."""
    p, y, _ = _letters(record)
    loss, formula = record.loss_function, _choose(record, record.formula)
    if formula is None:
        right, remark = f"∂{loss}({p}, {y})/∂{p}", ""
    else:
        a = f"{formula.activation}({p})"
        right, remark = _gradient(record, formula, a), _fill(record, formula.remark)
    row = Row(f"{delta_definition(last.y)} = {right}", record.layers[-1].delta)
    return Section(f"loss ({loss})", [row], remark)


def as_one(record: Record, last: Names, chained: Array) -> Section:
    """The matched pair's (ŷ − y)/N, compared with the way through the activation."""
    joined, formula = record.layers[-1].delta_input, _choose(record, record.joined_formula)
    assert joined is not None
    assert formula is not None
    right = _gradient(record, formula, a=_letters(record)[0])
    difference = float(np.abs(joined - chained).max())
    remark = f"The two ways give the same `δ`: the largest difference is {difference:.2g}."
    if difference > np.sqrt(np.finfo(joined.dtype).eps) * np.abs(joined).max():
        remark = (
            f"The two ways differ by up to {difference:.2g}: a probability is so close to 0 or 1 "
            f"that the first way loses it to rounding. Training takes the second way."
        )
    head = f"{record.layers[-1].name} and the loss as one (a matched pair)"
    return Section(head, [Row(f"{delta_definition(last.x)} = {right}", joined)], remark)


# ------------------------------------------------------------------------ the formula of the loss


def _choose(record: Record, formula: Formula | None) -> Formula | None:
    """The formula, or the simpler one if the rows of predictions and targets sum to 1."""
    if formula is None or formula.normalised is None:
        return formula
    rows = [] if formula.activation else [record.prediction]  # logits need not
    if record.target.shape == record.prediction.shape:  # nor do class indices
        rows.append(record.target)
    normalised = all(np.allclose(row.sum(axis=-1), 1, atol=1e-5) for row in rows)
    return formula.normalised if normalised else formula


def _value(record: Record) -> tuple[str, str]:
    """The index of E's parts, empty if there is one part alone, and what each of them is."""
    parts, formula = record.loss_parts, _choose(record, record.formula)
    p, y, i = _letters(record)
    if formula is not None and formula.per == "batch":
        return "", _fill(record, formula.value)
    if formula is not None and parts.shape == record.prediction.shape:
        index = "" if parts.size == 1 else i
        right = _fill(record, formula.value, i=index)
        return index, " ".join([*_scale(record), *_factor(record), right])
    if parts.size < len(record.data):  # E is no mean over samples
        return "", f"{record.loss_function}({p}, {y})"
    index = "" if record.single else "_i"
    right = f"{record.loss_function}({p}{index}, {y}{index})"
    if formula is not None and formula.per == "sample":
        right = _fill(record, formula.value, i=i)
    return index, " ".join([*_scale(record), right])


def _gradient(record: Record, formula: Formula, a: str) -> str:
    """∂E/∂ŷ, or with a = ŷ that of a matched pair by its logits."""
    right = _fill(record, formula.gradient, a=a)
    if formula.per == "batch":
        return right
    factors = [*_scale(record), *_factor(record, formula.times)]
    return " ".join([*factors, f"({right})"]) if factors else right


def _definition(record: Record) -> list[Row]:
    formula = _choose(record, record.formula)
    return [Row(_fill(record, formula.definition))] if formula and formula.definition else []


def _fill(record: Record, text: str, **more: str) -> str:
    """A text of a ``Formula`` with what its names stand for."""
    p, y, _ = _letters(record)
    return text.format(
        p=p,
        y=y,
        r="" if record.single else "_i",
        w="" if record.data.weight is None else f"{_weight(record)} ",
        E="(E − Ω)" if record.penalty else "E",
        self=record.loss_function,
        **more,
    )


def _letters(record: Record) -> tuple[str, str, str]:
    """What the formulas call the prediction, the target and the index of an output."""
    y = "y" if record.single else "Y"
    if record.target is not record.data.y:
        y = "ỹ" if record.single else "Ỹ"
    if record.target.shape != record.prediction.shape:
        y = "c"  # class indices
    return ("ŷ", y, "_k") if record.single else ("Ŷ", y, "_ik")


def _scale(record: Record) -> list[str]:
    """The mean over the batch, and the weights: (1/N), (w/N), or nothing for one sample."""
    weighted = record.data.weight is not None
    if record.single and record.prediction.ndim == 2:
        return ["w"] if weighted else []
    return [f"({_weight(record)}/N)" if weighted else "(1/N)"]


def _weight(record: Record) -> str:
    """The weight of a sample, of a step, or of an output."""
    weight = record.data.weight
    if weight is None or weight.ndim == 1:
        return "w_i"
    return "w_ik" if weight.ndim == record.prediction.ndim else "w_it"


def _factor(record: Record, times: str = "") -> list[str]:
    """What stands before a formula: (1/K) for a mean over the outputs, (2/K), 2, or nothing."""
    if record.loss_function.over_outputs == "mean" and record.prediction.shape[-1] > 1:
        return [f"({times or 1}/K)"]
    return [times] if times else []


def _penalties(record: Record) -> list[str]:
    """The regularisers that count, and what they act on."""
    layers = (layer for _, layer in walk(own.layer for own in record.layers))
    added = [f"what {layer} adds" for layer in layers if layer.penalizes]
    return added + [
        f"{p.parameter.regularizer!r} of `{names.parameter(name)}`"
        for layer, names in zip(record.layers, name_layers(record.layers, True), strict=True)
        for name, p in layer.parameters.items()
        if p.penalty_gradient is not None
    ]


def _sizes(record: Record) -> str:
    """What N and K are, where the formulas have them."""
    *samples, outputs = record.prediction.shape
    formula = record.formula
    whole = formula is not None and formula.per == "batch"
    sizes = []
    if whole or _scale(record) not in ([], ["w"]):
        sizes.append(f"`N = {' × '.join(map(str, samples))}`")
    if whole or (formula is not None and _factor(record)):
        sizes.append(f"`K = {outputs}`")
    if record.target is not record.data.y:
        sizes.append(f"`a = {record.loss_function.label_smoothing:g}`")
    return ", ".join(sizes) + "." * bool(sizes)

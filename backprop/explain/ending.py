"""Where the forward pass ends and the backward pass begins: the rows about E and ∂E/∂ŷ."""

import numpy as np

from backprop.core.types import Array
from backprop.explain.losses import loss_formula
from backprop.explain.names import Names, Row, Section, delta_definition, name_layers
from backprop.explain.record import Record
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
)

_UNSMOOTHED = str.maketrans("ỹỸ", "yY")
_CATEGORICAL = CategoricalCrossentropy | SparseCategoricalCrossentropy


def loss_section(record: Record, last: Names) -> Section:
    """E and what it is made of."""
    p, y, k = _letters(record)
    data, parts = record.data, record.loss_parts
    loss, kind = record.loss_function, record.prediction.dtype.type
    rows = [Row(f"{p} = {last.y}", record.prediction), Row(y.translate(_UNSMOOTHED), data.y)]
    if y in ("ỹ", "Ỹ"):
        classes = 2 if isinstance(loss, BinaryCrossentropy) else record.prediction.shape[-1]
        raw = y.translate(_UNSMOOTHED)
        rows.append(Row(f"{y} = (1 − a) {raw} + a/{classes}", record.target))
    if data.weight is not None:
        rows.append(Row("w", data.weight))
    formula = loss_formula(loss)
    right = f"{loss}({p}, {y})"
    if _is_root(record):
        right = f"√(Σ_ik ({p}_ik − {y}_ik)² / (N K))"
    if formula is not None and parts.shape == record.prediction.shape:
        index = "" if parts.size == 1 else f"_{k}"
        right = formula.part.format(p=p, y=y, i=index)
        right = " ".join([*_scale(record), *_factor(record, formula.factor), right])
        if index:
            rows.append(Row(f"E{index} = {right}", parts))
            right = f"Σ{index} E{index}"
    elif parts.size > 1:  # one for each sample
        rows.append(Row(f"E_i = {' '.join([*_scale(record), f'{loss}({p}_i, {y}_i)'])}", parts))
        right = "Σ_i E_i"
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
    loss = record.loss_function
    formula = loss_formula(loss)
    left = delta_definition(last.y)
    name = f"loss ({loss})"
    if formula is None:
        right = f"∂{loss}({p}, {y})/∂{p}"
        if _is_root(record):
            right = (
                f"({p} − {y}) / (N K E)" if not record.penalty else f"({p} − {y}) / (N K (E − Ω))"
            )
        return Section(name, [Row(f"{left} = {right}", record.layers[-1].delta)])
    inner = formula.gradient.format(p=p, y=y)
    remark = ""
    if isinstance(loss, _CATEGORICAL) and not loss.from_logits:
        if _normalised(record):
            remark = (
                f"The loss divides each row of `{p}` by its sum first, as Keras does; hence the "
                f"+ 1, which textbooks leave out. Through a softmax it makes no difference."
            )
        else:
            total = "1" if y == "c" else f"Σ_j {y}_j"
            hit = "[k = c]" if y == "c" else f"{y}_k"
            inner = f"({total} − {hit}/q_{'c' if y == 'c' else 'k'}) / Σ_j {p}_j"
            remark = f"`q = {p} / Σ_j {p}_j`: the loss divides each row by its sum, as Keras does."
    right = _scaled(record, formula.gradient_factor, inner)
    return Section(name, [Row(f"{left} = {right}", record.layers[-1].delta)], remark)


def as_one(record: Record, last: Names, chained: Array) -> Section:
    """The matched pair's (ŷ − y)/N, compared with the way through the activation."""
    p, y, _ = _letters(record)
    joined = record.layers[-1].delta_input
    assert joined is not None
    formula = loss_formula(record.loss_function)
    inner = f"{p} − {y}"
    if y == "c":
        inner = f"{p}_k − [k = c]"
    elif isinstance(record.loss_function, _CATEGORICAL) and not _normalised(record):
        inner = f"{p} Σ_j {y}_j − {y}"
    right = _scaled(record, formula.gradient_factor if formula else "", inner)
    difference = float(np.abs(joined - chained).max())
    remark = f"The two ways give the same `δ`: the largest difference is {difference:.2g}."
    if difference > np.sqrt(np.finfo(joined.dtype).eps) * np.abs(joined).max():
        remark = (
            f"The two ways differ by up to {difference:.2g}: a probability is so close to 0 or 1 "
            f"that the first way loses it to rounding. Training takes the second way."
        )
    head = f"{record.layers[-1].name} and the loss as one (a matched pair)"
    return Section(head, [Row(f"{delta_definition(last.x)} = {right}", joined)], remark)


def _letters(record: Record) -> tuple[str, str, str]:
    """What the formulas call the prediction, the target and the index of an output."""
    y = "y" if record.single else "Y"
    if record.target is not record.data.y:
        y = "ỹ" if record.single else "Ỹ"
    if record.target.shape != record.prediction.shape:
        y = "c"  # class indices
    return ("ŷ", y, "k") if record.single else ("Ŷ", y, "ik")


def _is_root(record: Record) -> bool:
    """Whether E is the root mean squared error, no sum over outputs and samples."""
    return type(record.loss_function) is RootMeanSquaredError and record.data.weight is None


def _scale(record: Record) -> list[str]:
    """The mean over the batch, and the weights: (1/N), (w/N), or nothing for one sample."""
    weighted = record.data.weight is not None
    if record.single and record.prediction.ndim == 2:
        return ["w"] if weighted else []
    return ["(w_i/N)" if weighted else "(1/N)"]


def _factor(record: Record, factor: str) -> list[str]:
    """A factor like (2/K), spelt out for one output."""
    if factor and record.prediction.shape[-1] == 1:
        factor = factor[1:-1].removesuffix("/K").replace("1", "")
    return [factor] if factor else []


def _scaled(record: Record, factor: str, inner: str) -> str:
    factors = [*_scale(record), *_factor(record, factor)]
    return " ".join([*factors, f"({inner})"]) if factors else inner


def _penalties(record: Record) -> list[str]:
    """The regularisers that count, and what they act on."""
    return [
        f"{p.parameter.regularizer!r} of `{names.parameter(name)}`"
        for layer, names in zip(record.layers, name_layers(record.layers, True), strict=True)
        for name, p in layer.parameters.items()
        if p.penalty_gradient is not None
    ]


def _sizes(record: Record) -> str:
    """What N and K are, where the formulas have them."""
    *samples, outputs = record.prediction.shape
    formula = loss_formula(record.loss_function)
    sizes = []
    if _scale(record) not in ([], ["w"]) or _is_root(record):
        sizes.append(f"`N = {' × '.join(map(str, samples))}`")
    if _is_root(record) or (formula is not None and _factor(record, formula.factor)):
        sizes.append(f"`K = {outputs}`")
    if record.target is not record.data.y:
        sizes.append(f"`a = {getattr(record.loss_function, 'label_smoothing', 0):g}`")
    return ", ".join(sizes) + "." * bool(sizes)


def _normalised(record: Record) -> bool:
    """Whether predictions, and targets if they are rows, sum to 1."""
    rows = [record.prediction, *([record.target] if _letters(record)[1] != "c" else [])]
    return all(np.allclose(row.sum(axis=-1), 1, atol=1e-5) for row in rows)

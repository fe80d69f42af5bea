"""An explanation as one HTML page that draws the network and runs it.

Python writes the derivation, row by row, and says which array of the pass each row shows. The
scripts in ``lesson/`` compute the same arrays and write them into the rows. They run Dense layers,
five activations and five losses with plain SGD, and only if they find the numbers that Python
found; the page of any other network shows Python's.
"""

import base64
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.explain.drawing import draw, stages
from backprop.explain.formulas import derivation
from backprop.explain.names import (
    Row,
    Section,
    delta_definition,
    delta_name,
    function_name,
    name_layers,
)
from backprop.explain.record import Record
from backprop.explain.stated import stated
from backprop.explain.text import block, escape, parameters, symbol
from backprop.layers.block import walk
from backprop.plotting.network import MOST_UNITS
from backprop.plotting.style import write

_FILES = Path(__file__).parent / "lesson"
_SCRIPTS = ("elements.js", "network.js", "numbers.js", "labels.js", "drawing.js", "page.js")
_MOST_SAMPLES = 32  # in a page that runs; of more, the first ones are drawn
_INDEX = "(?:_i?k)?"
_OTHER_INDEX = "_[a-z{]"


def as_page(head: str, record: Record) -> str:
    """The page, complete in itself: nothing is loaded from anywhere.

    Args:
        head: The line above the derivation.
        record: The pass.
    """
    keys = _Keys(record)
    parts = derivation(record)
    data = _data(record, keys)
    return fill_page(
        "lesson.html",
        "Backpropagation, step by step",
        data,
        _SCRIPTS,
        head=_words(head),
        units=str(MOST_UNITS),
        samples=str(_MOST_SAMPLES),
        derivation="\n".join(_parts(parts, record, keys)),
        picture="" if data["stages"] else _picture(record),
    )


def fill_page(body: str, title: str, data: Any, scripts: Sequence[str], **fills: str) -> str:
    """A page of the folder ``lesson``, with its style, its scripts and their data in it.

    Args:
        body: The name of the file of its body, in which ``{{name}}`` stands for what is filled in.
        title: Its title.
        data: What the scripts are told, of what JSON knows.
        scripts: The names of their files.
        **fills: What else is filled in.
    """

    def read(name: str) -> str:
        return (_FILES / name).read_text(encoding="utf-8")

    def filled(name: str, **fills: str) -> str:
        return re.sub(r"\{\{(\w+)\}\}", lambda match: fills[match[1]], read(name))

    code = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return filled(
        "frame.html",
        title=title,
        style=read("lesson.css"),
        body=filled(body, title=title, **fills),
        data=code.replace("<", "\\u003c"),  # which could end the element
        script="\n".join(map(read, scripts)),
    )


class _Keys:
    """What the scripts call the arrays of a pass, such as ``A1`` for the first layer's output.

    ``A``, ``D`` and ``S`` are activations, ∂E/∂ each of them, and slopes, ``W0``, ``dW0`` and
    ``newW0`` a parameter of the first layer, its gradient, and what it becomes.

    Attributes:
        arrays: The arrays by key.
        gradients: The keys of the parameters' gradients.
        symbols: The keys by what the formulas call the arrays.
    """

    def __init__(self, record: Record) -> None:
        first, *_ = record.layers
        last = len(record.layers)
        found: dict[str, Array | None] = {"A0": record.data.X, "D0": first.delta_input}
        self.gradients: set[str] = set()
        self.symbols: dict[str, str] = {}
        names = name_layers(record.layers, record.single)
        for k, (layer, own) in enumerate(zip(record.layers, names, strict=True)):
            found |= {f"A{k + 1}": layer.Y, f"D{k + 1}": layer.delta, f"S{k}": layer.slope}
            self.symbols |= {own.x: f"A{k}", own.y: f"A{k + 1}"}
            self.symbols |= {delta_name(own.x): f"D{k}", delta_name(own.y): f"D{k + 1}"}
            self.symbols[f"{function_name(layer)}′({own.x})"] = f"S{k}"
            for name, p in layer.parameters.items():
                found |= {f"{name}{k}": p.value, f"d{name}{k}": p.gradient}
                found[f"new{name}{k}"] = p.new
                self.gradients.add(f"d{name}{k}")
                self.symbols[own.parameter(name)] = f"{name}{k}"
                self.symbols[f"∂E/∂{own.parameter(name)}"] = f"d{name}{k}"
            if "J" in stated(layer.layer, "formulas", "backward"):
                i = "" if record.single else "_i"
                self.symbols[f"∂{own.y}{i}/∂{own.x}{i}"] = f"J{k}"
        found |= {"target": record.target, "y": record.data.y, "parts": record.loss_parts}
        found |= {"chained": record.chained_delta, "E": np.asarray(record.loss)}
        hat, goal = ("ŷ", "y") if record.single else ("Ŷ", "Y")
        self.symbols |= {hat: f"A{last}", goal: "y", "E": "parts"}
        if record.target is not record.data.y:
            self.symbols["ỹ" if record.single else "Ỹ"] = "target"
        self.arrays = {key: array for key, array in found.items() if array is not None}

    def of(self, row: Row) -> str:
        """The key of the array that a row shows; empty if it is none of the pass's."""
        for key, array in self.arrays.items():
            if array is row.value:
                return key
        left, _, right = row.formula.partition(" = ")
        if left == "E":
            return "E"
        return self.symbols.get(right.partition(" = ")[0], "") if left[0] == "J" else ""

    def some(self, key: str) -> Array:
        """The array of a key, with the first samples alone if it has a row for each."""
        array = self.arrays[key]
        by_sample = key[0] in "ADS" or key in ("target", "y", "parts", "chained")
        return array[:_MOST_SAMPLES] if by_sample else array

    def inserted(self, formula: str, eta: str) -> list[str | list[str]]:
        """The right-hand side with keys in the place of symbols; empty if it has other indices.

        Args:
            formula: The formula.
            eta: The learning rate as an update has it.
        """
        right = re.split(" = | ← ", formula)[-1]
        if right == formula or re.search(_OTHER_INDEX, re.sub("_i?k", "", right)):
            return []
        words = "|".join(re.escape(name) for name in sorted(self.symbols, key=len, reverse=True))
        pattern = rf"(?<![^\W\d_])({words})(?![^\W\d_ᵀ]|[⁽′]){_INDEX}(ᵀ?)"
        if " ← " in formula:
            pattern += rf"|(?<= − ){re.escape(eta)}(?= )"
        pieces: list[str | list[str]] = []
        at = 0
        for match in re.finditer(pattern, right):
            key = self.symbols[match[1]] if match[1] else "eta"
            pieces += [right[at : match.start()], [key, "T"] if match[2] else [key]]
            at = match.end()
        return [*pieces, right[at:]] if pieces else []


def _parts(parts: list[tuple[str, list[Section]]], record: Record, keys: _Keys) -> Iterator[str]:
    """The derivation in HTML."""
    kernels = parameters(parts)
    eta = f"{record.learning_rate:g}"
    for number, (part, sections) in enumerate(parts):
        heading = _words(part)
        if number == 2:
            heading = heading.replace(f"={eta},", f'=<span class="eta">{eta}</span>,')
        yield f"<section><h3>{heading}</h3>"
        for section in sections:
            yield f"<div class='layer'><h4>{_words(section.title)}</h4><dl>"
            for row in section.rows:
                key = keys.of(row)
                yield _row(row, key, _step(number, section, key, keys), keys, kernels, eta)
            remark = f"<p class='remark'>{_words(section.remark)}</p>" if section.remark else ""
            yield f"</dl>{remark}</div>"
        yield "</section>"


def _step(part: int, section: Section, key: str, keys: _Keys) -> str:
    """Which of the five steps a row belongs to."""
    if part == 0:
        return "loss" if section.title.startswith("loss (") else "forward"
    if part == 1:
        return "gradients" if key in keys.gradients else "backward"
    return "update"


def _row(row: Row, key: str, step: str, keys: _Keys, kernels: set[str], eta: str) -> str:
    formula, inserted = escape(row.formula), keys.inserted(row.formula, eta) if key else []
    marks = _mark("key", key) if key else ""
    if row.after is not None and " ← " in row.formula:
        marks += _mark("after", f"new{key}")
        formula = formula.replace(f" − {eta} ", f' − <span class="eta">{eta}</span> ')
    if inserted:
        marks += _mark("inserted", json.dumps(inserted, ensure_ascii=False))
    values = escape("\n".join(block(row, symbol(row) in kernels)))
    shape = f" <small>{row.value.shape}</small>" if row.value is not None and row.value.ndim else ""
    value = f"<dd class='value'><pre>{values}</pre></dd>" if values else "<dd hidden></dd>"
    return f"<div class='row' data-step='{step}'{marks}><dt>{formula}{shape}</dt>{value}</div>"


def _mark(name: str, value: str) -> str:
    """An attribute, whose value may hold what a user's own layer calls its parameters."""
    quoted = escape(value).replace("'", "&#39;")
    return f" data-{name}='{quoted}'"


# ------------------------------------------------------------------------ what the scripts are told


def _data(record: Record, keys: _Keys) -> dict[str, Any]:
    """The network and its numbers as the scripts take them."""
    names = name_layers(record.layers, single=True)
    finite = all(np.isfinite(array).all() for array in keys.arrays.values())
    drawn = stages(record.layers) if finite else []
    return {
        "digits": 9 if record.prediction.dtype.itemsize > 4 else 7,
        "single": record.single,
        "runs": bool(drawn) and len(record.data) <= _MOST_SAMPLES and _plain(record),
        "stages": drawn,
        "layers": [
            {
                "name": layer.name,
                "kind": _kind(layer.layer),
                "x": own.x,
                "y": own.y,
                "level": own.level,
                "f": function_name(layer),
                "parameters": list(layer.parameters),
                "frozen": [
                    name for name, p in layer.parameters.items() if not p.parameter.trainable
                ],
            }
            for layer, own in zip(record.layers, names, strict=True)
        ],
        "heads": [[own.x, delta_definition(own.x)] for own in names[:1]]
        + [[names[stop].y, delta_definition(names[start].y)] for start, stop in drawn],
        "loss": {"kind": _kind(record.loss_function), "joined": record.joined_formula is not None},
        "learningRate": record.learning_rate,
        "values": {k: _numbers(keys.some(k)) for k in keys.arrays} if drawn else {},
    }


def _plain(record: Record) -> bool:
    """Whether the pass has nothing but what the scripts compute: plain SGD and no penalty."""
    optimizer, loss = record.optimizer, record.loss_function
    formula = stated(optimizer, "formula", "update")
    eta = record.learning_rate
    steps = {formula(eta, True), formula(eta, False)}
    every = [p.parameter for layer in record.layers for p in layer.parameters.values()]
    return (
        steps == {f"{{theta}} − {eta:g} {{g}}"}
        and optimizer.schedule is None
        and record.data.weight is None
        and record.target is record.data.y
        and not any(layer.penalizes for _, layer in walk(own.layer for own in record.layers))
        and not getattr(loss, "from_logits", False)
        and all(p.regularizer is None and p.constraint is None for p in every)
    )


def _kind(thing: object) -> str:
    """The name of a class of ours; empty for a user's own, which may compute something else."""
    kind = type(thing)
    return kind.__name__ if kind.__module__.startswith("backprop.") else ""


def _numbers(array: Array) -> Any:
    """An array as JSON has it: with as many digits as its own type needs."""
    if array.dtype.kind != "f":
        return array.tolist()
    return array.astype("U32").astype(float).tolist()


def _picture(record: Record) -> str:
    """The picture of a network that the scripts cannot draw."""
    stream = io.BytesIO()
    write(draw(record, None, 0), stream, format="png", dpi=100)
    code = base64.b64encode(stream.getvalue()).decode()
    words = "Heat maps of what flows forward and back, layer by layer; the numbers stand below."
    return f"<img src='data:image/png;base64,{code}' alt='{words}'>"


def _words(text: str) -> str:
    """Text with its formulas, which stand between backticks, as code."""
    pieces = [escape(piece) for piece in text.split("`")]
    pieces[1::2] = [f"<code>{piece}</code>" for piece in pieces[1::2]]
    return "".join(pieces)

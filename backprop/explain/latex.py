"""An explanation as LaTeX: one ``align*`` environment for each layer, with the numbers put in."""

import re
from collections.abc import Sequence

from backprop.core.types import Array
from backprop.explain.names import OPERATORS, Row, Section
from backprop.explain.text import table

_GREEK = (
    "α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu "
    "ν nu ξ xi π pi ρ rho σ sigma τ tau υ upsilon φ phi χ chi ψ psi ω omega "
    "Γ Gamma Θ Theta Λ Lambda Ξ Xi Π Pi Φ Phi Ψ Psi Ω Omega"
)
_LETTERS = {letter: f"\\{name}" for letter, name in re.findall(r"(\S) (\w+)", _GREEK)} | {
    "ŷ": r"\hat{y}",
    "Ŷ": r"\hat{Y}",
    "ỹ": r"\tilde{y}",
    "Ỹ": r"\tilde{Y}",
    "ℓ": r"\ell",
}
_LETTER = rf"[A-Za-z][A-Za-z0-9]+(?:_[A-Za-z0-9]+)*|[A-Za-z{''.join(_LETTERS)}]"
_HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LOW = "₀₁₂₃₄₅₆₇₈₉"
_INDEX = r"(?:_(?P<index{n}>[A-Za-z]+|\{{[^}}]*\}}))?"
_PATH = r"(?:[^\s(),;∂Δ]*[^\W\dΔ][^\s(),;∂Δ]*\.)"  # dense_1. of the layers in a block
_SYMBOL = (
    rf"(?P<path{{n}}>{_PATH}(?=[A-Za-z]))?"
    rf"(?P<letter{{n}}>{_LETTER})(?P<primes{{n}}>′*)(?P<units{{n}}>[{_LOW}]+(?:,[{_LOW}]+)?)?"
    rf"(?:_(?P<part{{n}}>[A-Za-z]+)(?=′*⁽))?(?P<more{{n}}>′*)(?:⁽(?P<level{{n}}>[{_HIGH}]+)⁾)?"
    rf"{_INDEX}(?P<transposed{{n}}>ᵀ)?"
)
_OPERATORS = ("ln", "exp", "max", "min", "tanh", "cosh")
_WORD = rf"(?!(?:{'|'.join(_OPERATORS)})\b)[a-z]{{2,}}(?:'s)?(?![A-Za-z0-9(_⁽′ᵀ.])"
_TOKEN = "|".join(  # compiled when it is first needed
    [
        rf"(?P<fraction>∂{_SYMBOL.format(n=1)}/∂{_SYMBOL.format(n=2)})",
        r"(?P<number>\d+(?:\.\d+)?(?:e[+−-]\d+)?)",
        rf"(?P<words>(?:where|with|and|for)\b(?: {_WORD})*|{_WORD}(?: (?:a )?{_WORD})+)",
        rf"(?P<symbol>{_SYMBOL.format(n=3)})",
        r"_(?P<subscript>[A-Za-z]+|\{[^}]*\})",
        r"(?P<sign>\S)",
    ]
)
_SIGNS = {
    "−": "-",
    "·": r"\cdot",
    "⊙": r"\odot",
    "←": r"\leftarrow",
    "Σ": r"\sum",
    "Δ": r"\Delta",
    "∂": r"\partial",
    "√": r"\surd",
    "½": r"\tfrac{1}{2}",
    "²": "^{2}",
    "³": "^{3}",
    "ᵀ": r"^{\top}",
    "‖": r"\|",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "′": "'",
    "→": r"\to",
    "…": r"\cdots",
    "⋮": r"\vdots",
    "×": r"\times",
} | {sign: f"\\{sign}" for sign in "%#&$"}
_PLAIN = str.maketrans(_HIGH + _LOW, "0123456789" * 2)
_ESCAPED = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"^": r"\^{}", "~": r"\~{}", "\\": r"\textbackslash{}"}
)
_WIDEST = 8  # columns of the matrices that stand side by side on a line


def as_latex(head: str, parts: Sequence[tuple[str, list[Section]]]) -> str:
    """The derivation for a document that loads ``amsmath``."""
    lines = [_words(head)]
    for part, sections in parts:
        lines += ["", rf"\textbf{{{_words(part)}}}"]
        for section in sections:
            rows = [rf"&\textbf{{{_words(section.title)}}}"]
            rows += [line for row in section.rows for line in _row(row)]
            lines += [r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]
            if section.remark:
                lines.append(_words(section.remark))
    return "\n".join(lines) + "\n"


def formula(text: str) -> str:
    r"""A Unicode formula in LaTeX: ``\delta^{(1)} = …`` for ``δ⁽¹⁾ = …``."""
    return " ".join(filter(None, map(_token, re.finditer(_TOKEN, text))))


def matrix(array: Array, columns: int = 5) -> str:
    """A ``bmatrix`` of at most so many columns, or a plain number for a single one."""
    rows = [[formula(cell.replace("-", "−")) for cell in row] for row in table(array, columns)]
    if len(rows) == len(rows[0]) == 1:
        return rows[0][0]
    inner = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}"


def _row(row: Row) -> list[str]:
    """The lines of a row, without the line ends between them."""
    left, equals, right = row.formula.partition(" = ")
    sign = "="
    if not equals:
        left, sign, right = row.formula.partition(" ← ")
        sign = formula(sign)
    lines = [f"{formula(left)} &{sign} {formula(right)}"] if right else []
    start = "&=" if right else f"{formula(left)} &="
    if _fits(row.operands):
        lines.append(f"&= {_inserted(row.operands)}")
    if row.value is not None and row.after is None:
        lines.append(f"{start} {matrix(row.value)}")
    if row.value is not None and row.after is not None:
        change = rf"{matrix(row.value, 3)} \to {matrix(row.after, 3)}"
        lines.append(f"&= {matrix(row.after)}" if _fits(row.operands) else rf"&\quad {change}")
    return lines


def _inserted(operands: tuple[Array | str, ...]) -> str:
    """The operands in a row, with a · or brackets where two of them would be read as one."""
    parts: list[str] = []
    after_factor = after_number = False
    for operand in operands:
        text = formula(operand) if isinstance(operand, str) else matrix(operand)
        factor = not (isinstance(operand, str) and operand in OPERATORS)
        number = factor and not text.startswith(r"\begin")
        if factor and after_factor and (number or after_number):
            parts.append(r"\cdot")
        parts.append(f"( {text} )" if number and parts and text.startswith("-") else text)
        after_factor, after_number = factor, number
    return " ".join(parts)


def _fits(operands: tuple[Array | str, ...]) -> bool:
    """Whether the matrices fit side by side on a line."""
    arrays = [operand for operand in operands if not isinstance(operand, str)]
    small = all(len(table(array)) <= 4 for array in arrays)
    return bool(arrays) and small and sum(len(table(array)[0]) for array in arrays) <= _WIDEST


def _token(match: re.Match[str]) -> str:
    """The LaTeX of a token of a formula."""
    text = match[0]
    if match["fraction"]:
        return rf"\frac{{\partial {_symbol(match, 1)}}}{{\partial {_symbol(match, 2)}}}"
    if match["number"]:
        digits, _, power = text.replace("−", "-").partition("e")
        return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits
    if match["symbol"]:
        symbol = _symbol(match, 3)  # a second superscript needs brackets
        powered = "^{" in symbol and match.string[match.end() :].startswith(("²", "³", "^"))
        return f"( {symbol} )" if powered else symbol
    if match["subscript"]:
        return f"_{{{_indices(match['subscript'])}}}"
    if match["words"]:
        return rf"\text{{ {text} }}"
    return _SIGNS.get(text, text)


def _symbol(match: re.Match[str], n: int) -> str:
    r"""``A^{(1)\top}_{i}``: all superscripts of a letter in one pair of braces."""
    letter = match[f"letter{n}"]
    high = r"\prime" * len(match[f"primes{n}"] + match[f"more{n}"])
    if match[f"level{n}"]:
        high += f"({match[f'level{n}'].translate(_PLAIN)})"
    if match[f"transposed{n}"]:
        high += r"\top"
    low = (match[f"units{n}"] or "").translate(_PLAIN)
    low += (match[f"part{n}"] or "") + _indices(match[f"index{n}"] or "")  # W_key⁽¹⁾, Z⁽¹⁾_i
    text = _LETTERS.get(letter, letter)
    if letter in _OPERATORS:
        text = rf"\{letter}"
    elif len(letter) > 1:
        text = rf"\mathrm{{{letter.replace('_', '|')}}}".replace("|", r"\_")
    path = (match[f"path{n}"] or "").translate(_ESCAPED)
    text = rf"\text{{{path}}}{text}" if path else text
    return text + (f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else "")


def _indices(text: str) -> str:
    """``2i+u, c`` for ``{2i+u, c}``."""
    for sign, name in (("−", "-"), ("⌊", r"\lfloor "), ("⌋", r"\rfloor ")):
        text = text.replace(sign, name)
    return text.strip("{}")


def _words(text: str) -> str:
    """Text with its special characters escaped and what stands between backticks as formulas."""
    pieces = text.split("`")
    pieces[::2] = [words.translate(_ESCAPED) for words in pieces[::2]]
    pieces[1::2] = [f"${formula(inner)}$" for inner in pieces[1::2]]
    return "".join(pieces)

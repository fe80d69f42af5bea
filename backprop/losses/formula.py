"""How a loss says what it computes, for ``explain`` to print it."""

from typing import Any, NamedTuple


class Formula(NamedTuple):
    """ℓ = Σ_k value_k, or another way from outputs to the loss, and its gradient, as texts.

    In the texts ``{p}`` is the prediction, ``{y}`` the target, ``{i}`` the index of an output,
    ``{r}`` that of a sample, and ``{self}`` the loss: ``{self.delta:g}`` is a number of its own.

    1/K is added to both for a loss whose ``over_outputs`` is "mean".

    Attributes:
        value: What an output adds to ℓ, or what ``per`` says.
        gradient: ∂ℓ/∂ŷ, or ∂E/∂ŷ for a value of the whole batch.
        times: A number that stands before the gradient.
        per: What the value belongs to: an "output", a "sample" (then it is ℓ) or the "batch" (then
            it is E, with ``{w}`` for the weights, and the gradient has ``{E}``).
        activation: For a loss on logits, the function that makes the ``{a}`` of the gradient.
        definition: What a letter of the formulas means, as a formula too.
        remark: A sentence about the gradient; formulas in it stand between backticks.
        normalised: The simpler ``Formula`` where the rows of predictions and targets sum to 1.

    Example:
        >>> bp.losses.MeanAbsoluteError().formula.value
        '|{p}{i} − {y}{i}|'
        >>> bp.losses.MeanAbsoluteError().formula.gradient
        'sign({p} − {y})'
    """

    value: str
    gradient: str
    times: str = ""
    per: str = "output"
    activation: str = ""
    definition: str = ""
    remark: str = ""
    normalised: Any = None

"""The schedules themselves, each its formula η(s)."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backprop.core.checks import check_flag, check_integer, check_list, check_number, check_positive
from backprop.core.frozen import stays
from backprop.schedules.base import Schedule

fixed = stays("assign a new one, optimizer.learning_rate = {kind}(…, {name}=…)")


@fixed
@dataclass(frozen=True)
class RateDecay(Schedule):
    """The base of the two schedules that decay at a rate r every d steps.

    Args:
        initial_learning_rate: η₀.
        decay_steps: d, in steps, which are batches, not epochs.
        decay_rate: r.
        staircase: Whether η changes every d steps only, s/d being rounded down.

    Example:
        >>> schedule = bp.schedules.ExponentialDecay(0.5, 100, decay_rate=0.5, staircase=True)
        >>> [schedule(step) for step in (0, 99, 100, 200)]
        [0.5, 0.5, 0.25, 0.125]
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        keep(self, check_number, "initial_learning_rate", "decay_rate")
        keep(self, check_positive, "decay_steps")
        keep(self, check_flag, "staircase")

    def periods(self, step: int) -> float:
        """s/d."""
        return step // self.decay_steps if self.staircase else step / self.decay_steps


class ExponentialDecay(RateDecay):
    """η(s) = η₀ r^(s/d).

    Example:
        >>> schedule = bp.schedules.ExponentialDecay(1.0, decay_steps=100, decay_rate=0.25)
        >>> [schedule(step) for step in (0, 50, 100)]
        [1.0, 0.5, 0.25]
    """

    def __call__(self, step: int) -> float:
        """η₀ r^(s/d)."""
        return float(self.initial_learning_rate * self.decay_rate ** self.periods(step))


class InverseTimeDecay(RateDecay):
    """η(s) = η₀ / (1 + r s/d).

    Example:
        >>> schedule = bp.schedules.InverseTimeDecay(1.0, decay_steps=100, decay_rate=1.0)
        >>> [schedule(step) for step in (0, 100, 300)]
        [1.0, 0.5, 0.25]
    """

    def __call__(self, step: int) -> float:
        """η₀ / (1 + r s/d)."""
        return self.initial_learning_rate / (1 + self.decay_rate * self.periods(step))


@fixed
@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """η(s) = values[k] for boundaries[k − 1] < s ≤ boundaries[k].

    Args:
        boundaries: Increasing numbers of steps.
        values: The learning rates, one more than boundaries.

    Example:
        >>> schedule = bp.schedules.PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
        >>> [schedule(step) for step in (0, 100, 101, 300)]
        [0.1, 0.1, 0.01, 0.001]
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("values", "boundaries"):
            given = check_list(getattr(self, name), name)
            numbers = tuple(check_number(value, f"each of {name}") for value in given)
            object.__setattr__(self, name, numbers)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must hold one learning rate more than there are boundaries, but there are "
                f"{len(self.values)} values and {len(self.boundaries)} boundaries."
            )
        if any(b >= c for b, c in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must increase, but they are {self.boundaries!r}.")

    def __call__(self, step: int) -> float:
        """The value of the interval that s lies in."""
        return self.values[bisect_left(self.boundaries, step)]


@fixed
@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """η(s) = (η₀ − η₁) (1 − s/d)^p + η₁ up to s = d, and η₁ from there on.

    With ``cycle``, d is doubled, tripled, … each time that s outgrows it: then η rises again, to
    less each time.

    Args:
        initial_learning_rate: η₀.
        decay_steps: d.
        end_learning_rate: η₁.
        power: p; 1 is a straight line.
        cycle: Whether η rises again after d steps.

    Example:
        >>> schedule = bp.schedules.PolynomialDecay(1.0, 100, end_learning_rate=0.0, power=2)
        >>> [schedule(step) for step in (0, 50, 100, 200)]
        [1.0, 0.25, 0.0, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self) -> None:
        keep(self, check_number, "initial_learning_rate", "end_learning_rate")
        keep(self, check_positive, "decay_steps", "power")
        keep(self, check_flag, "cycle")

    def __call__(self, step: int) -> float:
        """(η₀ − η₁) (1 − s/d)^p + η₁."""
        d = self.decay_steps
        if self.cycle:
            d *= max(1, math.ceil(step / d))
        first, last = self.initial_learning_rate, self.end_learning_rate
        return float((first - last) * (1 - min(step, d) / d) ** self.power + last)


@fixed
@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a wave of the cosine down to α η₀, after a straight warm-up if asked for.

        η(s) = η₀ [(1 − α) ½ (1 + cos(π s/d)) + α] up to s = d, and α η₀ from there on

    With a warm-up of w steps to η_w, η rises from η₀ to η_w in a straight line; the wave begins
    then, with η_w in the place of η₀ and s − w in that of s. Source: Loshchilov & Hutter 2017,
    "SGDR"; for the warm-up Goyal et al. 2017, "Accurate, large minibatch SGD".

    Args:
        initial_learning_rate: η₀.
        decay_steps: d, without the warm-up.
        alpha: α, the share of the learning rate that is left in the end.
        warmup_target: η_w; None for no warm-up.
        warmup_steps: w.

    Example:
        >>> schedule = bp.schedules.CosineDecay(1.0, 100, alpha=0.5)
        >>> [round(schedule(step), 4) for step in (0, 50, 100, 200)]
        [1.0, 0.75, 0.5, 0.5]
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        keep(self, check_number, "initial_learning_rate", "alpha", "warmup_steps")
        keep(self, check_positive, "decay_steps")
        if self.warmup_target is not None:
            keep(self, check_number, "warmup_target")
        elif self.warmup_steps:
            raise ValueError("warmup_steps needs warmup_target: say what η rises to.")

    def __call__(self, step: int) -> float:
        """η on the way up, or on the wave down."""
        start, w = self.initial_learning_rate, self.warmup_steps
        if self.warmup_target is not None:
            if step < w:
                return start + (self.warmup_target - start) * step / w
            start = self.warmup_target
        return start * wave(min(step - w, self.decay_steps) / self.decay_steps, self.alpha)


@fixed
@dataclass(frozen=True)
class CosineDecayRestarts(Schedule):
    """Waves of the cosine, each begun with a jump back up.

        η(s) = η₀ [(1 − α) m^i ½ (1 + cos(π s_i/d_i)) + α]

    with s_i the steps since the i-th restart and d_i = d tⁱ the length of that wave. Source:
    Loshchilov & Hutter 2017, "SGDR".

    Args:
        initial_learning_rate: η₀.
        first_decay_steps: d.
        t_mul: t, by which each wave is longer than the one before, 1 or more.
        m_mul: m, by which each wave is higher.
        alpha: α, the share of η₀ that a wave ends with.

    Example:
        >>> schedule = bp.schedules.CosineDecayRestarts(1.0, 100, t_mul=2, m_mul=0.5)
        >>> [round(schedule(step), 4) for step in (0, 50, 100, 200)]
        [1.0, 0.5, 0.5, 0.25]
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        keep(self, check_number, "initial_learning_rate", "m_mul", "alpha")
        keep(self, check_positive, "first_decay_steps")
        keep(self, check_number, "t_mul", least=1)

    def __call__(self, step: int) -> float:
        """η on the wave that s lies in."""
        if self.t_mul == 1:
            i, since = divmod(step, self.first_decay_steps)
            length = self.first_decay_steps
        else:
            # add the lengths up: a logarithm would round a restart to the step before or after
            i, since, length = 0, float(step), self.first_decay_steps
            while since >= length:
                i, since, length = i + 1, since - length, length * self.t_mul
        return self.initial_learning_rate * wave(since / length, self.alpha, self.m_mul**i)


@fixed
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up and down once in a whole training, and far down in the end.

        η rises from η_max/a to η_max until s = p n − 1, and falls to η_max/(a b) at s = n − 1,

    each time along half a wave of the cosine, and stays there. PyTorch's ``OneCycleLR``; Keras has
    none. Source: Smith & Topin 2018, "Super-convergence".

    Args:
        max_learning_rate: η_max.
        total_steps: n, the number of steps of the training: epochs times batches.
        pct_start: p, the share of them that η rises in, below 1.
        div_factor: a.
        final_div_factor: b.

    Example:
        >>> schedule = bp.schedules.OneCycle(1.0, total_steps=100)
        >>> [round(schedule(step), 4) for step in (0, 29, 99)]  # from 1/25 up, and down again
        [0.04, 1.0, 0.0]
    """

    max_learning_rate: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        keep(self, check_number, "max_learning_rate")
        keep(self, check_integer, "total_steps")
        keep(self, check_positive, "div_factor", "final_div_factor")
        keep(self, check_number, "pct_start", below=1)

    def __call__(self, step: int) -> float:
        """η on the way up, or on the way down."""
        top, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if step < top:
            return self.max_learning_rate * wave(1 - step / top, 1 / self.div_factor)
        bottom = 1 / (self.div_factor * self.final_div_factor)
        return self.max_learning_rate * wave((min(step, last) - top) / (last - top), bottom)


def keep(schedule: Schedule, check: Callable[..., float], *names: str, **limits: float) -> None:
    """Checks attributes of a schedule, which is frozen, and keeps them as Python's numbers."""
    for name in names:
        object.__setattr__(schedule, name, check(getattr(schedule, name), name, **limits))


def wave(x: float, low: float, height: float = 1.0) -> float:
    """(1 − low) · height · ½ (1 + cos πx) + low: from its height at x = 0 to ``low`` at x = 1."""
    return (1 - low) * height * 0.5 * (1 + math.cos(math.pi * x)) + low

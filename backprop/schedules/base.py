"""What a schedule is: a learning rate as a function of the steps taken."""

from typing import Any, Self

from backprop.core.descriptors import from_package
from backprop.core.lookup import check_call


class Schedule:
    """η(s), the learning rate after s steps; a subclass defines ``__call__``.

    Keras calls it ``LearningRateSchedule``.

    Example:
        >>> class Halving(bp.schedules.Schedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5 ** (step // 1000)
        >>> bp.optimizers.SGD(Halving()).learning_rate
        0.1
    """

    def __new__(cls, *given: Any, **named: Any) -> Self:  # noqa: D102
        if from_package(cls):
            check_call(cls, given, named)
        elif (given or named) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__} takes no arguments: write its __init__.")
        return super().__new__(cls)

    def __call__(self, step: int) -> float:
        """η(s) for s = ``step``."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")

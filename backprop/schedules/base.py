"""What a schedule is: a learning rate as a function of the steps taken."""


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

    def __call__(self, step: int) -> float:
        """η(s) for s = ``step``."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")

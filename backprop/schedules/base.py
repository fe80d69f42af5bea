"""What a schedule is: a learning rate as a function of the steps taken."""


class Schedule:
    """η(s), the learning rate after s steps; a subclass defines ``__call__``.

    Keras calls it ``LearningRateSchedule``.
    """

    def __call__(self, step: int) -> float:
        """η(s) for s = ``step``."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")

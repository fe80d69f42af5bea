"""What a schedule is, and the checks of the numbers that it and the optimizers are made with."""


class Schedule:
    """η(s), the learning rate after s steps; a subclass defines ``__call__``."""

    def __call__(self, step: int) -> float:
        """η(s) for s = ``step``."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")

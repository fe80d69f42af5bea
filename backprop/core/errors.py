"""The errors that users meet; each is also the built-in error that one would expect."""


class ShapeError(ValueError):
    """An array does not have the shape that its receiver needs."""


class NotBuiltError(ValueError):
    """Weights were asked for before the number of inputs was known."""


class NotCompiledError(ValueError):
    """Training or evaluation was asked for before ``compile`` named a loss and an optimizer."""


class NoForwardError(ValueError):
    """``backward`` was called without the training forward pass that it is the derivative of."""


class DataError(ValueError):
    """A data set could not be loaded: a missing, truncated or wrong file, or no network."""

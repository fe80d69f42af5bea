"""Matched heads: the activation that ends a model and its cross-entropy as one function."""

import copy
from typing import Any, Self

import numpy as np

from backprop.core.assigned import check_read
from backprop.core.joined import pairs
from backprop.core.lookup import takes
from backprop.core.types import Array, Shape
from backprop.core.walk import is_changed
from backprop.losses.base import Loss
from backprop.losses.cross_entropy import CrossEntropy, Partition


class MatchedHead(Loss):
    """Softmax with a categorical cross-entropy, or Sigmoid with the binary one, as one function.

    With Z the logits, A = softmax(Z) or σ(Z), and N samples in the batch, the two derivatives in
    sequence, ∂E/∂A = −y/A and ∂A/∂Z, multiply to

        ∂E/∂Z = (A − y) / N

    (over N·K for the binary loss, which is a mean over K outputs). E is computed from the logits,
    so that nothing overflows or rounds to 0 between the two: logits of ±10⁴ are fine.

    ``predict`` makes A of Z, ``forward`` E of A, and ``backward`` returns ∂E/∂Z.

    Args:
        activation: The model's last layer. The head computes A in its place, and leaves Z and A in
            it as its own forward pass would.
        loss: The loss, on probabilities.

    Attributes:
        loss: The loss. Its arguments, such as ``gamma``, are read and changed through the head too.
        guess: The class of the largest logit of every sample in the last training ``predict``,
            ``(N,)``. It tells apart probabilities that are rounded to the same number. None where
            finding it would cost time: for many classes or samples.
    """

    def __init__(self, activation: Any, loss: CrossEntropy) -> None:
        super().__init__()
        self.activation = activation
        self.formula = loss.logit_formula
        self.loss = loss  # from here on what is assigned is the loss's, if it takes it
        pairs.add(self)
        self._guess: Array | None = None
        self._partition: Partition = None
        self._made: Any = None  # A, and not that of a forward of the activation's own
        self._weight: Array | None = None

    def __getattr__(self, name: str) -> Any:
        loss = vars(self).get("loss")
        if loss is None or not takes(type(loss), name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(loss, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name[0] == "_":  # as in every step
            object.__setattr__(self, name, value)
        elif "loss" in vars(self) and takes(type(self.loss), name):
            setattr(self.loss, name, value)
        else:
            if "loss" in vars(self) and not hasattr(self, name):  # who misspells means the loss
                value = check_read(self.loss, name, value)
            super().__setattr__(name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        pairs.add(self)

    def check_setting(self, name: str) -> None:
        """Raises AttributeError: a model was compiled with the two that it joins."""
        raise AttributeError(
            f"{name} of a model's loss cannot be assigned: call model.compile(loss=…)."
        )

    @property
    def label_smoothing(self) -> Any:
        """That of the loss."""
        return self.loss.label_smoothing

    @label_smoothing.setter
    def label_smoothing(self, value: Any) -> None:
        self.loss.label_smoothing = value

    def apart(self) -> Self:
        """The same head with a loss and an activation of its own."""
        twin = super().apart()
        # past what looks at changed settings: they are the same
        vars(twin).update(loss=self.loss.apart(), activation=copy.copy(self.activation))
        return twin

    @property
    def unjoined(self) -> Loss:
        """The loss on probabilities."""
        return self.loss

    @property
    def ignored(self) -> int | None:
        """That of the loss."""
        return self.loss.ignored

    @property
    def ready(self) -> bool:
        """Whether ``forward`` came after the last training pass, and no ``forward`` of the loss."""
        return self._target is not None and self.loss._on_logits and self.loss.ready

    def check_given(self) -> None:
        """As of every loss; another model that has it may have used it since."""
        if self.ready and not np.may_share_memory(self.loss._prediction, self.activation.A):
            self._target = None
        super().check_given()

    @property
    def guess(self) -> Array | None:
        """The class of the largest logit of every sample; see the class."""
        return self._guess

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """The loss's own check."""
        return self.loss.check_target(target, output_shape, dtype)

    def check_weight(self, weight: Array, n: int, output_shape: Shape, dtype: Any) -> Array:
        """The loss's own check."""
        return self.loss.check_weight(weight, n, output_shape, dtype)

    def weigh_steps(self, mask: Array, weight: Array | None, dtype: Any) -> Array:
        """The loss's own weights."""
        return self.loss.weigh_steps(mask, weight, dtype)

    def predict(self, output: Array, training: bool = False) -> Array:
        """A for logits Z; in training Z and A are kept for ``forward`` and ``backward``."""
        if not training:
            return self.loss.probabilities(output)[0]
        out = self.buffer("A", output)
        self._target = None  # that of the last pass goes with other A
        self._guess = self.loss.likeliest(output)
        A, self._partition = self.loss.probabilities(output, out, self._guess)
        self.activation.Z, self.activation.A = output, A
        self._made = A
        return A

    def values(self, prediction: Array, target: Array) -> Array:
        """ℓ of any probabilities, by the loss on them."""
        return self.loss.values(prediction, target)

    def gradient(self, prediction: Array, target: Array) -> Array:
        """∂ℓ/∂A of the same."""
        return self.loss.gradient(prediction, target)

    def sample_losses(self, prediction: Array, target: Array, each: bool = False) -> Array:
        """ℓ of the last training ``predict``, which returned ``prediction``."""
        Z, A = self.activation.Z, self.activation.A
        given = prediction is A or np.array_equal(prediction, A, equal_nan=True)
        if A is not self._made or not given:
            raise ValueError(
                f"{self} is joined with the model's {self.activation}: pass it what "
                f"model.forward(X, training=True) returned last. For other arrays use a loss of "
                f"your own: bp.losses.{type(self.loss).__name__}()."
            )
        self._target = target
        return self.loss.sample_losses_on_logits(Z, A, self._partition, target, each)

    def parts(self, prediction: Array, target: Array) -> Array:
        """What each output adds to ℓ, computed from the logits of the last training ``predict``."""
        return self.loss.logit_parts(self.activation.Z, target)

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ; the loss keeps w/N for ``backward``."""
        self._weight = sample_weight
        return self.loss.total(values, sample_weight)

    def backward(self) -> Array:
        """∂E/∂Z; the activation refuses it, whose own ``backward`` takes ∂E/∂A.

        Raises:
            NoForwardError: No ``forward`` came after the last training ``predict``.
        """
        self.check_ready()
        delta: Array = self.loss.backward()
        vars(self.activation)["_joined"] = delta
        return delta

    def prediction_delta(self) -> Array | None:
        """∂E/∂A, by the loss on probabilities: to look at; None until ``forward`` has taken A."""
        if self._target is None:
            return None
        loss = self.loss.apart()
        loss.compute(self.activation.A, self._target, self._weight)
        return loss.backward()

    def __str__(self) -> str:
        return str(self.loss)


def join(last: Any, loss: Loss) -> Loss:
    """The loss joined with a model's last layer if they match, else the loss itself.

    They match if the class of each states the same ``link`` itself: a class derived from one that
    does, or an object with another method, may compute something else.

    Raises:
        ValueError: The loss takes logits, but the last layer turns them into probabilities.
    """
    link = getattr(last, "link", None)
    if link is None or not isinstance(loss, CrossEntropy):
        return loss
    if loss.from_logits:
        raise ValueError(
            f"{loss}(from_logits=True) takes logits, but the model ends with {last}, which makes "
            f"probabilities of them: drop one of the two."
        )
    stated = all("link" in vars(type(each)) and not is_changed(each) for each in (last, loss))
    return MatchedHead(last, loss) if stated and loss.link == link else loss

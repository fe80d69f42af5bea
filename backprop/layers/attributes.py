"""Attributes of layers that are looked after: what they are called, and whether ∂E/∂X is wanted."""

from typing import Any

from backprop.core.descriptors import Checked


class LayerName(Checked):
    """A name that stays once the layer is built, as its parameters are called by it."""

    def __set__(self, made: Any, value: Any) -> None:
        if vars(made).get("input_shape") is not None and value != made.name:
            raise AttributeError(
                f"{made} is built, so that its name stays: give it another one before, or in its "
                f"constructor, name={value!r}."
            )
        super().__set__(made, value)


class InputGradient(Checked):
    """Whether ∂E/∂X is wanted; a model asks all layers for it but those before which none learns.

    Of these it may be wanted nevertheless, and is not any more.
    """

    def __set__(self, made: Any, value: Any) -> None:
        wanted = self.check(value, self.name)
        if not wanted and made._in_model and not made._is_entrance:
            raise AttributeError(
                f"{made} passes ∂E/∂X on to layers before it, some of which learn: {self.name} "
                f"stays True."
            )
        vars(made)["_asked_for_gradient"] = wanted
        made.want_input_gradient(wanted)

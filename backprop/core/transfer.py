"""Weights that go from one model into another: by arrays, or with copies of trained layers."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from os import PathLike
from typing import Any, TypeVar

from backprop.core.arrays import as_numbers
from backprop.core.checks import is_row
from backprop.core.errors import NotBuiltError, ShapeError, said
from backprop.core.parameter_access import check_statistic
from backprop.core.parameters import Parameter
from backprop.core.ranges import check_overflow

L = TypeVar("L")


def copy_of(layer: L, trainable: bool | None) -> L:
    """A layer that is not built, and will begin with the weights that this one has now.

    Raises:
        NotBuiltError: This layer has no weights yet.
    """
    twin: Any = deepcopy(layer)
    parts = [twin, *twin.inside()]
    if twin.input_shape is not None:
        for part, kept in zip(parts, [kept_of(part, trainable) for part in parts], strict=True):
            part._kept = kept
    elif twin._kept is None:
        raise NotBuiltError(f"{layer} is not built, so that it has no weights to copy.")
    twin._trainable, twin._held = twin.trainable, False
    for part in parts:
        parameters = part.no_parameters()
        vars(part).update(input_shape=None, delta=None, parameters=parameters, _in_model=False)
        part.buffers.clear()
    if trainable is not None:
        twin.trainable = trainable
    copied: L = twin
    return copied


def kept_of(layer: Any, trainable: bool | None) -> list[tuple[Any, bool | None, bool]]:
    """The weights of a layer, which were frozen or thawed by themselves, and which decay.

    Args:
        layer: A built layer.
        trainable: What the copy is set to that it is in; None if to nothing, so that frozen
            weights stay so.
    """

    def own_flag(p: Parameter) -> bool | None:
        """That of a parameter which its layer has not; None if it goes by its layer's."""
        if trainable is None and p.learned and (not p._free or p.trainable != layer.trainable):
            return p.trainable
        return None

    return [(p.value.copy(), own_flag(p), p.decays) for p in layer.parameters]


def take_kept(layer: Any) -> None:
    """Puts the weights of the original into the new parameters of a copy; nothing into others.

    The layers inside take their own, unless they were made anew.

    Raises:
        ShapeError: The copy was built for another shape than the original.
    """
    if not layer._kept:
        return
    mine, kept = [p.shape for p in layer.parameters], [value.shape for value, *_ in layer._kept]
    if mine != kept:
        raise ShapeError(
            f"{layer} is a copy with weights of the shapes {kept}, but samples of shape "
            f"{layer.input_shape} need {mine}: give it the inputs that it was trained on, and "
            f"leave its arguments as they were."
        )
    copied = [part for part in layer.inside() if part._kept is not None]
    taken = {id(p) for part in copied for p in part.parameters}
    for parameter, (value, own, decays) in zip(layer.parameters, layer._kept, strict=True):
        if id(parameter) in taken:
            continue
        parameter.value[...] = value
        parameter.decays = decays
        if own is not None:
            parameter.trainable = own


def begin_anew(layer: Any) -> None:
    """Has first weights drawn for what would be a copy, and trained: frozen they would be noise."""
    if layer._kept is not None:
        layer.trainable = True
        for part in (layer, *layer.inside()):
            part._kept = None


def forget_kept(layer: Any) -> None:
    """Lets a copy begin with other weights than the original has."""
    if layer._kept is not None:
        layer._kept = []


def check_none_kept(layers: Sequence[Any]) -> None:
    """Refuses to save layers that are not built if weights that there are would be lost.

    Raises:
        NotBuiltError: A layer is a copy, which will begin with the weights of the original.
    """
    for layer in layers:
        for part in [layer, *layer.inside()]:
            if part._kept:
                raise NotBuiltError(
                    f"{part} is a copy with weights, but a file has no weights of a model that is "
                    f"not built: call model.build((None, *X.shape[1:])) first, or fit it."
                )


def set_weights(parameters: Sequence[Parameter], weights: Sequence[Any]) -> None:
    """Sets parameters, in their order.

    Raises:
        TypeError: The weights are not arrays of numbers.
        ValueError: One is masked, or too large for the dtype, or a moving variance is negative.
        ShapeError: Their number or a shape differs. Nothing is changed after an error.
    """
    given = () if weights is None else weights
    if not is_row(given):
        raise no_list_of_arrays(given)
    arrays = [as_numbers(w, f"weights[{k}]") for k, w in enumerate(given)]
    if [a.shape for a in arrays] != [p.shape for p in parameters]:
        expected = ", ".join(f"{p.name} {p.shape}" for p in parameters)
        received = ", ".join(str(a.shape) for a in arrays)
        raise ShapeError(f"set_weights expects {expected}, but received {received or 'none'}.")
    for k, (p, array) in enumerate(zip(parameters, arrays, strict=True)):
        check_overflow(array, f"weights[{k}] holds", p.value.dtype)
        if not p.learned:
            check_statistic(array, p.name)
    apart = [a if a.base is None else a.copy() for a in arrays]  # views may be of these parameters
    for p, array in zip(parameters, apart, strict=True):
        p.value[...] = array


def no_list_of_arrays(weights: Any) -> TypeError:
    """The error that these are no weights, and what to pass in the place of a model or a path."""
    advice = "get_weights() of a model returns one"
    if isinstance(weights, Mapping):
        advice = "pass list(weights.values())"
        if any(hasattr(each, "detach") for each in weights.values()):
            advice = (
                "those of PyTorch have their axes in another order: write them by "
                "safetensors.torch.save_file(…, path), and call model.load_weights(path)"
            )
    elif isinstance(weights, str | PathLike):
        advice = "model.load_weights(path) reads those of a file"
    return TypeError(f"weights must be a list of arrays, but it is {said(weights)}: {advice}.")

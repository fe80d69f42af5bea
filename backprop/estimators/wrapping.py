"""Any network as an estimator: what ``SequentialClassifier`` and ``SequentialRegressor`` share."""

from __future__ import annotations

import copy
import inspect
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Self

from backprop.core import console
from backprop.core.checks import check_flag, check_integer
from backprop.core.descriptors import from_package
from backprop.core.errors import said, without_addresses
from backprop.core.frames import check_targets
from backprop.core.lookup import arguments_of, is_function
from backprop.core.signatures import answered, check_call_by_name
from backprop.core.walk import SIMPLE, holds_only, is_still
from backprop.estimators.arguments import keep
from backprop.estimators.base import Estimator, check_members
from backprop.estimators.given import check_weight, of_mean_1
from backprop.estimators.samples import Samples, unchanged_by_errors
from backprop.estimators.scikit import check_random_state
from backprop.experiments import fit_many
from backprop.losses import Loss
from backprop.metrics import Metric
from backprop.optimizers import Optimizer

Build = Callable[..., Any]

IN_TEXT = " in text"
"""What stands behind a setting's name where its text is kept."""

HANDED_OVER = re.compile(r"(n_|num_)?(in|out|feature|class|label|target)(puts?|s|es)?(_|$)")
"""The names of what is handed over to ``build`` where it has defaults for them."""


class Wrapped(Estimator):
    """The base of the two estimators that train what a function builds.

    Attributes:
        n_iter_: Epochs of the last fit.
    """

    build: Build
    epochs: int
    batch_size: int
    optimizer: str | Optimizer
    loss: str | Loss | None
    n_iter_: int
    _compiles: bool
    _built_by: dict[str, Any]
    _compiled_by: dict[str, Any]

    # ------------------------------------------------------------- what a subclass says of its task

    @abstractmethod
    def _learn_targets(self, y: Any) -> int:
        """Finds out what kind of targets these are; returns how many outputs they need."""

    @abstractmethod
    def _complete(self, model: Any) -> str:
        """Ends a network that is not compiled as the task needs it; returns the loss for it."""

    # --------------------------------------------------------------------------------- the settings

    def _settings(self) -> dict[str, Any]:
        """The arguments of ``build`` after the first two: those given, and defaults of others."""
        taken = {p.name for p in parameters_of(self.build)}
        own = {*self._of_package(), *(n for n in self._get_param_names() if n not in taken)}
        given = {n: v for n, v in vars(self).items() if n in taken or "_" not in (n[0], n[-1])}
        return {n: v for n, v in (defaults_of(self.build) | given).items() if n not in own}

    def _of_package(self) -> list[str]:
        """The arguments of the package's class, from which that of the user's own is derived."""
        kind: Any = next(filter(from_package, type(self).__mro__))
        return list(kind._get_param_names())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the estimator and, where it takes any, those of ``build``."""
        own: dict[str, Any] = super().get_params(deep)
        arguments = inspect.signature(type(self)).parameters.values()
        if all(p.kind is not p.VAR_KEYWORD for p in arguments):  # a class of the user's own
            return own
        return {n: getattr(self, n) for n in self._of_package()} | self._settings() | own

    def set_params(self, **params: Any) -> Self:
        """Changes arguments of the estimator or of ``build``."""
        self.build = params.get("build", self.build)  # which the other names are of
        self._check_names(params)
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters_of(self.build))
        known = self.get_params()
        for name, value in params.items():
            own, nested, _ = name.partition("__")
            if takes_any and not nested:
                setattr(self, name, value)
            elif own not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {said(self, None)}. Valid "
                    f"parameters are: {sorted(known)!r}."
                )
            elif nested and not hasattr(known[own], "set_params"):
                raise ValueError(
                    f"{name!r} cannot be set: arguments of build go by their own names, units=16, "
                    f"and other objects are set as a whole, optimizer=Adam(0.01)."
                )
        super().set_params(**params)
        return self

    # --------------------------------------------------------------------------------- the course

    @answered
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None
    ) -> Self:
        """Builds the networks and trains them.

        Args:
            X: Samples in rows: an array, a frame, or a matrix of ``scipy.sparse``.
            y: Their labels or numbers.
            sample_weight: Weights of the samples in the loss.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``, evaluated after every epoch.
        """
        self._fit(X, y, sample_weight, validation_data)
        return self

    @unchanged_by_errors
    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> None:
        """Does what ``fit`` says."""
        if not is_function(self.build):
            raise TypeError(
                f"build must be a function of (n_features, n_outputs, …) that returns a new "
                f"Sequential, but it is {said(self.build)}."
            )
        anew = not (check_flag(self.warm_start, "warm_start") and hasattr(self, "models_"))
        check_targets(y, validation_data)
        X, y = self._read(X, y, anew)
        n_outputs = self._learn_targets(y)
        weight = of_mean_1(self._weigh(y, check_weight(sample_weight, X)))
        self.models_ = self._build(X.shape[1], n_outputs) if anew else self._kept()
        for model in self.models_:
            model.feature_names = self._columns()
        samples = Samples(X, self._encode(y, X.dtype), weight)
        held_out = self._held_out(validation_data)
        before = [model.history for model in self.models_]
        try:
            fit_many(
                self.models_,
                samples.X,
                samples.y,
                sample_weight=samples.weight,
                batch_size=self.batch_size,
                epochs=self.epochs,
                verbose=self.verbose,
                callbacks=self.callbacks,
                shuffle=self.shuffle,
                validation_data=held_out,
            )
        except KeyboardInterrupt:
            pairs = zip(before, self.models_, strict=True)
            if not all(model.history is not old and model.history.epoch for old, model in pairs):
                raise  # the mean would be that of networks without training
            console.warn("Training interrupted by user.", UserWarning)
        histories = [model.history for model in self.models_]
        self.history_ = histories[0]
        self.n_iter_ = max(len(history.epoch) for history in histories)
        self._finish(samples if held_out is None else held_out)

    def _build(self, n_features: int, n_outputs: int) -> list[Any]:
        """New networks, compiled."""
        self._check_names()
        random, found = check_random_state(self.random_state), []
        for _ in range(check_integer(self.n_members, "n_members")):
            settings = self._settings()
            check_call_by_name(self.build, settings, "build", "n_features", "n_outputs")
            model = self.build(n_features, n_outputs, **settings)
            if not hasattr(model, "compiled"):
                raise TypeError(
                    f"build must return a Sequential, but it returned {type(model).__name__}."
                )
            if self.random_state is not None or self.n_members > 1:
                model.reset(seed=int(random.randint(1 << 31)))
            self._compiles = not model.compiled
            model.build((None, n_features))  # _complete asks for the number of outputs
            if self._compiles:
                self._compile(model)
            found.append(model)
        if len({id(model) for model in found}) < len(found):
            raise ValueError("build returned the same model twice: let it make a new one.")
        self._built_by, self._compiled_by = self._made_by()
        return found

    def _check_names(self, given: Iterable[str] = ()) -> None:
        """Checks the names of the arguments of build, those given by name among them.

        Raises:
            ValueError: One is that of an argument, method or attribute of the estimator.
            TypeError: A setting stands where ``n_features`` or ``n_outputs`` is handed over.
        """
        check_first(self.build)
        bound = getattr(self.build, "keywords", {})  # by functools.partial
        names = [p.name for p in parameters_of(self.build) if p.name not in bound]
        own, kind = self._of_package(), next(filter(from_package, type(self).__mro__))
        there = {*dir(kind), *(n for each in kind.__mro__ for n in inspect.get_annotations(each))}
        others = there - {*own, *self._get_param_names()}
        for name in [*names, *given]:
            if name in others or (name in names and name in own):
                what = "a method or attribute" if name in others else "an argument"
                raise ValueError(
                    f"build takes {name!r}, which is {what} of {type(self).__name__} itself "
                    f"and is not handed on: give that of build another name, my_{name} for example."
                )

    def _compile(self, model: Any) -> None:
        """Compiles a network by the estimator's arguments."""
        usual = self._complete(model)
        optimizer = copy.deepcopy(self.optimizer)
        if isinstance(optimizer, Optimizer):
            optimizer.reset()
        loss, metrics = copy.deepcopy((self.loss, self.metrics))
        model.compile(optimizer, loss or usual, metrics)

    def _made_by(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What new networks are built by, and what they are compiled by."""
        built_by = {"build": self.build, **self._settings()}
        compiled_by = {n: getattr(self, n) for n in ("optimizer", "loss", "metrics")}
        held = {n: v for n, v in built_by.items() if isinstance(v, list | tuple | dict)}
        return built_by | shown(held), compiled_by | shown(compiled_by)

    def _kept(self) -> list[Any]:
        """The networks to go on with, compiled anew if they are to be compiled otherwise.

        Raises:
            ValueError: There would be others, or more.
        """
        check_members(self)
        built_by, compiled_by = self._made_by()
        for name in changed(self._built_by, built_by):
            raise ValueError(
                f"{name.removesuffix(IN_TEXT)} has changed since the last fit built the networks "
                f"with which this one goes on: fit without warm_start, or set it to what it was."
            )
        if self._compiles and changed(self._compiled_by, compiled_by):
            for model in self.models_:
                self._compile(model)
            self._compiled_by = compiled_by
        return self.models_


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names of what is not as it was."""
    names = {**before, **now}
    return [n for n in names if not is_still(before.get(n), now.get(n))]


def shown(settings: dict[str, Any]) -> dict[str, str]:
    """What settings hold as text, as objects may be changed: by ``optimizer.learning_rate = …``."""

    def text(value: Any) -> str:
        if isinstance(value, Metric):  # which prints as its name
            return repr((value, [(n, getattr(value, n, None)) for n in arguments_of(value)]))
        if isinstance(value, list | tuple) and not holds_only(value, SIMPLE):
            return f"[{', '.join(map(text, value))}]"
        return without_addresses(repr(value))

    return {name + IN_TEXT: text(value) for name, value in settings.items()}


def keep_with_settings(estimator: Any, arguments: dict[str, Any]) -> None:
    """Stores the arguments of a constructor under their names.

    Of those of ``build`` the ones that differ from their defaults are stored.
    """
    settings = arguments.pop("settings")
    keep(estimator, arguments)
    estimator._check_names(settings)
    known = defaults_of(estimator.build)
    own = estimator._get_param_names()  # those of a class of the user's own, too
    keep(
        estimator,
        {k: v for k, v in settings.items() if k not in known or v is not known[k] or k in own},
    )


def check_first(build: Any) -> None:
    """Checks that ``build`` does not begin with settings, as functions for Keras often do.

    Raises:
        TypeError: It does: the numbers of features and outputs would take the place of defaults.
    """
    listed = inspect.signature(build).parameters.values() if is_function(build) else ()
    for p in list(listed)[:2]:
        if p.default is not p.empty and not HANDED_OVER.match(p.name):
            raise TypeError(
                f"build is called as build(n_features, n_outputs, …), where {p.name} would be one "
                f"of these numbers: write def build(n_features, n_outputs, {p.name}=…)."
            )


def parameters_of(build: Any) -> list[inspect.Parameter]:
    """The parameters of ``build`` after the first two; none if it is no function."""
    return list(inspect.signature(build).parameters.values())[2:] if is_function(build) else []


def defaults_of(build: Any) -> dict[str, Any]:
    """Those of them that have defaults, with these."""
    return {p.name: p.default for p in parameters_of(build) if p.default is not p.empty}

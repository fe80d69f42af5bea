"""scikit-learn's multi-layer perceptrons, argument for argument, on top of ``Sequential``."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from backprop.core import console
from backprop.core.checks import check_dtype
from backprop.core.errors import DivergenceError
from backprop.core.frames import check_targets
from backprop.core.frozen import FixedList
from backprop.core.ranges import check_finite
from backprop.core.rounding import warn_of_rounding
from backprop.core.signatures import answered
from backprop.core.types import Array, DTypeLike
from backprop.estimators.arguments import CONSTRAINTS, STOCHASTIC, OfFit, check_together
from backprop.estimators.base import Estimator, check_members
from backprop.estimators.convergence import Convergence, Progress, Record, show, take_over
from backprop.estimators.given import check_weight
from backprop.estimators.networks import (
    check_outputs,
    check_penalties,
    draw_weights,
    forget_batch,
    kept_optimizer,
    made_anew,
    make_loss,
    make_networks,
    make_optimizer,
    structure,
    take_weights,
    views,
)
from backprop.estimators.samples import Samples, set_aside, unchanged_by_errors
from backprop.estimators.scikit import check_random_state, validate_parameter_constraints
from backprop.estimators.training import (
    batch_size_of,
    train_by_lbfgs,
    train_in_turn,
    train_together,
    warn_of_batch_size,
    warn_of_epochs,
)
from backprop.experiments.checked import checked_callbacks


class MLP(Estimator):
    """The base of ``MLPClassifier`` and ``MLPRegressor``, which list the arguments.

    Attributes:
        coefs_: Each layer's weights ``(n_in, n_out)``, views of the network's; weights that are
            put into their place are taken over.
        intercepts_: Its biases, likewise.
        n_iter_: Epochs of the last fit, iterations with ``solver="lbfgs"``.
        n_layers_: Layers of units, those of the inputs and outputs among them.
        n_outputs_: Outputs of the network.
        out_activation_: What is applied to them.
        loss_: The last epoch's loss, with the penalty.
        loss_curve_: That of every epoch.
        best_loss_: The smallest; None with ``early_stopping``.
        validation_scores_: With ``early_stopping`` each epoch's accuracy or R², else None.
        best_validation_score_: The largest.
        validation_loss_curve_: Each epoch's loss on ``validation_data``, without the penalty; nan
            for epochs of fits before that had none.
        t_: Samples seen.
    """

    hidden_layer_sizes: int | Sequence[int]
    activation: str
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    loss: Any
    tol: float
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float
    batch_normalization: bool
    schedule: Any
    dtype: DTypeLike | None

    coefs_: list[Array]
    intercepts_: list[Array]
    n_layers_, n_outputs_, out_activation_, t_ = OfFit(), OfFit(), OfFit(), OfFit()
    models_: Any = OfFit("write model_.set_weights(…), or coefs_ and intercepts_")

    _parameter_constraints = CONSTRAINTS
    _rules = {"dtype": [np.float64, np.float32], "order": "C"}
    _structure: tuple[Any, ...]
    _policy: tuple[Any, ...]  # how the learning rate changes after an epoch, with η and power_t
    _losses: list[float]
    validation_loss_curve_: list[float]

    # ------------------------------------------------------------- what a subclass says of its task

    def _learn_targets(self, y: Any, incremental: bool) -> None:
        """Finds out what kind of targets these are, or checks them against those before."""

    @abstractmethod
    def _outputs_for(self, y: Array) -> tuple[int, str]:
        """How many outputs encoded targets need, and what is applied to them."""

    @abstractmethod
    def _score_of(self, prediction: Array, y: Array, weight: Array | None) -> float:
        """The score of predictions of encoded targets."""

    def _strata(self, y: Array) -> Array | None:
        """What early stopping splits by (see ``set_aside``)."""
        return None

    # --------------------------------------------------------------------------------- the course

    @answered
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None
    ) -> Self:
        """Trains on samples and their targets.

        Args:
            X: Samples in rows: an array, a frame, or a matrix of ``scipy.sparse``.
            y: For a classifier labels of any kind, one for each sample, or a 0 or 1 for each class,
                ``(N, K)``; for a regressor numbers, likewise.
            sample_weight: Weights of the samples in the loss.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``, whose loss is computed after
                every epoch (``validation_loss_curve_``). With ``early_stopping`` they stand in the
                place of a part of the training samples.
        """
        return self._fit(X, y, sample_weight, validation_data, incremental=False)

    @unchanged_by_errors
    def _fit(self, X: Any, y: Any, weight: Any, held_out: Any, incremental: bool) -> Self:
        """Trains as ``fit`` or, for one epoch, as ``partial_fit``."""
        self._check_arguments()
        hidden = check_together(self, incremental)
        anew = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        check_targets(y, held_out)
        X, y = self._read(X, y, anew)
        weight = check_weight(weight, X)
        checked_callbacks(self.callbacks, self.n_members)
        self._learn_targets(y, incremental)
        weight = self._weigh(y, weight, incremental)
        samples = Samples(X, self._encode(y, X.dtype), weight)
        held_out = self._held_out(held_out)
        random = check_random_state(self.random_state)
        self._prepare(samples, hidden, random, anew, incremental)
        try:
            if self.solver in STOCHASTIC:
                held_out = self._descend(samples, held_out, random, incremental)
            else:
                self._minimize(samples, held_out)
        except KeyboardInterrupt:
            if len(self.models_) > 1 and not all(record.n_iter_ for record in self._records):
                raise  # their mean would be that of networks without training
            console.warn("Training interrupted by user.", UserWarning)
        except DivergenceError as error:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain "
                "large values and need to be preprocessed."
            ) from error
        self.history_ = self.models_[0].history
        self.coefs_, self.intercepts_ = views(self.models_[0])
        self._finish(samples if held_out is None else held_out)
        return self

    def _check_arguments(self) -> None:
        """Checks the arguments by themselves: all that scikit-learn does, if one is another now."""
        now = {name: getattr(self, name) for name in self._parameter_constraints}
        known = vars(self).get("_arguments_checked", {})
        changed = {n: value for n, value in now.items() if n not in known or known[n] is not value}
        if changed.keys() == now.keys():
            self._validate_params()
        elif changed:
            rules = {name: self._parameter_constraints[name] for name in changed}
            validate_parameter_constraints(rules, changed, type(self).__name__)
        self.__dict__["_arguments_checked"] = now

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = super()._read(X, y, reset)
        if self.dtype is None:
            return X, y
        dtype = check_dtype(self.dtype)
        warn_of_rounding(X, "X", dtype, whole=True)
        check_finite(X, "X holds", dtype)
        return X.astype(dtype, copy=False), y

    def _prepare(
        self, samples: Samples, hidden: list[int], random: Any, anew: bool, incremental: bool
    ) -> None:
        """Makes the networks if there are none to go on with, and compiles them."""
        n_outputs, activation = self._outputs_for(samples.y)
        self.__dict__["out_activation_"] = activation
        n = batch_size_of(self, samples.X.shape[0])
        before = [] if anew or not hasattr(self, "models_") else self._networks()
        if not before:
            units = [samples.X.shape[1], *map(int, hidden), n_outputs]
            self._take(make_networks(self, units, samples.X.dtype, n, random))
            self.__dict__.update(n_layers_=len(units), n_outputs_=n_outputs)
            known = None if anew else self
            self._records = [Record(self.early_stopping, known) for _ in self.models_]
        else:
            check_members(self)
            check_outputs(self, n_outputs)
            check_penalties(before)
            take_over(self, self._records)
            if self._structure != structure(self):
                self._take(made_anew(self, before, n, random))
                self.coefs_, self.intercepts_ = views(self.models_[0])
        self._structure = structure(self)
        for record in self._records:
            record.watch(self.early_stopping)
        for model in self.models_ if anew else [] if before else self.models_[1:]:
            draw_weights(model, self.activation, random)  # the first has those put into coefs_
        if anew:
            self.coefs_, self.intercepts_ = views(self.models_[0])
        if not (incremental and before) or before[0].optimizer.full_batch:
            policy = self.learning_rate if self.solver == "sgd" else "constant"
            self._policy = policy, self.learning_rate_init, self.power_t
            optimizers = [make_optimizer(self) for _ in self.models_]
        else:
            pairs = zip(before, self.models_, strict=True)
            optimizers = [kept_optimizer(self, *pair) for pair in pairs]
        for model, optimizer in zip(self._networks(), optimizers, strict=True):
            model.feature_names = self._columns()
            model.compile(optimizer, make_loss(self), copy.deepcopy(self.metrics))

    def _take(self, models: list[Any]) -> None:
        """Takes networks; what stands in ``coefs_`` goes into the first one, whichever it is."""
        self.__dict__["models_"] = FixedList(models, "write model_.set_weights(…)")

    def _networks(self) -> list[Any]:
        """The networks, the first with what was put into the place of its weights."""
        models: list[Any] = self.models_
        if take_weights(self.models_[0], self.coefs_, self.intercepts_):
            self.coefs_, self.intercepts_ = views(self.models_[0])
        return models

    def _descend(
        self, samples: Samples, held_out: Samples | None, random: Any, incremental: bool
    ) -> Samples | None:
        """Trains by mini-batches; returns the samples that were held out, if any were."""
        score, kept = None, held_out
        if self.early_stopping:
            if kept is None:
                share, strata = self.validation_fraction, self._strata(samples.y)
                samples, kept = set_aside(samples, share, random, strata)
            score = partial(self._score, kept)
        n, epochs = len(samples.y), 1 if incremental else self.max_iter
        warn_of_batch_size(self, n)
        alone = len(self.models_) == 1
        told = []
        for record in self._records:
            record.n_iter_ = 0
            told.append(Convergence(self, record, n, score, bool(self.verbose) and alone))
        try:
            if alone or not train_together(self, self.models_, told, samples, held_out, epochs):
                train_in_turn(self, told, samples, held_out, epochs, random)
        except DivergenceError:
            if not all(each.has_best for each in told):
                raise
            for record in self._records:
                record.validation_scores_ = [*record.validation_scores_, np.nan]
        finally:
            for each in told:
                each.restore_best()
            show(self, self._records)
        ended = all(model.stop_training for model in self.models_)
        if not incremental and not ended and self.n_iter_ == self.max_iter:
            warn_of_epochs(self.max_iter)
        return kept

    def _score(self, kept: Samples, model: Any) -> float:
        """The validation score of a network as it is."""
        return self._score_of(model.predict(kept.X), kept.y, kept.weight)

    def _minimize(self, samples: Samples, held_out: Samples | None) -> None:
        """Trains by L-BFGS."""
        try:
            for model, record in zip(self.models_, self._records, strict=True):
                record.n_iter_ = 0
                train_by_lbfgs(self, model, Progress(record, self.verbose), samples, held_out)
        finally:
            names = ("n_iter_", "t_", "loss_", "validation_loss_curve_", "_losses")
            show(self, self._records, names)

    def _curves(self) -> dict[str, list[Any]]:
        losses, held_out = self._losses, self.validation_loss_curve_
        missing = len(losses) - len(held_out)  # since the last fit that had any
        return {"loss": losses} | ({"val_loss": held_out + [None] * missing} if held_out else {})

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "models_" in state:
            self._networks()
            # copies of views would no longer be views of θ
            state = {k: v for k, v in state.items() if k not in ("coefs_", "intercepts_")}
            state = copy.deepcopy(state, {id(self): self})  # which a callback may hold
            for model in state["models_"]:
                forget_batch(model)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "models_" in state:
            self.coefs_, self.intercepts_ = views(self.models_[0])

"""Callbacks: every hook at Keras's time and with Keras's arguments."""

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import Callback, CallbackList
from backprop.layers import Dense, Softmax
from backprop.optimizers import SGD

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


class Record(Callback):
    """Writes down which hook was called, with which epoch or batch, and the names in its logs."""

    def __init__(self):
        self.events = []
        self.logs = []


def recorder(hook):
    def method(self, *arguments):
        *where, logs = arguments
        self.events.append((hook, *where, *logs))
        self.logs.append(dict(logs))

    return method


for name in HOOKS:
    setattr(Record, name, recorder(name))


@pytest.fixture
def data(rng):
    return rng.normal(size=(6, 3)), rng.integers(0, 2, 6)


def classifier(learning_rate=0.1, metrics=("accuracy",)):
    model = bp.Sequential([Dense(2), Softmax()], seed=0, dtype="float64")
    model.compile(SGD(learning_rate), "sparse_categorical_crossentropy", metrics)
    return model


ONE_EPOCH = [
    *("on_train_batch_begin 0", "on_train_batch_end 0 loss accuracy"),
    *("on_train_batch_begin 1", "on_train_batch_end 1 loss accuracy"),
]
VALIDATION = [
    "on_test_begin",
    *("on_test_batch_begin 0", "on_test_batch_end 0 loss accuracy"),
    "on_test_end loss accuracy",
]


def test_whole_sequence_of_a_fit_with_validation(data):
    X, y = data
    record = Record()
    classifier().fit(
        X, y, 4, epochs=2, verbose=0, callbacks=[record], validation_data=(X[:3], y[:3])
    )
    assert [" ".join(map(str, event)) for event in record.events] == [
        "on_train_begin",
        "on_epoch_begin 0",
        *ONE_EPOCH,
        *VALIDATION,
        "on_epoch_end 0 loss accuracy val_loss val_accuracy",
        "on_epoch_begin 1",
        *ONE_EPOCH,
        *VALIDATION,
        "on_epoch_end 1 loss accuracy val_loss val_accuracy",
        "on_train_end loss accuracy val_loss val_accuracy",
    ]


def test_whole_sequence_of_a_fit_without_validation(data):
    record = Record()
    classifier().fit(*data, batch_size=6, epochs=4, initial_epoch=2, callbacks=[record], verbose=0)
    epochs = [
        [
            f"on_epoch_begin {epoch}",
            *("on_train_batch_begin 0", "on_train_batch_end 0 loss accuracy"),
            f"on_epoch_end {epoch} loss accuracy",
        ]
        for epoch in (2, 3)
    ]
    assert [" ".join(map(str, event)) for event in record.events] == [
        "on_train_begin",
        *epochs[0],
        *epochs[1],
        "on_train_end loss accuracy",
    ]


def test_logs_of_a_batch_are_the_means_over_the_epoch_so_far(data):
    X, y = data
    model, record = classifier(learning_rate=0.0), Record()
    model.fit(X, y, 4, shuffle=False, verbose=0, callbacks=[record])
    P = model.predict(X)
    losses, hits = -np.log(P[range(6), y]), P.argmax(axis=1) == y
    first, second = (
        logs
        for event, logs in zip(record.events, record.logs, strict=True)
        if event[0] == "on_train_batch_end"
    )
    assert first == pytest.approx({"loss": losses[:4].mean(), "accuracy": hits[:4].mean()})
    assert second == pytest.approx({"loss": losses.mean(), "accuracy": hits.mean()})


def test_logs_of_the_epoch_are_those_of_the_history(data):
    X, y = data
    record = Record()
    history = (
        classifier()
        .fit(X, y, epochs=3, verbose=0, callbacks=[record], validation_split=0.4)
        .history
    )
    logs = [
        logs
        for event, logs in zip(record.events, record.logs, strict=True)
        if event[0] == "on_epoch_end"
    ]
    assert logs == [{key: values[e] for key, values in history.items()} for e in range(3)]
    assert record.logs[-1] == logs[-1]  # on_train_end


def test_weights_have_moved_between_the_two_batch_hooks(data):
    class Watch(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.before = self.model.get_weights()[0]

        def on_train_batch_end(self, batch, logs=None):
            moved.append(np.any(self.model.get_weights()[0] != self.before))

    moved = []
    classifier().fit(*data, 2, verbose=0, callbacks=[Watch()])
    assert moved == [True] * 3


def test_model_and_params_are_set_before_training(data):
    class Look(Callback):
        def on_train_begin(self, logs=None):
            self.seen = (self.model, dict(self.params), self.model.input_shape)

    look, model = Look(), classifier()
    model.fit(*data, 4, epochs=2, verbose=0, callbacks=[look])
    assert look.seen == (model, {"epochs": 2, "steps": 2, "verbose": 0, "validation": False}, (3,))


def test_evaluations_and_predictions_have_one_epoch(data):
    look, model = Callback(), classifier()
    for told in (
        lambda: model.evaluate(*data, 4, verbose=0, callbacks=[look]),
        lambda: model.predict(data[0], 4, verbose=0, callbacks=[look]),
        lambda: model.predict([data[0][:4], data[0][4:]], verbose=0, callbacks=[look]),
    ):
        look.params = {}
        told()
        assert look.params == {"epochs": 1, "steps": 2, "verbose": 0}


def test_callbacks_are_called_in_their_order(data):
    class Name(Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_begin(self, epoch, logs=None):
            order.append((epoch, self.name))

    order = []
    classifier().fit(*data, epochs=2, verbose=0, callbacks=[Name("a"), Name("b")])
    assert order == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]


def test_history_is_written_after_the_users_callbacks_as_in_keras(data):
    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            written.append(list(self.model.history.epoch))

    written = []
    classifier().fit(*data, epochs=3, verbose=0, callbacks=[Look()])
    assert written == [[], [0], [0, 1]]


def test_hook_set_on_the_object_is_called_too(data):
    callback, seen = Callback(), []
    callback.on_train_batch_end = lambda batch, logs=None: seen.append(batch)
    callback.on_epoch_end = lambda epoch, logs=None: seen.append(f"epoch {epoch}")
    classifier().fit(*data, 4, verbose=0, callbacks=[callback])
    assert seen == [0, 1, "epoch 0"]


# --------------------------------------------------------------------------------- stopping


class StopAt(Record):
    """Stops training in a hook, at an epoch or batch."""

    def __init__(self, hook, when):
        super().__init__()
        self.at = (hook, when)

    def set_model(self, model):
        super().set_model(model)
        model.stop_training = True  # left over from before: fit starts with False


def stopping(hook):
    plain = recorder(hook)

    def method(self, *arguments):
        plain(self, *arguments)
        if (hook, arguments[0]) == self.at:
            self.model.stop_training = True

    return method


for name in ("on_epoch_end", "on_train_batch_end"):
    setattr(StopAt, name, stopping(name))


def test_stopping_in_the_middle_of_an_epoch_ends_it_with_what_it_has(data):
    X, y = data
    model, stop = classifier(learning_rate=0.0), StopAt("on_train_batch_end", 1)
    history = model.fit(
        *(X, y, 2), epochs=5, verbose=0, callbacks=[stop], shuffle=False, validation_data=(X, y)
    )
    assert [event[0] for event in stop.events].count("on_train_batch_end") == 2  # of 3
    assert [event[:2] for event in stop.events if event[0] == "on_epoch_end"] == [
        ("on_epoch_end", 0)
    ]
    assert stop.events[-1][0] == "on_train_end"
    assert history.epoch == [0]
    assert history.history["loss"] == [pytest.approx(model.evaluate(X[:4], y[:4])[0])]
    assert history.history["val_loss"] == [pytest.approx(model.evaluate(X, y)[0])]
    assert model.optimizer.iterations == 2


def test_stopping_at_the_end_of_an_epoch(data):
    model, stop = classifier(), StopAt("on_epoch_end", 1)
    assert model.fit(*data, epochs=5, verbose=0, callbacks=[stop]).epoch == [0, 1]
    assert stop.events[-1][0] == "on_train_end"
    assert model.fit(*data, epochs=2, verbose=0).epoch == [0, 1]  # the next fit is not stopped


@pytest.mark.parametrize(
    "hook", ["on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end"]
)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_training_ends_properly_when_a_callback_raises(data, hook, error):
    def fail(*arguments):
        raise error("mine")

    failing, record = Callback(), Record()
    setattr(failing, hook, fail)
    model = classifier()
    with pytest.raises(error, match="mine"):
        model.fit(*data, epochs=3, verbose=0, callbacks=[record, failing])
    assert [event[0] for event in record.events].count("on_train_end") == 1
    assert record.events[-1][0] == "on_train_end"
    assert model.fit(*data, verbose=0).epoch == [0]


# ------------------------------------------------------------------------------ other calls


def test_evaluate_in_a_callback_disturbs_neither_training_nor_its_metrics(data):
    class Evaluate(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.evaluate(*data)
            self.model.predict(data[0])

        on_train_batch_end = on_epoch_end = on_train_batch_begin

    watched, alone = classifier(), classifier()
    one = watched.fit(*data, 2, epochs=3, verbose=0, callbacks=[Evaluate()])
    two = alone.fit(*data, 2, epochs=3, verbose=0)
    assert one.history == two.history
    for mine, its in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_all_hooks_of_the_base_class_do_nothing():
    callback = Callback()
    for hook in HOOKS:
        arguments = (0, {}) if "epoch" in hook or "batch" in hook else ({},)
        assert getattr(callback, hook)(*arguments) is None
    assert CallbackList([callback], None, {}).overriding("on_train_batch_end") == []


def test_learning_rate_may_be_changed_between_steps(data):
    X, y = data

    class Freeze(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.0

    model, once = classifier(), classifier()
    model.fit(X, y, 2, epochs=2, shuffle=False, verbose=0, callbacks=[Freeze()])
    once.train_on_batch(X[:2], y[:2])
    for mine, its in zip(model.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


class Misspelt(Callback):
    def on_epoch_ends(self, epoch, logs=None):
        """Never called."""

    def on_epoch_begun(self, epoch):
        """Called below."""

    def on_epoch_begin(self, epoch, logs=None):
        self.on_epoch_begun(epoch)

    def on_new_record(self):
        """Like no hook."""


def test_a_hook_that_is_called_nearly_right_is_told_of(data):
    words = "on_epoch_ends of Misspelt is never called.*is it meant to be on_epoch_end?"
    with pytest.warns(RuntimeWarning, match=words) as caught:
        classifier().fit(*data, epochs=2, verbose=0, callbacks=[Misspelt()])
    assert [warning.filename for warning in caught] == [__file__]

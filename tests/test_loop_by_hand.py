"""What those who begin get wrong: in loops by hand, with the shapes of targets, with pixels."""

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import NoForwardError, ShapeError
from backprop.layers import (
    LSTM,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Embedding,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    MultiHeadAttention,
    ReLU,
    Sigmoid,
    Softmax,
    UnitNormalization,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 5)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def regression(loss="mse"):
    model = bp.Sequential([Dense(8), ReLU(), Dense(1)], seed=0)
    model.compile("sgd", loss)
    model.build((None, 5))
    return model


@pytest.mark.parametrize("loss", ["mse", "huber", bp.losses.GaussianNegativeLogLikelihood()])
def test_backward_refuses_a_loss_of_other_predictions_than_those_of_the_training_pass(loss):
    """The layers would differentiate the last batch of ``fit`` in the place of this one."""
    outputs = 1 if isinstance(loss, str) else 2
    model = bp.Sequential([Dense(8), ReLU(), Dense(outputs)], seed=0)
    model.compile("sgd", loss)
    model.fit(X, Y, batch_size=32, verbose=0)
    for made in (model.forward, model, model.predict):
        model.loss.forward(made(X[:32]), Y[:32])
        with pytest.raises(ValueError, match=r"model\.forward\(X, training=True\)"):
            model.backward()


def classifier(loss):
    model = bp.Sequential([bp.Input(5), Dense(3), Softmax()], seed=0)
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    ("make", "target"),
    [
        (regression, Y[:32]),
        (lambda: classifier("categorical_crossentropy"), np.eye(3)[np.arange(32) % 3]),
        (lambda: classifier("sparse_categorical_crossentropy"), np.arange(32) % 3),
    ],
)
def test_backward_refuses_a_training_pass_whose_loss_was_not_asked_for(make, target):
    """The derivative of an earlier batch's loss would go through the activations of this one."""
    model = make()
    with pytest.raises(NoForwardError, match=r"model\.loss\.forward"):
        model.backward()
    model.fit(X[:32], target, verbose=0)
    model.forward(X[32:], training=True)
    for verb in (model.backward, model.loss.backward):
        with pytest.raises(NoForwardError, match=r"model\.loss\.forward, after each"):
            verb()
    model.loss.forward(model.forward(X[:32], training=True), target)
    model.backward()
    model(X[:32], training=True)  # such as one of Monte-Carlo dropout
    with pytest.raises(NoForwardError, match="after each"):
        model.backward()


def test_backward_refuses_what_the_loss_was_asked_past_the_model():
    """Joined with the softmax, ``model.loss`` differentiates by the logits, the loss by A."""
    loss, target = bp.losses.SparseCategoricalCrossentropy(), np.arange(32) % 3
    model = classifier(loss)
    for before in (False, True):
        A = model.forward(X[:32], training=True)
        if before:
            model.loss.forward(A, target)
        loss.forward(A, target)
        with pytest.raises(NoForwardError, match=r"model\.loss\.forward"):
            model.backward()
    model.backward(loss.backward())
    g = model.parameters.gradients.copy()
    model.loss.forward(model.forward(X[:32], training=True), target)
    model.backward()
    np.testing.assert_allclose(model.parameters.gradients, g, atol=1e-6)


@pytest.mark.parametrize("share", [True, False])
def test_models_that_take_turns_need_a_loss_each(share):
    target = np.arange(32) % 3
    losses = [bp.losses.SparseCategoricalCrossentropy() for _ in range(2)]
    one, other = (classifier(loss) for loss in (losses[:1] * 2 if share else losses))
    for model in (one, other):
        model.loss.forward(model.forward(X[:32], training=True), target)
    if share:
        with pytest.raises(NoForwardError, match="with a loss object for each model"):
            one.backward()
    else:
        one.backward()
    other.backward()


@pytest.mark.parametrize("trained", [False, True])
def test_a_model_before_another_one_takes_its_input_gradient_and_not_none(trained):
    """As a generator does from a discriminator."""
    first, second = regression(), bp.Sequential([bp.Input(1), Dense(1), Sigmoid()], seed=1)
    second.compile("sgd", "binary_crossentropy")
    if trained:
        first.fit(X, Y, verbose=0)

    def delta():
        second.loss.forward(second.forward(first.forward(X, training=True), training=True), Y > 0)
        return second.backward()

    assert delta() is None
    with pytest.raises(NoForwardError, match="needs_input_gradient = True"):
        first.backward(delta())
    with pytest.raises(ShapeError, match="needs_input_gradient = True"):
        first.layers[-1].backward(delta())
    second.layers[0].needs_input_gradient = True
    first.backward(delta())
    g = first.parameters.gradients.copy()
    both = bp.Sequential([layer.copy() for layer in [*first.layers, *second.layers]])
    both.compile("sgd", "binary_crossentropy")
    both.loss.forward(both.forward(X, training=True), Y > 0)
    both.backward()
    np.testing.assert_array_equal(g, both.parameters.gradients[: g.size])


def test_backward_refuses_a_loss_of_an_earlier_batch_and_of_changed_predictions():
    model = regression()
    first = model.forward(X[:32], training=True).copy()
    second = model.forward(X[32:], training=True)
    model.loss.forward(first, Y[:32])
    with pytest.raises(ValueError, match="other numbers"):
        model.backward()
    E = model.loss.forward(2 * second, Y[32:])
    with pytest.raises(ValueError, match=r"or delta to model\.backward"):
        model.backward()
    assert E > 0
    model.backward(2 * model.loss.backward())  # the chain rule by hand


def test_backward_takes_the_predictions_however_they_are_passed_on():
    model = regression()
    for weight in (None, np.ones(32), np.ones((32, 1))):
        found = []
        for change in (lambda A: A, np.copy, np.ndarray.tolist, lambda A: A.astype("float64")):
            model.loss.forward(change(model.forward(X[:32], training=True)), Y[:32], weight)
            model.predict(X)
            model.backward()
            found.append(model.parameters.gradients.copy())
        model.loss.forward(model(X[:32], training=True), Y[:32], weight)
        model.backward()
        for g in found:
            np.testing.assert_array_equal(g, model.parameters.gradients)


def test_a_loss_by_hand_hinders_nobody_who_computes_another():
    model = regression()
    model.forward(X[:32], training=True)
    model.loss.forward(model.forward(X[32:]), Y[32:])
    assert model.check_gradients(X[:8], Y[:8]).ok
    assert np.isfinite(model.explain(X[0], Y[0])["dense_1"].dW).all()
    model.fit(X, Y, verbose=0)
    bp.inspection.gradient_cost(model, X[:8], Y[:8])


def test_backward_of_a_new_model_asks_for_a_training_pass():
    model = regression()
    model.loss.forward(model.forward(X[:32]), Y[:32])
    with pytest.raises(NoForwardError, match="training=True"):
        model.backward()


def test_padded_steps_by_hand_as_by_train_on_batch():
    ids = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    targets = RNG.standard_normal((3, 5, 1))
    by_hand, model = (
        bp.Sequential(
            [Embedding(6, 4, mask_zero=True), LSTM(3, return_sequences=True), Dense(1)], seed=0
        )
        for _ in range(2)
    )
    for each in (by_hand, model):
        each.compile("sgd", "mse")
        each.build((None, 5))
    A = by_hand.forward(ids, training=True)
    E = by_hand.loss.forward(A, targets, by_hand.weigh(ids, None))
    by_hand.backward()
    by_hand.optimizer.step(by_hand.parameters)
    assert model.train_on_batch(ids, targets) == pytest.approx(E, rel=1e-6)
    for ours, theirs in zip(by_hand.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("outputs", "targets", "advice"),
    [
        (1, (64, 1, 1), r"\(y\)\.reshape\(-1, 1\)"),
        (3, (64, 3, 1), r"\(y\)\.reshape\(-1, 3\)"),
        (1, (64, 1, 2), r"y\[:, 0\]"),
        (1, (64, 3, 1), "return_sequences=True"),
    ],
)
def test_targets_of_windows_for_a_single_prediction(outputs, targets, advice):
    """``windows`` of a series with an axis of features makes targets that have it too."""
    model = bp.Sequential([LSTM(4), Dense(outputs)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=advice) as found:
        model.fit(np.ones((64, 5, 1)), np.ones(targets), verbose=0)
    assert "1 steps" not in str(found.value)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Dense(3), (4,)),
        (Conv2D(3, 3), (8, 8, 1)),
        (DepthwiseConv2D(3), (8, 8, 2)),
        (GlobalAveragePooling2D(), (8, 8, 2)),
        (GlobalMaxPooling2D(), (8, 8, 2)),
        (GroupNormalization(1), (8, 8, 2)),
        (UnitNormalization(), (4,)),
        (MultiHeadAttention(2, 3), (5, 4)),
    ],
)
def test_no_samples_have_no_predictions(layer, shape):
    model = bp.Sequential([layer])
    model.build((None, *shape))
    some = model.predict(np.ones((2, *shape), "float32"))
    none = model.predict(np.ones((0, *shape), "float32"))
    assert none.shape == (0, *some.shape[1:])
    assert none.dtype == some.dtype


def test_pixels_as_targets_of_an_autoencoder_are_to_be_divided():
    pixels = RNG.integers(0, 256, (8, 4, 4, 1))
    model = bp.Sequential([Conv2D(1, 3, padding="same"), bp.layers.Sigmoid()])
    model.compile("adam", "binary_crossentropy")
    with pytest.raises(ValueError, match=r"divide by .* 255 of images"):
        model.fit(pixels / 255, pixels, verbose=0)


def test_a_training_without_an_epoch_has_nothing_to_draw():
    with pytest.raises(ValueError, match="no numbers of an epoch"):
        regression().fit(X, Y, epochs=0, verbose=0).plot()


JOINED = {
    "sparse_categorical_crossentropy": (Softmax, X[:, :3].argmax(axis=1)),
    "categorical_crossentropy": (Softmax, np.eye(3, dtype="f4")[X[:, :3].argmax(axis=1)]),
    "binary_crossentropy": (Sigmoid, (X[:, :3] > 0).astype("f4")),
}


def joined(loss):
    activation, y = JOINED[loss]
    model = bp.Sequential([Dense(8), ReLU(), Dense(3), activation()], seed=0)
    model.compile("sgd", loss)
    model.build((None, 5))
    return model, y


@pytest.mark.parametrize("before", [False, True], ids=["first", "after another batch"])
@pytest.mark.parametrize("loss", JOINED)
def test_a_joined_loss_of_layers_called_one_by_one_is_refused(loss, before):
    """It was that of other logits, those of the batch before, or ended in an AssertionError."""
    model, y = joined(loss)
    if before:
        model.loss.forward(model.forward(X[:32], training=True), y[:32])
    A = X[32:]
    for layer in model.layers:
        A = layer.forward(A, training=True)
    with pytest.raises(ValueError, match=r"is joined with .* use a loss of your own: bp\.losses"):
        model.loss.forward(A, y[32:])
    own = bp.losses.get(loss)
    own.forward(A, y[32:])
    delta = own.backward()
    for layer in model.layers[::-1]:
        delta = layer.backward(delta)
    found = model.parameters.gradients.copy()
    model.loss.forward(model.forward(X[32:], training=True), y[32:])
    model.backward()
    np.testing.assert_allclose(found, model.parameters.gradients, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("loss", JOINED)
def test_what_a_joined_loss_returns_does_not_go_through_the_activation_again(loss):
    """Its derivative is by the logits; the gradients were wrong without a word."""
    model, y = joined(loss)
    model.loss.forward(model.forward(X, training=True), y)
    model.backward()
    expected = model.parameters.gradients.copy()
    with pytest.raises(ValueError, match=r"is joined with the loss.*: call model\.backward\(\)"):
        model.backward(model.loss.backward())
    with pytest.raises(ValueError, match="or go on with the layer before it"):
        model.layers[-1].backward(model.loss.backward())
    delta = model.loss.backward()
    for layer in model.layers[-2::-1]:
        delta = layer.backward(delta)
    np.testing.assert_array_equal(model.parameters.gradients, expected)
    model.fit(X, y, epochs=12, verbose=0)  # whose steps are recorded, and replayed


def test_the_loss_itself_is_no_delta():
    model = regression()
    E = model.loss.forward(model.forward(X, training=True), Y)
    with pytest.raises(ShapeError, match=r"received a delta of shape \(\): pass ∂E/∂Y"):
        model.backward(E)


@pytest.mark.parametrize("training", [Y, Y[:, 0], "train"])
def test_what_stands_after_the_inputs_is_no_target(training):
    for call in (regression(), regression().forward):
        with pytest.raises(TypeError, match="training must be True or False, but it is "):
            call(X, training)

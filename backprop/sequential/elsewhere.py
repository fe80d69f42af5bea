"""What Keras, PyTorch and scikit-learn call the verbs of a model, and what to write here."""

from typing import Any, NoReturn

from backprop.core import console
from backprop.core.signatures import signature_of

NO_MODES = (
    "there are no modes: fit trains, predict and evaluate do not; forward(x, training=True) "
    "computes as training does"
)
OUTPUTS = "model.activations(x) gives every layer's output by its name, model.predict(x) the last"
WEIGHTS = "write model.get_weights() or model.parameters"
ESTIMATORS = (
    "SequentialClassifier and SequentialRegressor in backprop.estimators make an estimator of "
    "scikit-learn's of a function that returns a model"
)

ELSEWHERE = {
    "predict_proba": "model.predict(x) returns the probabilities",
    "predict_classes": (
        "write model.predict(x).argmax(axis=-1), or, where each output is an answer by itself, as "
        "after a Sigmoid, model.predict(x) > 0.5"
    ),
    "load": "write bp.load_model(path), or model.load_weights(path)",
    "score": "write model.evaluate(x, y)",
    "partial_fit": "write model.fit(x, y), which goes on where the last fit ended",
    **dict.fromkeys(("train", "eval"), NO_MODES),
    "zero_grad": "model.backward() writes the gradients anew, so that none need be emptied",
    "state_dict": "write model.get_weights(), or model.save_weights(path)",
    "load_state_dict": "write model.set_weights(weights), or model.load_weights(path)",
    **dict.fromkeys(("weights", "variables", "coef_", "coefs_", "intercepts_"), WEIGHTS),
    **dict.fromkeys(("trainable_weights", "trainable_variables"), WEIGHTS),
    **dict.fromkeys(("append", "insert"), "write model.add(layer), which appends one"),
    **dict.fromkeys(("modules", "children"), "write model.layers"),
    **dict.fromkeys(("double", "float", "half"), 'write Sequential(…, dtype="float64")'),
    **dict.fromkeys(("get_params", "set_params"), ESTIMATORS),
    "classes_": ESTIMATORS,
    "decision_function": "model.predict(x) returns the outputs",
    "built": "it is when model.input_shape is not None",
    "from_config": "bp.load_model(path) makes a model of a file",
    "count_params": "write model.parameters.values.size",
    "pop": "make a new model of the layers, [layer.copy() for layer in model.layers[:-1]]",
    "fit_generator": "model.fit takes generators",
    "evaluate_generator": "model.evaluate takes generators",
    "predict_generator": "model.predict takes generators",
    "metrics_names": "write model.evaluate(x, y, return_dict=True), which has the names",
    "reset_metrics": "metrics count anew with each epoch and with each call of train_on_batch",
    "reset_states": "every sequence begins with a state of 0",
    **dict.fromkeys(("input", "inputs"), "there is model.input_shape"),
    **dict.fromkeys(("output", "outputs"), OUTPUTS),
    "name": "layers have names, model.layers[0].name",
    "named_parameters": "model.parameters has each with its .name",
    **dict.fromkeys(("to", "cuda", "device"), "a model computes on the CPU"),
    **dict.fromkeys(("get_config", "to_json"), "model.save(path) keeps the layers and the weights"),
}
"""By the name of an attribute, what there is for it."""


STEPS = "what a step computes is said by layers, a Loss and metrics of your own"
UNCALLED = {
    "call": "a model computes by forward(X, training=False) and backpropagate(delta)",
    **dict.fromkeys(("train_step", "test_step", "predict_step", "training_step"), STEPS),
    **dict.fromkeys(("validation_step", "compute_loss", "compute_metrics"), STEPS),
    "configure_optimizers": "compile(optimizer=…, loss=…) takes the optimizer",
}
"""Methods that other libraries call of a class derived from a model, and what to write here."""


def warn_of_uncalled(kind: type) -> None:
    """Warns of methods of a user's model class that nobody calls, if its ``fit`` is ours.

    Raises:
        TypeError: Its ``forward`` lacks the argument ``training``.
    """
    names = vars(kind)
    if "fit" in names:
        return
    taken = signature_of(names.get("forward"))
    if taken and "training" not in taken.parameters and "**" not in str(taken):
        raise TypeError(
            f"{kind.__name__}.forward takes {taken}, but is called with X and training: write def "
            f"forward(self, X, training=False)."
        )
    for name in UNCALLED.keys() & names.keys():
        console.warn(f"{kind.__name__}.{name} is never called: {UNCALLED[name]}.")
    if "backward" in names and "backpropagate" not in names:
        console.warn(
            f"{kind.__name__}.backward is not called by fit, which calls backpropagate(delta) with "
            f"∂E/∂output: define that one."
        )


class Missing:
    """What the constructor of a model sets, until it has: reading it says who must call it.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, made: Any, kind: type) -> NoReturn:
        if made is None:
            raise AttributeError(f"{kind.__name__} has no attribute {self.name!r}.")
        raise TypeError(
            f"{kind.__name__}.__init__ must call super().__init__() in its first line: what that "
            f"sets is missing."
        )

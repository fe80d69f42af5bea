"""Answers to the exercises of the notebooks: for each a right one and a wrong one, as Python."""

CUBE = """\
class {name}(Activation):
    def f(self, Z, out=None):
        return np.power(Z, 3, out=out)

    def f_prime(self, Z, A, out):
        return np.multiply({factor}, Z * Z, out=out)
"""

FOUR_FACTORS = """\
a = [1 / (1 + np.exp(-z)) for z in (0.8, 0.4, 0.3)]
y_hat = 0.3 * a[0] + 0.5 * a[1] + 0.9 * a[2]
answer = 2 * y_hat * 0.3 * a[0] * (1 - a[0])
"""

NUMERIC = """\
def gradient(f, w, h):
    E = np.eye(len(w))
    return np.array([(f(w + h * e) - f(w{other})) / (2 * h) for e in E])
"""

STEPS = """\
def steps(model, X, T):
    A = model.forward(X, training=True)
    E = model.loss.forward(A, T)
    model.backward()
    model.optimizer.step(model.parameters)
    return {result}
"""

ATTENTION = """\
def attention(Q, K, V):
    S = np.exp(Q @ K.T{scale})
    return S / S.sum(axis={axis}, keepdims=True) @ V
"""

ANSWERS = {
    "01_chain_rule": [
        ("answer = 0.940", "answer = 0.906"),
        (
            CUBE.format(name="Cube", factor=3) + "answer = Cube",
            CUBE.format(name="WrongCube", factor=2) + "answer = WrongCube",
        ),
        ("answer = 0.5", "answer = 0.4"),
    ],
    "02_worked_example": [
        ("answer = 0.741365070 * 0.186815602 * 0.596884378", "answer = 0.0821670"),
        ("answer = 40", "answer = 10"),
        ("answer = np.log(2)", "answer = 0"),
    ],
    "03_regression_to_deep_networks": [
        ("answer = 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1", "answer = 304"),
        (
            "answer = lambda delta, W, Y: delta @ W.T * Y * (1 - Y)",
            "answer = lambda delta, W, Y: delta @ W.T * (1 - Y**2)",
        ),
        ("answer = (8, 8)", "answer = (16, 16)"),
    ],
    "04_why_backpropagation_is_cheap": [
        ("answer = 2 * (784 * 128 + 128 + 128 * 10 + 10)", "answer = 101_771"),
        (
            FOUR_FACTORS,
            "answer = 0.1455",
        ),
        (
            NUMERIC.format(other=" - h * e") + "answer = gradient",
            NUMERIC.format(other="") + "answer = gradient",
        ),
    ],
    "05_five_steps": [
        ("answer = 2", "answer = 8"),
        ("answer = 1 + 1.9", "answer = 1.9"),
        (
            STEPS.format(result="E") + "answer = steps",
            STEPS.format(result="model.evaluate(X, T)") + "answer = steps",
        ),
    ],
    "06_seeing_the_error_flow": [
        ("answer = 4 * 3", "answer = 7"),
        ("answer = 1.0", "answer = 0.8"),
        ("answer = 0.25**10", "answer = 0.25**9"),
    ],
    "07_digits_and_mnist": [
        ("answer = np.log(26)", "answer = 1 / 26"),
        (
            "answer = tuple(np.argwhere(mistakes == mistakes.max())[0])",
            "answer = (0, 1) if mistakes[0, 1] < mistakes.max() else (1, 0)",
        ),
        ("answer = 0.6", "answer = 0.05"),
    ],
    "08_convolution": [
        ("answer = 16 * 4 * 4", "answer = 16 * 5 * 5"),
        ("answer = [[-1] * 3, [0] * 3, [1] * 3]", "answer = [[1] * 3, [0] * 3, [-1] * 3]"),
        ("answer = (1, 3 * 2)", "answer = (1, 9)"),
    ],
    "09_sequences": [
        ("answer = 0.8**9", "answer = 0.8**10"),
        ("answer = 4 * (2 * 32 + 32 * 32 + 32)", "answer = 2 * 32 + 32 * 32 + 32"),
        (
            ATTENTION.format(scale=" / np.sqrt(Q.shape[1])", axis=1) + "answer = attention",
            ATTENTION.format(scale="", axis=1) + "answer = attention",
        ),
    ],
}

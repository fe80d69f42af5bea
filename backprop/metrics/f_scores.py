"""F-scores: precision and recall in one number."""

from backprop.core.checks import check_positive
from backprop.core.types import Array
from backprop.metrics.classification import DecisionMetric


class FBetaScore(DecisionMetric):
    """F_β = (1 + β²) hits / (chosen + β² true), the harmonic mean of precision and recall.

        F_β = (1 + β²) P R / (β² P + R): recall counts β times as much as precision

    Keras's default is one score for each class, which is average=None; here it is their mean. A
    single output is chosen above ½, where Keras would choose it always; so are K answers to K
    questions, where Keras would choose the largest.

    Args:
        average: ``"micro"``, ``"macro"`` or ``"weighted"`` over the classes; ``"auto"`` is class 1
            of two classes, and ``"macro"`` otherwise; None gives a list, the score of each class.
        beta: β, positive.
        threshold: Every output above it is chosen; None takes the largest of K classes, and of
            answers, as after a binary cross-entropy, those above ½.
        name: Its key in logs and History.
        class_id: The class whose score it is.

    Raises:
        ValueError: β is not a positive number.

    Example:
        >>> metric = bp.metrics.FBetaScore(beta=2)
        >>> metric.update(np.array([[0.9], [0.1]]), np.array([[1], [1]]))
        >>> round(metric.result(), 4)  # 5 · 1 / (1 + 4 · 2)
        0.5556
    """

    usual_average = "macro"
    by_class = True

    def __init__(
        self,
        average: str | None = "auto",
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        class_id: int | None = None,
    ) -> None:
        super().__init__(name, threshold, class_id, average)
        self.threshold = self._thresholds
        self.beta = check_positive(beta, f"{type(self).__name__}(beta)")

    def ratio(self, hits: Array, chosen: Array, true: Array, n: Array) -> tuple[Array, Array]:
        """(1 + β²) hits of chosen + β² true."""
        b2 = self.beta**2
        return (1 + b2) * hits, chosen + b2 * true


class F1Score(FBetaScore):
    """F₁ = 2 P R / (P + R): precision and recall count alike (see ``FBetaScore``).

    Example:
        >>> metric = bp.metrics.F1Score()
        >>> metric.update(np.array([[0.9], [0.1]]), np.array([[1], [1]]))
        >>> round(metric.result(), 4)  # P = 1, R = ½
        0.6667
    """

    def __init__(
        self,
        average: str | None = "auto",
        threshold: float | None = None,
        name: str = "f1_score",
        class_id: int | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, class_id)

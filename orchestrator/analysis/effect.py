"""A difference that is known with an error, and what Student's t says of it: every answer about two things."""

from dataclasses import dataclass

from scipy import special


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The mean of a difference, its standard error, and the degrees of freedom behind that (Welch's are broken)."""

    mean: float
    error: float
    freedom: float

    def quantile(self, probability: float) -> float:
        """Student's t for these degrees of freedom."""
        return float(special.stdtrit(self.freedom, probability))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided interval of the difference."""
        half = self.quantile((1 + confidence) / 2) * self.error
        return self.mean - half, self.mean + half

    def p_beyond(self, limit: float) -> float:
        """p of the hypothesis that the true difference is within +-`limit`, two-sided."""
        return min(1.0, 2 * self._tail(abs(self.mean) - limit))

    def p_within(self, limit: float) -> float:
        """p of the hypothesis that it is not: the larger of two one-sided tests (TOST, Schuirmann 1987)."""
        return self._tail(limit - abs(self.mean))

    def _tail(self, distance: float) -> float:
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(self.freedom, -distance / self.error))

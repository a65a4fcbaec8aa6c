"""How far a run's figures may be trusted: the worst rule that applies, always with its reasons.

Pure, and the same for the same facts, so that a stored verdict can be recomputed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.facts import Declared, RunFacts
from orchestrator.analysis.rules.rule import Figure, Finding, Rule, Severity
from orchestrator.analysis.rules.table import ANALYSIS_VERSION, HEAT_LIMITED, RULES
from orchestrator.attending.lifecycle import Verdict

__all__ = ["ANALYSIS_VERSION", "Declared", "Judgement", "Reason", "RunFacts", "Severity", "judge"]

_VERDICTS = {Severity.INVALID: Verdict.INVALID, Severity.SUSPECT: Verdict.SUSPECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a verdict is what it is: what was found, what was tolerated, and what to do."""

    code: str
    figure: Figure
    threshold: Figure
    unit: str
    advice: str
    severity: Severity

    @property
    def text(self) -> str:
        """One line for a person."""
        found = f"{_shown(self.figure)} {self.unit} (limit {_shown(self.threshold)})"
        return f"{self.code}: {found}; {self.advice}"

    def as_dict(self) -> dict[str, Figure]:
        """The reason as JSON, as it is stored with a run."""
        return {
            "code": self.code,
            "figure": self.figure,
            "threshold": self.threshold,
            "unit": self.unit,
            "advice": self.advice,
            "severity": self.severity.value,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reasons, the gravest first; notes are among them and change nothing."""

    verdict: Verdict
    reasons: tuple[Reason, ...]

    @property
    def is_worth_repeating(self) -> bool:
        """Whether an invalid run may come out better; what heat limits does not."""
        gravest = {reason.code for reason in self.reasons if reason.severity is Severity.INVALID}
        return bool(gravest - {HEAT_LIMITED})

    def stored_reasons(self) -> list[dict[str, Figure]]:
        """The reasons as JSON."""
        return [reason.as_dict() for reason in self.reasons]


def judge(facts: RunFacts, rules: Sequence[Rule] = RULES) -> Judgement:
    """The verdict on one completed attempt."""
    order = list(Severity)
    reasons = [
        _reason(rule, finding)
        for rule in rules
        if facts.protocol.regime in rule.regimes
        for finding in rule.check(facts, rule.threshold)
    ]
    reasons.sort(key=lambda reason: -order.index(reason.severity))
    verdict = _VERDICTS.get(reasons[0].severity, Verdict.VALID) if reasons else Verdict.VALID
    return Judgement(verdict=verdict, reasons=tuple(reasons))


def _reason(rule: Rule, finding: Finding) -> Reason:
    return Reason(
        code=rule.code,
        figure=finding.figure,
        threshold=rule.threshold if finding.threshold is None else finding.threshold,
        unit=rule.unit if finding.unit is None else finding.unit,
        advice=rule.advice,
        severity=rule.severity if finding.severity is None else finding.severity,
    )


def _shown(figure: Figure) -> str:
    return figure if isinstance(figure, str) else f"{figure:.4g}"

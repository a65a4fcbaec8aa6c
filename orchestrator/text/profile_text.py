"""Profiles in words and tables. Pure."""

from collections.abc import Sequence

from orchestrator.analysis.profile import Mover, OperatorShare
from orchestrator.queries.profile import RunProfile
from orchestrator.text import numbers_text

KIND_COLUMNS = ("kind", "time", "share", "MFLOP", "GFLOP/s", "moved", "GB/s")
COLUMNS = ("operator", *KIND_COLUMNS)
MOVER_COLUMNS = ("operator", "before", "after", "change")


def headline(found: RunProfile) -> str:
    """One line: the inference with and without the profiler, and how much of it the work is known of."""
    profile, run = found.profile, found.run
    return (
        f"{run.variant} on {run.device}{' (SIMULATED)' if run.simulated else ''}: "
        f"{numbers_text.ms(profile.inference_ms)} an inference while profiled, "
        f"{numbers_text.ms(run.median_ms)} measured before; "
        f"{numbers_text.ms(profile.operators_ms)} of it in operators, over {profile.inferences} inferences; "
        f"{numbers_text.percent(profile.unknown_share)} of that in operators whose work is not known"
    )


def operator_rows(shares: Sequence[OperatorShare], most: int) -> list[list[str]]:
    """The operators with most time."""
    return [[share.name, *_row(share)] for share in shares[:most]]


def kind_rows(shares: Sequence[OperatorShare]) -> list[list[str]]:
    """All kinds of operators."""
    return [_row(share) for share in shares]


def mover_rows(movers: Sequence[Mover], most: int) -> list[list[str]]:
    """The greatest changes."""
    return [
        [mover.name, numbers_text.ms(mover.before_ms), numbers_text.ms(mover.after_ms), f"{mover.change_ms:+.3f} ms"]
        for mover in movers[:most]
    ]


def _row(share: OperatorShare) -> list[str]:
    work = numbers_text.ABSENT if share.flops is None else f"{share.flops / 1e6:,.2f}" if share.flops else ""
    speed = "" if share.gflops_per_s is None else f"{share.gflops_per_s:.2f}"
    moved = "" if share.moved_bytes is None else numbers_text.size(share.moved_bytes)
    traffic = "" if share.gbytes_per_s is None else f"{share.gbytes_per_s:.2f}"
    return [share.kind, numbers_text.ms(share.time_ms), f"{share.share:.1%}", work, speed, moved, traffic]

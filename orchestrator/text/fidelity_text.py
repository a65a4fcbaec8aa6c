"""How far variants' answers are from their baseline's, in words and tables. Pure."""

from collections.abc import Sequence

from orchestrator.analysis.box_agreement import BoxAgreement
from orchestrator.text import numbers_text
from orchestrator.variants.fidelity import Compared

COLUMNS = ("variant", "runtime", "answers", "cosine", "largest error", "mean error", "same class")
BOX_COLUMNS = ("same boxes", "IoU", "score error")
FIGURES = (*COLUMNS[3:], *BOX_COLUMNS)


def word(compared: Compared) -> str:
    """Alike, close or broken, with what there is to say of it."""
    found = compared.fidelity
    if found is None:
        return f"no answer: {compared.problem}"
    name = "baseline" if compared.is_baseline else found.likeness.value
    return f"{name}: {found.remark}" if found.remark else name


def table(compared: Sequence[Compared]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows; boxes have columns of their own where any were compared."""
    has_boxes = any(each.fidelity is not None and each.fidelity.boxes is not None for each in compared)
    columns = [*COLUMNS, *(BOX_COLUMNS if has_boxes else ())]
    return columns, [_row(each)[: len(columns)] for each in compared]


def _row(compared: Compared) -> list[str]:
    found = compared.fidelity
    facts = [compared.variant, compared.runtime, word(compared)]
    if found is None or found.cosine is None or found.max_error is None or found.mean_error is None:
        return [*facts, *[numbers_text.ABSENT] * len(FIGURES)]
    relative = "" if found.max_relative_error is None else f" ({found.max_relative_error:.2%})"
    figures = [f"{found.cosine:.6f}", f"{found.max_error:.3g}{relative}", f"{found.mean_error:.3g}"]
    same = numbers_text.ABSENT if found.top1 is None else f"{found.top1:.0%}"
    return [*facts, *figures, same, *_boxes(found.boxes)]


def _boxes(boxes: BoxAgreement | None) -> list[str]:
    if boxes is None or boxes.share is None:
        return [numbers_text.ABSENT] * len(BOX_COLUMNS)
    pair = (boxes.mean_overlap, boxes.score_difference)
    share = f"{boxes.share:.0%} of {boxes.baseline} and {boxes.variant}"
    return [share, *(numbers_text.ABSENT if each is None else f"{each:.3f}" for each in pair)]

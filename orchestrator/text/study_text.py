"""What a study's state says in words, the same at the command line and on the pages. Pure."""

from collections.abc import Iterator

from orchestrator.attending.lifecycle import StudyState
from orchestrator.queries.rows import StudyView
from orchestrator.text.numbers_text import counted, time_left
from orchestrator.text.progress_text import answered


def standing(study: StudyView) -> str:
    """`Study 3: digits-cnn, standard protocol, 2 of 5 blocks done, 11 of 20 runs done, about 9 min left.`"""
    left = "" if study.eta_s is None else f", {time_left(study.eta_s)}"
    return (
        f"Study {study.study}: {study.model}, {study.protocol} protocol, {study.blocks_done} of {study.blocks_planned} "
        f"blocks done, {study.counts.get('done', 0)} of {counted(study.total, 'run')} done{left}."
    )


def progress_lines(study: StudyView) -> Iterator[str]:
    """What a table does not say of a study: answers, how narrow intervals are, and what each machine has to do."""
    if study.answering is not None:
        yield answered(study.answering)
    if (until := study.until_ci) is not None:
        yield (
            f"blocks are added until 95 % intervals are within ±{until.wanted:.2%}, at most {until.max_blocks} on a "
            f"device; intervals found this way really cover about {until.coverage:.0%}"
        )
        for device in until.devices:
            width = "no interval yet" if device.half_width is None else f"±{device.half_width:.2%}"
            left_out = f", {device.left_out} variants without recent results left out" if device.left_out else ""
            goes_on = "going on" if study.state is StudyState.ACTIVE else study.state.value
            yield f"  {device.device}: {width} of {device.blocks} blocks, {device.stopped or goes_on}{left_out}"
    if len(set(study.left_s.values())) > 1:
        for device_name, left_s in study.left_s.items():
            yield f"  {device_name}: {time_left(left_s)}"

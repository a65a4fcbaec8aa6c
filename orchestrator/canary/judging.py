"""What an ended canary says of its device, in the transaction that ends its run.

In control: the device works on. Beyond its limits: asked again at once, and the second in a row takes it out of service
until someone resumes it. A canary that fails, or is invalid by what the board did, does so at once. One that other load
disturbed shows nothing, unless it is within the limits all the same; after `MOST_UNCLEAR` such in a row the device is
left in peace until the next is due.
"""

from sqlalchemy.orm import Session

from orchestrator.analysis.control import Chart, Judged
from orchestrator.attending import attempts
from orchestrator.attending.lifecycle import DeviceState, RunState, StudyKind, Verdict
from orchestrator.canary.history import NOT_THE_DEVICES, codes_of, read_history
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.events import EventKind, record
from orchestrator.text.numbers_text import ms, ms_interval

MOST_UNCLEAR = 3


def judge_canary(session: Session, run: RunRow) -> None:
    """Draw the conclusions from a run that may have ended; nothing where it is no canary, or goes on."""
    if run.study.kind is not StudyKind.CANARY or run.state not in (RunState.DONE, RunState.FAILED):
        return
    device = session.get_one(DeviceRow, run.device_id)
    if device.state is not DeviceState.READY:
        return
    if run.state is RunState.FAILED:
        attempts.make_sick(session, device, f"canary failed: {run.code}: {run.message}")
    elif run.verdict is Verdict.INVALID and codes_of(run.reasons) - NOT_THE_DEVICES:
        attempts.make_sick(session, device, f"canary invalid: {_gravest(run)}")
    else:
        _compare(session, device, run)


def _compare(session: Session, device: DeviceRow, run: RunRow) -> None:
    session.flush()
    chart = read_history(session, device).chart
    newest = chart.judged[-1]
    if newest.is_in_control:
        device.needs_canary = False
    elif not newest.is_clear:
        device.needs_canary = _unclear_in_row(chart) < MOST_UNCLEAR
        then = "asked again" if device.needs_canary else f"the {MOST_UNCLEAR}rd in a row, so nothing is concluded"
        _note(session, device, run, f"{_told(newest)}, but disturbed: {_gravest(run)}; {then}")
    elif chart.is_changed:
        attempts.make_sick(session, device, f"canary {_told(newest)}, the {_ordinal(chart.strikes)} in a row")
    else:
        device.needs_canary = True
        _note(session, device, run, f"{_told(newest)}; asked again")


def _unclear_in_row(chart: Chart) -> int:
    clear = [each.is_clear for each in reversed(chart.judged)]
    return clear.index(True) if True in clear else len(clear)


def _told(judged: Judged) -> str:
    """The figure and its limits."""
    limits = judged.limits
    assert limits is not None, "what is beyond limits has some"
    within = ms_interval(limits.low / 1e6, limits.high / 1e6)
    return f"{ms(judged.median / 1e6)}, limits {within} (baseline of {limits.count})"


def _gravest(run: RunRow) -> str:
    return str(run.reasons[0].get("text", run.reasons[0]["code"])) if run.reasons else run.message


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def _note(session: Session, device: DeviceRow, run: RunRow, text: str) -> None:
    message = f"{device.name}: canary {text}"
    record(session, EventKind.CANARY, message, device_id=device.id, study_id=run.study_id, run_id=run.id)

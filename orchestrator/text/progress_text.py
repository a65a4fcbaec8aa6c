"""How a run stands that is under way, in words: the same in a terminal and on the page. Pure."""

from orchestrator.queries.progress import RunProgress
from orchestrator.queries.rows import Answering
from orchestrator.text import numbers_text

PHASES = {
    "gate": "at the gate",
    "load": "loading the model",
    "ready": "waiting to be left alone",
    "idle": "idling, recorded",
    "warm_up": "warming up",
    "window": "measuring",
    "evaluating": "answering the data set",
    "cooling": "cooling, recorded",
    "end": "ending",
}


def phase(found: RunProgress) -> str:
    """`measuring`; the board may be further than it has said."""
    return "on its way to the board" if found.phase is None else PHASES.get(found.phase, found.phase)


def standing(found: RunProgress) -> str:
    """`measuring for 4 min 10 s, about 16 min 00 s left; newest values 32 s ago: 71.2 °C, 1500 MHz, 231 ms`."""
    since = "" if found.for_s is None else f" for {numbers_text.duration(found.for_s)}"
    left = "" if found.ends_in_s is None else f", {numbers_text.time_left(found.ends_in_s)}"
    far = "" if found.answering is None else f", {answered(found.answering)}"
    return f"{phase(found)}{since}{left}{far}; {newest(found)}"


def answered(found: Answering) -> str:
    """`evaluated 120 of 500 examples of coco-val`."""
    done, wanted = numbers_text.count(found.answered), numbers_text.count(found.examples)
    return f"evaluated {done} of {wanted} examples of {found.dataset}"


def newest(found: RunProgress) -> str:
    """`newest values 32 s ago: 71.2 °C, 1500 MHz, 231 ms, 1,083 inferences`: what has come, with its age."""
    if found.last_age_s is None:
        return "nothing has come yet"
    values = [
        *([numbers_text.celsius(found.temperature_c)] if found.temperature_c is not None else []),
        *([numbers_text.megahertz(found.clock_hz)] if found.clock_hz is not None else []),
        *([numbers_text.ms(found.latency_ms)] if found.latency_ms is not None else []),
        *([f"{numbers_text.count(found.inferences)} inferences"] if found.inferences else []),
    ]
    return f"newest values {numbers_text.age(found.last_age_s)}: {', '.join(values) or 'none of a sensor'}"

"""Studies: what is submitted, laid out in randomised blocks, continued with more of them, and ended.

`submission` is what is asked for, `order` the order inside blocks (pure), `choice` the devices and variants that are
meant, `planting` stores a study with its runs, `extension` adds blocks, `narrowing` adds them until intervals are
narrow, `searching` adds steps until the highest rate is found, `ending` closes, cancels, retries and abandons.

A study is stored whole in one transaction: either it and all its runs are there, or nothing is.
"""

from orchestrator.studies.choice import one_of_each_type, select_devices
from orchestrator.studies.ending import abandon, any_active, cancel, close_if_done, prioritise, retry
from orchestrator.studies.extension import extend
from orchestrator.studies.order import block_order
from orchestrator.studies.planting import MAX_RUNS, Outline, outline, submit
from orchestrator.studies.submission import Start, StartKey, Submission

__all__ = [
    "MAX_RUNS",
    "Outline",
    "Start",
    "StartKey",
    "Submission",
    "abandon",
    "any_active",
    "block_order",
    "cancel",
    "close_if_done",
    "extend",
    "one_of_each_type",
    "outline",
    "prioritise",
    "retry",
    "select_devices",
    "submit",
]

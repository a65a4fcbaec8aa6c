"""``cooling.json`` in the agent's home: what gates learnt of the board's cooling, for the next one's forecast.

It decides no start temperature and no figure of a record but `forecast_s`; without it a forecast only comes later.
"""

import contextlib

from agent.cooling import NOTHING, Prior
from agent.home import Home, write_whole
from agent.wire.codec import WireError, dumps, loads

_NAME = "cooling.json"


def recall_cooling(home: Home) -> Prior:
    """What is known of the board; nothing where no gate has learnt anything, or the file cannot be understood."""
    try:
        return loads(Prior, (home.path / _NAME).read_bytes())
    except (OSError, WireError):
        return NOTHING


def remember_cooling(home: Home, learnt: Prior) -> None:
    """Keep it for the next gate, where there is anything; a disk without room for it costs a forecast, not the run."""
    if learnt == recall_cooling(home):
        return
    with contextlib.suppress(OSError):
        write_whole(home.path / _NAME, dumps(learnt))  # durable: nothing may be left to write in the quiet window

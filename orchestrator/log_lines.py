"""How a log line of a farm process looks: one line an event, ours and the libraries', in logfmt.

    at=2026-03-01T12:00:00.123456Z level=info event="run ended" device=pi5-kitchen run=5f2c81d09a3e message=valid

Times are UTC. Line breaks are escaped, so that a line is an event and nothing that a board says can forge one. No line
holds the password of a URL or a path below the folder of the farm's keys.
"""

import logging
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orchestrator.errors import masked

_ORDER = ("at", "level", "event", "device", "run", "study", "message")
_STAMP: tuple[Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)


def log_to(stream: TextIO, *, keys_dir: Path) -> None:
    """Send every log line of this process to a stream: ours from `info` on, the libraries' from `warning` on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_STAMP,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _without_gaps,
                _Discreet(keys_dir),
                structlog.processors.LogfmtRenderer(key_order=_ORDER, drop_missing=True, bool_as_flag=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("pifarm").setLevel(logging.INFO)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_STAMP, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class _Discreet:
    """Takes secrets out of every text of an event."""

    def __init__(self, keys_dir: Path) -> None:
        self._keys_dir = str(keys_dir)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if value is None or isinstance(value, int | float):
            return value
        return masked(str(value)).replace(self._keys_dir, "KEYS")


def _without_gaps(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {key: value for key, value in event.items() if value is not None and value != ""}

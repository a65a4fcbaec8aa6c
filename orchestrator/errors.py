"""The tree of what can go wrong, by whose fault it is.

    PifarmError
    ├── SpecError        wrong use or bad input: the user's to mend          exit code 2
    │   ├── NotFoundError    a name that nothing answers to
    │   └── ForbiddenError   not for this visitor of the dashboard
    ├── ModelError       the model file cannot be used                       exit code 2
    ├── DeviceError      the board cannot do what was asked                  retried
    │   ├── OwnedError       another farm owns the board                     never retried
    │   ├── BusyError        something measures on that machine already      no attempt is spent
    │   ├── NotStagedError   the board lacks a bundle or an artifact         pushed, asked again
    │   ├── StaleFenceError  the board has heard a younger voice of ours     the fence is raised
    │   └── ClaimedError     the board knows that attempt as another one     the run gets another attempt
    ├── TransportError   the board cannot be reached, or the link broke      retried
    │   └── HostKeyError     the host key is not the pinned one              never retried
    ├── CannotTellError  there are no data that could answer                  exit code 3
    └── InternalError    pifarm's own fault: a bug, or a database it cannot use
        └── DatabaseError    the database is away, or refuses to go on       the next tick tries again

Only device and transport faults are retried. A message names the field or the thing, what was expected and
what came, and says what to do next.
"""

import re

from agent.wire.codec import storable

# A password with a / or an @ that should have been quoted is one, too: rather too much is masked than too little.
_PASSWORD = re.compile(r"(://[^\s/:@'\"]*:)\S+(?=@)|([?&](?:ssl)?password=)[^&\s'\"]+")


class PifarmError(Exception):
    """Root of every error that pifarm raises on purpose.

    Its message may quote a board or a setting: it fits every database, and it holds no password of a URL.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(storable(message)))


def masked(text: str) -> str:
    """A text with the password of each URL in it replaced by ``***``."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", text)


def masked_url(url: str) -> str:
    """A setting that should be a URL, for a message about it: what is none may be a password as a whole."""
    return masked(url) if "://" in url or "@" not in url else "***"


class SpecError(PifarmError):
    """Wrong use or bad input; nothing was changed."""


class NotFoundError(SpecError):
    """A name that nothing answers to; the message lists what there is."""


class ForbiddenError(SpecError):
    """What a visitor of the dashboard may not do, or not yet again; nothing was changed."""


class ModelError(PifarmError):
    """A model file that cannot be used, with the reason and the remedy."""


class DeviceError(PifarmError):
    """A board that answered, but cannot do what was asked."""


class OwnedError(DeviceError):
    """A board that belongs to another farm until `device add --take-over`."""


class BusyError(DeviceError):
    """A machine on which something measures already; ask again later."""


class StaleFenceError(DeviceError):
    """A board that has heard a younger voice of this farm: its fence has `number`, `owner` is the farm it names."""

    def __init__(self, message: str, *, owner: str | None, number: int | None) -> None:
        super().__init__(message)
        self.owner = owner
        self.number = number


class ClaimedError(DeviceError):
    """A board that claimed the attempt before: with another spec, or it has forgotten it since."""


class NotStagedError(DeviceError):
    """A board that lacks the bundle or the artifact that a command needs; push it and ask again."""


class TransportError(PifarmError):
    """A board that cannot be reached, or whose link broke."""


class HostKeyError(TransportError):
    """A host key that is not the pinned one; nothing was sent."""


class CannotTellError(PifarmError):
    """A question that the data cannot answer, with the reason."""


class InternalError(PifarmError):
    """A fault of pifarm itself or of the database that it was given."""


class DatabaseError(InternalError):
    """A database that does not answer, broke off, or refuses to go on; whatever was not committed is not stored."""

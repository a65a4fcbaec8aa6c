"""Moments in the time zone of whoever looks at the page."""

import datetime
import zoneinfo


def in_zone(at_s: float | None, zone: str | None) -> datetime.datetime | None:
    """Seconds since the epoch as a time of that zone; UTC where the zone is not known here."""
    if at_s is None:
        return None
    return datetime.datetime.fromtimestamp(at_s, tz=_zone(zone))


def moment_text(at_s: float | None, zone: str | None) -> str:
    """`2026-11-24 13:05:09 CET`; `n/a` where there was no such moment."""
    moment = in_zone(at_s, zone)
    return "n/a" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _zone(zone: str | None) -> datetime.tzinfo:
    try:
        return zoneinfo.ZoneInfo(zone) if zone else datetime.UTC
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return datetime.UTC

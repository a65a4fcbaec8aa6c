"""The room around a device, as people have stated it in the rows that keep what they said."""

from orchestrator.boards.ambient import AmbientSource, Typed, stated_room
from orchestrator.db.tables import DeviceRow, StudyRow


def room_of(device: DeviceRow, study: StudyRow | None, now_s: float) -> tuple[float, AmbientSource] | tuple[None, None]:
    """Its room now, in degrees Celsius, and whose word that is: the newest reading that was typed in for the device or
    with the study, else the device's label. What a thermometer shows is not asked."""
    stated = (_of_device(device), None if study is None else _of_study(study))
    typed = [each for each in stated if each is not None]
    return stated_room(typed, device.labels, now_s)


def _of_device(device: DeviceRow) -> Typed | None:
    if device.ambient_c is None or device.ambient_at_s is None:
        return None
    return Typed(celsius=device.ambient_c, at_s=device.ambient_at_s, until_s=device.ambient_until_s)


def _of_study(study: StudyRow) -> Typed | None:
    return None if study.ambient_c is None else Typed(celsius=study.ambient_c, at_s=study.created_at_s)

"""When the agent begins its quiet window, and how it waits for a visit that was announced."""

import time
from pathlib import Path

from agent import contact
from agent.contact import PickUp, StateNote
from agent.etiquette import Etiquette
from agent.home import write_whole
from agent.processes import ProcessId, myself
from agent.wire.codec import dumps
from agent.wire.records import Phase

GONE = ProcessId(pid=2**22 + 1, started="0")
AT_THE_GATE = StateNote(phase=Phase.GATE, round=1)


class Idling:
    """Lets no time pass, but remembers how much was asked for; after some calls a visitor comes."""

    def __init__(self, folder: Path, visited_at: int | None = None) -> None:
        self.asked_s: list[float] = []
        self._folder, self._visited_at = folder, visited_at

    def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        if len(self.asked_s) == self._visited_at:
            contact.announce(self._folder, AT_THE_GATE, myself())


def picked_up(folder: Path, idle: Idling, back_in_s: float) -> Etiquette:
    """An agent whose first round was picked up by a farm that comes again after a while."""
    pick_up = PickUp(by=GONE, at_ns=time.monotonic_ns())
    write_whole(folder / "picked-up.1", dumps(pick_up), durable=False)
    etiquette = Etiquette(folder, myself(), idle)
    etiquette.wait_for_quiet(1, back_in_s)
    return etiquette


def test_a_round_begins_when_whoever_picked_it_up_is_gone(tmp_path: Path) -> None:
    idle = Idling(tmp_path)
    picked_up(tmp_path, idle, 60.0)
    assert idle.asked_s == [0.05]


def test_a_visit_is_due_until_its_time(tmp_path: Path) -> None:
    assert picked_up(tmp_path, Idling(tmp_path), 60.0).is_visit_due
    assert not picked_up(tmp_path, Idling(tmp_path), 0.0).is_visit_due
    assert not Etiquette(tmp_path, myself(), Idling(tmp_path)).is_visit_due


def test_the_visit_is_waited_for_and_ends_the_wait(tmp_path: Path) -> None:
    idle = Idling(tmp_path, visited_at=4)
    etiquette = picked_up(tmp_path, idle, 60.0)
    etiquette.wait_for_visit(0.0)
    settled_s, until_visit_s, *polled_s = idle.asked_s
    assert (settled_s, len(polled_s)) == (0.05, 2)
    assert 59.0 < until_visit_s <= 60.0


def test_what_the_gate_takes_anyway_is_not_waited_for(tmp_path: Path) -> None:
    idle = Idling(tmp_path)
    etiquette = picked_up(tmp_path, idle, 60.0)
    etiquette.wait_for_visit(100.0)
    assert idle.asked_s == [0.05, 0.0]


def test_without_an_announcement_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    idle = Idling(tmp_path)
    Etiquette(tmp_path, myself(), idle).wait_for_visit(0.0)
    assert idle.asked_s == []

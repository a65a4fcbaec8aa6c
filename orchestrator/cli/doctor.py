"""`pifarm device doctor`: what stands in the way of good figures on a board, and the part of it that can be set."""

import sys

from agent.wire.answers import Setting, Tuned
from orchestrator.boards.doctor import Checkup
from orchestrator.cli import console
from orchestrator.errors import SpecError

SETTABLE = ("governor", "clock_floor")


def look(name: str, *, as_json: bool) -> None:
    """Show the findings; change nothing."""
    from orchestrator.boards import preparing

    checkup = preparing.examine(console.the_farm(), name)
    if as_json:
        console.print_json(checkup)
        return
    _show_checkup(name, checkup)
    if any(finding.code in SETTABLE for finding in checkup.findings):
        console.say(f"governor and clock can be set: pifarm device doctor {name} --fix")


def fix(name: str, *, is_agreed: bool, as_json: bool) -> bool:
    """Offer to set governor and clock, and show what came of it; gives whether all of it holds."""
    from orchestrator.boards import preparing

    farm = console.the_farm()
    checkup = preparing.examine(farm, name)
    if not as_json:
        _show_checkup(name, checkup)
    if not is_agreed:
        _ask(name)
    tuned = preparing.prepare(farm, name)
    console.note(farm, "device doctor --fix", name)
    is_done = tuned.is_prepared and tuned.is_verified
    _show(name, tuned, is_done=is_done, as_json=as_json)
    return is_done


def restore(name: str, *, as_json: bool) -> bool:
    """Put back what the board's owner had; gives whether all of it reads so."""
    from orchestrator.boards import preparing

    farm = console.the_farm()
    tuned = preparing.restore(farm, name)
    console.note(farm, "device doctor --restore", name)
    is_done = not tuned.is_prepared
    _show(name, tuned, is_done=is_done, as_json=as_json)
    return is_done


def _ask(name: str) -> None:
    import typer

    if not sys.stdin.isatty():
        raise SpecError("device doctor --fix: there is no terminal to ask on; expected --yes")
    if not typer.confirm(f"set the governor of {name} to performance, and f_min = f_max?", err=True):
        raise SpecError(f"device doctor --fix: not agreed; nothing was changed on {name}")


def _show_checkup(name: str, checkup: Checkup) -> None:
    rows = [[finding.code, finding.found, finding.advice] for finding in checkup.findings]
    if rows:
        console.print_table(name, ["finding", "found", "what to do"], rows)
    else:
        console.say(f"{name}: nothing found")
    console.say(f"not checked, because the board does not tell: {', '.join(checkup.not_checked) or 'nothing'}")


def _show(name: str, tuned: Tuned, *, is_done: bool, as_json: bool) -> None:
    if as_json:
        verified = {"is_done": is_done, "is_verified": tuned.is_verified}
        console.print_json({**console.as_json(tuned), **verified})
        return
    if tuned.settings:
        columns = ["setting", "before", "after", "wanted", "written by", "holds"]
        console.print_table(name, columns, [_row(setting) for setting in tuned.settings])
    if tuned.clock_hz is not None:
        console.say(f"true clock under a short load: {tuned.clock_hz / 1e6:.0f} MHz ({tuned.clock_source})")
    if tuned.problem:
        console.say(tuned.problem)
    if not tuned.settings and is_done:
        console.say(f"{name}: nothing was to be put back")
    elif tuned.is_prepared:
        console.say(f"{name}: prepared; pifarm device doctor {name} --restore puts back what was there")
    elif is_done:
        console.say(f"{name}: as its owner had it")


def _row(setting: Setting) -> list[str]:
    way = {"sysfs": "directly", "sudo": "sudo", "none": "not written"}[setting.way.value]
    holds = "yes" if setting.is_verified and not setting.problem else setting.problem or "no"
    return [setting.name, setting.before or "?", setting.after or "?", setting.wanted, way, holds]

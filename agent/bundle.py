"""The agent's own code: where it lies, how to run it in a fresh process, a hash of the parts that decide a figure."""

import hashlib
import zipfile
from pathlib import Path

_CODE = Path(__file__).parent
# Since 1.29 the official wheels of ONNX Runtime send usage data to their maker, from a thread of their own, and keep a
# database in the user's cache. That would disturb the window, and it is nobody's business. Only the environment that a
# process is born with can switch it off (microsoft/onnxruntime pull request 27379).
_ENVIRONMENT = ("/usr/bin/env", "ORT_DISABLE_TELEMETRY=1")
_MEASURING = (
    *("burner.py", "cooling.py", "fan.py", "gatekeeper.py", "inputs.py", "isolation.py", "measure.py", "outlook.py"),
    *("loading.py", "protocol.py", "ramp.py", "resolution.py", "sweep.py", "thermostat.py", "timing.py"),
)


def location() -> Path:
    """The bundle that runs now: the zipapp, or the folder that holds the package."""
    return _CODE.parent


def command_line(interpreter: str, *arguments: str) -> list[str]:
    """Arguments that run this same code in a fresh, isolated Python."""
    place = location()
    if place.is_file():
        return [*_ENVIRONMENT, interpreter, "-I", str(place), *arguments]
    code = f"import sys; sys.path.insert(0, {str(place)!r}); from agent.__main__ import main; main()"
    return [*_ENVIRONMENT, interpreter, "-I", "-c", code, *arguments]


def measuring_hash() -> str:
    """SHA-256 over the sources that decide a figure: gate, inputs, isolation, loop, protocol and the runtimes."""
    digest = hashlib.sha256()
    for name, source in _measuring_sources():
        digest.update(f"{name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()


def _measuring_sources() -> list[tuple[str, bytes]]:
    place = location()
    if not place.is_file():
        paths = [_CODE / name for name in _MEASURING] + list((_CODE / "runtimes").glob("*.py"))
        return sorted((path.relative_to(_CODE).as_posix(), path.read_bytes()) for path in paths)
    with zipfile.ZipFile(place) as archive:
        names = [name for name in archive.namelist() if _is_measuring(name)]
        return sorted((name.removeprefix("agent/"), archive.read(name)) for name in names)


def _is_measuring(name: str) -> bool:
    inside = name.removeprefix("agent/")
    return inside in _MEASURING or (inside.startswith("runtimes/") and inside.endswith(".py"))

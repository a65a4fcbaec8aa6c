"""Small errands in a board's farm folder: look around, tidy up, do something long while nobody is connected.

Sent as text and run by whatever Python 3.7 or newer a board has: ``python3 -I -c TEXT COMMAND ...`` prints one JSON
value. A long job is a shell script that runs detached under ``jobs/NAME.*``: its lock is held for as long as
anything of it lives, so that "still running" is never guessed; its exit code appears in one step when it has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TAIL_BYTES = 2000
LOCK_TRIES = 5
NEW_ENOUGH = (3, 11)
OTHER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")


def survey() -> dict[str, object]:
    """What a board is to somebody who wants to set it up."""
    return {
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "libc": platform.libc_ver()[0],
        "libc_version": platform.libc_ver()[1],
        "free_bytes": shutil.disk_usage(".").free,
        "python": sys.executable,
        "python_version": list(sys.version_info[:2]),
        "can_make_environments": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
        "other_pythons": {} if sys.version_info >= NEW_ENOUGH else other_pythons(),
        "adopted_python": read_json("board.json").get("python"),
        "adopted_version": version_of(read_json("board.json").get("python")),
        "environments": {
            path.parent.name: read_json(path)
            for path in Path("envs").glob("*/made-of.json")
            if (path.parent / "bin/python").exists()
        },
        "jobs": sorted({path.stem for path in Path("jobs").glob("*.lock")}),
    }


def other_pythons() -> dict[str, list[int]]:
    """The newer interpreters beside this one that really answer, by path."""
    versions = {path: version_of(path) for path in map(shutil.which, OTHER_PYTHONS) if path}
    return {path: version for path, version in versions.items() if version}


def version_of(python: object) -> list[int] | None:
    """Version of another interpreter, None where there is none that answers."""
    if not isinstance(python, str):
        return None
    ask = [python, "-I", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return [int(word) for word in answer.stdout.split()]


def launch(name: str, script: str) -> dict[str, object]:
    """Start a job, unless it runs; `script` is given to ``sh -c``. Gives its state."""
    Path("jobs").mkdir(exist_ok=True)
    lock = os.open(f"jobs/{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not is_free(lock):
        return job(name)
    os.utime(f"jobs/{name}.lock")
    for file in (Path(f"jobs/{name}.exit"), Path(f"jobs/{name}.log")):
        if file.exists():
            file.unlink()
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        work(name, script, lock)
        os._exit(0)
    os.wait()
    os.close(lock)
    return {"state": "running", "exit_code": None, "age_s": 0.0, "tail": ""}


def work(name: str, script: str, lock: int) -> None:
    """Be the job: run its script, then leave its exit code."""
    Path(f"jobs/{name}.group").write_text(str(os.getpgrp()))
    log = os.open(f"jobs/{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, ours in ((0, nothing), (1, log), (2, log)):
        os.dup2(ours, descriptor)
    code = subprocess.call(["/bin/sh", "-c", script], pass_fds=[lock])
    draft = Path(f"jobs/{name}.exit.new")
    draft.write_text(str(code))
    draft.replace(f"jobs/{name}.exit")


def job(name: str) -> dict[str, object]:
    """The state of a job: none, running, ended with its exit code, or lost (it was killed, or the board rebooted)."""
    lock_file, exit_file = Path(f"jobs/{name}.lock"), Path(f"jobs/{name}.exit")
    if not lock_file.exists():
        return {"state": "none", "exit_code": None, "age_s": 0.0, "tail": ""}
    age_s = max(time.time() - lock_file.stat().st_mtime, 0.0)
    lock = os.open(str(lock_file), os.O_RDWR)
    try:
        state = "lost" if is_free(lock) else "running"
    finally:
        os.close(lock)
    code = int(exit_file.read_text()) if exit_file.exists() else None
    return {
        "state": state if code is None else "ended",
        "exit_code": code,
        "age_s": age_s,
        "tail": tail_of(Path(f"jobs/{name}.log")),
    }


def stop(name: str) -> dict[str, object]:
    """End a job and forget it; a job that has ended is only forgotten."""
    group = Path(f"jobs/{name}.group")
    if job(name)["state"] == "running" and group.exists():
        with contextlib.suppress(OSError):
            os.killpg(int(group.read_text()), signal.SIGKILL)
    for file in Path("jobs").glob(f"{name}.*"):
        file.unlink()
    return {"state": "none", "exit_code": None, "age_s": 0.0, "tail": ""}


def artifacts() -> list[dict[str, object]]:
    """The artifacts that lie here. One with a part of a file in it is not complete."""
    folders = sorted(path for path in Path("artifacts").glob("*") if path.is_dir() and path.name[0] != ".")
    found = []
    for folder in folders:
        files = [path for path in folder.rglob("*") if path.is_file()]
        found.append(
            {
                "artifact_id": folder.name,
                "size_bytes": sum(path.stat().st_size for path in files),
                "complete": bool(files) and not any(path.suffix == ".part" for path in files),
            }
        )
    return found


def remove(*names: str) -> list[str]:
    """Remove folders, each in one step for whoever looks; gives the names of those that were there."""
    removed = []
    for name in names:
        folder = Path(name)
        doomed = folder.with_name(f".gone-{folder.name}-{os.getpid()}")
        if folder.is_dir():
            folder.rename(doomed)
            shutil.rmtree(str(doomed))
            removed.append(name)
    return removed


def read_json(path: Path | str) -> dict[str, object]:
    """The JSON object in a file, empty where there is none."""
    try:
        value = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def tail_of(path: Path) -> str:
    """The end of a text file."""
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - TAIL_BYTES, 0))
        return stream.read().decode("utf-8", "replace")


def is_free(lock: int) -> bool:
    """Whether a job's lock could be taken; it is taken then. A job that has just ended may hold it for a moment."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


COMMANDS = {
    "survey": survey,
    "launch": launch,
    "job": job,
    "stop": stop,
    "artifacts": artifacts,
    "remove": remove,
}

if __name__ == "__main__":
    os.umask(0o077)
    answer = COMMANDS[sys.argv[1]](*sys.argv[2:])  # type: ignore[operator]  # the words are the caller's
    sys.stdout.write(json.dumps(answer) + "\n")

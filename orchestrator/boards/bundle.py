"""The agent as one file: a zipapp that every board runs, named by the hash of what is in it.

The same sources always give the same bytes: members in order, one date, one mode, stored without compression. A
study is pinned to a bundle, so an old one is kept under its name for as long as boards have runs of it.
"""

import hashlib
import io
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from orchestrator.boards.runtimes import plugin_files
from orchestrator.errors import InternalError, SpecError

HASH_DIGITS = 32
PLUGIN_FOLDER = "agent/runtimes"
_MAIN = b"from agent.__main__ import main\n\nmain()\n"
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentBundle:
    """A bundle on this machine. On a board it lies at `target`; `sha256` is of the file, `hash` of the sources."""

    hash: str
    path: Path
    sha256: str

    @property
    def target(self) -> str:
        """Where it lies in a board's farm folder."""
        return bundle_target(self.hash)


def bundle_target(bundle_hash: str) -> str:
    """Where the bundle of that hash lies in a board's farm folder."""
    return f"bundles/{bundle_hash}.pyz"


def find_bundle(bundles_dir: Path, bundle_hash: str) -> AgentBundle:
    """A bundle that was built before, perhaps by an older pifarm; raises `InternalError` where it is gone."""
    path = bundles_dir / f"{bundle_hash}.pyz"
    if not path.exists():
        raise InternalError(f"bundle {bundle_hash}: it is missing in {bundles_dir}; submit again")
    return AgentBundle(hash=bundle_hash, path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def build_bundle(target_dir: Path, *, plugins: Sequence[Path] | None = None) -> AgentBundle:
    """The bundle of the installed agent, with runtime plug-ins beside its own runtimes; made where it is missing.

    `plugins`: those of the entry points, unless others are given. Safe when several processes do it at once. Raises
    `SpecError` for a plug-in that cannot be one.
    """
    members = _agent_members() | _plugin_members(plugin_files() if plugins is None else plugins)
    content = _archive(members)
    digest = _hash_of(members)
    path = target_dir / f"{digest}.pyz"
    if not path.exists() or path.read_bytes() != content:
        target_dir.mkdir(parents=True, exist_ok=True)
        draft = target_dir / f".{digest}.{secrets.token_hex(8)}"
        draft.write_bytes(content)
        draft.replace(path)
    return AgentBundle(hash=digest, path=path, sha256=hashlib.sha256(content).hexdigest())


def _agent_members() -> dict[str, bytes]:
    with resources.as_file(resources.files("agent")) as package:
        files = sorted(path for path in package.rglob("*") if path.is_file() and _travels(path))
        members = {f"agent/{path.relative_to(package).as_posix()}": path.read_bytes() for path in files}
    return {"__main__.py": _MAIN} | members


def _travels(path: Path) -> bool:
    return "__pycache__" not in path.parts and not path.name.startswith(".") and path.suffix != ".pyc"


def _plugin_members(plugins: Sequence[Path]) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for path in plugins:
        name = f"{PLUGIN_FOLDER}/{path.name}"
        if path.suffix != ".py" or not path.stem.isidentifier() or not path.is_file():
            raise SpecError(f"runtime plug-in: expected a file NAME.py, got {path}")
        if name in members or resources.files("agent.runtimes").joinpath(path.name).is_file():
            raise SpecError(f"runtime plug-in: {path.stem!r} is a runtime already; give it another name")
        members[name] = path.read_bytes()
    return members


def _archive(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _DATE)
            info.external_attr = _MODE
            info.create_system = 3  # Unix, whatever builds it
            archive.writestr(info, members[name])
    return buffer.getvalue()


def _hash_of(members: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(members):
        digest.update(f"{name}\0{len(members[name])}\0".encode())
        digest.update(members[name])
    return digest.hexdigest()[:HASH_DIGITS]

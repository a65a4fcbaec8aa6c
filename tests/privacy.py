"""What others on a machine could reach of a folder."""

import stat
from pathlib import Path

OTHERS = 0o077
LOOSE_UMASK = 0o022


def open_to_others(folder: Path) -> list[str]:
    """What others may read, write or enter, below a folder; sockets and links are not looked at."""
    found = [path for path in [folder, *folder.rglob("*")] if not path.is_symlink() and not path.is_socket()]
    return [str(path.relative_to(folder)) for path in found if stat.S_IMODE(path.stat().st_mode) & OTHERS]

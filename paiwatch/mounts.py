"""What is mounted below a folder: a watch is blind there, and removing a folder must not go on into another file system."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_DETACH, _NOFOLLOW = 0x2, 0x8  # umount(2)
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def below(folder: Path) -> Mapping[int, Path]:
    """What is mounted below this folder, or on it: where, by a number that is never two mounts' at once; in the order in which
    that happened. Nothing where nobody can tell.
    """
    top = os.path.realpath(folder)
    inside = top.rstrip("/") + "/"
    try:
        mounted = [line.split(b" ", 5) for line in _TABLE.read_bytes().splitlines()]
    except OSError:
        return {}
    points = ((int(fields[0]), _unescaped(fields[4])) for fields in mounted)
    return {number: Path(point) for number, point in points if point == top or point.startswith(inside)}


def detach(folder: Path) -> bool:
    """Unmount whatever is mounted below this folder. False when something stays: then do not remove the folder."""
    points = below(folder)
    if not points:
        return True
    import ctypes  # noqa: PLC0415 (10 ms that hardly anybody needs)

    libc = ctypes.CDLL(None, use_errno=True)
    for point in reversed(list(points.values())):
        libc.umount2(os.fsencode(point), _DETACH | _NOFOLLOW)
    return not below(folder)


def _unescaped(point: bytes) -> str:
    """Spaces, tabs, newlines and backslashes are written in octal there (proc(5))."""
    return os.fsdecode(_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), point))

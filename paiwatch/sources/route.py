"""The way to a live directory: where its name leads now, and at which names on the way that may change at any moment."""

from dataclasses import dataclass
from pathlib import Path

_HOPS = 40  # links followed before it is a loop, as in the kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`end` is the real folder, None while there is none. `signs` are folder and name of every link on the way, of the
    last part, and of the first that is missing.
    """

    end: Path | None
    signs: tuple[tuple[Path, str], ...]


def find(root: Path) -> Route:
    """Where this name leads at the moment. Raises OSError where a folder on the way may not be entered."""
    at, hops = Path("/"), 0
    waiting = [*reversed(root.absolute().parts[1:])]
    signs: list[tuple[Path, str]] = []
    while waiting:
        part = waiting.pop()
        if part == "..":
            at = at.parent
        elif (place := at / part).is_symlink():
            signs.append((at, part))
            hops += 1
            target = place.readlink()
            waiting += [piece for piece in reversed(target.parts) if piece != "/"]
            at = Path("/") if target.is_absolute() else at
        else:
            is_there = place.is_dir()
            if not waiting or not is_there:
                signs.append((at, part))
            at = place
            if not is_there:
                return Route(end=None, signs=tuple(signs))
        if hops > _HOPS:
            return Route(end=None, signs=tuple(signs))
    return Route(end=at, signs=tuple(signs))

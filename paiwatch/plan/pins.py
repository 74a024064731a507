"""Pins: services that run an archived release in place of the tree's, until a commit changes what the tree asks for. PURE.

Where a plan begins, target.py puts them in the place of what the tree asks for; this tells which there are, which have ended, and why.
"""

from itertools import compress
from operator import attrgetter

from paiwatch.plan.applied import Applied, Memory, Pin
from paiwatch.plan.plan import Reason
from paiwatch.releases.release import Desired, Release

_PIN = attrgetter("pin")


def pinned(memory: Memory) -> dict[str, Pin]:
    """Every pin there is, by service. Each plan asks, so the interpreter's own loop skips those without one."""
    found = compress(memory.items(), map(_PIN, memory.values()))
    return {name: applied.pin for name, applied in found if applied.pin is not None}


def void(desired: Desired, memory: Memory) -> dict[str, str]:
    """Pins that have ended, each with why: the tree asks for another release now, or the rollback it followed has ended.

    A service that merely has errors keeps its pin: nobody can tell what the tree asks for.
    """
    pins = pinned(memory)
    ended = {name: why for name, pin in pins.items() if (why := _ended(name, pin, desired))}
    for name, pin in pins.items():
        if name not in ended and pin.leader and (pin.leader not in pins or pin.leader in ended):
            ended[name] = f"the rollback of '{pin.leader}', which it followed, has ended"
    return ended


def _ended(name: str, pin: Pin, desired: Desired) -> str:
    if name in desired.releases:
        asked_for = desired.releases[name].digest
        return "" if pin.instead_of == asked_for else "the tree asks for another release"
    return "" if exists(name, desired) else "it is gone from the tree"


def exists(name: str, desired: Desired) -> bool:
    """Whether the tree has this service, in whatever state."""
    return name in desired.releases or name in desired.services or name in desired.invalid


def tell(pin: Pin, *, has_errors: bool = False) -> str:
    """`release 1a2b3c4d runs instead of 5e6f7a8b, which the tree asks for: start failed`."""
    of_tree = ", and its files in the tree have errors" if has_errors else ", which the tree asks for"
    return f"{_swap(pin)}{of_tree}: {_because(pin)}"


def _swap(pin: Pin) -> str:
    named = f" ({pin.origin})" if pin.origin else ""
    return f"release {pin.release.digest[:8]}{named} runs instead of {pin.instead_of[:8]}"


def _because(pin: Pin) -> str:
    return f"it follows the rollback of '{pin.leader}'" if pin.leader else pin.because


def reason(release: Release, applied: Applied | None) -> tuple[Reason, ...]:
    """Why a service that is rolled back runs this release; nothing for any other."""
    if not release.instead_of or applied is None or applied.pin is None:
        return ()
    pin = applied.pin
    return (Reason(kind="rollback", detail=f"rolled back: {_swap(pin)}: {_because(pin)}"),)

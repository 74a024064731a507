"""Pins: services that run an archived release in place of the tree's, until a commit changes what the tree asks for. PURE.

Everything that plans begins with `substitute`, so a rollback needs no rule of its own anywhere behind it.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import compress
from operator import attrgetter

from paiwatch.catalog.service import Service
from paiwatch.plan.applied import Applied, Memory, Pin
from paiwatch.plan.plan import Reason
from paiwatch.problem import Problem, Severity
from paiwatch.releases.release import Desired, OnDemand, Release

_PIN = attrgetter("pin")


def pinned(memory: Memory) -> dict[str, Pin]:
    """Every pin there is, by service. Each plan asks several times, so the interpreter's own loop skips those without one."""
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
        release = desired.releases[name]
        return (
            ""
            if pin.instead_of in {release.digest, release.instead_of}
            else "the tree asks for another release"
        )
    return "" if name in desired.invalid or name in desired.services else "it is gone from the tree"


def substitute(desired: Desired, memory: Memory) -> Desired:
    """What is to run: the archived release of each pinned service, and of all others what the tree asks for.

    Relations (prerequisites, on-change, retries) stay those of the tree. A second time changes nothing.
    """
    pins = pinned(memory)
    if not pins:
        return desired
    ended = void(desired, memory)
    names = [name for name in pins if name in desired.releases and name not in ended]
    services = {name: _service(desired.services[name], pins[name].release) for name in names}
    releases = {name: _release(desired.releases[name], pins[name]) for name in names}
    return replace(
        desired, services={**desired.services, **services}, releases={**desired.releases, **releases}
    )


def _service(service: Service, archived: Applied) -> Service:
    """What belongs to the scripts goes with them."""
    timeout = archived.timeout or service.timeout
    folder = archived.folder or service.folder
    return replace(service, scripts=archived.scripts, env=archived.env, timeout=timeout, folder=folder)


def _release(of_tree: Release, pin: Pin) -> Release:
    archived = pin.release
    rendered = frozenset(path for path in of_tree.rendered if path in archived.files)
    return Release(
        service=of_tree.service,
        digest=archived.digest,
        files=archived.files,
        rendered=OnDemand(rendered),
        reads=archived.reads,
        watched=archived.watched,
        instead_of=pin.instead_of,
    )


def tell(pin: Pin) -> str:
    """`release 1a2b3c4d runs instead of 5e6f7a8b, which the tree asks for: start failed`."""
    followed = f"it follows the rollback of '{pin.leader}'" if pin.leader else pin.because
    named = f" ({pin.origin})" if pin.origin else ""
    return f"release {pin.release.digest[:8]}{named} runs instead of {pin.instead_of[:8]}, which the tree asks for: {followed}"


def reason(release: Release, applied: Applied | None) -> tuple[Reason, ...]:
    """Why a service that is rolled back runs this release; nothing for any other."""
    if not release.instead_of or applied is None or applied.pin is None:
        return ()
    return (Reason(kind="rollback", detail=f"rolled back: {tell(applied.pin)}"),)


def problems(desired: Desired, memory: Memory) -> Iterator[Problem]:
    """A warning for each service that does not run what the tree asks for. `desired` went through `substitute`."""
    for name, pin in pinned(memory).items():
        if name in desired.releases and desired.releases[name].instead_of:
            yield Problem(
                file=desired.services[name].file,
                severity=Severity.WARNING,
                message=f"'{name}' is rolled back: {tell(pin)}",
                remedy=pin.remedy,
                service=name,
            )

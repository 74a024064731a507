"""Pins: services that run an archived release in place of the tree's, until a commit changes what the tree asks for. PURE.

Everything that plans begins with `substitute`, so a rollback needs no rule of its own anywhere behind it.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import compress
from operator import attrgetter

from paiwatch.catalog.service import Prerequisite, Service
from paiwatch.domain.run_spec import RunSpec
from paiwatch.plan import graph
from paiwatch.plan.applied import Applied, Memory, Pin
from paiwatch.plan.plan import Reason
from paiwatch.problem import Problem, Severity, errors
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
    return "" if exists(name, desired) else "it is gone from the tree"


def substitute(desired: Desired, memory: Memory) -> Desired:
    """What is to run: the archived release of each pinned service, and of all others what the tree asks for.

    Relations (prerequisites, on-change, retries) stay those of the tree. Where a pinned service has errors, its memory stands in
    for what the tree cannot tell: so it can go back all the same, and what stands on it goes on. A second time changes nothing.
    """
    pins = pinned(memory)
    if not pins:
        return desired
    ended = void(desired, memory)
    names = [name for name in pins if name not in ended and exists(name, desired)]
    services = {name: _service(_declared(name, desired, memory), pins[name].release.spec) for name in names}
    releases = {name: _release(name, desired.releases.get(name), pins[name]) for name in names}
    return replace(
        desired,
        services={**desired.services, **services},
        releases={**desired.releases, **releases},
        invalid=desired.invalid.difference(names),
    )


def exists(name: str, desired: Desired) -> bool:
    """Whether the tree has this service, in whatever state."""
    return name in desired.releases or name in desired.services or name in desired.invalid


def _declared(name: str, desired: Desired, memory: Memory) -> Service:
    """The service as the tree has it; one with errors stands on what it last ran with, as far as that makes no circle."""
    known = desired.services.get(name)
    if known is not None and name in desired.releases:
        return known
    applied = memory[name]
    needs = {other: [edge.service for edge in each.prerequisites] for other, each in desired.services.items()}
    edges = tuple(
        Prerequisite(service=other)
        for other in applied.prerequisites
        if name not in graph.reach([other], needs)
    )
    if known is not None:
        return replace(known, prerequisites=edges)
    spec = applied.spec
    folder = spec.folder or f"{desired.snapshot.src.prefix}{name}"
    return Service(name=name, folder=folder, prerequisites=edges, scripts=spec.scripts, env=spec.env)


def _service(service: Service, archived: RunSpec) -> Service:
    """What belongs to the scripts goes with them."""
    timeout = service.timeout if "timeout" in archived.unset else archived.timeout
    folder = archived.folder or service.folder
    return replace(service, scripts=archived.scripts, env=archived.env, timeout=timeout, folder=folder)


def _release(name: str, of_tree: Release | None, pin: Pin) -> Release:
    archived = pin.release
    rendered = frozenset(of_tree.rendered if of_tree is not None else ()).intersection(archived.files)
    return Release(
        service=name,
        digest=archived.digest,
        files=archived.files,
        rendered=OnDemand(rendered),
        reads=archived.reads,
        watched=archived.watched,
        instead_of=pin.instead_of,
    )


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


def problems(desired: Desired, memory: Memory) -> Iterator[Problem]:
    """A warning for each service that does not run what the tree asks for. `desired` went through `substitute`."""
    wrong = {problem.service for problem in errors(desired.problems)}
    for name, pin in pinned(memory).items():
        if name in desired.releases and desired.releases[name].instead_of:
            yield Problem(
                file=desired.services[name].file,
                severity=Severity.WARNING,
                message=f"'{name}' is rolled back: {tell(pin, has_errors=name in wrong)}",
                remedy=pin.remedy,
                service=name,
            )

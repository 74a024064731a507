"""Rollbacks: finds the release to go back to, writes pins down, and ends those that a commit has made void.

For the decider's task alone. What is right to do is decided in `plan.rollback` and `plan.pins`; this asks the record for them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from paiwatch.catalog.service import OnFailure
from paiwatch.clock import Clock
from paiwatch.convergence.events import Forgiven, Quarantine
from paiwatch.engine import objections
from paiwatch.engine.writer import Writer
from paiwatch.errors import ConfigError
from paiwatch.news import Listener, RollbackEnded, ServiceRolledBack, StepQuarantined
from paiwatch.plan import chances, rollback
from paiwatch.plan import pins as pinning
from paiwatch.plan.applied import Former, Memory, Pin, PinnedBy
from paiwatch.plan.plan import Kind, Step
from paiwatch.plan.policy import Policy
from paiwatch.plan.rollback import Grounds
from paiwatch.plan.target import make_target
from paiwatch.record.store import Record
from paiwatch.releases.release import Desired

_SHORTEST = 4  # characters of a revision, as for git
_LONGEST = 18  # digits of a run's number
_NOTHING = "there is no earlier good release to roll back to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A rollback that was chosen: the service, the release that it leaves, and all pins (its own first)."""

    service: str
    failed: str
    pins: dict[str, Pin]

    @property
    def release(self) -> str:
        """Digest of the release that it goes back to."""
        return self.pins[self.service].release.digest


class Rollbacks:
    """`is_archived` tells whether the files of a release are still there."""

    def __init__(
        self,
        *,
        record: Record,
        writer: Writer,
        policy: Policy,
        is_archived: Callable[[str], bool],
        clock: Clock,
        tell: Listener,
    ) -> None:
        self._record = record
        self._writer = writer
        self._policy = policy
        self._is_archived = is_archived
        self._clock = clock
        self._tell = tell

    async def end_void(self, desired: Desired) -> None:
        """End the rollbacks of services for which the tree asks for something else now."""
        memory = await self._writer.do(self._record.memory)
        ended = pinning.void(desired, memory)
        if ended:
            await self._end(ended)

    async def end(self, services: Iterable[str]) -> tuple[str, ...]:
        """A person wants what the tree asks for: end these rollbacks and those that followed them; gives their names."""
        pins = pinning.pinned(await self._writer.do(self._record.memory))
        chosen = frozenset(services)
        ended = {name: "a person asked for it" for name, pin in pins.items() if {name, pin.leader} & chosen}
        if ended:
            await self._end(ended)
        return tuple(sorted(ended))

    async def _end(self, ended: dict[str, str]) -> None:
        await self._writer.insist(lambda: self._record.unpin(ended))
        for service, because in sorted(ended.items()):
            self._tell(RollbackEnded(service=service, because=because))

    async def quarantine(self, intent: Quarantine, desired: Desired | None) -> frozenset[str]:
        """Retries are used up: write that down, and in the same breath the rollback that policy asks for; gives who goes back."""
        step, attempts = intent.step, intent.attempts
        turn, note = await self._after(step, attempts, desired)
        told = StepQuarantined(generation=intent.generation, step=step, attempts=attempts, note=note)
        if turn is not None:
            await self.write(turn, quarantined=told)
            return frozenset(turn.pins)
        at = self._clock.wall()
        await self._writer.insist(
            lambda: self._record.failures.quarantine(
                step.id.service, step.digest, attempts=attempts, at=at, note=note
            )
        )
        self._tell(told)
        return frozenset()

    async def _after(self, step: Step, attempts: int, desired: Desired | None) -> tuple[Turn | None, str]:
        """What follows from used-up retries: a rollback by policy, or why there is none ("" when none is asked for)."""
        service = step.id.service
        if desired is None or not _asks(step, desired, self._policy):
            return None, ""
        memory = await self._writer.do(self._record.memory)
        if (pin := memory[service].pin) is not None and pin.instead_of == step.digest:
            return None, ""  # a person was faster
        if memory[service].digest == step.digest:
            return None, objections.ran_well(step)
        target = await self._last_good(service, step.digest, memory)
        if target is None:
            return None, _NOTHING
        times = f"{attempts} times" if attempts > 1 else "once"
        because = f"{step.id.operator} failed {times}"
        grounds = Grounds(by=PinnedBy.POLICY, since=self._clock.wall(), because=because)
        return await self._turn(service, target, grounds, desired, memory, wanted=step.digest), ""

    async def choose(self, service: str, to: str, reason: str, desired: Desired) -> Turn:
        """The rollback that a person asks for. `to` is a run or a revision, "" the last good release. Raises ConfigError."""
        memory = await self._writer.do(self._record.memory)
        wanted = objections.wanted(service, desired, memory)
        if to:
            digest, origin = await self._named(service, to)
            target = await self._exactly(service, digest, origin, wanted, memory)
        else:
            origin, found = "", await self._last_good(service, wanted, memory)
            if found is None:
                raise ConfigError(f"{service}: {_NOTHING} (`retention.releases` says how many are kept)")
            target = found
        objections.refuse_again(service, target, wanted, memory)
        because = reason or "a person asked for it"
        grounds = Grounds(by=PinnedBy.PERSON, since=self._clock.wall(), because=because, origin=origin)
        return await self._turn(service, target, grounds, desired, memory, wanted=wanted)

    async def write(self, turn: Turn, *, quarantined: StepQuarantined | None = None) -> None:
        """Make it durable, together with the quarantine of what is left, and tell."""
        pin = turn.pins[turn.service]
        write = self._writer.do if quarantined is None else self._writer.insist
        await write(
            lambda: self._record.roll_back(
                turn.service, turn.failed, turn.pins, because=pin.because, at=pin.since
            )
        )
        if quarantined is not None:
            self._tell(quarantined)
        self._tell(
            ServiceRolledBack(
                service=turn.service,
                release=turn.release,
                instead_of=turn.failed,
                by=str(pin.by),
                because=pin.because,
                followers=tuple(sorted(turn.pins.keys() - {turn.service})),
            )
        )

    async def new_chances(self, desired: Desired | None) -> Forgiven | None:
        """Forgive what used up its retries before something that it stands on was applied anew; what the machine is told of that."""
        failures = await self._writer.do(self._record.failures.all)
        quarantined = [key for key, row in failures.items() if row.quarantined]
        if not quarantined or desired is None:
            return None
        memory = await self._writer.do(self._record.memory)
        target = make_target(desired, memory)
        inputs = chances.candidates(quarantined, target)
        tried = await self._writer.insist(lambda: self._record.rollbacks.last_runs(inputs))
        forgiven = chances.new(tried, target, memory)
        if not forgiven:
            return None
        await self._writer.insist(lambda: self._record.failures.forgive_inputs(forgiven))
        return Forgiven(inputs=forgiven)

    # ── choosing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _turn(
        self, service: str, target: Former, grounds: Grounds, desired: Desired, memory: Memory, *, wanted: str
    ) -> Turn:
        changed = await self._writer.insist(lambda: self._record.rollbacks.changed(target.left))
        past = await self._writer.insist(
            lambda: self._record.rollbacks.past(sorted({name for name, _ in changed}))
        )
        found = rollback.pins(
            service,
            target,
            grounds,
            wanted=wanted,
            desired=desired,
            memory=memory,
            past=past,
            changed=changed,
        )
        kept = {
            name: pin
            for name, pin in found.items()
            if name == service or self._is_archived(pin.release.digest)
        }
        return Turn(service=service, failed=wanted, pins=kept)

    async def _good(self, service: str, memory: Memory) -> tuple[Former, ...]:
        past = (await self._writer.insist(lambda: self._record.rollbacks.past([service])))[service]
        newest, _ = await self._writer.insist(self._record.latest_generation)
        good = rollback.good_releases(memory.get(service), past, generation=newest)
        return tuple(former for former in good if self._is_archived(former.release.digest))

    async def _last_good(self, service: str, wanted: str, memory: Memory) -> Former | None:
        failures = await self._writer.do(self._record.failures.all)
        quarantined = {key for key, failure in failures.items() if failure.quarantined}
        return rollback.last_good(service, wanted, await self._good(service, memory), quarantined)

    async def _exactly(self, service: str, digest: str, origin: str, wanted: str, memory: Memory) -> Former:
        if digest == wanted:
            raise ConfigError(
                objections.refuse_wanted(service, f"release {digest[:8]} ({origin})", wanted, memory)
            )
        for former in await self._good(service, memory):
            if former.release.digest == digest:
                return former
        raise ConfigError(
            f"{service}: release {digest[:8]} ({origin}) is no longer kept (`retention.releases` says how many are); "
            f"revert the commit instead"
        )

    async def _named(self, service: str, to: str) -> tuple[str, str]:
        """The release that a run or a revision means, and what to call that."""
        is_number = to.isdecimal() and len(to) < _LONGEST
        run = await self._writer.do(lambda: self._record.rollbacks.run(int(to))) if is_number else None
        if run is not None:
            if run.service != service:
                raise ConfigError(f"run {to} is one of '{run.service}', not of '{service}'")
            if not run.brought_up:
                raise ConfigError(
                    f"run {to} brought nothing up; `paiwatch history {service}` shows which did"
                )
            return run.digest, f"run {to}"
        if len(to) < _SHORTEST:
            raise ConfigError(f"there is no run {to!r}; `paiwatch history {service}` lists them")
        found = await self._writer.do(lambda: self._record.rollbacks.applied_at(service, to.lower()))
        return _only(service, to, found)


def _asks(step: Step, desired: Desired, policy: Policy) -> bool:
    """Whether policy wants a rollback of what failed, and the tree still asks for that.

    A rollback that fails leads to no other one; neither does a failure of what a person asked for.
    """
    service = desired.services.get(step.id.service)
    release = desired.releases.get(step.id.service)
    if step.kind in {Kind.ASKED, Kind.REMOVED} or step.instead_of or service is None or release is None:
        return False
    wants = (service.on_failure or policy.on_failure) is OnFailure.ROLLBACK
    return wants and release.digest == step.digest


def _only(service: str, to: str, found: dict[str, str]) -> tuple[str, str]:
    if not found:
        raise ConfigError(
            f"no generation knows a run or revision {to!r}; `paiwatch history {service}` lists both"
        )
    if len(found) > 1:
        names = ", ".join(sorted(revision[:12] for revision in found))
        raise ConfigError(f"{to!r} begins several revisions: {names}; give more characters")
    ((revision, digest),) = found.items()
    if not digest:
        raise ConfigError(f"{service} ran successfully only after revision {revision[:8]}")
    return digest, f"revision {revision[:8]}"

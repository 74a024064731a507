"""What becomes of a source whose newest commit its rules refuse: real git, real signatures, restarts."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from paiwatch.daemon.recorded_acceptance import seen
from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.settings.sections import Source
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.origin import mirror_home
from paiwatch.sources.refused_commit import Refusal
from paiwatch.sources.sources import Sources
from tests.sources.memories import recording, rows, set_back
from tests.sources.origins import a_bare, a_work_tree, git
from tests.sources.signing import SshKey, an_ssh_key, needs_ssh, signed

pytestmark = needs_ssh


@dataclass(slots=True)
class Place:
    """A repository that is followed by rules, and what is known of it across restarts."""

    root: Path
    work: Path
    alice: SshKey
    rules: dict[str, Any] = field(default_factory=dict)
    lender: Path | None = None
    recorded: str = ""

    @property
    def source(self) -> Source:
        """Its settings."""
        return Source(repo=str(self.root / "work.git"), **self.rules)

    @property
    def mirror(self) -> Path:
        """Where its mirror lies."""
        return mirror_home(self.root / "state", self.source)

    def push(self, *, by: SshKey | None, subject: str = "Change things") -> str:
        """One more commit on main, signed or not; gives its id."""
        signed(self.work, by, subject=subject)
        return self.publish()

    def publish(self) -> str:
        """Push what is checked out to main, whatever is there."""
        git(self.work, "push", "-q", "--force", "origin", "HEAD:main")
        return git(self.work, "rev-parse", "HEAD")

    @asynccontextmanager
    async def opened(self, state: str = "state") -> AsyncIterator[Sources]:
        """The sources after a start."""
        live = self.root / "live"
        live.mkdir(exist_ok=True)
        home = self.root / state
        src, recorded = Source(directory=live), (self.recorded, "")
        async with AsyncExitStack() as stack:
            memories = seen(self.lender) if self.lender else await stack.enter_async_context(recording(home))
            made = Sources(
                self.source, src, home, Nudges(), memories=memories, lender=self.lender, recorded=recorded
            )
            stack.push_async_callback(made.stop)
            yield made

    async def looked(self) -> tuple[str, Refusal | None]:
        """The commit that a fresh start takes, and what it refuses."""
        async with self.opened() as sources:
            return await taken(sources)


async def taken(sources: Sources) -> tuple[str, Refusal | None]:
    """The commit that the next look takes, and what it refuses."""
    found = await sources.look()
    return found.snapshot.config.revision.id, found.refusals.get("config")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    alice = an_ssh_key(tmp_path / "keys", "alice")
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(alice.line())
    work = a_work_tree(tmp_path / "work", {"a": "a\n"})
    a_bare(work)
    return Place(tmp_path, work, alice, {"verify": "tip", "allowed_signers": allowed})


# ── signatures ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unsigned_tip_is_refused_and_the_next_good_one_is_taken(place: Place) -> None:
    async with place.opened() as sources:
        good = place.push(by=place.alice)
        assert await taken(sources) == (good, None)

        bad = place.push(by=None, subject="Sneak in")
        commit, refusal = await taken(sources)
        assert commit == good
        assert refusal is not None
        assert (refusal.tip.id, refusal.kept) == (bad, good)
        assert f'{bad[:8]} "Sneak in" by Ana is refused: it is not signed; {good[:8]} stays' in str(refusal)

        better = place.push(by=place.alice)
        assert await taken(sources) == (better, None)


async def test_the_last_good_commit_stays_in_force_across_restarts(place: Place) -> None:
    good = place.push(by=place.alice)
    assert await place.looked() == (good, None)
    place.push(by=None)

    assert [(await place.looked())[0] for _ in range(2)] == [good, good]


async def test_it_stays_though_a_rewrite_and_gc_removed_it_on_the_other_side(place: Place) -> None:
    good = place.push(by=place.alice)
    await place.looked()
    git(place.work, "checkout", "-q", "--orphan", "other")
    place.push(by=None)
    git(place.root / "work.git", "reflog", "expire", "--expire=now", "--all")
    git(place.root / "work.git", "gc", "-q", "--prune=now")

    commit, refusal = await place.looked()

    assert commit == good
    assert refusal is not None


async def test_nothing_is_taken_while_no_commit_was_ever_good(place: Place) -> None:
    bad = place.push(by=None)

    with pytest.raises(StalledError, match=f"{bad[:8]} .* is not signed; and no earlier good commit is here"):
        await place.looked()


async def test_a_lost_mirror_is_made_up_for_from_the_record(place: Place) -> None:
    good = place.push(by=place.alice)
    await place.looked()
    place.push(by=None)
    shutil.rmtree(place.mirror)
    place.recorded = good

    assert (await place.looked())[0] == good


async def test_a_commit_of_the_record_that_nobody_signed_does_not_count(place: Place) -> None:
    place.recorded = git(place.work, "rev-parse", "HEAD")
    place.push(by=None)

    with pytest.raises(StalledError, match="is not signed"):
        await place.looked()


async def test_a_damaged_memory_is_made_up_for_from_the_record(place: Place) -> None:
    good = place.push(by=place.alice)
    await place.looked()
    place.push(by=None)
    set_back(place.root / "state")
    (place.mirror / "accepted").write_text("{}")
    place.recorded = good

    assert (await place.looked())[0] == good


DAMAGED = {
    "empty": b"",
    "no JSON": b"{",
    "no text": b"\xff",
    "a list": b"[]",
    "no commit": b"{}",
    "a commit that is none": b'{"commit": "main", "verified": true, "rewrite": ""}',
    "a word for yes": b'{"commit": "0123456789abcdef0123456789abcdef01234567", "verified": "no"}',
    "one word too many": b'{"commit": "0123456789abcdef0123456789abcdef01234567", "by": "Ana"}',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_memory_of_which_nobody_else_knows_is_a_fault_until_a_person_sees_to_it(
    forward: Place, text: bytes
) -> None:
    forward.push(by=None)
    await forward.looked()
    other = rewritten(forward)
    set_back(forward.root / "state")
    memory = forward.mirror / "accepted"
    memory.write_bytes(text)

    async with forward.opened() as sources:
        for _ in range(2):
            with pytest.raises(TransientError, match=f"{memory}: is damaged: .*; .* remove the file"):
                await sources.look()
        assert memory.read_bytes() == text
        memory.unlink()
        assert await taken(sources) == (other, None)


async def test_who_only_looks_is_told_of_a_damaged_memory_of_the_daemon(forward: Place) -> None:
    forward.push(by=None)
    await forward.looked()
    set_back(forward.root / "state")
    (forward.mirror / "accepted").write_text("what?")
    forward.lender = forward.root / "state"

    async with forward.opened("scratch") as sources:
        with pytest.raises(TransientError, match=f"{forward.mirror}/accepted: is damaged"):
            await sources.look()


async def test_what_was_good_once_stays_good_when_its_signer_goes(place: Place) -> None:
    good = place.push(by=place.alice)
    await place.looked()
    place.rules["allowed_signers"].write_text(an_ssh_key(place.root / "keys", "bob").line())

    assert await place.looked() == (good, None)
    assert (await place.looked())[0] == good


async def test_a_named_revision_is_given_whatever_its_signature_and_said_to_be_unverified(
    place: Place,
) -> None:
    place.push(by=place.alice)
    bad = place.push(by=None)

    async with place.opened() as sources:
        found = await sources.look(config_rev=bad)

    (problem,) = found.problems
    assert found.snapshot.config.revision.id == bad
    assert problem.message.startswith(f"unverified: {bad[:8]} ")


async def test_who_only_looks_knows_the_last_good_commit_of_the_daemon(place: Place) -> None:
    good = place.push(by=place.alice)
    await place.looked()
    place.push(by=None)
    place.lender = place.root / "state"
    before = rows(place.lender)

    async with place.opened("scratch") as sources:
        found = await sources.look()

    assert found.snapshot.config.revision.id == good
    assert found.refusals["config"].problem in found.problems
    assert rows(place.lender) == before


# ── every commit ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tip_looks_at_the_newest_commit_alone(place: Place) -> None:
    place.push(by=place.alice)
    await place.looked()
    signed(place.work, None)

    newest = place.push(by=place.alice)

    assert await place.looked() == (newest, None)


async def test_all_begins_with_the_newest_commit(place: Place) -> None:
    place.rules["verify"] = "all"
    signed(place.work, None)

    newest = place.push(by=place.alice)

    assert await place.looked() == (newest, None)


async def test_all_begins_after_what_was_deployed_before_anybody_looked(place: Place) -> None:
    place.rules["verify"] = "all"
    place.recorded = place.push(by=None)
    newest = place.push(by=place.alice)
    assert await place.looked() == (newest, None)


async def test_what_nobody_signed_gets_in_between_by_no_later_signature_unless_tip_let_it(
    place: Place,
) -> None:
    place.rules["verify"] = "all"
    place.recorded = place.push(by=None)
    inner = place.push(by=None, subject="Sneak in")
    newest = place.push(by=place.alice)
    with pytest.raises(StalledError, match=f"commit {inner[:8]} .* is not signed"):
        await place.looked()

    place.rules["verify"] = "tip"
    assert await place.looked() == (newest, None)
    place.rules["verify"] = "all"
    assert await place.looked() == (newest, None)


async def test_all_refuses_a_bad_commit_below_a_good_tip_and_names_it(place: Place) -> None:
    place.rules["verify"] = "all"
    good = place.push(by=place.alice)
    await place.looked()
    signed(place.work, place.alice)
    inner = signed(place.work, None, subject="Sneak in")
    place.push(by=place.alice)

    commit, refusal = await place.looked()

    assert commit == good
    assert refusal is not None
    assert f'commit {inner[:8]} "Sneak in" by Ana is not signed' in refusal.why


async def test_all_refuses_a_bad_commit_that_came_by_a_merge(place: Place) -> None:
    place.rules["verify"] = "all"
    good = place.push(by=place.alice)
    await place.looked()
    git(place.work, "checkout", "-q", "-b", "side")
    inner = signed(place.work, None, {"b": "b\n"})
    git(place.work, "checkout", "-q", "main")
    signed(place.work, place.alice, {"c": "c\n"})
    git(place.work, *place.alice.options, "merge", "-q", "--no-ff", "-S", "-m", "Merge", "side")
    place.publish()

    commit, refusal = await place.looked()

    assert commit == good
    assert refusal is not None
    assert inner[:8] in refusal.why


async def test_all_takes_a_history_that_was_rewritten_without_the_bad_commit(place: Place) -> None:
    place.rules["verify"] = "all"
    good = place.push(by=place.alice)
    await place.looked()
    place.push(by=None)
    assert (await place.looked())[0] == good
    git(place.work, "reset", "-q", "--hard", good)

    mended = place.push(by=place.alice, subject="Again")

    assert await place.looked() == (mended, None)


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def forward(place: Place) -> Place:
    """A place that takes fast-forwards only, signed or not."""
    place.rules = {"history": "fast-forward-only"}
    return place


def rewritten(place: Place, subject: str = "Other") -> str:
    """Replace the newest commit by another; gives it."""
    signed(place.work, None, subject=subject, amend=True)
    return place.publish()


async def test_a_fast_forward_is_taken_and_a_rewrite_is_not(forward: Place) -> None:
    first = forward.push(by=None)
    assert await forward.looked() == (first, None)
    second = forward.push(by=None)
    assert await forward.looked() == (second, None)

    other = rewritten(forward)
    commit, refusal = await forward.looked()

    assert commit == second
    assert refusal is not None
    assert (refusal.tip.id, refusal.is_rewrite) == (other, True)
    assert f"history was rewritten: it does not contain {second[:8]}" in str(refusal)
    assert "`paiwatch accept-rewrite`" in refusal.remedy


async def test_a_branch_that_was_set_back_is_a_rewrite(forward: Place) -> None:
    newest = forward.push(by=None)
    await forward.looked()
    git(forward.work, "reset", "-q", "--hard", "HEAD~1")
    forward.publish()

    assert (await forward.looked())[0] == newest


async def test_an_accepted_rewrite_is_taken_after_a_restart_too(forward: Place) -> None:
    forward.push(by=None)
    await forward.looked()
    other = rewritten(forward)

    async with forward.opened() as sources:
        name, tip = await sources.accept_rewrite()

    assert (name, tip.id) == ("config", other)
    assert await forward.looked() == (other, None)


async def test_another_rewrite_needs_an_acceptance_of_its_own(forward: Place) -> None:
    good = forward.push(by=None)
    await forward.looked()
    rewritten(forward)
    async with forward.opened() as sources:
        await sources.accept_rewrite("config")
        rewritten(forward, "Yet another")

        commit, refusal = await taken(sources)

    assert commit == good
    assert refusal is not None


async def test_what_is_pushed_on_top_of_an_accepted_rewrite_is_a_fast_forward(forward: Place) -> None:
    forward.push(by=None)
    await forward.looked()
    rewritten(forward)
    async with forward.opened() as sources:
        await sources.accept_rewrite()

        newest = forward.push(by=None)

        assert await taken(sources) == (newest, None)


async def test_there_is_nothing_to_accept_without_a_rewrite(forward: Place) -> None:
    forward.push(by=None)

    async with forward.opened() as sources:
        await sources.look()
        with pytest.raises(ConfigError, match="no rewritten history waits"):
            await sources.accept_rewrite()
        with pytest.raises(ConfigError, match="takes any history"):
            await sources.accept_rewrite("src")


async def test_accepting_a_rewrite_does_not_stand_for_a_signature(place: Place) -> None:
    place.rules["history"] = "fast-forward-only"
    good = place.push(by=place.alice)
    await place.looked()
    rewritten(place)

    async with place.opened() as sources:
        with pytest.raises(ConfigError, match="is not signed"):
            await sources.accept_rewrite()
        assert (await taken(sources))[0] == good


async def test_a_rewrite_is_seen_though_the_mirror_was_lost(forward: Place) -> None:
    good = forward.push(by=None)
    await forward.looked()
    git(forward.work, "checkout", "-q", "--orphan", "other")
    other = forward.push(by=None)
    git(forward.root / "work.git", "gc", "-q", "--prune=now")
    shutil.rmtree(forward.mirror)
    forward.recorded = good

    with pytest.raises(StalledError, match=f"it does not contain {good[:8]}"):
        await forward.looked()
    async with forward.opened() as sources:
        await sources.accept_rewrite()
    assert await forward.looked() == (other, None)


async def test_all_asks_a_person_when_the_commit_it_counts_from_is_gone(place: Place) -> None:
    place.rules["verify"] = "all"
    good = place.push(by=place.alice)
    await place.looked()
    git(place.work, "checkout", "-q", "--orphan", "other")
    other = place.push(by=place.alice)
    git(place.root / "work.git", "gc", "-q", "--prune=now")
    shutil.rmtree(place.mirror / "git")

    with pytest.raises(StalledError, match=f"{good[:8]}, from which signatures are checked on, is gone"):
        await place.looked()
    async with place.opened() as sources:
        await sources.accept_rewrite()
    assert await place.looked() == (other, None)

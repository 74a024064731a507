"""What an older paiwatch left beside its mirrors: taken over once, whole or not at all; and a record that was lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch import failpoint
from paiwatch.daemon.recorded_acceptance import seen
from paiwatch.errors import StoreError, TransientError
from paiwatch.record.store import Store
from paiwatch.sources.acceptance_memory import Accepted, to_text
from tests.sources.memories import recording, rows, set_back

GOOD, OTHER = Accepted(commit="a" * 40, verified=True), Accepted(commit="b" * 40, rewrite="c" * 40)


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoint.arm({})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with two mirrors, and what an older paiwatch wrote beside them."""
    for name, accepted in (("config-1", GOOD), ("src-2", OTHER)):
        home = tmp_path / "state" / "sources" / name
        home.mkdir(parents=True)
        (home / "accepted").write_text(to_text(accepted))
    (tmp_path / "state/sources/src-2/refused").write_text("it is not signed")
    return tmp_path / "state"


TAKEN_OVER = {"config-1": (to_text(GOOD), ""), "src-2": (to_text(OTHER), "it is not signed")}


async def test_everything_is_taken_over_and_left_for_an_older_paiwatch(state: Path) -> None:
    before = {file: file.read_bytes() for file in state.rglob("*") if file.is_file()}

    async with recording(state) as memories:
        assert rows(state) == TAKEN_OVER
        assert (memories("config-1").load(), memories("src-2").load()) == (GOOD, OTHER)

    assert before == {file: file.read_bytes() for file in before}


async def test_what_is_newer_in_the_record_stays_when_it_is_started_again(state: Path) -> None:
    async with recording(state) as memories:
        memories("config-1").remember(OTHER)
        memories("src-2").tell_refusal("")

    async with recording(state) as memories:
        assert memories("config-1").load() == OTHER
    assert rows(state) == {"config-1": (to_text(OTHER), ""), "src-2": (to_text(OTHER), "")}


async def test_a_refusal_of_today_goes_with_the_commit_of_before(state: Path) -> None:
    with Store.open(state) as store:
        store.put_acceptance("src-2", refused="another")

    async with recording(state):
        assert rows(state)["src-2"] == (to_text(OTHER), "another")


async def test_a_fault_in_the_import_takes_over_nothing_and_the_next_start_all(state: Path) -> None:
    failpoint.arm({failpoint.VARIABLE: "record.uncommitted:1:ENOSPC"})
    with pytest.raises(StoreError, match=r"record\.db: No space left on device"):
        async with recording(state):
            pytest.fail("it began to look")
    assert rows(state) == {}

    async with recording(state):
        assert rows(state) == TAKEN_OVER


async def test_one_that_cannot_be_read_is_a_fault_of_its_source_until_it_can(state: Path) -> None:
    file = state / "sources/config-1/accepted"
    file.unlink()
    file.mkdir()

    async with recording(state) as memories:
        for _ in range(2):
            with pytest.raises(TransientError, match=f"{file}: cannot be read: Is a directory; check"):
                memories("config-1").load()
        assert memories("src-2").load() == OTHER
        assert rows(state).keys() == {"src-2"}
        file.rmdir()
        file.write_text(to_text(GOOD))
        assert memories("config-1").load() == GOOD


async def test_what_no_paiwatch_wrote_into_the_record_is_a_fault_too(state: Path) -> None:
    with Store.open(state) as store:
        store.put_acceptance("config-1", accepted="main")

    async with recording(state) as memories:
        with pytest.raises(
            TransientError, match=r"record\.db: is damaged: .* which commit config-1 accepted last"
        ):
            memories("config-1").load()


async def test_who_only_looks_knows_what_either_has_and_writes_nothing(state: Path) -> None:
    async with recording(state):
        pass
    set_back(state)
    assert seen(state)("config-1").load() == GOOD
    assert rows(state) == {}

    with Store.open(state) as store:
        store.put_acceptance("config-1", accepted=to_text(OTHER))
    memory = seen(state)("config-1")
    assert memory.load() == OTHER
    memory.remember(GOOD)
    memory.tell_refusal("it is not signed")
    assert memory.load() == OTHER
    assert rows(state) == {"config-1": (to_text(OTHER), "")}


async def test_what_is_asked_of_a_closed_record_is_said_to_be_no_bug(state: Path) -> None:
    async with recording(state) as memories:
        memory = memories("config-1")

    with pytest.raises(TransientError, match="the record is closed"):
        memory.remember(GOOD)
    memory.tell_refusal("nobody hears this")


@pytest.mark.parametrize("record", ["missing", "empty"])
async def test_a_lost_record_trusts_no_mirror_anew_until_a_person_says_so(state: Path, record: str) -> None:
    home = state / "sources/config-1"
    if record == "empty":
        (state / "record.db").touch()
    told = f"missing or empty, but {home} mirrors a source with rules, .*: put a back-up .* move {home} away"

    with pytest.raises(StoreError, match=told):
        Store.open(state, judged=(home,))
    with pytest.raises(TransientError, match=told):
        seen(state)("config-1").load()

    shutil.rmtree(home)
    Store.open(state, judged=(home,)).close()


def test_a_lost_record_names_all_that_it_is_missed_by(state: Path) -> None:
    home = state / "sources/config-1"
    (state / "archive/1234").mkdir(parents=True)

    with pytest.raises(StoreError) as refused:
        Store.open(state, judged=(home,))

    assert str(refused.value) == (
        f"{state}/record.db: missing or empty, but there are archived releases, and {home} mirrors a source with rules, whose "
        f"last good commit nobody else knows: put a back-up of it in its place; to begin anew, with every service started again, "
        f"move {state}/archive away, and to trust what its branch has now, look at that and move {home} away"
    )

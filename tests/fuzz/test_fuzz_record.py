"""Whatever a tree makes somebody remember, the record gives it back unchanged."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.domain.run_spec import OPTIONS, OnInterruption, Operator, RunSpec
from paiwatch.engine.changes import HoldPut
from paiwatch.plan.applied import Applied, HeldBy, Hold
from paiwatch.plan.plan import Reason
from paiwatch.record import applied_rows, encoding
from paiwatch.record.history import History
from paiwatch.record.store import Store
from paiwatch.releases.release import Read, ReleaseFile
from paiwatch.snapshot import Entry, Mode, Revision
from tests.fuzz.soup import thorough

texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "\0", "\udcff", "\ud800", "\u2028", "'; DROP TABLE applied; --", "é" * 200]),
)
modes = st.sampled_from([*Mode])
seconds = st.floats(min_value=0, max_value=4e9).map(lambda at: round(at, 3))

reads = st.builds(
    Read,
    template=texts,
    path=st.lists(st.one_of(texts, st.integers(-9, 9), st.booleans()), max_size=3).map(tuple),
    how=texts,
    seen=texts,
    shown=texts,
)
applied = st.builds(
    Applied,
    service=texts,
    digest=texts,
    touched=st.booleans(),
    touched_by=st.sampled_from([None, *Operator]),
    version=texts,
    prerequisites=st.dictionaries(texts, texts, max_size=2),
    config=texts,
    src=texts,
    at=seconds,
    files=st.dictionaries(texts, st.builds(ReleaseFile, modes, texts), max_size=2),
    reads=st.lists(reads, max_size=2).map(tuple),
    spec=st.builds(
        RunSpec,
        scripts=st.dictionaries(st.sampled_from([*Operator]), texts, max_size=2),
        folder=texts,
        env=st.dictionaries(texts, texts, max_size=2),
        timeout=seconds,
        interrupted=st.sampled_from([*OnInterruption]),
        unset=st.frozensets(st.sampled_from(sorted(OPTIONS))),
    ),
    watched=st.dictionaries(texts, st.builds(Entry, modes, texts), max_size=2),
    seal=texts,
)
reasons = st.builds(
    Reason, kind=texts, detail=texts, before=texts, after=texts, chain=st.lists(texts, max_size=2).map(tuple)
)


@thorough()
@given(applied)
def test_what_was_applied_survives_its_row(one: Applied) -> None:
    row = applied_rows.applied_to_row(one)

    assert applied_rows.applied_from_row(row) == one
    for column in ("prerequisites", "files", "reads", "spec", "watched"):
        row[column].encode()  # SQLite takes nothing else


@thorough()
@given(st.lists(reasons, max_size=3).map(tuple), texts, texts, seconds)
def test_reasons_and_revisions_survive_their_columns(
    some: tuple[Reason, ...], commit: str, author: str, at: float
) -> None:
    revision = Revision(id=commit, author=author, subject=author, at=at)

    assert encoding.reasons_from_json(encoding.reasons_to_json(some)) == some
    assert encoding.revision_from_json(encoding.revision_to_json(revision)) == revision


def kept(text: str) -> str:
    """What a column of plain text gives back: escapes for what UTF-8 cannot say."""
    return text.encode("utf-8", "backslashreplace").decode()


@thorough(0.2)
@given(
    st.lists(
        st.builds(Hold, service=texts, by=st.sampled_from([*HeldBy]), reason=texts, since=seconds), max_size=4
    )
)
def test_holds_survive_the_file(holds: list[Hold]) -> None:
    with tempfile.TemporaryDirectory() as state:
        with Store.open(Path(state)) as store:
            for hold in holds:
                store.commit([HoldPut(hold=hold)])
        with History.open(Path(state)) as past:
            found = past.holds()

    expected = {
        kept(hold.service): replace(hold, service=kept(hold.service), reason=kept(hold.reason))
        for hold in holds
    }
    assert found == expected

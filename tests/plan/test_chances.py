"""What used up its retries gets another chance when something that it stands on was applied anew."""

from dataclasses import replace

from paiwatch.plan import chances
from paiwatch.plan.applied import Pin, PinnedBy
from paiwatch.plan.target import make_target
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied

TREE = a_desired(a_service("base"), a_service("web", needs=("base",)), a_service("side"))
MEMORY = all_applied(TREE)
TARGET = make_target(TREE, MEMORY)
WEB = ("web", TREE.releases["web"].digest)


def test_only_what_was_applied_after_its_last_run_gives_a_new_chance() -> None:
    newer = MEMORY | {"base": replace(MEMORY["base"], version=8)}

    assert chances.new({WEB: 7}, TARGET, newer) == {WEB}
    assert chances.new({WEB: 9}, TARGET, newer) == frozenset()
    assert chances.new({WEB: 7}, TARGET, MEMORY | {"side": replace(MEMORY["side"], version=8)}) == frozenset()


def test_a_prerequisite_in_doubt_gives_none() -> None:
    doubtful = MEMORY | {"base": replace(MEMORY["base"], version=8, touched="other")}

    assert chances.new({WEB: 7}, TARGET, doubtful) == frozenset()


def test_only_releases_that_are_to_run_count_and_none_that_a_person_went_back_from() -> None:
    old = an_applied(a_release("web", {"start.sh": "old"}))
    pin = Pin(instead_of=WEB[1], release=old, since=1.0, by=PinnedBy.PERSON, because="slow")

    assert chances.candidates([WEB, ("web", "other"), ("gone", "x")], TARGET) == (WEB,)
    pinned = MEMORY | {"web": replace(MEMORY["web"], pin=pin)}
    target = make_target(TREE, pinned)
    assert chances.candidates([WEB, ("web", old.digest)], target) == (("web", old.digest),)

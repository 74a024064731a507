"""Which release a service goes back to, and which dependents go back with it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from paiwatch.domain.run_spec import RunSpec
from paiwatch.plan import rollback
from paiwatch.plan.applied import Applied, Former, Pin, PinnedBy
from paiwatch.plan.rollback import Grounds
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied

GROUNDS = Grounds(by=PinnedBy.POLICY, since=3.0, because="start failed", origin="run 7")
SERVICES = (
    a_service("base"),
    a_service("web", needs=("base",)),
    a_service("middle", needs=("web",)),
    a_service("top", needs=("middle",)),
)
TREE = a_desired(*SERVICES, texts=dict.fromkeys(("web", "middle", "top"), "new"))


def a_former(name: str, text: str, *, left: int) -> Former:
    return Former(release=an_applied(a_release(name, {"start.sh": text})), left=left)


def digest(name: str, text: str) -> str:
    return a_release(name, {"start.sh": text}).digest


def pins(
    memory: Mapping[str, Applied], past: Mapping[str, Iterable[Former]], *, changed: Iterable[str]
) -> dict[str, Pin]:
    """As web goes back to `old`, which generation 5 left; that brought new releases to `changed`."""
    return rollback.pins(
        "web",
        a_former("web", "old", left=5),
        GROUNDS,
        wanted=TREE.releases["web"].digest,
        desired=TREE,
        memory=memory,
        past={name: tuple(each) for name, each in past.items()},
        changed={(name, TREE.releases[name].digest) for name in changed},
    )


def test_the_last_good_release_is_the_newest_that_the_tree_does_not_ask_for() -> None:
    applied = an_applied(a_release("web", {"start.sh": "new"}))
    past = (a_former("web", "old", left=5), a_former("web", "older", left=3))
    good = rollback.good_releases(applied, past, generation=9)

    def found(wanted: str, *quarantined: str) -> Former | None:
        return rollback.last_good(
            "web", digest("web", wanted), good, {("web", digest("web", text)) for text in quarantined}
        )

    assert found("new") == past[0]
    assert found("newer") == Former(release=applied, left=9)
    assert found("new", "old") == past[1]
    assert found("new", "old", "older") is None


def test_what_was_never_started_has_nothing_to_go_back_to() -> None:
    assert rollback.good_releases(None, (), generation=1) == ()
    assert rollback.good_releases(Applied(service="web", touched="d"), (), generation=1) == ()


def test_a_release_whose_scripts_a_later_run_replaced_is_taken_from_the_past() -> None:
    old = a_former("web", "old", left=5)
    applied = replace(old.release, touched=digest("web", "new"), spec=RunSpec())

    assert rollback.good_releases(applied, (old,), generation=9) == (old,)


def test_the_pin_names_both_releases_and_the_grounds() -> None:
    found = pins(all_applied(TREE), {}, changed=("web",))

    assert found == {
        "web": Pin(
            instead_of=TREE.releases["web"].digest,
            release=a_former("web", "old", left=5).release,
            since=3.0,
            by=PinnedBy.POLICY,
            because="start failed",
            left=5,
            origin="run 7",
        )
    }


def test_dependents_that_changed_in_the_same_generation_go_back_too() -> None:
    past = {"middle": [a_former("middle", "old", left=6)], "top": [a_former("top", "old", left=2)]}

    found = pins(all_applied(TREE), past, changed=("web", "middle"))

    assert found.keys() == {"web", "middle"}
    assert found["middle"].release.digest == digest("middle", "old")
    assert (found["middle"].leader, found["middle"].origin) == ("web", "")


def test_a_dependent_that_left_its_release_in_an_earlier_generation_stays() -> None:
    past = {"middle": [a_former("middle", "old", left=4)]}

    assert pins(all_applied(TREE), past, changed=("web", "middle")).keys() == {"web"}


def test_a_dependent_to_which_the_change_has_not_come_yet_stays_where_it_is() -> None:
    memory = all_applied(TREE)
    memory["middle"] = an_applied(a_release("middle", {"start.sh": "old"}))

    found = pins(memory, {}, changed=("web", "middle"))

    assert found["middle"].release == memory["middle"]
    assert found["middle"].instead_of == TREE.releases["middle"].digest


def test_a_dependent_that_was_rolled_back_by_itself_keeps_its_pin() -> None:
    own = Pin(
        instead_of=TREE.releases["middle"].digest,
        release=an_applied(a_release("middle", {"start.sh": "own"})),
        since=1.0,
        by=PinnedBy.PERSON,
        because="",
    )
    memory = all_applied(TREE)
    memory["middle"] = replace(memory["middle"], pin=own)
    past = {"middle": [a_former("middle", "old", left=6)]}

    assert pins(memory, past, changed=("web", "middle")).keys() == {"web"}


def test_prerequisites_and_new_dependents_are_left_alone() -> None:
    memory = all_applied(TREE)
    del memory["top"]
    past = {"base": [a_former("base", "old", left=6)]}

    assert pins(memory, past, changed=("base", "web", "top")).keys() == {"web"}

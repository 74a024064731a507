"""A service under a new name is removed and new, and people are told that the two belong together."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.service import Removal
from paiwatch.plan.applied import Applied
from paiwatch.plan.plan import Kind, Plan
from paiwatch.plan.policy import Policy
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied
from tests.planning import build, why_not

FILES = {"service.yaml": "start-script: start.sh", "start.sh": "run", "stop.sh": "halt", "value.txt": "old"}


def a_look(**services: dict[str, str]) -> Desired:
    """A tree of these services with these files."""
    found = [a_service(name) for name in services]
    return a_desired(*found, releases=[a_release(name, files) for name, files in services.items()])


def plan(before: Desired, after: Desired, removed: Removal = Removal.STOP) -> Plan:
    return build(after, all_applied(before), Policy(removed=removed))


def told(found: Plan) -> list[str]:
    return [reason.detail for step in found.steps for reason in step.reasons if reason.kind == "renamed"]


def test_both_steps_say_so_and_stay_a_removal_and_a_start() -> None:
    found = plan(a_look(web=FILES), a_look(site=FILES | {"value.txt": "new"}))

    assert [(str(step.id), step.kind) for step in found.steps] == [
        ("stop web", Kind.REMOVED),
        ("start site", Kind.NEW),
    ]
    assert told(found) == [
        "renamed to 'site', which has most of its files",
        "renamed from 'web', which had most of its files",
    ]
    assert found.renamed == {"web": "site"}


def test_half_of_the_files_is_not_enough() -> None:
    half = FILES | {"value.txt": "new", "stop.sh": "new"}

    assert plan(a_look(web=FILES), a_look(site=half)).renamed == {}
    assert plan(a_look(web=FILES), a_look(site=FILES | dict.fromkeys("abcd", ""))).renamed == {}


def test_what_is_kept_says_what_it_is_called_now() -> None:
    before, after = a_look(web=FILES), a_look(site=FILES)
    found = plan(before, after, Removal.KEEP)

    (why,) = why_not("web", after, all_applied(before), found)

    assert why.startswith("'web' is gone from the tree, renamed to 'site', and kept: release ")
    assert told(found) == ["renamed from 'web', which had most of its files"]


def test_each_finds_the_one_that_is_most_like_it() -> None:
    other = FILES | {"value.txt": "other"}

    found = plan(a_look(a=FILES, b=other), a_look(y=other, z=FILES))

    assert found.renamed == {"a": "z", "b": "y"}


def test_a_service_that_runs_already_is_no_new_name_and_one_that_is_there_still_no_old_one() -> None:
    assert plan(a_look(web=FILES, site=FILES), a_look(site=FILES)).renamed == {}
    assert plan(a_look(web=FILES), a_look(web=FILES, site=FILES)).renamed == {}


def test_what_never_ran_well_was_nothing_to_rename() -> None:
    memory = {"web": replace(an_applied(a_release("web", FILES)), digest="", touched="t" * 64, files={})}

    assert build(a_look(site=FILES), memory, Policy(removed=Removal.STOP)).renamed == {}


@given(st.permutations(["a", "b", "c"]), st.permutations(["x", "y", "z"]))
def test_the_order_of_names_does_not_matter(old: list[str], new: list[str]) -> None:
    memory: dict[str, Applied] = {}
    for name in old:
        memory |= all_applied(a_look(**{name: FILES}))

    found = build(a_look(**dict.fromkeys(new, FILES)), memory, Policy(removed=Removal.STOP))

    assert found.renamed == {"a": "x", "b": "y", "c": "z"}

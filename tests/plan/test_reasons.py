"""Reasons name the file and the key."""

import pytest

from paiwatch.plan.plan import Reason
from paiwatch.plan.policy import Policy
from paiwatch.releases.release import Read, Release
from paiwatch.snapshot import Mode
from tests.builders import a_desired, a_read, a_release, a_service, an_applied
from tests.planning import build


def why(before: Release, after: Release) -> tuple[Reason, ...]:
    """The reasons of the one step that leads from one release to the other."""
    desired = a_desired(a_service(after.service), releases=[after])
    (step,) = build(desired, {before.service: an_applied(before)}, Policy()).steps
    return step.reasons


def a_rendered(*reads: Read, text: str = "x", template: str = "{{ x }}") -> Release:
    """One template, what it rendered to, and what it read."""
    return a_release("grafana", {"start.sh.template": template}, rendered={"start.sh": text}, reads=reads)


def test_a_key_is_named_with_both_values_and_its_reader() -> None:
    (reason,) = why(
        a_rendered(a_read("grafana.port", 3000), text="3000"),
        a_rendered(a_read("grafana.port", 3001), text="3001"),
    )

    assert reason.detail == "grafana.port: 3000 → 3001, read by start.sh.template"
    assert (reason.kind, reason.key, reason.before, reason.after) == ("key", "grafana.port", "3000", "3001")
    assert reason.file == "src/grafana/deploy/start.sh.template"


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        pytest.param(("missing", None), ("value", 5), "a.b: (not set) → 5", id="set now"),
        pytest.param(("value", 5), ("missing", None), "a.b: 5 → (not set)", id="no longer set"),
        pytest.param(("subtree", 1), ("subtree", 2), "a.b changed inside", id="subtree"),
        pytest.param(("value", "***"), ("value", "*** "), "a.b: *** → *** ", id="differs as shown"),
    ],
)
def test_keys_in_all_their_ways(before: tuple[str, object], after: tuple[str, object], sentence: str) -> None:
    old, new = (a_read("a.b", value, how=how) for how, value in (before, after))

    (reason,) = why(a_rendered(old, text="1"), a_rendered(new, text="2"))

    assert reason.detail == f"{sentence}, read by start.sh.template"


def test_masked_values_are_said_to_have_changed() -> None:
    old, new = (
        Read(template="start.sh", path=("db", "password"), how="value", seen=seen, shown="***")
        for seen in "12"
    )

    (reason,) = why(a_rendered(old, text="1"), a_rendered(new, text="2"))

    assert reason.detail == "db.password changed, read by start.sh.template"


def test_keys_that_only_one_rendering_reached_are_not_causes() -> None:
    (reason,) = why(
        a_rendered(a_read("on", value=True), a_read("a.x", 1), text="1"),
        a_rendered(a_read("on", value=False), a_read("a.y", 1), text="2"),
    )

    assert reason.key == "on"


def test_a_template_that_was_edited_is_the_reason_not_its_output() -> None:
    (reason,) = why(
        a_rendered(a_read("a", 1), text="1", template="{{ a }}"),
        a_rendered(a_read("a", 2), text="2 ", template="{{ a }} "),
    )

    assert reason.detail == "src/grafana/deploy/start.sh.template changed"


def test_files_are_added_removed_changed_and_change_mode() -> None:
    before = a_release("a", {"same": "1", "gone": "1", "edited": "1", "mode": "1"})
    after = a_release(
        "a", {"same": "1", "new": "1", "edited": "2", "mode": "1"}, modes={"mode": Mode.EXECUTABLE}
    )

    assert [reason.detail for reason in why(before, after)] == [
        "src/a/deploy/edited changed",
        "src/a/deploy/gone was removed",
        "src/a/deploy/mode changed its mode from 100644 to 100755",
        "src/a/deploy/new was added",
    ]


def test_many_reasons_are_counted() -> None:
    reasons = why(
        a_release("a", {f"{number:02}": "1" for number in range(50)}),
        a_release("a", {f"{number:02}": "2" for number in range(50)}),
    )

    assert len(reasons) == 21
    assert reasons[-1].detail == "and 30 more"


def test_another_release_without_known_files_still_has_a_reason() -> None:
    after = a_release("a", {"start.sh": "2"})
    desired = a_desired(a_service("a"), releases=[after])
    memory = {"a": an_applied(after, digest="5" * 64)}

    (step,) = build(desired, memory, Policy()).steps

    assert step.reasons[0].detail == f"release {after.digest[:8]} replaces 55555555"


def test_a_dependent_tells_the_whole_chain() -> None:
    services = (
        a_service("a"),
        a_service("b", needs=("a",)),
        a_service("c", needs=("b",)),
        a_service("d", needs=("c",)),
    )
    first = a_desired(*services)
    memory = {
        name: an_applied(
            release, prerequisites={edge.service: 1 for edge in first.services[name].prerequisites}
        )
        for name, release in first.releases.items()
    }

    plan = build(a_desired(*services, texts={"a": "second"}), memory, Policy())

    assert [step.reasons[-1].detail for step in plan.steps] == [
        "src/a/deploy/start.sh changed",
        "its prerequisite 'a' changed: src/a/deploy/start.sh changed",
        "its prerequisite 'b' is refreshed because 'a' changed: src/a/deploy/start.sh changed",
        "its prerequisite 'c' is refreshed (through 'b') because 'a' changed: src/a/deploy/start.sh changed",
    ]
    assert [step.reasons[-1].chain for step in plan.steps] == [(), ("a",), ("b", "a"), ("c", "b", "a")]

"""A service that watches files says which of them brought it into the plan."""

from collections.abc import Mapping

import pytest

from paiwatch.catalog.watch import Pattern
from paiwatch.plan.policy import Policy
from paiwatch.snapshot import Mode
from tests.builders import a_desired, a_release, a_service, an_applied
from tests.planning import build

VERSION = "version/PAI.VERSION"


def why(before: Mapping[str, str], after: Mapping[str, str], *, mode: Mode = Mode.FILE) -> list[str]:
    old = a_release("grafana", watched=before)
    new = a_release("grafana", watched=after, modes={VERSION: mode})
    service = a_service("grafana", watch=(Pattern(text="version/*.VERSION"),))
    plan = build(a_desired(service, releases=[new]), {"grafana": an_applied(old)}, Policy())
    assert all(reason.file.startswith("version/") for step in plan.steps for reason in step.reasons)
    return [reason.detail for step in plan.steps for reason in step.reasons]


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        pytest.param(
            {VERSION: "1"},
            {VERSION: "2"},
            [f"{VERSION} changed, watched by 'version/*.VERSION'"],
            id="changed",
        ),
        pytest.param(
            {}, {VERSION: "2"}, [f"{VERSION} is new among what is watched by 'version/*.VERSION'"], id="new"
        ),
        pytest.param(
            {VERSION: "1"}, {}, [f"{VERSION} was removed; watched by 'version/*.VERSION'"], id="removed"
        ),
        pytest.param({"version/x": "1"}, {}, ["version/x is not watched any more"], id="other pattern"),
        pytest.param({VERSION: "1"}, {VERSION: "1"}, [], id="the same"),
    ],
)
def test_a_watched_file_is_named_with_its_pattern(
    before: Mapping[str, str], after: Mapping[str, str], sentences: list[str]
) -> None:
    assert why(before, after) == sentences


def test_another_mode_is_told_as_such() -> None:
    assert why({VERSION: "1"}, {VERSION: "1"}, mode=Mode.EXECUTABLE) == [
        f"{VERSION} changed its mode from 100644 to 100755, watched by 'version/*.VERSION'"
    ]

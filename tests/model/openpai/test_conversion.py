"""Old services configurations in today's form, and what they lose on the way."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.model.openpai.conversion import convert


def test_todays_form_only_gets_the_kind_of_cluster() -> None:
    converted = convert({"rest-server": {"a": 1}, "x": 2})

    assert converted.sections == {
        "rest-server": {"a": 1},
        "x": 2,
        "cluster": {"common": {"cluster-type": "k8s"}},
    }
    assert not converted.is_old


def test_a_kind_that_is_given_stays() -> None:
    services = {"rest-server": {}, "cluster": {"common": {"cluster-type": "yarn"}, "more": 1}}

    assert convert(services).sections == services


def test_old_places_become_new_ones_and_the_rest_is_told() -> None:
    converted = convert({
        "cluster": {"cluster-id": "x", "docker-registry-info": {"docker-tag": "v1", "other": 1}},
        "restserver": {"port": 1},
        "prometheus": {"prometheus-port": 5, "alerting": {"smtp_url": "s"}, "rest": 0},
        "drivers": {"v": 1},
        "zookeeper": {"a": {"b": 1}},
    })  # fmt: skip

    assert converted.sections == {
        "drivers": {"v": 1},
        "cluster": {
            "common": {"cluster-id": "x", "cluster-type": "k8s"},
            "docker-registry": {"tag": "v1"},
        },
        "rest-server": {"port": 1},
        "prometheus": {"port": 5},
        "alert-manager": {"smtp_url": "s"},
    }
    assert converted.dropped == (
        ("cluster", "docker-registry-info", "other"),
        ("prometheus", "rest"),
        ("zookeeper",),
    )
    assert converted.origin(("rest-server", "port")) == ("restserver", "port")
    assert converted.origin(("cluster", "common", "cluster-id")) == ("cluster", "cluster-id")


@pytest.mark.parametrize(
    "services", [{}, {"cluster": None}, {"cluster": {"common": None}, "rest-server": None}]
)
def test_what_is_empty_counts_as_absent(services: dict[str, Any]) -> None:
    assert convert(services).sections["cluster"]["common"] == {"cluster-type": "k8s"}


keys = st.sampled_from(
    [
        "cluster",
        "common",
        "hadoop",
        "rest-server",
        "restserver",
        "prometheus",
        "alerting",
        "prometheus-port",
        "x",
    ]
)
trees = st.recursive(
    st.none() | st.integers(), lambda below: st.dictionaries(keys, below, max_size=4), max_leaves=15
)


@given(st.dictionaries(keys, trees, max_size=6))
def test_nothing_is_changed_and_nothing_vanishes_untold(services: dict[str, Any]) -> None:
    before = copy.deepcopy(services)

    converted = convert(services)

    assert services == before
    if converted.is_old:
        assert all(told(path, converted.dropped, converted.origins or {}) for path in leaves(services, ()))


def told(path: tuple[Any, ...], dropped: Any, origins: Any) -> bool:
    return any(path[: len(place)] == place for place in (*dropped, *origins.values()))


def leaves(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    elif not isinstance(value, dict):
        yield path

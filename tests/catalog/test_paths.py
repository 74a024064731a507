"""Paths of service.yaml."""

import os.path
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog import paths

_PATHS = st.lists(st.sampled_from(["a", "b", "..", ".", ""]), max_size=6).map("/".join)


@given(path=_PATHS)
def test_a_path_without_a_fault_stays_inside(path: str) -> None:
    if paths.fault(path) is None:
        assert os.path.normpath(path) == paths.normal(path)
        assert not paths.normal(path).startswith(("..", "/"))


@given(target=_PATHS)
def test_a_link_resolves_as_the_system_does_or_leaves(target: str) -> None:
    expected = os.path.normpath(Path("/top/deploy/sub") / target)

    reached = paths.resolve("sub/link", target)

    if reached is not None:
        assert os.path.normpath(f"/top/deploy/{reached}") == expected
    if not expected.startswith("/top/deploy") or target.startswith("/"):
        assert reached is None


@pytest.mark.parametrize("name", ["a\nb", "\ud800", "\x1b[31m", "a\u202eb"])
def test_odd_names_are_shown_as_escapes(name: str) -> None:
    shown = paths.shown(name)

    assert shown.isprintable()
    assert shown.encode()


def test_ordinary_names_are_shown_as_they_are() -> None:
    assert paths.shown("größe a") == "größe a"

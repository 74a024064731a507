"""Where a name leads, and where it may change on the way."""

from pathlib import Path

import pytest

from paiwatch.sources import route
from paiwatch.sources.route import Route


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "srv" / "v1" / "config").mkdir(parents=True)
    (tmp_path / "srv" / "current").symlink_to("v1")
    (tmp_path / "entry").symlink_to(tmp_path / "srv")
    (tmp_path / "ring").symlink_to("ring")
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "end", "signs"),
    [
        pytest.param("srv/v1", "srv/v1", ["srv/v1"], id="plain"),
        pytest.param("srv/current", "srv/v1", ["srv/current", "srv/v1"], id="link"),
        pytest.param(
            "srv/current/config", "srv/v1/config", ["srv/current", "srv/v1/config"], id="on-the-way"
        ),
        pytest.param("entry/current", "srv/v1", ["entry", "srv/current", "srv/v1"], id="absolute-link"),
        pytest.param("srv/v1/../v1", "srv/v1", ["srv/v1"], id="up-and-down"),
        pytest.param("srv/v2/config", None, ["srv/v2"], id="missing"),
        pytest.param("file/x", None, ["file"], id="through-a-file"),
        pytest.param("file", None, ["file"], id="a-file"),
    ],
)
def test_links_the_end_and_what_is_missing_are_signs(
    top: Path, name: str, end: str | None, signs: list[str]
) -> None:
    found = route.find(top / name)

    assert found.end == (None if end is None else top / end)
    assert [folder / part for folder, part in found.signs] == [top / sign for sign in signs]


def test_a_ring_of_links_leads_nowhere(top: Path) -> None:
    assert route.find(top / "ring").end is None


def test_the_root_itself_is_always_there() -> None:
    assert route.find(Path("/")) == Route(end=Path("/"), signs=())

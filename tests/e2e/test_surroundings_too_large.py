"""Files beside the services that are too large together: nobody's fault, no attempt lost, good again with the next commit."""

from pathlib import Path

import pytest

from paiwatch.operators import surroundings
from tests.e2e.inside import Inside


def test_once_ends_and_says_so_and_goes_on_when_they_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Inside(tmp_path)
    lab.build({"web": ()})
    beside = tmp_path / "tree" / "src" / "words.txt"
    beside.write_text("many words")
    monkeypatch.setattr(surroundings, "_LARGEST", 5)

    said = lab.cli("once", code=1)

    assert "the files beside the services have more than 5 bytes; keep large ones elsewhere" in said
    assert not lab.trace()
    (run,) = lab.json("history")
    assert (run["outcome"], run["exit"]) == ("interrupted", None)

    beside.unlink()
    lab.cli("once")

    assert [row["state"] for row in lab.json("status")["services"]] == ["up-to-date"]

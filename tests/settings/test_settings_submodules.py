"""The setting that says whether submodules are followed."""

from pathlib import Path

import pytest

from paiwatch.errors import ConfigError
from paiwatch.settings.file import load
from paiwatch.settings.sections import Settings, Submodules


def read(tmp_path: Path, config: str, src: str = "directory: /s") -> Settings:
    (tmp_path / "config.yaml").write_text(f"config: {{{config}}}\nsrc: {{{src}}}\n")
    return load(tmp_path / "config.yaml", {})


def fault(tmp_path: Path, config: str, src: str = "directory: /s") -> str:
    """The only fault of these settings."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, config, src)
    (problem,) = caught.value.problems
    return str(problem)


def test_they_are_off_unless_the_settings_say_so(tmp_path: Path) -> None:
    assert read(tmp_path, "repo: /r").config.submodules is Submodules.OFF


@pytest.mark.parametrize("word", ["off", "on", '"off"', '"on"'])
def test_the_words_are_read_as_they_are_written(tmp_path: Path, word: str) -> None:
    found = read(tmp_path, f"repo: /r, verify: off, submodules: {word}").config

    assert found.submodules is Submodules(word.strip('"'))
    assert found.follows_submodules is (found.submodules is Submodules.ON)


@pytest.mark.parametrize("word", ["true", "recursive", "1"])
def test_other_words_are_faults(tmp_path: Path, word: str) -> None:
    assert "config.yaml:1:" in fault(tmp_path, f"repo: /r, submodules: {word}")


def test_a_live_directory_has_none(tmp_path: Path) -> None:
    assert "'src.submodules' goes with 'repo'" in fault(tmp_path, "repo: /r", "directory: /s, submodules: on")


def test_one_branch_is_followed_in_one_way(tmp_path: Path) -> None:
    said = fault(tmp_path, "repo: /r, submodules: on", "repo: /r")

    assert "one with its submodules and one without; give both the same 'submodules'" in said

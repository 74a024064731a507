"""Diffs as git shows them, with secrets masked."""

import os
import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.report import differences
from paiwatch.report.differences import File
from paiwatch.snapshot import Mode


def as_is(text: str) -> str:
    return text


def files(contents: Mapping[str, bytes]) -> dict[str, File]:
    return {path: (Mode.FILE, content) for path, content in contents.items()}


def test_changed_new_and_gone_files_come_in_order() -> None:
    text = differences.file_diffs(
        files({"b": b"1\n2\n", "gone": b"x\n", "same": b"s\n"}),
        files({"b": b"1\n3\n", "added": b"n\n", "same": b"s\n"}),
        folder="src/web/deploy",
        mask=as_is,
    )

    headings = [line for line in text.splitlines() if line.startswith(("---", "+++"))]
    assert headings == [
        "--- /dev/null",
        "+++ b/src/web/deploy/added",
        "--- a/src/web/deploy/b",
        "+++ b/src/web/deploy/b",
        "--- a/src/web/deploy/gone",
        "+++ /dev/null",
    ]
    assert "-2\n+3\n" in text


def test_equal_files_have_no_diff() -> None:
    assert differences.file_diffs(files({"a": b"x"}), files({"a": b"x"}), folder="f", mask=as_is) == ""


def test_secrets_are_masked_on_both_sides_and_a_change_of_only_a_secret_is_named() -> None:
    def mask(text: str) -> str:
        return text.replace("hunter2", "***").replace("hunter3", "***")

    text = differences.one_diff(
        "env", (Mode.FILE, b"password=hunter2\n"), (Mode.FILE, b"password=hunter3\n"), mask=mask
    )

    assert "hunter" not in text
    assert text == "diff --git a/env b/env\nonly values that must not be shown differ\n"


def test_binary_files_only_say_that_they_differ() -> None:
    text = differences.one_diff(
        "logo.png", (Mode.FILE, b"\x89PNG\0a"), (Mode.FILE, b"\x89PNG\0b"), mask=as_is
    )

    assert text == "diff --git a/logo.png b/logo.png\nBinary files a/logo.png and b/logo.png differ\n"


TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "\r\n", "c d\n", "\u2028\n", "end"]), max_size=6).map("".join)


@settings(max_examples=20, deadline=None)
@given(old=TEXTS, new=TEXTS, mode=st.sampled_from([Mode.FILE, Mode.EXECUTABLE]))
def test_git_can_apply_what_is_shown(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, mode: Mode
) -> None:
    folder = tmp_path_factory.mktemp("apply")
    (folder / "file").write_bytes(old.encode())
    before, after = {"file": (Mode.FILE, old.encode())}, {"file": (mode, new.encode())}
    text = differences.file_diffs(before, after, folder="deploy", mask=as_is)

    if text:
        subprocess.run(["git", "apply", "-p2", "-"], cwd=folder, input=text.encode(), check=True)

    assert (folder / "file").read_bytes() == new.encode()
    assert os.access(folder / "file", os.X_OK) is (mode is Mode.EXECUTABLE)

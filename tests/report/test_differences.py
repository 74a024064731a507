"""Diffs as git shows them, with secrets masked."""

import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.report import differences


def as_is(text: str) -> str:
    return text


def test_changed_new_and_gone_files_come_in_order() -> None:
    text = differences.file_diffs(
        {"b": b"1\n2\n", "gone": b"x\n", "same": b"s\n"},
        {"b": b"1\n3\n", "added": b"n\n", "same": b"s\n"},
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
    assert differences.file_diffs({"a": b"x"}, {"a": b"x"}, folder="f", mask=as_is) == ""


def test_secrets_are_masked_on_both_sides_and_a_change_of_only_a_secret_is_named() -> None:
    def mask(text: str) -> str:
        return text.replace("hunter2", "***").replace("hunter3", "***")

    text = differences.one_diff("env", b"password=hunter2\n", b"password=hunter3\n", mask=mask)

    assert "hunter" not in text
    assert text == "b/env: only values that must not be shown differ\n"


def test_binary_files_only_say_that_they_differ() -> None:
    text = differences.one_diff("logo.png", b"\x89PNG\0a", b"\x89PNG\0b", mask=as_is)

    assert text == "Binary files a/logo.png and b/logo.png differ\n"


TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "\r\n", "c d\n", "\u2028\n", "end"]), max_size=6).map("".join)


@settings(max_examples=20, deadline=None)
@given(old=TEXTS, new=TEXTS)
def test_git_can_apply_what_is_shown(tmp_path_factory: object, old: str, new: str) -> None:
    folder = Path(tmp_path_factory.mktemp("apply"))  # type: ignore[attr-defined]
    (folder / "file").write_bytes(old.encode())
    text = differences.file_diffs({"file": old.encode()}, {"file": new.encode()}, folder=".", mask=as_is)

    if text:
        subprocess.run(["git", "apply", "-p2", "-"], cwd=folder, input=text.encode(), check=True)

    assert (folder / "file").read_bytes() == new.encode()

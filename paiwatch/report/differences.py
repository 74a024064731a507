"""Unified diffs of a release's files, old to new. Bytes in, text out; secrets are masked by the caller's function."""

import difflib
from collections.abc import Callable, Mapping

from paiwatch.snapshot import Mode

#: Hides secret values in a text.
Mask = Callable[[str], str]

_BINARY_PROBE = 8192
_NOTHING = (Mode.FILE, b"")


#: A file's kind and bytes.
File = tuple[Mode, bytes]


def file_diffs(old: Mapping[str, File], new: Mapping[str, File], *, folder: str, mask: Mask) -> str:
    """All files that differ, by path, under `folder` (for the headings). Empty when none does."""
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return "".join(one_diff(f"{folder}/{path}", old.get(path), new.get(path), mask=mask) for path in paths)


def one_diff(path: str, old: File | None, new: File | None, *, mask: Mask) -> str:
    """One file as git shows it; None for a side that does not have it. Binary files only say that they differ."""
    heading = f"diff --git a/{path} b/{path}\n{_mode_lines(old, new)}"
    before = "/dev/null" if old is None else f"a/{path}"
    after = "/dev/null" if new is None else f"b/{path}"
    (_, was), (_, is_now) = old or _NOTHING, new or _NOTHING
    if was == is_now:
        return heading
    if _is_binary(was) or _is_binary(is_now):
        return f"{heading}Binary files {before} and {after} differ\n"
    lines = difflib.unified_diff(_lines(was, mask), _lines(is_now, mask), before, after)
    text = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
    return heading + (text or "only values that must not be shown differ\n")


def _mode_lines(old: File | None, new: File | None) -> str:
    """What git says of modes."""
    if old is None or new is None:
        word, file = ("new", new) if old is None else ("deleted", old)
        return f"{word} file mode {file[0]}\n" if file is not None else ""
    return "" if old[0] == new[0] else f"old mode {old[0]}\nnew mode {new[0]}\n"


def _lines(content: bytes, mask: Mask) -> list[str]:
    """Masked text in lines with their ends; only a line feed ends a line, as for diff."""
    *whole, rest = mask(content.decode(errors="replace")).split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _is_binary(content: bytes) -> bool:
    """Git's own rule of thumb: a NUL near the beginning."""
    return b"\0" in content[:_BINARY_PROBE]

"""Unified diffs of a release's files, old to new. Bytes in, text out; secrets are masked by the caller's function."""

import difflib
from collections.abc import Callable, Mapping

#: Hides secret values in a text.
Mask = Callable[[str], str]

_BINARY_PROBE = 8192


def file_diffs(old: Mapping[str, bytes], new: Mapping[str, bytes], *, folder: str, mask: Mask) -> str:
    """All files that differ, by path, under `folder` (for the headings). Empty when none does."""
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return "".join(one_diff(f"{folder}/{path}", old.get(path), new.get(path), mask=mask) for path in paths)


def one_diff(path: str, old: bytes | None, new: bytes | None, *, mask: Mask) -> str:
    """One file; None for a side that does not have it. Binary files only say that they differ."""
    before = "/dev/null" if old is None else f"a/{path}"
    after = "/dev/null" if new is None else f"b/{path}"
    if _is_binary(old or b"") or _is_binary(new or b""):
        return f"Binary files {before} and {after} differ\n"
    lines = difflib.unified_diff(_lines(old, mask), _lines(new, mask), before, after)
    text = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
    return text or f"{after}: only values that must not be shown differ\n"


def _lines(content: bytes | None, mask: Mask) -> list[str]:
    """Masked text in lines with their ends; only a line feed ends a line, as for diff."""
    *whole, rest = mask((content or b"").decode(errors="replace")).split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _is_binary(content: bytes) -> bool:
    """Git's own rule of thumb: a NUL near the beginning."""
    return b"\0" in content[:_BINARY_PROBE]

"""What git prints, as values: listings, differences, blobs, refs. Pure; NUL-separated bytes in, so that any name survives.

Raises ValueError for what git does not print.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from paiwatch.snapshot import Commit, Entry, Mode, Revision

#: What makes `git log` print what `parse_log` reads. A merge brings nothing of its own; those it merges are listed.
LOG_FLAGS = (
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-merges",
    "--topo-order",
    "--ignore-submodules=none",
    "--format=%H%x00%an%x00%ct%x00%s",
)

_LONGEST_LINE = 300  # characters of a subject or a name
_LONGEST = 13  # digits of a time that is still one

#: Paths are str; bytes that are no UTF-8 come through as lone surrogates, as everywhere in Python (os.fsencode gives them back).
_KINDS = {"120000": Mode.LINK, "160000": Mode.SUBMODULE, "100755": Mode.EXECUTABLE, "100644": Mode.FILE}


def parse_listing(output: bytes) -> dict[str, Entry]:
    """`git ls-tree -r -z`: every file by path, in path order."""
    found = {}
    known: dict[str, Entry] = {}  # thousands of services have some of their files in common
    for record in _records(output):
        facts, _, path = record.partition("\t")
        entry = known.get(facts)
        if entry is None:
            mode, _, oid = facts.split(" ")
            entry = known[facts] = Entry(parse_mode(mode), oid)
        found[path] = entry
    return _in_order(found)


def apply_difference(files: Mapping[str, Entry], output: bytes) -> dict[str, Entry]:
    """`git diff-tree -r -z --raw --no-renames` applied to an older listing; in path order, as if listed anew."""
    result = dict(files)
    has_new = False
    records = _records(output)
    for facts in records:
        path = next(records, "")
        _, mode, _, oid, status = facts.split(" ")
        if status == "D":
            result.pop(path, None)
        else:
            has_new = has_new or path not in result
            result[path] = Entry(parse_mode(mode), oid)
    return _in_order(result) if has_new else result


def written_paths(output: bytes) -> tuple[str, ...]:
    """What is new or changed in the same output: all but what it takes away."""
    records = _records(output)
    return tuple(path for facts, path in zip(records, records, strict=False) if not facts.endswith(" D"))


def _in_order(files: dict[str, Entry]) -> dict[str, Entry]:
    """By path, which for git is by bytes; that is nearly always the same."""
    paths = list(files)
    return files if paths == sorted(paths) else {path: files[path] for path in sorted(paths)}


def parse_refs(output: bytes) -> dict[str, str]:
    """`git ls-remote`: ids by full ref name."""
    lines = (line.partition("\t") for line in output.decode("utf-8", "surrogateescape").split("\n"))
    return {ref: oid for oid, _, ref in lines if ref}


def parse_commit(commit: str, content: bytes) -> Revision:
    """A commit object: author, seconds and subject, without control characters, for they are shown on terminals."""
    head, _, message = content.partition(b"\n\n")
    fields = dict(reversed([line.partition(b" ")[::2] for line in head.split(b"\n")]))
    encoding = fields.get(b"encoding", b"utf-8").decode(errors="replace")
    author = fields.get(b"author", b"").partition(b" <")[0]
    at = fields.get(b"committer", b"").rpartition(b"> ")[2].split(b" ")[0]
    subject = b" ".join(message.lstrip(b"\n").partition(b"\n\n")[0].split(b"\n"))
    return Revision(
        id=commit,
        author=_printable(_decoded(author, encoding)),
        subject=_printable(_decoded(subject, encoding)).strip(),
        at=_seconds(at.decode(errors="replace")),
    )


def parse_log(output: bytes) -> tuple[Commit, ...]:
    """`git log` with `LOG_FLAGS`: newest first."""
    found: list[Commit] = []
    changes: dict[str, tuple[str, str]] = {}
    fields = iter(output.decode("utf-8", "surrogateescape").split("\0"))
    for field in fields:
        facts = field.removeprefix("\n")
        if facts.startswith(":"):
            _, _, before, after, _ = facts.split(" ")
            changes[next(fields, "")] = (before.strip("0") and before, after.strip("0") and after)
        elif facts:
            changes = {}
            author, at, subject = map(_printable, islice(fields, 3))
            revision = Revision(id=facts, author=author, subject=subject, at=_seconds(at))
            found.append(Commit(revision=revision, changes=changes))
    return tuple(found)


def parse_mode(mode: str) -> Mode:
    """Git's six octal digits; group-writable files of very old commits count as plain ones."""
    return _KINDS.get(mode) or (Mode.EXECUTABLE if int(mode, 8) & 0o100 else Mode.FILE)


def _records(output: bytes) -> Iterator[str]:
    """One after the other: a list of all takes more memory than what is made of them."""
    start = 0
    while (end := output.find(b"\0", start)) >= 0:
        yield output[start:end].decode("utf-8", "surrogateescape")
        start = end + 1


def _seconds(at: str) -> float:
    """Git shows no time of a commit whose header it cannot read."""
    return float(at) if at.isascii() and at.isdigit() and len(at) < _LONGEST else 0.0


def _decoded(text: bytes, encoding: str) -> str:
    try:
        return text.decode(encoding, errors="replace")
    except (LookupError, ValueError):  # no encoding of text, or one that knows no replacements
        return text.decode(errors="replace")


def _printable(text: str) -> str:
    """One line for a terminal, not endless: whoever writes the commit chooses what it says."""
    text = text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
    return "".join(letter if letter.isprintable() else " " for letter in text)

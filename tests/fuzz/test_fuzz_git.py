"""Commits that no sane tool makes: names, authors, encodings and messages of any bytes are read like any other."""

import subprocess
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.soup import thorough
from tests.sources.origins import a_repository, git

odd = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.sampled_from(
        [
            b"\xff\xfe",
            "ä€😀".encode(),
            b"\x1b[2J",
            b":100644 0",
            b"a\tb",
            "x\u2028y".encode(),
            b"+AAA-x",
            b"-x",
            b"\r",
            b"100644 blob",
        ]
    ),
)
letters = odd.map(lambda raw: raw.translate(None, b"\0\n<>"))
names = odd.map(lambda raw: b"n" + raw.translate(None, b"\0/"))
encodings = st.sampled_from(
    [b"", b"latin-1", b"utf-16", b"nosuch", b"\xff", b"rot13", b"idna", b"hex", b"utf-7"]
)
commits = st.lists(
    st.tuples(
        letters,
        odd.map(lambda raw: raw.replace(b"\0", b"")),
        encodings,
        st.dictionaries(names, st.binary(max_size=3), max_size=4),
    ),
    min_size=1,
    max_size=3,
)


def quoted(name: bytes) -> bytes:
    """As fast-import wants to have any bytes."""
    return b'"' + b"".join(b"\\%03o" % byte for byte in name) + b'"'


def stream(history: list[tuple[bytes, bytes, bytes, dict[bytes, bytes]]]) -> bytes:
    """What git fast-import makes these commits of."""
    parts = []
    for at, (author, message, encoding, files) in enumerate(history):
        parts += [b"commit refs/heads/main\n", b"author %s <%s> %d +0000\n" % (author, author, at)]
        parts += [b"committer c <c> %d +0000\n" % at]
        if encoding:
            parts.append(b"encoding %s\n" % encoding)
        parts.append(b"data %d\n%s\n" % (len(message), message))
        for name, content in files.items():
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (quoted(name), len(content), content))
    return b"".join(parts)


@thorough(0.15)
@given(commits)
@example([(b"a", b"first", b"", {}), (b"a", b"x", b"idna", {}), (b"a", b"no time is seen", b"utf-16", {})])
def test_any_commit_is_listed_and_told_of(
    history: list[tuple[bytes, bytes, bytes, dict[bytes, bytes]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "origin.git"
        git(Path(folder), "init", "-q", "--bare", "-b", "main", str(bare))
        ran = subprocess.run(
            ("git", "-C", bare, "fast-import", "--quiet"),
            input=stream(history),
            capture_output=True,
            check=False,
        )
        if ran.returncode:  # git itself takes no such name
            return
        repository = a_repository(Path(folder) / "mirror", bare)
        try:
            tree = repository.look(folder=".")
            wanted = [entry.oid for entry in tree.files.values()]
            assert repository.read(wanted).keys() == set(wanted)
            assert tree.revision.subject.isprintable()
            first = git(bare, "rev-list", "--max-parents=0", "main").split()[0]
            assert len(repository.log(first, tree.revision.id)) == len(history) - 1
        finally:
            repository.close()

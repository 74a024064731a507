"""Output of scripts cannot steer the terminal that shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.cli.screen import Screen


def shown(*pieces: bytes) -> str:
    screen = Screen()
    return "".join(map(screen.feed, pieces)) + screen.finish()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([b"a\tb\n"], "a\tb\n", id="plain"),
        pytest.param([b"\x1b[31mred\x1b", b"[0m\n"], "\x1b[31mred\x1b[0m\n\x1b[0m", id="colours"),
        pytest.param([b"\x1b[2J\x1b]0;title\x07"], "�[2J�]0;title�", id="clear-and-title"),
        pytest.param([b"\xc2\x9b2J"], "�2J", id="eight-bit"),
        pytest.param([b"a\r", b"\nb\rc\n"], "a\nb\nc\n", id="returns"),
        pytest.param(["ä€".encode()[:3], "ä€".encode()[3:], b"\xff\0"], "ä€��", id="utf-8"),
        pytest.param([b"\x1b"], "�", id="cut-off"),
        pytest.param([b"\x1b[" + b"1" * 9000 + b"m"], "�[" + "1" * 9000 + "m", id="endless"),
    ],
)
def test_only_colours_and_text_reach_the_terminal(pieces: list[bytes], expected: str) -> None:
    assert shown(*pieces) == expected


@given(
    st.lists(st.sampled_from([b"\x1b", b"[", b"3;1", b"m", b"\r", b"\n", b"x", b"\xc3", b"\xa4", b"\x9b"]))
)
def test_however_it_is_cut_it_is_shown_alike(pieces: list[bytes]) -> None:
    assert shown(*pieces) == shown(b"".join(pieces))

"""Columns line up, long reasons wrap, and nobody's text steers the terminal."""

import click

from paiwatch.cli import table


def test_columns_line_up_and_lines_have_no_trailing_spaces() -> None:
    text = table.table(("#", "service", "why"), [("1", "a", "x"), ("10", "longer", "")])

    assert text == "#   service  why\n1   a        x\n10  longer\n"


def test_a_cell_with_several_lines_keeps_its_column() -> None:
    text = table.table(("service", "why"), [("a", "one\ntwo"), ("b", "three")])

    assert text.splitlines() == ["service  why", "a        one", "         two", "b        three"]


def test_the_last_column_wraps_at_the_width_of_the_screen() -> None:
    text = table.table(("service", "why"), [("grafana", "word " * 20)], width=50)

    assert max(map(len, text.splitlines())) <= 50
    assert text.count("word") == 20


def test_a_pipe_keeps_lines_whole() -> None:
    assert table.table(("service", "why"), [("a", "word " * 50)]).count("\n") == 2


def test_styles_take_no_room() -> None:
    text = table.table(("a", "b"), [(table.styled("ok", "green"), "x"), ("fail", "y")])

    assert click.unstyle(text) == "a     b\nok    x\nfail  y\n"


def test_control_characters_cannot_reach_the_terminal() -> None:
    assert table.plain("fix \x1b[2Jall\r\nnext\x9b") == "fix �[2Jall�\nnext�"

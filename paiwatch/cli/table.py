"""Tables and paragraphs for a terminal or a pipe: aligned columns, nothing else; control characters never get through."""

import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

#: What a terminal would obey, shown as a replacement character instead: commit subjects are other people's text.
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if code not in {9, 10}
}

_GAP = "  "
_NARROWEST = 24


def plain(text: str) -> str:
    """The text without characters that would steer a terminal. Tabs and line breaks stay."""
    return text.translate(_CONTROLS)


def screen_width() -> int | None:
    """Columns to wrap at: the terminal's, or None for a pipe or a file, which keep lines whole for grep."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Aligned columns under headings. Cells may have line breaks and styles; the last column wraps at `width`."""
    cells = [[*headings], *([*row] for row in rows)]
    widths = [max(_longest(row[column]) for row in cells) for column in range(len(headings))]
    indent = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    lines: list[str] = []
    for row in cells:
        lines += _row([*row[:-1], wrapped(row[-1], None if width is None else width - indent)], widths)
    return "".join(f"{line}\n" for line in lines)


def wrapped(text: str, width: int | None) -> str:
    """Each line of the text broken at spaces; as it is when there is no width, or too little to be readable."""
    if width is None or width < _NARROWEST:
        return text
    return "\n".join(
        "\n".join(textwrap.wrap(line, width, break_on_hyphens=False)) for line in text.split("\n")
    )


def styled(text: str, colour: str | None) -> str:
    """The text in a colour; click removes it again where the output is no terminal."""
    return click.style(text, fg=colour) if colour else text


def _longest(cell: str) -> int:
    """The length of a cell's longest line, as seen."""
    return max(len(line) for line in click.unstyle(cell).split("\n"))


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of one row: every cell beginning on the first."""
    columns = [cell.split("\n") for cell in cells]
    height = max(map(len, columns))
    padded = [[*column, *[""] * (height - len(column))] for column in columns]
    return [_GAP.join(map(_pad, line, widths)).rstrip() for line in zip(*padded, strict=True)]


def _pad(cell: str, width: int) -> str:
    """Spaces up to the width as seen: styles take no room."""
    return cell + " " * (width - len(click.unstyle(cell)))

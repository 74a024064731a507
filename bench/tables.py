"""Rows of measurements and how they are printed. Lower is better in every row."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_HEAD = ("what", "ours", "floor", "ratio", "budget", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a row may cost at most: in the row's unit, as a ratio to the floor, or both."""

    cost: float | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement beside its floor, both in `unit`. `verdict` is for rows that are no number."""

    what: str
    ours: float | None = None
    floor: float | None = None
    unit: str = "ms"
    budget: Budget | None = None
    is_comparable: bool = True
    verdict: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours in floors; None without both, and where the floor may be next to nothing."""
        if self.ours is None or not self.floor or not self.is_comparable:
            return None
        return self.ours / self.floor

    @property
    def is_met(self) -> bool | None:
        """Whether the budget is met; None where there is no budget or no measurement."""
        if self.budget is None or self.ours is None:
            return None
        cheap = self.budget.cost is None or self.ours <= self.budget.cost
        near = self.budget.ratio is None or (self.ratio is not None and self.ratio <= self.budget.ratio)
        return cheap and near

    def cells(self) -> tuple[str, ...]:
        """The row as texts, one for each column."""
        said = {True: "met", False: "NOT MET", None: ""}[self.is_met]
        return (
            self.what,
            _number(self.ours, self.unit),
            _number(self.floor, self.unit),
            "" if self.ratio is None else f"{self.ratio:.2f}×",
            _budget_text(self.budget, self.unit),
            self.verdict or said,
        )


@dataclass(slots=True, kw_only=True)
class Table:
    """The rows of one topic, the floor in words, and remarks below."""

    title: str
    floor: str
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def shown(table: Table) -> str:
    """The table as lines of text."""
    lines = [_HEAD, *(row.cells() for row in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    body = ["  " + "  ".join(_aligned(line, widths)).rstrip() for line in lines]
    notes = [f"  · {remark}" for remark in table.remarks]
    return "\n".join([table.title, f"  floor: {table.floor}", *body, *notes])


def median(values: Iterable[float]) -> float:
    """The middle one. Raises statistics.StatisticsError when there is none."""
    return statistics.median(values)


def quantile(values: Sequence[float], part: float) -> float:
    """Nearest rank, so that p95 of a few values is one that was measured."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, round(part * (len(ranked) - 1)))]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    is_text = (True, False, False, False, True, True)
    return [
        cell.ljust(width) if text else cell.rjust(width)
        for cell, width, text in zip(line, widths, is_text, strict=True)
    ]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _budget_text(budget: Budget | None, unit: str) -> str:
    if budget is None:
        return ""
    parts = [] if budget.cost is None else [f"≤ {budget.cost:,} {unit}".replace(".0 ", " ").rstrip()]
    parts += [] if budget.ratio is None else [f"≤ {budget.ratio:g}×"]
    return ", ".join(parts)

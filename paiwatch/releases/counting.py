"""Counting: templates compile to code that tells its budget of each step, and of all that it makes and compares. PURE."""

from collections.abc import Callable, Iterable

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, operators

from paiwatch.releases.budget import PIECE


class CountedCode(CodeGenerator):
    """Code that counts its steps: every body (of a template, loop, macro, condition) begins with one, and what it makes counts."""

    def blockvisit(self, nodes: Iterable[nodes.Node], frame: Frame) -> None:
        """Count, the body's own text too, then do what it says."""
        body = list(nodes)
        self.writeline(f"environment.budget.take_step({1 + _text_length(body) // PIECE})")
        super().blockvisit(body, frame)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        """`[a, b]`"""
        self._counted("made", lambda: super(CountedCode, self).visit_List(node, frame))

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        """`{a: b}`"""
        self._counted("made", lambda: super(CountedCode, self).visit_Dict(node, frame))

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        """`(a, b)`, unless it is assigned to."""
        if node.ctx == "load":
            self._counted("made", lambda: super(CountedCode, self).visit_Tuple(node, frame))
        else:
            super().visit_Tuple(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """`a ~ b`"""
        self.write("environment.budget.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        """`a == b`, `a in b`"""
        self.write("(")
        self._compared(node.expr, frame)
        for operand in node.ops:
            self.visit(operand, frame)
        self.write(")")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:
        """The right side of a comparison."""
        self.write(f" {operators[node.op]} ")
        self._compared(node.expr, frame)

    def _compared(self, side: nodes.Expr, frame: Frame) -> None:
        if isinstance(side, nodes.Const):
            self.visit(side, frame)
        else:
            self._counted("looked_at", lambda: self.visit(side, frame))

    def _counted(self, verb: str, write: Callable[[], None]) -> None:
        self.write(f"environment.budget.{verb}(")
        write()
        self.write(")")


def _text_length(body: Iterable[nodes.Node]) -> int:
    """Characters of plain text that stand directly in it."""
    outputs = (node for node in body if isinstance(node, nodes.Output))
    return sum(
        len(part.data) for output in outputs for part in output.nodes if isinstance(part, nodes.TemplateData)
    )

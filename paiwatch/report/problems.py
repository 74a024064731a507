"""Problems as documents: the shape of `validate -o json` and of `once -o json`. Pure."""

from typing import Any

from paiwatch.problem import Problem


def document(problem: Problem) -> dict[str, Any]:
    """Everything there is to say of it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "severity": str(problem.severity),
        "message": problem.message,
        "remedy": problem.remedy,
        "service": problem.service,
    }

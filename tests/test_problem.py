"""Problems as people read them."""

from paiwatch.problem import Problem


def test_a_problem_is_one_line_whatever_it_names() -> None:
    problem = Problem(file="a\nb.yaml", line=3, message="key 'x\x1b[2J\ud800' is odd", remedy="rename\tit")

    assert str(problem) == r"a\nb.yaml:3: key 'x\x1b[2J\ud800' is odd; rename\tit"


def test_nobody_is_shown_a_book() -> None:
    problem = Problem(file="f", message="x" * 1_000_000, remedy="shorten it")

    assert len(str(problem)) < 1100
    assert str(problem).endswith("…; shorten it")

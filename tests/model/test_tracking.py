"""Stand-ins by themselves; what templates make of them is in tests/releases/test_tracked_rendering.py."""

from paiwatch.model.reads import How
from paiwatch.model.tracking import TOUCH_LIMIT, Touch, settled, tracked, whole

CFG = {"a": {"x": 1, "y": [10, 20]}, "l": [{"n": 1}, {"n": 2}]}


def test_reaching_a_leaf_notes_its_value_and_nothing_else() -> None:
    touched: set[Touch] = set()

    assert tracked(CFG, touched)["a"]["x"] == 1
    assert settled(touched) == {(("a", "x"), How.VALUE)}


def test_a_container_that_was_only_reached_notes_its_kind() -> None:
    touched: set[Touch] = set()

    tracked(CFG, touched)["a"]

    assert settled(touched) == {(("a",), How.KIND)}


def test_the_kind_above_a_missing_key_is_not_forgotten() -> None:
    touched: set[Touch] = set()

    assert tracked(CFG, touched)["a"].get("z") is None
    assert settled(touched) == {(("a",), How.KIND), (("a", "z"), How.MISSING)}


def test_stand_ins_inside_plain_containers_are_found() -> None:
    touched: set[Touch] = set()
    root = tracked(CFG, touched)

    plain = whole([{"k": (root["l"], 5)}, {"v": root["a"]}.items()])

    assert plain[0] == {"k": (CFG["l"], 5)}
    assert list(plain[1]) == [("v", CFG["a"])]
    assert settled(touched) == {(("l",), How.SUBTREE), (("a",), How.SUBTREE)}


def test_plain_values_are_handed_back_as_they_are() -> None:
    values = [1, {"a": (2, 3)}]

    assert whole(values) is values


def test_too_many_touches_become_whole_subtrees() -> None:
    many: set[Touch] = {(("l", index, "n"), How.VALUE) for index in range(TOUCH_LIMIT + 1)}

    assert settled(many) == {(("l",), How.SUBTREE)}

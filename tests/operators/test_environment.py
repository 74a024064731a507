"""The environment of scripts: what is passed, what is declared, what is ours."""

from pathlib import PurePosixPath

from paiwatch.catalog.service import Operator
from paiwatch.operators import environment


def built(inherited: dict[str, str], declared: dict[str, str]) -> dict[str, str]:
    return environment.build(
        inherited,
        declared,
        marker="7-ab",
        service="grafana",
        operator=Operator.START,
        generation=3,
        config="c",
        src="s",
        reasons=PurePosixPath("/state/stages/7/reasons.json"),
    )


def test_only_what_is_listed_is_passed_on() -> None:
    found = built(
        {"HOME": "/root", "LC_ALL": "C.UTF-8", "SECRET": "x", "PYTHONPATH": "y", "BASH_ENV": "z"}, {}
    )

    assert found["HOME"] == "/root"
    assert found["LC_ALL"] == "C.UTF-8"
    assert not {"SECRET", "PYTHONPATH", "BASH_ENV"} & found.keys()


def test_the_supervisors_words_never_reach_a_script() -> None:
    words = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "LISTEN_FDS": "3"}

    assert not words.keys() & built(words, words).keys()


def test_declared_wins_over_passed_and_ours_over_both() -> None:
    found = built(
        {"TZ": "UTC", "PAIWATCH_CONFIG": "/etc/x"}, {"TZ": "CET", "PAIWATCH_SERVICE": "other", "PORT": "1"}
    )

    assert (found["TZ"], found["PORT"], found["PAIWATCH_SERVICE"]) == ("CET", "1", "grafana")
    assert {name: value for name, value in found.items() if name.startswith("PAIWATCH_")} == {
        "PAIWATCH_RUN_ID": "7-ab",
        "PAIWATCH_SERVICE": "grafana",
        "PAIWATCH_OPERATOR": "start",
        "PAIWATCH_GENERATION": "3",
        "PAIWATCH_CONFIG_REVISION": "c",
        "PAIWATCH_SRC_REVISION": "s",
        "PAIWATCH_REASON_FILE": "/state/stages/7/reasons.json",
    }


def test_there_is_always_a_path() -> None:
    assert built({}, {})["PATH"].endswith("/bin")

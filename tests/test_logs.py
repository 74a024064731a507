"""Log lines as they leave the program: their shape, their ids, and no secret in any of them."""

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paiwatch import logs

SECRET = "hunter2-hunter2"
LOG = logs.get_logger("paiwatch.somewhere")


def scrub(text: str) -> str:
    return text.replace(SECRET, "***")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Give other tests the logging they had."""
    root, ours = logging.getLogger(), logging.getLogger("paiwatch")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def stream() -> io.StringIO:
    made = io.StringIO()
    logs.configure("json", "info", scrub, stream=made, environ={})
    return made


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields(stream: io.StringIO) -> None:
    LOG.info(logs.STEP_FINISHED, service="store", seconds=0.5)

    (line,) = lines(stream)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "step.finished",
        "level": "info",
        "logger": "paiwatch.somewhere",
        "service": "store",
        "seconds": 0.5,
    }


def test_a_field_called_like_a_part_of_the_line_does_no_harm(stream: io.StringIO) -> None:
    LOG.info(logs.PLAN_ACCEPTED, level=3, event="other", logger="x", message="m")

    (line,) = lines(stream)

    assert (line["event"], line["level"], line["message"]) == ("plan.accepted", "info", "m")


def test_bound_ids_are_on_every_line_of_the_block_and_on_none_after_it(stream: io.StringIO) -> None:
    with logs.bound(generation=3, service="store"), logs.bound(run=7):
        LOG.info(logs.STEP_STARTED)
    LOG.info(logs.GENERATION_CLOSED)

    inside, outside = lines(stream)

    assert (inside["generation"], inside["service"], inside["run"]) == (3, "store", 7)
    assert not {"generation", "service", "run"} & set(outside)


async def test_tasks_keep_the_ids_they_were_started_with(stream: io.StringIO) -> None:
    async def work(service: str) -> None:
        with logs.bound(service=service):
            await asyncio.sleep(0)
            LOG.info(logs.STEP_STARTED)

    await asyncio.gather(work("store"), work("cache"))

    assert [line["service"] for line in lines(stream)] == ["store", "cache"]


def test_library_records_come_along_from_warning_upwards(stream: io.StringIO) -> None:
    logging.getLogger("watchdog.observers").info("too much")
    with logs.bound(service="store"):
        logging.getLogger("git.cmd").warning("fetch of %s failed", SECRET)

    (line,) = lines(stream)

    assert (line["event"], line["logger"], line["level"]) == ("fetch of *** failed", "git.cmd", "warning")
    assert line["service"] == "store"


def test_warnings_of_python_become_lines(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)  # catch_warnings put the usual one back
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)

    assert "old ways" in lines(stream)[0]["event"]


def test_the_level_is_the_least_that_is_written() -> None:
    stream = io.StringIO()
    logs.configure("json", "warning", scrub, stream=stream, environ={})

    LOG.info(logs.PLAN_ACCEPTED)
    LOG.warning(logs.SOURCE_FAILED)

    assert [line["event"] for line in lines(stream)] == ["source.failed"]


def fail_with(value: str) -> None:
    inside = "known only inside".upper()
    raise ValueError(f"cannot use {value}", len(inside))


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_where_but_neither_locals_nor_secrets(style: str) -> None:
    stream = io.StringIO()
    logs.configure(style, "info", scrub, stream=stream, environ={})
    try:
        fail_with(SECRET)
    except ValueError:
        LOG.exception(logs.STORE_FAILED)
        logging.getLogger("git").exception("no")

    text = stream.getvalue()

    assert text.count("fail_with") >= 2
    assert "cannot use ***" in text
    assert SECRET not in text
    assert "KNOWN ONLY INSIDE" not in text


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"a {SECRET} b", id="text"),
        pytest.param([{"deep": (SECRET,)}], id="nested"),
        pytest.param({SECRET}, id="set"),
        pytest.param(Path("/etc") / SECRET, id="path"),
        pytest.param(ValueError(SECRET), id="exception as a field"),
    ],
)
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_field_shows_a_secret_however_deep(style: str, value: object) -> None:
    stream = io.StringIO()
    logs.configure(style, "info", scrub, stream=stream, environ={})

    LOG.info(logs.PROBLEM_FOUND, value=value)

    assert "***" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_a_terminal_gets_colours_unless_somebody_minds() -> None:
    shown = {}
    for name, environ in {"plain": {}, "no colour": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}}.items():
        stream = Terminal()
        logs.configure("auto", "info", scrub, stream=stream, environ=environ)
        LOG.info(logs.PLAN_ACCEPTED, config="abc")
        shown[name] = stream.getvalue()

    assert "\x1b[" in shown["plain"]
    assert "\x1b[" not in shown["no colour"] + shown["dumb"]
    assert all("plan.accepted" in text and "config" in text for text in shown.values())


def test_auto_writes_json_where_nobody_looks() -> None:
    stream = io.StringIO()
    logs.configure("auto", "info", scrub, stream=stream, environ={})

    LOG.info(logs.PLAN_ACCEPTED)

    assert lines(stream)[0]["event"] == "plan.accepted"


def test_a_second_configuration_replaces_the_first(stream: io.StringIO) -> None:
    second = io.StringIO()
    logs.configure("json", "info", scrub, stream=second, environ={})

    LOG.info(logs.DAEMON_READY)

    assert stream.getvalue() == ""
    assert len(lines(second)) == 1


def test_event_names_are_dotted_lower_case_and_different() -> None:
    names = [
        value
        for key, value in vars(logs).items()
        if key.isupper() and isinstance(value, str) and key[0] != "_"
    ]

    assert len(names) == len(set(names)) >= 20
    assert [name for name in names if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)] == []


def test_importing_logs_loads_no_structlog_and_unconfigured_logging_is_silent() -> None:
    program = (
        "import sys; from paiwatch import logs; log = logs.get_logger('paiwatch.x'); log.info('a.b');"
        "assert 'structlog' not in sys.modules; log.error('a.c', password='x')"
    )

    result = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

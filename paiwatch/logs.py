"""paiwatch's own log: names of events, loggers, and the structlog set-up behind them. Nothing is written before `configure`.

An event is a constant in the past tense with its facts in fields, never a sentence. Library records (watchdog, git, SQLAlchemy)
take the same way from warning upwards. Every text passes `scrub` before it is rendered; tracebacks never show locals.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from structlog.typing import Processor

Scrub = Callable[[str], str]

DAEMON_STARTED = "daemon.started"
DAEMON_READY = "daemon.ready"
DAEMON_STOPPING = "daemon.stop_begun"
DAEMON_STOPPED = "daemon.stopped"
NUDGED = "nudge.received"
SOURCE_FAILED = "source.failed"
SOURCE_RECOVERED = "source.recovered"
PROBLEM_FOUND = "problem.found"
PROBLEM_GONE = "problem.resolved"
PLAN_ACCEPTED = "plan.accepted"
PLAN_HELD = "plan.held"
COMMIT_REFUSED = "commit.refused"
REFUSAL_ENDED = "commit.accepted"
PLAN_APPROVED = "plan.approved"
STEP_STARTED = "step.started"
STEP_FINISHED = "step.finished"
STEP_RETRIED = "step.retry_scheduled"
STEP_DISMISSED = "step.dismissed"
STEP_HELD = "step.held"
SERVICE_ROLLED_BACK = "service.rolled_back"
ROLLBACK_ENDED = "service.rollback_ended"
RUN_INTERRUPTED = "run.found_interrupted"
GENERATION_CLOSED = "generation.closed"
STORE_FAILED = "store.failed"
STORE_RECOVERED = "store.recovered"
PRUNE_FAILED = "prune.failed"
FOLLOWER_FAILED = "follower.failed"
COMMAND_GIVEN = "command.given"
ENGINE_CRASHED = "engine.crashed"
COMMAND_CRASHED = "command.crashed"
WATCH_FAILED = "watch.failed"
WATCH_CRASHED = "watch.crashed"
MIRROR_REMOVED = "mirror.removed"

_OURS = "paiwatch"
_HANDLER = "paiwatch-log"
_PLAIN = (str, int, float, bool, type(None))

# Until configure() gives the root logger a handler, the standard library would print warnings unscrubbed.
logging.getLogger(_OURS).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Logger:
    """Writes events under one name. structlog is loaded by the first event that is written, not by the import of a module."""

    name: str

    def debug(self, event: str, /, **fields: Any) -> None:
        """Only for somebody who is looking for a fault."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        """What happened."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        """It goes on, but somebody should look."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        """Something failed."""
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: Any) -> None:
        """Something failed, with the traceback of the exception that is being handled."""
        self._write(logging.ERROR, event, {**fields, "exc_info": True})

    def _write(self, level: int, event: str, fields: Mapping[str, Any]) -> None:
        target = logging.getLogger(self.name)
        if not target.isEnabledFor(level):
            return
        import structlog  # noqa: PLC0415 (50 ms that commands which log nothing need not pay)

        chain = [*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
        bound = structlog.wrap_logger(target, processors=chain, wrapper_class=structlog.stdlib.BoundLogger)
        bound.bind(**fields).log(level, event)  # bound first: a field may be called level


def get_logger(name: str) -> Logger:
    """The logger of a module: `_LOG = logs.get_logger(__name__)`."""
    return Logger(name)


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """Put these ids (generation, service, operator, run) on every line written inside the block, by tasks started in it too."""
    import structlog  # noqa: PLC0415 (as above)

    with structlog.contextvars.bound_contextvars(**ids):
        yield


def configure(
    style: str, level: str, scrub: Scrub, *, stream: TextIO = sys.stderr, environ: Mapping[str, str]
) -> None:
    """Send all logging of the program to `stream`: style console, json or auto (console on a terminal); paiwatch's own from `level`.

    NO_COLOR and TERM=dumb of `environ` turn colours off. A second call replaces the first.
    """
    import structlog  # noqa: PLC0415 (as above)

    console = style == "console" or (style == "auto" and stream.isatty())
    coloured = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    handler = logging.StreamHandler(stream)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_console(scrub, coloured=coloured) if console else _json(scrub)),
            ],
        )
    )
    _replace_handler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level.upper())
    logging.captureWarnings(capture=True)


def _shared() -> "list[Processor]":
    """What every line carries, whoever wrote it."""
    import structlog  # noqa: PLC0415 (as above)

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _json(scrub: Scrub) -> "list[Processor]":
    import structlog  # noqa: PLC0415 (as above)

    # The default transformer puts the locals of every frame into the log.
    without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(without_locals),
        _scrubbed(scrub),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _console(scrub: Scrub, *, coloured: bool) -> "list[Processor]":
    import structlog  # noqa: PLC0415 (as above)

    return [
        structlog.processors.format_exc_info,  # here and plain, so that it is a text when it is scrubbed
        _scrubbed(scrub),
        structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback),
    ]


def _scrubbed(scrub: Scrub) -> "Processor":
    """A processor that scrubs every text of an event, however deep; what is no plain value becomes a text first."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return scrub(value)
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, Mapping):
            return {str(key): clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(item) for item in value]
        return scrub(str(value))

    def processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {key: clean(value) for key, value in event.items()}

    return processor


def _replace_handler(handler: logging.Handler) -> None:
    """Put our handler in place of an earlier one of ours; those of others (a test runner's) stay."""
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)

"""Values to JSON text and back, for the columns that hold lists and mappings. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from sys import intern
from typing import Any

from paiwatch.domain import run_spec
from paiwatch.domain.run_spec import Operator
from paiwatch.operators.run import Identity, RunResult
from paiwatch.plan.applied import Applied, HeldBy, Hold
from paiwatch.plan.plan import Reason, Step
from paiwatch.record.rows import FailureRow, Unfinished
from paiwatch.record.sharing import Sharing
from paiwatch.releases.release import Read, ReleaseFile
from paiwatch.snapshot import Entry, Mode, Revision


def milliseconds(seconds: float) -> int:
    """As the file holds times and spans."""
    return round(seconds * 1000)


def seconds(stored: int) -> float:
    """As everybody else holds them."""
    return stored / 1000


def to_json(value: Any) -> str:
    """The shortest text; non-ASCII stays readable, unless it has what UTF-8 cannot say: then all of it is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def reasons_to_json(reasons: Iterable[Reason]) -> str:
    """A list of mappings without what is empty."""
    return to_json([{name: value for name, value in asdict(reason).items() if value} for reason in reasons])


def reasons_from_json(text: str | None) -> tuple[Reason, ...]:
    """The inverse; nothing gives no reasons."""
    return tuple(_reason(each) for each in json.loads(text or "[]"))


def _reason(found: Mapping[str, Any]) -> Reason:
    fields = {"kind": "", "detail": "", **found, "chain": tuple(found.get("chain", ()))}
    return Reason(**fields)


def revision_to_json(revision: Revision) -> str:
    """A mapping of its fields."""
    return to_json(asdict(revision))


def revision_from_json(text: str) -> Revision:
    """The inverse."""
    return Revision(**json.loads(text))


def applied_to_row(applied: Applied) -> dict[str, Any]:
    """The columns of table applied."""
    return {
        "service": applied.service,
        "digest": applied.digest,
        "touched": applied.touched,
        "touched_by": str(applied.touched_by or ""),
        "version": applied.version,
        "prerequisites": to_json(dict(applied.prerequisites)),
        "config": applied.config,
        "src": applied.src,
        "at": milliseconds(applied.at),
        "files": to_json({path: [file.mode, file.oid] for path, file in applied.files.items()}),
        "reads": to_json(
            [[read.template, read.path, read.how, read.seen, read.shown] for read in applied.reads]
        ),
        "spec": run_spec.to_json(applied.spec),
        "watched": to_json({path: [entry.mode, entry.oid] for path, entry in applied.watched.items()}),
        "seal": applied.seal,
    }


def applied_from_row(row: Mapping[str, Any], sharing: Sharing | None = None) -> Applied:
    """The inverse. Rows that are read with one `sharing` share what is equal in them."""
    shared = sharing or Sharing()
    one = shared.one
    return Applied(
        service=intern(row["service"]),
        digest=row["digest"],
        touched=row["touched"],
        touched_by=Operator(row["touched_by"]) if row["touched_by"] else None,
        version=row["version"],
        prerequisites=shared.parsed(row["prerequisites"], dict),
        config=one(row["config"]),
        src=one(row["src"]),
        at=one(seconds(row["at"])),
        files={
            intern(path): one(ReleaseFile(Mode(mode), oid))
            for path, (mode, oid) in json.loads(row["files"]).items()
        },
        reads=tuple(one(_read(each, shared)) for each in json.loads(row["reads"])),
        spec=run_spec.from_json(row["spec"], shared.same),
        watched=shared.parsed(row["watched"] or "{}", _entries),
        seal=row["seal"],
    )


def _entries(found: Mapping[str, Sequence[str]]) -> dict[str, Entry]:
    return {path: Entry(Mode(mode), oid) for path, (mode, oid) in found.items()}


def _read(parts: Sequence[Any], shared: Sharing) -> Read:
    template, path, how, seen, shown = parts
    keys = tuple(intern(key) if isinstance(key, str) else key for key in path)
    return Read(
        template=intern(template),
        path=shared.one(keys),
        how=intern(how),
        seen=shared.one(seen),
        shown=shared.one(shown),
    )


def hold_from_row(row: Mapping[str, Any]) -> Hold:
    """A person's hold."""
    return Hold(
        service=row["service"],
        by=HeldBy(row["by"]),
        reason=row["reason"],
        since=seconds(row["since"]),
        digest=row["digest"],
        done=bool(row["done"]),
    )


def failure_from_row(row: Mapping[str, Any]) -> FailureRow:
    """Failures of one release."""
    return FailureRow(
        service=row["service"],
        digest=row["digest"],
        attempts=row["attempts"],
        retry_at=seconds(row["retry_at"]),
        quarantined=row["quarantined"] is not None,
        since=seconds(row["quarantined"] or 0),
        because=row["because"],
    )


def failure_to_row(failure: FailureRow) -> dict[str, Any]:
    """The columns of table failures."""
    return {
        "service": failure.service,
        "digest": failure.digest,
        "attempts": failure.attempts,
        "retry_at": milliseconds(failure.retry_at),
        "quarantined": milliseconds(failure.since) if failure.quarantined else None,
        "because": failure.because,
    }


def hold_to_row(hold: Hold) -> dict[str, Any]:
    """The columns of table holds."""
    return {
        "service": hold.service,
        "by": str(hold.by),
        "reason": hold.reason,
        "since": milliseconds(hold.since),
        "digest": hold.digest,
        "done": int(hold.done),
    }


def step_to_row(generation: int, position: int, step: Step) -> dict[str, Any]:
    """The columns of table steps, before its outcome."""
    return {
        "generation": generation,
        "service": step.id.service,
        "operator": str(step.id.operator),
        "position": position,
        "kind": str(step.kind),
        "digest": step.digest,
        "level": step.level,
        "reasons": reasons_to_json(step.reasons),
    }


def result_to_row(result: RunResult, at: float) -> dict[str, Any]:
    """The columns of table runs that its end fills."""
    return {
        "ended": milliseconds(at),
        "outcome": str(result.outcome),
        "exit": result.exit,
        "signal": result.signal,
        "milliseconds": milliseconds(result.seconds),
        "reaped": result.reaped,
        "message": result.message,
        "lingering": lingering_to_json(result.lingering),
    }


def lingering_to_json(pids: Iterable[int]) -> str:
    """A list of pids, "" where there are none."""
    found = sorted(pids)
    return to_json(found) if found else ""


def unfinished_from_row(row: Mapping[str, Any], log: Path) -> Unfinished:
    """A run without an end."""
    return Unfinished(
        run=row["id"],
        generation=row["generation"],
        service=row["service"],
        operator=Operator(row["operator"]),
        marker=marker(row["id"], row["marker"]),
        identity=Identity(pid=row["pid"], started_ticks=row["started_ticks"], boot=row["boot"])
        if row["pid"] is not None
        else None,
        log=log,
        interrupted=run_spec.from_json(row["spec"]).interrupted,
    )


def marker(run: int, random: str) -> str:
    """PAIWATCH_RUN_ID: readable by its number, unique across restarts and state folders by the random part."""
    return f"{run}-{random}"

"""Releases that were applied, as rows: the present ones, those before them, and pins to those. Pure."""

import json
from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any

from paiwatch.domain import run_spec
from paiwatch.domain.run_spec import Operator
from paiwatch.plan.applied import Applied, Pin, PinnedBy
from paiwatch.record.encoding import milliseconds, seconds, to_json
from paiwatch.record.sharing import Sharing
from paiwatch.releases.release import Read, ReleaseFile
from paiwatch.snapshot import Entry, Mode

#: What is remembered of the present release only.
_NOT_OF_FORMERS = frozenset({"touched", "touched_by", "prerequisites"})


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


def former_to_row(applied: Applied, left: int) -> dict[str, Any]:
    """The columns of table formers; `left` is the generation that went on to another release."""
    row = applied_to_row(applied)
    return {"left_in": left, **{name: row[name] for name in row.keys() - _NOT_OF_FORMERS}}


def former_from_row(row: Mapping[str, Any]) -> Applied:
    """The inverse, but for the generation."""
    return applied_from_row({**row, "touched": "", "touched_by": "", "prerequisites": "{}"})


def pin_to_row(service: str, pin: Pin) -> dict[str, Any]:
    """The columns of table pins."""
    return {
        "service": service,
        "instead_of": pin.instead_of,
        "digest": pin.release.digest,
        "since": milliseconds(pin.since),
        "by": str(pin.by),
        "because": pin.because,
        "origin": pin.origin,
        "leader": pin.leader,
    }


def pin_from_row(row: Mapping[str, Any], release: Applied) -> Pin:
    """The inverse."""
    return Pin(
        instead_of=row["instead_of"],
        release=release,
        since=seconds(row["since"]),
        by=PinnedBy(row["by"]),
        because=row["because"],
        origin=row["origin"],
        leader=row["leader"],
    )

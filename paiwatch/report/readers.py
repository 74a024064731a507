"""Who reads which key: the reads of all releases, asked by service or by key. As rows and as JSON documents (docs/cli.md)."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from paiwatch.plan.keys import show_path
from paiwatch.releases.release import Read, Release

_TOP = "cluster_cfg"
_BRACKETED = re.compile(r"\[(['\"])(.*?)\1\]")


class Relation(StrEnum):
    """Where a read lies, seen from the key that is asked about."""

    EXACT = "exact"  # the key itself
    ABOVE = "above"  # something that holds the key
    BELOW = "below"  # something inside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One read of one template, with its relation to the key that is asked about."""

    service: str
    template: str
    key: str
    how: str
    value: str
    relation: Relation = Relation.EXACT


def key_of(text: str) -> str:
    """A key as people write it, in templates or here, in the form that reads are shown in: `grafana.port`."""
    plain = _BRACKETED.sub(r".\2", text)
    return plain.removeprefix(_TOP).removeprefix(".")


def reads_of(release: Release, deploy: str) -> tuple[Reader, ...]:
    """All that one service reads, by key; `deploy` is its deploy folder."""
    return tuple(sorted((_reader(release.service, deploy, read) for read in release.reads), key=_order))


def readers_of(key: str, releases: Mapping[str, Release], deploys: Mapping[str, str]) -> tuple[Reader, ...]:
    """Who reads this key, what holds it, or what it holds: exact ones first."""
    found = [
        _reader(name, deploys[name], read, relation)
        for name, release in releases.items()
        for read in release.reads
        if (relation := relate(key, show_path(read.path)))
    ]
    rank = {relation: number for number, relation in enumerate(Relation)}
    return tuple(sorted(found, key=lambda reader: (rank[reader.relation], *_order(reader))))


def relate(key: str, other: str) -> Relation | None:
    """How the second key lies to the first."""
    if key == other:
        return Relation.EXACT
    if not other or key.startswith((f"{other}.", f"{other}[")):
        return Relation.ABOVE
    return Relation.BELOW if not key or other.startswith((f"{key}.", f"{key}[")) else None


def nearest(key: str, releases: Iterable[Release]) -> str:
    """The key that somebody reads and that looks most like this one; empty when none does."""
    known = {show_path(read.path) for release in releases for read in release.reads}
    return next(iter(difflib.get_close_matches(key, sorted(known), n=1)), "")


def document(readers: Iterable[Reader]) -> list[dict[str, Any]]:
    """The list in `reads -o json`."""
    return [
        {
            "service": reader.service,
            "template": reader.template,
            "key": reader.key,
            "how": reader.how,
            "value": reader.value,
            "relation": str(reader.relation),
        }
        for reader in readers
    ]


def summary(releases: Mapping[str, Release]) -> dict[str, Any]:
    """How many keys each service reads with how many templates, and how many services read each section."""
    sections: Counter[str] = Counter()
    services = []
    for name, release in sorted(releases.items()):
        sections.update({str(read.path[0]) if read.path else _TOP for read in release.reads})
        keys = {read.path for read in release.reads}
        services.append({"name": name, "keys": len(keys), "templates": len(release.rendered)})
    return {
        "services": services,
        "sections": [{"name": name, "services": number} for name, number in sorted(sections.items())],
    }


def rows(readers: Iterable[Reader]) -> Iterator[tuple[str, ...]]:
    """Key, how, value, service, template."""
    for reader in readers:
        yield reader.key or _TOP, reader.how, reader.value, reader.service, reader.template


def _reader(service: str, deploy: str, read: Read, relation: Relation = Relation.EXACT) -> Reader:
    template = f"{deploy}/{read.template.removesuffix('.template')}.template"
    return Reader(
        service=service,
        template=template,
        key=show_path(read.path),
        how=str(read.how),
        value=read.shown,
        relation=relation,
    )


def _order(reader: Reader) -> tuple[str, str, str, str]:
    return reader.key, reader.service, reader.template, reader.how

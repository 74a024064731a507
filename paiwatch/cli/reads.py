"""`paiwatch reads`: what a service reads of the configuration, and who reads a key."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click

from paiwatch.cli import table, view
from paiwatch.cli.call import Call, shared
from paiwatch.cli.view import View
from paiwatch.errors import ConfigError
from paiwatch.report import readers
from paiwatch.report.readers import Reader, Relation

_HEADINGS = ("key", "how", "value", "service", "template")
_SAID = {
    Relation.EXACT: "read {key}:",
    Relation.ABOVE: "read something that holds {key}:",
    Relation.BELOW: "read something inside {key}:",
}


@click.command()
@click.argument("what", required=False, metavar="[SERVICE | KEY]")
@shared
def reads(call: Call, *, what: str | None) -> None:
    """What SERVICE reads of the configuration, or who reads KEY, what holds it, and what it holds.

    A name that is both is taken as the service; write cluster_cfg.NAME for the key. Without an argument: a summary.
    """
    with view.look(call.settings()) as seen:
        if what is None:
            document, parts = readers.summary(seen.desired.releases), [*_summary(seen)]
        elif what in seen.desired.services or what in seen.desired.invalid:
            document, parts = _service(what, seen)
        else:
            document, parts = _key(readers.key_of(what), seen)
    if call.wants_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(table.plain(part.rstrip("\n")) for part in parts))


def _service(name: str, seen: View) -> tuple[dict[str, Any], list[str]]:
    release = seen.desired.releases.get(name)
    if release is None:
        raise ConfigError(f"'{name}' has errors, so it is not known what it reads; `paiwatch validate`")
    found = _masked(readers.reads_of(release, seen.desired.services[name].deploy), seen)
    document = {"service": name, "reads": readers.document(found)}
    return document, [_table(found) if found else f"'{name}' reads nothing of the configuration"]


def _key(key: str, seen: View) -> tuple[dict[str, Any], list[str]]:
    deploys = {name: service.deploy for name, service in seen.desired.services.items()}
    found = _masked(readers.readers_of(key, seen.desired.releases, deploys), seen)
    document = {"key": key, "readers": readers.document(found)}
    return document, [*_paragraphs(key, found, seen)]


def _paragraphs(key: str, found: Sequence[Reader], seen: View) -> Iterator[str]:
    """One for each relation that there is."""
    for relation, said in _SAID.items():
        if chosen := [reader for reader in found if reader.relation is relation]:
            yield f"{said.format(key=key or 'cluster_cfg')}\n{_table(chosen)}"
    if not found:
        near = readers.nearest(key, seen.desired.releases.values())
        yield f"no template reads '{key}'" + (f"; did you mean '{near}'?" if near else "")


def _masked(found: Sequence[Reader], seen: View) -> tuple[Reader, ...]:
    """A secret may also stand inside the value of a key that is none."""
    return tuple(replace(reader, value=seen.scrub(reader.value)) for reader in found)


def _table(found: Sequence[Reader]) -> str:
    return table.table(_HEADINGS, [*readers.rows(found)], width=table.screen_width())


def _summary(seen: View) -> Iterator[str]:
    found = readers.summary(seen.desired.releases)
    services = [[each["name"], str(each["keys"]), str(each["templates"])] for each in found["services"]]
    sections = [[each["name"], str(each["services"])] for each in found["sections"]]
    yield table.table(("service", "keys", "templates"), services)
    if sections:
        yield table.table(("section", "services"), sections)

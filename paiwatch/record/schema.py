"""The tables, indexes and defaults: what every record has, on SQLite and on PostgreSQL. `migrations` brings older files to it.

Times are INTEGER milliseconds since the epoch; JSON is TEXT; flags are 0 and 1. What changes here changes there too: a test
compares files that are made anew with files that were migrated from each version.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.types import TypeDecorator, TypeEngine


class Words(TypeDecorator[str]):
    """Text of any origin: what UTF-8 cannot say (the bytes of an odd file name) is kept as an escape, never refused."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Sorted by its bytes, as SQLite does: PostgreSQL would ask the locale."""
        return Text(collation="C") if dialect.name == "postgresql" else self.impl_instance

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way into the file."""
        del dialect
        if value is None or value.isascii():
            return value
        return value.encode("utf-8", "backslashreplace").decode()


#: Times, and numbers that grow for ever: 64 bits. SQLite's INTEGER has them, PostgreSQL's has half of that.
LONG = Integer().with_variant(BigInteger(), "postgresql")

metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Words, nullable=False, server_default="")


def _release() -> Iterator[Column[Any]]:
    """What is remembered of a release that ran successfully; `spec` is a RunSpec as JSON."""
    for name in ("version", "at"):
        yield Column(name, LONG, nullable=False)
    for name in ("config", "src", "files", "reads", "spec", "watched", "seal"):
        yield _text(name)


schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

generations = Table(
    "generations",
    metadata,
    Column("id", LONG, primary_key=True),
    _text("digest"),
    _text("config"),  # Revision as JSON
    _text("config_id"),
    _text("src"),
    _text("src_id"),
    Column("accepted", LONG, nullable=False),
    Column("closed", LONG),
    Column("succeeded", Integer),
    sqlite_autoincrement=True,  # a number that retention deleted never comes again
)

steps = Table(
    "steps",
    metadata,
    Column("generation", LONG, primary_key=True),
    Column("service", Words, primary_key=True),
    Column("operator", Words, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("kind"),
    _text("digest"),
    Column("level", Integer, nullable=False),
    _text("reasons"),
    Column("outcome", Words),
    _text("because"),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", LONG, primary_key=True),
    Column("generation", LONG, nullable=False),
    _text("service"),
    _text("operator"),
    _text("digest"),
    Column("attempt", Integer, nullable=False),
    _text("marker"),
    Column("began", LONG, nullable=False),
    Column("pid", Integer),
    Column("started_ticks", LONG),
    Column("boot", Words),
    Column("ended", LONG),
    Column("outcome", Words),
    Column("exit", Integer),
    Column("signal", Integer),
    Column("milliseconds", LONG, nullable=False, server_default=text("0")),
    Column("reaped", Integer, nullable=False, server_default=text("0")),
    _text("message"),
    _text("spec"),  # the RunSpec it was begun with, as JSON
    _text("lingering"),  # pids of its processes that nobody could end and that may still be there, as JSON
    sqlite_autoincrement=True,  # a number that retention deleted never comes again
)

Index("runs_by_service", runs.c.service, runs.c.id)
Index("runs_by_generation", runs.c.generation)
_UNFINISHED = runs.c.ended.is_(None)
Index("runs_unfinished", runs.c.id, sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED)

applied = Table(
    "applied",
    metadata,
    Column("service", Words, primary_key=True),
    _text("digest"),
    _text("touched"),
    _text("touched_by"),
    _text("prerequisites"),
    *_release(),
)

#: Releases that ran successfully before the present one.
formers = Table(
    "formers",
    metadata,
    Column("service", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("left_in", LONG, nullable=False),  # the generation that went on to another
    *_release(),
)

#: Services that are rolled back, each to one of its formers.
pins = Table(
    "pins",
    metadata,
    Column("service", Words, primary_key=True),
    _text("instead_of"),
    _text("digest"),
    Column("since", LONG, nullable=False),
    _text("by"),
    _text("because"),
    _text("origin"),
    _text("leader"),
)

holds = Table(
    "holds",
    metadata,
    Column("service", Words, primary_key=True),
    _text("by"),
    _text("reason"),
    Column("since", LONG, nullable=False),
    _text("digest"),
    Column("done", Integer, nullable=False, server_default=text("1")),
    _text("principal"),  # who placed it, as JSON
)

failures = Table(
    "failures",
    metadata,
    Column("service", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", LONG, nullable=False),
    Column("quarantined", LONG),  # since when
    _text("because"),
    # the newest run of that release, 0 for none that is known
    Column("run", LONG, nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,
)

held_plans = Table(
    "held_plans",
    metadata,
    Column("digest", Words, primary_key=True),
    Column("since", LONG, nullable=False),
    _text("services"),
    _text("reasons"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("digest", Words, primary_key=True),
    Column("at", LONG, nullable=False),
)

#: Services that are gone from the tree and stay as they are, as of the newest plan.
absent = Table(
    "absent",
    metadata,
    Column("service", Words, primary_key=True),
    _text("renamed_to"),
)

#: What happened, in order, for those who follow: written with the facts that an event tells.
events = Table(
    "events",
    metadata,
    Column("seq", LONG, primary_key=True, autoincrement=False),  # the writer counts
    Column("at", LONG, nullable=False),
    _text("kind"),
    _text("service"),
    Column("run", LONG),
    Column("generation", LONG),
    _text("principal"),  # who caused it, as JSON; "" for nobody
    _text("data"),  # JSON
)

Index("events_by_service", events.c.service, events.c.seq)
Index("events_by_kind", events.c.kind, events.c.seq)

#: What each source accepted last, and what it refused since.
acceptances = Table(
    "acceptances",
    metadata,
    Column("source", Words, primary_key=True),  # config, src, or the name of a mirror
    _text("accepted"),  # JSON; "" for nothing yet
    _text("refused"),
)

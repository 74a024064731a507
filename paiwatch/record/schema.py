"""The tables, as SQL statements are built from them. How a file gets to have them is `migrations`.

Times are INTEGER milliseconds since the epoch; JSON is TEXT; flags are 0 and 1.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator


class Words(TypeDecorator[str]):
    """Text of any origin: what UTF-8 cannot say (the bytes of an odd file name) is kept as an escape, never refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """On the way into the file."""
        del dialect
        if value is None or value.isascii():
            return value
        return value.encode("utf-8", "backslashreplace").decode()


metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Words, nullable=False, server_default="")


def _release() -> Iterator[Column[Any]]:
    """What is remembered of a release that ran successfully; `timeout` is milliseconds."""
    for name in ("version", "at", "timeout"):
        yield Column(name, Integer, nullable=False)
    for name in (
        "config",
        "src",
        "files",
        "reads",
        "scripts",
        "folder",
        "env",
        "watched",
        "seal",
        "interrupted",
    ):
        yield _text(name)


schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

generations = Table(
    "generations",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("digest"),
    _text("config"),  # Revision as JSON
    _text("config_id"),
    _text("src"),
    _text("src_id"),
    Column("accepted", Integer, nullable=False),
    Column("closed", Integer),
    Column("succeeded", Integer),
)

steps = Table(
    "steps",
    metadata,
    Column("generation", Integer, primary_key=True),
    Column("service", Words, primary_key=True),
    Column("operator", Words, primary_key=True),
    Column("position", Integer, nullable=False),
    _text("kind"),
    _text("digest"),
    Column("level", Integer, nullable=False),
    _text("reasons"),
    Column("outcome", Words),
    _text("because"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    _text("service"),
    _text("operator"),
    _text("digest"),
    Column("attempt", Integer, nullable=False),
    _text("marker"),
    Column("began", Integer, nullable=False),
    Column("pid", Integer),
    Column("started_ticks", Integer),
    Column("boot", Words),
    Column("ended", Integer),
    Column("outcome", Words),
    Column("exit", Integer),
    Column("signal", Integer),
    Column("milliseconds", Integer, nullable=False, server_default="0"),
    Column("reaped", Integer, nullable=False, server_default="0"),
    _text("message"),
    _text("interrupted"),  # what its release asks for when it is cut off
    _text("lingering"),  # pids of its processes that nobody could end and that may still be there, as JSON
)

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
    Column("left_in", Integer, nullable=False),  # the generation that went on to another
    *_release(),
)

#: Services that are rolled back, each to one of its formers.
pins = Table(
    "pins",
    metadata,
    Column("service", Words, primary_key=True),
    _text("instead_of"),
    _text("digest"),
    Column("since", Integer, nullable=False),
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
    Column("since", Integer, nullable=False),
    _text("digest"),
    Column("done", Integer, nullable=False, server_default="1"),
)

failures = Table(
    "failures",
    metadata,
    Column("service", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Integer, nullable=False),
    Column("quarantined", Integer),  # since when
    _text("because"),
)

held_plans = Table(
    "held_plans",
    metadata,
    Column("digest", Words, primary_key=True),
    Column("since", Integer, nullable=False),
    _text("services"),
    _text("reasons"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("digest", Words, primary_key=True),
    Column("at", Integer, nullable=False),
)

#: Services that are gone from the tree and stay as they are, as of the newest plan.
absent = Table(
    "absent",
    metadata,
    Column("service", Words, primary_key=True),
    _text("renamed_to"),
)

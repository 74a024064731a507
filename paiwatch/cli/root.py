"""The `paiwatch` command itself: global options, and verbs that are imported only when they are called."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from paiwatch import __version__
from paiwatch.cli.call import Call, config_option, merge, output_option
from paiwatch.cli.verbs import SECTIONS, VERBS, Verb


class LazyGroup(click.Group):
    """A group whose verbs are a table: listing them imports nothing, calling one imports its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in the order of the table."""
        del ctx
        return [*VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, imported now; None for a word that is no verb."""
        del ctx
        verb = VERBS.get(cmd_name)
        return None if verb is None else load(verb)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but guess at misspelt verbs from the table."""
        if args[0] not in VERBS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=[*VERBS], ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table under its headings."""
        del ctx
        width = max(map(len, VERBS))
        for heading, verbs in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), verb.summary) for name, verb in verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs from the table, then options: completion must not import every verb either."""
        verbs = [
            CompletionItem(name, help=verb.summary)
            for name, verb in VERBS.items()
            if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)


def load(verb: Verb) -> click.Command:
    """Import the verb's module and take its command."""
    module, _, attribute = verb.target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{verb.target} is not a click command")
    return command


def may_colour(environ: Mapping[str, str]) -> bool | None:
    """False when NO_COLOR (https://no-color.org) or a dumb terminal forbids colours; None: terminals only."""
    return False if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" else None


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 something failed, 2 bad input, 3 a bug in paiwatch, 4 changes (plan --exit-code), 130 interrupted.",
)
@config_option
@output_option
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def command(ctx: click.Context, config: Path | None, output: str | None) -> None:
    """Push a commit; the services it changes, and those that depend on them, are refreshed in order."""
    ctx.obj = merge(Call(), config=config, output=output)
    ctx.color = may_colour(os.environ)

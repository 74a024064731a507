"""Call: what every verb is told besides its own options: which config.yaml, and which form of output."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from paiwatch.errors import ConfigError

if TYPE_CHECKING:
    from paiwatch.settings.sections import Settings

P = ParamSpec("P")

#: Where a packaged installation keeps its settings.
SYSTEM_CONFIG = Path("/etc/paiwatch/config.yaml")


class Output(StrEnum):
    """Tables for people, JSON for programs."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Call:
    """`config` is as given (None: look in the usual places); `output` is what the verb prints."""

    config: Path | None = None
    output: Output = Output.TABLE

    @property
    def wants_json(self) -> bool:
        """Whether `-o json` was asked for."""
        return self.output is Output.JSON

    def locate(self) -> Path:
        """The settings file: -c, else $PAIWATCH_CONFIG, else ./config.yaml, else the system's. Raises ConfigError."""
        if self.config is not None:
            return self.config
        if named := os.environ.get("PAIWATCH_CONFIG"):
            return Path(named)
        for usual in (Path("config.yaml"), SYSTEM_CONFIG):
            if usual.exists():
                return usual
        raise ConfigError(
            f"no settings: there is neither ./config.yaml nor {SYSTEM_CONFIG}; name a file with -c or $PAIWATCH_CONFIG"
        )

    def settings(self) -> "Settings":
        """The settings, read and checked now. Raises ConfigError with every fault."""
        from paiwatch.settings.file import load  # noqa: PLC0415 (heavy; `--help` and `--version` must not pay for it)

        return load(self.locate(), os.environ)

    def settings_alone(self) -> "Settings":
        """The same without the files they name, for who asks only the record or the daemon. Raises ConfigError."""
        from paiwatch.settings.file import load_alone  # noqa: PLC0415 (as above)

        return load_alone(self.locate(), os.environ)


config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Settings file. Default: $PAIWATCH_CONFIG, ./config.yaml or /etc/paiwatch/config.yaml.",
)
output_option = click.option(
    "-o",
    "--output",
    type=click.Choice([output.value for output in Output]),
    help="Form of what is printed. Default: table.",
)


def merge(earlier: Call, *, config: Path | None, output: str | None) -> Call:
    """What stands after the verb wins over what stands before it."""
    return Call(
        config if config is not None else earlier.config,
        Output(output) if output is not None else earlier.output,
    )


def configured(function: Callable[Concatenate[Call, P], None]) -> Callable[P, None]:
    """Give a verb its Call as first argument, and `-c` after the verb."""

    @config_option
    @click.pass_context
    @functools.wraps(function)
    def command(ctx: click.Context, /, *args: P.args, **options: P.kwargs) -> None:
        config = _path(options.pop("config", None))
        function(merge(_earlier(ctx), config=config, output=None), *args, **options)

    return command


def shared(function: Callable[Concatenate[Call, P], None]) -> Callable[P, None]:
    """Give a verb its Call as first argument, and `-c` and `-o` after the verb."""

    @config_option
    @output_option
    @click.pass_context
    @functools.wraps(function)
    def command(ctx: click.Context, /, *args: P.args, **options: P.kwargs) -> None:
        config, output = _path(options.pop("config", None)), _text(options.pop("output", None))
        function(merge(_earlier(ctx), config=config, output=output), *args, **options)

    return command


def _earlier(ctx: click.Context) -> Call:
    """What stood before the verb; a verb called by itself (as tests may) has nothing before it."""
    return ctx.obj if isinstance(ctx.obj, Call) else Call()


def _path(value: object) -> Path | None:
    """The option as click gave it."""
    return value if isinstance(value, Path) else None


def _text(value: object) -> str | None:
    """The option as click gave it."""
    return value if isinstance(value, str) else None

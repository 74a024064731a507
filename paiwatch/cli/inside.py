"""Verbs that wait for runs, asked for by a script that is one: it would wait for itself."""

from collections.abc import Mapping
from pathlib import Path

from paiwatch.errors import ConfigError


def refuse(verb: str, state: Path, environ: Mapping[str, str]) -> None:
    """Raise ConfigError where this process belongs to a script that the paiwatch of this state folder runs."""
    stage = environ.get("PAIWATCH_REASON_FILE", "")
    if stage and Path(stage).is_relative_to(state.absolute()):
        raise ConfigError(
            f"`paiwatch {verb}` waits for scripts, and this is one, of '{environ.get('PAIWATCH_SERVICE', '')}': "
            "it would wait for itself; name what it needs under 'prerequisite' in its service.yaml"
        )

"""What a script may not ask of the paiwatch that runs it."""

from pathlib import Path

import pytest

from paiwatch.cli import inside
from paiwatch.errors import ConfigError


def test_a_script_cannot_wait_for_the_runs_it_is_one_of(tmp_path: Path) -> None:
    environ = {
        "PAIWATCH_SERVICE": "web",
        "PAIWATCH_REASON_FILE": str(tmp_path / "stages" / "7" / "reasons.json"),
    }

    with pytest.raises(ConfigError, match="one, of 'web': it would wait for itself"):
        inside.refuse("service", tmp_path, environ)

    inside.refuse("service", tmp_path / "other", environ)
    inside.refuse("service", tmp_path, {})

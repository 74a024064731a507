"""The house's walls: import-linter's contracts hold."""

import subprocess
import sys
from pathlib import Path


def test_every_import_contract_is_kept(project_root: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([linter], cwd=project_root, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout

"""Who holds the state lock can be seen without disturbing anybody."""

import os
from pathlib import Path

from paiwatch.cli import holder
from paiwatch.cli.holder import Holder
from paiwatch.record.lock import StateLock


def test_the_holder_is_seen_while_it_holds(tmp_path: Path) -> None:
    assert holder.find(tmp_path) is None

    with StateLock(tmp_path, command="once"):
        assert holder.find(tmp_path) == Holder(os.getpid(), "once")

    assert holder.find(tmp_path) is None


def test_a_lock_file_that_a_kill_left_behind_has_no_holder(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "command": "run", "since": ""}')

    assert holder.find(tmp_path) is None

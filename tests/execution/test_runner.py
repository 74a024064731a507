"""The executor of this machine: what it archives before a run, and what it makes of what cannot be archived."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.domain.run import Outcome
from paiwatch.engine.effects import Launch, Prepare, Scene
from paiwatch.execution.masking import Masking
from paiwatch.execution.outage import Outage
from paiwatch.execution.runner import Limits, LocalExecutor
from paiwatch.execution.staging import Staging
from paiwatch.plan.plan import Step
from paiwatch.plan.target import make_target
from paiwatch.record.archive import Archive
from paiwatch.record.layout import archive_folder
from paiwatch.releases.release import RenderedFiles
from paiwatch.scrub import Scrubber
from tests.builders import a_desired, rendered_files
from tests.record.runs import a_step


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    masking = Masking(Scrubber(), log_limit=1000)
    staging = Staging(state=tmp_path, masking=masking, read=lambda *_: {}, log_limit=1000)
    yield LocalExecutor(
        state=tmp_path,
        staging=staging,
        masking=masking,
        limits=Limits(grace=1.0, log_limit=1000),
        outage=Outage(lambda _: None, patient=True),
    )
    staging.stop()


def on_stage(executor: LocalExecutor, service: str, files: RenderedFiles) -> Step:
    """The one step of a generation, whose release has these files."""
    executor.open(1, Scene(target=make_target(a_desired(), {}), rendered={service: files}, archived={}))
    return a_step(service, files.release.digest)


async def test_a_release_is_archived_before_its_run(executor: LocalExecutor, tmp_path: Path) -> None:
    files = rendered_files("web", {}, rendered={"start.sh": "echo web\n"})
    step = on_stage(executor, "web", files)

    assert await executor.prepare(Prepare(ticket=1, step=step, generation=1))

    assert Archive(archive_folder(tmp_path)).load(step.digest)["start.sh"][1] == b"echo web\n"


@pytest.mark.parametrize(
    ("service", "files", "told"),
    [
        ("web", rendered_files("web", {}, rendered={"x" * 300: ""}), "File name too long"),
    ],
)
async def test_what_cannot_be_archived_touches_nothing_and_fails_with_a_reason(
    executor: LocalExecutor, tmp_path: Path, service: str, files: RenderedFiles, told: str
) -> None:
    step = on_stage(executor, service, files)

    assert not await executor.prepare(Prepare(ticket=1, step=step, generation=1))
    attempt = await executor.start(Launch(ticket=1, run=1, step=step, generation=1, marker="1-ab"))
    ended = await attempt.wait()

    assert (attempt.handle, ended.result.outcome) == (None, Outcome.FAILED)
    assert told in ended.result.message
    assert not (tmp_path / "runs").exists()

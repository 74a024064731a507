"""The lookout: what each look found can be rendered, also beside later looks."""

from pathlib import Path

import pytest

from paiwatch.daemon.composition import survey_of
from paiwatch.daemon.lookout import Lookout
from paiwatch.errors import StalledError
from paiwatch.execution.masking import Masking
from paiwatch.scrub import Scrubber
from paiwatch.settings.file import load
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources
from tests.builders import a_desired
from tests.cli.worlds import SECRET, a_world
from tests.sources.memories import recording


async def test_what_each_look_found_can_be_rendered(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    settings = load(world.settings, {})
    scrubber = Scrubber()
    async with recording(tmp_path / "state") as memories:
        sources = Sources(settings.config, settings.src, tmp_path / "state", Nudges(), memories=memories)
        lookout = Lookout(sources, survey_of(settings), hide=Masking(scrubber, log_limit=1000).hide)
        try:
            first = await lookout.look()
            assert scrubber.scrub(SECRET) != SECRET, "hidden before anybody can tell of it"
            world.write({"config/services-configuration.yaml": f"web: {{port: 12345, password: {SECRET}}}\n"})
            second = await lookout.look()

            before, after = (lookout.render(look, ["web"])["web"] for look in (first, second))
            assert (before.release, after.release) == (first.releases["web"], second.releases["web"])
            assert b"port=8080" in before.contents["env"]
            assert b"port=12345" in after.contents["env"]
            with pytest.raises(StalledError, match="moved on"):
                lookout.render(a_desired(), ["web"])
        finally:
            await lookout.stop()

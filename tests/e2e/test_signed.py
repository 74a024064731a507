"""Commits that the rules of a source refuse, end to end: never deployed, told, and left behind by the next good one."""

from pathlib import Path

import pytest

from paiwatch.control import client
from tests.e2e.platform import Platform
from tests.sources.signing import SshKey, an_ssh_key, needs_ssh

pytestmark = needs_ssh


@pytest.fixture
def alice(tmp_path: Path) -> SshKey:
    return an_ssh_key(tmp_path / "keys", "alice")


@pytest.fixture
def allowed(tmp_path: Path, alice: SshKey) -> Path:
    return alice.allowed_by(tmp_path / "allowed_signers")


def follow(platform: Platform, rules: str) -> None:
    """Build one service and follow its configuration by these rules."""
    platform.source_options = f", {rules}"
    platform.build({"web": ()})


def push(platform: Platform, value: int, subject: str, *, by: SshKey | None) -> str:
    """Push a value of web, signed or not; gives the commit."""
    platform.write_config({"web": value})
    platform.git(platform.work, "config", "commit.gpgsign", "true" if by else "false")
    if by:
        platform.git(platform.work, "config", "gpg.format", "ssh")
        platform.git(platform.work, "config", "user.signingkey", str(by.file))
    return platform.push(subject)


def is_refused(platform: Platform, commit: str) -> bool:
    """Whether the daemon says that it refuses this commit."""
    progress = client.ask(platform.root / "state", {"verb": "progress"}) or {}
    return f"the newest commit {commit[:8]} " in progress.get("faults", {}).get("config", "")


def heading(platform: Platform) -> str:
    """What `paiwatch status` prints."""
    return " ".join(platform.cli("status").split())


def test_an_unsigned_commit_is_never_deployed_and_the_next_signed_one_is(
    tmp_path: Path, alice: SshKey, allowed: Path
) -> None:
    platform = Platform(tmp_path / "p")
    follow(platform, f"verify: tip, allowed_signers: {allowed}")
    first = push(platform, 0, "nobody's", by=None)
    platform.start()
    try:
        platform.wait_until(lambda: "is not signed" in platform.log(), "the first refusal is logged")
        assert f'{first[:8]} "nobody\'s" by Ana is refused' in heading(platform)
        assert platform.trace() == []

        good = push(platform, 1, "good", by=alice)
        platform.wait_settled(good)

        bad = push(platform, 2, "sneaky", by=None)
        platform.wait_until(lambda: is_refused(platform, bad), "the unsigned commit is refused")
        said = heading(platform)
        assert f'{bad[:8]} "sneaky" by Ana is refused: it is not signed; {good[:8]} stays in force' in said
        assert '"event": "commit.refused"' in platform.log()

        signers = allowed.read_text()
        allowed.unlink()
        assert "stays in force" in heading(platform), "files that are gone keep nobody from asking the daemon"
        platform.cli("suspend", "web", "--reason", "no signers")
        platform.cli("resume", "web")
        allowed.write_text(signers)

        platform.kill()
        platform.start()
        platform.wait_until(lambda: is_refused(platform, bad), "it is refused after a restart, too")
        assert platform.json("status")["snapshot"]["config"] == good
        assert platform.value("web") == "1 steady"

        better = push(platform, 3, "better", by=alice)
        platform.wait_settled(better)
        assert platform.value("web") == "3 steady"
        assert {step.service for step in platform.trace()} == {"web"}
        assert len(platform.trace()) == 4  # the first and the last, begun and ended
    finally:
        platform.stop()


def test_without_a_daemon_the_last_good_commit_is_converged_on_and_the_refusal_told(
    tmp_path: Path, alice: SshKey, allowed: Path
) -> None:
    platform = Platform(tmp_path / "p")
    follow(platform, f"verify: all, allowed_signers: {allowed}")
    push(platform, 1, "good", by=alice)
    platform.cli("once")
    inner = push(platform, 2, "sneaky", by=None)
    push(platform, 3, "on top", by=alice)

    said = platform.cli("once", code=1)
    planned = platform.cli("plan")
    validated = platform.cli("validate", code=2)
    assert "not all is well: the newest commit of config is refused (see below)" in planned

    for text in (said, planned, validated, platform.cli("why", "web"), platform.cli("status")):
        assert f'commit {inner[:8]} "sneaky" by Ana is not signed' in " ".join(text.split())
    assert platform.value("web") == "1 steady"

    assert "not settled: a commit is refused" in platform.cli("status")
    platform.add("web", refresh=f"echo again > {platform.out('web')}")
    platform.cli("once", code=1)
    assert platform.json("status")["faults"]
    assert platform.value("web") == "again\n", "what is good of the trees is deployed beside what is refused"


def rewrite(platform: Platform, value: int) -> str:
    """Replace the newest commit on main by another."""
    platform.git(platform.work, "reset", "--quiet", "--hard", "HEAD~1")
    platform.git(platform.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    return push(platform, value, "rewritten", by=None)


def test_a_rewrite_waits_until_a_person_accepts_it_with_or_without_a_daemon(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "p")
    follow(platform, "history: fast-forward-only")
    first = push(platform, 1, "first", by=None)
    platform.start()
    try:
        platform.wait_settled(first)
        second = rewrite(platform, 2)
        platform.wait_until(lambda: is_refused(platform, second), "the rewrite is refused")
        assert "paiwatch accept-rewrite" in heading(platform)
        assert platform.value("web") == "1 steady"

        assert platform.json("accept-rewrite", "--reason", "Ana rebased")["commit"] == second
        platform.wait_settled(second)
        assert platform.value("web") == "2 steady"

        third = rewrite(platform, 3)
        platform.wait_until(lambda: is_refused(platform, third), "another rewrite is refused")
        platform.stop()
        assert platform.json("accept-rewrite", "config")["commit"] == third
        assert "there is nothing to accept" in platform.cli("accept-rewrite", "src", code=2)
        platform.start()
        platform.wait_settled(third)
        assert platform.value("web") == "3 steady"
        for told in (platform.cli("events", "--since", "0"), platform.cli("history", "--acts")):
            assert all(f"config at {commit[:8]}" in told for commit in (second, third)), (
                "with and without a daemon"
            )
            assert "Ana rebased" in told
    finally:
        platform.stop()


def test_a_signer_file_that_is_missing_or_names_nobody_stops_the_start(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "p")
    follow(platform, f"verify: tip, allowed_signers: {tmp_path}/nowhere")

    for verb in ("run", "validate"):
        said = platform.cli(verb, code=2)
        assert "config.yaml:1:" in said
        assert "'config.allowed_signers'" in said
        assert "No such file or directory; create the file, or correct the path" in said
    (tmp_path / "nowhere").write_text("# nobody yet\n")
    assert "names no signer" in platform.cli("run", code=2)

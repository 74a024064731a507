"""Settings that say which commits are taken: verify, allowed_signers, keyring and history."""

from pathlib import Path

import pytest

from paiwatch.errors import ConfigError
from paiwatch.problem import Problem
from paiwatch.settings.file import load, load_alone, load_with_warnings
from paiwatch.settings.sections import Settings
from paiwatch.sources.rules import History, Rules, Verify
from tests.sources.signing import needs_gpg, needs_ssh

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJ5dXJlbHlub3RhcmVhbGtleWJ1dGxvbmdlbm91Z2g="


def read(tmp_path: Path, config: str, src: str = "directory: /s") -> Settings:
    (tmp_path / "config.yaml").write_text(f"config: {{{config}}}\nsrc: {{{src}}}\n")
    return load(tmp_path / "config.yaml", {})


def fault(tmp_path: Path, config: str, src: str = "directory: /s") -> Problem:
    """The only fault of these settings."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, config, src)
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def signers(tmp_path: Path) -> Path:
    file = tmp_path / "signers"
    file.write_text(f'# people\n\nalice@example.com namespaces="git" {KEY} Alice\nbob {KEY}\n')
    return file


def test_nothing_is_verified_and_any_history_taken_unless_the_settings_say_so(tmp_path: Path) -> None:
    assert read(tmp_path, "repo: /r").config.rules == Rules()


@pytest.mark.parametrize("text", ["off", "'off'", "off, branch: x"])
def test_off_may_be_written_without_quotes(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, f"repo: /r, verify: {text}").config.verify is Verify.OFF


def test_off_elsewhere_is_still_no_text(tmp_path: Path) -> None:
    assert "'off' means false" in fault(tmp_path, "repo: /r, branch: off, verify: off").message


@needs_ssh
def test_the_signers_file_is_seen_from_the_settings_file(tmp_path: Path, signers: Path) -> None:
    found = read(tmp_path, "repo: /r, verify: all, allowed_signers: signers, history: fast-forward-only")

    assert found.config.rules == Rules(
        verify=Verify.ALL, history=History.FAST_FORWARD_ONLY, allowed_signers=signers
    )


def test_verifying_needs_to_know_signers(tmp_path: Path) -> None:
    assert (
        "'config.verify' needs to know whose signatures count"
        in fault(tmp_path, "repo: /r, verify: tip").message
    )


@pytest.mark.parametrize("key", ["allowed_signers", "keyring"])
def test_a_signers_file_that_is_missing_is_a_fault_of_its_key(tmp_path: Path, key: str) -> None:
    problem = fault(tmp_path, f"repo: /r, verify: tip, {key}: gone")

    assert f"'config.{key}': {tmp_path}/gone cannot be used: No such file" in problem.message
    assert problem.remedy == "create the file, or correct the path"
    assert problem.line == 1


def test_files_that_are_missing_matter_to_nobody_who_asks_the_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read(tmp_path, "repo: /r, verify: tip, allowed_signers: gone")

    assert load_alone(tmp_path / "config.yaml", {}).state == Path("/var/lib/paiwatch")


@needs_ssh
def test_a_line_that_names_no_signer_is_told_with_its_number(tmp_path: Path, signers: Path) -> None:
    signers.write_text(signers.read_text() + "carol ed25519 but no key\n")

    assert (
        f"{signers}:5 names no signer"
        in fault(tmp_path, "repo: /r, verify: tip, allowed_signers: signers").message
    )


def test_a_folder_is_no_file_of_ssh_signers(tmp_path: Path) -> None:
    assert "is not a file" in fault(tmp_path, "repo: /r, verify: tip, allowed_signers: .").message


@needs_gpg
def test_a_keyring_without_keys_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "keys.d").mkdir()

    assert "keys.d has no key in it" in fault(tmp_path, "repo: /r, verify: tip, keyring: keys.d").message


def test_a_program_that_is_missing_is_a_fault(
    tmp_path: Path, signers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    problem = fault(tmp_path, f"repo: /r, verify: tip, allowed_signers: {signers}")

    assert "ssh-keygen, which checks such signatures, is not installed" in problem.message


def test_signers_without_verifying_are_a_warning(tmp_path: Path, signers: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        f"config: {{repo: /r, allowed_signers: {signers}}}\nsrc: {{directory: /s}}\n"
    )

    (warning,) = load_with_warnings(tmp_path / "config.yaml", {})[1]

    assert "'config.allowed_signers' has no effect, for 'config.verify' is off" in warning.message


def test_a_live_directory_has_no_commits_to_judge(tmp_path: Path) -> None:
    problem = fault(tmp_path, "repo: /r", "directory: /s, history: fast-forward-only")

    assert "'src.history' goes with 'repo'" in problem.message


def test_one_branch_cannot_have_two_rules(tmp_path: Path) -> None:
    problem = fault(tmp_path, "repo: /r, history: fast-forward-only", "repo: /r")

    assert "follow the same branch by different rules" in problem.message
    assert (
        read(tmp_path, "repo: /r, history: fast-forward-only", "repo: /r, branch: x").src.history
        is History.ANY
    )

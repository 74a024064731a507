"""Which signatures count: against real ssh-keygen and gpg."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from paiwatch.errors import StalledError, TransientError
from paiwatch.sources.repository import Repository
from paiwatch.sources.rules import Rules, Verify
from paiwatch.sources.signatures import Flaw, Signatures
from tests.sources.origins import a_repository, a_work_tree, git
from tests.sources.signing import GpgHome, SshKey, an_ssh_key, needs_gpg, needs_ssh, signed

pytestmark = needs_ssh


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return a_work_tree(tmp_path / "work")


@pytest.fixture
def alice(tmp_path: Path) -> SshKey:
    return an_ssh_key(tmp_path / "keys", "alice")


@pytest.fixture
def allowed(tmp_path: Path, alice: SshKey) -> Path:
    return alice.allowed_by(tmp_path / "allowed_signers")


@pytest.fixture
def origin(tmp_path: Path, work: Path) -> Iterator[Repository]:
    repository = a_repository(tmp_path / "mirror", work)
    repository.newest()
    yield repository
    repository.close()


@pytest.fixture
def gpg() -> Iterator[GpgHome]:
    folder = Path(tempfile.mkdtemp(prefix="gpg-"))
    home = GpgHome(folder)
    yield home
    home.close()
    shutil.rmtree(folder)


class Check(Protocol):
    def __call__(self, *, allowed: Path | None = None, keyring: Path | None = None) -> Signatures: ...


@pytest.fixture
def check(origin: Repository, tmp_path: Path) -> Check:
    """Makes the checker for these signers."""

    def made(*, allowed: Path | None = None, keyring: Path | None = None) -> Signatures:
        rules = Rules(verify=Verify.TIP, allowed_signers=allowed, keyring=keyring)
        return Signatures(origin.git, rules, home=tmp_path / "mirror")

    return made


def why(found: Signatures, *commits: str) -> str:
    """What is wrong with the first of these that is not good; "" when all are."""
    flaw = found.first_flaw(commits)
    return flaw.why if flaw else ""


# ── ssh ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_commit_signed_by_an_allowed_signer_is_good(
    check: Check, work: Path, alice: SshKey, allowed: Path
) -> None:
    assert why(check(allowed=allowed), signed(work, alice)) == ""


def test_an_unsigned_commit_is_told(check: Check, work: Path, allowed: Path) -> None:
    assert why(check(allowed=allowed), signed(work, None)) == "is not signed"


def test_a_key_that_nobody_allowed_is_named(check: Check, work: Path, allowed: Path, tmp_path: Path) -> None:
    eve = an_ssh_key(tmp_path / "keys", "eve")

    said = why(check(allowed=allowed), signed(work, eve))

    assert said.startswith("is signed with the key SHA256:")
    assert said.endswith(f", which {allowed} does not accept")


def test_a_commit_that_was_changed_after_it_was_signed_is_not_valid(
    check: Check, work: Path, alice: SshKey, allowed: Path
) -> None:
    good = git(work, "cat-file", "commit", signed(work, alice, subject="Pay ten"))
    forged = git(
        work, "hash-object", "-t", "commit", "-w", "--stdin", stdin=good.replace("Pay ten", "Pay all") + "\n"
    )

    assert "is not valid" in why(check(allowed=allowed), forged)


@pytest.mark.parametrize(
    "options",
    ['valid-before="20200101"', 'valid-after="20990101"', 'namespaces="file"'],
    ids=["too late", "too early", "for something else"],
)
def test_a_signer_is_accepted_only_for_what_their_line_says(
    options: str, check: Check, work: Path, alice: SshKey, allowed: Path
) -> None:
    allowed.write_text(alice.line(options))

    assert why(check(allowed=allowed), signed(work, alice)) != ""


def test_the_first_flaw_among_many_is_found(check: Check, work: Path, alice: SshKey, allowed: Path) -> None:
    commits = [signed(work, alice), signed(work, None), signed(work, alice), signed(work, None)]

    flaw = check(allowed=allowed).first_flaw(commits)

    assert flaw is not None
    assert flaw.commit == commits[1]


def test_signers_are_read_again_when_their_file_changes(
    check: Check, work: Path, alice: SshKey, allowed: Path, tmp_path: Path
) -> None:
    eve = an_ssh_key(tmp_path / "keys", "eve")
    by_eve, by_alice = signed(work, eve), signed(work, alice)
    found = check(allowed=allowed)
    assert why(found, by_alice) == ""
    assert why(found, by_eve) != ""

    allowed.write_text("# only Eve from now on\n" + eve.line())

    assert why(found, by_eve) == ""
    assert why(found, by_alice) != ""


def test_signers_that_vanish_are_no_verdict(check: Check, work: Path, alice: SshKey, allowed: Path) -> None:
    found = check(allowed=allowed)
    allowed.unlink()

    with pytest.raises(TransientError, match="allowed_signers: cannot be read"):
        found.first_flaw([signed(work, alice)])


def forged(work: Path, signature: str) -> str:
    """A commit whose signature is this text; gives its id."""
    head, _, message = git(work, "cat-file", "commit", signed(work, None)).partition("\n\n")
    text = f"{head}\ngpgsig {signature.replace(chr(10), chr(10) + ' ')}\n\n{message}\n"
    return git(work, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=text)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("garbage", id="that git cannot make out"),
        pytest.param("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----", id="empty"),
        pytest.param("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----", id="of gpg"),
        pytest.param("-----BEGIN SIGNED MESSAGE-----\nMIIa\n-----END SIGNED MESSAGE-----", id="of X.509"),
    ],
)
def test_a_signature_that_is_none_is_a_flaw_of_its_commit_alone(
    check: Check, work: Path, alice: SshKey, allowed: Path, signature: str
) -> None:
    good, bad = signed(work, alice), forged(work, signature)

    flaw = check(allowed=allowed).first_flaw([good, bad, good])

    assert flaw == Flaw(bad, f"has a signature that is not valid by {allowed}")


def test_a_commit_too_large_for_git_to_check_in_time_is_not_looked_at(
    check: Check, work: Path, allowed: Path
) -> None:
    bad = forged(work, "-----BEGIN SSH SIGNATURE-----\n" + "A" * (1 << 20) + "\n-----END SSH SIGNATURE-----")

    assert why(check(allowed=allowed), bad).startswith("is larger than 1 MiB")


def test_a_signature_that_cannot_be_written_for_its_check_is_no_verdict(
    origin: Repository, work: Path, alice: SshKey, allowed: Path, tmp_path: Path
) -> None:
    rules = Rules(verify=Verify.TIP, allowed_signers=allowed)
    found = Signatures(origin.git, rules, home=tmp_path / "nowhere")

    with pytest.raises(TransientError, match=r"nowhere: a signature cannot be written .*; see to the disk"):
        found.first_flaw([signed(work, alice)])


def test_signers_that_became_a_pipe_are_no_verdict_and_nobody_waits_for_it(
    check: Check, work: Path, alice: SshKey, allowed: Path
) -> None:
    found = check(allowed=allowed)
    allowed.unlink()
    os.mkfifo(allowed)

    with pytest.raises(TransientError, match="allowed_signers: is no file"):
        found.first_flaw([signed(work, alice)])


def test_the_programs_of_a_repository_are_never_started(
    check: Check, work: Path, alice: SshKey, allowed: Path, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o700)
    by_alice = signed(work, alice)
    for key in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.x509.program"):
        git(work, "config", key, str(trap))
        git(tmp_path, f"--git-dir={tmp_path}/mirror/git", "config", key, str(trap))

    assert why(check(allowed=allowed), by_alice) == ""
    assert not (tmp_path / "sprung").exists()


# ── gpg ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@needs_gpg
def test_a_commit_signed_by_a_key_of_the_keyring_is_good(
    check: Check, work: Path, gpg: GpgHome, tmp_path: Path
) -> None:
    gpg.a_key("bob")
    keyring = gpg.export(tmp_path / "keyring.asc", "bob")

    assert why(check(keyring=keyring), gpg.commit(work, "bob")) == ""


@needs_gpg
def test_a_key_of_the_users_own_gpg_does_not_count(
    check: Check, work: Path, gpg: GpgHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpg.a_key("bob")
    gpg.a_key("eve")
    keyring = gpg.export(tmp_path / "keyring.asc", "bob")
    by_eve = gpg.commit(work, "eve")
    monkeypatch.setenv("GNUPGHOME", str(gpg.folder))

    said = why(check(keyring=keyring), by_eve)

    assert said.endswith(f"which {keyring} does not accept")


@needs_gpg
def test_a_folder_of_keys_is_a_keyring_and_a_new_file_in_it_counts_at_once(
    check: Check, work: Path, gpg: GpgHome, tmp_path: Path
) -> None:
    gpg.a_key("bob")
    gpg.a_key("carol")
    keyring = gpg.export(tmp_path / "keys.d" / "bob.asc", "bob").parent
    found = check(keyring=keyring)
    by_carol = gpg.commit(work, "carol")
    assert why(found, by_carol) != ""

    gpg.export(keyring / "carol.asc", "carol")

    assert why(found, by_carol, gpg.commit(work, "bob")) == ""


@needs_gpg
def test_an_expired_key_does_not_count(check: Check, work: Path, gpg: GpgHome, tmp_path: Path) -> None:
    gpg.a_key("bob", at="20200101T000000")
    by_bob = gpg.commit(work, "bob", at="20200201T000000")
    keyring = gpg.export(tmp_path / "keyring.asc", "bob")

    assert why(check(keyring=keyring), by_bob).endswith("which has expired")


@needs_gpg
def test_a_revoked_key_does_not_count_though_an_older_export_of_it_is_there(
    check: Check, work: Path, gpg: GpgHome, tmp_path: Path
) -> None:
    gpg.a_key("bob")
    by_bob = gpg.commit(work, "bob")
    keyring = gpg.export(tmp_path / "keys.d" / "1-before.asc", "bob").parent
    found = check(keyring=keyring)
    assert why(found, by_bob) == ""

    gpg.revoke_the_only_key()
    gpg.export(keyring / "2-after.asc", "bob")

    assert why(found, by_bob).endswith("which is revoked")


def test_a_commit_that_its_checker_does_not_read_to_the_end_is_a_flaw_of_that_commit_alone(
    check: Check, work: Path, alice: SshKey, allowed: Path
) -> None:
    large = "x" * 1_000_000  # more than a pipe takes: git dies of it when nobody reads on
    text = git(work, "cat-file", "commit", signed(work, alice, subject="y"))
    head, signature = text.split("gpgsig ")
    broken = signature.replace("\n ", "\n U", 1).partition("\n\n")[0]
    forged = git(
        work, "hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{head}gpgsig {broken}\n\n{large}\n"
    )
    found = check(allowed=allowed)

    assert found.first_flaw([signed(work, alice), forged, signed(work, alice)]) == Flaw(
        forged, f"has a signature that is not valid by {allowed}"
    )


@needs_gpg
def test_an_ssh_signature_does_not_count_where_only_gpg_keys_do(
    check: Check, work: Path, alice: SshKey, gpg: GpgHome, tmp_path: Path
) -> None:
    gpg.a_key("bob")
    keyring = gpg.export(tmp_path / "keyring.asc", "bob")

    assert why(check(keyring=keyring), signed(work, alice)) != ""


@needs_gpg
def test_ssh_and_gpg_signers_may_be_mixed(
    check: Check, work: Path, alice: SshKey, allowed: Path, gpg: GpgHome
) -> None:
    gpg.a_key("bob")
    keyring = gpg.export(allowed.with_name("keyring.asc"), "bob")
    found = check(allowed=allowed, keyring=keyring)

    assert why(found, signed(work, alice), gpg.commit(work, "bob")) == ""


@needs_gpg
def test_a_file_that_is_no_keyring_is_told_with_gpgs_words(check: Check, work: Path, tmp_path: Path) -> None:
    keyring = tmp_path / "keyring.asc"
    keyring.write_text("no key at all\n")

    with pytest.raises(StalledError, match=r"keyring\.asc: gpg cannot take keys from it"):
        check(keyring=keyring).first_flaw([signed(work, None)])


@needs_gpg
def test_the_private_keyring_is_private(check: Check, work: Path, gpg: GpgHome, tmp_path: Path) -> None:
    gpg.a_key("bob")
    keyring = gpg.export(tmp_path / "keyring.asc", "bob")
    assert why(check(keyring=keyring), gpg.commit(work, "bob")) == ""

    home = tmp_path / "mirror" / "gnupg"

    assert home.stat().st_mode & 0o077 == 0
    assert [file.name for file in home.iterdir() if file.stat().st_mode & 0o077] == []

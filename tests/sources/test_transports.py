import os
import shutil
from pathlib import Path

import pytest

from paiwatch.errors import TransientError
from tests.sources.origins import a_bare, a_repository, a_work_tree, assert_gone, git, push, texts
from tests.sources.servers import (
    a_certificate,
    reason_against_ssh,
    serve_drips,
    serve_http,
    serve_silence,
    serve_ssh,
)

TOKEN = "s3cr3t-t0ken"
needs_sshd = pytest.mark.skipif(bool(reason_against_ssh()), reason=reason_against_ssh())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work tree whose origin can be served."""
    folder = a_work_tree(tmp_path / "served" / "cluster", {"layout.yaml": "one\n"})
    a_bare(folder)
    return folder


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "the token's file"
    file.write_text(f"{TOKEN}\n")
    return file


def test_http_with_a_token_reads_and_follows(tmp_path: Path, work: Path, token_file: Path) -> None:
    with serve_http(tmp_path / "served", password=TOKEN) as url:
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", token_file=token_file)
        first = repository.look(folder=".")
        pushed = push(work, {"layout.yaml": "two\n"})

        second = repository.look(folder=".", since=first)

        assert second.revision.id == pushed
        assert texts(repository, second) == {"layout.yaml": "two\n"}
        repository.close()


def test_a_token_that_is_replaced_is_read_again(tmp_path: Path, work: Path, token_file: Path) -> None:
    token_file.write_text("old\n")
    with serve_http(tmp_path / "served", password=TOKEN) as url:
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", token_file=token_file)
        with pytest.raises(TransientError, match=r"refused the credentials.*check `token_file`"):
            repository.newest()

        token_file.write_text(TOKEN)

        assert repository.newest()
        repository.close()


def test_a_password_in_the_address_works_and_is_never_shown(tmp_path: Path, work: Path) -> None:
    with serve_http(tmp_path / "served", password=TOKEN) as url:
        address = url.replace("http://", f"http://x-access-token:{TOKEN}@")
        repository = a_repository(tmp_path / "home", f"{address}/cluster.git")
        assert repository.newest()
        repository.close()

        repository = a_repository(tmp_path / "other", f"{address}/nothing.git")
        with pytest.raises(TransientError, match="no repository there") as caught:
            repository.newest()
        assert TOKEN not in str(caught.value)
        repository.close()


@pytest.mark.parametrize("given", [None, "wrong"], ids=["none", "wrong"])
def test_a_missing_or_wrong_token_says_what_to_do(tmp_path: Path, work: Path, given: str | None) -> None:
    file = tmp_path / "token"
    file.write_text(given or "")
    with serve_http(tmp_path / "served", password=TOKEN) as url:
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", token_file=file if given else None)

        with pytest.raises(
            TransientError, match=r"cluster\.git: refused the credentials.*check `token_file`"
        ) as caught:
            repository.newest()

        assert "wrong" not in str(caught.value)
        repository.close()


@pytest.mark.parametrize(
    "content", [f"\n \n{TOKEN}\n", f"{TOKEN}\r\n", f"{TOKEN}\nold\n"], ids=["blank", "CRLF", "two"]
)
def test_a_token_is_found_however_its_file_was_written(tmp_path: Path, work: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content.encode())
    with serve_http(tmp_path / "served", password=TOKEN) as url:
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", token_file=file)
        assert repository.newest()
        repository.close()


@pytest.mark.parametrize("form", ["empty", "pipe"])
def test_a_token_file_with_nothing_in_it_says_so(tmp_path: Path, form: str) -> None:
    file = tmp_path / "token"
    if form == "empty":
        file.write_text(" \n")
    else:
        os.mkfifo(file)
    repository = a_repository(tmp_path / "home", "http://127.0.0.1:1/x.git", token_file=file)

    with pytest.raises(
        TransientError, match=r"token: is empty; write the token for http://127\.0\.0\.1:1/x\.git into it"
    ):
        repository.newest()
    repository.close()


def test_a_token_file_that_is_gone_is_named(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "home", "http://127.0.0.1:1/x.git", token_file=tmp_path / "gone")

    with pytest.raises(TransientError, match="gone: cannot read the token"):
        repository.newest()
    repository.close()


def test_a_token_goes_to_no_other_host(tmp_path: Path, work: Path, token_file: Path) -> None:
    with serve_http(tmp_path / "served", password=TOKEN) as url:
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", token_file=token_file)
        repository.newest()
        askpass = tmp_path / "home" / "askpass"

        assert askpass.stat().st_mode & 0o777 == 0o700
        assert TOKEN not in askpass.read_text()
        assert (
            _answer(askpass, f"Password for 'http://x-access-token@{url.removeprefix('http://')}': ") == TOKEN
        )
        assert _answer(askpass, "Password for 'https://x-access-token@evil.example': ") == ""
        assert _answer(askpass, "Username for 'https://evil.example': ") == ""
        assert _answer(askpass, f"Password for 'https://x{url.removeprefix('http')}': ") == ""
        assert _answer(askpass, f"Password for 'ftp://x-access-token@{url.removeprefix('http://')}': ") == ""
        repository.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_of_ones_own_authority_counts_where_the_settings_name_it(
    tmp_path: Path, work: Path
) -> None:
    tls = a_certificate(tmp_path)
    with serve_http(tmp_path / "served", tls=tls) as url:
        stranger = a_repository(tmp_path / "stranger", f"{url}/cluster.git")
        with pytest.raises(
            TransientError, match=r"TLS certificate is not trusted.*name the file.* in `ca_file`"
        ):
            stranger.newest()
        stranger.close()

        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", ca_file=tls[0])
        assert repository.newest()
        repository.close()


def test_a_fetch_that_is_larger_than_allowed_is_ended_and_leaves_nothing(tmp_path: Path, work: Path) -> None:
    with serve_http(tmp_path / "served") as url:
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", max_fetch=1 << 20)
        first = repository.look(folder=".")
        push(work, {"big": os.urandom(2_000_000)})

        with pytest.raises(
            TransientError, match=r"sends more than 1,048,576 bytes at once; .* raise `max_fetch`"
        ):
            repository.look(folder=".", since=first)

        assert not list((tmp_path / "home").rglob("tmp_*"))
        git(work, "reset", "-q", "--hard", first.revision.id)
        pushed = push(work, {"small": "s"})
        assert repository.look(folder=".", since=first).revision.id == pushed
        repository.close()


def test_nobody_listening_is_a_transient_fault(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "home", "http://127.0.0.1:1/x.git")

    with pytest.raises(TransientError, match=r"cannot be reached.*check the address and the network"):
        repository.newest()
    repository.close()


@needs_sshd
def test_ssh_with_a_key_and_a_known_host_reads_and_follows(tmp_path: Path, work: Path) -> None:
    bare = work.with_name("cluster.git")
    with serve_ssh(tmp_path / "ssh") as ssh:
        repository = a_repository(
            tmp_path / "home", f"{ssh.url}{bare}", key_file=ssh.key, known_hosts=ssh.known_hosts
        )
        first = repository.look(folder=".")
        pushed = push(work, {"layout.yaml": "two\n"})

        second = repository.look(folder=".", since=first)

        assert second.revision.id == pushed
        assert texts(repository, second) == {"layout.yaml": "two\n"}
        repository.close()


@needs_sshd
def test_ssh_refusals_say_what_to_do(tmp_path: Path, work: Path) -> None:
    bare = work.with_name("cluster.git")
    (tmp_path / "nobody").touch()
    with serve_ssh(tmp_path / "ssh") as ssh:
        for key, hosts, words in (
            (ssh.key, tmp_path / "nobody", "not in known_hosts"),
            (ssh.stranger, ssh.known_hosts, "refused the ssh key"),
        ):
            repository = a_repository(tmp_path / "home", f"{ssh.url}{bare}", key_file=key, known_hosts=hosts)
            with pytest.raises(TransientError, match=words):
                repository.newest()
            repository.close()


@needs_sshd
def test_an_ssh_key_and_a_known_host_that_are_put_right_are_read_again(tmp_path: Path, work: Path) -> None:
    bare = work.with_name("cluster.git")
    key, hosts = tmp_path / "key", tmp_path / "hosts"
    with serve_ssh(tmp_path / "ssh") as ssh:
        shutil.copy(ssh.stranger, key)
        hosts.touch()
        repository = a_repository(tmp_path / "home", f"{ssh.url}{bare}", key_file=key, known_hosts=hosts)
        with pytest.raises(TransientError, match="not in known_hosts"):
            repository.newest()
        shutil.copy(ssh.known_hosts, hosts)
        with pytest.raises(TransientError, match="refused the ssh key"):
            repository.newest()

        shutil.copy(ssh.key, key)
        first = repository.look(folder=".")

        shutil.copy(ssh.stranger, key)  # and wrong again: what is here stays readable
        with pytest.raises(TransientError, match="refused the ssh key"):
            repository.newest()
        assert texts(repository, first) == {"layout.yaml": "one\n"}
        repository.close()


def test_a_server_that_only_drips_is_given_up(tmp_path: Path) -> None:
    with serve_drips() as address:
        repository = a_repository(tmp_path / "home", f"http://{address}/x.git", timeout=0.5)

        with pytest.raises(TransientError, match=r"gave no answer within 0\.5 s"):
            repository.newest()

        assert_gone(address)
        repository.close()


def test_an_ssh_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with serve_silence() as address:
        repository = a_repository(tmp_path / "home", f"ssh://{address}/x.git", timeout=0.3)

        with pytest.raises(TransientError, match=r"gave no answer|cannot be reached"):
            repository.newest()

        host, _, port = address.partition(":")
        assert_gone(f"-p {port} {host}")
        repository.close()


def _answer(askpass: Path, question: str) -> str:
    import subprocess

    return subprocess.run(
        (str(askpass), question), capture_output=True, text=True, check=False
    ).stdout.strip()

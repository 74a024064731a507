import pytest

from paiwatch.sources.refusal import did_you_mean, explain, scrub, speaks_of_damage


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ana:pw@host/x.git", "https://***@host/x.git"),
        (
            "fatal: unable to access 'https://t0ken@host/x': 403",
            "fatal: unable to access 'https://***@host/x': 403",
        ),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("ssh://git:pw@host/x.git", "ssh://git:***@host/x.git"),
        ("mail ana@example.com", "mail ana@example.com"),
    ],
)
def test_credentials_in_addresses_are_not_shown(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_a_secret_that_git_repeats_is_not_shown() -> None:
    said = explain("x", "fatal: bad header 'Bearer s3cret'", timeout=1, secrets=("s3cret", ""))

    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ('Timeout: the command "git fetch" did not complete in 60 secs.', "no answer within 60 s"),
        ("fatal: Authentication failed for 'https://h/x'", "check `token_file`"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "check `token_file`"),
        ("Host key verification failed.", "`known_hosts`"),
        ("git@h: Permission denied (publickey).", "`key_file`"),
        ("fatal: transport 'ext' not allowed", "use an https, ssh or file URL"),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "check the address"),
        ("fatal: repository 'https://h/x/' not found", "check `repo`"),
        ("something new", "git failed: something new"),
        ("", "it said nothing"),
    ],
)
def test_every_refusal_says_where_and_what_to_do(stderr: str, words: str) -> None:
    said = explain("https://h/x", stderr, timeout=60)

    assert said.startswith("https://h/x: ")
    assert words in said
    assert "\n" not in said


def test_damage_of_the_other_side_is_not_taken_for_ours() -> None:
    assert speaks_of_damage("fatal: bad object refs/heads/main")
    assert not speaks_of_damage("remote: fatal: bad object refs/heads/main")


def test_only_a_near_name_is_suggested() -> None:
    assert did_you_mean("mian", ["main", "prod"]) == "; did you mean 'main'?"
    assert did_you_mean("zzz", ["main"]) == ""

import pytest

from paiwatch.sources.refusal import did_you_mean, explain, explain_miss, may_be_ours, scrub


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ana:pw@host/x.git", "https://•••@host/x.git"),
        (
            "fatal: unable to access 'https://t0ken@host/x': 403",
            "fatal: unable to access 'https://•••@host/x': 403",
        ),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("ssh://git:pw@host/x.git", "ssh://•••@host/x.git"),
        ("https://ana:p@ss@host/x.git", "https://•••@host/x.git"),
        ("mail ana@example.com", "mail ana@example.com"),
    ],
)
def test_credentials_in_addresses_are_not_shown(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_a_secret_that_git_repeats_is_not_shown() -> None:
    said = explain("x", "fatal: bad header 'Bearer s3cret'", secrets=("s3cret", ""))

    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("fatal: Authentication failed for 'https://h/x'", "check `token_file`"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "check `token_file`"),
        (
            "error: unable to read askpass response from '/s/askpass'\nfatal: could not read Password for 'https://o'",
            "another host",
        ),
        (
            "error: unable to read askpass response from '/bin/false'\nfatal: could not read Username",
            "check `token_file`",
        ),
        ("Host key verification failed.", "`known_hosts`"),
        ("git@h: Permission denied (publickey).", "`key_file`"),
        (
            "@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "another ssh key",
        ),
        (
            "Permissions 0644 for 'k' are too open.\nUNPROTECTED PRIVATE KEY FILE\nPermission denied (publickey).",
            "chmod 600",
        ),
        (
            "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
            "`ca_file`",
        ),
        (
            "remote: slow down\nfatal: unable to access 'https://h/': The requested URL returned error: 429",
            "raise `poll`",
        ),
        (
            "fatal: unable to access 'https://h/': The requested URL returned error: 503",
            "the other side failed",
        ),
        ("fatal: transport 'ext' not allowed", "use an https, ssh or file URL"),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "check the address"),
        ("fatal: repository 'https://h/x/' not found", "check `repo`"),
        ("fatal: remote error: upload-pack: not our ref 0123", "cannot give yet"),
        ("remote: fatal: bad object 0123", "the other side failed"),
        ("error: unable to write file: No space left on device", "free space in the state folder"),
        ("something new", "git failed: something new"),
        ("", "it said nothing"),
    ],
)
def test_every_refusal_says_where_and_what_to_do(stderr: str, words: str) -> None:
    said = explain("https://h/x", stderr)

    assert said.startswith("https://h/x: ")
    assert words in said
    assert "\n" not in said


def test_one_outage_is_always_told_in_the_same_words() -> None:
    said = {
        explain(
            "x", f"fatal: unable to access 'http://h/': Failed to connect to h port 1 after {ms} ms: Refused"
        )
        for ms in (0, 17)
    }

    assert len(said) == 1


def test_a_call_that_took_too_long_names_its_limit() -> None:
    assert explain("x", "fatal: whatever", late=60) == (
        "x: gave no answer within 60 s; check the network, or raise `timeout`"
    )


@pytest.mark.parametrize(
    ("stderr", "is_suspect"),
    [
        ("fatal: bad object refs/heads/main", True),
        ("remote: fatal: bad object refs/heads/main", False),
        ("error: packfile x.pack is far too short to be a packfile", True),
        ("fatal: Authentication failed for 'https://h/x'", False),
        ("fatal: unable to write new file: No space left on device", False),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 502", False),
        ("fatal: unable to access 'https://h/': SSL certificate problem: certificate has expired", False),
    ],
)
def test_only_what_may_be_damage_here_is_suspected(stderr: str, *, is_suspect: bool) -> None:
    assert may_be_ours(stderr) is is_suspect


def test_a_tag_of_the_name_is_the_reason_that_counts() -> None:
    assert "is a tag" in explain_miss("v1", ("main", "v2"), is_tag=True)
    assert "did you mean 'main'" in explain_miss("mian", ("main",), is_tag=False)
    assert "no branch yet" in explain_miss("main", (), is_tag=False)


def test_only_a_near_name_is_suggested() -> None:
    assert did_you_mean("mian", ["main", "prod"]) == "; did you mean 'main'?"
    assert did_you_mean("zzz", ["main"]) == ""


def test_what_a_server_says_cannot_speak_to_a_terminal() -> None:
    said = explain("x", "remote: \x1b[2J\x07gone\x00 \u202e away      now\n\x1b]0;title\x07")

    assert said.isprintable()
    assert "gone away now" in said

"""Secret values leave no text, in no form, however the text is cut."""

import base64
import html
import json
import re
import shlex
import threading
import urllib.parse

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.scrub import MASK, Scrubber, masked, without_credentials

SECRET = "hunter22/+ü&"


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(SECRET, id="as it is"),
        pytest.param(json.dumps({"password": SECRET}), id="in JSON"),
        pytest.param("?p=" + urllib.parse.quote(SECRET, safe=""), id="in a URL"),
        pytest.param("?p=" + urllib.parse.quote_plus(SECRET), id="in a form"),
        pytest.param("Basic " + base64.b64encode(SECRET.encode()).decode(), id="in base64"),
        pytest.param(
            "Basic " + base64.b64encode(f"u:{SECRET}".encode()).decode(), id="in base64 after a name"
        ),
        pytest.param(
            "Basic " + base64.b64encode(f"me:{SECRET}!!".encode()).decode(), id="in base64 between others"
        ),
        pytest.param(base64.urlsafe_b64encode(f"x{SECRET}".encode()).decode(), id="in base64 for URLs"),
    ],
)
def test_a_value_is_found_in_every_form(shown: str) -> None:
    scrubbed = Scrubber([SECRET]).scrub(f"before {shown} after")

    assert MASK in scrubbed
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")
    for piece in ("hunter22", "aHVudGVyMjI", urllib.parse.quote(SECRET, safe=""), json.dumps(SECRET)[1:-1]):
        assert piece not in scrubbed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/x", f"https://{MASK}@host/x"),
        ("fetch https://ghp_token@host/x.git failed", f"fetch https://{MASK}@host/x.git failed"),
        ("https://me:p@ss:w@rd@host/x@y", f"https://{MASK}@host/x@y"),
        (f"https://oauth2:{'t' * 3000}@host/x", f"https://{MASK}@host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("ssh://git:p@ss@host/x", f"ssh://{MASK}@host/x"),
        ("postgres://pai:pw@db:5432/x", f"postgres://{MASK}@db:5432/x"),
        ("https://host/a@b", "https://host/a@b"),
        ("mail me@host: see https://host", "mail me@host: see https://host"),
    ],
)
def test_credentials_in_urls_are_dropped_without_being_registered(text: str, shown: str) -> None:
    assert Scrubber().scrub(text) == shown
    assert without_credentials(text) == shown
    assert Scrubber(["unrelated"]).scrub(text) == shown


ODD = 'it\'s <a> $PAIR & \\ more/than "this"; really'


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(shlex.quote(ODD), id="shlex"),
        pytest.param("'it'\\''s <a> $PAIR & \\ more/than \"this\"; really'", id="bash -x"),
        pytest.param(
            'it\\\'s\\ \\<a\\>\\ \\$PAIR\\ \\&\\ \\\\\\ more/than\\ \\"this\\"\\;\\ really', id="printf %q"
        ),
        pytest.param('"it\'s <a> \\$PAIR & \\\\ more/than \\"this\\"; really"', id="in double quotes"),
        pytest.param(html.escape(ODD), id="html.escape"),
        pytest.param(jinja2.Template("{{ x | e }}").render(x=ODD), id="| e"),
        pytest.param(jinja2.Template("{{ x | tojson }}").render(x=ODD), id="| tojson"),
        pytest.param(jinja2.Template("{{ x | urlencode }}").render(x=ODD), id="| urlencode"),
        pytest.param(
            re.sub("%..", lambda code: code[0].lower(), urllib.parse.quote(ODD)), id="lower-case URL"
        ),
        pytest.param(yaml.safe_dump({"k": ODD}), id="YAML"),
        pytest.param(yaml.safe_dump({"k": [ODD]}, width=20), id="folded YAML"),
    ],
)
def test_a_value_is_found_however_it_is_quoted(shown: str) -> None:
    scrubber = Scrubber([ODD])
    stream = scrubber.stream()
    pieces = [stream.feed(shown[at : at + 5].encode()) for at in range(0, len(shown), 5)]

    scrubbed = scrubber.scrub(shown)

    assert MASK in scrubbed
    assert not {word for word in ("it", "PAIR", "more", "than", "this", "really") if word in scrubbed.lower()}
    assert (b"".join(pieces) + stream.finish()).decode() == scrubbed
    assert scrubber.values_in([shown]) == {ODD}


@pytest.mark.parametrize("style", ["'", '"', ">", None])
def test_words_that_yaml_breaks_over_lines_are_masked(style: str | None) -> None:
    words = "correct horse battery staple and many more"
    folded = yaml.safe_dump({"k": {"l": [words]}}, width=25, default_style=style)
    assert "\n    " in folded

    assert "more" not in Scrubber([words]).scrub(folded)


@pytest.mark.parametrize("width", [64, 76])
def test_base64_that_was_broken_into_lines_is_masked(width: int) -> None:
    value = "".join(map(str, range(1000, 1100)))
    encoded = base64.b64encode(value.encode()).decode()
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]

    scrubbed = Scrubber([value]).scrub("\n".join(lines))

    assert not [line for line in lines if len(line) >= 16 and line in scrubbed]


def test_short_values_are_ignored_and_texts_without_secrets_are_unchanged() -> None:
    assert Scrubber(["admin"]).scrub("admin is admin") == "admin is admin"


def test_the_longer_of_two_values_wins() -> None:
    assert Scrubber(["secret", "secret-long"]).scrub("secret-long secret") == f"{MASK} {MASK}"


def test_lines_of_a_key_file_are_secret_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n-----END KEY-----"

    assert Scrubber([key]).scrub("log: MIIEvQIBADANBgkqhkiG9w0") == f"log: {MASK}"


def test_what_is_registered_later_is_found_by_streams_that_are_open() -> None:
    scrubber = Scrubber()
    stream = scrubber.stream()
    first = stream.feed(b"hunter22 one\n")

    scrubber.register(["hunter22"])

    assert first == b"hunter22 one\n"
    assert stream.feed(b"hunter22 two\n") == f"{MASK} two\n".encode()


def test_finished_lines_are_told_at_once() -> None:
    stream = Scrubber(["hunter22"]).stream()

    assert stream.feed(b"one\ntwo hun") == b"one\n"
    assert stream.feed(b"ter22 x\n") == f"two {MASK} x\n".encode()


values = st.lists(st.text("abc:@/\n", min_size=6, max_size=9), max_size=3)
pieces = st.lists(st.sampled_from(["a", "b", "c", ":", "@", "/", "\n", "https://", "://", " "]), max_size=60)


@given(values, pieces, st.lists(st.integers(1, 30), max_size=20))
def test_however_a_stream_is_cut_it_gives_what_the_whole_text_gives(
    secrets: list[str], parts: list[str], cuts: list[int]
) -> None:
    text = "".join(parts) + "".join(secrets) + "".join(reversed(parts))
    scrubber = Scrubber(secrets)
    stream = scrubber.stream()
    content = text.encode()

    told = b""
    for cut in cuts:
        told += stream.feed(content[:cut])
        content = content[cut:]
    told += stream.feed(content) + stream.finish()

    assert told.decode() == scrubber.scrub(text)


@given(st.lists(st.text(min_size=6, max_size=12), min_size=1, max_size=4), st.text(max_size=8))
def test_no_registered_value_survives(secrets: list[str], between: str) -> None:
    scrubbed = Scrubber(secrets).scrub(between.join(secrets))

    assert not any(secret in scrubbed for secret in secrets if MASK not in secret and secret not in MASK)


def test_bytes_that_are_no_text_pass_through_a_stream() -> None:
    stream = Scrubber(["hunter22"]).stream()

    assert stream.feed(b"\xff\xfehunter22\x00\n") + stream.finish() == b"\xff\xfe" + MASK.encode() + b"\x00\n"


def test_masking_hides_everything_under_a_secret_key() -> None:
    value = {"password": "x", "tokens": [{"a": 1}], "open": [{"api_key": 1, "port": 2}]}

    assert masked(value, re.compile("password|token|key")) == {
        "password": MASK,
        "tokens": MASK,
        "open": [{"api_key": MASK, "port": 2}],
    }


def test_registering_while_others_scrub_is_safe() -> None:
    scrubber = Scrubber()
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(scrubber.scrub("hunter22") for _ in range(200)))

    reader.start()
    for number in range(20):
        scrubber.register([f"value-{number}"])
    reader.join(timeout=10)

    assert set(seen) == {"hunter22"}


def test_the_secrets_that_texts_hold_in_any_form_are_named() -> None:
    scrubber = Scrubber(["hunter22", "s3cret-value", "elsewhere"])

    held = scrubber.values_in(["a hunter22", base64.b64encode(b"user:s3cret-value").decode()])

    assert held == {"hunter22", "s3cret-value"}

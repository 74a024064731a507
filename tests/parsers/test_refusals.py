"""docker's file is computed and docker is not run; everything else that a parser starts is refused."""

import base64
import json

import pytest

from paiwatch.parsers.refusals import Docker, stored


@pytest.mark.parametrize(
    ("registry", "server"),
    [
        ("", "https://index.docker.io/v1/"),
        ("docker.io", "https://index.docker.io/v1/"),
        ("gcr.io", "gcr.io"),
        ("registry.example.org:5000", "registry.example.org:5000"),
        ("https://registry.example.org/v2/", "registry.example.org"),
    ],
)
def test_the_file_is_dockers(registry: str, server: str) -> None:
    auth = base64.b64encode(b"bob:pw").decode()

    text = stored(registry, "bob", "pw")

    assert text == f'{{\n\t"auths": {{\n\t\t"{server}": {{\n\t\t\t"auth": "{auth}"\n\t\t}}\n\t}}\n}}'


def test_a_login_is_answered_and_the_file_is_given_as_asked() -> None:
    docker = Docker()
    password = "x y'$" * 30

    assert docker.answer(f"docker login -u bob -p {password} gcr.io") == ""
    plain = docker.answer("cat ~/.docker/config.json")
    encoded = docker.answer("cat ~/.docker/config.json | base64")

    assert plain is not None
    assert encoded is not None
    assert (
        json.loads(plain)["auths"]["gcr.io"]["auth"] == base64.b64encode(f"bob:{password}".encode()).decode()
    )
    assert base64.b64decode(encoded).decode() == plain
    assert max(map(len, encoded.splitlines())) == 76


def test_nothing_else_is_answered() -> None:
    docker = Docker()

    assert docker.answer("cat ~/.docker/config.json") is None
    assert docker.answer(["rm", "-rf", "/"]) is None

"""How repositories are reached."""

import pytest

from paiwatch.settings.rules import transport


@pytest.mark.parametrize(
    ("repo", "by"),
    [
        ("https://git.example.com/a.git", "https"),
        ("HTTPS://git.example.com/a.git", "https"),
        ("http://localhost:8080/a.git", "http"),
        ("ssh://git@git.example.com:22/a.git", "ssh"),
        ("git@git.example.com:ops/a.git", "ssh"),
        ("host:/srv/a.git", "ssh"),
        ("file:///srv/a.git", "file"),
        ("git://x/y", "git"),
        ("/srv/a.git", ""),
        ("../a.git", ""),
        ("a.git", ""),
        ("./a:b", ""),
        ("C", ""),
    ],
)
def test_an_address_tells_how_the_repository_is_reached(repo: str, by: str) -> None:
    assert transport(repo) == by

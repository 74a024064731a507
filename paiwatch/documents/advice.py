"""What to do about the syntax errors that a YAML parser reports. PURE."""

_ADVICE = (
    (
        "cannot start any token",
        "indent with spaces, never tabs, and quote values that begin with a special character",
    ),
    ("another document", "keep one document in a file: remove what follows '---'"),
    ("undefined alias", "define the anchor (&name) before the alias (*name), or quote the value"),
    ("mapping values are not allowed", "quote a value that contains ': ', and check the indentation"),
    ("could not find expected ':'", "write 'key: value', and check the indentation"),
    ("control characters are not allowed", "remove the control character"),
    ("did not find expected", "check the indentation and the brackets around this line"),
    ("constructor for the tag", "leave the tag out"),
)


def advice_for(said: str) -> str:
    """A remedy for what the parser said."""
    return next((advice for part, advice in _ADVICE if part in said), "check the syntax around this line")

"""Bytes to text, or the Problem that says why not. PURE."""

from paiwatch.problem import Problem


def decode(text: bytes | str, file: str) -> str | Problem:
    """UTF-8 text without its byte order mark; text that could not be written as UTF-8 (lone surrogates) is refused too."""
    try:
        return (text if isinstance(text, bytes) else text.encode()).decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")
    except UnicodeEncodeError as error:
        before = error.object[: error.start].count("\n")
    return Problem(file=file, line=before + 1, message="is not UTF-8 text", remedy="save the file as UTF-8")

"""What was found, as messages quote it."""

from typing import Any

LONGEST_QUOTE = 40


def quoted(value: Any) -> str:
    """What was found, on one line and at most `LONGEST_QUOTE` characters long."""
    text = whole(repr(str(value)) if isinstance(value, str) else str(value).replace("\n", " "))
    if len(text) <= LONGEST_QUOTE:
        return text
    end = f"…{text[-1]}" if isinstance(value, str) else "…"
    return text[: LONGEST_QUOTE - len(end)] + end


def whole(text: str) -> str:
    """A text that can be printed: halves of characters (lone surrogates) are question marks."""
    return text.encode("utf-8", "replace").decode()

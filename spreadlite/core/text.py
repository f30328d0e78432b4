"""Text that a peer has a say in, made fit to be shown."""

from __future__ import annotations

import unicodedata


def escaped(text: str) -> str:
    """*text*, with controls, and characters that turn the direction of writing, written as escapes; lines stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    # Cc: controls; Cf: formats, bidi among them; Cs: surrogates; Zl and Zp: line ends that only some know.
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return character.encode("unicode_escape").decode("ascii")


def cut(text: str, head: int, tail: int) -> str:
    """*text*, of which, where it is long, only the first *head* and the last *tail* characters are left."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n… {len(text) - head - tail} characters …\n{text[len(text) - tail :]}"

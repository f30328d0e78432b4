"""The constants of the wire: type bytes, the 31 words of dialect ``pb``, and the numbers that both directions share.

The figures are those of Twisted's Banana specification and of twisted.spread, which every peer has built in.
"""

from __future__ import annotations

#: The byte after an element's base-128 prefix tells what the element is.
LIST = 0x80
INT = 0x81
STRING = 0x82
NEG = 0x83
FLOAT = 0x84
LONGINT = 0x85
LONGNEG = 0x86
VOCAB = 0x87

#: Dialects by name, the one preferred first.  Only ``pb`` sends words as numbers.
PB_DIALECT = b"pb"
NONE_DIALECT = b"none"

#: INT and NEG carry what fits a signed 32-bit integer; LONGINT and LONGNEG carry the rest.
LARGEST_INT = 2**31 - 1
SMALLEST_INT = -(2**31)

#: Bytes and list items that one element may have, in either direction (640 Ki), unless the application says otherwise.
SIZE_LIMIT = 640 * 1024
#: Bytes that a prefix may have: 64 bytes of seven bits, hence integers up to 2**448 - 1.
PREFIX_LIMIT = 64

#: Tags that stand in many messages more often than all others; the one of text is no word of the vocabulary.
UNICODE = b"unicode"
DICTIONARY = b"dictionary"
REMOTE = b"remote"

WORDS: dict[bytes, int] = {
    word: number
    for number, word in enumerate(
        (
            # values
            b"None", b"class", b"dereference", b"reference", b"dictionary", b"function", b"instance", b"list",
            b"module", b"persistent", b"tuple", b"unpersistable",
            # flavours
            b"copy", b"cache", b"cached", b"remote", b"local", b"lcache",
            # messages
            b"version", b"login", b"password", b"challenge", b"logged_in", b"not_logged_in", b"cachemessage",
            b"message", b"answer", b"error", b"decref", b"decache", b"uncache",
        ),
        start=1,
    )
}  # fmt: skip

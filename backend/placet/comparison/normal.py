"""What of a text counts: characters in one form, words broken at a line's end made whole, tokens.

White space, kinds of quotes and dashes, ligatures and invisible characters are formatting. Case, words and
punctuation are text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

BREAK: Final = "\ue000"
"""Stands where a line ended in a hyphen inside a word. Readers put it in; `mend` takes it out."""

_SAME = {
    **dict.fromkeys("“”„‟«»″＂", '"'),
    **dict.fromkeys("‘’‚‛′´", "'"),
    **dict.fromkeys("‐‑‒–−", "-"),
    **dict.fromkeys("—―", " - "),
    "…": "...",
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ﬅ": "st",
    "ﬆ": "st",
}
_INVISIBLE = [
    0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE01F0),
]  # fmt: skip
_CONTROL = [code for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc" and not chr(code).isspace()]
_TABLE = str.maketrans(_SAME | {chr(code): "" for code in (*_INVISIBLE, *_CONTROL)})
_HIDING = re.compile("[" + "".join(map(chr, (*_INVISIBLE[1:], *_CONTROL))) + "]")
_LONG_DASH = re.compile(r"(?<=[\w\s)\"'.,;:])-{2,3}(?=[\w\s(\"'])")
_UNSPACED: Final = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
)
"""Letters of scripts that put no blanks between words: Thai, Lao, Tibetan, Burmese, Khmer, Chinese, Japanese."""
_LETTER = rf"[^\W{_UNSPACED}]"
_TOKEN = re.compile(rf"\d+(?:[.,/]\d+)+|{_LETTER}+(?:['&-]{_LETTER}+)*|[{_UNSPACED}]|[^\w\s]")
_PREFIXES = frozenset({"non", "self", "cross", "third", "ex", "well", "pro", "co"})
_WORD = re.compile(r"\w+(?:-\w+)*")


def normal(text: str) -> str:
    """One form of the same text: NFC, plain quotes and dashes, single spaces, nothing invisible. Idempotent."""
    plain = unicodedata.normalize("NFC", text).translate(_TABLE)
    return " ".join(unicodedata.normalize("NFC", _LONG_DASH.sub(" - ", plain)).split())


def invisible(text: str) -> int:
    """Number of characters that a reader can't see and that may change how the rest is shown (soft hyphens are not)."""
    return 0 if text.isascii() and text.isprintable() else len(_HIDING.findall(text))


def tokens(text: str) -> list[str]:
    """Words, numbers and single punctuation marks of a normal text, in order; single letters of a script that puts no
    blanks between words."""
    return _TOKEN.findall(text)


def spans(text: str) -> list[tuple[int, int]]:
    """Where the tokens stand."""
    return [match.span() for match in _TOKEN.finditer(text)]


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """Words with and without hyphens that stand unbroken in the texts; none where no word is broken."""
    texts = list(texts)
    if not any(BREAK in text for text in texts):
        return frozenset()
    return frozenset(
        word.casefold() for text in texts for part in text.split() if BREAK not in part for word in _WORD.findall(part)
    )


def mend(text: str, known: frozenset[str]) -> str:
    """Broken words made whole: as the documents write them elsewhere, else by what is likelier."""
    if BREAK not in text:
        return text
    return " ".join(_whole(part, known) if BREAK in part else part for part in text.split(" "))


def _whole(part: str, known: frozenset[str]) -> str:
    whole, *rest = part.split(BREAK)
    for piece in rest:
        left, right = re.split(r"[^\w-]", whole[-64:])[-1], re.split(r"[^\w-]", piece[:64], maxsplit=1)[0]
        joined, hyphened = (left + right).casefold() in known, f"{left}-{right}".casefold() in known
        hyphen = hyphened if joined != hyphened else _compound(left, right)
        whole += "-" + piece if hyphen else piece
    return whole


def _compound(left: str, right: str) -> bool:
    """`out-of` and `pocket`, `Non` and `Renewal`, `self` and `employed`; not `obliga` and `tions`."""
    capital = right[:1].isupper() and not (left.isupper() and len(left) > 1)
    return capital or "-" in left or "-" in right or left.casefold() in _PREFIXES

"""Names of organisations in a text: capitalised words that end in a company's form.

Forms that are English words too (`AS`, `Limited`, `Bank`) only count where the words around them do not read on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_FORMS: Final = (
    r"Inc|LLC|L\.L\.C|LLP|L\.P|LP|Ltd|LTD|Corp|plc|PLC|GmbH|AG|KG|KGaA|SE|S\.A\.R\.L|S\.A|SARL|Sarl|SA|SAS|S\.p\.A|SpA|"
    r"S\.r\.l|Srl|B\.V|BV|N\.V|NV|AB|ASA|A/S|ApS|Oy|Oyj|Pty(?:\.? Ltd)?|Pte(?:\.? Ltd)?|K\.K|INC|CORP|GMBH"
)
_WORDS: Final = (
    r"Limited|LIMITED|Corporation|CORPORATION|Company|COMPANY|Co|CO|AS|Bank|BANK|Foundation|FOUNDATION|Trust|TRUST|"
    r"University|UNIVERSITY|Partnership|PARTNERSHIP"
)
_NAME: Final = r"[A-Z](?:[\w&'-]|\.(?=[\w&])){0,40}\.?"
_ORGANISATION: Final = re.compile(
    rf"(?<![\w-])(?P<name>{_NAME}(?:,? (?:of |and |the |& )?{_NAME}){{0,6}}?)"
    rf"(?:,? (?P<form>{_FORMS})|(?P<comma>,)? (?P<word>{_WORDS}))(?![\w-])"
    rf"(?P<more>(?:(?:,? (?:{_FORMS})| (?:{_WORDS}))(?![\w-]))*)\.?"
)
_ABBREVIATED: Final = re.compile(r"(?:[A-Z]|St|Dr|Mr|Mrs|Ms|Bros|Mt|No|Intl|Int'l|Assoc)\.$")
_NOT_NAMES: Final = frozenset((
    "a", "against", "agreement", "all", "among", "an", "and", "any", "are", "as", "at", "be", "between", "both",
    "but", "by", "each", "either", "every", "for", "from", "goods", "if", "in", "into", "is", "its",
    "liability", "may", "must", "neither", "no", "not", "of", "on", "only", "or", "other", "our", "parties",
    "party", "products", "provided", "said", "same", "service", "services", "shall", "such", "that", "the",
    "their", "these", "this", "those", "to", "under", "unless", "until", "upon", "was", "were", "when", "where",
    "whereas", "will", "with", "within", "without", "your",
))  # fmt: skip
_SHOUTED: Final = re.compile(r"[A-Z]{2,}(?![a-z])")


def organisations(text: str) -> Iterator[tuple[str, int]]:
    """Names as they stand, without the dot that ends them, and where they begin."""
    at = 0
    while (match := _ORGANISATION.search(text, at)) is not None:
        name, start = _name(text, match)
        if name:
            yield name, start
            at = match.end()
        else:
            at = match.end("name") if match.end("name") > at else match.end()


def _name(text: str, match: re.Match[str]) -> tuple[str, int]:
    """The name without words that only lead to it; empty where it is none."""
    start, end = match.start("name"), match.end()
    words = list(re.finditer(r"\S+", text[start : match.end("name")]))
    begin = 0
    for n, word in enumerate(words):
        bare = word.group().rstrip(".,").casefold()
        ended = word.group().endswith(".") and not _ABBREVIATED.search(word.group())
        if ended or bare in _NOT_NAMES:
            begin = n + 1
    if begin >= len(words):
        return "", 0
    first = start + words[begin].start()
    if match["word"] and not _stands_alone(text, match, text[first : match.end("name")]):
        return "", 0
    return text[first:end].rstrip(" .,"), first


def _stands_alone(text: str, match: re.Match[str], name: str) -> bool:
    """Of a form that is an English word: no capitalised phrase goes on after it, and nobody shouts around it."""
    word, following = match["word"], text[match.end("word") : match.end("word") + 24]
    if match["more"]:
        return True
    if match["comma"] and word not in ("Limited", "LIMITED", "Co", "CO"):
        return False
    if word == "AS" and not any(letter.islower() for letter in name):
        return not _SHOUTED.search(following[:12]) and not _SHOUTED.search(
            text[max(match.start() - 12, 0) : match.start()]
        )
    if word.isupper() and name.isupper():
        return not re.match(r" (?!AND\b|OR\b|AS\b|WITH\b|\()[A-Z]", following)
    return re.match(r" [A-Z]", following) is None

"""Markdown, with the HTML that people put in it, to paragraphs. Emphasis is formatting; link targets are text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from placet.comparison.reading.paragraphs import TextLine, paragraphs
from placet.comparison.reading.text import line_of
from placet.comparison.reading.unread import RAISED, Content, quoted, unread

_LIST = re.compile(r"(?:[-*+]|\d{1,9}[.)]|[A-Za-z]{1,4}[.)])\s+(?=\S)")
_BULLET = re.compile(r"[-*+]\s+\S")
_ORDERED = re.compile(r"\d{1,3}[.)]\s+\S")
_HEADING = re.compile(r"(#{1,6})(?:\s+|$)")
_CLOSING = re.compile(r"(?:^|\s)#+\s*$")
_RULE = re.compile(r"(?:=+|(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$")
_TABLE_RULE = re.compile(r"\|?[\s:|-]+$")
_FENCE = re.compile(r"(?:```|~~~)")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})((?:\s[^<>]{0,2000})?)/?>")
_TARGET = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s>]{1,500})", re.IGNORECASE)
_BLOCKS = frozenset((
    "address", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "table", "tr", "ul",
))  # fmt: skip
_TAGS = _BLOCKS | frozenset((
    "a", "abbr", "b", "big", "center", "cite", "code", "del", "em", "font", "i", "img", "ins", "kbd", "mark", "q",
    "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tbody", "td", "tfoot", "th", "thead", "tt",
    "u", "var",
))  # fmt: skip
_LINK = re.compile(r"!?\[([^\[\]]{0,1000})\]\(\s*<?([^()\s<>]{1,1000})>?(?:\s+\"[^\"]{0,200}\")?\s*\)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,1000})>")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_STRIKE = re.compile(r"(?<![~\\])~~(?!~)|<(/?)(del|s|strike)\b[^<>]{0,200}>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<[a-z]\w{0,15}\b[^<>]{0,400}?(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|\bhidden\b)[^<>]{0,400}>"
    r"([^<]{0,400})",
    re.IGNORECASE,
)
_RAISED = re.compile(r"<su[bp]>([^<]{0,20}\d[^<]{0,20})</su[bp]>", re.IGNORECASE)
_STARS = re.compile(r"\*{1,3}|~~|`{1,2}")
_UNDER = re.compile(r"(?<!\w)_{1,3}(?=[^\s_])|(?<=[^\s_])_{1,3}(?!\w)")


def read_markdown(text: str) -> Content:
    """Headings, lists and paragraphs; numbers of list items stay in the text, as typed. What is struck through counts
    as deleted, which is told."""
    text, struck = _without_struck(_without_comments(text))
    notes = (
        [f"Text that is struck through by hand is compared as if it were deleted: {quoted(struck)}."] if struck else []
    )
    if hidden := [match[1] for match in _HIDDEN.finditer(text) if match[1].strip()]:
        notes.append(f"The document has hidden text; it is compared like all other: {quoted(hidden)}.")
    raised = [unread(RAISED, match[1], shown=match[1]) for match in _RAISED.finditer(text)]
    return Content(paragraphs(_lines(text)), notes, unread=tuple(raised))


def _without_struck(text: str) -> tuple[str, list[str]]:
    """The text without what stands between `~~`, or is a deletion in HTML; and that."""
    pieces, struck, at = [], [], 0
    begun: tuple[str, int, int] | None = None
    for match in _STRIKE.finditer(text):
        kind = (match[2] or "~~").lower()
        inside = text[begun[2] : match.start()] if begun is not None and begun[0] == kind else "\n\n"
        if begun is not None and (match[1] or not match[2]) and "\n\n" not in inside:
            pieces.append(text[at : begun[1]])
            struck.append(inside)
            begun, at = None, match.end()
        elif not match[1]:
            begun = (kind, match.start(), match.end())
    return "".join(pieces) + text[at:], struck


def _without_comments(text: str) -> str:
    pieces, at = [], 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        pieces.append(text[at:start])
        at = end + 3
    return "".join(pieces) + text[at:]


def _lines(text: str) -> Iterator[TextLine | None]:
    indents: list[int] = []
    for raw in text.splitlines():
        expanded = raw.expandtabs(4)
        stripped = expanded.lstrip()
        while stripped.startswith(">"):
            stripped = stripped[1:].lstrip()
        if not stripped or _RULE.match(stripped) or _FENCE.match(stripped):
            yield None
            continue
        if "|" in stripped and _TABLE_RULE.match(stripped):
            continue
        indent = len(expanded) - len(expanded.lstrip())
        begins = _BULLET.match(stripped) is not None or stripped.startswith("|")
        if _LIST.match(stripped):
            begins = begins or (
                _ORDERED.match(stripped) is not None and (bool(indents) or stripped[:2] in ("1.", "1)"))
            )
            while indents and indents[-1] >= indent:
                indents.pop()
            indents.append(indent)
        elif indent == 0:
            indents.clear()
        yield from _line(stripped, max(len(indents) - 1, 0), begins)


def _line(text: str, depth: int, begins: bool) -> Iterator[TextLine | None]:
    item = _LIST.match(text)
    number, rest = (item.group(), text[item.end() :]) if item else ("", text)
    heading = 0
    if match := _HEADING.match(rest):
        heading, rest = len(match.group(1)), _CLOSING.sub("", rest[match.end() :])
    if rest.startswith("|"):
        rest = " | ".join(cell.strip() for cell in rest.strip().strip("|").split("|"))
    for n, piece in enumerate(_blocks(rest)):
        shown = _inline(piece) if n else f"{number} {_inline(piece)}"
        yield line_of(shown, heading=heading, depth=depth, begins=begins or n > 0)


def _blocks(text: str) -> Iterator[str]:
    """The text between tags that begin or end a block; other tags are taken away."""
    piece, at = "", 0
    target = ""
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if name not in _TAGS:
            continue
        piece += text[at : tag.start()]
        at = tag.end()
        if name == "a":
            if tag[1] and target:
                piece, target = f"{piece} ({target})", ""
            elif link := _TARGET.search(tag[3]):
                target = link[1]
        elif name in ("td", "th") and not tag[1] and piece.strip():
            piece += " | "
        elif name in _BLOCKS and piece.strip():
            yield piece
            piece = ""
    piece += text[at:]
    if piece.strip():
        yield piece


def _inline(text: str) -> str:
    text = _LINK.sub(lambda m: m[1] if m[2] in (m[1], f"mailto:{m[1]}") else f"{m[1]} ({m[2]})", text)
    text = _AUTOLINK.sub(r"\1", text)
    text = _UNDER.sub("", _STARS.sub(_unstarred, text))
    return html.unescape(_ESCAPE.sub(r"\1", text))


def _unstarred(match: re.Match[str]) -> str:
    before, after = match.string[max(match.start() - 1, 0) : match.start()], match.string[match.end() : match.end() + 1]
    alone = not before.strip() and not after.strip()
    between = before.isdigit() and after.isdigit()
    return match.group() if alone or between or before == "\\" else ""

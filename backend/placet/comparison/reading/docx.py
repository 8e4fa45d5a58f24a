"""DOCX to paragraphs: what Word shows, with tracked changes accepted. Nothing in it is run, fetched or resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from placet.comparison.normal import normal
from placet.comparison.reading.archive import Archive, parse_xml
from placet.comparison.reading.docx_bound import replaced
from placet.comparison.reading.docx_content import DocxContent
from placet.comparison.reading.docx_flow import DocxFlow
from placet.comparison.reading.docx_look import on
from placet.comparison.reading.docx_numbering import Numbering, read_numbering
from placet.comparison.reading.docx_styles import Styles, read_styles
from placet.comparison.reading.docx_text import DocxText
from placet.comparison.reading.namespaces import prefixed
from placet.comparison.reading.parts import Parts
from placet.comparison.reading.unread import MOST, Content, Unread, quoted, unread
from placet.core.errors import DataError

_READ: Final = frozenset({"officeDocument", "styles", "numbering", "settings", "footnotes", "endnotes", "comments"})
_NOT_SHOWN: Final = frozenset(
    {"stylesWithEffects", "webSettings", "fontTable", "theme", "themeOverride", "customXml", "customXmlProps", "people"}
    | {"glossaryDocument", "core-properties", "extended-properties", "custom-properties", "thumbnail", "hyperlink"}
    | {"commentsExtended", "commentsIds", "commentsExtensible", "attachedTemplate", "keyMapCustomizations"}
    | {"recipientData", "mailMergeSource", "mailMergeHeaderSource", "printerSettings", "origin", "signature"}
    | {"chartStyle", "chartColorStyle", "documenttasks", "classificationlabels"}
)  # fmt: skip
"""Types of parts of which a page shows nothing, or only what other parts say in their words."""


def read_docx(data: bytes) -> Content:
    """Body, then footnotes and endnotes; headers and footers apart; what is not text as `Unread`."""
    archive = Archive(data)
    types = archive.read("[Content_Types].xml")
    if types is None:
        raise _not_word()
    parts = Parts(archive)
    reached = parts.reached()
    if (
        any(name.lower().endswith(("vbaproject.bin", "vbadata.xml")) for name in archive.names)
        or b"macroenabled" in types.lower()
        or "vbaProject" in reached.values()
    ):
        raise DataError(
            "the document holds macros",
            expected="a DOCX without macros",
            found="macros",
            remedy="save it as .docx, without macros",
            code="data.macros",
        )
    if parts.read(parts.main) is None:
        raise _not_word()
    content = DocxContent()
    reader = DocxText(parts, content, DocxFlow(_styles(parts), _numbering(parts), content))
    reader.read(parts.main)
    referred = frozenset(content.marks)
    for kind in ("footnotes", "endnotes"):
        for part in parts.of(parts.main, kind):
            reader.read(part, only=referred)
            content.unread += _unreferred(parts, part, kind[:-1], referred)
    body = content.paragraphs
    content.paragraphs = []
    shown, idle = _margins(parts, content.sections)
    for part in shown:
        reader.read(part)
    margins = dict.fromkeys(content.paragraphs)
    content.unread += _beside(parts, reached, idle)
    if content.deleted:
        content.unread.append(
            unread("texts that tracked changes delete", *content.deleted, shown="".join(content.deleted))
        )
    if sum(map(len, content.struck)) > MOST // 2:  # the note can't quote it all
        content.unread.append(unread("texts that are struck through", *content.struck, shown="".join(content.struck)))
    if not body and not margins and content.unread:
        raise DataError(
            "the document holds no text",
            expected="a document with text",
            found=", ".join(dict.fromkeys(one.kind for one in content.unread))[:200],
            remedy="recognise the text (OCR) first, or send the document as text",
            code="data.no-text",
        )
    return Content(body, list(_notes(content, parts)), tuple(margins), tuple(content.unread), rows=content.rows)


def _not_word() -> DataError:
    return DataError(
        "the archive is not a Word document",
        expected="a DOCX file",
        found="another archive",
        remedy="save the document as .docx",
        code="data.format",
    )


def _styles(parts: Parts) -> Styles:
    contents = [content for part in parts.of(parts.main, "styles") if (content := parts.read(part)) is not None]
    return read_styles(contents[0]) if contents else Styles()


def _numbering(parts: Parts) -> Numbering:
    contents = [content for part in parts.of(parts.main, "numbering") if (content := parts.read(part)) is not None]
    return read_numbering(contents[0]) if contents else Numbering()


def _notes(content: DocxContent, parts: Parts) -> Iterator[str]:
    if content.tracked:
        yield "The document has tracked changes; it is compared as if all were accepted."
    for why, texts in content.unseen.items():
        what = "hidden text" if why == "hidden" else f"text that no reader sees ({why})"
        yield f"The document has {what}; it is compared like all other: {quoted(texts)}."
    if content.struck:
        yield f"Text that is struck through by hand is compared as if it were deleted: {quoted(content.struck)}."
    if content.invisible:
        yield f"{content.invisible} invisible characters were left out of the comparison."
    for text, value in replaced(parts, content.bound):
        yield (
            f"A field is compared as its text stands in the document, {quoted([text]) or 'empty'}; a word processor"
            f" shows the value behind it, {quoted([value]) or 'empty'}."
        )


def _margins(parts: Parts, sections: list[dict[str, str]]) -> tuple[list[str], list[str]]:
    """Parts of the headers and footers that pages show, in order; and of those that none shows."""
    even = _differ_on_even_pages(parts)
    relations = parts.relations(parts.main)
    shown: dict[str, None] = {}
    current: dict[str, str] = {}
    for section in sections:
        current |= {name: one for name, one in section.items() if name != "titled"}
        for name, relation in current.items():
            seen = name.endswith("default") or (name.endswith("first") and "titled" in section)
            if (seen or (even and name.endswith("even"))) and relation in relations:
                shown[relations[relation].target] = None
    every = [*parts.of(parts.main, "header"), *parts.of(parts.main, "footer")]
    return list(shown), [part for part in every if part not in shown]


def _differ_on_even_pages(parts: Parts) -> bool:
    differ = False

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal differ
        differ |= name == "w:evenAndOddHeaders" and on(attributes.get("w:val", ""))

    for part in parts.of(parts.main, "settings"):
        if (content := parts.read(part)) is not None:
            parse_xml(content, start=start, end=lambda _: None, text=lambda _: None, name_of=prefixed)
    return differ


def _beside(parts: Parts, reached: Mapping[str, str], idle: list[str]) -> Iterator[Unread]:
    """What parts hold that neither the text nor anything drawn on a page refers to."""
    for part in parts.of(parts.main, "comments"):
        content = parts.read(part) or b""
        for _, text in _texts(content, "w:comment") or _texts(content, ""):
            yield unread("comments", text, shown=text)
    for part in idle:
        text = _words(parts.read(part) or b"")
        yield unread("headers and footers that no page shows", text, shown=text)
    for part in parts.of(parts.main, "numbering"):
        for picture in parts.of(part, "image"):
            parts.drawn.add(picture)
            yield unread("pictures as bullets", parts.read(picture) or b"")
    for part, kind in sorted(reached.items()):
        known = kind in _READ | _NOT_SHOWN or part in parts.drawn or kind in ("header", "footer")
        if not known and (other := parts.read(part)) is not None:
            yield unread(f"parts of the file of the type {kind[:40]}", other)
    for part in sorted(set(parts.archive.names) - set(reached)):
        if part == "[Content_Types].xml" or part.endswith((".rels", "/")):
            continue
        content = parts.read(part) or b""
        yield unread("parts of the file that nothing refers to", content, shown=_words(content) or part)


def _unreferred(parts: Parts, part: str, kind: str, referred: frozenset[tuple[str, str]]) -> Iterator[Unread]:
    for number, text in _texts(parts.read(part) or b"", f"w:{kind}"):
        if text and (kind, number) not in referred:
            yield unread("notes that no text refers to", text, shown=text)


def _words(part: bytes) -> str:
    """All character data of an XML part; empty for others."""
    try:
        return normal(" ".join(text for _, text in _texts(part, "")))
    except DataError:
        return ""


def _texts(part: bytes, element: str) -> list[tuple[str, str]]:
    """The `w:id` and the text of each such element; of the root for an empty name."""
    texts: list[tuple[str, list[str]]] = []
    inside = 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal inside
        if inside == 0 and name == (element or name):
            texts.append((attributes.get("w:id", ""), []))
            inside = 1
        elif inside:
            inside += 1
        if inside and name in ("w:p", "w:tab", "w:br"):
            texts[-1][1].append(" ")

    def end(name: str) -> None:
        nonlocal inside
        inside -= inside > 0

    def text(text: str) -> None:
        if inside:
            texts[-1][1].append(text)

    if part:
        parse_xml(part, start=start, end=end, text=text, name_of=prefixed)
    return [(number, normal("".join(pieces))) for number, pieces in texts]

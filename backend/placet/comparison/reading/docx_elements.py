"""Elements of WordprocessingML by what they show (ECMA-376 part 1, 17)."""

from __future__ import annotations

from typing import Final

DELETED: Final = frozenset({"w:del", "w:moveFrom"})
TRACKED: Final = frozenset(
    {"w:ins", "w:del", "w:moveFrom", "w:moveTo", "w:cellIns", "w:cellDel", "w:cellMerge", "w:numberingChange"}
)
FORMER: Final = frozenset(
    {f"w:{one}Change" for one in ("rPr", "pPr", "sectPr", "tblPr", "tblPrEx", "tblGrid", "tcPr", "trPr")}
)
"""How something looked before a tracked change."""
SPACES: Final = frozenset({"w:tab", "w:br", "w:cr", "w:ptab", "a:br"})
ELSEWHERE: Final = frozenset({"w:altChunk", "w:subDoc"})
TEXT: Final = frozenset({"w:t", "m:t", "a:t"})
PROPERTIES: Final = frozenset(
    {"w:rPr", "w:pPr", "w:tblPr", "w:tblPrEx", "w:tblGrid", "w:trPr", "w:tcPr", "w:sectPr", "w:sdtPr", "w:sdtEndPr"}
    | {"w:customXmlPr", "w:smartTagPr", "w:rubyPr", "w:ffData", "w:fldData", "m:rPr", "m:ctrlPr", "w:footnotePr"}
)  # fmt: skip
"""What is inside says how something looks, or is not shown."""
SILENT: Final = PROPERTIES | {
    "a:p", "a:r", "a:t", "m:t", "mc:AlternateContent", "mc:Choice", "mc:Fallback", "w:annotationRef", "w:bdo",
    "w:body", "w:bookmarkEnd", "w:bookmarkStart", "w:comment", "w:commentRangeEnd", "w:commentRangeStart",
    "w:commentReference", "w:comments", "w:continuationSeparator", "w:customXml", "w:customXmlDelRangeEnd",
    "w:customXmlDelRangeStart", "w:customXmlInsRangeEnd", "w:customXmlInsRangeStart", "w:customXmlMoveFromRangeEnd",
    "w:customXmlMoveFromRangeStart", "w:customXmlMoveToRangeEnd", "w:customXmlMoveToRangeStart", "w:dir",
    "w:document", "w:endnote", "w:endnoteRef", "w:endnoteReference", "w:endnotes", "w:fldChar", "w:fldSimple",
    "w:footnote", "w:footnoteRef", "w:footnoteReference", "w:footnotes", "w:ftr", "w:hdr", "w:hyperlink", "w:ins",
    "w:instrText", "w:lastRenderedPageBreak", "w:moveFromRangeEnd", "w:moveFromRangeStart", "w:moveTo",
    "w:moveToRangeEnd", "w:moveToRangeStart", "w:noBreakHyphen", "w:p", "w:permEnd", "w:permStart", "w:pgNum",
    "w:proofErr", "w:r", "w:rt", "w:ruby", "w:rubyBase", "w:sdt", "w:sdtContent", "w:separator", "w:smartTag",
    "w:softHyphen", "w:sym", "w:t", "w:tbl", "w:tc", "w:tr", "w:txbxContent",
}  # fmt: skip
"""Elements that show nothing but what is inside them, or are read below."""
COUNTED: Final = frozenset({"w:footnoteReference", "w:endnoteReference"})


def known(name: str, around: list[str]) -> bool:
    """Whether an element is read, shows nothing of its own, or is a property of something; `around` ends with it."""
    return name in SILENT or name in SPACES or name.startswith("m:") or any(one in PROPERTIES for one in around)

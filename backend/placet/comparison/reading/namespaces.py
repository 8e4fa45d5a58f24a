"""Names of Office XML with the prefixes that its standards use, whatever prefixes a document uses."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Final

_OOXML: Final = "http://schemas.openxmlformats.org/"
_STRICT: Final = "http://purl.oclc.org/ooxml/"
_MICROSOFT: Final = "http://schemas.microsoft.com/office/"
_KNOWN: Final = {
    **dict.fromkeys((f"{_OOXML}wordprocessingml/2006/main", f"{_STRICT}wordprocessingml/main"), "w"),
    **dict.fromkeys((f"{_OOXML}drawingml/2006/main", f"{_STRICT}drawingml/main"), "a"),
    **dict.fromkeys(
        (f"{_OOXML}drawingml/2006/wordprocessingDrawing", f"{_STRICT}drawingml/wordprocessingDrawing"), "wp"
    ),
    **dict.fromkeys((f"{_OOXML}drawingml/2006/picture", f"{_STRICT}drawingml/picture"), "pic"),
    **dict.fromkeys((f"{_OOXML}drawingml/2006/chart", f"{_STRICT}drawingml/chart"), "c"),
    **dict.fromkeys((f"{_OOXML}drawingml/2006/diagram", f"{_STRICT}drawingml/diagram"), "dgm"),
    **dict.fromkeys((f"{_OOXML}officeDocument/2006/math", f"{_STRICT}officeDocument/math"), "m"),
    **dict.fromkeys((f"{_OOXML}officeDocument/2006/relationships", f"{_STRICT}officeDocument/relationships"), "r"),
    f"{_OOXML}markup-compatibility/2006": "mc",
    f"{_OOXML}drawingml/2006/lockedCanvas": "lc",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
    "urn:schemas-microsoft-com:office:word": "w10",
    f"{_MICROSOFT}word/2010/wordprocessingShape": "wps",
    f"{_MICROSOFT}word/2010/wordprocessingGroup": "wpg",
    f"{_MICROSOFT}word/2010/wordprocessingCanvas": "wpc",
    f"{_MICROSOFT}word/2010/wordprocessingInk": "wpi",
    f"{_MICROSOFT}word/2010/wordprocessingDrawing": "wp14",
    f"{_MICROSOFT}word/2012/wordprocessingDrawing": "wp15",
    f"{_MICROSOFT}word/2010/wordml": "w14",
    f"{_MICROSOFT}word/2012/wordml": "w15",
    f"{_MICROSOFT}word/2015/wordml/symex": "w16se",
    f"{_MICROSOFT}word/2016/wordml/cid": "w16cid",
    f"{_MICROSOFT}word/2018/wordml": "w16",
    f"{_MICROSOFT}word/2018/wordml/cex": "w16cex",
    f"{_MICROSOFT}word/2020/wordml/sdtdatahash": "w16sdtdh",
    f"{_MICROSOFT}word/2023/wordml/word16du": "w16du",
    f"{_MICROSOFT}drawing/2010/main": "a14",
    f"{_MICROSOFT}drawing/2014/main": "a16",
    f"{_MICROSOFT}drawing/2008/diagram": "dsp",
    f"{_MICROSOFT}drawing/2014/chartex": "cx",
    f"{_MICROSOFT}drawing/2015/9/8/chartex": "cx1",
    f"{_MICROSOFT}drawing/2015/10/21/chartex": "cx2",
    f"{_MICROSOFT}drawing/2016/ink": "aink",
    f"{_MICROSOFT}drawing/2017/model3d": "am3d",
}


@lru_cache(maxsize=4096)
def prefixed(name: str) -> str:
    """`w:t` for an IRI, a blank and `t`; `?:t` under an IRI that no standard here knows; as it is without an IRI."""
    iri, blank, local = name.rpartition(" ")
    return f"{_KNOWN.get(iri, '?')}:{local}" if blank else local


class Prefixes:
    """The prefixes that are declared at a place in a document."""

    def __init__(self) -> None:
        self._declared: defaultdict[str, list[str]] = defaultdict(list)

    def declare(self, prefix: str, iri: str | None) -> None:
        """With None: its declaration ends."""
        if iri is not None:
            self._declared[prefix].append(iri)
        elif self._declared[prefix]:
            self._declared[prefix].pop()

    def understood(self, required: str) -> bool:
        """Whether a word processor knows all of these prefixes' namespaces, so that it shows what requires them."""
        names = required.split()
        return bool(names) and all(self._declared[one] and self._declared[one][-1] in _KNOWN for one in names)

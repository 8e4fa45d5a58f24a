"""Nothing that a reader of a Word document sees is missed in silence, and what no reader sees is told.

The kinds are those of ECMA-376: each is written here by hand, in two versions that differ only there.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from benchmarks._documents import package, relations

from placet.comparison.reading import read
from placet.core.errors import DataError
from telling import OTHER, compared, edited, noted, quiet

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SPACES = {
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
    "w15": "http://schemas.microsoft.com/office/word/2012/wordml",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "new": "urn:a-later-version",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{iri}"' for prefix, iri in _SPACES.items())
FIRST = "<w:p><w:r><w:t>1. The Supplier shall deliver.</w:t></w:r></w:p>"


def document(body: str, more: dict[str, str | bytes] | None = None, **parts: tuple[str, str | bytes]) -> bytes:
    """A DOCX with this after its first paragraph; `parts` are what relations by these ids lead to: type and content."""
    files: dict[str, bytes] = {name: _bytes(content) for name, content in (more or {}).items()}
    known = {name: (name, f"{name}.xml") for name in ("styles", "numbering")}
    for key, (kind, content) in parts.items():
        outside = isinstance(content, str) and content.startswith("https:")
        known[key] = (kind, str(content) if outside else f"parts/{key}.xml")
        if not outside:
            files[f"word/parts/{key}.xml"] = _bytes(content)
    files["word/_rels/document.xml.rels"] = relations(known)
    whole = f'<w:document xmlns:w="{_W}" {_DECLARED}><w:body>{FIRST}{body}</w:body></w:document>'
    files["word/document.xml"] = whole.encode()
    return package("", more=files)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def part(root: str, inside: str) -> str:
    return f'<w:{root} xmlns:w="{_W}" {_DECLARED}>{inside}</w:{root}>'


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def para(inside: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>"


def field(instruction: str, result: str | None, data: str = "") -> str:
    kind = '<w:r><w:fldChar w:fldCharType="{}">{}</w:fldChar></w:r>'
    shown = "" if result is None else kind.format("separate", "") + result
    code = f'<w:r><w:instrText xml:space="preserve">{instruction}</w:instrText></w:r>'
    return para(run("Field: ") + kind.format("begin", data) + code + shown + kind.format("end", ""))


def box(text: str, properties: str = "") -> str:
    inside = f"<w:txbxContent>{para(run(text))}</w:txbxContent>"
    return para(
        run("See box.")
        + f"<w:r><w:drawing><wp:anchor>{properties}<wps:txbx>{inside}</wps:txbx></wp:anchor></w:drawing></w:r>"
    )


def vml(text: str, style: str = "") -> str:
    inside = f"<w:txbxContent>{para(run(text))}</w:txbxContent>"
    return para(f'<w:r><w:pict><v:shape style="{style}"><v:textbox>{inside}</v:textbox></v:shape></w:pict></w:r>')


def either(required: str, choice: str, fallback: str) -> str:
    return para(
        f'<w:r><mc:AlternateContent><mc:Choice Requires="{required}">{choice}</mc:Choice>'
        f"<mc:Fallback>{fallback}</mc:Fallback></mc:AlternateContent></w:r>"
    )


def table(*rows: str, properties: str = "") -> str:
    return "<w:tbl>" + "".join(f"<w:tr>{properties}{row}</w:tr>" for row in rows) + "</w:tbl>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{para(run(text)) if text else '<w:p/>'}</w:tc>"


def styled_table(text: str, look: str, more: str = "", properties: str = "") -> bytes:
    """A table of one cell, of a style."""
    inside = f"<w:rPr>{look}</w:rPr>{more}"
    styles = part("styles", f'<w:style w:type="table" w:styleId="S">{inside}</w:style>')
    row = f"<w:tc>{para(run(text, properties))}</w:tc>"
    body = f'<w:tbl><w:tblPr><w:tblStyle w:val="S"/></w:tblPr><w:tr>{row}</w:tr></w:tbl>'
    return document(body, {"word/styles.xml": styles})


def picture(relation: str) -> str:
    blip = f'<pic:pic><pic:blipFill><a:blip r:embed="{relation}"/></pic:blipFill></pic:pic>'
    return f"<w:r><w:drawing><wp:inline><a:graphic>{blip}</a:graphic></wp:inline></w:drawing></w:r>"


def graphic(inside: str) -> str:
    return para(f"<w:r><w:drawing><wp:inline>{inside}</wp:inline></w:drawing></w:r>")


def math(inside: str) -> str:
    return para(run("Formula: ") + f"<m:oMath>{inside}</m:oMath>")


def term(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def section(*references: str, more: str = "") -> str:
    return "<w:sectPr>" + "".join(references) + more + "</w:sectPr>"


def header(kind: str, relation: str, name: str = "header") -> str:
    return f'<w:{name}Reference w:type="{kind}" r:id="{relation}"/>'


def chart(text: str) -> str:
    rich = f"<c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich>"
    return f"<c:chart {_DECLARED}><c:title><c:tx>{rich}</c:tx></c:title><c:v>7</c:v></c:chart>"


def listed(pattern: str, form: str = "bullet", font: str = "Wingdings") -> dict[str, str | bytes]:
    shown = f'<w:numFmt w:val="{form}"/><w:lvlText w:val="{pattern}"/><w:rPr><w:rFonts w:ascii="{font}"/></w:rPr>'
    level = f'<w:lvl w:ilvl="0">{shown}</w:lvl>'
    abstract = f'<w:abstractNum w:abstractNumId="0">{level}</w:abstractNum>'
    return {
        "word/numbering.xml": part("numbering", abstract + '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>')
    }


def levels(*forms: tuple[str, str, str], more: str = "") -> dict[str, str | bytes]:
    """A list of levels by form, pattern and further elements; `more` are further lists of it."""
    inside = "".join(
        f'<w:lvl w:ilvl="{n}"><w:numFmt w:val="{form}"/>{extra}<w:lvlText w:val="{pattern}"/></w:lvl>'
        for n, (form, pattern, extra) in enumerate(forms)
    )
    first = '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    whole = f'<w:abstractNum w:abstractNumId="0">{inside}</w:abstractNum>{first}{more}'
    return {"word/numbering.xml": part("numbering", whole)}


def item(level: int, number: int = 1) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'


ITEM = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
BOX = '<w:ffData><w:checkBox><w:default w:val="0"/>{}</w:checkBox></w:ffData>'
CHOICE = (
    '<w:ffData><w:ddList><w:result w:val="{}"/><w:listEntry w:val="A"/><w:listEntry w:val="B"/></w:ddList></w:ffData>'
)
NOTE = '<w:r><w:footnoteReference w:id="2"/></w:r>'

READ: dict[str, Callable[[str], bytes]] = {
    "a paragraph": lambda t: document(para(run(t))),
    "a run outside of a paragraph": lambda t: document(run(t)),
    "a cell": lambda t: document(table(cell("Seat") + cell(t))),
    "the column of a tick": lambda t: document(
        table(cell("Seat") + (cell("x") + cell("") if t == "alpha" else cell("") + cell("x")))
    ),
    "a table in a table": lambda t: document(table(f"<w:tc>{table(cell(t))}<w:p/></w:tc>")),
    "a link": lambda t: document(para(f"<w:hyperlink>{run(t)}</w:hyperlink>")),
    "a content control": lambda t: document(f"<w:sdt><w:sdtPr/><w:sdtContent>{para(run(t))}</w:sdtContent></w:sdt>"),
    "a placeholder": lambda t: document(
        para(f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{run(t)}</w:sdtContent></w:sdt>")
    ),
    "a ticked control": lambda t: document(
        para(
            '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="1"/></w14:checkbox></w:sdtPr><w:sdtContent>'
            + run("☒" if t == "alpha" else "☐")
            + "</w:sdtContent></w:sdt>"
        )
    ),
    "custom XML": lambda t: document(f'<w:customXml w:element="x">{para(run(t))}</w:customXml>'),
    "a smart tag": lambda t: document(para(f'<w:smartTag w:element="x">{run(t)}</w:smartTag>')),
    "an insertion": lambda t: document(para(f"<w:ins>{run(t)}</w:ins>")),
    "a move": lambda t: document(para(f"<w:moveTo>{run(t)}</w:moveTo>")),
    "a struck text": lambda t: document(para(run("Pay now") + run(t, "<w:strike/>" if t == "alpha" else ""))),
    "a text struck by its style": lambda t: document(
        para(run(t, '<w:rStyle w:val="S"/>' if t == "alpha" else "")),
        {
            "word/styles.xml": part(
                "styles", '<w:style w:type="character" w:styleId="S"><w:rPr><w:dstrike/></w:rPr></w:style>'
            )
        },
    ),
    "capitals": lambda t: document(para(run("shall", "<w:caps/>" if t == "alpha" else ""))),
    "a symbol": lambda t: document(
        para(f'<w:r><w:sym w:font="Wingdings" w:char="{"F0FE" if t == "alpha" else "F0A8"}"/></w:r>')
    ),
    "a symbol of a font unknown here": lambda t: document(
        para(f'<w:r><w:sym w:font="Own" w:char="{"F041" if t == "alpha" else "F042"}"/></w:r>')
    ),
    "letters in a symbol font": lambda t: document(
        para(run("þ" if t == "alpha" else "¨", '<w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/>'))
    ),
    "a hyphen that does not break": lambda t: document(
        para(f"<w:r><w:t>a</w:t>{'<w:noBreakHyphen/>' if t == 'alpha' else '<w:tab/>'}<w:t>b</w:t></w:r>")
    ),
    "ruby": lambda t: document(
        para(f"<w:r><w:ruby><w:rt>{run(t)}</w:rt><w:rubyBase>{run('x')}</w:rubyBase></w:ruby></w:r>")
    ),
    "a drop capital": lambda t: document(
        para(run("T"), '<w:framePr w:dropCap="drop"/>') + para(run("he end" if t == "alpha" else "hey end"))
    ),
    "a field's result": lambda t: document(field("REF x", run(t))),
    "a simple field": lambda t: document(para(f'<w:fldSimple w:instr="REF x">{run(t)}</w:fldSimple>')),
    "a form's text": lambda t: document(field("FORMTEXT", run(t), "<w:ffData><w:textInput/></w:ffData>")),
    "a form's text by default": lambda t: document(
        field("FORMTEXT", None, f'<w:ffData><w:textInput><w:default w:val="{t}"/></w:textInput></w:ffData>')
    ),
    "a date's control": lambda t: document(
        para(
            "<w:sdt><w:sdtPr><w:date/></w:sdtPr><w:sdtContent>"
            + run("1 May 2026" if t == "alpha" else "2 May 2026")
            + "</w:sdtContent></w:sdt>"
        )
    ),
    "a text struck by its table": lambda t: styled_table("x", "<w:strike/>" if t == "alpha" else ""),
    "a formula struck through": lambda t: document(
        math(
            "<m:borderBox><m:borderBoxPr>"
            f"{'<m:strikeH/>' if t == 'alpha' else ''}</m:borderBoxPr><m:e>{term('x')}</m:e></m:borderBox>"
        )
    ),
    "a form's box": lambda t: document(field("FORMCHECKBOX", None, BOX.format("<w:checked/>" if t == "alpha" else ""))),
    "a form's choice": lambda t: document(field("FORMDROPDOWN", "", CHOICE.format(0 if t == "alpha" else 1))),
    "a button": lambda t: document(field(f"MACROBUTTON x {t}", None)),
    "a symbol as a field": lambda t: document(field(f"SYMBOL {254 if t == 'alpha' else 168} \\f Wingdings", None)),
    "a text box": lambda t: document(box(t)),
    "a VML text box": lambda t: document(vml(t)),
    "WordArt": lambda t: document(para(f'<w:r><w:pict><v:shape><v:textpath string="{t}"/></v:shape></w:pict></w:r>')),
    "a text in a drawing": lambda t: document(graphic(f"<a:p><a:r><a:t>{t}</a:t></a:r></a:p>")),
    "a choice": lambda t: document(either("wps", run(t), run(t))),
    "a fallback for what no program knows": lambda t: document(either("new", "<new:x/>", run(t))),
    "a chart": lambda t: document(graphic('<c:chart r:id="c1"/>'), c1=("chart", chart(t))),
    "a diagram": lambda t: document(
        graphic('<dgm:relIds r:dm="d1"/>'), d1=("diagramData", f"<dgm:data {_DECLARED}><a:t>{t}</a:t></dgm:data>")
    ),
    "a formula": lambda t: document(math(term(t))),
    "a fraction": lambda t: document(
        math(f"<m:f><m:num>{term('1')}</m:num><m:den>{term('2')}</m:den></m:f>" if t == "alpha" else term("12"))
    ),
    "a power": lambda t: document(
        math(f"<m:sSup><m:e>{term('2')}</m:e><m:sup>{term('3')}</m:sup></m:sSup>" if t == "alpha" else term("23"))
    ),
    "a sum": lambda t: document(
        math(
            f'<m:nary><m:naryPr><m:chr m:val="{"∑" if t == "alpha" else "∏"}"/></m:naryPr>'
            f"<m:e>{term('x')}</m:e></m:nary>"
        )
    ),
    "a footnote": lambda t: document(
        para(run("Cap.") + NOTE),
        f1=("footnotes", part("footnotes", f'<w:footnote w:id="2">{para(run(t))}</w:footnote>')),
    ),
    "a header": lambda t: document(section(header("default", "h1")), h1=("header", part("hdr", para(run(t))))),
    "a footer": lambda t: document(
        section(header("default", "h1", "footer")), h1=("footer", part("ftr", para(run(t))))
    ),
    "a first page's header": lambda t: document(
        section(header("first", "h1"), more="<w:titlePg/>"), h1=("header", part("hdr", para(run(t))))
    ),
    "an even page's header": lambda t: document(
        section(header("even", "h1")),
        h1=("header", part("hdr", para(run(t)))),
        s1=("settings", part("settings", "<w:evenAndOddHeaders/>")),
    ),
    "a watermark": lambda t: document(
        section(header("default", "h1")),
        h1=("header", part("hdr", para(f'<w:r><w:pict><v:shape><v:textpath string="{t}"/></v:shape></w:pict></w:r>'))),
    ),
    "a tick as a bullet": lambda t: document(para(run("Yes"), ITEM), listed("þ" if t == "alpha" else "¨")),
    "words in a number": lambda t: document(para(run("Yes"), ITEM), listed(f"Fee {t} %1", "decimal", "Arial")),
}

NOTED: dict[str, Callable[[str], bytes]] = {
    "a picture": lambda t: document(para(picture("p1")), p1=("image", t.encode())),
    "a picture at another place": lambda t: document(
        table(cell("Yes") + f"<w:tc>{para(picture('p1') if t == 'alpha' else run(' '))}</w:tc>")
        + table(cell("No") + f"<w:tc>{para(picture('p1') if t != 'alpha' else run(' '))}</w:tc>"),
        p1=("image", b"tick"),
    ),
    "a picture from outside": lambda t: document(para(picture("p1")), p1=("image", f"https://example.org/{t}.png")),
    "a shape": lambda t: document(graphic(f'<a:prstGeom prst="{t}"/>')),
    "a shape's place": lambda t: document(
        graphic(f"<wp:posOffset>{len(t) if t == 'alpha' else 70_000}</wp:posOffset>")
    ),
    "an embedded object": lambda t: document(
        para('<w:r><w:object><o:OLEObject r:id="o1"/></w:object></w:r>'), o1=("oleObject", t.encode())
    ),
    "a control": lambda t: document(para('<w:r><w:control r:id="o1"/></w:r>'), o1=("control", f"<x>{t}</x>")),
    "ink": lambda t: document(para('<w:r><w:contentPart r:id="o1"/></w:r>'), o1=("customXml", f"<x>{t}</x>")),
    "a chart's look": lambda t: document(
        graphic('<c:chart r:id="c1"/>'), c1=("chart", chart("x").replace("<c:v>", f'<c:bar name="{t}"/><c:v>'))
    ),
    "a background": lambda t: document(f'<w:background w:color="{t}"/>'),
    "a comment": lambda t: document("", c1=("comments", part("comments", f"<w:comment>{para(run(t))}</w:comment>"))),
    "a deletion": lambda t: document(para(f"<w:del><w:r><w:delText>{t}</w:delText></w:r></w:del>{run('x')}")),
    "figures that are raised": lambda t: document(
        para(run("10") + run("3", '<w:vertAlign w:val="superscript"/>' if t == "alpha" else ""))
    ),
    "columns that a row leaves empty": lambda t: document(
        table(cell("a") + cell("b") + cell("c"))
        + table(cell("x"), properties=f'<w:trPr><w:gridBefore w:val="{1 if t == "alpha" else 2}"/></w:trPr>')
    ),
    "columns that a cell spans": lambda t: document(
        table(cell("", '<w:gridSpan w:val="2"/>' if t == "alpha" else "") + cell("x"))
    ),
    "a deleted row": lambda t: document(table(cell("x")) + table(cell(t), properties="<w:trPr><w:del/></w:trPr>")),
    "a header that no page shows": lambda t: document(
        section(header("first", "h1")), h1=("header", part("hdr", para(run(t))))
    ),
    "a footnote that nothing refers to": lambda t: document(
        "", f1=("footnotes", part("footnotes", f'<w:footnote w:id="2">{para(run(t))}</w:footnote>'))
    ),
    "a footnote's mark at another place": lambda t: document(
        para(run("Cap.") + (NOTE if t == "alpha" else "")) + para(run("Fee.") + (NOTE if t != "alpha" else "")),
        f1=("footnotes", part("footnotes", f'<w:footnote w:id="2">{para(run("Net."))}</w:footnote>')),
    ),
    "a part that nothing refers to": lambda t: document("", {"word/header9.xml": part("hdr", para(run(t)))}),
    "a part of an unknown type": lambda t: document("", x1=("later", f"<x>{t}</x>")),
    "an embedded font": lambda t: document("", x1=("font", t.encode())),
    "a link's target": lambda t: document(
        para(f'<w:hyperlink r:id="l1">{run("here")}</w:hyperlink>'), l1=("hyperlink", f"https://example.org/{t}")
    ),
    "a text for other programs": lambda t: document(either("wps", run("x"), run(t))),
    "a text in an unknown element": lambda t: document(para(f"<w:r><w:later>{t}</w:later></w:r>")),
    "an unknown element": lambda t: document(para(f'<w:r><w:later w:val="{t}"/></w:r>')),
    "an element of an unknown kind": lambda t: document(para(f"<new:x><new:y>{t}</new:y></new:x>")),
    "a field that shows the date": lambda t: document(field(f"DATE {t}", run("today"))),
    "a field without a result": lambda t: document(field(f"EQ {t}", None)),
    "a text inside a field's code": lambda t: document(
        field(f"IF {t} ", None).replace("</w:instrText>", f"</w:instrText><w:t>{t}</w:t>")
    ),
}

UNSEEN: dict[str, tuple[str, bytes]] = {
    "hidden": ("hidden", document(para(run("ghost", "<w:vanish/>")))),
    "hidden by its style": (
        "hidden",
        document(
            para(run("ghost"), '<w:pStyle w:val="H"/>'),
            {"word/styles.xml": part("styles", '<w:style w:styleId="H"><w:rPr><w:vanish/></w:rPr></w:style>')},
        ),
    ),
    "white": ("colour", document(para(run("ghost", '<w:color w:val="FFFFFF"/>')))),
    "as its cell": (
        "colour",
        document(
            table(
                '<w:tc><w:tcPr><w:shd w:fill="102030"/></w:tcPr>'
                + para(run("ghost", '<w:color w:val="102030"/>'))
                + "</w:tc>"
            )
        ),
    ),
    "blackened": ("colour", document(para(run("ghost", '<w:highlight w:val="black"/>')))),
    "tiny": ("tiny", document(para(run("ghost", '<w:sz w:val="2"/>')))),
    "without colour": ("colour", document(para(run("ghost", "<w14:textFill><w14:noFill/></w14:textFill>")))),
    "a line of no height": ("height", document(para(run("ghost"), '<w:spacing w:line="1" w:lineRule="exact"/>'))),
    "a row of no height": (
        "height",
        document(table(cell("ghost"), properties='<w:trPr><w:trHeight w:val="1" w:hRule="exact"/></w:trPr>')),
    ),
    "a hidden row": ("hidden row", document(table(cell("ghost"), properties="<w:trPr><w:hidden/></w:trPr>"))),
    "in the theme's paper": ("colour", document(para(run("ghost", '<w:color w:themeColor="background1"/>')))),
    "filled white": (
        "colour",
        document(
            para(
                run(
                    "ghost",
                    '<w14:textFill><w14:solidFill><w14:srgbClr w14:val="FFFFFF"/></w14:solidFill></w14:textFill>',
                )
            )
        ),
    ),
    "filled with nothing": (
        "without colour",
        document(
            para(
                run(
                    "ghost",
                    '<w14:textFill><w14:solidFill><w14:srgbClr w14:val="000000"><w14:alpha w14:val="100000"/>'
                    "</w14:srgbClr></w14:solidFill></w14:textFill>",
                )
            )
        ),
    ),
    "beside the page": ("outside", document(para(run("ghost"), '<w:ind w:left="-20000"/>'))),
    "letters upon each other": ("top of each other", document(para(run("ghost", '<w:spacing w:val="-200"/>')))),
    "hidden by its table": ("hidden", styled_table("ghost", "<w:vanish/>")),
    "a merged cell": ("merged", document(table(cell("ghost", "<w:vMerge/>")))),
    "a hidden shape": ("hidden", document(vml("ghost", "visibility:hidden"))),
}


@pytest.mark.parametrize("kind", READ)
def test_what_word_shows_is_read(kind: str) -> None:
    one, other = READ[kind]("alpha"), READ[kind]("omega")
    assert edited(one, other, "docx")
    assert quiet(one, "docx")
    assert quiet(other, "docx")


@pytest.mark.parametrize("kind", NOTED)
def test_what_is_no_text_is_told_where_it_differs(kind: str) -> None:
    one, other = NOTED[kind]("alpha"), NOTED[kind]("omega")
    assert not edited(one, other, "docx")
    assert noted(one, other, "docx")
    assert quiet(one, "docx")


@pytest.mark.parametrize("kind", UNSEEN)
def test_text_that_no_reader_sees_is_told(kind: str) -> None:
    why, content = UNSEEN[kind]
    found = read(content, "a.docx")
    assert "ghost" in " ".join(paragraph.text for paragraph in found.paragraphs)
    assert [note for note in found.notes if why in note and "“ghost”" in note]


def test_nothing_is_told_of_what_is_seen() -> None:
    styled = '<w:color w:val="FFFFFF"/><w:shd w:fill="000000"/>'
    assert read(document(para(run("seen", styled)) + para(run("seen", '<w:sz w:val="12"/>'))), "a.docx").notes == ()


@pytest.mark.parametrize(
    ("levels_of", "places", "labels"),
    [
        (
            levels(("upperRoman", "Article %1", ""), ("decimalZero", "Section %1.%2", "<w:isLgl/>")),
            (0, 1, 1, 0, 1),
            ["Article I", "Section 1.01", "Section 1.02", "Article II", "Section 2.01"],
        ),
        (
            levels(("cardinalText", "Article %1", ""), ("lowerLetter", "(%2)", '<w:lvlRestart w:val="0"/>')),
            (0, 1, 1, 0, 1),
            ["Article One", "(a)", "(b)", "Article Two", "(c)"],
        ),
        (levels(("ordinal", "%1.", '<w:start w:val="0"/>')), (0, 0, 0), ["0th.", "1st.", "2nd."]),
        (levels(("ordinalText", "%1 Schedule", "")), (0, 0), ["First Schedule", "Second Schedule"]),
    ],
)
def test_numbers_have_the_forms_of_their_levels(
    levels_of: dict[str, str | bytes], places: tuple[int, ...], labels: list[str]
) -> None:
    found = read(document("".join(para(run("x"), item(n)) for n in places), levels_of), "a.docx")
    assert [paragraph.label for paragraph in found.paragraphs[1:]] == labels


def test_a_list_may_have_a_level_of_its_own() -> None:
    level = '<w:lvl w:ilvl="0"><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="(%1)"/></w:lvl>'
    override = f'<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/>{level}</w:lvlOverride>'
    more = f'<w:num w:numId="2"><w:abstractNumId w:val="0"/>{override}</w:num>'
    body = "".join(para(run("x"), item(0, n)) for n in (1, 1, 2, 2))
    found = read(document(body, levels(("decimal", "%1.", ""), more=more)), "a.docx")
    assert [paragraph.label for paragraph in found.paragraphs[1:]] == ["1.", "2.", "(i)", "(ii)"]


def test_a_style_stands_at_the_level_that_names_it() -> None:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="H{n}"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        for n in (1, 2)
    )
    whole = levels(("decimal", "%1.", '<w:pStyle w:val="H1"/>'), ("decimal", "%1.%2", '<w:pStyle w:val="H2"/>'))
    body = "".join(para(run("x"), f'<w:pStyle w:val="H{n}"/>') for n in (1, 2, 2, 1, 2))
    found = read(document(body, {**whole, "word/styles.xml": part("styles", styles)}), "a.docx")
    assert [paragraph.label for paragraph in found.paragraphs[1:]] == ["1.", "1.1", "1.2", "2.", "2.1"]


def test_a_hidden_mark_joins_a_title_and_its_text_under_its_number() -> None:
    mark = "<w:rPr><w:vanish/><w:specVanish/></w:rPr>"
    body = para(run("Term."), item(0) + mark) + para(run("It lasts.")) + para(run("Fees."), item(0))
    found = read(document(body, levels(("decimal", "%1.", ""))), "a.docx")
    assert [(one.label, one.text) for one in found.paragraphs[1:]] == [("1.", "Term. It lasts."), ("2.", "Fees.")]


def test_white_letters_on_a_row_that_a_table_style_shades_are_seen() -> None:
    shaded = '<w:tblStylePr w:type="firstRow"><w:tcPr><w:shd w:fill="1F3864"/></w:tcPr></w:tblStylePr>'
    assert read(styled_table("Fee", "", shaded, '<w:color w:val="FFFFFF"/>'), "a.docx").notes == ()


def test_no_text_of_any_element_is_missed_in_silence() -> None:
    """A text in every element of a paragraph, a run, a cell, a body and a drawing, known and unknown alike."""
    names = ("w:t", "w:later", "w:delText", "w:instrText", "a:t", "m:t", "v:later", "new:t", "wps:x", "w:fldData")
    places = {
        "body": "{}",
        "paragraph": "<w:p>{}</w:p>",
        "run": "<w:p><w:r>{}</w:r></w:p>",
        "cell": "<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>",
        "drawing": "<w:p><w:r><w:drawing>{}</w:drawing></w:r></w:p>",
        "picture": "<w:p><w:r><w:pict>{}</w:pict></w:r></w:p>",
        "control": "<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>",
        "note": "<w:p><w:r><w:object>{}</w:object></w:r></w:p>",
    }
    silent = []
    for name in (*names, "w:sdt", "w:p", "w:r"):
        for place, around in places.items():
            one, other = (document(around.format(f"<{name}>{text}</{name}>")) for text in ("alpha", "omega"))
            if not edited(one, other, "docx") and not noted(one, other, "docx"):
                silent.append((name, place))
    assert {name for name, _ in silent} == {"w:fldData"}  # data of a field that nobody sees


def test_every_part_that_differs_is_read_or_told() -> None:
    """A document with one part of every kind; each part is changed in turn."""
    kinds = ("header", "footer", "footnotes", "endnotes", "comments", "chart", "image", "font", "oleObject", "package")
    parts = {f"x{n}": (kind, part("x", para(run("alpha")))) for n, kind in enumerate((*kinds, "later", "ink"))}
    whole = document("", **parts)
    for key, (kind, content) in parts.items():
        changed = document("", **(parts | {key: (kind, content.replace("alpha", "omega"))}))
        assert edited(whole, changed, "docx") or noted(whole, changed, "docx"), kind


def test_a_note_quotes_what_it_is_about() -> None:
    found = compared(NOTED["a comment"]("alpha"), NOTED["a comment"]("omega"), "docx")
    assert found.before.notes == (f"Not in {OTHER}, or not the same there, and not compared: comments (1): “alpha”.",)


def test_a_bound_control_shows_its_data() -> None:
    binding = '<w:dataBinding w:xpath="/ns0:a[1]/ns0:fee[1]" w:storeItemID="{1}"/>'
    control = f"<w:sdt><w:sdtPr>{binding}</w:sdtPr><w:sdtContent>{run('100')}</w:sdtContent></w:sdt>"
    whole = document(para(control), x1=("customXml", "<a><fee>900</fee></a>"))
    assert "shows the value behind it, “900”" in " ".join(read(whole, "a.docx").notes)


def test_a_deleted_paragraph_mark_joins_two_paragraphs() -> None:
    whole = document(para(run("Notice "), "<w:rPr><w:del/></w:rPr>") + para(run("in writing.")))
    assert read(whole, "a.docx").paragraphs[-1].text == "Notice in writing."


def test_text_in_another_file_is_refused() -> None:
    for element in ("altChunk", "subDoc"):
        with pytest.raises(DataError) as refused:
            read(document(f'<w:{element} r:id="x1"/>', x1=("aFChunk", b"<p>text</p>")), "a.docx")
        assert refused.value.code == "data.format"

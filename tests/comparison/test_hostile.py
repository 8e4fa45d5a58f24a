"""Documents that mean harm, or are just broken, end in an error that says which."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable

import pytest
from benchmarks._documents import Item, draw, package, text

from placet.comparison.compare import compare
from placet.comparison.reading import archive, pdf, read
from placet.core.errors import InputError

GOOD = b"1. The Supplier shall deliver.\n\n2. The Customer shall pay."
PARAGRAPH = "<w:p><w:r><w:t>1. The Supplier shall deliver.</w:t></w:r></w:p>"


def zipped(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return made.getvalue()


def document(xml: bytes) -> bytes:
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": xml})


def flagged_encrypted() -> bytes:
    data = bytearray(package(PARAGRAPH))
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def lying_directory() -> bytes:
    data = bytearray(package(PARAGRAPH))
    at = data.rfind(b"PK\x05\x06")
    data[at + 8 : at + 12] = struct.pack("<HH", 60_000, 60_000)
    return bytes(data)


def encrypted_pdf() -> bytes:
    made = draw([[(700, "1. Text.")]])
    key = b"/Encrypt<</Filter/Standard/V 1/R 2/O(%s)/U(%s)/P -4>>/ID[(0123456789abcdef)(0123456789abcdef)]" % (
        32 * b"o",
        32 * b"u",
    )
    return made.replace(b"/Root 1 0 R", b"/Root 1 0 R" + key)


def endless_pages() -> bytes:
    """A page tree that holds itself."""
    return draw([[(700, "1. Text.")]]).replace(b"/Kids[5 0 R]", b"/Kids[2 0 R]")


def varied(count: int) -> str:
    """Paragraphs that compress no better than text does."""
    rng = random.Random(1)
    return "".join(PARAGRAPH.replace("deliver", f"{rng.getrandbits(128):x}") for _ in range(count))


def deep() -> bytes:
    return b"<d>" + b"<p>" * 120 + b"</p>" * 120 + b"</d>"


ENTITIES = b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><d><p><t>&b;</t></p></d>'
EXTERNAL = b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>'

HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "no ending": ("contract", lambda: GOOD, "data.format"),
    "unknown ending": ("contract.rtf", lambda: GOOD, "data.format"),
    "a PDF called text": ("contract.txt", lambda: b"%PDF-1.4 ...", "data.format"),
    "text called PDF": ("contract.pdf", lambda: GOOD, "data.format"),
    "old Word": ("contract.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "data.format"),
    "another archive": ("contract.docx", lambda: zipped({"a.txt": b"a"}), "data.format"),
    "zero bytes": ("contract.txt", lambda: b"1. Text\0\0", "data.format"),
    "text elsewhere": ("contract.docx", lambda: package('<w:altChunk r="rId7"/>'), "data.format"),
    "same name twice": ("contract.docx", lambda: doubled(), "data.format"),
    "too large": ("contract.txt", lambda: b"a " * 10_000_001, "data.large"),
    "too many words": ("contract.txt", lambda: b"a " * 400_001, "data.large"),
    "too many lines": ("contract.md", lambda: b"\n" * 400_001 + GOOD, "data.large"),
    "too many characters": ("contract.txt", lambda: b" " * 8_000_001 + GOOD, "data.large"),
    "too many paragraphs": ("contract.docx", lambda: package(varied(40_002)), "data.large"),
    "too many clauses": ("contract.txt", lambda: b"a\n\n" * 40_001, "data.large"),
    "empty": ("contract.txt", lambda: b"", "data.empty"),
    "white space": ("contract.md", lambda: b" \n\t\n", "data.empty"),
    "invisible": ("contract.txt", lambda: "\u200b\u200b".encode(), "data.empty"),
    "empty DOCX": ("contract.docx", lambda: package("<w:p/>"), "data.empty"),
    "Latin-1": ("contract.txt", lambda: "Gebühr".encode("latin-1"), "data.encoding"),
    "half UTF-16": ("contract.txt", lambda: b"\xff\xfea", "data.encoding"),
    "macros by name": ("contract.docm", lambda: package(PARAGRAPH), "data.macros"),
    "macros inside": ("contract.docx", lambda: package(PARAGRAPH, more={"word/vbaProject.bin": b"x"}), "data.macros"),
    "macros by type": (
        "contract.docx",
        lambda: package(PARAGRAPH, more={"[Content_Types].xml": b"<Types macroEnabled='1'/>"}),
        "data.macros",
    ),
    "zip bomb": ("contract.docx", lambda: package(PARAGRAPH, more={"word/styles.xml": bytes(30_000_000)}), "data.bomb"),
    "large inside": ("contract.docx", lambda: package(PARAGRAPH, more={"big": bytes(110_000_000)}), "data.bomb"),
    "many entries": ("contract.docx", lambda: zipped({f"{n}": b"" for n in range(2_001)}), "data.bomb"),
    "lying directory": ("contract.docx", lying_directory, "data.bomb"),
    "odd compression": ("contract.docx", lambda: zipped({"a": b"a"}, zipfile.ZIP_LZMA), "data.broken"),
    "half an archive": ("contract.docx", lambda: package(PARAGRAPH)[:-40], "data.broken"),
    "bad XML": ("contract.docx", lambda: document(b"<d><p></d>"), "data.broken"),
    "entities": ("contract.docx", lambda: document(ENTITIES), "data.entities"),
    "external DTD": ("contract.docx", lambda: document(EXTERNAL), "data.entities"),
    "deep": ("contract.docx", lambda: document(deep()), "data.deep"),
    "encrypted archive": ("contract.docx", flagged_encrypted, "data.encrypted"),
    "encrypted PDF": ("contract.pdf", encrypted_pdf, "data.encrypted"),
    "scan": ("contract.pdf", lambda: draw([[], []]), "data.no-text"),
    "no PDF": ("contract.pdf", lambda: b"%PDF-1.4\nnothing", "data.broken"),
    "endless pages": ("contract.pdf", endless_pages, "data.broken"),
    "no pages": ("contract.pdf", lambda: draw([]), "data.large"),
    "name with a line": ("con\ntract.txt", lambda: GOOD, "input.name"),
    "long name": ("c" * 300 + ".txt", lambda: GOOD, "input.name"),
}


def doubled() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out, pytest.warns(UserWarning, match="Duplicate"):
        out.writestr("word/document.xml", "<a/>")
        out.writestr("word/document.xml", "<b/>")
    return made.getvalue()


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_documents_are_refused_by_name(case: str) -> None:
    name, make, code = HOSTILE[case]
    with pytest.raises(InputError) as refused:
        compare(make(), name, GOOD, "good.txt")
    assert refused.value.code == code
    assert refused.value.expected is not None or code in ("data.format", "data.large")


def test_it_matters_not_which_side_is_hostile() -> None:
    with pytest.raises(InputError, match="encrypted"):
        compare(GOOD, "good.txt", encrypted_pdf(), "contract.pdf")


def test_a_path_is_not_part_of_the_name() -> None:
    assert read(GOOD, "/secret/place/contract.txt").name == "contract.txt"
    assert read(GOOD, "C:\\secret\\contract.txt").name == "contract.txt"


def test_what_expands_is_counted_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory says that a part is small; reading it stops at the limit all the same."""
    data = package(PARAGRAPH, more={"word/styles.xml": b"<a>" + bytes(5_000_000)})
    opened = archive.Archive(data)
    info = opened._zip.getinfo("word/styles.xml")
    assert info.file_size > 1_000_000
    monkeypatch.setattr(archive, "MAX_PART", 1_000_000)
    with pytest.raises(InputError) as refused:
        opened.read("word/styles.xml")
    assert refused.value.code == "data.bomb"


def test_forms_that_draw_each_other_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PDF_OPERATIONS", 50)
    lines = [(800 - n, f"{n}. Text.") for n in range(100)]
    with pytest.raises(InputError) as refused:
        read(draw([lines]), "contract.pdf")
    assert refused.value.code == "data.large"


def test_random_damage_ends_in_our_errors_or_in_text() -> None:
    rng = random.Random(7)
    items = [Item(1, False, f"The Supplier shall deliver item {n}.") for n in range(20)]
    for data, name in (
        (package(PARAGRAPH), "a.docx"),
        (draw([[(700 - 13 * n, f"{n}. Text.") for n in range(30)]]), "a.pdf"),
        (text(items, rng), "a.txt"),
        (text(items, rng), "a.md"),
    ):
        for _ in range(40):
            broken = bytearray(data)
            for _ in range(rng.randint(1, 12)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
            try:
                assert read(bytes(broken), name).paragraphs
            except InputError as error:
                assert error.code.startswith("data.")

"""A small writer of PDFs for tests: objects by name, pages from drawing instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HELVETICA = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def stream(content: bytes | str, entries: str = "") -> bytes:
    raw = content.encode("latin-1") if isinstance(content, str) else content
    return f"<<{entries}/Length {len(raw)}>>stream\n".encode() + raw + b"\nendstream"


def line(text: str, x: float = 60, y: float = 700, size: float = 11) -> str:
    """One line of text in Helvetica."""
    return f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n"


def pdf(
    *pages: str | bytes,
    objects: Mapping[str, str | bytes] | None = None,
    resources: str = "",
    page: str = "",
    root: str = "",
) -> bytes:
    """Pages that draw this. `@name` in entries stands for a reference to the object of that name; `resources`, `page`
    and `root` are further entries of the dictionaries of these."""
    named: dict[str, str | bytes] = {"font": HELVETICA, **(objects or {})}
    bodies: list[bytes] = [b"", b"", *(_bytes(value) for value in named.values())]
    numbers = {name: n for n, name in enumerate(named, 3)}
    kids: list[int] = []
    for content in pages:
        bodies.append(stream(content))
        inside = f"/Resources<</Font<</F1 @font>>{resources}>>{page}"
        bodies.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {len(bodies)} 0 R{inside}>>".encode())
        kids.append(len(bodies))
    bodies[0] = f"<</Type/Catalog/Pages 2 0 R{root}>>".encode()
    bodies[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(f'{n} 0 R' for n in kids)}]>>".encode()
    return _file([_referring(body, numbers) for body in bodies])


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


def _referring(body: bytes, numbers: Mapping[str, int]) -> bytes:
    entries, begins, content = body.partition(b"stream\n")
    for name in sorted(numbers, key=len, reverse=True):
        entries = entries.replace(b"@" + name.encode(), b"%d 0 R" % numbers[name])
    return entries + begins + content


def _file(bodies: Sequence[bytes]) -> bytes:
    made, places = b"%PDF-1.7\n", []
    for n, body in enumerate(bodies, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (n, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return made + end % (len(bodies) + 1, table, len(bodies) + 1, len(made))

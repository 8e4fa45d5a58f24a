"""tests/vectors/leaves.json: what docs/reference/formats.md says of leaf records, written a second
time from the document, without the package. Run this file to write the vectors anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "vectors" / "leaves.json"
FIELDS: tuple[tuple[str, int], ...] = (
    ("notBefore", 6),
    ("notAfter", 6),
    ("firstOpening", 4),
    ("uses", 4),
    ("language", 2),
    ("enrolment", 32),
    ("salt", 32),
    ("signature", 0),
    ("enroller", 20),
    ("enrolled", 0),
    ("row", 32),
    ("batch", 32),
)


def some(label: str, size: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(size)


def leaf(number: int, owner: int, signature: int, enrolled: int = 65) -> dict[str, Any]:
    sizes = dict(FIELDS) | {"signature": signature, "enrolled": enrolled}
    found: dict[str, Any] = {"owner": some(f"owner {number}", owner)}
    found |= {name: some(f"{name} {number}", size) for name, size in sizes.items()}
    numbers = {"notBefore": 1_700_000_000 + number, "notAfter": 2**47 + number, "firstOpening": 7, "uses": 2**31 + 1}
    return found | numbers | {"language": ("en", "de", "zh")[number % 3]}


def record(values: dict[str, Any]) -> bytes:
    kind = 0 if len(values["owner"]) == 20 else 1 if len(values["signature"]) == 64 else 2
    raw = bytes([kind + 3 * (len(values["enrolled"]) == 32)]) + values["owner"]
    for name, size in FIELDS:
        value = values[name]
        if kind == 2 and name == "signature":
            raw += len(value).to_bytes(2, "big")
        if isinstance(value, str):
            raw += value.encode()
        else:
            raw += value.to_bytes(size, "big") if isinstance(value, int) else value
    return raw


def reference() -> dict[str, Any]:
    leaves = [leaf(0, 20, 65), leaf(1, 84, 64), leaf(2, 20, 65), leaf(3, 84, 480)]
    leaves += [leaf(4, 20, 65, 32), leaf(5, 84, 64, 32), leaf(6, 84, 480, 32)]
    joined = b"".join(map(record, leaves))
    plain = [{n: "0x" + v.hex() if isinstance(v, bytes) else v for n, v in values.items()} for values in leaves]
    return {
        "leaves": [
            {"leaf": values, "record": "0x" + record(raw).hex()} for values, raw in zip(plain, leaves, strict=True)
        ],
        "section": {"count": len(leaves), "hash": "0x" + hashlib.sha256(joined).hexdigest(), "size": len(joined)},
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(reference(), indent=1) + "\n")

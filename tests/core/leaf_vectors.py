"""tests/vectors/leaves.json: what docs/reference/formats.md says of leaves in sections, written a second
time from the document, without the package. Run this file to write the vectors anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "vectors" / "leaves.json"
SIZES = {
    "notBefore": 8,
    "notAfter": 8,
    "firstOpening": 4,
    "uses": 4,
    "language": 2,
    "enrolment": 32,
    "salt": 32,
    "enroller": 20,
    "row": 32,
    "batch": 32,
}
"""In the order of the columns; signatures and the enrollers' words stand between `salt` and `row`."""


def some(label: str, size: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(size)


def leaf(number: int, owner: int, signature: int, enrolled: int = 65, *, alike: bool = False) -> dict[str, Any]:
    sizes = SIZES | {"signature": signature, "enrolled": enrolled}
    found: dict[str, Any] = {"owner": some(f"owner {number}", owner)}
    found |= {name: some(f"{name} {number}", size) for name, size in sizes.items()}
    if alike:
        found |= {name: some(name, sizes[name]) for name in ("enroller", "enrolled", "batch")}
    window = 0 if alike else number
    numbers = {"notBefore": 1_700_000_000 + window, "notAfter": 2**47 + window, "firstOpening": 7, "uses": 2**31 + 1}
    return found | numbers | {"language": "en" if alike else ("en", "de", "zh")[number % 3]}


def kind(values: dict[str, Any]) -> int:
    owner = 0 if len(values["owner"]) == 20 else 1 if len(values["signature"]) == 64 else 2
    return owner + 3 * (len(values["enrolled"]) == 32)


def octets(value: Any, size: int) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value.to_bytes(size, "big") if isinstance(value, int) else bytes(value)


def shared(values: list[bytes]) -> bytes:
    if not values:
        return b""
    return b"\1" + values[0] if all(value == values[0] for value in values) else b"\0" + b"".join(values)


def group(leaves: list[dict[str, Any]]) -> bytes:
    def column(name: str) -> list[bytes]:
        return [octets(values[name], SIZES[name]) for values in leaves]

    def of_kinds(name: str, *kinds: int) -> list[bytes]:
        return [values[name] for values in leaves if kind(values) in kinds]

    raw = shared([bytes([kind(values)]) for values in leaves])
    raw += b"".join(values["owner"][:20] for values in leaves) + b"".join(values["owner"][20:] for values in leaves)
    raw += b"".join(map(shared, map(column, ("notBefore", "notAfter", "firstOpening", "uses", "language"))))
    raw += b"".join(column("enrolment")) + b"".join(column("salt"))
    assertions = of_kinds("signature", 2, 5)
    raw += b"".join(of_kinds("signature", 0, 3)) + b"".join(of_kinds("signature", 1, 4))
    raw += shared([len(assertion).to_bytes(2, "big") for assertion in assertions]) + b"".join(assertions)
    raw += shared(column("enroller")) + b"".join(of_kinds("enrolled", 0, 1, 2)) + shared(of_kinds("enrolled", 3, 4, 5))
    raw += b"".join(column("row")) + shared(column("batch"))
    return len(leaves).to_bytes(2, "big") + len(raw).to_bytes(4, "big") + raw


def reference() -> dict[str, Any]:
    mixed = [leaf(0, 20, 65), leaf(1, 84, 64), leaf(2, 20, 65), leaf(3, 84, 480)]
    mixed += [leaf(4, 20, 65, 32), leaf(5, 84, 64, 32), leaf(6, 84, 480, 32)]
    alike = [leaf(number, 20, 65, 32, alike=True) for number in (7, 8, 9)]
    joined = group(mixed) + group(alike)
    count = len(mixed) + len(alike)
    return {
        "groups": [
            {"leaves": [_plain(one) for one in leaves], "group": _hex(group(leaves))} for leaves in (mixed, alike)
        ],
        "section": {"count": count, "hash": "0x" + hashlib.sha256(joined).hexdigest(), "size": len(joined)},
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _hex(value) if isinstance(value, bytes) else value for name, value in values.items()}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


if __name__ == "__main__":
    FILE.write_text(json.dumps(reference(), indent=1) + "\n")

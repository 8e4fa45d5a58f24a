"""tests/vectors/enclave.json: what docs/reference/formats.md says of bindings and measurements,
written a second time from the document, without the package. Run this file to write the vectors
anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "vectors" / "enclave.json"
REGISTERS = {
    "sgx": (32, 1),
    "tdx": (48, 5),
    "nitro": (48, 3),
    "snp": (48, 1),
    "azure-snp": (48, 1),
    "azure-tdx": (48, 5),
    "tpm": (32, 1),
}
"""Size and number of the registers that a measurement is made of."""
PCRS = {"azure-snp": (4, 8, 9, 11, 12, 13), "azure-tdx": (4, 7, 8, 9, 11, 12, 13, 14)}
"""Those that go into it too."""


def some(label: str, size: int = 32) -> bytes:
    return hashlib.shake_256(label.encode()).digest(size)


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def binding(number: int, chain: int) -> dict[str, Any]:
    job, key, nonce = (some(f"{name} {number}") for name in ("job", "key", "nonce"))
    content = b"placet.enclave.binding/1" + chain.to_bytes(32, "big") + job + key + nonce
    digest = hashlib.new("sha512_256", content).digest()
    shown = {"chain": str(chain), "issued": 1_800_000_000, "job": hexed(job), "key": hexed(key), "nonce": hexed(nonce)}
    return {"binding": shown, "digest": hexed(digest), "reportData": hexed(digest + bytes(32))}


def measurement(kind: str) -> dict[str, Any]:
    size, count = REGISTERS[kind]
    registers = [some(f"{kind} {number}", size) for number in range(count)]
    joined = b"".join(registers)
    made = hashlib.sha384(joined).digest() if count > 1 else joined
    pcrs = {place: some(f"{kind} PCR {place}") for place in PCRS.get(kind, ())}
    if pcrs:
        bitmap = sum(2**place for place in pcrs).to_bytes(3, "little")
        made = hashlib.sha384(made + bitmap + b"".join(pcrs.values())).digest()
    name = hashlib.sha256(b"placet.enclave.measurement/1" + kind.encode() + b"\x00" + made).digest()
    found: dict[str, Any] = {"kind": kind, "registers": [hexed(one) for one in registers]}
    found |= {"measurement": hexed(made), "id": hexed(name)}
    if pcrs:
        found["pcrs"] = {str(place): hexed(value) for place, value in pcrs.items()}
    if kind == "tpm":
        pcr = hashlib.sha256(bytes(32) + made).digest()
        found["pcrDigest"] = hexed(hashlib.sha256(pcr).digest())
    return found


def reference() -> dict[str, Any]:
    return {
        "bindings": [binding(0, 1), binding(1, 31337), binding(2, 2**63)],
        "measurements": [measurement(kind) for kind in REGISTERS],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(reference(), indent=1) + "\n")

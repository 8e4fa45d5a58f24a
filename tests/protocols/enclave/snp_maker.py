"""An AMD of our own: SEV-SNP reports under roots that only tests know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from placet.core.enclave_policy import Product
from placet.protocols.enclave.evidence.model import SnpStatement

from .making import DAY, NOW, Issuer, integer, tlv, with_serial_zero

AMD = "1.3.6.1.4.1.3704.1"
CSP = "CN=cc-test-1.example.com"
NAMES: dict[Product, str] = {"milan": "Milan-B0", "genoa": "Genoa-B1", "turin": "Turin"}
TCBS: dict[Product, bytes] = {
    "milan": bytes([3, 0, 0, 0, 0, 0, 8, 200]),
    "genoa": bytes([9, 0, 0, 0, 0, 0, 21, 72]),
    "turin": bytes([1, 2, 3, 4, 0, 0, 0, 80]),
}


@cache
def _rsa(_: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Report:
    """A report's fields; `certified` is the TCB that the VCEK is made for."""

    product: Product = "milan"
    version: int = 2
    policy: int = 0x30000
    vmpl: int = 0
    flags: int = 0
    report_data: bytes = bytes(64)
    measurement: bytes = b"\x01" * 48
    tcb: bytes = b""
    certified: bytes = b""
    chip: bytes = b""
    hwid: bytes = b""
    name: str = ""
    end: int = NOW + 300 * DAY
    without: tuple[str, ...] = field(default=())
    """Extensions that the certificate lacks."""
    vlek: bool = False
    """Signed by the provider's key; SIGNING_KEY is set in `flags` too."""


class Amd:
    def __init__(self, product: Product = "milan") -> None:
        self.product: Product = product
        self.ark = Issuer.root(f"Test ARK-{product}", _rsa("ark"), hashes.SHA384())
        self.ask = self.ark.issue(f"Test SEV-{product}", _rsa("ask"), ca=True, path=0)
        self.asvk = self.ark.issue(f"Test SEV-VLEK-{product}", _rsa("asvk"), ca=True, path=0)
        self.chip_key = ec.generate_private_key(ec.SECP384R1())

    def vek(self, what: Report) -> Issuer:
        tcb = what.certified or what.tcb or TCBS[what.product]
        fmc, boot, tee, snp, microcode = (
            (tcb[0], tcb[1], tcb[2], tcb[3], tcb[7]) if what.product == "turin" else (0, tcb[0], tcb[1], tcb[6], tcb[7])
        )
        parts = {".3.1": boot, ".3.2": tee, ".3.3": snp, ".3.8": microcode}
        if what.product == "turin":
            parts[".3.9"] = fmc
        extensions = {AMD + suffix: integer(part) for suffix, part in parts.items()}
        extensions[f"{AMD}.2"] = tlv(0x16, (what.name or NAMES[what.product]).encode())
        if what.vlek:
            extensions[f"{AMD}.5"] = tlv(0x16, CSP.encode())
        else:
            extensions[f"{AMD}.4"] = what.hwid or bytes(range(8 if what.product == "turin" else 64))
        for suffix in what.without:
            del extensions[AMD + suffix]
        issuer, subject = (self.asvk, "SEV-VLEK") if what.vlek else (self.ask, "SEV-VCEK")
        return issuer.issue(subject, self.chip_key, end=what.end, extensions=extensions, serial=1)

    def statement(self, what: Report) -> SnpStatement:
        vek = self.vek(what)
        content = report(what)
        signature = vek.raw_signature(content, "little", 72)
        issuer = self.asvk if what.vlek else self.ask
        return SnpStatement(
            kind="snp",
            report=content + signature + bytes(368),
            vek=with_serial_zero(vek.certificate, issuer),
            issuer=issuer.der,
        )


def report(what: Report) -> bytes:
    """The signed part, 672 bytes."""

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    flags = what.flags | (1 << 2 if what.vlek else 0)
    tcb = what.tcb or TCBS[what.product]
    chip = what.chip or bytes(range(8 if what.product == "turin" else 64)).ljust(64, b"\x00")
    made = number(what.version, 4) + number(0, 4) + number(what.policy, 8) + bytes(32) + number(what.vmpl, 4)
    made += number(1, 4) + tcb + number(1, 8) + number(flags, 4) + number(0, 4)
    made += what.report_data + what.measurement + bytes(32 + 48 + 48 + 32) + b"\xff" * 32 + tcb + bytes(24) + chip
    made += tcb + bytes(8) + tcb
    return made.ljust(672, b"\x00")

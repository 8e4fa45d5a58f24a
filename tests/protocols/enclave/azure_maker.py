"""Confidential machines of an Azure of our own: HCL reports over hardware of ours, and a TPM whose key they name."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from placet.protocols.enclave.evidence.model import AzureSnpStatement, AzureTdxStatement, VtpmQuote

from . import intel_maker, snp_maker, tpm_maker

PCRS = tuple(bytes([number]) * 32 for number in range(24))
SELECTION = b"\x03\xff\xff\xff"
CONFIGURATION: dict[str, Any] = {
    "console-enabled": False,
    "secure-boot": True,
    "tpm-enabled": True,
    "vmUniqueId": "390CBCF5-6C67-4D9B-98EF-C3F1699CC8FC",
}


@dataclass(frozen=True)
class Machine:
    """`configuration` adds to what the operator chose, `hardware` are fields of the report's or quote's maker."""

    extra_data: bytes = b""
    pcrs: tuple[bytes, ...] = PCRS
    configuration: dict[str, Any] = field(default_factory=dict)
    keys: tuple[dict[str, Any], ...] | None = None
    runtime: bytes = b""
    report_data: bytes = b""
    hardware: dict[str, Any] = field(default_factory=dict)
    selection: bytes = SELECTION
    request: int = 1


class Azure:
    def __init__(self) -> None:
        self.tpm = tpm_maker.Tpm(rsa.generate_private_key(65537, 2048))

    def runtime(self, what: Machine) -> bytes:
        if what.runtime:
            return what.runtime
        keys = [jwk(self.tpm)] if what.keys is None else list(what.keys)
        return json.dumps({"keys": keys, "vm-configuration": CONFIGURATION | what.configuration}).encode()

    def hcl(self, what: Machine, report: bytes, kind: int) -> bytes:
        """An HCL report as the NV index holds it, 2,600 bytes."""

        def words(*numbers: int) -> bytes:
            return b"".join(number.to_bytes(4, "little") for number in numbers)

        runtime, wishes = self.runtime(what), bytes(4) if what.request == 2 else b""
        size = 20 + len(wishes) + len(runtime)
        head = b"HCLA" + words(2, 32 + 1184 + size, 2, 0, 0, 0, 0)
        made = head + report.ljust(1184, b"\x00") + words(size, what.request, kind, 1, len(runtime)) + wishes + runtime
        return made.ljust(2600, b"\x00")

    def report_data(self, what: Machine) -> bytes:
        return what.report_data or sha256(self.runtime(what)).digest() + bytes(32)

    def quote(self, what: Machine) -> VtpmQuote:
        quote = tpm_maker.Quote(extra_data=what.extra_data, selection=what.selection, pcrs=b"".join(what.pcrs))
        attest = quote.attest()
        return VtpmQuote(attest=attest, signature=self.tpm.signature(attest), pcrs=what.pcrs)

    def on_snp(self, amd: snp_maker.Amd, what: Machine) -> AzureSnpStatement:
        report = snp_maker.Report(**({"report_data": self.report_data(what)} | what.hardware))
        inner = amd.statement(report)
        return AzureSnpStatement(
            kind="azure-snp",
            hcl=self.hcl(what, inner.report, 2),
            vek=inner.vek,
            issuer=inner.issuer,
            vtpm=self.quote(what),
        )

    def on_tdx(self, intel: intel_maker.Intel, what: Machine, mrtd: bytes) -> AzureTdxStatement:
        fields = {"kind": "tdx", "measurement": mrtd, "report_data": self.report_data(what)} | what.hardware
        inner = intel.statement(intel_maker.Quote(**fields))
        return AzureTdxStatement(
            kind="azure-tdx",
            hcl=self.hcl(what, b"", 4),
            quote=inner.quote,
            collateral=inner.collateral,
            vtpm=self.quote(what),
        )


def jwk(tpm: tpm_maker.Tpm, kid: str = "HCLAkPub", uses: tuple[str, ...] = ("sign",)) -> dict[str, Any]:
    """The key as runtime data name it."""
    assert isinstance(tpm.key, rsa.RSAPrivateKey)
    number = tpm.key.public_key().public_numbers().n
    text = urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
    return {"kid": kid, "key_ops": list(uses), "kty": "RSA", "e": "AQAB", "n": text}

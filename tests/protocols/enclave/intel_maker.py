"""An Intel of our own: SGX and TDX quotes with their collateral, under a root that only tests know."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.protocols.enclave.evidence.model import IntelCollateral, IntelStatement

from .making import DAY, NOW, Issuer, at, crl, integer, oid, tlv

SGX_OID = "1.2.840.113741.1.13.1"
FMSPC = bytes.fromhex("00a067110000")
QE_SIGNER = hashlib.sha256(b"the quoting enclave's signer").digest()
VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Quote:
    """What a quote says, and what its collateral says of the platform."""

    kind: str = "sgx"
    version: int = 0
    report_data: bytes = bytes(64)
    measurement: bytes = b"\x01" * 32
    """MRENCLAVE, or MRTD; RTMR n is 48 bytes of n + 1."""
    signer: bytes = b"\x02" * 32
    debug: bool = False
    cpu_svn: int = 5
    status: str = "UpToDate"
    advisories: tuple[str, ...] = ()
    begin: int = NOW - DAY
    end: int = NOW + 20 * DAY
    crl_end: int = NOW + 25 * DAY
    revoked: bool = False
    service_td: bytes = bytes(48)


class Intel:
    def __init__(self) -> None:
        algorithm = hashes.SHA256()
        self.root = Issuer.root("Test SGX Root CA", p256(), algorithm)
        self.ca = self.root.issue("Test PCK Platform CA", p256(), ca=True, path=0)
        self.signing = self.root.issue("Test TCB Signing", p256())
        self.pck = self.ca.issue("Test PCK", p256(), extensions={SGX_OID: _sgx_extension()})
        self.attestation_key = p256()

    def statement(self, what: Quote) -> IntelStatement:
        return IntelStatement.model_validate(
            {"kind": what.kind, "quote": self.quote(what), "collateral": self.collateral(what)}
        )

    def quote(self, what: Quote) -> bytes:
        tdx = what.kind == "tdx"
        version = what.version or (4 if tdx else 3)
        header = version.to_bytes(2, "little") + (2).to_bytes(2, "little")
        header += (0x81 if tdx else 0).to_bytes(4, "little") + bytes(4) + VENDOR + bytes(20)
        body = _td_body(what) if tdx else _sgx_body(what)
        if version == 5:
            header += (3 if len(body) == 648 else 2).to_bytes(2, "little") + len(body).to_bytes(4, "little")
        numbers = self.attestation_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        signature = replace(self.signing, key=self.attestation_key).raw_signature(header + body, "big", 32)
        data = bytes(range(32))
        report = _enclave(
            attributes=b"\x11" + bytes(15),
            measurement=bytes(32),
            signer=QE_SIGNER,
            product=2 if tdx else 1,
            report_data=hashlib.sha256(numbers + data).digest() + bytes(32),
        )
        chain = (self.pck.pem + self.ca.pem + self.root.pem).encode() + b"\x00"
        inner = report + self.pck.raw_signature(report, "big", 32)
        inner += len(data).to_bytes(2, "little") + data + (5).to_bytes(2, "little")
        inner += len(chain).to_bytes(4, "little") + chain
        if version > 3:
            inner = (6).to_bytes(2, "little") + len(inner).to_bytes(4, "little") + inner
        signed = signature + numbers + inner
        return header + body + len(signed).to_bytes(4, "little") + signed

    def collateral(self, what: Quote) -> IntelCollateral:
        tcb, identity = json.dumps(_tcb_info(what)), json.dumps(_qe_identity(what))
        revoked: tuple[x509.Certificate, ...] = (self.pck.certificate,) if what.revoked else ()
        return IntelCollateral(
            pck_crl_issuer_chain=self.ca.pem + self.root.pem,
            root_ca_crl=crl(self.root, begin=what.begin, end=what.crl_end).hex(),
            pck_crl=crl(self.ca, begin=what.begin, end=what.crl_end, revoked=revoked).hex(),
            tcb_info_issuer_chain=self.signing.pem + self.root.pem,
            tcb_info=tcb,
            tcb_info_signature=self.signing.raw_signature(tcb.encode(), "big", 32).hex(),
            qe_identity_issuer_chain=self.signing.pem + self.root.pem,
            qe_identity=identity,
            qe_identity_signature=self.signing.raw_signature(identity.encode(), "big", 32).hex(),
        )


def _enclave(attributes: bytes, measurement: bytes, signer: bytes, product: int, report_data: bytes) -> bytes:
    head = bytes([5] * 16) + bytes(4) + bytes(28) + attributes + measurement + bytes(32) + signer + bytes(96)
    return head + product.to_bytes(2, "little") + (3).to_bytes(2, "little") + bytes(60) + report_data


def _sgx_body(what: Quote) -> bytes:
    attributes = (b"\x07" if what.debug else b"\x05") + bytes(15)
    return _enclave(attributes, what.measurement, what.signer, 0, what.report_data)


def _td_body(what: Quote) -> bytes:
    attributes = (b"\x01" if what.debug else b"\x00") + b"\x00\x00\x10" + bytes(4)
    rtmrs = b"".join(bytes([n + 1]) * 48 for n in range(4))
    head = bytes([5, 1] + [5] * 14) + bytes(48) + bytes(48) + bytes(8) + attributes + bytes(8)
    body = head + what.measurement.ljust(48, b"\x00") + bytes(3 * 48) + rtmrs + what.report_data
    return body + bytes(16) + what.service_td if what.version == 5 else body


def _window(what: Quote) -> dict[str, str]:
    return {
        name: at(time).isoformat().replace("+00:00", "Z")
        for name, time in (("issueDate", what.begin), ("nextUpdate", what.end))
    }


def _tcb_info(what: Quote) -> dict[str, object]:
    tdx = what.kind == "tdx"
    parts = [{"svn": what.cpu_svn}] * 16
    tcb = {"sgxtcbcomponents": parts, "pcesvn": 5} | ({"tdxtcbcomponents": [{"svn": 0}] * 16} if tdx else {})
    level = {"tcb": tcb, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": what.status}
    level["advisoryIDs"] = list(what.advisories)
    info: dict[str, object] = {
        "id": "TDX" if tdx else "SGX",
        "version": 3,
        **_window(what),
        "fmspc": FMSPC.hex(),
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": 17,
        "tcbLevels": [level],
    }
    if tdx:
        module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
        info |= {
            "tdxModule": module,
            "tdxModuleIdentities": [
                {
                    "id": "TDX_01",
                    **module,
                    "tcbLevels": [{"tcb": {"isvsvn": 5}, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": "UpToDate"}],
                }
            ],
        }
    return info


def _qe_identity(what: Quote) -> dict[str, object]:
    tdx = what.kind == "tdx"
    return {
        "id": "TD_QE" if tdx else "QE",
        "version": 2,
        **_window(what),
        "tcbEvaluationDataNumber": 17,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11" + "00" * 15,
        "attributesMask": "FB" + "FF" * 7 + "00" * 8,
        "mrsigner": QE_SIGNER.hex(),
        "isvprodid": 2 if tdx else 1,
        "tcbLevels": [{"tcb": {"isvsvn": 3}, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": "UpToDate"}],
    }


def _sgx_extension() -> bytes:
    def entry(suffix: str, value: bytes) -> bytes:
        return tlv(0x30, oid(f"{SGX_OID}.{suffix}"), value)

    tcb = [entry(f"2.{n}", integer(5)) for n in range(1, 17)]
    tcb += [entry("2.17", integer(5)), entry("2.18", tlv(0x04, bytes([5] * 16)))]
    return tlv(
        0x30,
        entry("1", tlv(0x04, bytes(16))),
        entry("2", tlv(0x30, *tcb)),
        entry("3", tlv(0x04, bytes(2))),
        entry("4", tlv(0x04, FMSPC)),
        entry("5", tlv(0x0A, b"\x00")),
    )

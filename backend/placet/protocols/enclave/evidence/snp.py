"""AMD SEV-SNP: an attestation report, signed by the chip's key (VCEK), under the product's ASK and ARK.

Structures: AMD 56860 (SEV-SNP firmware ABI), table "ATTESTATION_REPORT", versions 2, 3 and 5; AMD 57230 (VCEK
certificates and their extensions). What the report says of the chip and its firmware must be what the VCEK was made
for.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from placet.core.enclave_policy import Product, SnpRule, SnpTcb
from placet.protocols.enclave.evidence import certificates, p384
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import Claims, SnpStatement
from placet.protocols.enclave.evidence.reading import Reader
from placet.protocols.enclave.evidence.refusals import refusal
from placet.protocols.enclave.evidence.roots import VendorRoots, fingerprint

SIZE, SIGNED = 1184, 672
_VERSIONS = (2, 3, 5)
_ECDSA_P384_SHA384 = 1
_POLICY_ONE, _POLICY_MIGRATION, _POLICY_DEBUG = 1 << 17, 1 << 18, 1 << 19
_FLAG_MASKED, _SIGNER = 1 << 1, 0b11100
_OID = "1.3.6.1.4.1.3704.1"
_PARTS = {"boot_loader": ".3.1", "tee": ".3.2", "snp": ".3.3", "microcode": ".3.8", "fmc": ".3.9"}


@dataclass(frozen=True)
class SnpReport:
    """The fields of a report that are judged."""

    policy: int
    vmpl: int
    flags: int
    report_data: bytes
    measurement: bytes
    reported_tcb: bytes
    chip: bytes
    r: int
    s: int


@dataclass(frozen=True, kw_only=True)
class SnpClaims(Claims):
    tcb: SnpTcb
    vmpl: int

    def binds(self, binding: Binding) -> bool:
        return self.user_data == binding.report_data()


def read(data: bytes) -> SnpReport:
    reader = Reader(data, "little", "the report")
    if len(data) != SIZE:
        raise refusal("format", "a report of another size", expected=f"{SIZE} bytes", found=len(data))
    version = reader.number(4)
    if version not in _VERSIONS:
        raise refusal("format", "a report of an unknown version", expected=_VERSIONS, found=version)
    reader.take(4)  # guest_svn
    policy = reader.number(8)
    reader.take(16 + 16)  # family_id, image_id
    vmpl = reader.number(4)
    reader.must(reader.number(4), _ECDSA_P384_SHA384, "the signature's algorithm")
    reader.take(8 + 8)  # current_tcb, platform_info
    flags = reader.number(4)
    reader.must(reader.number(4), 0, "a reserved field")
    report_data, measurement = reader.take(64), reader.take(48)
    reader.take(32 + 48 + 48 + 32 + 32)  # host_data, id_key_digest, author_key_digest, report_id, report_id_ma
    reported_tcb = reader.take(8)
    reader.take(24)  # family, model and stepping from version 3 on
    chip = reader.take(64)
    reader.take(SIGNED - 0x1E0)  # committed and launch TCB, versions, mitigations
    r, s = (int.from_bytes(reader.take(72), "little") for _ in range(2))
    reader.must(any(reader.rest()), False, "the space after its signature")
    return SnpReport(policy, vmpl, flags, report_data, measurement, reported_tcb, chip, r, s)


def examine(statement: SnpStatement, now: int, roots: VendorRoots) -> SnpClaims:
    """What an authentic report says; refused if its chain does not hold at this time, or if debugging is allowed."""
    report = read(statement.report)
    vcek = certificates.load(statement.vcek, "the VCEK")
    ask = certificates.load(statement.ask, "the ASK")
    product, ark = _ark_of(ask, roots)
    expires = certificates.check_chain([vcek, ask, ark], ark, now)
    p384.check(vcek.public_key(), report.r, report.s, statement.report[:SIGNED], "the report")
    _check_chip(report, vcek, product)
    tcb = tcb_of(product, report.reported_tcb)
    certified = _certified_tcb(vcek, product)
    if certified != tcb:
        raise refusal("tcb", "the VCEK is for another TCB than the report's", expected=certified, found=tcb)
    _check_policy(report.policy)
    return SnpClaims(
        kind="snp",
        measurement=report.measurement,
        user_data=report.report_data,
        tcb_status=str(tcb),
        tcb=tcb,
        vmpl=report.vmpl,
        expires=expires,
        root=fingerprint(ark),
    )


def judge(claims: SnpClaims, rule: SnpRule) -> None:
    """Whether no part of the reported TCB is smaller than the product's minimum, and a privileged level asked."""
    smallest = next((one for one in rule.min_tcb if one.product == claims.tcb.product), None)
    if smallest is None or not smallest.holds(claims.tcb):
        raise refusal(
            "tcb",
            "the platform's TCB is too small, or of a product that is not accepted",
            expected=smallest or "a product with a minimum",
            found=claims.tcb,
        )
    if claims.vmpl > rule.max_vmpl:
        raise refusal(
            "platform", "a level asked that is not privileged", expected=f"VMPL {rule.max_vmpl}", found=claims.vmpl
        )


def tcb_of(product: Product, raw: bytes) -> SnpTcb:
    """TCB_VERSION's eight bytes; reserved ones must be zero. Turin has another order, and the fmc."""
    if product == "turin":
        fmc, boot_loader, tee, snp, *reserved, microcode = raw
    else:
        fmc = 0
        boot_loader, tee, *reserved, snp, microcode = raw
    if any(reserved):
        raise refusal("format", "reserved bytes of a TCB version are in use", expected="zeros", found=raw.hex())
    return SnpTcb(product=product, fmc=fmc, boot_loader=boot_loader, tee=tee, snp=snp, microcode=microcode)


def _ark_of(ask: x509.Certificate, roots: VendorRoots) -> tuple[Product, x509.Certificate]:
    for product, ark in roots.amd.items():
        if ark.subject == ask.issuer and ask != ark:
            return product, ark
    raise refusal("chain", "the ASK is under a root that is not pinned", expected=", ".join(roots.amd))


def _check_chip(report: SnpReport, vcek: x509.Certificate, product: Product) -> None:
    """The VCEK signed it, not the provider's VLEK, and it is this chip's. Turin's identity is eight bytes long."""
    if report.flags & (_SIGNER | _FLAG_MASKED):
        raise refusal("platform", "signed by another key than the chip's, or masked", expected="a VCEK, unmasked")
    size = 8 if product == "turin" else 64
    if report.chip[:size] != _value(vcek, ".4") or any(report.chip[size:]):
        raise refusal("chain", "the VCEK is another chip's", expected="the report's chip id")


def _certified_tcb(vcek: x509.Certificate, product: Product) -> SnpTcb:
    name = _value(vcek, ".2")
    if name[:1] != b"\x16" or name[2:].partition(b"-")[0].lower() != product.encode():
        raise refusal("chain", "the VCEK is for another product", expected=product, found=name[2:].decode("latin-1"))
    parts = {part: 0 if part == "fmc" and product != "turin" else _number(vcek, oid) for part, oid in _PARTS.items()}
    return SnpTcb(product=product, **parts)


def _check_policy(policy: int) -> None:
    if policy & _POLICY_DEBUG:
        raise refusal("debug", "the guest may be debugged", expected="debug off", found=f"policy {policy:#x}")
    if policy & _POLICY_MIGRATION:
        raise refusal("platform", "a migration agent may move the guest", expected="none", found=f"policy {policy:#x}")
    if not policy & _POLICY_ONE:
        raise refusal("format", "a reserved bit of the guest's policy is wrong", expected="1", found=f"{policy:#x}")


def _value(certificate: x509.Certificate, oid: str) -> bytes:
    try:
        value = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(_OID + oid)).value
    except x509.ExtensionNotFound:
        raise refusal("format", "an extension is missing in the VCEK", expected=_OID + oid) from None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""


def _number(certificate: x509.Certificate, oid: str) -> int:
    """A DER integer from 0 to 255."""
    der = _value(certificate, oid)
    number = int.from_bytes(der[2:], "big")
    if der != b"\x02\x01" + bytes([number & 0x7F]) and der != b"\x02\x02\x00" + bytes([number & 0xFF | 0x80]):
        raise refusal("format", "a version in the VCEK is malformed", expected="0 to 255", found=der.hex()[:20])
    return number

"""AMD SEV-SNP: an attestation report, signed by the chip's key (VCEK) under the product's ASK, or by a key that AMD
made for one cloud provider (VLEK) under its ASVK; both end in the product's ARK.

Structures: AMD 56860 (SEV-SNP firmware ABI), table "ATTESTATION_REPORT", versions 2, 3 and 5; AMD 57230 (VCEK
certificates and their extensions), AMD 58369 (VLEK certificates). What the report says of its firmware must be what
the key was made for; a VCEK is also for one chip, a VLEK for one provider (CSP_ID).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cryptography import x509

from placet.core.enclave_policy import Product, SnpTcb
from placet.protocols.enclave.evidence import certificates, hcl, p384
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import Claims, SnpStatement
from placet.protocols.enclave.evidence.reading import Reader, cut
from placet.protocols.enclave.evidence.refusals import refusal
from placet.protocols.enclave.evidence.roots import VendorRoots, fingerprint

SIZE, SIGNED = 1184, 672
_VERSIONS = (2, 3, 5)
_ECDSA_P384_SHA384 = 1
_POLICY_ONE, _POLICY_MIGRATION, _POLICY_DEBUG = 1 << 17, 1 << 18, 1 << 19
_FLAG_MASKED, _SIGNER = 1 << 1, 0b11100
_VLEK = 1 << 2
"""SIGNING_KEY among a report's flags; zero is a VCEK."""
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
    """`csp` is the CSP_ID of the VLEK that signed; None for a chip's own VCEK."""

    tcb: SnpTcb
    vmpl: int
    csp: str | None

    def binds(self, binding: Binding) -> bool:
        return self.user_data == binding.report_data()


def read(data: bytes) -> SnpReport:
    """An attestation report as the AMD SEV-SNP firmware ABI (document 56860) lays it out.

    AttestationError `attestation.format`, with a remedy, for other bytes or an unknown version; no signature is checked
    here."""
    reader = Reader(data, "little", "the report")
    if len(data) != SIZE:
        raise refusal(
            "format",
            "a report of another size",
            expected=f"{SIZE} bytes",
            found=f"{len(data)} bytes",
            remedy=_remedy(data),
        )
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


def _remedy(data: bytes) -> str | None:
    """What to do with more, or less, than a report: firmware's and drivers' answers have a header before it, extended
    ones have certificates after it."""
    if data.startswith(hcl.MAGIC):
        return "this is Azure's HCL report: send it as azure-snp, with its TPM's quote"
    if data[: 2 * SIZE].isalnum() and len(data) >= 2 * SIZE:
        return "this is a report as text: send its bytes"
    for begin in range(len(data) - SIZE + 1):
        if _begins(data[begin : begin + 0x38]):
            return cut(len(data), begin, begin + SIZE, "the report")
    return None


def _begins(data: bytes) -> bool:
    """Whether these 56 bytes may be a report's first: version, policy's reserved bit, VMPL, algorithm."""
    version, policy, vmpl, algorithm = (
        int.from_bytes(data[start:end], "little") for start, end in ((0, 4), (8, 16), (0x30, 0x34), (0x34, 0x38))
    )
    return version in _VERSIONS and policy & _POLICY_ONE > 0 and vmpl < 4 and algorithm == _ECDSA_P384_SHA384


def examine(statement: SnpStatement, now: int, roots: VendorRoots) -> SnpClaims:
    """What an authentic report says; refused if its chain does not hold at this time, or if debugging is allowed."""
    report = read(statement.report)
    signer = "VLEK" if report.flags & _SIGNER == _VLEK else "VCEK"
    vek = certificates.load(statement.vek, f"the {signer}")
    issuer = certificates.load(statement.issuer, f"the {signer}'s issuer")
    product, ark = _ark_of(issuer.read, roots)
    expires = certificates.check_chain([vek, issuer, certificates.Certificate.of(ark)], ark, now)
    p384.check(vek.read.public_key(), report.r, report.s, statement.report[:SIGNED], "the report")
    csp = _check_signer(report, vek.read, signer, product)
    tcb = tcb_of(product, report.reported_tcb)
    certified = _certified_tcb(vek.read, product)
    if certified != tcb:
        raise refusal("tcb", f"the {signer} is for another TCB than the report's", expected=certified, found=tcb)
    _check_policy(report.policy)
    return SnpClaims(
        kind="snp",
        measurement=report.measurement,
        user_data=report.report_data,
        tcb_status=str(tcb),
        tcb=tcb,
        vmpl=report.vmpl,
        csp=csp,
        expires=expires,
        root=fingerprint(ark),
    )


def judge(claims: SnpClaims, minima: Sequence[SnpTcb], *, max_vmpl: int = 0, csp_ids: Collection[str] = ()) -> None:
    """Whether no part of the reported TCB is smaller than its product's minimum, a privileged level asked, and a VLEK,
    if one signed, is of a provider that is named."""
    smallest = next((one for one in minima if one.product == claims.tcb.product), None)
    if smallest is None or not smallest.holds(claims.tcb):
        raise refusal(
            "tcb",
            "the platform's TCB is too small, or of a product that is not accepted",
            expected=smallest or "a product with a minimum",
            found=claims.tcb,
        )
    if claims.vmpl > max_vmpl:
        raise refusal(
            "platform", "a level asked that is not privileged", expected=f"VMPL {max_vmpl}", found=claims.vmpl
        )
    if claims.csp is not None and claims.csp not in csp_ids:
        raise refusal(
            "key",
            "signed by a cloud provider's VLEK that the plan does not name",
            expected=", ".join(csp_ids) or "a chip's own VCEK",
            found=claims.csp,
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


def _ark_of(issuer: x509.Certificate, roots: VendorRoots) -> tuple[Product, x509.Certificate]:
    for product, ark in roots.amd.items():
        if ark.subject == issuer.issuer and issuer != ark:
            return product, ark
    raise refusal("chain", "the issuer is under a root that is not pinned", expected=", ".join(roots.amd))


def _check_signer(report: SnpReport, vek: x509.Certificate, signer: str, product: Product) -> str | None:
    """The certificate is of the kind of key that signed: a VCEK of this chip (Turin's identity is eight bytes long), or
    a VLEK, whose CSP_ID is the answer. The report of a VLEK may leave the chip out."""
    if report.flags & _FLAG_MASKED or report.flags & _SIGNER not in (0, _VLEK):
        raise refusal("platform", "signed by no key, or masked", expected="a VCEK or VLEK, unmasked")
    named = [name.value for name in vek.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    if named != [f"SEV-{signer}"]:
        raise refusal("chain", "the certificate is of another kind of key", expected=f"SEV-{signer}", found=named)
    if signer == "VLEK":
        return _text(vek, ".5")
    size = 8 if product == "turin" else 64
    if report.chip[:size] != _value(vek, ".4") or any(report.chip[size:]):
        raise refusal("chain", "the VCEK is another chip's", expected="the report's chip id")
    return None


def _certified_tcb(vek: x509.Certificate, product: Product) -> SnpTcb:
    name = _text(vek, ".2")
    if name.partition("-")[0].lower() != product:
        raise refusal("chain", "the certificate is for another product", expected=product, found=name)
    parts = {part: 0 if part == "fmc" and product != "turin" else _number(vek, oid) for part, oid in _PARTS.items()}
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
        raise refusal("format", "an extension is missing in AMD's certificate", expected=_OID + oid) from None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""


def _text(certificate: x509.Certificate, oid: str) -> str:
    """A DER IA5String of printable characters, at most 127."""
    der = _value(certificate, oid)
    if len(der) < 3 or der[:2] != bytes([0x16, len(der) - 2]) or len(der) > 129 or not der[2:].isascii():
        raise refusal("format", "a name in AMD's certificate is malformed", expected="IA5String", found=der.hex()[:20])
    return der[2:].decode("ascii")


def _number(certificate: x509.Certificate, oid: str) -> int:
    """A DER integer from 0 to 255."""
    der = _value(certificate, oid)
    number = int.from_bytes(der[2:], "big")
    if der != b"\x02\x01" + bytes([number & 0x7F]) and der != b"\x02\x02\x00" + bytes([number & 0xFF | 0x80]):
        raise refusal(
            "format", "a version in AMD's certificate is malformed", expected="0 to 255", found=der.hex()[:20]
        )
    return number

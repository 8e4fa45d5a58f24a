"""AMD SEV-SNP: real reports of a Milan, by its VCEK and by AWS's VLEK, every byte changed; and reports of an AMD of our
own, of each product."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from placet.core.enclave_policy import EnclavePolicy, Product, SnpRule, SnpTcb
from placet.core.errors import AttestationError
from placet.core.values import from_hex
from placet.protocols.enclave.evidence import certificates, roots, snp
from placet.protocols.enclave.evidence.model import EnclaveEvidence, SnpStatement
from placet.protocols.enclave.evidence.roots import VendorRoots
from placet.protocols.enclave.evidence.verify import verify

from . import real
from .making import NOW, Issuer
from .platforms import BINDING, MINIMUM, evidence, makers, policy
from .snp_maker import AMD, CSP, Amd, Report, report

# AMD's certificates have the serial number zero, of which cryptography warns and which it will refuse.
pytestmark = pytest.mark.filterwarnings("error")
products = pytest.mark.parametrize("product", MINIMUM)


def refused(statement: SnpStatement, now: int = NOW, held: VendorRoots | None = None) -> str:
    """The reason for which it is refused."""
    with pytest.raises(AttestationError) as caught:
        snp.examine(statement, now, held or makers().roots)
    return caught.value.code.removeprefix("attestation.")


# The real report.


@real.needed
def test_the_real_report_is_authentic() -> None:
    statement = real.snp()
    claims = snp.examine(statement, real.SNP_TIME, roots.pinned())
    assert claims.measurement == statement.report[0x90:0xC0]
    assert claims.user_data == statement.report[0x50:0x90]
    assert claims.tcb == SnpTcb(product="milan", boot_loader=3, tee=0, snp=8, microcode=115)
    assert claims.tcb_status == "milan: fmc 0, boot loader 3, tee 0, snp 8, microcode 115"
    vcek = certificates.load(statement.vek, "the VCEK").read
    assert claims.expires == int(vcek.not_valid_after_utc.timestamp())
    assert claims.root == roots.fingerprint(roots.pinned().amd["milan"])


@real.needed
def test_the_real_report_passes_all_but_the_binding() -> None:
    statement = real.snp()
    smallest = SnpTcb(product="milan", boot_loader=3, tee=0, snp=8, microcode=115)
    rule = SnpRule(kind="snp", measurements=(statement.report[0x90:0xC0],), min_tcb=(smallest,))
    binding = BINDING.model_copy(update={"issued": real.SNP_TIME})
    with pytest.raises(AttestationError) as caught:
        verify(EnclaveEvidence(statement=statement), EnclavePolicy(max_age=60, rules=(rule,)), binding, real.SNP_TIME)
    assert caught.value.code == "attestation.binding"


REAL: dict[str, tuple[Callable[[], SnpStatement], int]] = {
    "vcek": (real.snp, real.SNP_TIME),
    "vlek": (real.snp_vlek, real.CLOUD_TIME),
}


@real.needed
@pytest.mark.parametrize("signer", REAL)
@pytest.mark.parametrize("part", ["report", "vek", "issuer"])
def test_every_byte_of_the_real_evidence_counts(part: str, signer: str) -> None:
    """Also the zeros after the signature, which nothing signs, and the certificates' outer algorithm. Of the VLEK's,
    whose layout is the same, every fifth."""
    sample, now = REAL[signer]
    statement = sample()
    for changed in real.flipped(getattr(statement, part), real.sampled(5 if signer == "vlek" else 1)):
        refused(statement.model_copy(update={part: changed}), now, roots.pinned())


@real.needed
def test_the_real_report_of_aws_is_authentic_where_the_policy_names_its_provider() -> None:
    statement = real.snp_vlek()
    claims = snp.examine(statement, real.CLOUD_TIME, roots.pinned())
    assert claims.csp == "CN=cc-us-east-2.amazonaws.com"
    assert claims.tcb == SnpTcb(product="milan", boot_loader=4, tee=0, snp=24, microcode=217)
    assert claims.measurement == statement.report[0x90:0xC0] and claims.vmpl == 1
    assert claims.root == roots.fingerprint(roots.pinned().amd["milan"])
    snp.judge(claims, (claims.tcb,), max_vmpl=1, csp_ids=("CN=cc-us-east-2.amazonaws.com",))
    for others in ((), ("CN=cc-eu-west-1.amazonaws.com",)):
        with pytest.raises(AttestationError) as caught:
            snp.judge(claims, (claims.tcb,), max_vmpl=1, csp_ids=others)
        assert caught.value.code == "attestation.key"


@real.needed
def test_a_vlek_is_not_sent_with_the_chips_issuer() -> None:
    mixed = real.snp_vlek().model_copy(update={"issuer": real.snp().issuer})
    assert refused(mixed, real.CLOUD_TIME, roots.pinned()) == "chain"
    other = real.snp().model_copy(update={"vek": real.snp_vlek().vek, "issuer": real.snp_vlek().issuer})
    assert refused(other, real.CLOUD_TIME, roots.pinned()) == "signature"


@real.needed
def test_the_real_chain_holds_for_the_years_of_its_certificates() -> None:
    statement = real.snp()
    vcek = certificates.load(statement.vek, "the VCEK").read
    end = int(vcek.not_valid_after_utc.timestamp())
    assert snp.examine(statement, end, roots.pinned()).kind == "snp"
    assert refused(statement, end + 1, roots.pinned()) == "expired"
    begin = int(vcek.not_valid_before_utc.timestamp())
    assert refused(statement, begin - 1, roots.pinned()) == "expired"


@real.needed
def test_the_real_report_does_not_hold_under_our_own_roots() -> None:
    assert refused(real.snp(), real.SNP_TIME) == "chain"


# Reports of an AMD of our own.


def own(product: Product = "milan", **what: Any) -> SnpStatement:
    return makers().amd[product].statement(Report(product=product, **what))


@products
def test_reports_of_each_product_and_version(product: Product) -> None:
    for version in (2, 3, 5):
        claims = snp.examine(own(product, version=version), NOW, makers().roots)
        assert claims.tcb == MINIMUM[product]
    for version in (0, 1, 4, 6):
        assert refused(own(product, version=version)) == "format"


@products
@pytest.mark.parametrize("part", ["fmc", "boot_loader", "tee", "snp", "microcode"])
def test_no_part_of_the_tcb_may_be_smaller_than_the_smallest(product: Product, part: str) -> None:
    name = f"snp-{product}"
    if part == "fmc" and product != "turin":
        return
    more = MINIMUM[product].model_copy(update={part: getattr(MINIMUM[product], part) + 1})
    with pytest.raises(AttestationError) as caught:
        verify(evidence(name), policy(name, min_tcb=(more,)), BINDING, NOW, roots=makers().roots)
    assert caught.value.code == "attestation.tcb"
    assert verify(evidence(name), policy(name), BINDING, NOW, roots=makers().roots).tcb_status == str(MINIMUM[product])


def test_a_product_without_a_minimum_is_refused() -> None:
    asks = policy("snp-milan", min_tcb=(MINIMUM["genoa"],))
    with pytest.raises(AttestationError) as caught:
        verify(evidence("snp-milan"), asks, BINDING, NOW, roots=makers().roots)
    assert caught.value.code == "attestation.tcb"


@products
def test_the_vcek_is_for_this_chip_and_this_tcb(product: Product) -> None:
    wide = 8 if product == "turin" else 64
    assert refused(own(product, hwid=bytes(wide))) == "chain"
    assert refused(own(product, chip=bytes(64))) == "chain"
    other = bytes([2]) + bytes(7)
    assert refused(own(product, certified=other)) == "tcb"
    assert refused(own(product, tcb=other, certified=bytes(8))) == "tcb"


def test_turins_chip_id_is_eight_bytes_and_nothing_after() -> None:
    assert refused(own("turin", chip=bytes(range(8)) + bytes(55) + b"\x01")) == "chain"
    assert refused(own("milan", hwid=bytes(range(8)))) == "chain"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"policy": 0x30000 | 1 << 19}, "debug"),
        ({"policy": 0x30000 | 1 << 18}, "platform"),
        ({"policy": 0x10000}, "format"),
        ({"flags": 1 << 1}, "platform"),
        ({"flags": 1 << 2}, "chain"),
        ({"flags": 2 << 2}, "platform"),
        ({"flags": 7 << 2}, "platform"),
        ({"vlek": True, "flags": 1 << 1}, "platform"),
        ({"vlek": True, "without": (".5",)}, "format"),
        ({"vlek": True, "name": "Genoa"}, "chain"),
        ({"vlek": True, "certified": bytes([2]) + bytes(7)}, "tcb"),
        ({"tcb": bytes([3, 0, 1, 0, 0, 0, 8, 200])}, "format"),
        ({"name": "Genoa-B1"}, "chain"),
        ({"name": "Milano"}, "chain"),
        ({"end": NOW - 1}, "expired"),
        *(({"without": (suffix,)}, "format") for suffix in (".2", ".4", ".3.1", ".3.2", ".3.3", ".3.8")),
    ],
)
def test_what_a_report_is_refused_for(what: dict[str, Any], reason: str) -> None:
    assert refused(own(**what)) == reason


@products
def test_a_vlek_is_for_no_chip(product: Product) -> None:
    for chip in (b"", bytes(64), b"\x07" * 64):
        claims = snp.examine(own(product, vlek=True, chip=chip), NOW, makers().roots)
        assert (claims.csp, claims.tcb) == (CSP, MINIMUM[product])
    assert snp.examine(own(product), NOW, makers().roots).csp is None


def test_a_providers_key_signs_only_where_the_policy_names_the_provider() -> None:
    with pytest.raises(AttestationError) as caught:
        verify(evidence("snp-vlek"), policy("snp-milan"), BINDING, NOW, roots=makers().roots)
    assert caught.value.code == "attestation.key" and caught.value.found == CSP
    assert verify(evidence("snp-milan"), policy("snp-vlek"), BINDING, NOW, roots=makers().roots).kind == "snp"


def test_an_author_key_does_not_matter() -> None:
    assert snp.examine(own(flags=1), NOW, makers().roots).kind == "snp"


def test_only_a_privileged_level_may_ask() -> None:
    for vmpl in (0, 1, 2, 3, 0xFFFFFFFF):
        for most in (0, 2, 3):
            shown, asks = evidence("snp-milan", vmpl=vmpl), policy("snp-milan", max_vmpl=most)
            if vmpl <= most:
                assert verify(shown, asks, BINDING, NOW, roots=makers().roots).kind == "snp"
                continue
            with pytest.raises(AttestationError) as caught:
                verify(shown, asks, BINDING, NOW, roots=makers().roots)
            assert caught.value.code == "attestation.platform"


def test_another_chips_key_does_not_sign() -> None:
    statement, made = own(), makers().amd["milan"]
    stranger = made.ask.issue("SEV-VCEK", ec.generate_private_key(ec.SECP384R1()))
    content = report(Report())
    for signature in (stranger.raw_signature(content, "little", 72), bytes(144), b"\xff" * 144):
        forged = content + signature + bytes(368)
        assert refused(statement.model_copy(update={"report": forged})) == "signature"
    big_endian = content + made.vek(Report()).raw_signature(content, "big", 72) + bytes(368)
    assert refused(statement.model_copy(update={"report": big_endian})) == "signature"


def test_a_vcek_with_another_kind_of_key_is_refused() -> None:
    made = makers().amd["milan"]
    vcek = made.ask.issue("SEV-VCEK", ec.generate_private_key(ec.SECP256R1()))
    assert refused(own().model_copy(update={"vek": vcek.der})) == "signature"


def test_chains_that_do_not_hold() -> None:
    made, statement = makers().amd["milan"], own()
    assert refused(statement.model_copy(update={"issuer": makers().amd["genoa"].ask.der})) == "chain"
    assert refused(statement.model_copy(update={"issuer": statement.vek})) == "chain"
    assert refused(statement.model_copy(update={"vek": statement.issuer})) == "chain"
    assert refused(statement.model_copy(update={"vek": statement.vek + b"\x00"})) == "format"
    assert refused(statement.model_copy(update={"issuer": b""})) == "format"
    # The ARK as ASK: it would have signed the VCEK itself.
    direct = made.ark.issue("SEV-VCEK", made.chip_key)
    assert refused(statement.model_copy(update={"vek": direct.der, "issuer": made.ark.der})) == "chain"
    # The same names, another root.
    stranger = Amd("milan")
    stranger.ark = Issuer.root("Test ARK-milan", rsa.generate_private_key(65537, 2048), hashes.SHA384())
    stranger.ask = stranger.ark.issue("Test SEV-milan", stranger.ask.key, ca=True, path=0)
    assert refused(stranger.statement(Report())) == "chain"


@pytest.mark.parametrize("size", [0, 3, 671, 672, 1183])
def test_a_report_has_one_size(size: int) -> None:
    statement = own()
    assert refused(statement.model_copy(update={"report": statement.report[:size]})) == "format"


@pytest.mark.parametrize("vlek", [False, True])
@pytest.mark.parametrize(("before", "after"), [(0, 1), (0, 2816), (1, 0), (32, 0), (32, 2784), (0x20, 232), (5, 7)])
def test_a_report_of_another_size_says_what_to_cut(before: int, after: int, vlek: bool) -> None:
    """A driver's answer has a header of 32 bytes before it, an extended one certificates after it."""
    statement = own(vlek=vlek)
    longer = bytes(range(before)) + statement.report + bytes(after)
    with pytest.raises(AttestationError) as caught:
        snp.examine(statement.model_copy(update={"report": longer}), NOW, makers().roots)
    remedy = caught.value.remedy or ""
    assert caught.value.code == "attestation.format"
    assert (f"the first {before:,} bytes" in remedy) == (before > 0)
    assert (f"the last {after:,} bytes" in remedy) == (after > 0)
    words = re.search(r"is bytes ([\d,]+) to ([\d,]+) of these", remedy)
    assert words is not None
    first, last = (int(word.replace(",", "")) for word in words.groups())
    assert longer[first : last + 1] == statement.report


def test_a_report_in_another_dress_says_what_it_is() -> None:
    statement = own()
    for other, words in (
        (statement.report.hex().encode(), "send its bytes"),
        (evidence("azure-snp").to_json()["statement"]["hcl"], "azure-snp"),
    ):
        data = from_hex(other) if isinstance(other, str) else other
        with pytest.raises(AttestationError) as caught:
            snp.examine(statement.model_copy(update={"report": data}), NOW, makers().roots)
        assert words in (caught.value.remedy or "")


@products
def test_an_extension_that_is_no_small_number_is_refused(product: Product) -> None:
    made = makers().amd[product]
    vcek = made.vek(Report(product=product))
    good = {
        extension.oid.dotted_string: extension.value.value
        for extension in vcek.certificate.extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
    }
    for spoiled in (b"", b"\x02\x01", b"\x02\x01\x80", b"\x02\x02\x00\x03", b"\x02\x02\x01\x00", b"\x04\x01\x03"):
        other = made.ask.issue("SEV-VCEK", made.chip_key, extensions=good | {f"{AMD}.3.1": spoiled})
        assert refused(own(product).model_copy(update={"vek": other.der})) == "format"

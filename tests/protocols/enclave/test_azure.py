"""Azure's confidential machines: real ones of Milan, Genoa and TDX, their bytes changed; and machines of our own, each
of whose links is broken in turn."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from placet.core.enclave_policy import AzureSnpRule, AzureTdxRule, EnclavePolicy, Product, SnpTcb
from placet.core.errors import AttestationError
from placet.protocols.enclave.evidence import azure, hcl, quote, roots, tpm
from placet.protocols.enclave.evidence.model import AzureSnpStatement, AzureTdxStatement, Claims, EnclaveEvidence
from placet.protocols.enclave.evidence.verify import verify

from . import real, tpm_maker
from .azure_maker import CONFIGURATION, PCRS, jwk
from .making import NOW
from .platforms import AZURE, BINDING, MINIMUM, evidence, makers, policy, rule

pytestmark = pytest.mark.filterwarnings("error")
pytest.importorskip("dcap_qvl", reason="no dcap_qvl here: pip install 'placet[tee]'")
both = pytest.mark.parametrize("name", ["azure-snp", "azure-tdx"])
products = pytest.mark.parametrize("product", ["milan", "genoa"])
TCBS = {
    "milan": SnpTcb(product="milan", boot_loader=4, tee=0, snp=24, microcode=219),
    "genoa": SnpTcb(product="genoa", boot_loader=10, tee=0, snp=23, microcode=84),
}


def reason(name: str, shown: EnclaveEvidence | None = None, **asked: Any) -> str:
    """The reason for which evidence is refused."""
    with pytest.raises(AttestationError) as caught:
        verify(shown or evidence(name), policy(name, **asked), BINDING, NOW, roots=makers().roots)
    return caught.value.code.removeprefix("attestation.")


# Real machines.


def real_rule(product: Product, **changed: Any) -> AzureSnpRule:
    fields: dict[str, Any] = {"kind": "azure-snp", "measurements": (bytes(48),), "min_tcb": (TCBS[product],)}
    return AzureSnpRule(**(fields | {"console": True} | changed))


@real.needed
@products
def test_a_real_machine_on_snp_is_authentic(product: Product) -> None:
    statement = real.azure_snp(product)
    claims = azure.examine_snp(statement, real_rule(product), real.CLOUD_TIME, roots.pinned())
    selected = b"".join(statement.vtpm.pcrs[place] for place in (4, 8, 9, 11, 12, 13))
    launch = statement.hcl[0x20 + 0x90 : 0x20 + 0xC0]
    assert claims.measurement == hashlib.sha384(launch + b"\x10\x3b\x00" + selected).digest()
    assert claims.tcb_status == str(TCBS[product])
    assert claims.root == roots.fingerprint(roots.pinned().amd[product])
    assert claims.configuration.secure_boot and claims.configuration.console
    assert len(claims.user_data) == 48 and claims.user_data in statement.vtpm.attest


@real.needed
@products
def test_a_real_machine_passes_all_but_the_binding(product: Product) -> None:
    statement = real.azure_snp(product)
    measured = azure.examine_snp(statement, real_rule(product), real.CLOUD_TIME, roots.pinned()).measurement
    binding = BINDING.model_copy(update={"issued": real.CLOUD_TIME})
    for asked, code in (
        ({}, "binding"),
        ({"console": False}, "platform"),
        ({"pcrs": (4, 7, 8, 9, 11, 12, 13)}, "measurement"),
        ({"min_tcb": (TCBS[product].model_copy(update={"snp": 30}),)}, "tcb"),
    ):
        asks = EnclavePolicy(max_age=60, rules=(real_rule(product, measurements=(measured,), **asked),))
        with pytest.raises(AttestationError) as caught:
            verify(EnclaveEvidence(statement=statement), asks, binding, real.CLOUD_TIME)
        assert caught.value.code == f"attestation.{code}"


@real.needed
@pytest.mark.parametrize(("part", "step"), [("hcl", 3), ("vek", 3), ("attest", 1), ("signature", 1), ("pcrs", 13)])
def test_the_bytes_of_a_real_machines_evidence_count(part: str, step: int) -> None:
    statement = real.azure_snp("genoa")
    whole = b"".join(statement.vtpm.pcrs) if part == "pcrs" else getattr(statement, part, None)
    for changed in real.flipped(whole or getattr(statement.vtpm, part), real.sampled(step)):
        if part in ("hcl", "vek"):
            other = statement.model_copy(update={part: changed})
        else:
            value = tuple(changed[at : at + 32] for at in range(0, 768, 32)) if part == "pcrs" else changed
            other = statement.model_copy(update={"vtpm": statement.vtpm.model_copy(update={part: value})})
        with pytest.raises(AttestationError):
            azure.examine_snp(other, real_rule("genoa"), real.CLOUD_TIME, roots.pinned())


@real.needed
def test_the_real_machine_on_tdx_holds_together_up_to_its_collateral() -> None:
    """No collateral is beside the sample, so Intel's part is left to quotes that have some."""
    report, td_quote, vtpm = real.azure_tdx()
    read = quote.read(td_quote)
    runtime = hcl.read(report, "azure-tdx").claims(read.report_data)
    asked = AzureTdxRule(kind="azure-tdx", measurements=(bytes(48),))
    hardware = Claims(kind="tdx", measurement=read.measurement, user_data=read.report_data, tcb_status="", root=b"")
    claims = azure.vouch(hardware, runtime, vtpm, asked)
    assert claims.user_data == b"challenge" and not read.debug
    assert claims.configuration.secure_boot and claims.configuration.console
    selected = b"".join(vtpm.pcrs[place] for place in (4, 8, 9, 11, 12, 13))
    assert claims.measurement == hashlib.sha384(read.measurement + b"\x10\x3b\x00" + selected).digest()


@real.needed
def test_a_real_key_vouches_for_its_own_machine_alone() -> None:
    milan, genoa = real.azure_snp("milan"), real.azure_snp("genoa")
    mixed = milan.model_copy(update={"vtpm": genoa.vtpm})
    with pytest.raises(AttestationError) as caught:
        azure.examine_snp(mixed, real_rule("milan"), real.CLOUD_TIME, roots.pinned())
    assert caught.value.code == "attestation.signature"


# Machines of our own.


@both
@pytest.mark.parametrize("request_version", [1, 2])
def test_both_versions_of_the_request_are_read(name: str, request_version: int) -> None:
    shown = evidence(name, request=request_version)
    assert verify(shown, policy(name), BINDING, NOW, roots=makers().roots).measurement == AZURE[name]


@both
@pytest.mark.parametrize(
    ("chosen", "asked", "accepted"),
    [
        ({}, {}, True),
        ({"secure-boot": False}, {}, False),
        ({"secure-boot": False}, {"secure_boot": False}, True),
        ({"console-enabled": True}, {}, False),
        ({"console-enabled": True}, {"console": True}, True),
        ({"interactive-console-enabled": True}, {}, False),
        ({"interactive-console-enabled": True}, {"console": True}, True),
        ({"tpm-enabled": False}, {"console": True, "secure_boot": False}, False),
        ({"filtered-vpci-devices-allowed": True}, {"console": True, "secure_boot": False}, False),
        ({"tpm-persisted": True, "root-cert-thumbprint": "6nZZnYaJ", "current-time": 1}, {}, True),
    ],
)
def test_what_the_operator_chose_is_judged(
    name: str, chosen: dict[str, Any], asked: dict[str, Any], accepted: bool
) -> None:
    shown = evidence(name, configuration=chosen)
    if accepted:
        assert verify(shown, policy(name, **asked), BINDING, NOW, roots=makers().roots).kind == name
    else:
        assert reason(name, shown, **asked) == "platform"


@both
def test_each_pcr_that_is_named_counts_and_no_other(name: str) -> None:
    for place in range(24):
        pcrs = (*PCRS[:place], b"\xaa" * 32, *PCRS[place + 1 :])
        shown = evidence(name, pcrs=pcrs)
        if place in (4, 8, 9, 11, 12, 13):
            assert reason(name, shown) == "measurement"
        else:
            assert verify(shown, policy(name), BINDING, NOW, roots=makers().roots).kind == name


@both
def test_a_selection_is_part_of_the_measurement(name: str) -> None:
    more = (4, 7, 8, 9, 11, 12, 13)
    assert reason(name, pcrs=more) == "measurement"
    hardware = b"\x01" * 48
    assert azure.measurement(hardware, more, PCRS) != azure.measurement(hardware, (4, 8, 9, 11, 12, 13), PCRS)
    with pytest.raises(ValueError, match="reset"):
        azure.measurement(hardware, (4, 16), PCRS)


@both
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"extra_data": b""}, "binding"),
        ({"report_data": bytes(64)}, "signature"),
        ({"report_data": hashlib.sha256(b"other").digest() + bytes(32)}, "signature"),
        ({"selection": b"\x03\xff\xff\x7f"}, "format"),
        ({"selection": b"\x03\x10\x3b\x00"}, "format"),
        ({"keys": ()}, "format"),
        ({"configuration": {"debug-enabled": True}}, "format"),
        ({"configuration": {"secure-boot": "true"}}, "format"),
        ({"configuration": {"secure-boot": 1}}, "format"),
        ({"configuration": {"secure_boot": True}}, "format"),
        ({"runtime": b"{}"}, "format"),
        ({"runtime": b"[" * 2000}, "format"),
        ({"runtime": b"\xff\xfe"}, "format"),
    ],
)
def test_what_a_machine_is_refused_for(name: str, what: dict[str, Any], expected: str) -> None:
    assert reason(name, evidence(name, **what)) == expected


def _stranger() -> tpm_maker.Tpm:
    return tpm_maker.Tpm(rsa.generate_private_key(65537, 2048))


@both
def test_the_runtime_data_name_one_key_that_signs(name: str) -> None:
    own, stranger = makers().azure.tpm, _stranger()
    good = (jwk(own), jwk(stranger, "HCLEkPub", ("encrypt",)))
    assert verify(evidence(name, keys=good), policy(name), BINDING, NOW, roots=makers().roots).kind == name
    for keys, expected in (
        ((jwk(stranger),), "signature"),
        ((jwk(own, "HCLEkPub"),), "format"),
        ((jwk(own, uses=("encrypt",)),), "format"),
        ((jwk(own), jwk(stranger)), "format"),
        ((jwk(own) | {"kty": "EC"},), "format"),
        ((jwk(own) | {"e": "Aw"},), "format"),
        ((jwk(own) | {"n": "A" * 342},), "format"),
        ((jwk(own) | {"n": "AA" + "_" * 340},), "format"),
    ):
        assert reason(name, evidence(name, keys=keys)) == expected


@both
def test_the_pcrs_are_the_quoted_ones(name: str) -> None:
    shown = evidence(name)
    machine = shown.statement
    assert isinstance(machine, AzureSnpStatement | AzureTdxStatement)
    vtpm = machine.vtpm.model_copy(update={"pcrs": (b"\xaa" * 32, *PCRS[1:])})
    forged = shown.model_copy(update={"statement": machine.model_copy(update={"vtpm": vtpm})})
    assert reason(name, forged) == "measurement"


@both
def test_the_layout_of_an_hcl_report_is_read_strictly(name: str) -> None:
    """Also what hardware does not sign: head, sizes, the zeros at the end; a TD report is signed by nobody."""
    shown = evidence(name)
    machine = shown.statement
    assert isinstance(machine, AzureSnpStatement | AzureTdxStatement)
    free = range(0x20, 0x20 + 1184) if name == "azure-tdx" else range(0)
    for place, changed in enumerate(real.flipped(machine.hcl)):
        if place not in free:
            with pytest.raises(AttestationError):
                hcl.read(changed, machine.kind).claims(_report_data(machine, changed))


def _report_data(machine: AzureSnpStatement | AzureTdxStatement, changed: bytes) -> bytes:
    if isinstance(machine, AzureTdxStatement):
        return quote.read(machine.quote).report_data
    if changed[0x20 : 0x20 + 1184] != machine.hcl[0x20 : 0x20 + 1184]:
        raise AttestationError("its signature does not hold", code="attestation.signature")
    return machine.hcl[0x70:0xB0]


@both
@pytest.mark.parametrize("before", [1, 2, 14])
def test_bytes_before_a_report_are_told(name: str, before: int) -> None:
    """An NV index read by a command's answer has a head."""
    kind: Any = name
    machine = evidence(name).statement
    assert isinstance(machine, AzureSnpStatement | AzureTdxStatement)
    with pytest.raises(AttestationError) as caught:
        hcl.read(bytes(before) + machine.hcl, kind)
    assert f"cut the first {before:,} bytes: the HCL report" in (caught.value.remedy or "")
    with pytest.raises(AttestationError) as caught:
        tpm.read(bytes(before) + machine.vtpm.attest, range(24))
    assert f"cut the first {before:,} bytes: the TPMS_ATTEST" in (caught.value.remedy or "")


def test_one_kinds_report_is_not_the_others() -> None:
    snp, tdx = evidence("azure-snp").statement, evidence("azure-tdx").statement
    assert isinstance(snp, AzureSnpStatement) and isinstance(tdx, AzureTdxStatement)
    for data, kind in ((snp.hcl, "azure-tdx"), (tdx.hcl, "azure-snp")):
        with pytest.raises(AttestationError) as caught:
            hcl.read(data, kind)  # type: ignore[arg-type]
        assert caught.value.code == "attestation.format"


def test_the_hardware_below_is_judged_as_by_itself() -> None:
    more = MINIMUM["milan"].model_copy(update={"snp": 9})
    assert reason("azure-snp", min_tcb=(more,)) == "tcb"
    assert reason("azure-snp", evidence("azure-snp", hardware={"vmpl": 1})) == "platform"
    assert reason("azure-snp", evidence("azure-snp", hardware={"vlek": True})) == "key"
    assert reason("azure-tdx", evidence("azure-tdx", hardware={"status": "OutOfDate"})) == "tcb"
    assert reason("azure-tdx", evidence("azure-tdx", hardware={"cpu_svn": 6})) == "tcb"
    weaker = policy("azure-tdx", min_status="OutOfDate")
    shown = evidence("azure-tdx", hardware={"status": "OutOfDate"})
    assert verify(shown, weaker, BINDING, NOW, roots=makers().roots).tcb_status == "OutOfDate"


def test_the_configuration_of_our_machines_is_the_strict_one() -> None:
    """So that each test above changes one thing."""
    assert CONFIGURATION["secure-boot"] and not CONFIGURATION["console-enabled"]
    for name in AZURE:
        made = rule(name)
        assert made.secure_boot and not made.console  # type: ignore[union-attr]

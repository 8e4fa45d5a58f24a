"""The door, for every format: what each evidence must bind, who must have made it, when, and for how long it holds.

All evidence here is of manufacturers of our own, since real evidence binds none of our keys.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from placet.core.enclave_policy import MAX_AGE, SIZE_OF, EnclavePolicy
from placet.core.errors import AttestationError, InputError
from placet.core.values import from_hex, parse, to_hex
from placet.protocols.enclave.evidence import azure, tpm
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence, Verified, measurement_id
from placet.protocols.enclave.evidence.refusals import REMEDIES
from placet.protocols.enclave.evidence.verify import SKEW, verify

from . import enclave_vectors
from .making import NOW
from .platforms import BINDING, HARDWARE, NAMES, evidence, kind_of, makers, policy, rule

for package in ("cbor2", "dcap_qvl"):
    pytest.importorskip(package, reason=f"no {package} here: pip install 'placet[tee]'")

every = pytest.mark.parametrize("name", NAMES)
hardware = pytest.mark.parametrize("name", HARDWARE)


def check(
    name: str, now: int = NOW, *, binding: Binding = BINDING, asks: EnclavePolicy | None = None, **made: Any
) -> Verified:
    shown = evidence(name, **made)
    return verify(shown, asks or policy(name), binding, now, roots=makers().roots)


def refused(reason: str, name: str, *args: Any, **kwargs: Any) -> AttestationError:
    with pytest.raises(AttestationError) as caught:
        check(name, *args, **kwargs)
    assert caught.value.code == f"attestation.{reason}"
    assert caught.value.remedy == REMEDIES[reason]
    return caught.value


@every
def test_good_evidence_gives_what_it_proves_and_until_when(name: str) -> None:
    found = check(name)
    assert found.enclave_class == ("simulated" if name.startswith("tpm") else "hardware")
    assert found.kind == kind_of(name)
    assert (found.measurement,) == rule(name).measurements
    assert (found.job, found.key, found.binding) == (BINDING.job, BINDING.key, BINDING.digest())
    assert found.verified_at == NOW
    made_at = NOW - 5 if name == "nitro" else BINDING.issued
    assert found.valid_until == min(made_at, BINDING.issued) + 300


@every
@pytest.mark.parametrize("what", ["job", "key", "nonce"])
def test_evidence_for_another_job_key_or_nonce_is_refused(name: str, what: str) -> None:
    refused("binding", name, binding=BINDING.model_copy(update={what: b"\x0d" * 32}))


@every
def test_evidence_for_another_chain_is_refused(name: str) -> None:
    refused("binding", name, binding=BINDING.model_copy(update={"chain": 1}))


@every
def test_another_program_is_refused(name: str) -> None:
    other = bytes(len(rule(name).measurements[0]))
    refused("measurement", name, asks=policy(name, measurements=(other,)))


@every
def test_a_kind_without_a_rule_is_refused(name: str) -> None:
    other = "sgx" if name != "sgx" else "nitro"
    refused("kind", name, asks=policy(other))


@hardware
def test_hardware_under_another_root_is_refused(name: str) -> None:
    with pytest.raises(AttestationError) as caught:
        verify(evidence(name), policy(name), BINDING, NOW)
    assert caught.value.code == "attestation.chain"


def test_the_other_roots_are_told_apart_in_the_result() -> None:
    made = makers()
    assert check("sgx").root == hashlib.sha256(made.intel.root.der).digest()
    assert check("nitro").root == hashlib.sha256(made.nitro.root.der).digest()
    assert check("snp-turin").root == hashlib.sha256(made.amd["turin"].ark.der).digest()
    assert check("tpm-ecdsa").root == made.tpm.name


@every
def test_a_nonce_too_old_or_from_the_future_is_refused(name: str) -> None:
    refused("age", name, BINDING.issued + 301)
    refused("age", name, BINDING.issued - 1)
    assert check(name, asks=policy(name, max_age=10)).valid_until == NOW
    refused("age", name, asks=policy(name, max_age=9))


def test_evidence_has_an_age_of_its_own_where_it_has_a_time() -> None:
    old, ahead = (NOW - 400) * 1000, (NOW + SKEW + 1) * 1000
    early = BINDING.model_copy(update={"issued": NOW - 100})
    refused("age", "nitro", binding=early, timestamp=ahead)
    refused("age", "nitro", binding=early, timestamp=old)
    before = (early.issued - SKEW - 1) * 1000
    refused("age", "nitro", binding=early, timestamp=before)
    held = check("nitro", binding=early, timestamp=(early.issued - 30) * 1000)
    assert held.valid_until == early.issued - 30 + 300


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("sgx", {"end": NOW + 60}),
        ("tdx-4", {"crl_end": NOW + 61}),  # a CRL ends the second before
        ("tdx-5", {"end": NOW + 60}),
        ("snp-milan", {"end": NOW + 60}),
        ("snp-vlek", {"end": NOW + 60}),
        ("azure-snp", {"hardware": {"end": NOW + 60}}),
        ("azure-tdx", {"hardware": {"end": NOW + 60}}),
    ],
)
def test_no_verification_outlives_what_it_rests_on(name: str, made: dict[str, Any]) -> None:
    assert check(name, **made).valid_until == NOW + 60
    refused("expired", name, NOW + 61, **made)


def test_a_verification_is_for_its_time() -> None:
    found = check("sgx")
    for now in (found.verified_at, found.valid_until):
        found.still(now)
    for now in (found.verified_at - 1, found.valid_until + 1):
        with pytest.raises(AttestationError) as caught:
            found.still(now)
        assert caught.value.code == "attestation.age"


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("sgx", {"debug": True}),
        ("tdx-4", {"debug": True}),
        ("tdx-5", {"debug": True}),
        ("nitro", {"pcrs": {n: bytes(48) for n in range(16)}}),
        ("nitro", {"pcrs": {0: b"\x01" * 48, 1: bytes(48), 2: b"\x03" * 48}}),
        ("snp-milan", {"policy": 0x30000 | 1 << 19}),
        ("snp-vlek", {"policy": 0x30000 | 1 << 19}),
        ("azure-snp", {"hardware": {"policy": 0x30000 | 1 << 19}}),
        ("azure-tdx", {"hardware": {"debug": True}}),
    ],
)
def test_debugging_is_refused_whatever_a_policy_says(name: str, made: dict[str, Any]) -> None:
    refused("debug", name, **made)


def test_the_binding_is_defined_byte_for_byte() -> None:
    content = b"placet.enclave.binding/1" + (31337).to_bytes(32, "big") + b"\x0a" * 32 + b"\x0b" * 32 + b"\x0c" * 32
    assert BINDING.digest() == hashlib.new("sha512_256", content).digest()
    assert BINDING.report_data() == BINDING.digest() + bytes(32)
    later = BINDING.model_copy(update={"issued": NOW})
    assert later.digest() == BINDING.digest()


@hardware
def test_the_rest_of_a_wide_field_must_be_zero(name: str) -> None:
    if name == "nitro" or name.startswith("azure"):
        field = "user_data" if name == "nitro" else "extra_data"
        refused("binding", name, **{field: BINDING.digest() + bytes(32)})
        return
    refused("binding", name, report_data=BINDING.digest() + bytes(31) + b"\x01")


def test_a_measurement_has_a_name_of_32_bytes() -> None:
    found = check("nitro")
    content = b"placet.enclave.measurement/1nitro\x00" + found.measurement
    assert found.measurement_id() == hashlib.sha256(content).digest()
    assert measurement_id("snp", found.measurement) != measurement_id("nitro", found.measurement)


@every
def test_evidence_and_policies_travel_as_json(name: str) -> None:
    shown, asks = evidence(name), policy(name)
    assert parse(EnclaveEvidence, shown.model_dump_json()) == shown
    assert parse(EnclavePolicy, asks.model_dump_json()) == asks
    assert parse(Verified, check(name).model_dump_json()) == check(name)


def asked(*rules: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"max_age": 300, "rules": list(rules)} | changed


SGX = {"kind": "sgx", "measurements": ["0x" + "01" * 32]}
TPM = {"kind": "tpm", "enclave_class": "simulated", "measurements": ["0x" + "01" * 32], "keys": ["0x" + "02" * 32]}
SNP = {
    "kind": "snp",
    "measurements": ["0x" + "01" * 48],
    "min_tcb": [{"product": "milan", "boot_loader": 3, "tee": 0, "snp": 8, "microcode": 115}],
}
AZURE = SNP | {"kind": "azure-snp"}
AZURE_TDX = {"kind": "azure-tdx", "measurements": ["0x" + "01" * 48]}


@pytest.mark.parametrize(
    ("document", "accepted"),
    [
        (asked(SGX), True),
        (asked(SGX, TPM, SNP), True),
        (asked(), False),
        (asked(SGX, SGX), False),
        (asked(SGX | {"measurements": []}), False),
        (asked(SGX | {"measurements": ["0x" + "01" * 48]}), False),
        (asked(SGX | {"measurements": SGX["measurements"] * 2}), False),
        (asked(SGX | {"min_status": "Revoked"}), False),
        (asked(SGX | {"debug": True}), False),
        (asked({"kind": "sev", "measurements": ["0x" + "01" * 48]}), False),
        (asked({name: value for name, value in TPM.items() if name != "enclave_class"}), False),
        (asked(TPM | {"enclave_class": "hardware"}), False),
        (asked(TPM | {"keys": []}), False),
        (asked(SGX | {"enclave_class": "hardware"}), False),
        (asked({name: value for name, value in SNP.items() if name != "min_tcb"}), False),
        (asked(SNP | {"min_tcb": SNP["min_tcb"] * 2}), False),
        (asked(SNP | {"min_tcb": [SNP["min_tcb"][0] | {"fmc": 1}]}), False),
        (asked(SNP | {"max_vmpl": 4}), False),
        (asked(SNP | {"csp_ids": ["CN=cc-us-east-2.amazonaws.com"]}), True),
        (asked(SNP | {"csp_ids": ["a", "a"]}), False),
        (asked(SNP | {"csp_ids": [""]}), False),
        (asked(SNP, AZURE, AZURE_TDX), True),
        (asked(AZURE | {"max_vmpl": 0}), False),
        (asked(AZURE | {"pcrs": [4, 7, 8, 9, 11, 12, 13]}), True),
        (asked(AZURE | {"pcrs": list(range(16))}), True),
        *(
            (asked(AZURE | {"pcrs": [p for p in (4, 8, 9, 11, 12, 13) if p != without]}), False)
            for without in (4, 9, 13)
        ),
        (asked(AZURE | {"pcrs": []}), False),
        (asked(AZURE | {"pcrs": [4, 8, 9, 11, 12, 13, 16]}), False),
        (asked(AZURE | {"pcrs": [8, 4, 9, 11, 12, 13]}), False),
        (asked(AZURE | {"pcrs": [4, 4, 8, 9, 11, 12, 13]}), False),
        (asked(AZURE_TDX | {"secure_boot": False, "console": True}), True),
        (asked(AZURE_TDX | {"secure_boot": "no"}), False),
        (asked(AZURE_TDX | {"console": 0}), False),
        (asked(SGX, max_age=0), False),
        (asked(SGX, max_age=MAX_AGE + 1), False),
        (asked(SGX, max_age="300"), False),
        (asked(SGX, version=2), False),
    ],
)
def test_policies_are_read_strictly(document: dict[str, Any], accepted: bool) -> None:
    if accepted:
        assert parse(EnclavePolicy, document).max_age == 300
        return
    with pytest.raises(InputError):
        parse(EnclavePolicy, document)


def test_a_policy_tells_the_classes_that_it_accepts() -> None:
    assert parse(EnclavePolicy, asked(SGX, SNP)).classes == {"hardware"}
    assert parse(EnclavePolicy, asked(TPM)).classes == {"simulated"}
    assert parse(EnclavePolicy, asked(SGX, TPM)).classes == {"hardware", "simulated"}


def test_the_vectors_hold() -> None:
    """tests/vectors/enclave.json is written by enclave_vectors.py, without the package."""
    vectors = json.loads(enclave_vectors.FILE.read_text())
    assert vectors == enclave_vectors.reference()
    for one in vectors["bindings"]:
        binding = parse(Binding, one["binding"])
        assert to_hex(binding.digest()) == one["digest"]
        assert to_hex(binding.report_data()) == one["reportData"]
    for one in vectors["measurements"]:
        raw = b"".join(from_hex(part) for part in one["registers"])
        made = hashlib.sha384(raw).digest() if one["kind"] in ("tdx", "nitro") else raw
        if "pcrs" in one:
            pcrs = {int(place): from_hex(value) for place, value in one["pcrs"].items()}
            shown = tuple(pcrs.get(place, bytes(32)) for place in range(24))
            hardware = hashlib.sha384(raw).digest() if one["kind"] == "azure-tdx" else raw
            made = azure.measurement(hardware, tuple(pcrs), shown)
        assert to_hex(made) == one["measurement"]
        assert to_hex(measurement_id(one["kind"], made)) == one["id"]
        if one["kind"] == "tpm":
            assert to_hex(tpm.pcr_digest(made)) == one["pcrDigest"]


@every
def test_a_rule_names_measurements_of_its_kinds_size(name: str) -> None:
    made = rule(name).to_json()
    assert parse(type(rule(name)), made | {"measurements": ["0x" + "01" * SIZE_OF[made["kind"]]]})
    for size in (SIZE_OF[made["kind"]] - 1, SIZE_OF[made["kind"]] + 1):
        with pytest.raises(InputError):
            parse(type(rule(name)), made | {"measurements": ["0x" + "01" * size]})


@every
def test_evidence_is_bounded_before_it_is_read(name: str) -> None:
    shown = evidence(name).to_json()
    largest = next(iter(key for key in ("quote", "document", "report", "hcl", "attest") if key in shown["statement"]))
    shown["statement"][largest] = "0x" + "00" * 40_000
    with pytest.raises(InputError):
        parse(EnclaveEvidence, shown)

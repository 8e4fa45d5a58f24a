"""SGX and TDX: real quotes, good and outdated, every byte changed; and quotes of an Intel of our own."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509

from placet.core.enclave_policy import INTEL_LADDER, EnclavePolicy, SgxRule, TdxRule
from placet.core.errors import AttestationError, ConfigError
from placet.protocols.enclave.evidence import intel, roots
from placet.protocols.enclave.evidence import quote as quotes
from placet.protocols.enclave.evidence.model import EnclaveEvidence, IntelCollateral, IntelStatement
from placet.protocols.enclave.evidence.verify import verify

from . import real
from .intel_maker import Intel, Quote, p256
from .making import DAY, NOW
from .platforms import BINDING, MRTD, evidence, makers, policy

dcap_qvl = pytest.importorskip("dcap_qvl", reason="no dcap-qvl here: pip install 'placet[tee]'")
# A changed bit can make a serial number negative, of which cryptography warns.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")
both = pytest.mark.parametrize("name", ["sgx_quote", "tdx_quote"])


def examine(statement: IntelStatement, now: int) -> intel.IntelClaims:
    return intel.examine(statement, now, roots.pinned().intel)


def refused(statement: IntelStatement, now: int, root: x509.Certificate | None = None) -> str:
    """The reason for which it is refused."""
    with pytest.raises(AttestationError) as caught:
        intel.examine(statement, now, root or roots.pinned().intel)
    return caught.value.code.removeprefix("attestation.")


# Real quotes.


@real.needed
def test_a_real_sgx_quote_is_authentic_and_its_platform_needs_configuring() -> None:
    statement, now = real.intel("sgx_quote")
    claims = examine(statement, now)
    assert claims.measurement.hex() == "33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb"
    assert claims.signer.hex() == "815f42f11cf64430c30bab7816ba596a1da0130c3b028b673133a66cf9a3e0e6"
    assert claims.user_data == b"Hello, world!".ljust(64, b"\x00")
    assert claims.tcb_status == "ConfigurationAndSWHardeningNeeded"
    assert claims.advisories == ("INTEL-SA-00289", "INTEL-SA-00615")


@real.needed
def test_a_real_tdx_quote_is_authentic_and_up_to_date() -> None:
    statement, now = real.intel("tdx_quote")
    claims = examine(statement, now)
    assert claims.tcb_status == "UpToDate"
    report = dcap_qvl.parse_quote(statement.quote).report
    registers = report.mr_td + report.rt_mr0 + report.rt_mr1 + report.rt_mr2 + report.rt_mr3
    assert claims.measurement == hashlib.sha384(registers).digest()
    assert claims.user_data == report.report_data


@real.needed
@both
def test_real_evidence_passes_all_but_the_binding(name: str) -> None:
    """Nobody put our key into it, and that is what is found wrong, nothing else."""
    statement, now = real.intel(name)
    measurement, binding = examine(statement, now).measurement, BINDING.model_copy(update={"issued": now})
    made: Any = SgxRule if statement.kind == "sgx" else TdxRule
    weak = made(kind=statement.kind, measurements=(measurement,), min_status="ConfigurationAndSWHardeningNeeded")
    asks = EnclavePolicy(max_age=300, rules=(weak,))
    with pytest.raises(AttestationError) as caught:
        verify(EnclaveEvidence(statement=statement), asks, binding, now)
    assert caught.value.code == "attestation.binding"


@real.needed
def test_the_real_sgx_platform_is_too_weak_for_a_strict_policy() -> None:
    statement, now = real.intel("sgx_quote")
    rule = SgxRule(kind="sgx", measurements=(examine(statement, now).measurement,))
    with pytest.raises(AttestationError) as caught:
        verify(
            EnclaveEvidence(statement=statement),
            EnclavePolicy(max_age=300, rules=(rule,)),
            BINDING.model_copy(update={"issued": now}),
            now,
        )
    assert caught.value.code == "attestation.tcb"
    assert caught.value.found == "ConfigurationAndSWHardeningNeeded"


@real.needed
def test_the_outdated_quote_is_below_every_level_that_intel_lists() -> None:
    statement, now = real.intel("tdx_quote_outdated")
    assert refused(statement, now) == "tcb"


@real.needed
@both
def test_every_byte_of_a_quote_counts(name: str) -> None:
    """Also those that no signature covers: lengths, kinds, line ends, the root at the end, zeros after a TDX quote."""
    statement, now = real.intel(name)
    for quote in real.flipped(statement.quote, real.sampled()):
        refused(statement.model_copy(update={"quote": quote}), now)


@real.needed
@both
@pytest.mark.parametrize("field", IntelCollateral.model_fields)
def test_the_collateral_counts(name: str, field: str) -> None:
    """One bit in every third byte of each part; what is hex is changed as bytes."""
    statement, now = real.intel(name)
    text = getattr(statement.collateral, field)
    binary = not text.startswith(("-----", "{"))
    for changed in real.flipped(bytes.fromhex(text) if binary else text.encode(), real.sampled(3)):
        part = changed.hex() if binary else changed.decode("latin-1")
        collateral = statement.collateral.model_copy(update={field: part})
        refused(statement.model_copy(update={"collateral": collateral}), now)


@real.needed
@both
def test_collateral_holds_from_its_issue_to_its_next_update(name: str) -> None:
    statement, now = real.intel(name)
    collateral = statement.collateral
    documents = [json.loads(text) for text in (collateral.tcb_info, collateral.qe_identity)]
    crls = [x509.load_der_x509_crl(bytes.fromhex(text)) for text in (collateral.root_ca_crl, collateral.pck_crl)]

    def seconds(document: Any, field: str) -> int:
        return int(datetime.fromisoformat(document[field]).timestamp())

    end = min(
        [seconds(one, "nextUpdate") for one in documents] + [int(one.next_update_utc.timestamp()) - 1 for one in crls]
    )
    begin = max(
        [seconds(one, "issueDate") for one in documents] + [int(one.last_update_utc.timestamp()) for one in crls]
    )
    for moment in (begin, now, end):
        assert examine(statement, moment).expires == end
    assert refused(statement, end + 1) == "expired"
    assert refused(statement, begin - 1) == "expired"
    assert refused(statement, NOW) == "expired"


@real.needed
def test_one_platforms_collateral_is_no_others() -> None:
    (sgx, now), (tdx, _) = real.intel("sgx_quote"), real.intel("tdx_quote")
    assert refused(sgx.model_copy(update={"collateral": tdx.collateral}), now) == "chain"
    mixed = tdx.collateral.model_copy(
        update={name: getattr(sgx.collateral, name) for name in ("tcb_info", "tcb_info_signature")}
    )
    assert refused(tdx.model_copy(update={"collateral": mixed}), now) == "signature"


@real.needed
@both
def test_nothing_but_a_tdx_guests_zeros_follows_a_quote(name: str) -> None:
    statement, now = real.intel(name)
    assert refused(statement.model_copy(update={"quote": statement.quote + b"\x01"}), now) == "format"
    padded = statement.model_copy(update={"quote": statement.quote + bytes(16)})
    if name == "tdx_quote":
        assert examine(padded, now) == examine(statement, now)
    else:
        assert refused(padded, now) == "format"
    for size in (0, 1, 47, 48, 431, 600, 1000, len(statement.quote.rstrip(b"\x00")) - 1):
        assert refused(statement.model_copy(update={"quote": statement.quote[:size]}), now) == "format"


@pytest.mark.parametrize("name", ["sgx", "tdx-4", "tdx-5"])
@pytest.mark.parametrize("before", [1, 24, 40])
def test_bytes_before_a_quote_are_told(name: str, before: int) -> None:
    """A TDX guest's driver gives a head of 24 bytes with it."""
    statement = evidence(name).statement
    assert isinstance(statement, IntelStatement)
    with pytest.raises(AttestationError) as caught:
        quotes.read(bytes(before) + statement.quote)
    assert caught.value.code == "attestation.format"
    assert f"cut the first {before:,} bytes: the quote" in (caught.value.remedy or "")


@real.needed
def test_a_real_quote_does_not_hold_under_our_own_root() -> None:
    statement, now = real.intel("sgx_quote")
    assert refused(statement, now, makers().intel.root.certificate) == "chain"


# Quotes of an Intel of our own.


def own(**what: Any) -> IntelStatement:
    return makers().intel.statement(Quote(**what))


def own_refused(statement: IntelStatement) -> str:
    return refused(statement, NOW, makers().intel.root.certificate)


@pytest.mark.parametrize("name", ["sgx", "tdx-4", "tdx-5"])
@pytest.mark.parametrize("status", INTEL_LADDER)
def test_the_smallest_status_is_a_step_on_a_ladder(name: str, status: str) -> None:
    shown = evidence(name, status=status, advisories=("INTEL-SA-00001",))
    for smallest in INTEL_LADDER:
        asks = policy(name, min_status=smallest)
        if INTEL_LADDER.index(status) <= INTEL_LADDER.index(smallest):
            found = verify(shown, asks, BINDING, NOW, roots=makers().roots)
            assert (found.tcb_status, found.advisories) == (status, ("INTEL-SA-00001",))
        else:
            with pytest.raises(AttestationError) as caught:
                verify(shown, asks, BINDING, NOW, roots=makers().roots)
            assert caught.value.code == "attestation.tcb"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"status": "Revoked"}, "tcb"),
        ({"cpu_svn": 6}, "tcb"),
        ({"kind": "tdx", "cpu_svn": 6}, "tcb"),
        ({"revoked": True}, "chain"),
        ({"kind": "tdx", "version": 5, "service_td": b"\x01" * 48}, "platform"),
        ({"version": 2}, "format"),
        ({"version": 4}, "format"),
        ({"kind": "tdx", "version": 3}, "format"),
        ({"end": NOW - 1}, "expired"),
        ({"crl_end": NOW - 1}, "expired"),
        ({"begin": NOW + 1}, "expired"),
    ],
)
def test_what_a_quote_is_refused_for(what: dict[str, Any], reason: str) -> None:
    assert own_refused(own(**what)) == reason


def test_another_signer_is_refused_where_signers_are_named() -> None:
    shown = evidence("sgx", signer=b"\x03" * 32)
    assert verify(shown, policy("sgx", signers=()), BINDING, NOW, roots=makers().roots).kind == "sgx"
    with pytest.raises(AttestationError) as caught:
        verify(shown, policy("sgx"), BINDING, NOW, roots=makers().roots)
    assert caught.value.code == "attestation.measurement"


def test_a_quote_by_a_key_that_no_quoting_enclave_vouches_for_is_refused() -> None:
    statement = own()
    stranger = Intel.__new__(Intel)
    stranger.__dict__ = makers().intel.__dict__ | {"attestation_key": p256()}
    other = stranger.quote(Quote())
    good = statement.quote
    # The stranger's signature and key before the good enclave's report of its own key.
    mixed = good[:436] + other[436:564] + good[564:]
    assert own_refused(statement.model_copy(update={"quote": mixed})) == "signature"
    # Only the signature by another key.
    mixed = good[:436] + other[436:500] + good[500:]
    assert own_refused(statement.model_copy(update={"quote": mixed})) == "signature"


def test_a_certificate_of_another_root_is_refused() -> None:
    stranger = Intel()
    assert own_refused(stranger.statement(Quote())) == "chain"
    mine, theirs = own(), stranger.statement(Quote())
    assert own_refused(mine.model_copy(update={"collateral": theirs.collateral})) == "chain"
    for name in ("tcb_info", "qe_identity"):
        parts = {part: getattr(theirs.collateral, part) for part in (name, f"{name}_signature", f"{name}_issuer_chain")}
        collateral = mine.collateral.model_copy(update=parts)
        assert own_refused(mine.model_copy(update={"collateral": collateral})) == "chain"


def test_the_statements_kind_is_the_quotes() -> None:
    assert own_refused(own().model_copy(update={"kind": "tdx"})) == "format"
    tdx = makers().intel.statement(Quote(kind="tdx", measurement=MRTD))
    assert own_refused(tdx.model_copy(update={"kind": "sgx"})) == "format"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"issueDate": "2026-01-01T00:00:00", "nextUpdate": "2099-01-01T00:00:00"}',
        '{"issueDate": "x", "nextUpdate": "y"}',
        "[" * 90_000,
    ],
)
def test_documents_without_dates_are_refused(text: str) -> None:
    statement = own()
    collateral = statement.collateral.model_copy(update={"tcb_info": text})
    assert own_refused(statement.model_copy(update={"collateral": collateral})) == "format"


def test_a_tcb_info_that_is_not_what_was_signed_is_refused() -> None:
    weak, strong = own(status="OutOfDate"), own()
    parts = {"tcb_info": strong.collateral.tcb_info.replace("UpToDate", "UpToDate ", 1)}
    assert (
        own_refused(weak.model_copy(update={"collateral": strong.collateral.model_copy(update=parts)})) == "signature"
    )
    parts = {"tcb_info": strong.collateral.tcb_info}
    assert own_refused(weak.model_copy(update={"collateral": weak.collateral.model_copy(update=parts)})) == "signature"


def test_old_collateral_cannot_be_stretched_by_its_dates() -> None:
    old = own(end=NOW - DAY, begin=NOW - 9 * DAY)
    document = json.loads(old.collateral.tcb_info) | {"nextUpdate": "2099-01-01T00:00:00Z"}
    identity = json.loads(old.collateral.qe_identity) | {"nextUpdate": "2099-01-01T00:00:00Z"}
    parts = {"tcb_info": json.dumps(document), "qe_identity": json.dumps(identity)}
    assert own_refused(old.model_copy(update={"collateral": old.collateral.model_copy(update=parts)})) == "signature"


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dcap_qvl", None)
    with pytest.raises(ConfigError) as caught:
        intel.examine(own(), NOW, makers().intel.root.certificate)
    assert caught.value.code == "config.extra" and "placet[tee]" in str(caught.value)

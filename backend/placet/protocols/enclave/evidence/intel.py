"""Intel SGX and TDX: a DCAP quote with its collateral, by dcap-qvl, offline.

dcap-qvl checks: the chains of the PCK certificate, the TCB info and the QE identity up to the root, none revoked by
the two CRLs; the signatures of all of them; the quoting enclave against the QE identity; the quote's signature; the
platform's TCB level, with the TDX module's. Around it we check what it does not: the exact layout, the collateral's
time before anything else, and that debugging is off, whatever its policy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import AwareDatetime, BaseModel, Field

from placet.core.enclave_policy import INTEL_LADDER, AzureTdxRule, SgxRule, TdxRule
from placet.core.errors import ConfigError, InputError
from placet.core.malformed_certificates import MALFORMED
from placet.core.values import parse
from placet.protocols.enclave.evidence import quote as quotes
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import Claims, IntelCollateral, IntelStatement
from placet.protocols.enclave.evidence.refusals import refusal
from placet.protocols.enclave.evidence.roots import fingerprint

_SAID = {"TCB level": "tcb", "TCB status": "tcb", "certificate chain": "chain", "service TD": "platform"}
"""dcap-qvl's words, and what they mean here; all else is a signature that does not hold."""


class _Dates(BaseModel):
    begin: Annotated[AwareDatetime, Field(alias="issueDate")]
    end: Annotated[AwareDatetime, Field(alias="nextUpdate")]


@dataclass(frozen=True, kw_only=True)
class IntelClaims(Claims):
    signer: bytes

    def binds(self, binding: Binding) -> bool:
        return self.user_data == binding.report_data()


def examine(statement: IntelStatement, now: int, root: x509.Certificate) -> IntelClaims:
    """What an authentic quote says; refused if anything in it, or in its collateral, does not hold at this time."""
    quote = quotes.read(statement.quote)
    kind = "tdx" if quote.tdx else "sgx"
    if statement.kind != kind:
        raise refusal("format", "the quote is of another kind", expected=statement.kind, found=kind)
    _check_chains(statement.collateral, quote, root)
    end = _check_time(statement.collateral, now)
    if quote.debug:
        raise refusal("debug", "the enclave runs in debug mode", expected="debug off", found="debug on")
    report = _verify(quote, statement.collateral, now, root)
    return IntelClaims(
        kind=statement.kind,
        measurement=quote.measurement,
        user_data=quote.report_data,
        signer=quote.signer,
        tcb_status=report["tcb"]["status"],
        advisories=tuple(report["tcb"]["advisory_ids"]),
        expires=min(end, report["earliest_expiration_date"]),
        root=fingerprint(root),
    )


def judge(claims: IntelClaims, rule: SgxRule | TdxRule | AzureTdxRule) -> None:
    """Whether the TCB status is at least the smallest one that is accepted, and the signer one of those named."""
    status = claims.tcb_status
    if status not in INTEL_LADDER or INTEL_LADDER.index(status) > INTEL_LADDER.index(rule.min_status):
        raise refusal("tcb", "the platform's TCB is too weak", expected=f"{rule.min_status} or better", found=status)
    if isinstance(rule, SgxRule) and rule.signers and claims.signer not in rule.signers:
        raise refusal("measurement", "the enclave was signed by another", found=claims.signer.hex())


def _check_chains(collateral: IntelCollateral, quote: quotes.Quote, root: x509.Certificate) -> None:
    """The collateral's certificates are Intel's, as it writes them; dcap-qvl checks their signatures."""
    pck_ca = quotes.certificates(collateral.pck_crl_issuer_chain, 2, "the PCK CRL's chain")
    if pck_ca != quote.chain[1:]:
        raise refusal("chain", "the PCK CRL is of another CA than the PCK certificate")
    for text, name in (
        (collateral.tcb_info_issuer_chain, "the TCB info's chain"),
        (collateral.qe_identity_issuer_chain, "the QE identity's chain"),
    ):
        if quotes.certificates(text, 2, name)[-1] != root:
            raise refusal("chain", f"{name} ends in another root", expected="the pinned root")
    if quote.chain[-1] != root:
        raise refusal("chain", "the PCK certificate's chain ends in another root", expected="the pinned root")


def _check_time(collateral: IntelCollateral, now: int) -> int:
    """All four documents have begun and none has ended; the first end. dcap-qvl checks that they are Intel's."""
    ends = []
    for name, (begin, end) in {
        "TCB info": _document_window(collateral.tcb_info),
        "QE identity": _document_window(collateral.qe_identity),
        "root CRL": _crl_window(collateral.root_ca_crl),
        "PCK CRL": _crl_window(collateral.pck_crl),
    }.items():
        if not begin <= now <= end:
            raise refusal("expired", f"the {name} does not hold at this time", expected=f"{begin} to {end}", found=now)
        ends.append(end)
    return min(ends)


def _document_window(text: str) -> tuple[int, int]:
    try:
        dates = parse(_Dates, text)
    except InputError:
        raise refusal("format", "a document of Intel's without its dates", expected="issueDate, nextUpdate") from None
    return int(dates.begin.timestamp()), int(dates.end.timestamp())


def _crl_window(text: str) -> tuple[int, int]:
    """The last second is the one before the next update: dcap-qvl refuses a CRL from that on."""
    try:
        crl = x509.load_der_x509_crl(bytes.fromhex(text))
        begin, end = crl.last_update_utc, crl.next_update_utc
    except MALFORMED:
        end = None
    if end is None:
        raise refusal("format", "a CRL is malformed", expected="X.509 in DER, with its next update")
    return int(begin.timestamp()), int(end.timestamp()) - 1


def _verify(quote: quotes.Quote, collateral: IntelCollateral, now: int, root: x509.Certificate) -> dict[str, Any]:
    try:
        import dcap_qvl
    except ImportError:
        raise ConfigError(
            "Intel's evidence needs dcap-qvl",
            expected="the extra placet[tee]",
            found="no dcap_qvl",
            remedy="pip install 'placet[tee]'",
            code="config.extra",
        ) from None
    try:
        claims = dcap_qvl.QuoteVerifier(root.public_bytes(Encoding.DER)).verify_with_policy(
            quote.exact,
            dcap_qvl.QuoteCollateralV3.from_json(collateral.model_dump_json()),
            now,
            dcap_qvl.QuotePolicy.claims_only(now),
        )
    except ValueError as error:
        said = str(error).removeprefix("Verification failed: ")[:200]
        reason = next((reason for words, reason in _SAID.items() if words in said), "signature")
        raise refusal(reason, "the quote does not verify", found=said) from None
    report: dict[str, Any] = json.loads(claims.to_json())
    return report

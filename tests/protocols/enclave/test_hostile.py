"""Whatever comes in, a reader answers with a refusal of ours, never with another error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import AttestationError
from placet.core.hashing import sha256
from placet.protocols.enclave.evidence import azure, certificates, cose, hcl, intel, nitro, quote, snp, tpm

from . import intel_maker, snp_maker
from .making import NOW
from .platforms import evidence, makers, rule

pytestmark = pytest.mark.filterwarnings("error")
for package in ("cbor2", "dcap_qvl"):
    pytest.importorskip(package, reason=f"no {package} here: pip install 'placet[tee]'")

READERS: dict[str, Callable[[bytes], Any]] = {
    "quote": quote.read,
    "PEM": lambda data: quote.certificates(data.decode("latin-1"), 2, "a chain"),
    "report": snp.read,
    "attest": lambda data: tpm.read(data, (16,)),
    "hcl": lambda data: hcl.read(data, "azure-snp"),
    "hcl of TDX": lambda data: hcl.read(b"HCLA" + data, "azure-tdx"),
    "runtime data": lambda data: hcl.HclReport(b"", data).claims(sha256(data) + bytes(32)),
    "cose": lambda data: cose.read(data, "it"),
    "cbor": lambda data: cose.decode(data, "it"),
    "certificate": lambda data: certificates.load(data, "it"),
}


@cache
def good(kind: str) -> Any:
    """Evidence that holds; made once, since signatures differ in length from run to run."""
    made = makers()
    if kind == "sgx":
        return made.intel.statement(intel_maker.Quote())
    if kind == "nitro":
        return made.nitro.statement()
    if kind == "snp":
        return made.amd["milan"].statement(snp_maker.Report())
    return evidence("tpm-ecdsa" if kind == "tpm" else kind).statement


def only_refusals(read: Callable[[], Any]) -> None:
    with contextlib.suppress(AttestationError):
        read()


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=1500))
@settings(max_examples=examples(150), deadline=None)
def test_any_bytes(name: str, data: bytes) -> None:
    only_refusals(lambda: READERS[name](data))


@st.composite
def spoiled(draw: st.DrawFn, good: bytes) -> bytes:
    """Good bytes with a piece replaced by another one, of another length too."""
    begin = draw(st.integers(0, len(good)))
    end = draw(st.integers(begin, min(len(good), begin + 40)))
    return good[:begin] + draw(st.binary(max_size=40)) + good[end:]


@given(data=st.data())
@settings(max_examples=examples(200), deadline=None)
def test_good_evidence_with_a_piece_replaced(data: st.DataObject) -> None:
    made = makers()
    sgx = good("sgx")
    changed = sgx.model_copy(update={"quote": data.draw(spoiled(sgx.quote))})
    only_refusals(lambda: intel.examine(changed, NOW, made.intel.root.certificate))
    document = good("nitro")
    other = document.model_copy(update={"document": data.draw(spoiled(document.document))})
    only_refusals(lambda: nitro.examine(other, NOW, made.nitro.root.certificate))
    report = good("snp")
    for part in ("vek", "issuer"):
        third = report.model_copy(update={part: data.draw(spoiled(getattr(report, part)))})
        only_refusals(lambda third=third: snp.examine(third, NOW, made.roots))  # type: ignore[misc]
    machine = good("azure-snp")
    for part in ("hcl", "vek"):
        fifth = machine.model_copy(update={part: data.draw(spoiled(getattr(machine, part)))})
        only_refusals(lambda fifth=fifth: azure.examine_snp(fifth, rule("azure-snp"), NOW, made.roots))  # type: ignore[misc]
    for part in ("attest", "signature"):
        vtpm = machine.vtpm.model_copy(update={part: data.draw(spoiled(getattr(machine.vtpm, part)))})
        sixth = machine.model_copy(update={"vtpm": vtpm})
        only_refusals(lambda sixth=sixth: azure.examine_snp(sixth, rule("azure-snp"), NOW, made.roots))  # type: ignore[misc]
    quoted = good("tpm")
    for part in ("attest", "signature", "key"):
        fourth = quoted.model_copy(update={part: data.draw(spoiled(getattr(quoted, part)))})
        only_refusals(lambda fourth=fourth: tpm.examine(fourth))  # type: ignore[misc]


@given(data=st.data())
@settings(max_examples=examples(100), deadline=None)
def test_intels_documents_with_a_piece_replaced(data: st.DataObject) -> None:
    made = makers()
    sgx = good("sgx")
    for part in ("tcb_info", "qe_identity", "pck_crl_issuer_chain", "tcb_info_issuer_chain"):
        text = data.draw(spoiled(getattr(sgx.collateral, part).encode())).decode("latin-1")
        collateral = sgx.collateral.model_copy(update={part: text})
        changed = sgx.model_copy(update={"collateral": collateral})
        only_refusals(lambda changed=changed: intel.examine(changed, NOW, made.intel.root.certificate))  # type: ignore[misc]
    crl = data.draw(spoiled(bytes.fromhex(sgx.collateral.pck_crl))).hex()
    last = sgx.model_copy(update={"collateral": sgx.collateral.model_copy(update={"pck_crl": crl})})
    only_refusals(lambda: intel.examine(last, NOW, made.intel.root.certificate))


@given(content=st.recursive(st.none() | st.booleans() | st.integers() | st.binary() | st.text(), st.lists))
@settings(max_examples=examples(150), deadline=None)
def test_any_content_that_aws_would_sign(content: Any) -> None:
    import cbor2

    made = makers().nitro
    for payload in (content, {"module_id": content}, made.claims() | {"pcrs": content}, made.claims(cabundle=content)):
        statement = made.signed(cbor2.dumps(payload))
        only_refusals(lambda statement=statement: nitro.examine(statement, NOW, made.root.certificate))  # type: ignore[misc]

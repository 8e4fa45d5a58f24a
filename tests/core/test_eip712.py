"""Every signed type hashes as eth-account's own EIP-712 encoder says."""

import secrets
from pathlib import Path

import pytest
from eth_account.messages import encode_typed_data

from placet.core import eip712
from placet.core.consent import Consent, Details, consent_id
from placet.core.enrolment import enrolment_hash
from placet.core.hashing import keccak, sha256
from placet.core.offers import Offer
from placet.core.plan import Amendment, Input, Party, Plan, Seal, cancellation_hash
from placet.core.requests import request_hash, request_typed_data
from placet.core.statements import BandStatement, Total
from placet.core.trail import Message, acknowledgement_hash, evidence_hash
from placet.core.values import ZERO32, to_hex
from placet.core.withdrawal import withdrawal_hash, withdrawal_typed_data

DOMAIN = eip712.consent_domain(31337, bytes(range(20)))


def r32() -> bytes:
    return secrets.token_bytes(32)


def digest_of(typed_data: dict) -> bytes:
    signable = encode_typed_data(full_message=typed_data)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def a_consent(owner: bytes = bytes(range(20))) -> Consent:
    offer = Offer(dataset=r32(), consumer=secrets.token_bytes(20), purpose=r32(), operations=3, scope=r32())
    details = Details(
        language="de", dataset="Accounts ä", consumer="Bank", purpose="p", columns="a, b", output="o", parties="x, y",
        notice=r32(), enrolment=r32(), salt=r32(),
    )  # fmt: skip
    return Consent(
        owner=owner, offer=offer, not_before=1, not_after=2**48 - 1, first_opening=7, uses=9, details=details
    )


@pytest.mark.parametrize("owner", [bytes(range(20)), bytes(range(84))])
def test_consent(owner: bytes) -> None:
    consent = a_consent(owner)
    assert digest_of(consent.typed_data(DOMAIN)) == DOMAIN.digest(consent.id)
    assert consent.id == consent_id(*consent.grant())
    assert Consent.model_validate(consent.to_json()) == consent


def test_withdrawal_enrolment_request() -> None:
    consent, nonce, body = r32(), r32(), b"{}"
    assert digest_of(withdrawal_typed_data(consent, DOMAIN)) == DOMAIN.digest(withdrawal_hash(consent))
    owner, subject = bytes(range(84)), r32()
    typed = DOMAIN.typed_data(
        "Enrolment", {"owner": to_hex(owner), "namespace": "urn:example:person", "subject": to_hex(subject)}
    )
    assert digest_of(typed) == DOMAIN.digest(enrolment_hash(owner, "urn:example:person", subject))
    node = secrets.token_bytes(20)
    typed = request_typed_data(node, "GET", "/v1/consents?owner=0x", body, nonce, 5, DOMAIN)
    assert typed["message"]["body"] == to_hex(sha256(body))
    assert digest_of(typed) == DOMAIN.digest(request_hash(node, "GET", "/v1/consents?owner=0x", body, nonce, 5))


AUDIENCES = {
    "Consent": "domain",
    "Withdrawal": "domain",
    "Plan": "domain",
    "Amendment": "job",
    "Seal": "job",
    "Cancellation": "job",
    "Standing": "domain",
    "Request": "receiver",
    "Message": "receiver",
    "Acknowledgement": "message",
    "Enrolment": "owner",
    "Enrolments": "root",
    "Evidence": "job",
    "ProofTag": "domain",
    "Receipt": "owner",
    "ErasureReceipt": "consent",
    "ResultDeletion": "job",
    "Total": "person",
    "Statement": "relyingParty",
    "Finding": "stake",
    "GarblingFinding": "stake",
    "Upholding": "stake",
}
"""What names whom a signature is for: a field, or the domain where a contract of one chain is all of the audience."""


def test_every_type_that_is_signed_names_its_audience() -> None:
    """A new type needs a row here and in docs/reference/formats.md."""
    parts = {"Offer", "Details", "Input", "Party", "Stake", "EIP712Domain"}
    assert set(eip712.TYPES) - parts == set(AUDIENCES)
    for name, audience in AUDIENCES.items():
        assert audience == "domain" or audience in {field["name"] for field in eip712.TYPES[name]}
    table = (
        (Path(__file__).parents[2] / "docs/reference/formats.md").read_text().split("### Whom a signature is for")[1]
    )
    rows = [line.split("|")[1] for line in table.split("## Trees")[0].splitlines() if line.startswith("| `")]
    assert {name.strip(" `") for row in rows for name in row.split(",")} == set(AUDIENCES)


def test_a_total_and_a_statement() -> None:
    domain = eip712.statement_domain(31337, bytes(range(20)))
    total = Total(
        job=r32(), person=bytes(range(84)), commitment=bytes(1) + r32()[1:], decimals=2, issued_at=5, not_after=9,
        purpose="a lease",
    )  # fmt: skip
    assert digest_of(domain.typed_data("Total", camel(total.to_json()))) == total.digest(domain)
    statement = BandStatement(
        key=r32(), job=total.job, prover=r32()[:20], relying_party=r32()[:20], until=7, commitment=total.commitment,
        low=1, high=2,
    )  # fmt: skip
    fields = {field["name"] for field in eip712.TYPES["Statement"]}
    message = {name: value for name, value in camel(statement.to_json()).items() if name in fields}
    digest = digest_of(domain.typed_data("Statement", message))
    assert statement.public_inputs(domain)[0] == int.from_bytes(digest, "big") >> 3


def camel(value):
    if isinstance(value, dict):
        return {"".join(w.title() if i else w for i, w in enumerate(k.split("_"))): camel(v) for k, v in value.items()}
    return [camel(v) for v in value] if isinstance(value, (list, tuple)) else value


def test_plan_and_its_kin() -> None:
    domain = eip712.job_domain(1, secrets.token_bytes(20))
    parties = tuple(
        Party(
            signer=secrets.token_bytes(20), recorder=secrets.token_bytes(20), payee=secrets.token_bytes(20),
            reward=10**20 + i, tls_key=r32(), seed=r32(), output=bool(i % 2),
            inputs=tuple(
                Input(offer=r32(), lawful_root=r32(), epoch=secrets.token_bytes(24), opens_before=9) if j else
                Input(offer=r32(), consent=r32(), epoch=bytes(24), opens_before=2) for j in range(i)
            ),
        )
        for i in range(3)
    )  # fmt: skip
    plan = Plan(
        terms=r32(), consumer=secrets.token_bytes(20), purpose=r32(), operations=3, sponsor=secrets.token_bytes(20),
        token=secrets.token_bytes(20), pot=10**21, open_by=1, deadline=2, settle_by=3, salt=r32(), parties=parties,
    )  # fmt: skip
    assert digest_of(domain.typed_data("Plan", camel(plan.to_json()))) == plan.job(domain)
    assert Plan.model_validate(plan.to_json()) == plan
    amendment = Amendment(job=r32(), attempt=2, roots=(r32(), ZERO32), epochs=(bytes(24), secrets.token_bytes(24)))
    assert digest_of(domain.typed_data("Amendment", camel(amendment.to_json()))) == domain.digest(
        amendment.struct_hash()
    )
    epoch = secrets.token_bytes(24)
    seal = Seal(
        job=r32(), attempt=1, heads=(r32(), r32()), outputs=(r32(),), keys=(), epochs=(epoch,), payouts=(0, 10**20)
    )
    assert digest_of(domain.typed_data("Seal", camel(seal.to_json()))) == domain.digest(seal.struct_hash())
    job = r32()
    typed = domain.typed_data("Cancellation", {"job": to_hex(job)})
    assert digest_of(typed) == domain.digest(cancellation_hash(job))
    message = Message(job=job, attempt=1, sequence=0, sender=1, receiver=2, tag="psi/blinded", digest=r32())
    assert digest_of(domain.typed_data("Message", message.to_json())) == domain.digest(message.hash)
    typed = domain.typed_data("Acknowledgement", {"message": to_hex(message.hash)})
    assert digest_of(typed) == domain.digest(acknowledgement_hash(message.hash))
    typed = domain.typed_data("Evidence", {"job": to_hex(job), "party": 2, "digest": to_hex(ZERO32)})
    assert digest_of(typed) == domain.digest(evidence_hash(job, 2, ZERO32))

"""Calls and events fit the contracts' ABI, and the values that both sides hash come out the same."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3

from examples import examples
from placet.chain import abi, calls, event_logs, event_types, events
from placet.chain.calls import NO_PROOF, Call, Calls
from placet.chain.rpc import octets
from placet.core.consent import Consent, Details
from placet.core.errors import InputError, Reverted
from placet.core.hashing import keccak
from placet.core.offers import Offer, Subjects
from placet.core.plan import Amendment, Input, Party, Plan, Seal, cancellation_hash
from placet.core.stakes import Fault, StakeTerms, Subject, finding_hash, garbling_finding_hash, upholding_hash
from placet.core.trust import Contract, Deployment
from placet.core.values import ZERO20, ZERO32, to_hex
from placet.core.withdrawal import withdrawal_hash

PLACED = Deployment(
    chain_id=31337,
    block=1,
    genesis=bytes(32),
    confirmations=0,
    finality="blocks",
    evm="osaka",
    dataset_registry=Contract(address=b"\1" * 20, code_hash=bytes(32)),
    consent_registry=Contract(address=b"\2" * 20, code_hash=bytes(32)),
    job_ledger=Contract(address=b"\3" * 20, code_hash=bytes(32)),
    reward_escrow=Contract(address=b"\4" * 20, code_hash=bytes(32)),
    p256_verifier=Contract(address=b"\5" * 20, code_hash=bytes(32)),
    webauthn_verifier=Contract(address=b"\7" * 20, code_hash=bytes(32)),
    enclave_registry=Contract(address=b"\6" * 20, code_hash=bytes(32)),
    ceremonies=Contract(address=bytes([8]) * 20, code_hash=bytes(32)),
    groth16_verifier=Contract(address=bytes([9]) * 20, code_hash=bytes(32)),
    statements=Contract(address=bytes([10]) * 20, code_hash=bytes(32)),
    statement_escrow=Contract(address=bytes([11]) * 20, code_hash=bytes(32)),
    audit_stakes=Contract(address=bytes([12]) * 20, code_hash=bytes(32)),
    consent_trees=Contract(address=bytes([13]) * 20, code_hash=bytes(32)),
)
CALLS = Calls(PLACED)

bytes32 = st.binary(min_size=32, max_size=32).filter(lambda b: b != ZERO32)
address = st.binary(min_size=20, max_size=20).filter(lambda b: b != ZERO20)
b24 = st.binary(min_size=24, max_size=24)
u32, u48 = st.integers(0, 2**32 - 1), st.integers(0, 2**48 - 1)
offers = st.builds(Offer, dataset=bytes32, consumer=address, purpose=bytes32, operations=u32, scope=bytes32)
words = st.text(max_size=40)
details = st.builds(
    Details, dataset=words, consumer=words, purpose=words, columns=words, output=words, parties=words,
    notice=bytes32, enrolment=bytes32, salt=bytes32,
)  # fmt: skip


@st.composite
def consents(draw: Any) -> Consent:
    start, end = sorted((draw(u48), draw(u48)))
    uses = draw(st.integers(1, 2**31))
    return Consent(
        owner=draw(address | st.binary(min_size=84, max_size=84)), offer=draw(offers), not_before=start, not_after=end,
        first_opening=draw(st.integers(0, 2**31 - 2)), uses=uses, details=draw(details),
    )  # fmt: skip


@st.composite
def plans(draw: Any) -> Plan:
    times = sorted(draw(st.lists(u48, min_size=3, max_size=3)))
    count = draw(st.integers(1, 4))
    unique = draw(st.lists(bytes32, min_size=3 * count, max_size=3 * count, unique=True))
    rewarded = draw(st.booleans())
    parties = []
    for place in range(count):
        named = draw(st.booleans())
        lawful = draw(bytes32)
        entry = Input(
            offer=unique[place], consent=lawful if named else ZERO32, lawful_root=ZERO32 if named else lawful,
            epoch=draw(b24), opens_before=draw(u32),
        )  # fmt: skip
        parties.append(
            Party(
                signer=unique[count + place][:20],
                recorder=unique[2 * count + place][:20],
                payee=draw(address),
                reward=draw(st.integers(1, 2**90)) if rewarded else 0,
                tls_key=draw(bytes32),
                seed=draw(bytes32),
                output=draw(st.booleans()),
                inputs=(entry,) * draw(st.integers(0, 1)),
            )
        )
    return Plan(
        terms=draw(bytes32), consumer=draw(address), purpose=draw(bytes32), operations=draw(u32), sponsor=draw(address),
        token=draw(address) if rewarded else ZERO20, open_by=times[0], deadline=times[1], settle_by=times[2],
        salt=draw(bytes32), parties=tuple(parties),
    )  # fmt: skip


@st.composite
def seals(draw: Any) -> Seal:
    many = st.lists(bytes32, max_size=4).map(tuple)
    return Seal(
        job=draw(bytes32), attempt=draw(u32), heads=draw(many), outputs=draw(many), keys=draw(many),
        epochs=draw(st.lists(b24, max_size=4).map(tuple)),
        payouts=draw(st.lists(st.integers(0, 2**96 - 1), max_size=4).map(tuple)),
    )  # fmt: skip


def test_event_classes_are_the_contracts_events() -> None:
    for contract, kinds in events.CONTRACTS.items():
        told = {e["name"] for e in abi.artifact(contract)["abi"] if e["type"] == "event"} - {"EIP712DomainChanged"}
        assert told == {kind.__name__ for kind in kinds}
        for kind in kinds:
            own = event_types.event_type(kind)
            assert tuple(event_types.field_name(name) for name, _, _ in own.parameters) == event_logs.parameters(kind)
            declared = next(e for e in abi.artifact(contract)["abi"] if e["type"] == "event" and e["name"] == own.name)
            assert own.topic == keccak(abi._signature(declared))
            flags = tuple((entry["name"], abi._type(entry), entry["indexed"]) for entry in declared["inputs"])
            assert own.parameters == flags


def test_every_state_changing_function_has_its_call() -> None:
    methods = {name for name, _ in inspect.getmembers(Calls, inspect.isfunction) if not name.startswith("_")}
    snake = {"".join("_" + c.lower() if c.isupper() else c for c in name) for name in changing_functions()}
    assert methods == (snake - {"fund", "settle", "use_opening", "spend"}) | {"approve", "claim_stake", "settle_stake"}


def changing_functions() -> set[str]:
    return {
        entry["name"]
        for contract in events.CONTRACTS
        for entry in abi.artifact(contract)["abi"]
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }


def reference(contract: str, name: str, *values: Any) -> bytes:
    """The same call by web3's own encoder."""
    return bytes.fromhex(Web3().eth.contract(abi=abi.artifact(contract)["abi"]).encode_abi(name, list(values))[2:])


@settings(max_examples=examples(15), deadline=None)
@given(plan=plans(), seal=seals(), signature=st.binary(max_size=65))
def test_calls_of_the_ledger_as_web3_encodes_them(plan: Plan, seal: Seal, signature: bytes) -> None:
    signatures = [signature, b""]
    amendment = Amendment(job=bytes(32), attempt=2, roots=seal.heads, epochs=seal.epochs)
    for ours, theirs in (
        (CALLS.open(plan, signatures), ("open", web3_plan(plan), signatures)),
        (CALLS.seal(plan, seal, [seal.heads, ()], signatures),
         ("seal", web3_plan(plan), seal.to_tuple(), [list(seal.heads), []], signatures)),
        (CALLS.amend(plan, amendment, signatures),
         ("amend", web3_plan(plan), list(seal.heads), list(seal.epochs), signatures)),
        (CALLS.cancel(plan, 3, signature), ("cancel", web3_plan(plan), 3, signature)),
        (CALLS.record(seal.job, 1, 2, 3, seal.heads), ("record", seal.job, 1, 2, 3, list(seal.heads))),
        (CALLS.abort_for_consent(plan, 1, seal.job), ("abortForConsent", web3_plan(plan), 1, seal.job)),
    ):  # fmt: skip
        assert ours == Call(PLACED.job_ledger.address, reference("JobLedger", *theirs), f"JobLedger.{theirs[0]}")


def web3_plan(plan: Plan) -> tuple[Any, ...]:
    """Addresses as web3 wants them."""

    def text(value: bytes) -> str:
        return Web3.to_checksum_address(value)

    (*head, parties) = plan.to_tuple()
    head[1], head[4], head[5] = text(head[1]), text(head[4]), text(head[5])
    return (*head, [(p[0], text(p[1]), text(p[2]), *p[3:]) for p in parties])


@settings(max_examples=examples(15), deadline=None)
@given(consent=consents(), signature=st.binary(max_size=65), proof=st.lists(bytes32, max_size=5))
def test_calls_of_the_registry_as_web3_encodes_them(consent: Consent, signature: bytes, proof: list[bytes]) -> None:
    grant, root, reason = consent.grant(), bytes(31) + b"\1", bytes(31) + b"\2"
    for ours, theirs in (
        (CALLS.grant(consent, signature), ("grant", grant, signature)),
        (CALLS.grant_many([consent] * 2, [signature] * 2), ("grantMany", [grant] * 2, [signature] * 2)),
        (CALLS.withdraw(grant, signature), ("withdraw", grant, signature)),
        (CALLS.withdraw_batched(grant, signature, root, proof), ("withdrawBatched", grant, signature, root, proof)),
        (CALLS.withdraw_many([grant] * 2, [signature] * 2, [NO_PROOF, (root, proof)]),
         ("withdrawMany", [grant] * 2, [signature] * 2, [(ZERO32, []), (root, proof)])),
        (CALLS.revoke_many([grant], reason, [(root, proof)]), ("revokeMany", [grant], reason, [(root, proof)])),
        (CALLS.prove(consent.id, consent.offer.id, root, proof),
         ("prove", consent.id, consent.offer.id, root, proof)),
    ):  # fmt: skip
        assert ours.data == reference("ConsentRegistry", *theirs)
        assert ours.to == PLACED.consent_registry.address


def test_a_value_that_does_not_fit_is_refused() -> None:
    for bad in (
        lambda: CALLS.anchor(bytes(31), bytes(32)),
        lambda: CALLS.register(bytes(32), Subjects.OWN, bytes(32), bytes(32), 2**64),
        lambda: CALLS.register(bytes(32), Subjects.OWN, bytes(32), bytes(32), -1),
        lambda: CALLS.appoint(bytes(19)),
        lambda: CALLS.record(bytes(32), 1, 0, 0, [bytes(33)]),
        lambda: CALLS.record(bytes(32), 1, 0, 0, None),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError):
            bad()


def ask(environment: Any, contract: str, name: str, *values: Any) -> Any:
    to = {
        "ConsentRegistry": environment.deployment.consent_registry,
        "JobLedger": environment.deployment.job_ledger,
        "AuditStakes": environment.deployment.audit_stakes,
    }[contract]
    call = calls._call(contract, to.address, name, *values)
    answer = environment.chain.rpc.call("eth_call", {"to": to_hex(call.to), "data": to_hex(call.data)}, "latest")
    return abi.function(contract, name).decode(octets(answer))[0]


on_chain = settings(
    max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@on_chain
@given(consent=consents())
def test_consents_hash_the_same_on_chain(environment: Any, consent: Consent) -> None:
    terms = consent.offer
    offer = (terms.dataset, terms.consumer, terms.purpose, terms.operations, terms.scope, terms.budget)
    domain = environment.deployment.consents
    assert ask(environment, "ConsentRegistry", "offerId", offer) == terms.id
    assert ask(environment, "ConsentRegistry", "consentId", consent.grant()) == consent.id
    assert ask(environment, "ConsentRegistry", "hashConsent", consent.id) == domain.digest(consent.id)
    assert ask(environment, "ConsentRegistry", "hashWithdrawal", consent.id) == domain.digest(
        withdrawal_hash(consent.id)
    )


@on_chain
@given(plan=plans(), seal=seals())
def test_plans_and_seals_hash_the_same_on_chain(environment: Any, plan: Plan, seal: Seal) -> None:
    domain, job = environment.deployment.jobs, seal.job
    amendment = Amendment(job=job, attempt=seal.attempt, roots=seal.heads, epochs=seal.epochs)
    assert ask(environment, "JobLedger", "hashPlan", plan.to_tuple()) == plan.job(domain)
    assert ask(environment, "JobLedger", "hashSeal", job, seal.to_tuple()) == domain.digest(seal.struct_hash())
    assert ask(environment, "JobLedger", "hashAmendment", job, seal.attempt, seal.heads, seal.epochs) == domain.digest(
        amendment.struct_hash()
    )
    assert ask(environment, "JobLedger", "hashCancellation", job) == domain.digest(cancellation_hash(job))


stakes = st.builds(
    StakeTerms, job=bytes32, party=u32, holder=address, auditor=address, beneficiary=address, token=address,
    amount=st.integers(0, 2**96 - 1), find_by=u48, answer_seconds=u32, subject=st.sampled_from(Subject),
)  # fmt: skip


@on_chain
@given(terms=stakes, evidence=bytes32, fault=st.sampled_from(Fault))
def test_stakes_and_findings_hash_the_same_on_chain(
    environment: Any, terms: StakeTerms, evidence: bytes, fault: Fault
) -> None:
    domain, stake = environment.deployment.stakes, terms.id
    assert ask(environment, "AuditStakes", "stakeId", terms.to_tuple()) == stake
    finding = domain.digest(finding_hash(stake, fault, evidence))
    assert ask(environment, "AuditStakes", "hashFinding", stake, int(fault), evidence) == finding
    garbling = domain.digest(garbling_finding_hash(stake, terms.job, evidence))
    assert ask(environment, "AuditStakes", "hashGarblingFinding", stake, terms.job, evidence) == garbling
    upholding = domain.digest(upholding_hash(stake, evidence))
    assert ask(environment, "AuditStakes", "hashUpholding", stake, evidence) == upholding


def test_every_custom_error_has_its_name() -> None:
    seen = set()
    for contract in (*events.CONTRACTS, "SettlementToken"):
        for entry in abi.artifact(contract)["abi"]:
            if entry["type"] != "error":
                continue
            kinds = [i["type"] for i in entry["inputs"]]
            fixed = {"address": b"\7" * 20, "bytes24": b"\7" * 24, "bytes32": b"\7" * 32}
            values = [fixed.get(kind, 7) for kind in kinds]
            if any(kind not in fixed and not kind.startswith("uint") for kind in kinds):
                continue
            selector = Web3.keccak(text=f"{entry['name']}({','.join(kinds)})")[:4]
            error = abi.decode_revert(bytes(selector) + abi.encode(kinds, values))
            assert (error.name, error.arguments) == (entry["name"], tuple(values))
            seen.add(entry["name"])
    assert {"ConsentRefused", "EpochChanged", "WrongStatus", "TrailGap", "NotLedger"} <= seen


@given(st.binary(max_size=200))
def test_no_revert_data_are_too_odd(data: bytes) -> None:
    assert isinstance(abi.decode_revert(data), Reverted)


def test_solidity_own_errors() -> None:
    text = abi.decode_revert(bytes.fromhex("08c379a0") + abi.encode(["string"], ["no"]))
    assert (text.name, text.arguments) == ("Error", ("no",))
    panic = abi.decode_revert(bytes.fromhex("4e487b71") + abi.encode(["uint256"], [0x11]))
    assert (panic.name, panic.arguments) == ("Panic", (0x11,))
    assert abi.decode_revert(b"").name == "Unknown"
    assert abi.decode_revert(bytes.fromhex("4e487b71")).arguments == ()


@settings(max_examples=examples(200))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.binary(max_size=70).map(to_hex),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from([*event_logs.LOG_FIELDS, "other"]), inner, max_size=6)
        ),
        max_leaves=12,
    )
)
def test_a_malformed_log_is_a_chain_error_or_no_event(log: Any) -> None:
    from placet.core.errors import ChainError

    try:
        assert event_logs.decode(log, event_types.addresses(PLACED)) is None
    except ChainError:
        return

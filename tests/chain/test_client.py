"""The deployment file is checked against the chain; reads say what the contracts hold."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable

import pytest
import urllib3

from placet.chain import abi, event_logs, events
from placet.chain.calls import Call
from placet.chain.client import ERC1271_GAS, Chain
from placet.chain.deploy import deploy_token
from placet.chain.local import free_port
from placet.chain.rpc import Rpc, octets
from placet.chain.states import Acceptance, DatasetState, EnclaveClass, JobStatus
from placet.core.consent import Reason, Status
from placet.core.errors import ChainError, DeploymentError, InputError, NotFoundError, Reverted, SignatureError
from placet.core.offers import Subjects
from placet.core.signatures import Key, P256Key
from placet.core.trust import Contract, Deployment
from placet.core.values import from_hex, to_hex
from placet.core.webauthn import assertion_valid

from ..core.webauthn_vectors import FILE as WEBAUTHN_VECTORS
from ..passkeys import Passkey

LINKED = (
    *("dataset_registry", "consent_registry", "job_ledger", "reward_escrow", "p256_verifier", "webauthn_verifier"),
    *("groth16_verifier", "ceremonies", "statements", "statement_escrow", "consent_trees"),
)
"""They name each other."""
CONTRACTS = (*LINKED, "enclave_registry", "audit_stakes")


def other_code(name: str) -> Callable[[Deployment], Deployment]:
    def change(deployment: Deployment) -> Deployment:
        contract = Contract(address=getattr(deployment, name).address, code_hash=bytes(32))
        return deployment.model_copy(update={name: contract})

    return change


WRONG: dict[str, Callable[[Deployment], Deployment]] = {
    "chain id": lambda d: d.model_copy(update={"chain_id": 1}),
    "genesis": lambda d: d.model_copy(update={"genesis": bytes(32)}),
    "no code": lambda d: d.model_copy(update={"job_ledger": Contract(address=bytes(20), code_hash=bytes(32))}),
    "swapped": lambda d: d.model_copy(update={"job_ledger": d.consent_registry, "consent_registry": d.job_ledger}),
    **{f"code of {name}": other_code(name) for name in CONTRACTS},
}


def test_the_true_deployment_passes(environment) -> None:
    environment.chain.check()


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_deployment_is_refused(environment, change) -> None:
    with pytest.raises(DeploymentError):
        Chain(environment.local.url, change(environment.deployment)).check()


def test_contracts_of_two_deployments_are_not_mixed(environment) -> None:
    from placet.chain.deploy import deploy

    other = deploy(environment.local.url, environment.key, 0)
    for name in LINKED:
        with pytest.raises(DeploymentError, match="not the deployment file's"):
            Chain(environment.local.url, environment.deployment.model_copy(update={name: getattr(other, name)})).check()


def test_an_endpoint_out_of_reach_is_a_chain_error(environment) -> None:
    with pytest.raises(ChainError, match="can't be reached"):
        Chain(f"http://127.0.0.1:{free_port()}", environment.deployment).head()


@pytest.mark.parametrize("answer", [b'{"result":' + b"[" * 1_000_000, b"\xff", b"", b"[]"])
def test_an_answer_that_is_none_is_a_chain_error(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets by the million would overflow the stack of Python's own decoder and end the process."""
    response = urllib3.HTTPResponse(io.BytesIO(answer), status=200, preload_content=False)
    monkeypatch.setattr(urllib3.PoolManager, "urlopen", lambda *_, **__: response)
    with pytest.raises(ChainError) as caught:
        Rpc("http://127.0.0.1:1", attempts=1).call("eth_chainId")
    assert caught.value.code in ("chain.not-json", "chain.answer")


def test_confirmed_and_now(environment) -> None:
    head = environment.chain.head()
    assert environment.at_depth(2).confirmed() == head.number - 2
    assert environment.at_depth(1000).confirmed() == 0
    environment.local.rpc("evm_increaseTime", 100_000)
    environment.local.mine()
    assert environment.chain.now() == environment.chain.head().timestamp >= head.timestamp + 100_000


def test_what_nobody_made_is_not_found(environment) -> None:
    for read in (environment.chain.dataset, environment.chain.offer):
        with pytest.raises(NotFoundError):
            read(secrets.token_bytes(32))
    assert environment.chain.consent(bytes(32)).status == Status.NONE
    assert environment.chain.job(bytes(32)).status == JobStatus.NONE
    assert environment.chain.key_due(bytes(32), 0) is None


def test_a_token_that_is_none_is_the_askers_mistake(environment) -> None:
    """No code at the address, or another contract's: nothing that a second try would mend."""
    for address in (secrets.token_bytes(20), bytes(20), environment.deployment.job_ledger.address):
        with pytest.raises(InputError) as caught:
            environment.chain.balance_of(address, environment.key.address)
        assert caught.value.code == "input.token"
    rich = Key().address
    token = deploy_token(environment.local.url, environment.key, {rich: 5})
    assert environment.chain.balance_of(token, rich) == 5
    out_of_reach = Chain(f"http://127.0.0.1:{free_port()}", environment.deployment)
    with pytest.raises(ChainError):
        out_of_reach.balance_of(token, rich)


def test_whose_rows_a_dataset_holds(environment) -> None:
    for subjects in (Subjects.PERSONS, Subjects.OWN):
        dataset = secrets.token_bytes(32)
        environment.send(environment.calls.register(dataset, subjects, b"s" * 32, b"c" * 32, 7))
        expected = DatasetState(environment.key.address, subjects, 7, 0, b"s" * 32, b"c" * 32)
        assert environment.chain.dataset(dataset) == expected
        (told,) = environment.chain.events((events.DatasetRegistered,), 0, dataset=dataset)
        assert (told.provider, told.subjects, told.budget) == (environment.key.address, subjects, 7)


def test_subjects_that_the_contract_does_not_know_are_not_believed() -> None:
    with pytest.raises(ChainError, match="subjects"):
        event_logs.subjects_of(max(Subjects) + 1)


def test_a_value_of_the_wrong_length_never_leaves(environment) -> None:
    with pytest.raises(InputError):
        environment.chain.job(b"short")
    with pytest.raises(InputError):
        environment.calls.anchor(bytes(31), bytes(32))


def test_reads_of_a_consent_and_as_of_a_block(environment) -> None:
    owner, offer = Key(), environment.offer()
    consent = environment.consent(offer, owner, uses=2)
    before = environment.chain.head().number
    environment.send(environment.calls.grant(consent, environment.signed(consent, owner)))
    state = environment.chain.consent(consent.id)
    assert (state.status, state.proven, state.uses) == (Status.GIVEN, True, 2)
    assert (state.not_before, state.not_after) == (consent.not_before, consent.not_after)
    assert environment.chain.consent(consent.id, block=before).status == Status.NONE
    read = environment.chain.offer(offer.id)
    assert (read.offer, read.provider, read.epoch, read.openings, read.unproven) == (
        offer,
        environment.key.address,
        bytes(24),
        0,
        bytes(24),
    )

    use = {
        "consumer": offer.consumer, "purpose": offer.purpose, "operations": 1,
        "from_": consent.not_before, "until": consent.not_after, "opening": 0,
    }  # fmt: skip
    for change, reason in (
        ({}, Reason.OK),
        ({"opening": 2}, Reason.EXHAUSTED),
        ({"until": consent.not_after + 1}, Reason.EXPIRED),
        ({"from_": consent.not_before - 1}, Reason.NOT_YET_VALID),
        ({"consumer": bytes(20)}, Reason.WRONG_CONSUMER),
        ({"purpose": bytes(32)}, Reason.WRONG_PURPOSE),
        ({"operations": 4}, Reason.WRONG_OPERATION),
    ):
        assert environment.chain.check_consent(consent.id, offer.id, **(use | change)) == reason


def refused(environment, call: Call) -> str:
    sender = environment.sender()
    intent = secrets.token_hex(8)
    sender.submit(intent, call, environment.key.address)
    for _ in range(100):
        if isinstance(outcome := sender.outcome(intent), Reverted):
            return outcome.name
        sender.step()
    raise AssertionError(f"{call.what} was not refused")


def test_a_measurement_is_accepted_once_and_retired_for_ever(environment) -> None:
    code, other = secrets.token_bytes(32), secrets.token_bytes(32)
    mine = environment.key.address
    assert environment.chain.acceptance(mine, code) == Acceptance(EnclaveClass.NONE, 0, 0)
    environment.send(environment.calls.accept(code, EnclaveClass.SIMULATED))
    since = environment.chain.acceptance(mine, code).since
    assert environment.chain.acceptance(mine, code).holds(EnclaveClass.SIMULATED, since)
    assert not environment.chain.acceptance(mine, code).holds(EnclaveClass.HARDWARE, since)
    assert not environment.chain.acceptance(mine, code).holds(EnclaveClass.SIMULATED, since - 1)
    assert refused(environment, environment.calls.accept(code, EnclaveClass.HARDWARE)) == "MeasurementKnown"
    assert refused(environment, environment.calls.retire(other)) == "MeasurementNotAccepted"
    environment.send(environment.calls.retire(code))
    ended = environment.chain.acceptance(mine, code)
    assert ended.holds(EnclaveClass.SIMULATED, ended.until - 1) and not ended.holds(EnclaveClass.SIMULATED, ended.until)
    told = environment.chain.events([events.MeasurementAccepted, events.MeasurementRetired], since, measurement=code)
    assert [(type(e), e.provider) for e in told] == [
        (events.MeasurementAccepted, mine),
        (events.MeasurementRetired, mine),
    ]
    assert told[0].class_ == EnclaveClass.SIMULATED


def test_no_class_holds_where_nothing_was_accepted() -> None:
    nothing = Acceptance(EnclaveClass.NONE, 0, 0)
    assert not any(nothing.holds(kind, block) for kind in EnclaveClass for block in (0, 1))


def test_events_by_class_range_and_indexed_field(environment) -> None:
    one, two = environment.offer(), environment.offer()
    start = environment.chain.head().number + 1
    environment.send(environment.calls.anchor(one.id, b"1" * 32), environment.calls.anchor(two.id, b"2" * 32))
    anchored = environment.chain.events([events.BatchAnchored], start)
    assert [(e.offer, e.root) for e in anchored] == [(one.id, b"1" * 32), (two.id, b"2" * 32)]
    kinds = [events.OfferMade, events.BatchAnchored]
    found = environment.chain.events(kinds, 0, offer=one.id)
    assert [type(e) for e in found] == kinds
    assert found[0].terms == one
    assert environment.chain.events(kinds, 0, start - 1, offer=two.id)[0].block < start
    assert environment.chain.events([events.BatchAnchored], start, root=b"2" * 32) == anchored[1:]
    with pytest.raises(LookupError):
        environment.chain.events([events.BatchAnchored], start, consumer=b"2" * 20)


YES = "0x631626ba7e60e01b60005260206000f3"
SAYS_NO = {
    "nothing there": "0x",
    "reverts": "0x60006000fd",
    "returns nothing": "0x00",
    "returns one": "0x600160005260206000f3",
    "returns four bytes only": "0x631626ba7e60e01b60005260046000f3",
    "right value, dirty rest": "0x631626ba7e60e01b60011760005260206000f3",
}


def test_an_erc1271_contract_is_asked_at_the_endpoint(environment) -> None:
    account = secrets.token_bytes(20)
    environment.local.rpc("anvil_setCode", "0x" + account.hex(), YES)
    assert environment.chain.verifiers.accepts(account, bytes(32), b"anything")


@pytest.mark.parametrize("code", SAYS_NO.values(), ids=SAYS_NO.keys())
def test_anything_else_than_the_magic_value_is_no(environment, code) -> None:
    account = secrets.token_bytes(20)
    environment.local.rpc("anvil_setCode", "0x" + account.hex(), code)
    with pytest.raises(SignatureError):
        environment.chain.verifiers.demand("a consent", account, bytes(32), b"anything")


def test_a_strangers_contract_is_given_three_million_gas(environment) -> None:
    """More than wallets use. What one burns beyond that, in a loop without an end, is no answer."""
    too_much, too_little = f"5a62{ERC1271_GAS:06x}10", f"5a62{ERC1271_GAS - 100_000:06x}11"
    yes = YES.removeprefix("0x")
    before = f"{too_much}{too_little}17"
    end = len(before + yes) // 2 + 3
    for code, accepted in ((f"{before}60{end:02x}57{yes}5b60006000fd", True), ("5b600056", False)):
        account = secrets.token_bytes(20)
        environment.local.rpc("anvil_setCode", to_hex(account), "0x" + code)
        assert environment.chain.verifiers.accepts(account, bytes(32), b"anything") is accepted


def test_p256_keys_and_passkeys_only_behind_the_deployments_verifiers(environment) -> None:
    digest, named = secrets.token_bytes(32), environment.deployment
    for kind, verifier in ((P256Key, named.p256_verifier), (Passkey, named.webauthn_verifier)):
        good, stranger = kind(verifier.address), kind(bytes(20))
        assert environment.chain.verifiers.accepts(good.signer, digest, good.sign(digest))
        assert not environment.chain.verifiers.accepts(stranger.signer, digest, stranger.sign(digest))


def test_the_contract_takes_the_assertions_of_passkeys_that_the_twin_takes(environment) -> None:
    """The vectors, and each tenth flipped bit of one that is good."""
    vectors = json.loads(WEBAUTHN_VECTORS.read_text(encoding="utf-8"))
    key, digest = from_hex(vectors["key"]), from_hex(vectors["digest"])
    good = from_hex(vectors["cases"][0]["signature"])
    verify = abi.function("WebAuthnVerifier", "verify")
    verifier = to_hex(environment.deployment.webauthn_verifier.address)

    def takes(signature: bytes) -> bool:
        data = to_hex(verify.encode(key, digest, signature))
        return (
            octets(environment.chain.rpc.call("eth_call", {"to": verifier, "data": data}, "latest"))[:4]
            == verify.selector
        )

    for case in vectors["cases"]:
        assert takes(from_hex(case["signature"])) == case["accepted"], case["name"]
    for bit in range(0, 8 * len(good), 10):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert takes(bytes(bad)) == assertion_valid(key, digest, bytes(bad)), bit

"""Keys, ceremonies and statements on a real chain, and proofs that groth16py made taken by our own verifier."""

from __future__ import annotations

import secrets

import pytest

from placet.chain.ceremonies import (
    ceremony_made,
    confirm_key,
    open_phase,
    record_contribution,
)
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain
from placet.chain.statements import is_registered, record_statement, recorded_at, register_key, registered_key
from placet.core.ceremonies import demand_institutions
from placet.core.errors import InputError, NotFoundError, Reverted
from placet.core.signatures import Key
from placet.core.statements import FIELD, MOST, ProvenStatement, VerificationKey
from placet.core.trust import Deployment, TrustList
from proving import band_keys, opened_total, proven, statement_of

from .conftest import ChainEnvironment, a_ceremony, as_sender, dev_key, sent

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")


def a_proof(deployment: Deployment, prover: Key, key: VerificationKey) -> ProvenStatement:
    domain = deployment.proven
    opened = opened_total(domain, prover, 150)
    return proven(opened, statement_of(opened, key, 100, MOST, prover=prover.address), domain, key)


def test_a_proof_is_recorded_once_for_its_prover(environment: ChainEnvironment) -> None:
    key, chain = band_keys().verification(), environment.chain
    assert not is_registered(chain, key.id)
    with pytest.raises(NotFoundError):
        registered_key(chain, key.id)
    environment.send(register_key(environment.deployment, key))
    assert is_registered(chain, key.id)
    assert registered_key(chain, key.id).verification == key
    with pytest.raises(Reverted, match="KeyKnown"):
        as_sender(chain, environment.consumer, register_key(environment.deployment, key))

    made = a_proof(environment.deployment, environment.key, key)
    address = environment.deployment.statements.address
    inputs = chain.read("Statements", address, "publicInputs", made.statement.to_tuple())[0]
    assert list(inputs) == made.statement.public_inputs(environment.deployment.proven)
    record = record_statement(environment.deployment, made)
    assert recorded_at(chain, made.statement) == 0
    for change in ({"low": 101}, {"prover": environment.consumer}, {"until": made.statement.until + 1}):
        other = made.model_copy(update={"statement": made.statement.model_copy(update=change)})
        with pytest.raises(Reverted, match="ProofRefused"):
            as_sender(chain, environment.consumer, record_statement(environment.deployment, other))
    environment.send(record)
    assert recorded_at(chain, made.statement) == chain.head().timestamp
    with pytest.raises(Reverted, match="StatementKnown"):
        as_sender(chain, environment.consumer, record)


def test_an_input_and_the_order_are_no_second_form(environment: ChainEnvironment) -> None:
    key = band_keys().verification()
    environment.send(register_key(environment.deployment, key))
    made = a_proof(environment.deployment, environment.key, key)
    public = made.statement.public_inputs(environment.deployment.proven)
    proof = [int.from_bytes(made.proof[at : at + 32], "big") for at in range(0, 256, 32)]
    verifier = environment.deployment.groth16_verifier.address

    def verified(inputs: list[int]) -> bool:
        answer: bool = environment.chain.read("Groth16Verifier", verifier, "verify", key.id, inputs, proof)[0]
        return answer

    assert verified(public)
    assert not verified([public[1], public[0], *public[2:]])
    for place in range(5):
        with pytest.raises(Reverted, match="InputNotInField"):
            verified([*public[:place], public[place] + FIELD, *public[place + 1 :]])


def test_a_ceremony_of_another_circuit_made_no_such_key(environment: ChainEnvironment) -> None:
    """Who confirms sees 32 bytes: that they stand for a key of the ceremony's own circuit is looked up."""
    chain, accounts = environment.chain, [dev_key(1).address, dev_key(2).address]
    ceremony = a_ceremony(environment.deployment, accounts[0], accounts)
    sent(environment.local, accounts[0], open_phase(environment.deployment, ceremony, ceremony.key))
    for account in accounts:
        contribution = record_contribution(environment.deployment, ceremony.key, secrets.token_bytes(32))
        sent(environment.local, account, contribution)
    key = band_keys().verification(ceremony.key.id).model_copy(update={"circuit": b"\1" * 32})
    sent(environment.local, accounts[0], register_key(environment.deployment, key))
    for account in accounts:
        sent(environment.local, account, confirm_key(environment.deployment, ceremony, key.id))
    assert ceremony_made(chain, ceremony, key.id)
    with pytest.raises(InputError) as caught:
        registered_key(chain, key.id)
    assert caught.value.code == "proof.ceremony"


@pytest.mark.slow
def test_a_key_of_one_person_is_refused_off_local_chains_and_one_of_two_is_taken() -> None:
    """The same code under another chain id. Slow, since `contracts/test/Statements.t.sol` shows the contract's half."""
    with LocalChain(chain_id=7) as local:
        deployer, accounts = dev_key(0), [dev_key(1).address, dev_key(2).address]
        deployment = deploy(local.url, deployer, 0)
        chain = Chain(local.url, deployment)
        test = band_keys().verification()
        sent(local, deployer.address, register_key(deployment, test))
        made = a_proof(deployment, deployer, test)
        with pytest.raises(Reverted, match="TestKey"):
            as_sender(chain, deployer.address, record_statement(deployment, made))
        with pytest.raises(InputError) as caught:
            registered_key(chain, test.id)
        assert caught.value.code == "proof.test-key"

        ceremony = a_ceremony(deployment, deployer.address, accounts)
        sent(local, deployer.address, open_phase(deployment, ceremony, ceremony.key))
        for account in accounts:
            sent(local, account, record_contribution(deployment, ceremony.key, secrets.token_bytes(32)))
        key = band_keys().verification(ceremony.key.id)
        sent(local, deployer.address, register_key(deployment, key))
        sent(local, accounts[0], confirm_key(deployment, ceremony, key.id))
        made = a_proof(deployment, deployer, key)
        with pytest.raises(Reverted, match="NotOfItsCeremony"):
            as_sender(chain, deployer.address, record_statement(deployment, made))
        with pytest.raises(InputError) as caught:
            registered_key(chain, key.id)
        assert caught.value.code == "proof.ceremony"
        sent(local, accounts[1], confirm_key(deployment, ceremony, key.id))
        sent(local, deployer.address, record_statement(deployment, made))
        contributors = registered_key(chain, key.id).contributors
        assert contributors == tuple(accounts)
        # The contract counts accounts, which one person may have any number of; who relies on the key has a list.
        with pytest.raises(InputError) as caught:
            demand_institutions(contributors, TrustList(institutions=()))
        assert caught.value.code == "proof.ceremony"
        assert recorded_at(chain, made.statement) > 0

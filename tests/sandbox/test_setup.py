"""Whom a sandbox has: generated, or of a user's own files; and consents in bulk, which must be what owners sign."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from placet.core.batch_check import RowCheck, check_rows
from placet.core.errors import InputError
from placet.core.offers import Offer, Scope
from placet.core.purposes import purpose_id
from placet.core.signatures import Key, Verifiers
from placet.core.trust import Deployment, Enroller, Institution, TrustList
from placet.sandbox import fork_server, program
from placet.sandbox.consortium import PURPOSE
from placet.sandbox.setup import NAMES, REGISTERED, generated, of_files
from placet.sandbox.signing import BulkSigner, Window


@pytest.mark.parametrize("institutions", range(2, len(NAMES) + 1))
def test_generated_tables_have_something_for_everybody(institutions: int) -> None:
    setup = generated(institutions)
    assert len(setup.names) == institutions
    assert setup.offering.recipe == ("match" if institutions == 2 else "asset-view")
    assert setup.stock.balances.keys() == setup.willing.keys() == setup.names.keys() - {setup.consumer}
    for key, rows in setup.stock.balances.items():
        assert set(setup.willing[key]) < rows.keys() <= set(setup.stock.persons())
        assert set(setup.willing[key]) & set(setup.stock.customers)
        assert min(rows.values()) < 0 < max(rows.values())
    assert generated(institutions) == setup


@pytest.mark.parametrize("institutions", [0, 1, len(NAMES) + 1])
def test_another_number_of_institutions_is_refused(institutions: int) -> None:
    with pytest.raises(InputError, match="so many institutions"):
        generated(institutions)


def test_own_files_come_with_their_names_and_consents(tmp_path: Path) -> None:
    persons = [f"c{number}" for number in range(REGISTERED + 50)]
    (tmp_path / "list.csv").write_text("id\nc1\nc2\nc3\n")
    for name in ("north", "south"):
        (tmp_path / f"{name}.csv").write_text("id,sum\n" + "".join(f"{person},7\n" for person in persons))
    text = 'consent = "all"\n[consumer]\nname = "Office"\nfile = "list.csv"\nidentifier = "id"\n'
    for name in ("north", "south"):
        text += f'[[providers]]\nname = "Bank {name}"\nfile = "{name}.csv"\nidentifier = "id"\nvalue = "sum"\n'
    (tmp_path / "mapping.toml").write_text(text)
    setup = of_files(tmp_path)
    assert list(setup.names.values()) == ["Bank north", "Bank south", "Office"]
    assert setup.names[setup.consumer] == "Office"
    assert dict(setup.willing) == {"provider1": ["c1", "c2", "c3"], "provider2": ["c1", "c2", "c3"]}
    assert len(setup.stock.persons()) == REGISTERED
    assert not {"c1", "c2", "c3"} & set(setup.stock.persons())


def test_consents_in_bulk_are_what_owners_and_enroller_sign() -> None:
    provider, consumer, enroller = Key(), Key(), Key()
    entries = [
        Institution(
            address=key.address, name=name, api="http://a", peer="https://a", certificate="-----BEGIN CERTIFICATE-----"
        )
        for key, name in ((provider, "Bank"), (consumer, "Office"))
    ]
    trust = TrustList(
        institutions=tuple(entries),
        enrollers=(Enroller(address=enroller.address, name="Register", namespaces=("urn:example:person",)),),
    )
    contracts = (
        "dataset_registry",
        "consent_registry",
        "job_ledger",
        "reward_escrow",
        "p256_verifier",
        "webauthn_verifier",
    )
    contract = {"address": "0x" + "22" * 20, "code_hash": "0x" + "33" * 32}
    deployment = Deployment.model_validate(
        {
            "chain_id": 31337,
            "block": 1,
            "genesis": "0x" + "44" * 32,
            "confirmations": 1,
            "finality": "blocks",
            "evm": "osaka",
        }
        | dict.fromkeys(
            (
                *(*contracts, "enclave_registry", "ceremonies", "groth16_verifier"),
                *("statements", "statement_escrow", "audit_stakes", "consent_trees"),
            ),
            contract,
        )
    )
    scope = Scope(
        title="Accounts",
        provider=provider.address,
        purpose=PURPOSE,
        columns=("balance",),
        identifier="customer",
        namespace="urn:example:person",
        output="total",
        recipes=("asset-view",),
        parties=(provider.address, consumer.address),
        enrollers=(enroller.address,),
        salt=bytes(32),
    )
    offer = Offer(
        dataset=b"\1" * 32,
        consumer=consumer.address,
        purpose=purpose_id(PURPOSE),
        operations=3,
        scope=scope.hash,
    )
    signer = BulkSigner(offer, scope, trust, deployment, enroller.secret)
    persons = [f"c{number}" for number in range(20)]
    rows = list(signer.consents(persons, [Window(1, 2**33, 3, 4)] * 20))
    check = RowCheck(offer, scope, deployment.consents, Verifiers(), trust)
    rows.sort(key=check.identity)
    assert len(set(check_rows(check, rows, 1).ids)) == 20
    assert {row.opening[0] for row in rows if row.opening} == set(persons)
    assert len({row.consent.owner for row in rows}) == 20
    windows = {(c.not_before, c.not_after, c.first_opening, c.uses) for c in (row.consent for row in rows)}
    assert windows == {(1, 2**33, 3, 4)}


def test_keys_cost_what_they_protect(tmp_path: Path) -> None:
    """Guessing the passphrase of a key that its user made is dear, of one that lies beside it is not."""
    (tmp_path / "passphrase").touch(0o600)
    (tmp_path / "passphrase").write_text("only for this test")
    words = [*("key", "new"), "--passphrase-file", "passphrase"]
    subprocess.run([sys.executable, "-m", "placet.cli", *words, "own.json"], cwd=tmp_path, check=True, timeout=60)
    assert program.run([*words, "sandbox.json"], tmp_path, {}).returncode == 0
    costs = {
        name: json.loads((tmp_path / f"{name}.json").read_text())["crypto"]["kdfparams"]["n"]
        for name in ("own", "sandbox")
    }
    assert costs == {"own": 2**17, "sandbox": fork_server.KEY_COST}

"""Ceremonies of institutions on real nodes and a real chain, with snarkjs; proofs under the keys of them."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from live import LiveConsortium
from placet.chain.ceremonies import ceremony_made
from placet.chain.statements import registered_key
from placet.core.ceremonies import Ceremony
from placet.core.consent_trees import MAX_TREE_FILE, ConsentProof, ConsentStatement, ConsentTree, ProofTag
from placet.core.ids import JobId
from placet.core.statements import MOST, ProvenStatement, VerificationKey
from placet.core.values import ZERO20, from_hex, parse, to_hex
from placet.owner.client import OwnerClient
from proving import opened_total, statement_of

pytestmark = pytest.mark.slow
pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")

TOOLS = Path(__file__).resolve().parents[2] / "hardhat-free-local" / "node_modules"
TURNS = {"band": ("north", "south", "consumer"), "consent": ("north", "consumer")}
SECONDS = 3600
"""For a command, and for the chain to take what it sends: `consent` has a circuit that is eight times as large."""


def killed_half_way(consortium: LiveConsortium, folder: Path, who: str) -> None:
    """Begin a contribution, and kill it while snarkjs works."""
    words = ("contribute", "--config", f"{who}/node.toml", folder, "--programs", TOOLS)
    process = subprocess.Popen(
        [sys.executable, "-m", "placet.cli", "zk", "ceremony", *map(str, words)],
        cwd=consortium.made.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (folder / ".powers-1.ptau.part").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "powers-1.ptau").exists()


def refused(check: Callable[..., str], folder: Path, forged: Path, last: int) -> None:
    """What no check lets pass of a ceremony of so many contributions that is not confirmed yet."""
    # What the last one recorded, and no other: somebody who draws a key of its own gets nowhere.
    shutil.copytree(folder, forged)
    key = forged / f"key-{last}.zkey"
    shutil.copyfile(forged / f"key-{last - 1}.zkey", key)
    with pytest.raises(RuntimeError, match="other contributions than those on chain"):
        check(forged)
    # The right record with other points: our parser sees no difference, snarkjs does.
    octets = bytearray((folder / key.name).read_bytes())
    octets[len(octets) // 2] ^= 1
    key.write_bytes(octets)
    with pytest.raises(RuntimeError, match="does not verify"):
        check(forged)
    with pytest.raises(RuntimeError, match="not all contributors confirmed"):
        check(folder)


@pytest.mark.parametrize("circuit", TURNS)
def test_institutions_make_a_key_and_a_proof_holds_under_it(
    consortium: LiveConsortium, tmp_path: Path, circuit: str
) -> None:
    if not (TOOLS / "snarkjs").is_dir():
        pytest.skip("no snarkjs here: scripts/setup")
    folder, run, turns = tmp_path / "round", partial(consortium.made.run, seconds=SECONDS), TURNS[circuit]
    addresses = [consortium.made.members[who].address for who in turns]
    programs = ("--programs", TOOLS)
    place = ("--deployment", "deployment.json", "--trust", "trust.json", "--url", consortium.made.chain.url)

    def step(command: str, who: str, *words: object) -> str:
        patiently = ("--timeout", SECONDS)
        answer: str = run("zk", "ceremony", command, "--config", f"{who}/node.toml", folder, *words, *patiently)
        return answer

    named = [word for address in addresses for word in ("--contributor", address)]
    first = step("open", "consumer", "--circuit", circuit, *named)
    assert step("open", "consumer", "--circuit", circuit, *named) == first  # as after a crash: nothing is sent again
    ceremony = parse(Ceremony, (folder / "ceremony.json").read_text(), what="ceremony")
    assert first.strip() == to_hex(ceremony.key.id)
    with pytest.raises(RuntimeError, match="another contributor's turn"):
        step("contribute", "consumer", *programs)
    killed_half_way(consortium, folder, "north")
    for phase in ("powers", "key"):
        for number, who in enumerate(turns, 1):
            step("contribute", who, *programs)
            assert list(folder.glob(f"{phase}-{number}.*"))
    check = partial(run, "zk", "ceremony", "check", *place, *programs)
    if circuit == "band":  # what the check refuses is the same of the other, where it takes minutes
        refused(check, folder, tmp_path / "forged", len(turns))

    keys = tmp_path / "keys"
    for who in turns:
        step("confirm", who, *programs, *(("--keys", keys) if who == "north" else ()))
    report = json.loads(check(folder, "--json"))
    assert report["contributors"] == [consortium.made.members[who].name for who in turns]

    key = registered_key(consortium.chain, bytes.fromhex(report["key"][2:]))
    assert list(map(to_hex, key.contributors)) == addresses
    assert ceremony_made(consortium.chain, ceremony, key.verification.id)
    proof = tmp_path / "proof.json"
    proven = proof_of_a_total if circuit == "band" else proof_of_a_consent
    proof.write_text(json.dumps(proven(consortium, key.verification, keys, tmp_path).to_json()))
    run("prove", "record", "--config", "south/node.toml", proof)
    if circuit == "consent":
        shown = json.loads(run("prove", "check", *place, proof, "--keys", keys, "--json"))
        assert shown["ceremony"] == report["contributors"] and shown["recorded"] != "no"


def proof_of_a_total(consortium: LiveConsortium, key: VerificationKey, keys: Path, folder: Path) -> ProvenStatement:
    """Of one that the consumer signs."""
    from placet.protocols.zk import band
    from placet.protocols.zk.groth16 import ProvingKey

    domain, prover = consortium.deployment.proven, consortium.key("consumer", "signer")
    opened = opened_total(domain, prover, 150)
    statement = statement_of(opened, key, 100, MOST, prover=prover.address)
    return band.prove(opened, statement, domain, ProvingKey(keys / "proving.key"), key)


def proof_of_a_consent(consortium: LiveConsortium, key: VerificationKey, keys: Path, folder: Path) -> ConsentProof:
    """Of one of two that customers of a provider's have given, in the tree that this one publishes."""
    from placet.protocols.zk import consent
    from placet.protocols.zk.groth16 import ProvingKey

    given = [one for one in consortium.given if one.provider == "north" and not one.ended][:2]
    secrets_ = [consent.secret_of(secrets.token_bytes(32), one.id) for one in given]

    async def tags() -> None:
        async with OwnerClient(consortium.deployment, consortium.trust) as client:
            for one, secret in zip(given, secrets_, strict=True):
                tag = ProofTag(consent=one.id, tag=consent.tag_of(secret))
                provider = from_hex(consortium.made.members["north"].address)
                await client.give_tag(one.signed.api, provider, one.key, tag)

    asyncio.run(tags())
    offer, job, file = consortium.made.offers["north"], JobId(secrets.token_bytes(32)), folder / "tree.json"
    consortium.made.run("prove", "tree", "--config", "north/node.toml", offer, "--out", file, "--valid", "1h")
    tree = parse(ConsentTree, file.read_bytes(), limit=MAX_TREE_FILE)
    root, witness = consent.membership(tree, secrets_[0])
    statement = ConsentStatement(
        key=key.id, job=job, prover=bytes([7]) * 20, relying_party=ZERO20, until=int(time.time()) + 3600,
        offer=tree.offer, root=root, nullifier=consent.nullifier_of(secrets_[0], job),
    )  # fmt: skip
    return consent.prove(witness, statement, consortium.deployment, ProvingKey(keys / "proving.key"), key)

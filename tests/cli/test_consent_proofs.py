"""Anonymous consent as its people have it, by the program alone: a tag, a tree, a proof, a check, a record, a
withdrawal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from consent_proving import consent_keys
from placet.core.consent_trees import ConsentProof
from placet.core.trust import Deployment
from placet.core.values import parse, to_hex

from .conftest import Institutions, wait_for
from .test_institutions import listed, offer_words

pytestmark = pytest.mark.slow


def asked_of_node(institutions: Institutions, file: Path) -> dict[str, Any]:
    """What the page asks of its node about a proof."""
    deployment = parse(Deployment, (institutions.folder / "deployment.json").read_bytes())
    statement = parse(ConsentProof, file.read_bytes()).statement
    words = {name: to_hex(getattr(statement, name)) for name in ("key", "offer", "root", "nullifier")}
    path = f"/v1/proofs/consents/{to_hex(statement.id_on(deployment.proven))}"
    near = httpx.get(institutions.api + path, params=words | {"offer": to_hex(statement.key)}, trust_env=False)
    assert (near.status_code, near.json()["code"]) == (404, "not-found")
    beyond = httpx.get(institutions.api + path, params=words | {"root": "0x" + "ff" * 32}, trust_env=False)
    assert beyond.status_code == 422
    answer = httpx.get(institutions.api + path, params=words, trust_env=False)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_one_of_the_consents_is_mine(institutions: Institutions, tmp_path: Path) -> None:
    deployment = parse(Deployment, (institutions.folder / "deployment.json").read_bytes())
    keys = consent_keys().folder(deployment)  # skips where the extra is not installed
    run, fails = institutions.run, institutions.fails
    bank, url = ("--config", "bank/node.toml"), ("--url", institutions.chain.url)
    offer = run(*offer_words(institutions, "Anonymous")).out.strip()

    def given() -> str:
        consent = run(
            *("owner", "grant", "--wallet", "wallet", "--api", institutions.api, "--offer", offer, "--subject", "C1"),
            *("--code-file", "code", "--yes", "--uses", "9"),
        ).out.strip()
        wait_for(lambda: listed(institutions, consent)["status"] == "given", "consent on chain")
        return consent

    first, second = given(), given()
    tree, proof = tmp_path / "tree.json", tmp_path / "proof.json"
    assert "no consent to publish" in fails("prove", "tree", *bank, offer, "--out", tree).err
    tags = [run("owner", "tag", "--wallet", "wallet", one).out for one in (first, second, second)]
    assert tags[1] == tags[2] != tags[0]
    run("prove", "register", *bank, "--keys", keys)
    root = run("prove", "tree", *bank, offer, "--out", tree).out.strip()
    leaves = json.loads(tree.read_text())["leaves"]
    assert len(leaves) == 2 + 2 * 64 and tags[0].strip()[2:] not in leaves
    assert "before the tree is on chain" in fails("prove", "tree", *bank, offer, "--out", tree).err

    job, lender, prover = "0x" + "ab" * 32, institutions.address("lender"), "0x" + "07" * 20
    prove = ("owner", "prove", "consent", "--wallet", "wallet", "--job", job, "--for", lender, "--prover", prover)
    prove += (*url, "--keys", keys)
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(json.loads(tree.read_text()) | {"consent_trees": "0x" + "07" * 20}))
    assert "another deployment" in fails(*prove, first, "--tree", elsewhere, "--out", proof).err
    made = run(*prove, first, "--tree", tree, "--out", proof)
    assert "one of 2 consents" in made.err
    assert first[2:] not in proof.read_text() and tags[0].strip()[2:] not in proof.read_text()
    check = ("prove", "check", "--deployment", "deployment.json", "--trust", "trust.json", proof)
    shown = run(*check, *url, "--as", lender, "--json").json
    assert shown["shows"] == "one of 2 consents, which is not named"
    assert (shown["offer"], shown["job"], shown["leaves_vouched_for_by"]) == (offer, job, "Bank A")
    assert (shown["tree"], shown["recorded"]) == ("live", "no") and shown["as_of"].startswith("block ")
    said = asked_of_node(institutions, proof)
    assert (said["provider"], said["state"], said["leaves"]) == (institutions.address("bank"), "live", 2)
    assert not said["used"] and not said["recorded"]
    assert "another relying party" in fails(*check, *url).err
    assert "checked against the chain" in fails(*check, "--keys", keys, "--as", lender).err
    run("prove", "record", *bank, proof)
    assert run(*check, *url, "--as", lender, "--json").json["recorded"] != "no"
    wait_for(lambda: asked_of_node(institutions, proof)["confirmed"], "confirmed record")

    # Twice for one job is not recorded, and is refused by who checks it.
    twice = tmp_path / "twice.json"
    run(*prove, first, "--tree", tree, "--valid", "1d", "--out", twice)
    assert "used for this job already" in fails(*check[:-1], twice, *url, "--as", lender).err
    assert "NullifierUsed" in fails("prove", "record", *bank, twice).err

    # Somebody withdraws: what was proven before the chain had it and not recorded, is worth nothing any more.
    late, again = tmp_path / "late.json", tmp_path / "again.json"
    run(*prove, second, "--tree", tree, "--out", late)
    run("owner", "withdraw", "--wallet", "wallet", second)
    wait_for(lambda: listed(institutions, second)["status"] == "withdrawn", "withdrawal on chain")
    assert "no consent can be proven under this root" in fails(*check[:-1], late, *url, "--as", lender).err
    assert "TreeNotLive" in fails("prove", "record", *bank, late).err
    assert "nothing can be proven by this tree" in fails(*prove, first, "--tree", tree, "--out", again).err
    assert run(*check, *url, "--as", lender, "--json").json["tree"] == "ended"
    new_tree = tmp_path / "new-tree.json"
    assert run("prove", "tree", *bank, offer, "--out", new_tree).out.strip() != root
    assert "not in this tree" in fails(*prove, second, "--tree", new_tree, "--out", again).err
    other_job = (*prove[:6], "0x" + "cd" * 32, *prove[7:])
    run(*other_job, first, "--tree", new_tree, "--out", again)
    run("prove", "record", *bank, again)

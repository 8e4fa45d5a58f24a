"""A witness signs what all events come to, goes on from there, and refuses a chain that it did not sign."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from placet.chain import event_types
from placet.chain.client import Chain
from placet.cli.main import app
from placet.core import rlp
from placet.core.block_header import read_header
from placet.core.cosigning import WitnessedBlock, cosigners, log_origin, vouched
from placet.core.errors import ConfigError, StateError
from placet.core.merkle import rfc6962_leaf, rfc6962_nodes
from placet.core.signed_note import SignedNote, parse_note, parse_vkey
from placet.core.values import from_hex, parse, to_hex
from placet.witness import witness as witnessing
from placet.witness.comparing import HistoryAgreement, compare
from placet.witness.settings import WitnessSettings
from placet.witness.state import CHECKPOINT, STATE, WitnessFork
from placet.witness.witness import Witness

ROOTS = [bytes([number]) * 32 for number in range(1, 5)]


def make(environment, folder: Path, secret: Ed25519PrivateKey | None = None, every: int = 1) -> Witness:
    folder.mkdir(exist_ok=True)
    settings = WitnessSettings(
        name=f"{folder.name}.example.org", chain_url=environment.local.url, deployment=folder, key=folder,
        passphrase_file=folder, folder=folder, every=every,
    )  # fmt: skip
    return Witness(
        settings, Chain(environment.local.url, environment.deployment), secret or Ed25519PrivateKey.generate()
    )


def note_of(folder: Path) -> SignedNote:
    return parse_note((folder / CHECKPOINT).read_bytes())


def head_of(environment) -> tuple[int, bytes]:
    """Size and root over all logs of the contracts, as `eth_getLogs` has them."""
    query = {
        "address": [to_hex(address) for address in event_types.addresses(environment.deployment)],
        "fromBlock": hex(environment.deployment.block),
        "toBlock": "latest",
    }
    leaves = []
    for log in environment.local.rpc("eth_getLogs", query):
        number, place = int(log["blockNumber"], 16), int(log["logIndex"], 16)
        address, topics, data = (
            from_hex(log["address"]),
            [from_hex(one) for one in log["topics"]],
            from_hex(log["data"]),
        )
        entry = [rlp.of_int(number), from_hex(log["blockHash"]), rlp.of_int(place), address, topics, data]
        leaves.append(rfc6962_leaf(rlp.encode(entry)))
    return len(leaves), rfc6962_nodes(leaves)


def test_it_signs_all_events_and_goes_on(environment, tmp_path, monkeypatch) -> None:
    offer, secret = environment.offer(), Ed25519PrivateKey.generate()
    environment.send(*(environment.calls.anchor(offer.id, root) for root in ROOTS[:2]))
    witness = make(environment, tmp_path / "a", secret)
    monkeypatch.setattr(witnessing, "STEP", 7)
    first = witness.once()
    assert first is not None
    assert (first.checkpoint.size, first.checkpoint.root) == head_of(environment)
    assert (first.number, first.hash) == (environment.chain.head().number, environment.chain.head().hash)
    assert first.checkpoint.origin == log_origin(environment.deployment)
    note = note_of(tmp_path / "a")
    assert WitnessedBlock.read(note.text) == first
    assert cosigners(note, [witness.key]).keys() == {witness.key}
    assert witness.once() is None
    environment.send(*(environment.calls.anchor(offer.id, root) for root in ROOTS[2:]))
    later = make(environment, tmp_path / "a", secret).once()
    assert later is not None and later.checkpoint.size == first.checkpoint.size + 2
    assert (later.checkpoint.size, later.checkpoint.root) == head_of(environment)


def test_witnesses_of_the_same_steps_sign_the_same(environment, tmp_path) -> None:
    environment.local.mine(3)
    first = make(environment, tmp_path / "a", every=4)
    first.once()
    environment.local.mine(4 - environment.chain.head().number % 4)
    environment.offer()
    second = make(environment, tmp_path / "b", every=4)
    second.once()
    first.once()
    notes, keys = [note_of(tmp_path / "a"), note_of(tmp_path / "b")], (first.key, second.key)
    assert notes[0].text == notes[1].text
    ((number, one),) = vouched(notes, keys, 2, first.origin).items()
    assert number % 4 == 0 and one.shown.hash == environment.chain.block(number).hash and len(one.witnesses) == 2
    assert compare(notes[0], notes[1], keys).agreement is HistoryAgreement.SAME


def anchor(environment, offer, root: bytes) -> None:
    """By an account of Anvil's, with nobody who follows the transaction when it is undone."""
    call = environment.calls.anchor(offer.id, root)
    transaction = {"from": to_hex(environment.key.address), "to": to_hex(call.to), "data": to_hex(call.data)}
    name, until = environment.local.rpc("eth_sendTransaction", transaction), time.monotonic() + 60
    while environment.local.rpc("eth_getTransactionReceipt", name) is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_two_forks_shown_to_two_witnesses_are_proven(environment, tmp_path) -> None:
    offer = environment.offer()
    first, second = make(environment, tmp_path / "a"), make(environment, tmp_path / "b")
    keys = (first.key, second.key)
    with environment.local.snapshot():
        anchor(environment, offer, ROOTS[0])
        assert first.once() is not None
    anchor(environment, offer, ROOTS[1])
    assert second.once() is not None
    notes = [note_of(tmp_path / "a"), note_of(tmp_path / "b")]
    outcome = compare(notes[0], notes[1], keys)
    assert (outcome.agreement, outcome.both) == (HistoryAgreement.FORK, ())
    assert (outcome.first, outcome.second) == (("a.example.org",), ("b.example.org",))
    for _ in range(2):
        with pytest.raises(StateError) as refused:
            first.once()
        assert refused.value.code == "witness.fork"
    assert note_of(tmp_path / "a") == notes[0], "what was signed stays"
    (file,) = (tmp_path / "a").glob("fork-*.json")
    fork = parse(WitnessFork, file.read_bytes())
    assert parse_note(fork.note.encode()) == notes[0]
    shown, signed = read_header(fork.header), WitnessedBlock.read(notes[0].text)
    assert shown.number == signed.number and shown.hash == environment.chain.head().hash != signed.hash
    environment.local.mine(1)
    assert second.once() is not None
    assert compare(notes[0], note_of(tmp_path / "b"), keys).agreement is HistoryAgreement.FORK, (
        "as many events, but others"
    )
    anchor(environment, offer, ROOTS[2])
    assert second.once() is not None
    assert compare(notes[0], note_of(tmp_path / "b"), keys).agreement is HistoryAgreement.UNDECIDED


def test_a_fork_above_what_was_signed_is_another_history_to_nobody(environment, tmp_path) -> None:
    """A reorganisation that leaves the signed block in its place."""
    witness = make(environment, tmp_path / "a")
    environment.offer()
    witness.once()
    with environment.local.snapshot():
        environment.offer()
    environment.offer()
    assert witness.once() is not None


def test_a_folder_that_does_not_fit_is_refused(environment, tmp_path) -> None:
    environment.offer()
    witness = make(environment, tmp_path / "a")
    witness.once()
    file = tmp_path / "a" / STATE
    state = json.loads(file.read_text())
    for change in ({"nodes": []}, {"nodes": ["0x" + "00" * 32] * len(state["nodes"])}, {"note": "x"}, {"version": 2}):
        file.write_text(json.dumps(state | change))
        with pytest.raises(ConfigError, match="does not fit"):
            witness.once()
    other = environment.deployment.model_copy(update={"confirmations": 1})
    file.write_text(json.dumps(state))
    witness._chain = Chain(environment.local.url, other)
    witness.origin = log_origin(other)
    with pytest.raises(ConfigError, match="does not fit"):
        witness.once()


def test_as_its_user_runs_it(environment, tmp_path) -> None:
    files = {"deployment": tmp_path / "deployment.json", "passphrase-file": tmp_path / "passphrase"}
    files["deployment"].write_text(environment.deployment.model_dump_json())
    files["passphrase-file"].write_text("a passphrase of the tests\n")
    files["passphrase-file"].chmod(0o600)
    runner, folder = CliRunner(), tmp_path / "w"
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    name = ["--name", "witness.example.org/placet", "--every", "1", "--url", environment.local.url]
    made = runner.invoke(app, ["witness", "init", str(folder), *name, *options])
    assert made.exit_code == 0, made.exception
    key = made.stdout.strip()
    assert parse_vkey(key).name == "witness.example.org/placet"
    config = ["--config", str(folder / "witness.toml")]
    environment.offer()
    done = runner.invoke(app, ["witness", "once", *config])
    assert done.exit_code == 0, done.exception
    checkpoint = str(folder / CHECKPOINT)
    same = runner.invoke(app, ["witness", "compare", checkpoint, checkpoint, "--witness", key, "--json"])
    assert (same.exit_code, json.loads(same.stdout)["agreement"]) == (0, "same")
    assert (folder / "witness.json").stat().st_mode & 0o077 == 0

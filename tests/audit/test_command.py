"""`placet audit`: the exit code, on whose word it stands, and evidence from other places than the trust list's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from block_chain import proven
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from simulator import Simulation
from test_collect import Replay
from typer.testing import CliRunner

from placet.audit.outcome import Basis
from placet.cli import confined
from placet.cli.main import app
from placet.core.cosigning import WitnessedBlock, cosign, log_origin
from placet.core.hashing import canonical
from placet.core.signatures import Key
from placet.core.signed_note import SignedNote
from placet.core.values import to_hex
from placet.witness.witness import witness_key

TRUST = ("--trust", "trust.json")
DEPLOYMENT = ("--deployment", "deployment.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An auditor's folder: a bundle and his own two files."""
    simulation = Simulation()
    for name, document in (
        ("bundle", simulation.bundle()),
        ("deployment", simulation.deployment),
        ("trust", simulation.trust),
    ):
        (tmp_path / f"{name}.json").write_text(document.model_dump_json())
    monkeypatch.chdir(tmp_path)
    for variable in ("PLACET_CHAIN_URL", "PLACET_DEPLOYMENT", "PLACET_TRUST"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and `placet audit` judges in this process: one of its own takes a second."""
    monkeypatch.setattr(confined, "judge", lambda request: confined.judge_here(request, lambda _: None))
    return folder


def audit(*options: str) -> tuple[int, dict[str, Any]]:
    answer = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", "--json", *options])
    return answer.exit_code, json.loads(answer.stdout)


def test_by_his_own_files_a_bundle_is_intact(folder: Path) -> None:
    code, report = audit(*DEPLOYMENT, *TRUST)
    assert (code, report["verdict"], report["basis"]) == (0, "intact", "own-files")


def test_under_a_hash_of_a_block_it_is_proven(here: Path) -> None:
    """The hash given by number, or out of a checkpoint that enough witnesses signed."""
    bundle, trusted = proven(Simulation())
    (here / "bundle.json").write_text(bundle.model_dump_json())
    ((number, hash_),) = trusted.hashes.items()
    own = (*DEPLOYMENT, *TRUST)
    code, report = audit(*own, "--block", f"{number}={to_hex(hash_)}")
    assert (code, report["verdict"], report["basis"]) == (0, "intact", "proven")
    shown = WitnessedBlock.of(log_origin(bundle.deployment), 9, bytes(32), (number, hash_))
    note, words = SignedNote(shown.checkpoint.text, ()), []
    for name in ("a.example", "b.example", "c.example"):
        secret = Ed25519PrivateKey.generate()
        witness = witness_key(name, secret)
        words += ["--witness", witness.vkey]
        note = note if name == "c.example" else cosign(note, witness, secret, 1_700_000_000)
    (here / "checkpoint").write_bytes(note.encode())
    words += ["--checkpoint", "checkpoint", "--quorum"]
    code, report = audit(*own, *words, "2")
    assert (code, report["basis"]) == (0, "proven")
    assert any("2 of 3 witnesses (a.example, b.example)" in line for line in report["notes"])
    refused = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", *own, *words, "3"])
    assert refused.exit_code == 1 and "too few witnesses" in refused.stderr


def trust(*words: str) -> Any:
    return CliRunner().invoke(app, ["trust", *words])


def good(answer: Any) -> str:
    assert answer.exit_code == 0, answer.stderr
    return str(answer.stdout.strip())


def signed_by(file: str, *keys: str) -> None:
    for key in keys:
        good(trust("sign", file, "--key", key))


def test_one_signed_file_is_all_that_an_auditor_needs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contracts, names, witnesses and how many: through a lost key of a witness, of lists and of roots."""
    bundle, trusted = proven(Simulation())
    (here / "bundle.json").write_text(bundle.model_dump_json())
    ((number, hash_),) = trusted.hashes.items()
    shown = WitnessedBlock.of(log_origin(bundle.deployment), 9, bytes(32), (number, hash_))
    note, vkeys = SignedNote(shown.checkpoint.text, ()), []
    for name in ("a.example", "b.example", "c.example", "d.example"):
        secret = Ed25519PrivateKey.generate()
        vkeys.append(witness_key(name, secret))
        note = note if name in ("a.example", "c.example") else cosign(note, vkeys[-1], secret, 1_700_000_000)
    (here / "checkpoint").write_bytes(note.encode())
    keys = {name: Key() for name in ("one", "two", "three", "new")}
    addresses = {name: to_hex(key.address) for name, key in keys.items()}
    monkeypatch.setenv("PLACET_PASSPHRASE", "correct horse")
    monkeypatch.setattr("placet.chain.keystore.load_secret", lambda file, _: keys[file.name].secret)
    ab, abc = ("one", "two"), ("one", "two", "three")
    roots = [word for name in abc for word in ("--root-key", addresses[name])]
    lists = [word for name in ab for word in ("--list-key", addresses[name])]
    named = [word for key in vkeys[:3] for word in ("--witness", key.vkey)]
    root = good(
        trust("draft", "t1", *DEPLOYMENT, *TRUST, *roots, "--root-threshold", "2", *lists, *named, "--quorum", "2")
    )
    assert trust("show", "t1").exit_code == 1
    refused = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", "--trust", "t1"])
    assert refused.exit_code == 1 and "not signed by enough" in refused.stderr
    signed_by("t1", "one", "three")
    assert f"not signed by {addresses['two']}" in trust("show", "t1").stdout
    signed_by("t1", "two")
    good(trust("show", "t1"))

    assert "--root HASH" in trust("update", "mine", "t1").stderr
    assert "another root" in trust("update", "mine", "t1", "--root", "0x" + "11" * 32).stderr
    good(trust("update", "mine", "t1", "--root", root))
    code, report = audit("--trust", "mine")
    assert (code, report["basis"]) == (0, "own-files")
    words = ("audit", "--bundle", "bundle.json", "--trust", "mine", "--checkpoint", "checkpoint")
    assert "too few witnesses" in CliRunner().invoke(app, words).stderr, "b alone of a, b and c"

    named = [word for key in (vkeys[1], vkeys[3]) for word in ("--witness", key.vkey)]
    good(trust("draft", "t2", "--from", "mine", *named))
    signed_by("t2", *ab)
    good(trust("update", "mine", "t2"))
    code, report = audit("--trust", "mine", "--checkpoint", "checkpoint")
    assert (code, report["basis"]) == (0, "proven"), "c's key was lost, d took its place"
    assert any("2 of 2 witnesses (b.example, d.example)" in line for line in report["notes"])
    assert "older" in trust("update", "mine", "t1").stderr

    kept = [word for name in ("two", "three", "new") for word in ("--root-key", addresses[name])]
    clerks = [word for name in ("two", "new") for word in ("--list-key", addresses[name])]
    good(trust("draft", "t3", "--from", "mine", *kept, *clerks))
    signed_by("t3", "new", "two")
    assert "root 2 by the keys of root 1" in trust("update", "mine", "t3").stderr
    signed_by("t3", "three")
    good(trust("update", "mine", "t3"))
    assert json.loads(good(trust("show", "mine", "--json")))["root"]["version"] == 2
    code, report = audit("--trust", "mine", "--checkpoint", "checkpoint")
    assert (code, report["basis"]) == (0, "proven")

    other = json.loads((here / "deployment.json").read_text()) | {"chain_id": 5}
    (here / "other.json").write_text(json.dumps(other))
    answer = CliRunner().invoke(app, [*words, "--deployment", "other.json"])
    assert answer.exit_code == 1 and "another deployment" in answer.stderr
    late = json.loads(good(trust("show", "mine", "--json")))["list"]["expires"]
    monkeypatch.setattr("placet.cli.inputs.time.time", lambda: late)
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 1 and "has expired" in answer.stderr


@pytest.mark.parametrize("own", [(), DEPLOYMENT, TRUST])
def test_by_the_bundles_own_word_nothing_is_intact(here: Path, own: tuple[str, ...]) -> None:
    code, report = audit(*own, "--html", "report.html")
    assert (code, report["verdict"], report["basis"]) == (5, "incomplete", "bundle")
    assert Basis.BUNDLE.words in report["headline"]
    assert "the bundle&#39;s own word" in (here / "report.html").read_text()
    shown = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", *own])
    assert shown.exit_code == 5
    assert f"basis: {Basis.BUNDLE.words}" in shown.stdout.splitlines()


def test_a_tampered_bundle_stays_tampered_by_its_own_word(here: Path) -> None:
    bundle = json.loads((here / "bundle.json").read_text())
    bundle["evidence"][0]["evidence"]["evidence"]["steps"][0]["parameters"] = {"rows": "all"}
    (here / "bundle.json").write_text(json.dumps(bundle))
    assert audit()[0] == audit(*DEPLOYMENT, *TRUST)[0] == 3


@pytest.fixture
def live(here: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """A chain that holds the job, and no party that answers: their evidence is in files."""
    simulation = Simulation()
    monkeypatch.setattr("placet.chain.client.Chain", lambda *_: Replay(simulation))
    (here / "trust.json").write_text(simulation.trust.model_dump_json())
    for party in range(4):
        evidence = simulation.sign_evidence(simulation.evidence(party))
        (here / f"{party}.json").write_bytes(canonical(evidence.to_json()))
    return simulation


def audit_live(simulation: Simulation, *evidence: str) -> Any:
    places = [word for place in evidence for word in ("--evidence", place)]
    words = ["audit", to_hex(simulation.job), "--url", "http://127.0.0.1:1", *DEPLOYMENT, *TRUST, "--json", *places]
    return CliRunner().invoke(app, words)


def of(simulation: Simulation, party: int, place: str) -> str:
    return f"{to_hex(simulation.signers[party].address)}={place}"


def test_evidence_comes_from_where_the_auditor_says(live: Simulation) -> None:
    files = [of(live, party, f"{party}.json") for party in range(4)]
    whole = audit_live(live, *files)
    assert whole.exit_code == 0, whole.output
    report = json.loads(whole.stdout)
    assert (report["verdict"], report["basis"]) == ("intact", "live-chain")
    for places in (
        files[:3],
        [*files[:3], of(live, 3, "http://127.0.0.1:1/closed")],
        [*files[:3], of(live, 3, "2.json")],
    ):
        assert audit_live(live, *places).exit_code == 5


def test_facts_that_are_read_again_leave_the_bundles_proof_behind(live: Simulation, folder: Path) -> None:
    bundle, _ = proven(live)
    (folder / "bundle.json").write_text(bundle.model_dump_json())
    code, report = audit(*DEPLOYMENT, *TRUST, "--url", "http://127.0.0.1:1")
    assert (code, report["verdict"], report["basis"]) == (0, "intact", "live-chain")
    assert {one["status"] for one in report["results"] if one["group"] == "proof"} == {"skipped"}


@pytest.mark.parametrize(
    "wrong",
    ["nonsense", "0x12=0.json", "0x" + "ab" * 20 + "=0.json", "{0}=", "{0}=absent.json", "{0}=0.json {0}=1.json"],
)
def test_a_wrong_place_is_refused_before_anything_is_asked(live: Simulation, wrong: str) -> None:
    answer = audit_live(live, *wrong.format(to_hex(live.signers[0].address)).split())
    assert (answer.exit_code, answer.stdout) == (1, "")


def test_a_bundle_takes_no_evidence_from_elsewhere(folder: Path) -> None:
    answer = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", "--evidence", "0x00=x"])
    assert answer.exit_code == 2

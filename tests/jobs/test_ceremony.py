"""A ceremony of three institutions on real nodes and a real chain, with snarkjs; a proof under the key of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from live import LiveConsortium
from placet.chain.ceremonies import ceremony_made
from placet.chain.statements import registered_key
from placet.core.ceremonies import Ceremony
from placet.core.statements import MOST
from placet.core.values import parse, to_hex
from proving import opened_total, statement_of

pytestmark = pytest.mark.slow
pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")

TOOLS = Path(__file__).resolve().parents[2] / "hardhat-free-local" / "node_modules"
TURNS = ("north", "south", "consumer")


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


def test_three_institutions_make_a_key_and_a_proof_holds_under_it(consortium: LiveConsortium, tmp_path: Path) -> None:
    if not (TOOLS / "snarkjs").is_dir():
        pytest.skip("no snarkjs here: scripts/setup")
    from placet.protocols.zk import band
    from placet.protocols.zk.groth16 import ProvingKey

    folder, run = tmp_path / "round", consortium.made.run
    addresses = [consortium.made.members[who].address for who in TURNS]
    programs = ("--programs", TOOLS)
    place = ("--deployment", "deployment.json", "--trust", "trust.json", "--url", consortium.made.chain.url)

    def step(command: str, who: str, *words: object) -> str:
        answer: str = run("zk", "ceremony", command, "--config", f"{who}/node.toml", folder, *words)
        return answer

    named = [word for address in addresses for word in ("--contributor", address)]
    first = step("open", "consumer", "--circuit", "band", *named)
    assert step("open", "consumer", "--circuit", "band", *named) == first  # as after a crash: nothing is sent again
    ceremony = parse(Ceremony, (folder / "ceremony.json").read_text(), what="ceremony")
    assert first.strip() == to_hex(ceremony.key.id)
    with pytest.raises(RuntimeError, match="another contributor's turn"):
        step("contribute", "south", *programs)
    killed_half_way(consortium, folder, "north")
    for phase in ("powers", "key"):
        for number, who in enumerate(TURNS, 1):
            step("contribute", who, *programs)
            assert list(folder.glob(f"{phase}-{number}.*"))
    # What the last one recorded, and no other: somebody who draws a key of its own gets nowhere.
    forged = shutil.copytree(folder, tmp_path / "forged")
    shutil.copyfile(forged / "key-2.zkey", forged / "key-3.zkey")
    with pytest.raises(RuntimeError, match="other contributions than those on chain"):
        run("zk", "ceremony", "check", *place, forged, *programs)
    # The right record with other points: our parser sees no difference, snarkjs does.
    octets = bytearray((folder / "key-3.zkey").read_bytes())
    octets[len(octets) // 2] ^= 1
    (forged / "key-3.zkey").write_bytes(octets)
    with pytest.raises(RuntimeError, match="does not verify"):
        run("zk", "ceremony", "check", *place, forged, *programs)
    with pytest.raises(RuntimeError, match="not all contributors confirmed"):
        run("zk", "ceremony", "check", *place, folder, *programs)

    keys = tmp_path / "keys"
    for who in TURNS:
        step("confirm", who, *programs, *(("--keys", keys) if who == "north" else ()))
    report = json.loads(run("zk", "ceremony", "check", *place, folder, *programs, "--json"))
    assert report["contributors"] == [consortium.made.members[who].name for who in TURNS]

    domain, prover = consortium.deployment.proven, consortium.key("consumer", "signer")
    key = registered_key(consortium.chain, bytes.fromhex(report["key"][2:]))
    assert list(map(to_hex, key.contributors)) == addresses
    assert ceremony_made(consortium.chain, ceremony, key.verification.id)
    opened = opened_total(domain, prover, 150)
    statement = statement_of(opened, key.verification, 100, MOST, prover=prover.address)
    proof = band.prove(opened, statement, domain, ProvingKey(keys / "proving.key"), key.verification)
    (tmp_path / "proof.json").write_text(json.dumps(proof.to_json()))
    run("prove", "record", "--config", "south/node.toml", tmp_path / "proof.json")

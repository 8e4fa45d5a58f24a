"""groth16py against snarkjs and circom's own compiler, both ways, and witnesses that somebody made by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.protocols.test_zk_consent import NAMED, OFFER, PLACE, witness_of

from consent_proving import Holder, consent_keys, tree_of
from placet.core.eip712 import statement_domain
from placet.core.signatures import Key
from placet.core.statements import FIELD, MOST, VerificationKey
from placet.core.values import ZERO32
from proving import CIRCUITS, opened_total, statement_of

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk import groth16
from placet.protocols.zk.circuit import BAND, CONSENT
from placet.protocols.zk.extra import groth16py

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[2] / "hardhat-free-local" / "node_modules"
DOMAIN = statement_domain(31337, bytes([7]) * 20)


def program(name: str, *words: object, cwd: Path, fails: bool = False) -> str:
    """A program of npm's folder; its output."""
    entry = {"snarkjs": "snarkjs/build/cli.cjs", "circom2": "circom2/cli.js"}[name]
    node = shutil.which("node")
    if node is None or not (TOOLS / entry).is_file():
        pytest.skip(f"no {name} here: scripts/setup")
    done = subprocess.run(
        [node, TOOLS / entry, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert (done.returncode != 0) == fails, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout


def by_circom(circuit: str, folder: Path) -> Path:
    """The folder, with the circuit compiled by circom."""
    # circom2 is WebAssembly, which sees the folder that it runs in and no other.
    for source in (*CIRCUITS.glob("*.circom"), *Path(groth16py.circomlib_path(2)).glob("*.circom")):
        (folder / source.name).write_bytes(source.read_bytes())
    program("circom2", f"{circuit}.circom", "--r1cs", "--wasm", "--O2", "-o", ".", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the circuit compiled by circom, and keys of a ceremony of two, made by snarkjs."""
    folder = by_circom("band", tmp_path_factory.mktemp("snarkjs"))

    def snarkjs(*words: object) -> None:
        program("snarkjs", *words, cwd=folder)

    snarkjs("powersoftau", "new", "bn128", "10", "0.ptau")
    snarkjs("powersoftau", "contribute", "0.ptau", "1.ptau", "--name=a", "-e=only for tests")
    snarkjs("powersoftau", "prepare", "phase2", "1.ptau", "2.ptau")
    snarkjs("groth16", "setup", "band.r1cs", "2.ptau", "0.zkey")
    snarkjs("zkey", "contribute", "0.zkey", "1.zkey", "--name=a", "-e=only for tests")
    snarkjs("zkey", "contribute", "1.zkey", "2.zkey", "--name=b", "-e=only for tests as well")
    for zkey in ("0", "2"):
        snarkjs("zkey", "export", "verificationkey", f"{zkey}.zkey", f"{zkey}.json")
    return folder


def verification(folder: Path, name: str) -> VerificationKey:
    key = json.loads((folder / f"{name}.json").read_text())
    return VerificationKey(circuit=BAND.id, ceremony=ZERO32, key=groth16.from_snarkjs(key))


def inputs(key: VerificationKey) -> tuple[dict[str, str], list[int]]:
    """What proves "at least 100" of 150, and its public part."""
    opened = opened_total(DOMAIN, Key(bytes(31) + b"\x09"), 150)
    public = statement_of(opened, key, 100, MOST, prover=bytes(20)).public_inputs(DOMAIN)
    named = dict(zip(("context", "job", "commitment", "low", "high"), map(str, public), strict=True))
    return named | {"total": "150", "salt": str(int.from_bytes(opened.salt, "big"))}, public


def as_bytes(proof: dict[str, Any]) -> bytes:
    """snarkjs's proof as ours."""
    (a0, a1, _), (b0, b1, _), (c0, c1, _) = proof["pi_a"], proof["pi_b"], proof["pi_c"]
    return b"".join(int(word).to_bytes(32, "big") for word in (a0, a1, b0[1], b0[0], b1[1], b1[0], c0, c1))


def as_snarkjs(proof: bytes) -> dict[str, Any]:
    a0, a1, b01, b00, b11, b10, c0, c1 = (str(int.from_bytes(proof[at : at + 32], "big")) for at in range(0, 256, 32))
    points = {"pi_a": [a0, a1, "1"], "pi_b": [[b00, b01], [b10, b11], ["1", "0"]], "pi_c": [c0, c1, "1"]}
    return points | {"protocol": "groth16", "curve": "bn128"}


def test_each_takes_the_others_proofs(built: Path) -> None:
    """Under keys of a ceremony that snarkjs made; the circuit compiled by either."""
    key = verification(built, "2")
    given, public = inputs(key)
    (built / "in.json").write_text(json.dumps(given))
    program(
        "snarkjs", "groth16", "fullprove", "in.json", "band_js/band.wasm", "2.zkey", "proof.json", "public.json",
        cwd=built,
    )  # fmt: skip
    assert json.loads((built / "public.json").read_text()) == list(map(str, public))
    theirs = as_bytes(json.loads((built / "proof.json").read_text()))
    assert groth16.verify(key, public, theirs)
    assert not groth16.verify(key, [public[0] + 1, *public[1:]], theirs)

    proving, _ = groth16py.import_zkey(
        str(built / "2.zkey"), str(CIRCUITS / "band.circom"), [groth16py.circomlib_path(2), str(CIRCUITS)]
    )
    ours = groth16py.prove(proving, {name: int(value) for name, value in given.items()})
    assert groth16.verify(key, public, ours) and ours != theirs
    (built / "ours.json").write_text(json.dumps(as_snarkjs(ours)))
    verify = ("groth16", "verify", "2.json", "public.json", "ours.json")
    assert "OK!" in program("snarkjs", *verify, cwd=built)
    (built / "public.json").write_text(json.dumps([str(public[0] + 1), *map(str, public[1:])]))
    program("snarkjs", *verify, cwd=built, fails=True)


def test_a_set_up_without_a_contribution_is_what_the_contract_refuses(built: Path) -> None:
    """γ = δ, and anybody proves anything: a commitment that nobody can open, in a band that it is not in."""
    key = verification(built, "0")
    assert key.key[192:320] == key.key[320:448]
    snarkjs = groth16.to_snarkjs(key)
    assert snarkjs["vk_gamma_2"] == snarkjs["vk_delta_2"]
    assert verification(built, "2").key[192:320] != verification(built, "2").key[320:448]


def words_of(witness: bytes) -> tuple[int, list[int]]:
    """Where a `.wtns` file's numbers begin, and these, 32 bytes each."""
    start = witness.index(b"\x02\x00\x00\x00", 12 + 12) + 12
    return start, [int.from_bytes(witness[at : at + 32], "little") for at in range(start, len(witness), 32)]


def test_a_witness_made_by_hand_satisfies_no_constraint(built: Path) -> None:
    """Wires of a right witness changed one at a time, and a bit made no bit: none passes the circuit's check."""
    key = verification(built, "2")
    given, _ = inputs(key)
    (built / "right.json").write_text(json.dumps(given))
    program("snarkjs", "wtns", "calculate", "band_js/band.wasm", "right.json", "right.wtns", cwd=built)
    check = ("wtns", "check", "band.r1cs")
    assert "CORRECT" in program("snarkjs", *check, "right.wtns", cwd=built)
    witness = (built / "right.wtns").read_bytes()
    start, numbers = words_of(witness)
    assert numbers[0] == 1 and numbers[6:8] == [150, int(given["salt"])] and max(numbers) < FIELD
    bits = next(place for place, value in enumerate(numbers) if place > 7 and value in (0, 1))
    changes = [(1, numbers[1] + 1), (4, 151), (5, 100), (6, 151), (7, numbers[7] + 1), (bits, 2), (bits, FIELD - 1),
               (len(numbers) - 1, numbers[-1] + 1)]  # fmt: skip
    for place, value in changes:
        wrong = bytearray(witness)
        wrong[start + 32 * place : start + 32 * place + 32] = (value % FIELD).to_bytes(32, "little")
        (built / "wrong.wtns").write_bytes(wrong)
        text = program("snarkjs", *check, "wrong.wtns", cwd=built, fails=True)
        assert "CORRECT" not in text.replace("NOT CORRECT", ""), (place, value)


@pytest.mark.parametrize("change", [{"total": "99"}, {"high": str(2**64)}, {"low": "151"}, {"salt": "1"}, {"job": "1"}])
def test_circoms_own_witness_generator_refuses(built: Path, change: dict[str, str]) -> None:
    given, _ = inputs(verification(built, "2"))
    (built / "false.json").write_text(json.dumps(given | change))
    program("snarkjs", "wtns", "calculate", "band_js/band.wasm", "false.json", "false.wtns", cwd=built, fails=True)


@pytest.fixture(scope="module")
def consents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the circuit `consent` compiled by circom."""
    return by_circom("consent", tmp_path_factory.mktemp("consents"))


def test_snarkjs_takes_a_consents_proof_and_for_no_other_job(consents: Path) -> None:
    """The key is of groth16py's own compilation."""
    keys, holder = consent_keys(), Holder()
    right = witness_of(holder, tree_of([holder, Holder()], OFFER, PLACE))
    public = [right[name] for name in NAMED]
    proof = keys.proving.prove(right, public, keys.verification(PLACE))
    (consents / "key.json").write_text(json.dumps(keys.snarkjs))
    (consents / "proof.json").write_text(json.dumps(as_snarkjs(proof)))
    verify = ("groth16", "verify", "key.json", "public.json", "proof.json")
    (consents / "public.json").write_text(json.dumps(list(map(str, public))))
    assert "OK!" in program("snarkjs", *verify, cwd=consents)
    (consents / "public.json").write_text(json.dumps(list(map(str, [public[0], public[1] + 1, *public[2:]]))))
    program("snarkjs", *verify, cwd=consents, fails=True)


def test_circom_compiles_the_circuit_of_consents_alike(consents: Path) -> None:
    """Its constraints fit the circuit's powers and no smaller ones; a right witness satisfies all, and with another
    number in the place of a public input or of the secret none; circom's generator makes none of what is false."""
    constraints = int.from_bytes(_header(consents / "consent.r1cs")[-4:], "little")
    assert 2 ** (CONSENT.power - 1) < constraints + len(NAMED) + 1 <= 2**CONSENT.power
    holder = Holder()
    right = witness_of(holder, tree_of([holder, Holder()], OFFER, PLACE))

    def witness(inputs: dict[str, Any], *, fails: bool = False) -> Path:
        (consents / "in.json").write_text(json.dumps(inputs))
        program("snarkjs", "wtns", "calculate", "consent_js/consent.wasm", "in.json", "in.wtns", cwd=consents,
                fails=fails)  # fmt: skip
        return consents / "in.wtns"

    made = witness(_decimal(right)).read_bytes()
    check = ("wtns", "check", "consent.r1cs")
    assert "CORRECT" in program("snarkjs", *check, "in.wtns", cwd=consents)
    start, numbers = words_of(made)
    assert numbers[:7] == [1, *(right[name] for name in NAMED), right["secret"]]
    for place in range(1, 7):
        wrong = bytearray(made)
        wrong[start + 32 * place : start + 32 * place + 32] = ((numbers[place] + 1) % FIELD).to_bytes(32, "little")
        (consents / "wrong.wtns").write_bytes(wrong)
        text = program("snarkjs", *check, "wrong.wtns", cwd=consents, fails=True)
        assert "CORRECT" not in text.replace("NOT CORRECT", ""), place
    turned = [1 - right["right"][0], *right["right"][1:]]
    for change in ({"secret": right["secret"] + 1}, {"job": right["job"] + 1}, {"right": turned}):
        witness(_decimal(right | change), fails=True)


def _decimal(inputs: dict[str, Any]) -> dict[str, Any]:
    """Numbers as snarkjs reads them whole."""
    return {name: list(map(str, value)) if isinstance(value, list) else str(value) for name, value in inputs.items()}


def _header(file: Path) -> bytes:
    """The header of a `.r1cs` file, whose last four bytes are its number of constraints."""
    content, at = file.read_bytes(), 12
    while (kind := int.from_bytes(content[at : at + 4], "little")) != 1:
        at += 12 + int.from_bytes(content[at + 4 : at + 12], "little")
        assert kind
    return content[at + 12 : at + 12 + int.from_bytes(content[at + 4 : at + 12], "little")]

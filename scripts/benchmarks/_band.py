"""Statements in zero knowledge about totals: keys, proving and checking in processor time, and gas on a fresh Anvil.

The keys are one person's, this run's: they are for measuring alone. Times are medians of processor seconds.
"""

from __future__ import annotations

import json as json_
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from placet.chain.abi import function
from placet.chain.calls import Call
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain, dev_account
from placet.chain.statements import record_statement, register_key
from placet.core.eip712 import Domain
from placet.core.ids import JobId
from placet.core.signatures import Key
from placet.core.statements import MOST, BandStatement, OpenedTotal, SignedTotal, Total, VerificationKey
from placet.core.trust import Deployment
from placet.core.values import ZERO20, ZERO32, to_hex
from placet.protocols.zk import band, groth16
from placet.protocols.zk.circuit import BAND, Circuit
from placet.protocols.zk.extra import groth16py

ROUNDS = 9
TARGETS = {"prove_cpu_s": 0.2, "verify_cpu_s": 0.01}
NOTES = {
    "setup_cpu_s": "compile the circuit and make keys, by one person",
    "proving_key_mb": "the proving key on disk, MB of 10^6 bytes",
    "load_cpu_s": "read the proving key, each point checked",
    "prove_cpu_s": "one statement, its proof verified",
    "verify_cpu_s": "one proof, key at hand",
    "proof_file_bytes": "the file for the relying party",
    "register_gas": "the verification key, once",
    "verify_gas": "a transaction that only verifies: five public inputs",
    "record_gas": "a transaction that verifies and records",
}


def cpu(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of so many rounds, in processor seconds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


class MeasuredKeys(NamedTuple):
    """One person's keys of a circuit."""

    proving: groth16.ProvingKey
    verification: VerificationKey


def keys_of(circuit: Circuit, folder: Path, checker: bytes = ZERO20) -> tuple[MeasuredKeys, dict[str, float]]:
    """Keys of a circuit, and what they cost."""
    figures, file, began = {}, folder / "proving.key", time.process_time()
    made, verifying = groth16py.setup_circom(
        str(circuit.source), [groth16py.circomlib_path(2), str(circuit.source.parent)]
    )
    figures["setup_cpu_s"] = time.process_time() - began
    made.save(str(file))
    figures["proving_key_mb"] = file.stat().st_size / 1e6
    figures["load_cpu_s"] = cpu(lambda: groth16.ProvingKey(file), 3)
    verification = VerificationKey(
        circuit=circuit.id,
        ceremony=ZERO32,
        nullifier=circuit.nullifier,
        checker=checker,
        key=groth16.from_snarkjs(json_.loads(verifying.to_json())),
    )
    return MeasuredKeys(groth16.ProvingKey(file), verification), figures


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """As they are printed."""
    return {name: round(value, 4) if value % 1 else int(value) for name, value in figures.items()}


def told(
    circuit: str,
    figures: dict[str, float],
    notes: dict[str, str],
    targets: dict[str, float],
    say: Callable[[str], None],
) -> dict[str, object]:
    """Said line by line; the figures under names that begin with the circuit's."""
    for name, note in notes.items():
        target = f"of {targets[name]:g}" if name in targets else ""
        say(f"{circuit}_{name:<18} {figures[name]:>12,} {target:<8} {note}")
    return {f"{circuit}_{name}": value for name, value in figures.items()}


def _opened(domain: Domain, issuer: Key) -> OpenedTotal:
    job, salt, now = JobId(secrets.token_bytes(32)), band.new_salt(), int(time.time())
    total = Total(
        job=job,
        person=issuer.address,
        commitment=band.commitment(123_456_789, salt, job),
        decimals=2,
        issued_at=now,
        not_after=now + 86_400,
        purpose="measuring",
    )
    signed = SignedTotal(total=total, issuer=issuer.address, signature=issuer.sign(total.digest(domain)))
    return OpenedTotal(
        chain_id=domain.chain_id, statements=domain.contract, signed=signed, value=123_456_789, salt=salt
    )


def measure() -> dict[str, float]:
    """All figures, by the names of NOTES."""
    figures: dict[str, float] = {}
    with LocalChain() as chain, tempfile.TemporaryDirectory() as folder:
        key = Key(bytes(dev_account(0).key))
        deployment = deploy(chain.url, key, 0)
        domain = deployment.proven
        (proving, verification), more = keys_of(BAND, Path(folder))
        figures |= more
        opened = _opened(domain, key)
        statement = BandStatement(
            key=verification.id,
            job=opened.signed.total.job,
            prover=key.address,
            relying_party=ZERO20,
            until=int(time.time()) + 86_400,
            commitment=opened.signed.total.commitment,
            low=100_000_000,
            high=MOST,
        )
        proven = band.prove(opened, statement, domain, proving, verification)
        figures["prove_cpu_s"] = cpu(lambda: band.prove(opened, statement, domain, proving, verification))
        figures["verify_cpu_s"] = cpu(lambda: band.holds(proven, domain, verification))
        figures["proof_file_bytes"] = len(json_.dumps(proven.to_json(), indent=1))
        figures["register_gas"] = gas_of(chain, key, register_key(deployment, verification))
        check = verification_call(deployment, statement.public_inputs(domain), proven.proof, verification)
        figures["verify_gas"] = gas_of(chain, key, check)
        figures["record_gas"] = gas_of(chain, key, record_statement(deployment, proven))
    return rounded(figures)


def verification_call(deployment: Deployment, public: list[int], proof: bytes, key: VerificationKey) -> Call:
    """That the verifier takes a proof."""
    numbers = [int.from_bytes(proof[at : at + 32], "big") for at in range(0, len(proof), 32)]
    data = function("Groth16Verifier", "verify").encode(key.id, public, numbers)
    return Call(deployment.groth16_verifier.address, data, "verify")


def gas_of(chain: LocalChain, key: Key, call: Call) -> int:
    """What a transaction used; RuntimeError where it is reverted."""
    transaction = {"from": to_hex(key.address), "to": to_hex(call.to), "data": to_hex(call.data), "gas": hex(10**7)}
    name = chain.rpc("eth_sendTransaction", transaction)
    deadline = time.monotonic() + 60
    while (receipt := chain.rpc("eth_getTransactionReceipt", name)) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"not mined: {call.what}")
        time.sleep(0.01)
    if receipt["status"] != "0x1":
        raise RuntimeError(f"reverted: {call.what}")
    return int(receipt["gasUsed"], 16)


def band_statement(say: Callable[[str], None]) -> dict[str, object]:
    """Measure and say so."""
    return told("band", measure(), NOTES, TARGETS, say)

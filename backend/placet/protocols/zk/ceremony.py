"""A ceremony among institutions: what each makes of the folder that goes round, and how it is verified at the end.

Bowe, Gabizon, Miers, *Scalable Multi-party Computation for zk-SNARK Parameters in the Random Beacon Model* (2017),
without a beacon, as Kohlweiss, Maller, Siim, Volkhov, *Snarky Ceremonies* (Asiacrypt 2021) prove it secure: in the
algebraic group model with random oracles, a Groth16 key is sound if in each of the two phases one contributor drew its
secret at random and forgot it. All contribute to both here, so that one honest institution is enough.

The folder has `ceremony.json`; `powers-N.ptau`, the powers of tau after N contributions; `powers.ptau`, the last ones
prepared; and `key-N.zkey`, the key after N. A file of N contributions holds the records of all N, so older ones are
needed by nobody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from placet.core.ceremonies import Ceremony, CeremonyPhase, PhaseState, demand_recorded
from placet.core.errors import InputError
from placet.core.statements import VerificationKey
from placet.core.values import to_hex
from placet.protocols.zk.circuit import CIRCUITS, Circuit
from placet.protocols.zk.extra import groth16py
from placet.protocols.zk.groth16 import from_snarkjs
from placet.protocols.zk.snarkjs import Programs
from placet.protocols.zk.transcript import KEY, POWERS, FileKind, contributions

States = tuple[PhaseState, PhaseState]
"""What the chain says of the powers and of the key."""


def circuit_of(ceremony: Ceremony) -> Circuit:
    """InputError `ceremony.circuit` where the ceremony's circuit is none of ours, or another version of it."""
    circuit = CIRCUITS.get(ceremony.circuit)
    if circuit is None or (circuit.id, circuit.power) != (ceremony.circuit_id, ceremony.power):
        raise InputError(
            "the ceremony is for another circuit than any that is installed here",
            expected=", ".join(f"{one.name} {one.id.hex()}, 2^{one.power}" for one in CIRCUITS.values()),
            found=f"{ceremony.circuit} {ceremony.circuit_id.hex()}, 2^{ceremony.power}",
            remedy="install the release for which it was opened",
            code="ceremony.circuit",
        )
    return circuit


def turn(ceremony: Ceremony, states: States) -> tuple[CeremonyPhase, PhaseState] | None:
    """The phase in which somebody has to contribute, None where all have. InputError `ceremony.unknown` for a ceremony
    that nobody opened, or for other contributors."""
    for phase, state in zip((ceremony.powers, ceremony.key), states, strict=True):
        if state.contributors != len(ceremony.contributors):
            raise InputError(
                "the ceremony is not on chain", expected=f"a {phase.name} phase {to_hex(phase.id)}",
                found=f"{state.contributors} contributors", remedy="its opener: placet zk ceremony open",
                code="ceremony.unknown",
            )  # fmt: skip
        if not state.is_complete:
            return phase, state
    return None


@dataclass(frozen=True)
class CeremonyFolder:
    """The folder of a ceremony, the programs that work on it, and the contract that its key names (zero for none)."""

    path: Path
    ceremony: Ceremony
    programs: Programs
    checker: bytes

    def contribute(self, states: States) -> tuple[CeremonyPhase, bytes] | None:
        """The contribution that follows those on chain, as a file: its phase, and the hash to record; None where all
        have contributed. A file that is there is taken as it is: its secret is forgotten, and a second one would be
        another contribution.

        InputError `ceremony.record`, `ceremony.file` or `ceremony.false` for what came from the contributor before."""
        due = turn(self.ceremony, states)
        if due is None:
            return None
        phase, state = due
        target = self._file(phase, state.contributed + 1)
        if not target.exists():
            before = self._verified_powers(state) if phase.name == "powers" else self._verified_key(states)
            make = self.programs.contribute_powers if phase.name == "powers" else self.programs.contribute_key
            name = to_hex(self.ceremony.contributors[state.contributed])
            _whole(target, lambda part: make(before, part, name))
        records = self._contributions(phase, target)
        demand_recorded(self.ceremony, phase, state, records[:-1])
        return phase, records[-1]

    def verified(self, states: States) -> VerificationKey:
        """The key that came out, its files verified to the last contribution and held against the chain. InputError
        `ceremony.open` where somebody has yet to contribute, and as of `contribute`."""
        due = turn(self.ceremony, states)
        if due is not None:
            raise InputError(
                "the ceremony is not over",
                expected=f"{due[1].contributors} contributions to each phase",
                found=f"{due[1].contributed} to the {due[0].name}",
                code="ceremony.open",
            )
        circuit = circuit_of(self.ceremony)
        _, verification = groth16py.import_zkey(str(self._verified_key(states)))
        return VerificationKey(
            circuit=circuit.id,
            ceremony=self.ceremony.key.id,
            nullifier=circuit.nullifier,
            checker=self.checker,
            key=from_snarkjs(json.loads(verification.to_json())),
        )

    @property
    def last_key(self) -> Path:
        """The key after all contributions."""
        return self._file(self.ceremony.key, len(self.ceremony.contributors))

    @property
    def _prepared(self) -> Path:
        return self.path / "powers.ptau"

    def _file(self, phase: CeremonyPhase, place: int) -> Path:
        return self.path / f"{phase.name}-{place}.{'ptau' if phase.name == 'powers' else 'zkey'}"

    def _verified_powers(self, state: PhaseState) -> Path:
        """The powers that the chain has so far, verified."""
        file = self._file(self.ceremony.powers, state.contributed)
        if state.contributed == 0:
            _whole(file, lambda part: self.programs.new_powers(self.ceremony.power, part))
            return file
        self._demand_recorded(self.ceremony.powers, state, file)
        self.programs.demand_powers(file)
        return file

    def _verified_key(self, states: States) -> Path:
        """The key that the chain has so far, verified down to the powers."""
        circuit, (powers_state, state) = circuit_of(self.ceremony), states
        file = self._file(self.ceremony.key, state.contributed)
        if state.contributed == 0:
            last = self._verified_powers(powers_state)
            _whole(self._prepared, lambda part: self.programs.prepare(last, part))
            _whole(file, lambda part: self.programs.new_key(circuit.source, self._prepared, part))
            return file
        self._demand_recorded(self.ceremony.powers, powers_state, self._prepared)
        self._demand_recorded(self.ceremony.key, state, file)
        self.programs.demand_powers(self._prepared)
        self.programs.demand_key(circuit.source, self._prepared, file)
        return file

    def _demand_recorded(self, phase: CeremonyPhase, state: PhaseState, file: Path) -> None:
        demand_recorded(self.ceremony, phase, state, self._contributions(phase, file))

    def _contributions(self, phase: CeremonyPhase, file: Path) -> Sequence[bytes]:
        kind: FileKind = POWERS if phase.name == "powers" else KEY
        return contributions(file, kind, self.ceremony.power)


def _whole(target: Path, make: Callable[[Path], None]) -> None:
    """A file that is there whole or not at all, also after a crash: what is recorded of it can't be made again."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    make(part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

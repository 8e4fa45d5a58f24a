"""A ceremony's files as our parser reads them, and its folder from turn to turn; snarkjs's part is in tests/jobs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ceremony_files import EmptyPrograms, record, sections_of, word, written
from placet.core.ceremonies import Ceremony, PhaseState, demand_institutions
from placet.core.errors import ConfigError, InputError
from placet.core.trust import TrustList
from placet.core.values import ZERO20, to_hex

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk.ceremony import CeremonyFolder, circuit_of, turn
from placet.protocols.zk.circuit import CIRCUITS
from placet.protocols.zk.snarkjs import Programs
from placet.protocols.zk.transcript import KEY, POWERS, FileKind, contributions

POWER = 10
KINDS = pytest.mark.parametrize("kind", [POWERS, KEY], ids=["powers", "key"])
A, B, C = (bytes([number]) * 20 for number in (1, 2, 3))


@KINDS
def test_every_record_is_hashed_as_it_stands(kind: FileKind, tmp_path: Path) -> None:
    file, records = tmp_path / "file", [record(kind, name) for name in (b"a", b"", b"x" * 64)]
    for number in range(4):
        file.write_bytes(written(kind, sections_of(kind, POWER, records[:number])))
        expected = tuple(hashlib.sha256(one).digest() for one in records[:number])
        assert contributions(file, kind, POWER) == expected
    for place in (0, kind.fixed // 2, kind.fixed - 1):
        changed = bytearray(records[0])
        changed[place] ^= 1
        file.write_bytes(written(kind, sections_of(kind, POWER, [bytes(changed)])))
        assert contributions(file, kind, POWER) != expected[:1]


def without(name: int) -> Callable[[dict[int, bytes]], Any]:
    return lambda sections: {one: content for one, content in sections.items() if one != name}


@KINDS
@pytest.mark.parametrize("change", ["twice", "unknown", "lacks", "none", "field", "power", "count", "more", "beacon",
                                    "name", "many"])  # fmt: skip
def test_another_form_is_refused(kind: FileKind, change: str, tmp_path: Path) -> None:
    listed, header = kind.contributions, 1 if kind is POWERS else 2
    sections = sections_of(kind, POWER, [record(kind)])
    wrong: dict[str, Any] = {
        "twice": [*sections.items(), (listed, sections[listed])],
        "unknown": sections | {99: b""},
        "lacks": without(listed)(sections),
        "none": {},
        "field": sections | {header: sections[header][:10] + b"\0" + sections[header][11:]},
        "power": sections_of(kind, POWER + 1, [record(kind)]),
        "count": sections | {listed: bytes(kind.before) + word(2) + record(kind)},
        "more": sections | {listed: sections[listed] + b"\0"},
        "beacon": sections_of(kind, POWER, [record(kind, type_=1)]),
        "name": sections | {listed: bytes(kind.before) + word(1) + record(kind)[:-3] + b"\2\1a"},
        "many": sections_of(kind, POWER, [record(kind)] * 65),
    }
    file = tmp_path / "file"
    file.write_bytes(written(kind, sections))
    assert len(contributions(file, kind, POWER)) == 1
    file.write_bytes(written(kind, wrong[change]))
    with pytest.raises(InputError) as caught:
        contributions(file, kind, POWER)
    assert caught.value.code == "ceremony.file"


@KINDS
def test_a_file_cut_anywhere_or_too_long_is_refused(kind: FileKind, tmp_path: Path) -> None:
    file, whole = tmp_path / "file", written(kind, sections_of(kind, POWER, [record(kind)]))
    for end in [*range(0, 60), *range(60, len(whole), 37), len(whole) - 1]:
        file.write_bytes(whole[:end])
        with pytest.raises(InputError):
            contributions(file, kind, POWER)
    file.write_bytes(whole + b"\0")
    with pytest.raises(InputError):
        contributions(file, kind, POWER)
    with file.open("wb") as sparse:
        sparse.truncate(kind.limit(POWER) + 1)
    with pytest.raises(InputError, match="no file of this ceremony"):
        contributions(file, kind, POWER)
    with pytest.raises(ConfigError):
        contributions(tmp_path / "absent", kind, POWER)


class Round:
    """A ceremony of three in one folder, and a chain that keeps what they record."""

    def __init__(self, folder: Path) -> None:
        circuit = CIRCUITS["band"]
        self.ceremony = Ceremony(
            chain_id=31337, ceremonies=bytes([9]) * 20, opener=A, circuit=circuit.name, circuit_id=circuit.id,
            power=circuit.power, contributors=(A, B, C), salt=secrets.token_bytes(32),
        )  # fmt: skip
        self.programs = EmptyPrograms(circuit.power)
        self.folder = CeremonyFolder(folder, self.ceremony, cast(Programs, self.programs), ZERO20)
        self.recorded: dict[str, list[bytes]] = {"powers": [], "key": []}

    @property
    def states(self) -> tuple[PhaseState, PhaseState]:
        powers, key = (
            PhaseState(3, len(self.recorded[phase.name]), self.ceremony.head(phase, self.recorded[phase.name]))
            for phase in (self.ceremony.powers, self.ceremony.key)
        )
        return powers, key

    def step(self) -> bytes:
        made = self.folder.contribute(self.states)
        assert made is not None
        phase, contribution = made
        self.recorded[phase.name].append(contribution)
        return contribution


@pytest.fixture
def a_round(tmp_path: Path) -> Round:
    return Round(tmp_path)


def test_each_turn_verifies_what_came_before_it(a_round: Round) -> None:
    for _ in range(6):
        a_round.step()
    assert a_round.programs.calls == [
        *("new_powers", "contribute_powers"),
        *("demand_powers", "contribute_powers") * 2,
        *("demand_powers", "prepare", "new_key", "contribute_key"),
        *("demand_powers", "demand_key", "contribute_key") * 2,
    ]
    assert a_round.folder.contribute(a_round.states) is None and turn(a_round.ceremony, a_round.states) is None
    a_round.programs.refuses = True
    with pytest.raises(InputError, match="does not verify"):
        a_round.folder.verified(a_round.states)


def test_a_contribution_that_was_made_is_recorded_and_not_made_again(a_round: Round) -> None:
    a_round.step()
    made = a_round.folder.contribute(a_round.states)  # killed here, before the chain had it
    calls = list(a_round.programs.calls)
    (a_round.folder.path / ".powers-2.ptau.part").write_bytes(b"half a file")
    assert a_round.folder.contribute(a_round.states) == made
    assert a_round.programs.calls == calls
    (a_round.folder.path / ".powers-3.ptau.part").write_bytes(b"half a file")
    a_round.step()
    a_round.step()
    assert len(contributions(a_round.folder.path / "powers-3.ptau", POWERS, POWER)) == 3


@pytest.mark.parametrize("phase", ["powers", "key"])
def test_files_that_were_not_recorded_are_refused(a_round: Round, phase: str) -> None:
    for _ in range(1 if phase == "powers" else 4):
        a_round.step()
    kind, suffix = (POWERS, "ptau") if phase == "powers" else (KEY, "zkey")
    before = a_round.folder.path / f"{phase}-1.{suffix}"
    right = before.read_bytes()
    for records in ([record(kind)], [], [record(kind)] * 2):
        before.write_bytes(written(kind, sections_of(kind, POWER, records)))
        with pytest.raises(InputError) as caught:
            a_round.step()
        assert caught.value.code == "ceremony.record"
    before.write_bytes(right)
    a_round.programs.refuses = True
    with pytest.raises(InputError, match="does not verify"):
        a_round.step()
    a_round.programs.refuses = False
    # A file of the own place that is not built on what is recorded.
    following = a_round.folder.path / f"{phase}-2.{suffix}"
    following.write_bytes(written(kind, sections_of(kind, POWER, [record(kind)] * 2)))
    with pytest.raises(InputError, match="other contributions than those on chain"):
        a_round.step()


def test_a_key_is_given_only_at_the_end_and_only_of_an_open_ceremony(a_round: Round) -> None:
    for _ in range(6):
        with pytest.raises(InputError) as caught:
            a_round.folder.verified(a_round.states)
        assert caught.value.code == "ceremony.open"
        a_round.step()
    powers, key = a_round.states
    for states in ((replace(powers, contributors=0), key), (powers, replace(key, contributors=2))):
        with pytest.raises(InputError) as caught:
            turn(a_round.ceremony, states)
        assert caught.value.code == "ceremony.unknown"
    # A key to which nobody contributed passes snarkjs's check; not ours.
    (a_round.folder.path / "key-3.zkey").write_bytes(written(KEY, sections_of(KEY, POWER, [])))
    with pytest.raises(InputError, match="other contributions than those on chain"):
        a_round.folder.verified(a_round.states)


def test_another_circuit_is_refused(a_round: Round) -> None:
    for change in ({"circuit": "other"}, {"circuit_id": bytes(32)}, {"power": 11}):
        with pytest.raises(InputError) as caught:
            circuit_of(a_round.ceremony.model_copy(update=change))
        assert caught.value.code == "ceremony.circuit"


@pytest.mark.parametrize(
    "contributors", [(A,), (A, A), (A, bytes(20)), (), tuple(bytes([n]) * 20 for n in range(1, 66))]
)
def test_a_ceremony_is_of_two_to_64_different_accounts(a_round: Round, contributors: tuple[bytes, ...]) -> None:
    body = a_round.ceremony.to_json() | {"contributors": [to_hex(one) for one in contributors]}
    with pytest.raises(ValueError, match="contributors"):
        Ceremony.model_validate(body)


def test_contributors_are_institutions_of_the_trust_list_each_of_them() -> None:
    institutions = [
        {"address": to_hex(address), "name": name, "api": "http://a", "peer": "http://a",
         "certificate": "-----BEGIN CERTIFICATE-----"}
        for address, name in ((A, "Bank A"), (B, "Bank B"))
    ]  # fmt: skip
    trust = TrustList.model_validate({"institutions": institutions})
    assert demand_institutions((B, A), trust) == ["Bank B", "Bank A"]
    for contributors in ((A, B, C), (A, C), (A,), (A, A), ()):
        with pytest.raises(InputError) as caught:
            demand_institutions(contributors, trust)
        assert caught.value.code == "proof.ceremony"


def test_programs_of_another_version_are_not_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Programs(tmp_path)
    assert caught.value.code == "ceremony.programs"
    for name, version in (("snarkjs", "0.7.5"), ("circom2", "0.2.23")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "package.json").write_text(f'{{"version": "{version}"}}')
    with pytest.raises(ConfigError, match="never installed unasked"):
        Programs(tmp_path)

"""Leaves beside the document: the same verdict as within it, one pass on all cores, and every kind of wrong section."""

from __future__ import annotations

import errno
import gc
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from malicious import CORPUS
from simulator import NAMES, Simulation, key
from test_checks import failed
from test_collect import Replay, honest

from placet.audit import reading
from placet.audit.bundle import Bundle, bundle_pieces, read_bundle
from placet.audit.collect import collect
from placet.audit.facts import Ending
from placet.audit.outcome import Verdict
from placet.audit.sections import PIECE, Body, Sections
from placet.audit.verify import verify
from placet.chain.client import Chain
from placet.cli.inputs import replace
from placet.core.errors import ConfigError, InputError, LimitError, NotFoundError
from placet.core.evidence import Evidence, Section
from placet.core.hashing import canonical, sha256
from placet.core.leaves import LeafRecord, decode_leaves, encode_leaves
from placet.core.signatures import Key
from placet.core.trail import evidence_hash
from placet.core.trust import Institution

RECORDERS = {who.address: who for who in (key("recorder", i) for i in range(4))}


def put(sections: Sections, count: int, joined: bytes) -> Section:
    section = Section(count=count, size=len(joined), hash=sha256(joined))
    sections.add(section, (joined,))
    return section


def beside(evidence: Evidence, sections: Sections) -> Evidence:
    """The same evidence with all its leaves in sections."""
    inputs, batches = [], []
    for shown in evidence.inputs:
        leaves = shown.leaves
        assert isinstance(leaves, tuple)
        if leaves:
            leaves = put(sections, len(leaves), encode_leaves(map(LeafRecord.of, leaves), 5))
        inputs.append(shown.model_copy(update={"leaves": leaves}))
    for batch in evidence.batches:
        assert isinstance(batch.leaves, tuple)
        section = put(sections, len(batch.leaves), b"".join(batch.leaves))
        batches.append(batch.model_copy(update={"leaves": section}))
    enrolments = []
    for one in evidence.enrolments:
        assert isinstance(one.leaves, tuple)
        section = put(sections, len(one.leaves), b"".join(one.leaves))
        enrolments.append(one.model_copy(update={"leaves": section}))
    changed = {"inputs": tuple(inputs), "batches": tuple(batches), "enrolments": tuple(enrolments)}
    return evidence.model_copy(update=changed)


def moved(bundle: Bundle, sections: Sections) -> Bundle:
    """A bundle with all leaves in sections, each document signed anew by whoever had signed it."""
    entries = []
    for entry in bundle.evidence:
        if entry.evidence is not None:
            old = entry.evidence.evidence
            recorder = RECORDERS.get(old.plan.parties[old.party].recorder)
            if recorder is not None and signature(bundle, old, recorder) == entry.evidence.signature:
                new = beside(old, sections)
                signed = entry.evidence.model_copy(
                    update={"evidence": new, "signature": signature(bundle, new, recorder)}
                )
                entry = entry.model_copy(update={"evidence": signed})
        entries.append(entry)
    return bundle.model_copy(update={"evidence": tuple(entries)})


def signature(bundle: Bundle, evidence: Evidence, recorder: Key) -> bytes:
    return recorder.sign(bundle.deployment.jobs.digest(evidence_hash(bundle.job, evidence.party, evidence.hash)))


@pytest.mark.parametrize("job", [{}, {"withdraw": (1, 2)}, {"ending": Ending.ABORTED}])
def test_the_report_is_the_same(job: dict[str, Any]) -> None:
    bundle, sections = Simulation(**job).bundle(), Sections()
    other = moved(bundle, sections)
    assert len(other.sections()) >= 6
    assert verify(other, sections=sections) == verify(bundle)


ABOUT_LEAVES = [name for name, lie in CORPUS.items() if lie.check.startswith(("consent", "withdrawal"))]


@pytest.mark.parametrize("name", ABOUT_LEAVES)
def test_every_lie_about_leaves_is_found_there_too(name: str) -> None:
    lie, sections = CORPUS[name], Sections()
    bundle = lie.bundle
    report = verify(moved(bundle, sections), sections=sections)
    assert ([r.name for r in failed(report)], report.named) == ([lie.check, *lie.also], lie.culprits)
    assert report == verify(bundle)


def test_big_sections_go_to_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forger(Simulation):
        def sign_consent(self, owner: Any, consent: Any) -> bytes:
            forged = owner.address == key("owner", 1, 17).address
            return super().sign_consent(key("forger") if forged else owner, consent)

    bundle, sections = Forger(people=30).bundle(), Sections()
    monkeypatch.setattr(reading, "CHUNK", 7)
    first, _, *others = bundle.evidence  # processes start anew for each set, and one set is enough
    one = bundle.model_copy(update={"evidence": (first, moved(bundle, sections).evidence[1], *others)})
    report = verify(one, sections=sections)
    assert report == verify(bundle)
    assert [r.name for r in failed(report)] == ["consent.signatures"]


def test_problems_are_counted_but_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forger(Simulation):
        def sign_consent(self, owner: Any, consent: Any) -> bytes:
            return super().sign_consent(key("forger"), consent)

    bundle, sections = Forger(people=50).bundle(), Sections()
    monkeypatch.setattr(reading, "CHUNK", 64)
    report = verify(moved(bundle, sections), sections=sections)
    (found,) = [r for r in failed(report) if r.name == "consent.signatures"]
    assert (len(found.problems), found.more_problems, found.looked_at) == (20, 130, 150)


def shown(simulation: Simulation, change: Callable[[bytes], bytes], count: int = 4) -> tuple[Bundle, Sections]:
    """A bundle in which the second party signed a section that `change` made."""
    sections = Sections()
    evidence = beside(simulation.evidence(1), sections)
    section = evidence.inputs[0].leaves
    assert isinstance(section, Section)
    other = put(sections, count, change(b"".join(sections.read(section))))
    inputs = (evidence.inputs[0].model_copy(update={"leaves": other}),)
    return simulation.bundle(evidence.model_copy(update={"inputs": inputs})), sections


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "half a group": lambda joined: joined[:-1],
    "more": lambda joined: joined + b"\0",
    "no kind": lambda joined: joined[:7] + b"\x07" + joined[8:],
    "empty": lambda joined: b"",
    "one less": lambda joined: encode_leaves(decode_leaves(joined)[1:]),
    "another order": lambda joined: encode_leaves(decode_leaves(joined)[::-1]),
    "more leaves than its bytes hold": lambda joined: b"\x08\x00" + joined[2:],
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_section_that_is_none_is_its_signers_lie(kind: str) -> None:
    bundle, sections = shown(Simulation(), WRONG[kind])
    report = verify(bundle, sections=sections)
    assert (report.verdict, report.named) == (Verdict.TAMPERED, (NAMES[1],))
    assert "consent.roots" in {r.name for r in failed(report)}


def test_what_comes_before_a_broken_group_is_judged() -> None:
    class Forger(Simulation):
        def sign_consent(self, owner: Any, consent: Any) -> bytes:
            return super().sign_consent(key("forger"), consent)

    bundle, sections = shown(Forger(), lambda joined: joined + joined[:-1])
    names = [r.name for r in failed(verify(bundle, sections=sections)) if NAMES[1] in r.named]
    assert names == ["consent.roots", "consent.signatures"]


def test_a_section_that_counts_wrongly() -> None:
    bundle, sections = shown(Simulation(), lambda joined: joined, count=5)
    report = verify(bundle, sections=sections)
    assert [r.name for r in failed(report)] == ["consent.roots"]


def test_a_batch_that_is_none() -> None:
    simulation, sections = Simulation(), Sections()
    evidence = beside(simulation.evidence(1), sections)
    bad = evidence.batches[0].model_copy(update={"leaves": put(sections, 4, bytes(33))})
    report = verify(simulation.bundle(evidence.model_copy(update={"batches": (bad,)})), sections=sections)
    assert ([r.name for r in failed(report)], report.named) == (["consent.batches"], (NAMES[1],))


def test_a_section_that_is_not_there() -> None:
    with pytest.raises(NotFoundError, match="missing"):
        verify(moved(Simulation().bundle(), Sections()))


# ---------------------------------------------------------------------- files and answers


def saved(bundle: Bundle, sections: Sections) -> bytes:
    return b"".join(bundle_pieces(bundle, sections))


def test_a_bundle_file_holds_its_sections() -> None:
    sections, again = Sections(), Sections()
    bundle = moved(Simulation(withdraw=(1,)).bundle(), sections)
    raw = saved(bundle, sections)
    read = read_bundle(io.BytesIO(raw), again)
    assert read == bundle
    assert verify(read, sections=again) == verify(bundle, sections=sections)
    assert saved(read, again) == raw
    without = saved(Simulation().bundle(), Sections())
    assert b"\n" not in without
    assert read_bundle(io.BytesIO(without), Sections()) == Simulation().bundle()


def test_a_bundle_file_is_whole_or_refused() -> None:
    sections = Sections()
    raw = saved(moved(Simulation().bundle(), sections), sections)
    first = raw.index(b"\n") + 1
    for wrong in (raw[:-1], raw + b"x", raw[:first], raw[: first - 1], raw[:first] + b"\xff" + raw[first + 1 :]):
        with pytest.raises(InputError):
            read_bundle(io.BytesIO(wrong), Sections())


def test_a_document_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.audit.bundle.MAX_BUNDLE", PIECE)
    with pytest.raises(LimitError):
        read_bundle(io.BytesIO(b"x" * (PIECE + 1)), Sections())


class SmallDisk(io.FileIO):
    """A file on a disk with room for so many bytes: the last write that fits does so in part."""

    room = 0

    def write(self, piece: Any) -> int:
        left = self.room - self.tell()
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(memoryview(piece)[:left])


def on_disk(room: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Sections, Path]:
    """Sections on such a disk, and their file."""
    file = folder / "sections"
    monkeypatch.setattr(SmallDisk, "room", room)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "TemporaryFile", lambda buffering: SmallDisk(file, "w+b") if not buffering else None)
        return Sections(), file


def all_beside(simulation: Simulation) -> dict[bytes, bytes]:
    """What each party answers, by institution, all its leaves in sections."""
    return {simulation.signers[party].address: answer(simulation, party, lambda joined: joined) for party in range(4)}


def told(answers: dict[bytes, bytes]) -> Callable[[Institution, bytes], list[bytes]]:
    return lambda who, job: [answers.get(who.address, b"")]


@pytest.mark.parametrize("fits", [0, 1, 2])
def test_a_full_disk_ends_the_collection_and_is_no_partys_fault(
    fits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = Simulation()
    answers = all_beside(simulation)
    bodies = [body for raw in answers.values() if (body := raw.partition(b"\n")[2])]
    kept = b"".join(sorted(bodies, key=len)[:fits])
    sections, file = on_disk(len(kept) + 500, tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match="can't be kept on this machine; found: No space left") as refused:
        collect(cast(Chain, Replay(simulation)), simulation.trust, simulation.job, told(answers), sections)
    assert refused.value.code == "audit.disk"
    held = file.read_bytes()
    while whole := next((body for body in bodies if held.startswith(body)), b""):
        held = held.removeprefix(whole)
    assert held == b""
    monkeypatch.setattr(SmallDisk, "room", 1 << 20)
    later = put(sections, 1, bytes(700))
    assert b"".join(sections.read(later)) == bytes(700)


@pytest.mark.filterwarnings("error")
def test_a_file_of_sections_is_closed_when_they_go() -> None:
    """Also where the collector of garbage takes them, under whatever runs then."""
    sections = Sections()
    file, sections.myself = sections._file, sections  # type: ignore[attr-defined]
    del sections
    gc.collect()
    assert file.closed


def test_no_place_for_files_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", none)
    with pytest.raises(ConfigError, match="No usable temporary directory"):
        Sections()


def test_sections_that_are_refused_take_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sections, file = on_disk(1 << 20, tmp_path, monkeypatch)
    good = put(sections, 1, b"good" * 100)
    other = Section(count=1, size=3, hash=sha256(b"abc"))
    for raw in (b"good" * 100 + b"abX", b"good" * 100 + b"abc" + b"more", b"good" * 100 + b"ab"):
        with pytest.raises(InputError):
            Body([raw]).sections((good, other), sections)
        assert file.read_bytes() == b"good" * 100
        assert b"".join(sections.read(good)) == b"good" * 100
        with pytest.raises(NotFoundError):
            list(sections.read(other))


def test_what_was_collected_can_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each party's sections have the limit, not all of a bundle's together."""
    simulation, sections, again = Simulation(), Sections(), Sections()
    answers = all_beside(simulation)
    most = max(len(raw.partition(b"\n")[2]) for raw in answers.values())
    monkeypatch.setattr("placet.audit.bundle.MAX_SECTIONS", most)
    bundle = collect(cast(Chain, Replay(simulation)), simulation.trust, simulation.job, told(answers), sections)
    raw = saved(bundle, sections)
    assert sum(section.size for section in bundle.sections()) > most
    assert read_bundle(io.BytesIO(raw), again) == bundle
    monkeypatch.setattr("placet.audit.bundle.MAX_SECTIONS", most - 1)
    with pytest.raises(LimitError, match="too many leaves"):
        read_bundle(io.BytesIO(raw), Sections())
    less = collect(cast(Chain, Replay(simulation)), simulation.trust, simulation.job, told(answers), Sections())
    assert any("too many leaves" in (entry.missing or "") for entry in less.evidence)


def test_a_bundle_that_could_not_be_read_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle, sections = Simulation().bundle(), Sections()
    monkeypatch.setattr("placet.audit.bundle.MAX_BUNDLE", len(saved(bundle, sections)) - 1)
    with pytest.raises(LimitError, match="bundle is too large"):
        replace(tmp_path / "bundle.json", bundle_pieces(bundle, sections))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_finds_no_room_is_not_half_written(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ConfigError, match=r"can't be written; found: .*No space left"):
        replace(tmp_path / "bundle.json", pieces())
    assert list(tmp_path.iterdir()) == []


def answer(simulation: Simulation, party: int, change: Callable[[bytes], bytes]) -> bytes:
    sections = Sections()
    evidence = beside(simulation.evidence(party), sections)
    document = canonical(simulation.sign_evidence(evidence).to_json())
    return document + b"\n" + change(b"".join(b"".join(sections.read(one)) for one in evidence.sections()))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda joined: joined, None),
        (lambda joined: joined[:-5], "not the one that was signed"),
        (lambda joined: bytes([joined[0] ^ 1]) + joined[1:], "not the one that was signed"),
        (lambda joined: joined + b"more", "follows the last section"),
    ],
)
def test_answers_are_taken_whole_and_in_small_pieces(change: Callable[[bytes], bytes], why: str | None) -> None:
    simulation, sections = Simulation(), Sections()

    def fetch(who: Institution, job: bytes) -> list[bytes]:
        if who.name != NAMES[1]:
            return [honest(simulation)(who, job)]
        whole = answer(simulation, 1, change)
        return [whole[start : start + 999] for start in range(0, len(whole), 999)]

    bundle = collect(cast(Chain, Replay(simulation)), simulation.trust, simulation.job, fetch, sections)
    if why is None:
        assert verify(bundle, sections=sections) == verify(simulation.bundle())
    else:
        assert why in (bundle.evidence[1].missing or "")
        assert verify(bundle, sections=sections).verdict is Verdict.INCOMPLETE

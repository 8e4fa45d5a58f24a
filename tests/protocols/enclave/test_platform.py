"""The whole way through real sandboxes and a real software TPM: two parties, their node, and who attacks them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import psutil
import pytest
from benchmarks._documents import Item, make
from cryptography.hazmat.primitives.asymmetric import x25519

from placet.comparison.compare import compare
from placet.core.enclave_policy import EnclavePolicy, Role, TpmRule
from placet.core.errors import InputError, LimitError, PlacetError, StateError
from placet.core.hashing import sha256
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence, TpmStatement
from placet.protocols.enclave.platform import Enclave, Platform, SealedResult, simulated
from placet.protocols.enclave.platform.sandbox import Sandbox
from placet.protocols.enclave.platform.simulated import SimulatedEnclave, SimulatedPlatform
from placet.protocols.enclave.sealed.release import release
from placet.protocols.enclave.sealed.results import TAG

from . import hostile, sandboxes
from .jobs import CHAIN, Job, holds

CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "contracts"
PHRASE = b"the Falcon shall be sold for forty-two million"
BEFORE = b"1. The parties agree that " + PHRASE + b" euros.\n\n2. The Seller may terminate within 30 days."
AFTER = b"1. The parties agree that " + PHRASE + b" pounds.\n\n2. The Seller may not terminate within 60 days."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node") / "tpm"


@pytest.fixture(scope="module")
def platform(folder: Path) -> Iterator[SimulatedPlatform]:
    sandboxes.need()
    with sandboxes.platform(folder) as made:
        yield made


def policy(platform: SimulatedPlatform, **changes: Any) -> EnclavePolicy:
    """What the parties' plan says."""
    rule = {"measurements": (platform.measurement,), "keys": (sha256(platform.attestation_key),)} | changes
    return EnclavePolicy(max_age=300, rules=(TpmRule(kind="tpm", enclave_class="simulated", **rule),))


async def released(platform: SimulatedPlatform, enclave: Enclave, job: Job) -> dict[Role, bytes]:
    """Each party asks the enclave for itself, and gives its keys away if all holds."""
    given: dict[Role, bytes] = {}
    for side in job.sides:
        nonce, now = secrets.token_bytes(32), int(time.time())
        evidence = await enclave.prove(nonce)
        binding = Binding(chain=CHAIN, job=job.task.job, key=enclave.key, nonce=nonce, issued=now)
        given[side.role] = release(
            evidence, policy(platform), binding, task=job.task, role=side.role, document=side.document,
            secrets=side.secrets, ask=holds, now=lambda now=now: now,
        ).sealed  # fmt: skip
    return given


def documents(job: Job, **changes: bytes) -> dict[Role, BinaryIO]:
    return {one.role: io.BytesIO(changes.get(one.role, one.encrypted)) for one in job.sides}


async def computed(platform: SimulatedPlatform, job: Job, **changes: Any) -> tuple[SealedResult, ...]:
    enclave = await platform.start(chain=CHAIN, job=job.task.job)
    keys = await released(platform, enclave, job)
    keys |= changes.get("keys", {})
    return await enclave.compute(
        job.task, keys, changes.get("documents") or documents(job), seconds=changes.get("seconds", 120)
    )


async def code(work: Awaitable[object]) -> str:
    with pytest.raises(PlacetError) as caught:
        await work
    for text in (PHRASE.decode(), "Falcon", "Supplier"):
        assert text not in str(caught.value)
    return caught.value.code


def alive() -> list[psutil.Process]:
    """All sandboxes and what runs in them."""
    return sandboxes.started("bwrap")


async def test_two_parties_compare_what_nobody_else_sees(platform: SimulatedPlatform) -> None:
    made: Platform = platform
    assert made.measurement == platform.image.measurement
    job = Job.of(BEFORE, AFTER).under(policy(platform))
    results = await computed(platform, job)
    assert [one.party for one in results] == [0, 1]
    expected = compare(BEFORE, "old.txt", AFTER, "new.txt").model_dump_json().encode()
    for one in results:
        assert job.open(one.masked, one.party, one.enclave) == expected
        assert one.commitment == sha256(one.masked)
        for place in (0, len(one.masked) // 2, len(one.masked) - TAG - 1):
            changed = one.masked[:place] + bytes([one.masked[place] ^ 1]) + one.masked[place + 1 :]
            assert sha256(changed) != one.commitment
            with pytest.raises(InputError):
                job.open(changed, one.party, one.enclave)
    assert not alive()


@pytest.mark.slow  # scripts/contract-compare does it by default
async def test_real_versions_of_a_real_contract(platform: SimulatedPlatform) -> None:
    if not CONTRACTS.is_dir():
        pytest.skip("no contracts here: ../shared/data/contracts")
    first, second = ((CONTRACTS / name).read_bytes() for name in ("csa-1.1.md", "csa-2.0.md"))
    job = Job.of(first, second, ("csa-1.1.md", "csa-2.0.md")).under(policy(platform))
    [mine, _] = await computed(platform, job)
    expected = compare(first, "csa-1.1.md", second, "csa-2.0.md")
    assert job.open(mine.masked, 0, mine.enclave) == expected.model_dump_json().encode()


CLAUSES = [Item(0, number % 9 == 0, f"The Supplier shall deliver {number} units in 30 days.") for number in range(60)]


@pytest.mark.parametrize("form", ["docx", "pdf"])
async def test_every_format_is_read_in_the_sandbox(platform: SimulatedPlatform, form: str) -> None:
    """Whose filter of system calls lets through what its reader needs."""
    contents = (make(CLAUSES, form, random.Random(1)), make(CLAUSES[:-2], form, random.Random(2)))
    names = (f"old.{form}", f"new.{form}")
    job = Job.of(*contents, names).under(policy(platform))
    [mine, _] = await computed(platform, job)
    expected = compare(contents[0], names[0], contents[1], names[1])
    assert job.open(mine.masked, 0, mine.enclave) == expected.model_dump_json().encode()


async def test_each_evidence_is_simulated_and_for_one_enclave(platform: SimulatedPlatform) -> None:
    """An enclave swapped, a quote replayed, a job changed, a key of the service's own: each is refused by its name."""
    job, other = (Job.of(BEFORE, AFTER).under(policy(platform)) for _ in range(2))
    enclave = await platform.start(chain=CHAIN, job=job.task.job)
    elsewhere = await platform.start(chain=CHAIN, job=other.task.job)
    try:
        assert enclave.key != elsewhere.key
        side, now, nonce = job.sides[0], int(time.time()), secrets.token_bytes(32)
        evidence = await enclave.prove(nonce)
        binding = Binding(chain=CHAIN, job=job.task.job, key=enclave.key, nonce=nonce, issued=now)

        def given(
            evidence: EnclaveEvidence = evidence, binding: Binding = binding, rule: EnclavePolicy | None = None
        ) -> Any:
            asks = rule or policy(platform)
            return release(
                evidence, asks, binding, task=job.under(asks).task, role=side.role, document=side.document,
                secrets=side.secrets, ask=holds, now=lambda: now,
            )  # fmt: skip

        assert given().verified.enclave_class == "simulated"
        own = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
        statement = evidence.statement
        assert isinstance(statement, TpmStatement)
        lying = EnclaveEvidence(statement=statement.model_copy(update={"measurement": bytes(32)}))
        for refused, changes in {
            "binding, its own key": {"binding": binding.model_copy(update={"key": own})},
            "binding, another enclave's key": {"binding": binding.model_copy(update={"key": elsewhere.key})},
            "binding, an old quote": {"binding": binding.model_copy(update={"nonce": secrets.token_bytes(32)})},
            "binding, another job's quote": {"evidence": await elsewhere.prove(nonce)},
            "measurement, another program": {"rule": policy(platform, measurements=(bytes(32),))},
            "measurement, a lie about it": {"evidence": lying},
            "key, another TPM": {"rule": policy(platform, keys=(bytes(32),))},
            "age, a late one": {"binding": binding.model_copy(update={"issued": now - 301})},
        }.items():
            with pytest.raises(PlacetError) as caught:
                given(**changes)  # type: ignore[arg-type]
            assert caught.value.code == f"attestation.{refused.split(',')[0]}", refused
    finally:
        await enclave.end()
        await elsewhere.end()
    assert not alive()


@pytest.mark.slow
async def test_another_program_shows_another_measurement(platform: SimulatedPlatform, tmp_path: Path) -> None:
    swapped = await SimulatedPlatform.opened(tmp_path / "tpm", program="stuck", folders=sandboxes.folders())
    async with swapped:
        assert swapped.measurement != platform.measurement
        job = Job.of(BEFORE, AFTER).under(policy(platform))
        enclave = await swapped.start(chain=CHAIN, job=job.task.job)
        named = policy(platform, keys=(sha256(swapped.attestation_key),))
        nonce, now = secrets.token_bytes(32), int(time.time())
        binding = Binding(chain=CHAIN, job=job.task.job, key=enclave.key, nonce=nonce, issued=now)
        with pytest.raises(PlacetError) as caught:
            release(
                await enclave.prove(nonce), named, binding, task=job.under(named).task, role="before",
                document=job.sides[0].document, secrets=job.sides[0].secrets, ask=holds, now=lambda: now,
            )  # fmt: skip
        assert caught.value.code == "attestation.measurement"


async def test_what_is_not_what_was_committed_is_refused(platform: SimulatedPlatform) -> None:
    job, other = Job.of(BEFORE, AFTER).under(policy(platform)), Job.of(AFTER, BEFORE)
    good, sealed = job.sides[0].encrypted, secrets.token_bytes(200)
    changed = good[:-1] + bytes([good[-1] ^ 1])
    assert await asyncio.gather(
        code(computed(platform, job, documents=documents(job, before=changed))),
        code(computed(platform, job, documents=documents(job, after=other.sides[1].encrypted))),
        code(computed(platform, job, keys={"before": sealed})),
    ) == ["enclave.document", "enclave.document", "enclave.key"]
    assert not alive()


@pytest.mark.parametrize("names", [["bomb"], pytest.param(["empty", "entities", "encoding"], marks=pytest.mark.slow)])
async def test_hostile_documents_end_in_codes(platform: SimulatedPlatform, names: list[str]) -> None:
    jobs = [Job.of(hostile.DOCUMENTS[name][1](), AFTER, (hostile.DOCUMENTS[name][0], "new.txt")) for name in names]
    jobs = [job.under(policy(platform)) for job in jobs]
    found = await asyncio.gather(*(code(computed(platform, job)) for job in jobs))
    assert found == [hostile.DOCUMENTS[name][2] for name in names]
    assert not alive()


@pytest.fixture
def endless() -> Iterator[tuple[BinaryIO, int]]:
    """A document that does not end before its test closes where it comes from."""
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb", buffering=0) as document:
        yield cast(BinaryIO, document), writable


async def waiting(
    platform: SimulatedPlatform, endless: tuple[BinaryIO, int]
) -> tuple[SimulatedEnclave, asyncio.Task[object], int]:
    """An enclave that has both parties' keys and waits for the rest of a document."""
    job = Job.of(BEFORE, AFTER).under(policy(platform))
    enclave = await platform.start(chain=CHAIN, job=job.task.job)
    keys = await released(platform, enclave, job)
    never, writable = endless
    os.write(writable, job.sides[0].encrypted[:-1])
    running: asyncio.Task[object] = asyncio.ensure_future(
        enclave.compute(job.task, keys, {"before": never, "after": never}, seconds=120)
    )
    await asyncio.sleep(0.2)
    assert not running.done()
    return enclave, running, writable


async def test_a_withdrawal_ends_it_and_nothing_is_left(
    platform: SimulatedPlatform,
    endless: tuple[BinaryIO, int],
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    enclave, running, writable = await waiting(platform, endless)
    inside = alive()
    assert {"bwrap"} <= {one.name() for one in inside}
    ended = asyncio.ensure_future(enclave.end())
    await asyncio.sleep(0)
    os.close(writable)
    await ended
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in inside)
    assert await code(running) == "enclave.ended"
    assert not alive()
    assert await code(enclave.prove(bytes(32))) == "enclave.ended"
    assert list(tmp_path.iterdir()) == []
    _nothing_of(folder.parent)
    assert PHRASE.decode() not in caplog.text


def _nothing_of(folder: Path) -> None:
    """Neither text nor its parts in any file of the node's."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(word in content for word in (PHRASE, b"Falcon", b"forty-two"))


async def test_the_nodes_folder_holds_no_word_of_it(
    platform: SimulatedPlatform, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Documents and results as the node keeps them, and all that its processes say."""
    caplog.set_level(logging.DEBUG)
    job = Job.of(BEFORE, AFTER).under(policy(platform))
    for side in job.sides:
        (folder.parent / side.role).write_bytes(side.encrypted)
    with (folder.parent / "before").open("rb") as first, (folder.parent / "after").open("rb") as second:
        results = await computed(platform, job, documents={"before": first, "after": second})
    for one in results:
        (folder.parent / f"result-{one.party}").write_bytes(one.masked)
    _nothing_of(folder.parent)
    said = capfd.readouterr()
    assert "Falcon" not in caplog.text + said.out + said.err
    assert PHRASE in job.open(results[0].masked, 0, results[0].enclave)


async def test_a_caller_that_goes_away_ends_it(platform: SimulatedPlatform, endless: tuple[BinaryIO, int]) -> None:
    _, running, writable = await waiting(platform, endless)
    os.close(writable)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive()


async def test_an_enclave_serves_once_and_only_so_many_at_a_time(
    platform: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "MAX_ENCLAVES", 2)
    job = Job.of(BEFORE, AFTER).under(policy(platform))
    enclave = await platform.start(chain=CHAIN, job=job.task.job)
    keys = await released(platform, enclave, job)
    first, again = await asyncio.gather(
        enclave.compute(job.task, keys, documents(job), seconds=240),
        code(enclave.compute(job.task, keys, documents(job), seconds=240)),
    )
    assert len(first) == 2 and again == "enclave.ended"
    started = await asyncio.gather(*(platform.start(chain=CHAIN, job=job.task.job) for _ in range(2)))
    with pytest.raises(LimitError):
        await platform.start(chain=CHAIN, job=job.task.job)
    assert len({one.key for one in started}) == 2
    await asyncio.gather(*(one.end() for one in started), started[0].end())
    assert not alive()


async def test_an_enclave_that_nobody_uses_ends_by_itself(
    platform: SimulatedPlatform, endless: tuple[BinaryIO, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "IDLE_SECONDS", 0.3)
    job = Job.of(BEFORE, AFTER).under(policy(platform))
    unused = await platform.start(chain=CHAIN, job=job.task.job)
    async with asyncio.timeout(120):
        while platform._running:
            await asyncio.sleep(0.05)
    assert not alive()
    assert await code(unused.prove(bytes(32))) == "enclave.ended"
    assert await code(unused.compute(job.task, {}, {}, seconds=1)) == "enclave.ended"
    monkeypatch.setattr(simulated, "IDLE_SECONDS", 240)
    enclave, running, writable = await waiting(platform, endless)
    assert enclave._idle is not None and enclave._idle.cancelled()
    os.close(writable)
    await code(running)


async def test_a_slot_is_free_again_where_the_end_fails(
    platform: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Sandbox.gone

    def gone(sandbox: Sandbox) -> None:
        really(sandbox)
        raise StateError("a killed enclave is still there", code="enclave.alive")

    monkeypatch.setattr(simulated, "MAX_ENCLAVES", 1)
    for _ in range(2):
        enclave = await platform.start(chain=CHAIN, job=bytes(32))
        with monkeypatch.context() as patched:
            patched.setattr(Sandbox, "gone", gone)
            assert await code(enclave.end()) == "enclave.alive"
    assert not alive()


@pytest.mark.slow
async def test_a_platform_closes_all_of_itself_where_an_enclaves_end_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes.need()
    platform = await SimulatedPlatform.opened(tmp_path / "tpm", folders=sandboxes.folders())
    await platform.start(chain=CHAIN, job=bytes(32))
    await platform.start(chain=CHAIN, job=bytes(32))
    really, failed = Sandbox.gone, iter([True])

    def gone(sandbox: Sandbox) -> None:
        really(sandbox)
        if next(failed, False):
            raise StateError("a killed enclave is still there", code="enclave.alive")

    monkeypatch.setattr(Sandbox, "gone", gone)
    assert await code(platform.close()) == "enclave.alive"
    assert not alive()
    assert platform._tpm._process.returncode is not None
    with pytest.raises(OSError):
        os.fstat(next(iter(platform.image._memory.values())))


async def test_an_enclave_that_dies_is_said_to_have_died(
    platform: SimulatedPlatform, endless: tuple[BinaryIO, int]
) -> None:
    _, running, writable = await waiting(platform, endless)
    for one in alive():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended with the one before
            one.send_signal(signal.SIGKILL)
    os.close(writable)
    assert await code(running) == "enclave.died"
    assert not alive()


@pytest.mark.slow  # the caller that goes away stands for it
def test_a_killed_node_takes_its_enclaves_along(tmp_path: Path) -> None:
    sandboxes.need()
    node = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_node.py")), str(tmp_path / "tpm")],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with node:
        assert node.stdout is not None and node.stdout.readline() == b"running\n"
        started = psutil.Process(node.pid).children(recursive=True)
        assert {"bwrap", "swtpm"} <= {one.name() for one in started}
        node.kill()
    _, left = psutil.wait_procs(started, timeout=120)
    assert left == []
    assert {path.name for path in (tmp_path / "tpm").iterdir()} <= {".lock", "attestation-key.der", "tpm2-00.permall"}

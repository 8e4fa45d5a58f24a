"""The collector believes nobody: it takes what parties answer or says why not; the facts are the chain's events."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from exploration import Noisy
from simulator import CONSUMER, NAMES, Simulation, h, key

from placet.audit import collect as collecting
from placet.audit.bundle import Bundle, bundle_pieces
from placet.audit.chain_facts import facts
from placet.audit.collect import Fetch, collect, fetcher
from placet.audit.facts import Ending, Moment
from placet.audit.outcome import Verdict
from placet.audit.sections import Sections
from placet.audit.verify import verify
from placet.chain import events
from placet.chain.blocks import Head
from placet.chain.client import Chain
from placet.chain.states import JobState, JobStatus, OfferState
from placet.core.errors import ChainError, LimitError, NotFoundError, PeerError
from placet.core.hashing import canonical
from placet.core.requests import Credential, RequestParts, demand_request
from placet.core.signatures import Verifiers
from placet.core.trust import Institution
from placet.core.values import to_hex

STATUS = {s.name.lower(): s for s in JobStatus}


class NoBlocks:
    """An endpoint whose blocks can't be put together: a simulated job has events alone."""

    def batch(self, method: str, many: Sequence[Sequence[object]]) -> list[Any]:
        raise ChainError("no headers here", code="chain.unprovable")


class Replay:
    """The answers of a chain that holds what a simulated job put there."""

    rpc = NoBlocks()

    def __init__(self, simulation: Simulation) -> None:
        self.deployment = simulation.deployment
        self.told = simulation.chain_facts()
        self.checked = 0
        self.verifiers = Verifiers()
        self.hash_of_head = h("block")
        self.log = sorted(self._events(), key=lambda e: (e.block, e.log_index))

    def _events(self) -> Iterator[events.Event]:
        def at(moment: Moment) -> dict[str, Any]:
            return {
                "block": moment.block, "log_index": moment.index, "transaction": h("t"), "block_hash": h("b"),
                "timestamp": moment.timestamp if moment.block % 2 else None,
            }  # fmt: skip

        told, job = self.told, self.told.job
        self.times = {}
        for moment in _moments(told.to_json()):
            self.times[moment["block"]] = moment["timestamp"]
        if told.opened:
            fields = told.opened.model_dump(exclude={"at", "block_hash"})
            opened = at(told.opened.at) | {"block_hash": told.opened.block_hash}
            yield events.JobOpened(job=job, **fields, **opened)
        for d in told.datasets:
            yield events.DatasetRegistered(
                dataset=d.id, provider=d.provider, subjects=d.subjects, schema=h("schema"),
                commitment=h("rows", CONSUMER), budget=d.budget, **at(d.registered),
            )  # fmt: skip
        for b in told.budgets:
            kind = events.BudgetSpent if b.kind == "spent" else events.BudgetRefunded
            yield kind(**b.model_dump(exclude={"at", "kind"}), **at(b.at))
        for o in told.offers:
            yield events.OfferMade(offer=o.id, provider=o.provider, terms=o.offer, **at(o.made))
        for a in told.anchored:
            yield events.BatchAnchored(offer=a.offer, root=a.root, **at(a.at))
        for g in told.given:
            yield events.ConsentGiven(**g.model_dump(exclude={"at"}), proven=True, **at(g.at))
        for w in told.withdrawn:
            common = {"offer": w.offer, "consent": w.consent, "head": w.head, **at(w.at)}
            proven = w.proven == w.at
            if w.kind == "withdrawn":
                yield events.ConsentWithdrawn(proven=proven, **common)
            else:
                yield events.ConsentRevoked(proven=proven, reason=h("why"), **common)
            if w.proven and not proven:
                yield events.WithdrawalProven(
                    offer=w.offer, consent=w.consent, batch=h("b"), epoch=bytes(24), **at(w.proven)
                )  # fmt: skip
        for m in told.amended:
            yield events.JobAmended(job=job, **m.model_dump(exclude={"at"}), **at(m.at))
        for r in told.recorded:
            fields = r.model_dump(exclude={"at", "first"})
            yield events.StepsRecorded(job=job, from_=r.first, **fields, **at(r.at))
        if told.sealed:
            yield events.JobSealed(job=job, **told.sealed.model_dump(exclude={"at"}), **at(told.sealed.at))
        for k in told.released:
            yield events.KeyReleased(job=job, party=k.party, key=k.key, **at(k.at))
        for x in told.withheld:
            yield events.KeyWithheld(job=job, party=x.party, **at(x.at))
        if told.funded:
            yield events.Funded(job=job, **told.funded.model_dump(exclude={"at"}), **at(told.funded.at))
        for p in told.paid:
            if p.kind == "credit":
                yield events.Credited(job=job, payee=p.to, amount=p.amount, **at(p.at))
            else:
                yield events.Refunded(job=job, sponsor=p.to, amount=p.amount, **at(p.at))
        if told.end and told.end.kind is Ending.COMPLETED:
            yield events.JobCompleted(job=job, **at(told.end.at))
        if told.end and told.end.kind is Ending.CLOSED:
            yield events.JobClosed(job=job, **at(told.end.at))
        if told.end and told.end.kind is Ending.ABORTED:
            assert told.end.by and told.end.reason
            yield events.JobAborted(job=job, by=told.end.by, reason=told.end.reason, **at(told.end.at))

    def check(self) -> None:
        self.checked += 1

    def confirmed(self) -> int:
        return self.told.head.block

    def now(self) -> int:
        return self.told.head.timestamp

    def block(self, number: int | str) -> Head:
        assert isinstance(number, int)
        return Head(number, self.times[number], self.hash_of_head if number == self.told.head.block else h(number))

    def job(self, job: bytes, *, block: int | None = None) -> JobState:
        assert block == self.told.head.block
        if job != self.told.job:
            return JobState(JobStatus.NONE, False, 0, 0, 0, 0, 0, 0, 0)
        return JobState(STATUS[self.told.status.value], True, 4, 0, self.told.attempt, 0, 0, 0, 0)

    def has_code(self, address: bytes, *, block: int) -> bool:
        assert block == self.told.head.block
        return address in self.told.contracts

    def offer(self, offer: bytes, *, block: int | None = None) -> OfferState:
        assert block == self.told.head.block
        found = next(o for o in self.told.offers if o.id == offer)
        return OfferState(found.offer, found.provider, found.epoch, 1, found.unproven)

    def blocks(self, first: int, head: Head) -> list[int]:
        assert (first, head.number) == (self.deployment.block, self.told.head.block)
        return list(range(first, head.number + 1))

    def events_of(self, blocks: Sequence[int], kinds: Sequence[type[Any]], **indexed: bytes | int) -> list[Any]:
        assert list(blocks) == list(range(self.deployment.block, self.told.head.block + 1))
        return [
            e for e in self.log
            if isinstance(e, tuple(kinds)) and all(getattr(e, name) == value for name, value in indexed.items())
        ]  # fmt: skip


def _moments(value: Any) -> Iterator[dict[str, int]]:
    if isinstance(value, dict):
        if value.keys() == {"block", "index", "timestamp"}:
            yield value
        for inner in value.values():
            yield from _moments(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _moments(inner)


def honest(simulation: Simulation) -> Callable[[Institution, bytes], bytes]:
    def fetch(who: Institution, job: bytes) -> bytes:
        party = next((p for p in range(4) if simulation.signers[p].address == who.address), None)
        if party is None or job != simulation.job:
            raise PeerError("no evidence", found="HTTP 404")
        return canonical(simulation.sign_evidence(simulation.evidence(party)).to_json())

    return fetch


def collected(simulation: Simulation, fetch: Callable[[Institution, bytes], bytes] | None = None) -> Bundle:
    return collect(
        cast(Chain, Replay(simulation)),
        simulation.trust,
        simulation.job,
        whole(fetch or honest(simulation)),
        Sections(),
    )


def whole(fetch: Callable[[Institution, bytes], bytes]) -> Fetch:
    """An answer that comes at once."""
    return lambda who, job: (fetch(who, job),)


def test_a_job_that_is_collected_twice_is_the_same_file() -> None:
    """From another endpoint, which tells the time of blocks and not of logs, and from nodes that write their answers
    otherwise and hand them out in pieces."""

    class Terse(Replay):
        def _events(self) -> Iterator[events.Event]:
            return (replace(event, timestamp=None) for event in super()._events())

    def wordy(who: Institution, job: bytes) -> Iterator[bytes]:
        raw = json.dumps(json.loads(honest(simulation)(who, job)), indent=None, separators=(" , ", " : ")).encode()
        return (raw[at : at + 999] for at in range(0, len(raw), 999))

    simulation = Simulation(withdraw=(1,))
    first = collected(simulation)
    chain, sections = cast(Chain, Terse(simulation)), Sections()
    again = collect(chain, simulation.trust, simulation.job, wordy, sections)
    assert b"".join(bundle_pieces(again, sections)) == b"".join(bundle_pieces(first, Sections()))


@pytest.mark.parametrize(
    "job", [{}, {"withdraw": (1, 2)}, {"ending": Ending.ABORTED}, {"ending": Ending.CLOSED, "withholds": (0,)}]
)
def test_the_bundle_is_what_the_chain_and_the_parties_hold(job: dict[str, Any]) -> None:
    simulation = Simulation(**job)
    assert collected(simulation) == simulation.bundle()


def test_what_was_spent_of_privacy_budgets_is_among_the_facts() -> None:
    simulation = Noisy()
    assert len(simulation.bundle().facts.budgets) == 2
    assert collected(simulation) == simulation.bundle()


def test_facts_alone_are_the_same() -> None:
    simulation = Simulation(withdraw=(1,))
    simulation.withdraw(1, h("unproven"), proven=False, kind="revoked")
    chain = Replay(simulation)
    assert facts(cast(Chain, chain), simulation.job, simulation.plan) == simulation.chain_facts()
    assert chain.checked == 1


def test_an_unknown_job() -> None:
    simulation = Simulation()
    with pytest.raises(NotFoundError):
        collect(cast(Chain, Replay(simulation)), simulation.trust, h("no job"), whole(honest(simulation)), Sections())


def test_a_reorganisation_while_reading_is_noticed() -> None:
    simulation = Simulation()
    chain = Replay(simulation)

    def fetch(who: Institution, job: bytes) -> bytes:
        chain.hash_of_head = h("another block")
        return honest(simulation)(who, job)

    with pytest.raises(ChainError, match="reorganised"):
        collect(cast(Chain, chain), simulation.trust, simulation.job, whole(fetch), Sections())


def raise_dead(simulation: Simulation) -> bytes:
    raise PeerError("the evidence endpoint does not answer", found="ConnectTimeout")


LIES: dict[str, tuple[Callable[[Simulation], bytes], str]] = {
    "dead": (raise_dead, "does not answer"),
    "nothing": (lambda simulation: b"", "malformed"),
    "garbage": (lambda simulation: b"<html>\xff", "malformed"),
    "another party's": (lambda w: canonical(w.sign_evidence(w.evidence(0)).to_json()), "another party"),
    "another job's": (lambda w: _of_another_job(w), "another job's plan"),
    "unsigned": (lambda w: canonical({**w.sign_evidence(w.evidence(1)).to_json(), "signature": "0x"}), "not signed"),
}


def _of_another_job(simulation: Simulation) -> bytes:
    evidence = simulation.evidence(1)
    changed = evidence.model_copy(update={"plan": evidence.plan.model_copy(update={"salt": h("x")})})
    return canonical(simulation.sign_evidence(changed).to_json())


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_costs_only_its_own_evidence(lie: str) -> None:
    simulation, (answer, why) = Simulation(), LIES[lie]

    def fetch(who: Institution, job: bytes) -> bytes:
        return answer(simulation) if who.name == NAMES[1] else honest(simulation)(who, job)

    bundle = collected(simulation, fetch)
    assert [e.evidence is None for e in bundle.evidence] == [False, True, False, False]
    assert why in (bundle.evidence[1].missing or "")
    report = verify(bundle)
    assert report.verdict is Verdict.INCOMPLETE
    assert NAMES[1] in report.headline


def test_a_dead_consumer_does_not_hide_the_plan() -> None:
    simulation = Simulation()

    def fetch(who: Institution, job: bytes) -> bytes:
        return raise_dead(simulation) if who.name == NAMES[3] else honest(simulation)(who, job)

    bundle = collected(simulation, fetch)
    assert [e.evidence is None for e in bundle.evidence] == [False, False, False, True]


def test_nobody_answers() -> None:
    simulation = Simulation()
    bundle = collected(simulation, lambda who, job: raise_dead(simulation))
    assert all(e.missing for e in bundle.evidence)
    assert verify(bundle).verdict is Verdict.INCOMPLETE


# ------------------------------------------------------------------- over real HTTP


class Endpoint(BaseHTTPRequestHandler):
    answer = (200, b"evidence")
    seen: tuple[str, str] | None = None
    packed = False

    def do_GET(self) -> None:
        type(self).seen = (self.path, self.headers["Authorization"])
        status, body = self.answer
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        if self.packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[tuple[type[Endpoint], str]]:
    handler = type("Handler", (Endpoint,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_port}/base"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def at(simulation: Simulation, url: str) -> Institution:
    return simulation.trust.institutions[0].model_copy(update={"api": url})


def test_the_request_is_signed_by_the_auditor(endpoint: tuple[type[Endpoint], str]) -> None:
    simulation, auditor, (handler, url) = Simulation(), key("auditor"), endpoint
    chain = cast(Chain, Replay(simulation))
    assert b"".join(fetcher(chain, auditor)(at(simulation, url), simulation.job)) == b"evidence"
    assert handler.seen is not None
    path, header = handler.seen
    assert path == f"/base/v1/jobs/{to_hex(simulation.job)}/trail"
    credential = Credential.from_header(header)
    assert credential.signer == auditor.address
    receiver, domain = simulation.trust.institutions[0].address, simulation.deployment.consents
    asked = RequestParts(receiver, "GET", path, b"")
    demand_request(credential, asked, now=int(time.time()), domain=domain, verifiers=chain.verifiers)


def test_evidence_may_be_elsewhere(endpoint: tuple[type[Endpoint], str], tmp_path: Path) -> None:
    simulation, (handler, url) = Simulation(), endpoint
    chain, (first, second, third, fourth) = cast(Chain, Replay(simulation)), simulation.trust.institutions
    file = tmp_path / "evidence"
    file.write_bytes(b"from a file")
    places = {first.address: url, second.address: file, fourth.address: tmp_path / "none"}
    fetch = fetcher(chain, key("auditor"), places)
    assert b"".join(fetch(first, simulation.job)) == b"evidence"
    assert handler.seen is not None and handler.seen[0] == f"/base/v1/jobs/{to_hex(simulation.job)}/trail"
    assert b"".join(fetch(second, simulation.job)) == b"from a file"
    for other in (third, fourth):
        with pytest.raises(PeerError):
            list(fetch(other, simulation.job))


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_any_other_answer_is_none(endpoint: tuple[type[Endpoint], str], status: int) -> None:
    simulation, (handler, url) = Simulation(), endpoint
    handler.answer = (status, b"{}")
    with pytest.raises(PeerError, match=str(status)):
        list(fetcher(cast(Chain, Replay(simulation)), key("auditor"))(at(simulation, url), simulation.job))


def test_too_much_is_refused(endpoint: tuple[type[Endpoint], str], monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, (handler, url) = Simulation(), endpoint
    handler.answer = (200, b"x" * 10_000)
    monkeypatch.setattr(collecting, "MAX_EVIDENCE", 9_999)
    fetch = fetcher(cast(Chain, Replay(simulation)), key("auditor"))
    bundle = collected(simulation, lambda who, job: b"".join(fetch(at(simulation, url), job)))
    assert all("too large" in (entry.missing or "") for entry in bundle.evidence)


def test_nothing_is_unpacked(endpoint: tuple[type[Endpoint], str]) -> None:
    """A party that packs megabytes into some kilobytes has no evidence, and leaves the auditor its memory."""
    simulation, (handler, url) = Simulation(), endpoint
    handler.packed, handler.answer = True, (200, gzip.compress(bytes(8 << 20), 1))
    came: list[int] = []
    fetch = fetcher(cast(Chain, Replay(simulation)), key("auditor"))
    bundle = collected(simulation, lambda who, job: b"".join(_measured(fetch(at(simulation, url), job), came)))
    assert all(entry.evidence is None for entry in bundle.evidence)
    assert 0 < max(came) <= len(handler.answer[1])


def _measured(pieces: Iterable[bytes], into: list[int]) -> Iterator[bytes]:
    for piece in pieces:
        into.append(len(piece))
        yield piece


def test_too_slow_is_refused(endpoint: tuple[type[Endpoint], str], monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, (_, url) = Simulation(), endpoint
    monkeypatch.setattr(collecting, "LONGEST", -1.0)
    with pytest.raises(LimitError, match="slowly"):
        list(fetcher(cast(Chain, Replay(simulation)), key("auditor"))(at(simulation, url), simulation.job))


def test_nobody_there(free_port: int) -> None:
    simulation = Simulation()
    with pytest.raises(PeerError, match="ConnectError"):
        list(
            fetcher(cast(Chain, Replay(simulation)), key("auditor"))(
                at(simulation, f"http://127.0.0.1:{free_port}"), simulation.job
            )
        )

"""Whole jobs, from the request to the audit, on real processes; through the API and the program as users have them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource

from declaring import CUSTOMER
from faulty_endpoint import faulty_endpoint
from judging import audited
from live import NAMES, PROVIDERS, Done, Given, LiveConsortium
from placet.chain.events import JobOpened, StepsRecorded
from placet.chain.receipts import demand_on_chain
from placet.chain.states import JobStatus
from placet.cli import confined
from placet.cli.proof_files import amount_of
from placet.core.ecdsa import recover
from placet.core.errors import LimitError
from placet.core.evidence import SignedEvidence
from placet.core.signatures import Key
from placet.core.trail import evidence_hash
from placet.core.values import from_hex, parse, to_hex
from placet.jobs.progress import PROGRESS
from placet.jobs.replay_report import SignedReplay
from placet.owner.client import OwnerClient
from placet.owner.keys import OwnerKey
from placet.sandbox.consortium import REWARD, wait
from proving import band_keys, opened_total

TOTAL = REWARD * len(PROVIDERS)


@dataclass
class Followed:
    """What a job's event stream said: (id, name, data) each, and when."""

    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)
    ended: bool = False

    @property
    def names(self) -> list[str]:
        return [name for _, name, _ in self.events]


def follow(consortium: LiveConsortium, who: str, job: str, into: Followed, **headers: str) -> Followed:
    """Read a job's event stream to its end."""
    member = consortium.made.members[who]
    with httpx.stream(
        "GET",
        f"{member.api}/v1/jobs/{job}/events",
        headers=member.authorization | headers,
        timeout=120,
        trust_env=False,
    ) as answer:
        for event in EventSource(answer).iter_sse():
            if event.event == PROGRESS:
                continue
            if event.data:
                into.events.append((int(event.id), event.event, json.loads(event.data)))
                into.heard.append(time.monotonic())
    into.ended = True
    return into


def purse(consortium: LiveConsortium, who: str) -> int:
    """ERC-20 balance."""
    return consortium.chain.balance_of(from_hex(consortium.made.token), from_hex(consortium.made.members[who].address))


def purses(consortium: LiveConsortium) -> dict[str, int]:
    return {who: purse(consortium, who) for who in consortium.made.members}


def ended_everywhere(consortium: LiveConsortium, *jobs: str) -> None:
    """Wait until every party is through with the jobs: paid, and all of its trail on chain."""
    for job in jobs:
        wait(
            lambda job=job: all(
                consortium.ask(who, f"/v1/jobs/{job}").json()["ended"] for who in consortium.made.members
            ),
            f"end of {job} at every party",
        )


def openings(consortium: LiveConsortium) -> list[int]:
    return [consortium.openings(who) for who in (*PROVIDERS, "consumer")]


def opened(consortium: LiveConsortium) -> set[bytes]:
    opened = consortium.chain.events([JobOpened], 0)
    assert all(consortium.chain.is_opening(event.job, event.block) for event in opened)
    assert not any(consortium.chain.is_opening(event.job, event.block - 1) for event in opened)
    return {event.job for event in opened}


@dataclass
class First:
    """A job that was watched from its start, for many tests to look at, and five consents of which it used three."""

    done: Done
    expected: dict[str, int]
    before: dict[str, int]
    cancelled: list[httpx.Response]
    replayed: dict[str, Any]
    stream: Followed
    fresh: Given
    withdrawn: Given
    once: Given
    short: Given
    expired: Given


def unheard(consortium: LiveConsortium) -> Iterator[tuple[str, str]]:
    """(provider, customer) of whom no consent has ever been."""
    ever = {(given.provider, given.subject) for given in consortium.given}
    for who in consortium.silent:
        yield from ((key, who) for key in PROVIDERS if who in consortium.balances[key] and (key, who) not in ever)


@pytest.fixture(scope="module")
def first(consortium: LiveConsortium, tmp_path_factory: pytest.TempPathFactory) -> First:
    pairs = unheard(consortium)
    day = 86_400
    five = consortium.give_many(
        [(*next(pairs), *how) for how in ((1000, day), (1000, day), (1, day), (1000, 900), (1000, 300))]
    )
    expected, before = consortium.expected(), purses(consortium)
    file = tmp_path_factory.mktemp("first") / "job.json"
    file.write_text(json.dumps(consortium.made.request()))
    job = consortium.made.run("job", "start", "--config", "consumer/node.toml", "--file", file).strip()
    stream = Followed()
    listening = threading.Thread(target=follow, args=(consortium, "consumer", job, stream))
    listening.start()
    wait(lambda: consortium.chain.job(from_hex(job)).status is not JobStatus.NONE, "opening")
    cancelled = [consortium.ask(who, f"/v1/jobs/{job}/cancel", method="POST") for who in ("consumer", "north")]
    done = consortium.done(job)
    listening.join(180)
    ended_everywhere(consortium, job)
    replayed = json.loads(consortium.made.run("audit", "replay", job, "--all", "--sandbox", ".", "--json"))
    return First(done, expected, before, cancelled, replayed, stream, *five)


def test_the_result_is_exactly_the_plaintext(first: First) -> None:
    assert (first.done.ended, first.done.totals) == ("completed", first.expected)
    assert sum(1 for total in first.expected.values() if total) > 10


def test_who_has_not_consented_is_in_no_result(consortium: LiveConsortium, first: First) -> None:
    assert first.done.totals is not None
    heard = {(given.provider, given.subject) for given in consortium.given}
    held = {(key, who) for key in PROVIDERS for who in consortium.balances[key] if who in first.done.totals}
    assert held - heard
    for key, who in held - heard:
        assert first.done.totals[who] == consortium.expected([k for k in PROVIDERS if k != key])[who]
    assert all(first.done.totals[who] == 0 for who in ("nobody-1", "nobody-2"))


def test_every_provider_is_paid_its_reward_and_the_consumer_pays_them_all(
    consortium: LiveConsortium, first: First
) -> None:
    after = purses(consortium)
    assert {who: after[who] - first.before[who] for who in after} == {
        "north": REWARD,
        "south": REWARD,
        "fund": REWARD,
        "consumer": -TOTAL,
    }
    account = consortium.chain.escrow(from_hex(first.done.job))
    assert (account.funded, account.left, account.token) == (TOTAL, 0, from_hex(consortium.made.token))
    token = from_hex(consortium.made.token)
    assert all(consortium.chain.owed(token, from_hex(m.address)) == 0 for m in consortium.made.members.values())


@pytest.mark.slow  # `attacks/test_a_proof_says_no_more` has its parts by default
def test_a_customer_shows_a_lender_at_least_so_much(consortium: LiveConsortium, first: First, tmp_path: Path) -> None:
    """The consumer signs the total for its customer, who proves of it what it likes with nobody on line; the lender
    checks that against the chain and has it recorded."""
    keys = band_keys().folder  # skips where the extra is not installed
    customer, total = max(first.expected.items(), key=lambda one: one[1])
    person, lender, stranger = Key(), to_hex(consortium.key("south", "signer").address), to_hex(Key().address)
    node = ("--config", "consumer/node.toml")
    place = ("--deployment", "deployment.json")
    check = ("prove", "check", *place, "--trust", "trust.json", "--url", consortium.made.chain.url)
    opened, proof = tmp_path / "total.json", tmp_path / "proof.json"
    run = consortium.made.run
    run(
        *("prove", "total", *node, first.done.job, "--customer", customer, "--person", to_hex(person.address)),
        *("--purpose", "a lease", "--valid", "9y", "--out", opened),
    )
    assert opened.stat().st_mode & 0o077 == 0
    run("prove", "register", *node, "--keys", keys)
    decimals = json.loads(opened.read_text())["signed"]["total"]["decimals"]
    shown, more = amount_of(total - 1, decimals), amount_of(total + 1, decimals)
    prove = ("owner", "prove", "total", *place, opened, "--for", lender, "--keys", keys, "--valid", "9y")
    with pytest.raises(RuntimeError, match="nothing can be proven"):
        run(*prove, "--at-least", more, "--out", proof)
    run(*prove, "--at-least", shown, "--out", proof)
    assert opened.read_text().split('"salt": "')[1][:66] not in proof.read_text()
    assert str(total) not in proof.read_text()

    report = json.loads(run(*check, proof, "--as", lender, "--at-least", shown, "--json"))
    assert (report["total"], report["of"]) == (f"at least {shown}", to_hex(person.address))
    assert (report["vouched_for_by"], report["job_status"]) == (consortium.consumer.name, "completed")
    assert (report["job"], report["recorded"]) == (first.done.job, "no")
    for words, why in (
        ((*check, proof, "--as", stranger), "another relying party"),
        ((*check, proof), "another relying party"),
        ((*check, proof, "--as", lender, "--at-least", more), "shows less"),
    ):
        with pytest.raises(RuntimeError, match=why):
            run(*words)
    # What the lender's page asks of a node that is not the consumer's, as an origin of its own.
    route = f"{consortium.made.members['south'].api}/v1/proofs"
    consumer = to_hex(consortium.key("consumer", "signer").address)
    for path, answer in {
        f"keys/{report['key']}": {"key": json.loads((keys / "verification.json").read_text()), "contributors": []},
        f"jobs/{first.done.job}": {"consumer": consumer, "status": "completed"},
    }.items():
        reply = httpx.get(f"{route}/{path}", headers={"Origin": "null"}, trust_env=False)
        assert (reply.json(), reply.headers["access-control-allow-origin"]) == (answer, "*")
        unknown = httpx.get(f"{route}/{path[:4]}/0x{'11' * 32}", trust_env=False)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    # Another institution of the trust list, which was no consumer of that job, vouches for a total of its own.
    other = opened_total(
        consortium.deployment.proven, consortium.key("south", "signer"), 10**12, person=person.address,
        job=from_hex(first.done.job),
    )  # fmt: skip
    (tmp_path / "other.json").write_text(json.dumps(other.to_json()))
    run(*prove[:5], tmp_path / "other.json", *prove[6:], "--at-least", shown, "--out", tmp_path / "invented.json")
    with pytest.raises(RuntimeError, match="not the job's consumer"):
        run(*check, tmp_path / "invented.json", "--as", lender)
    run("prove", "record", "--config", "south/node.toml", proof)
    assert json.loads(run(*check, proof, "--as", lender, "--json"))["recorded"] != "no"


# What can be asked about a job.


def test_there_is_no_result_anywhere_else(consortium: LiveConsortium, first: First) -> None:
    for who in PROVIDERS:
        answer = consortium.ask(who, f"/v1/jobs/{first.done.job}/result")
        assert (answer.status_code, answer.json()["code"]) == (409, "state")


def test_a_job_is_shown_alike_by_all_its_parties(consortium: LiveConsortium, first: First) -> None:
    for party, who in enumerate((*PROVIDERS, "consumer")):
        shown = consortium.ask(who, f"/v1/jobs/{first.done.job}").json()
        assert shown["party"] == party
        assert (shown["id"], shown["recipe"], shown["ended"]) == (first.done.job, "asset-view", "completed")
        assert (shown["status"], shown["attempt"]) == ("completed", 1)
        assert shown["deadline"] < shown["settle_by"]
        assert shown["nth"] >= 1
        assert first.done.job in [job["id"] for job in consortium.ask(who, "/v1/jobs").json()["jobs"]]


@pytest.mark.parametrize("path", ["", "/events", "/result", "/trail"])
def test_an_unknown_job_is_not_found(consortium: LiveConsortium, path: str) -> None:
    answer = consortium.ask("north", f"/v1/jobs/0x{'00' * 32}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    for malformed in ("0x00", "latest", "0x" + "g" * 64):
        assert consortium.ask("north", f"/v1/jobs/{malformed}{path}").status_code == 422


def test_jobs_are_the_institutions_own_business(consortium: LiveConsortium, first: First) -> None:
    """An owner, an auditor, another institution and nobody: none of them sees, starts or cancels a job."""
    job = f"/v1/jobs/{first.done.job}"
    other = consortium.made.members["south"].authorization
    for method, path in (
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", job),
        ("GET", f"{job}/events"),
        ("GET", f"{job}/result"),
        ("POST", f"{job}/cancel"),
    ):
        for key in (consortium.given[0].key, consortium.auditor, Key()):
            refused = consortium.ask(
                "consumer", path, method=method, **consortium.signed(key, path, "consumer", method)
            )
            assert (refused.status_code, refused.json()["code"]) == (403, "access.institution"), (method, path)
        stranger = consortium.ask("consumer", path, method=method, body=consortium.made.request(), **other)
        assert (stranger.status_code, stranger.json()["code"]) == (401, "access.credential")
        nobody = consortium.ask("consumer", path, method=method, body=consortium.made.request(), Authorization="")
        assert (nobody.status_code, nobody.json()["code"]) == (401, "access.unsigned")


def test_the_trail_is_for_the_institution_and_the_auditor(consortium: LiveConsortium, first: First) -> None:
    path = f"/v1/jobs/{first.done.job}/trail"
    for party, who in enumerate((*PROVIDERS, "consumer")):
        for headers in ({}, consortium.signed(consortium.auditor, path, who)):
            answer = consortium.ask(who, path, **headers)
            assert answer.status_code == 200
            found = parse(SignedEvidence, answer.content, limit=1 << 24)
            evidence = found.evidence
            assert (to_hex(evidence.job), evidence.party) == (first.done.job, party)
            digest = consortium.deployment.jobs.digest(evidence_hash(evidence.job, party, evidence.hash))
            assert recover(digest, found.signature) == evidence.plan.parties[party].recorder
        for key in (consortium.given[0].key, consortium.key("south", "signer"), consortium.key(who, "signer"), Key()):
            refused = consortium.ask(who, path, **consortium.signed(key, path, who))
            assert (refused.status_code, refused.json()["code"]) == (403, "access.auditor")
        other = "south" if who == "north" else "north"
        replayed = consortium.ask(who, path, **consortium.signed(consortium.auditor, path, other))
        assert (replayed.status_code, replayed.json()["code"]) == (401, "access.signature")
        assert consortium.ask(who, path, **consortium.made.members[other].authorization).status_code == 401


def test_a_trail_shows_no_person_and_no_amount(consortium: LiveConsortium, first: First) -> None:
    """Subjects, balances and the result stay where they are, in clear and as numbers of the signed documents."""
    for who in (*PROVIDERS, "consumer"):
        text = consortium.ask(who, f"/v1/jobs/{first.done.job}/trail").text
        assert not [person for person in consortium.customers if f'"{person}"' in text]
        amounts = {str(v) for held in consortium.balances.values() for v in held.values()} | {
            str(total) for total in first.expected.values() if total
        }
        assert not [amount for amount in amounts if f'"{amount}"' in text or f":{amount}," in text]


# The stream of events.

ORDER = ["agreed", "opening", "computing", "computed", "sealed", "completed"]


def test_the_events_tell_the_ordered_moments_until_the_end(first: First) -> None:
    stream = first.stream
    assert stream.ended
    numbers = [number for number, _, _ in stream.events]
    assert numbers == sorted(set(numbers))
    told = [name for name in stream.names if name in ORDER]
    assert told == ORDER
    assert stream.names[-1] == "completed"
    steps = [data for _, name, data in stream.events if name == "step"]
    assert [data["index"] for data in steps] == list(range(len(steps)))
    assert [data["name"] for data in steps] == [
        "open-customers",
        "psi-arrange",
        "receive-commitments",
        "receive-masked",
        "check-sums",
    ]
    computing, computed = stream.names.index("computing"), stream.names.index("computed")
    assert all(computing < place < computed for place, name in enumerate(stream.names) if name == "step")
    assert all(data["status"] == name for _, name, data in stream.events)
    times = [data["at"] for _, _, data in stream.events]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 3600
    assert stream.heard[-1] - stream.heard[0] > 0.5  # as it happened, not all of it at the end


def test_a_provider_tells_of_its_own_part(consortium: LiveConsortium, first: First) -> None:
    stream = follow(consortium, "north", first.done.job, Followed())
    told = [name for name in stream.names if name in (*ORDER, "released")]
    assert told == ["agreed", "computing", "computed", "released", "completed"]
    steps = [data["name"] for _, name, data in stream.events if name == "step"]
    assert steps == ["open-accounts", "psi-place", "commit-values", "sum-shares", "mask-output", "prove-sums"]


def test_the_events_of_an_ended_job_are_told_again(consortium: LiveConsortium, first: First) -> None:
    again = follow(consortium, "consumer", first.done.job, Followed())
    assert again.events == first.stream.events


def test_a_browser_of_the_institution_follows_all_jobs_in_one_stream(consortium: LiveConsortium, first: First) -> None:
    member = consortium.made.members["consumer"]
    own = {"sec-fetch-site": "same-origin"}
    credential = {"credential": member.authorization["Authorization"].removeprefix("Bearer ")}
    login = httpx.post(f"{member.api}/console/login", json=credential, headers=own, trust_env=False)
    cookie = login.headers["set-cookie"].split(";")[0]
    heard: list[tuple[int, str]] = []
    begun: list[str] = []
    with httpx.stream(
        *("GET", f"{member.api}/v1/events"),
        headers=own | {"cookie": cookie, "last-event-id": "0"},
        timeout=120,
        trust_env=False,
    ) as answer:
        for event in EventSource(answer).iter_sse():
            if not event.data:
                begun.append(event.id)
                continue
            data = json.loads(event.data)
            if data["job"] == first.done.job:
                heard.append((int(event.id), data["status"]))
            if heard and heard[-1][1] == "completed":
                break
    assert heard == [(number, name) for number, name, _ in first.stream.events]
    assert begun == ["0"]  # after which it goes on, said before anything happens
    moments = member.get(f"/v1/jobs/{first.done.job}/moments?after={heard[0][0]}")["moments"]
    assert [(one["id"], one["status"]) for one in moments] == heard[1:]


# The program.


def test_the_program_shows_and_watches_a_job(consortium: LiveConsortium, first: First) -> None:
    config = ("--config", "consumer/node.toml")
    shown = json.loads(consortium.made.run("job", "show", *config, first.done.job))
    assert (shown["id"], shown["ended"]) == (first.done.job, "completed")
    consortium.made.run("job", "watch", *config, first.done.job)
    with pytest.raises(RuntimeError) as refused:
        consortium.made.run("job", "watch", *config, "0x" + "00" * 32)
    assert "knows no such job" in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_every_party_comes_to_the_same_again(consortium: LiveConsortium, first: First) -> None:
    """Beside the running nodes and vaults, before any consent of the job ended; signed by each recorder."""
    assert first.replayed["outcome"] == "same"
    documents = [parse(SignedReplay, one, limit=1 << 20) for one in first.replayed["replays"]]
    assert {one.report.institution for one in documents} == {
        from_hex(member.address) for member in consortium.made.members.values()
    }
    for one in documents:
        report = one.report
        found = {finding.outcome for finding in (report.trail, report.seed, report.received, *report.steps)}
        assert (report.job, found, len(report.steps) >= 3) == (from_hex(first.done.job), {"same"}, True)
        who = next(k for k, m in consortium.made.members.items() if from_hex(m.address) == report.institution)
        digest = consortium.deployment.jobs.digest(evidence_hash(report.job, report.party, report.hash()))
        assert recover(digest, one.signature) == consortium.key(who, "recorder").address
        received = consortium.made.members[who].folder / "received"
        assert [file.name for file in received.glob(f"{report.job.hex()}-*")] == [f"{report.job.hex()}-1.received"]


def test_the_audit_is_intact_with_every_check_passed(consortium: LiveConsortium, first: First, tmp_path: Path) -> None:
    common = ("--deployment", "deployment.json", "--trust", "trust.json")
    html, bundle = tmp_path / "report.html", tmp_path / "job.bundle"
    live = json.loads(
        consortium.made.run(
            *("audit", first.done.job, "--url", consortium.made.chain.url, *common, "--key", "auditor.json"),
            *("--html", html, "--save", bundle, "--json"),
        )
    )
    assert (live["verdict"], live["ending"]) == ("intact", "completed")
    absent = ("enclave", "model", "budget")
    other = {r["name"] for r in live["results"] if r["status"] != "passed" and r["group"] not in absent}
    assert other == {
        "withdrawal.amendments",
        "plan.standing",
        "trail.starts",
        "flow.sums",
        "flow.covered-garblings",
        "stakes.in",
        "retention.deleted",
    }
    assert {r["status"] for r in live["results"] if r["group"] == "budget"} == {"skipped"}
    assert {r["reason"] for r in live["results"] if r["group"] == "enclave"} == {"no enclave in this job"}
    assert len(live["results"]) > 20
    looked_at = {r["name"]: r["looked_at"] for r in live["results"] if r["group"] in ("trail", "exchange")}
    assert all(looked_at[name] > 0 for name in looked_at.keys() - other)
    assert [party["paid"] for party in live["parties"]] == [str(REWARD)] * 3 + ["0"]
    page = html.read_text()
    assert page.startswith("<!doctype html>")
    assert "intact" in page
    assert first.done.job in page
    saved = json.loads(consortium.made.run("audit", "--bundle", bundle, *common, "--json"))
    assert (saved["verdict"], saved["results"]) == ("intact", live["results"])
    head = consortium.chain.block(live["head"]["block"])
    under = audited(consortium.made.folder, bundle=bundle, block=(head.number, head.hash))
    assert (under["verdict"], under["basis"]) == ("intact", "proven")
    again = tmp_path / "again.bundle"
    block = (head.number, head.hash)
    audited(consortium.made.folder, first.done.job, url=consortium.made.chain.url, block=block, save=again)
    assert again.read_bytes() == bundle.read_bytes(), "collected twice as of one block, the same bytes"


@pytest.mark.slow  # `audit/test_limits` has the limit by default
def test_a_partys_answer_that_takes_more_memory_than_its_size_allows_gets_no_verdict(
    consortium: LiveConsortium, first: First, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a party answers to a live audit is read in a process of its own, as a stranger's bundle is. Empty lists are
    hundreds of bytes each in memory, and 3 in the answer. The honest audit takes some 100 MiB."""
    monkeypatch.setattr(confined, "EMPTY", 160 << 20)
    request = confined.AuditRequest(
        live=confined.LiveAudit(job=from_hex(first.done.job), key=Key().secret),
        url=consortium.made.chain.url,
        deployment=consortium.deployment,
        trust=consortium.trust,
        save=str(tmp_path / "saved.bundle"),
    )
    assert confined.judge(request).verdict == "incomplete"  # a stranger is handed no evidence
    hostile = tmp_path / "hostile.json"
    hostile.write_text('{"evidence": {"steps": [{"parameters": {"x": [' + "[]," * 2_000_000 + "[]]}}]}}")
    whose = consortium.trust.institutions[0].address
    place = confined.ElsewhereEvidence(institution=whose, file=str(hostile))
    live = confined.LiveAudit(job=from_hex(first.done.job), key=Key().secret, elsewhere=(place,))
    with pytest.raises(LimitError) as caught:
        confined.judge(request.model_copy(update={"live": live}))
    assert caught.value.code == "audit.limits"


# Owners.


def uses_of(consortium: LiveConsortium, given: Given) -> list[tuple[str, int, str]]:
    async def ask() -> Any:
        async with OwnerClient(consortium.deployment, consortium.trust) as client:
            return await client.uses(given.signed.api, given.signed.provider, given.key, given.id)

    return [(to_hex(use.job), use.attempt, use.outcome) for use in asyncio.run(ask())]


def test_an_owner_sees_which_job_used_his_data_and_how_it_ended(consortium: LiveConsortium, first: First) -> None:
    for given in [consortium.of(who)[0] for who in ("P01", "P02", "P03")]:
        wait(
            lambda given=given: (first.done.job, 1, "completed") in uses_of(consortium, given),
            f"outcome for {given.subject}",
        )
        path = f"/v1/consents/{to_hex(given.id)}/uses"
        stranger = next(g.key for g in consortium.given if g.provider == given.provider and g.subject != given.subject)
        refused = consortium.ask(given.provider, path, **consortium.signed(stranger, path, given.provider))
        assert refused.status_code == 404


def test_an_owner_is_told_all_that_was_done_with_his_data(consortium: LiveConsortium, first: First) -> None:
    """Who took part, what each recorded, who got the result, who was paid; and no other person."""
    given = consortium.of("P01")[0]
    members = {key: member.address for key, member in consortium.made.members.items()}
    ended_everywhere(consortium, first.done.job)

    async def ask(key: OwnerKey) -> Any:
        async with OwnerClient(consortium.deployment, consortium.trust) as client:
            return [page.model_dump() for page in await client.access(given.signed.api, given.signed.provider, key)]

    [page] = asyncio.run(ask(given.key))
    [entry] = page["consents"]
    assert (entry["consent"]["id"], page["owner"]) == (to_hex(given.id), to_hex(given.key.signer))
    assert entry["signed"]["details"]["notice"] and entry["notice"].startswith("You allow")
    [job] = [one for one in page["jobs"] if one["job"] == first.done.job]
    assert first.done.job in {use["job"] for use in entry["uses"]}
    assert (job["recipe"], job["outcome"], job["recipient"]["name"]) == ("asset-view", "completed", NAMES["consumer"])
    assert (job["sponsor"]["address"], job["auditor"], job["refunded"]) == (members["consumer"], None, "0")
    assert {one["institution"]["address"] for one in job["parties"]} == set(members.values())
    records = consortium.chain.events([StepsRecorded], 0, job=from_hex(first.done.job))
    for number, party in enumerate(job["parties"]):
        key = next(key for key, address in members.items() if address == party["institution"]["address"])
        reward = REWARD if key in PROVIDERS else 0
        assert (party["institution"]["name"], party["reward"], party["paid"]) == (NAMES[key], str(reward), str(reward))
        assert party["steps"] == sum(len(record.hashes) for record in records if record.party == number) > 0
    assert job["steps"] and all(step["protocol"] and step["at"] for step in job["steps"])
    text = json.dumps(page)
    assert not any(to_hex(other.key.signer) in text for other in consortium.given if other.id != given.id)
    path = f"/v1/owners/{to_hex(given.key.signer)}/access"
    stranger = next(g.key for g in consortium.given if g.provider == given.provider and g.subject != given.subject)
    refused = consortium.ask(given.provider, path, **consortium.signed(stranger, path, given.provider))
    assert (refused.status_code, refused.json()["code"]) == (403, "access.owner")


def test_a_receipt_of_a_used_consent_stands_on_the_chain(consortium: LiveConsortium, first: First) -> None:
    given = first.once

    async def ask() -> Any:
        async with OwnerClient(consortium.deployment, consortium.trust) as client:
            signed = given.signed
            return await client.receipt(signed.api, signed.provider, given.key, signed.consent)

    facts = asyncio.run(ask()).facts()
    assert facts.status == "exhausted"
    standing = demand_on_chain(consortium.chain, facts)
    assert (standing.ended, standing.openings_left) == (given.ended, 0)


@dataclass
class Second:
    """Two jobs at once, after a withdrawal."""

    both: list[Done]
    expected: dict[str, int]
    before: dict[str, int]


@pytest.fixture(scope="module")
def second(consortium: LiveConsortium, first: First) -> Second:
    consortium.withdraw(first.withdrawn, *consortium.of("P05"))
    consortium.pass_time(first.expired.signed.consent.not_after)
    expected, before = consortium.expected(), purses(consortium)
    with ThreadPoolExecutor(2) as pool:
        return Second(list(pool.map(lambda _: consortium.job(), range(2))), expected, before)


def test_two_jobs_at_once_are_both_computed_and_paid(consortium: LiveConsortium, second: Second) -> None:
    assert [(one.ended, one.totals) for one in second.both] == [("completed", second.expected)] * 2
    assert second.both[0].job != second.both[1].job
    ended_everywhere(consortium, *(one.job for one in second.both))
    after = purses(consortium)
    assert {who: after[who] - second.before[who] for who in PROVIDERS} == dict.fromkeys(PROVIDERS, 2 * REWARD)
    assert second.before["consumer"] - after["consumer"] == 2 * TOTAL


def test_only_consents_that_live_through_the_job_count(
    consortium: LiveConsortium, first: First, second: Second
) -> None:
    """Withdrawn, expired, exhausted ones don't, nor do those that would end before the deadline."""
    jobs = [first.done.job, *(one.job for one in second.both)]
    for given, used in (
        (first.fresh, jobs),
        (first.withdrawn, jobs[:1]),
        (first.once, jobs[:1]),
        (first.short, []),
        (first.expired, []),
    ):
        assert sorted(job for job, _, _ in uses_of(consortium, given)) == sorted(used), given.subject
    assert first.expected["P05"] != 0
    assert second.expected["P05"] == 0
    assert second.expected != first.expected
    for given in (first.withdrawn, first.once):
        balance = consortium.balances[given.provider][given.subject]
        assert first.expected[given.subject] - second.expected[given.subject] >= balance - sum(
            consortium.balances[other.provider][other.subject]
            for other in (first.withdrawn, first.once)
            if other is not given and other.subject == given.subject
        )


# Cancelling.


def test_once_open_a_job_is_not_cancelled_any_more(first: First) -> None:
    assert [(r.status_code, r.json()["code"]) for r in first.cancelled] == [(409, "job.opened")] * 2
    assert first.done.ended == "completed"


def test_rewards_that_the_consumer_does_not_have_open_nothing(consortium: LiveConsortium) -> None:
    before, count = purses(consortium), openings(consortium)
    request = consortium.made.request()
    request["providers"][0]["reward"] = str(before["consumer"] + 1)
    refusal = consortium.ask("consumer", "/v1/jobs", method="POST", body=request)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "plan.rewards")
    assert (purses(consortium), openings(consortium)) == (before, count)


# Requests that can't become a job.


def changed(place: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda request: request["providers"][place].update(changes)


def test_the_events_go_on_after_the_last_one_that_was_heard(consortium: LiveConsortium, first: First) -> None:
    """As a browser's EventSource asks when its connection was cut."""
    numbers = [number for number, _, _ in first.stream.events]
    middle = numbers[len(numbers) // 2]
    rest = follow(consortium, "consumer", first.done.job, Followed(), **{"Last-Event-ID": str(middle)})
    assert [number for number, _, _ in rest.events] == [n for n in numbers if n > middle]
    last = follow(consortium, "consumer", first.done.job, Followed(), **{"Last-Event-ID": str(numbers[-1])})
    assert last.events == []


BAD: dict[str, tuple[int, str, Callable[[dict[str, Any]], Any]]] = {
    "an unknown offer": (424, "not-found", changed(0, offer="0x" + "11" * 32)),
    "another provider's offer": (
        424,
        "consent.provider",
        lambda r: r["providers"][0].update(offer=r["providers"][1]["offer"]),
    ),
    "an unknown recipe": (422, "plan.recipe", lambda r: r.update(recipe="credit-score")),
    "another engine": (422, "plan.engine", lambda r: r.update(engine="spu")),
    "an unknown purpose": (422, "input", lambda r: r.update(purpose="https://w3id.org/dpv#Nonsense")),
    "a provider twice": (422, "plan", lambda r: r["providers"].append(r["providers"][0])),
    "one provider only": (422, "plan.roles", lambda r: r.update(providers=r["providers"][:1])),
    "rewards without a token": (422, "plan", lambda r: r.pop("token")),
    "an institution that nobody knows": (404, "not-found", changed(0, address="0x" + "11" * 20)),
    "no column": (
        422,
        "plan.parameters",
        lambda r: r.update(parameters=CUSTOMER),
    ),
    "a consent of its own that is none": (422, "consent.dead", lambda r: r["own"].update(consent="0x" + "11" * 32)),
    "an offer of its own that is none": (404, "not-found", lambda r: r["own"].update(offer="0x" + "11" * 32)),
    "a provider's offer as its own": (
        422,
        "plan",
        lambda r: r["own"].update(offer=r["providers"][0]["offer"]),
    ),
    "itself as a provider": (
        422,
        "consent.columns",  # its own offer holds no balance
        lambda r: r["providers"][0].update(address=r["self"], offer=r["own"]["offer"]),
    ),
    "a column that the offers do not hold": (
        424,  # a provider says so
        "consent.columns",
        lambda r: r["parameters"].update(value="branch"),
    ),
    "no provider": (422, "input", lambda r: r.update(providers=[])),
    "a negative reward": (422, "input", changed(0, reward="-1")),
    "a reward beyond all bounds": (422, "input", changed(0, reward=str(2**96))),
    "no time at all": (422, "input", lambda r: r.update(open_seconds=0)),
    "a word that nobody knows": (422, "input", lambda r: r.update(more=1)),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_request_is_refused_and_leaves_no_job(consortium: LiveConsortium, what: str) -> None:
    count, known = openings(consortium), {job["id"] for job in consortium.ask("consumer", "/v1/jobs").json()["jobs"]}
    status, code, change = BAD[what]
    request = consortium.made.request()
    request["self"] = consortium.consumer.address
    change(request)
    del request["self"]
    answer = consortium.ask("consumer", "/v1/jobs", method="POST", body=request)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    going = [job for job in consortium.ask("consumer", "/v1/jobs").json()["jobs"] if not job["ended"]]
    assert [job for job in going if job["id"] not in known] == []
    assert openings(consortium) == count


def test_a_provider_that_is_not_there_is_named_and_not_needed_by_other_jobs(
    consortium: LiveConsortium, tmp_path: Path
) -> None:
    """The other job pays nothing."""
    before, count = purses(consortium), openings(consortium)
    known = {job["id"] for job in consortium.ask("consumer", "/v1/jobs").json()["jobs"]}
    request = consortium.made.request()
    two = [{**provider, "reward": "0"} for provider in request["providers"][:2]]
    file = tmp_path / "two.json"
    file.write_text(json.dumps(request | {"providers": two, "token": "0x" + "00" * 20}))
    consortium.made.kill("fund-node")
    try:
        answer = consortium.ask("consumer", "/v1/jobs", method="POST", body=request)
        assert (answer.status_code, answer.json()["code"]) == (424, "peer.unreachable")
        assert "Fund House" in answer.text
        assert {job["id"] for job in consortium.ask("consumer", "/v1/jobs").json()["jobs"]} == known
        assert openings(consortium) == count
        expected = consortium.expected(PROVIDERS[:2])
        said = consortium.made.run("job", "start", "--config", "consumer/node.toml", "--file", file, "--watch")
        job = said.split()[0]
        assert consortium.done(job) == Done(job, "completed", expected)
    finally:
        consortium.made.start_node("fund")
        consortium.made.wait_healthy("fund")
    assert purses(consortium) == before
    assert openings(consortium) == [count[0] + 1, count[1] + 1, count[2], count[3] + 1]
    assert consortium.ask("fund", f"/v1/jobs/{job}").status_code == 404


@pytest.mark.slow  # by default chain/test_index
def test_a_job_over_an_endpoint_whose_logs_lag(consortium: LiveConsortium) -> None:
    """Node and vault of one provider are behind a load balancer whose logs are three blocks older than its heads: what
    is withdrawn there is withdrawn, counts for no job, and the audit sees it all the same."""
    pair, chain = ("north", "fund"), consortium.made.chain.url
    expected, offered = (
        consortium.expected(pair),
        dict(zip(PROVIDERS, consortium.made.request()["providers"], strict=True)),
    )
    files = [consortium.made.folder / name for name in ("fund/node.toml", "fund-vault/vault.toml")]

    def moved(old: str, new: str) -> None:
        consortium.made.end("fund-node", "fund-vault")
        for file in files:
            file.write_text(file.read_text().replace(old, new))
        consortium.made.start_vault("fund")
        consortium.made.wait_vault("fund")
        consortium.made.start_node("fund")
        consortium.made.wait_healthy("fund")

    with faulty_endpoint(chain) as faulty:
        faulty.mode = "laglogs3"
        moved(chain, faulty.url)
        try:
            ours = (consortium.of(subject, "fund") for subject in expected if consortium.balances["fund"].get(subject))
            one = next(given[0] for given in ours if len(given) == 1)
            consortium.withdraw(one)
            done = consortium.job(providers=[offered[key] for key in pair])
            report = audited(consortium.made.folder, done.job, url=faulty.url)
            assert faulty.calls["eth_getBlockReceipts"] > 0, "what the logs left out was asked for"
        finally:
            moved(faulty.url, chain)
    assert done == Done(done.job, "completed", consortium.expected(pair))
    assert consortium.expected(pair) != expected
    assert report["verdict"] == "intact"


@pytest.mark.slow
def test_a_plan_waits_for_a_person_over_the_death_of_both_nodes(consortium: LiveConsortium) -> None:
    """One is refused with a reason, the other agreed to while its consumer is away; that one completes, and its audit
    is as any's."""
    made, settings = consortium.made, consortium.made.folder / "fund" / "node.toml"
    policy, count, before = settings.read_text(), openings(consortium), purses(consortium)

    def restart(*keys: str) -> None:
        for key in keys:
            made.kill(f"{key}-node")
        for key in keys:
            made.start_node(key)
            made.wait_healthy(key)

    def operator(*words: str) -> Any:
        return json.loads(made.run("job", *words[:1], "--config", "fund/node.toml", *words[1:]))

    settings.write_text(policy + '\n[[policy.hold]]\nrecipes = ["asset-view"]\nrows_above = 1\n')
    try:
        restart("fund")
        began = consortium.ask("consumer", "/v1/jobs", method="POST", body=made.request())
        first = began.json()
        assert (began.status_code, first["status"]) == (202, "held")
        assert [one["for"] for one in first["waits"]] == ["Fund House to agree to the plan"]
        assert 3600 < first["open_by"] - first["created"] <= 86_400
        second = made.begin(made.request())
        expected = consortium.expected(deadline=consortium.ask("consumer", f"/v1/jobs/{second}").json()["deadline"])
        restart("fund", "consumer")
        plans = operator("held", "--json")
        assert {(plan["job"], plan["state"]) for plan in plans} >= {(first["id"], "waiting"), (second, "waiting")}
        [plan] = [plan for plan in plans if plan["job"] == second]
        assert (plan["consumer"]["name"], plan["role"], plan["reward"]) == ("Family Office", "provider", str(REWARD))
        assert 1 < plan["rows"] <= plan["consents"] and plan["learns"]["provider"]
        no = operator("refuse", first["id"], "--reason", "not today", "--by", "Ms Officer", "--json")
        assert no["state"] == "refused"
        assert consortium.done(first["id"]).ended == "refused"
        [moment] = [
            m for _, name, m in follow(consortium, "consumer", first["id"], Followed()).events if name == "refused"
        ]
        assert (moment["code"], moment["reason"]) == ("plan.refused", "not today")
        why = consortium.ask("consumer", f"/v1/jobs/{first['id']}").json()["why"]
        assert why.startswith("plan.refused: ") and why.endswith(": not today")
        made.kill("consumer-node")
        assert operator("approve", second, "--by", "Ms Officer", "--json")["state"] == "signed"
        restart("fund")  # it was decided before, and for good
        made.start_node("consumer")
        made.wait_healthy("consumer")
        assert consortium.done(second) == Done(second, "completed", expected)
        ended_everywhere(consortium, second)
        assert follow(consortium, "consumer", second, Followed()).names[:3] == ["agreed", "held", "opening"]
        decided = consortium.ask("fund", f"/v1/plans/{second}").json()
        assert (decided["state"], decided["by"]) == ("signed", "Ms Officer")
        assert consortium.audited(second)["verdict"] == "intact"
        paid = consortium.ask("fund", "/v1/rewards").json()
        [job] = [one for one in paid["jobs"] if one["job"] == second]
        assert (job["credited"], job["withheld"]) == (str(REWARD), [])
        [account] = paid["tokens"]
        assert (account["owed"], int(account["claimed"])) == ("0", purse(consortium, "fund"))
        assert consortium.ask("fund", "/v1/outcomes").json()["ended"]["completed"] >= 1
    finally:
        settings.write_text(policy)
        restart("fund")
    assert openings(consortium) == [number + 1 for number in count]
    assert purse(consortium, "consumer") == before["consumer"] - TOTAL


def test_a_job_whose_opening_is_on_its_way_is_not_cancelled_and_goes_on(consortium: LiveConsortium) -> None:
    """The approval of the rewards and the opening wait for one block: who cancels now comes after them. The last test
    here, since Anvil goes on in whole seconds."""
    count = openings(consortium)
    escrow = consortium.deployment.reward_escrow.address
    allowed = consortium.chain.allowance(from_hex(consortium.made.token), from_hex(consortium.consumer.address), escrow)
    request = consortium.made.request()
    request["providers"][0]["reward"] = str(allowed + 1)
    rpc, pool = consortium.made.chain.rpc, ThreadPoolExecutor(1)
    rpc("evm_setIntervalMining", 0)
    try:
        job = consortium.made.begin(request)
        wait(lambda: int(rpc("txpool_status")["pending"], 16) >= 2, "approval and opening")
        early = [consortium.ask(who, f"/v1/jobs/{job}/result") for who in consortium.made.members]
        cancelling = pool.submit(consortium.made.run, "job", "cancel", "--config", "consumer/node.toml", job)
    finally:
        rpc("evm_setIntervalMining", 1)
    with pool, pytest.raises(RuntimeError, match="a job is cancelled before it opens"):
        cancelling.result()
    assert [(one.status_code, one.json()["code"]) for one in early] == [(409, "state")] * 4
    assert consortium.done(job).ended == "completed"
    assert openings(consortium) == [each + 1 for each in count]

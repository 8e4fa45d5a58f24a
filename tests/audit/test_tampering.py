"""Whatever a party changes in its evidence and signs again, whatever is changed in the facts: it is not intact.

`test_mutations` has what is changed by somebody who can sign for nobody, on an auditor who can prove the facts."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Path, changed, changes, chosen, get, is_intact, shape, walk
from simulator import CONSUMER, Simulation

from examples import examples
from placet.audit.bundle import Bundle, parse_bundle
from placet.audit.facts import Ending
from placet.audit.outcome import Verdict
from placet.audit.verify import verify
from placet.core.errors import InputError
from placet.core.evidence import Evidence
from placet.core.values import from_hex, parse

JOBS = {
    "amended": {"people": 2, "withdraw": (1,)},
    "aborted": {"people": 2, "ending": Ending.ABORTED},
    "closed": {"people": 2, "ending": Ending.CLOSED, "withholds": (1,)},
}

# What the chain alone knows: no other fact or signature says the same; a reader who doubts the collector of a bundle
# collects the facts again. Blocks and times count where order or a limit hangs on them, not to the second; an opening's
# number where a consent ends; who aborted and why nowhere. A commitment counts where a recipe discloses one.
ONLY_THE_CHAIN_KNOWS = {
    ("opened", "block_hash"),  # from which noise follows, and splits
    ("datasets", "budget"),  # where the job spends nothing of it
    *(("end", "reason"), ("end", "by"), ("end", "signer"), ("opened", "openings", "[]")),
    *(("committed",), ("committed", "[]"), ("committed", "dataset"), ("committed", "commitment")),
}
MOMENTS = {"block", "index", "timestamp"}
# Lists whose order means nothing, and what one party may leave out because another shows it.
UNORDERED = {("inputs",), ("sent",), ("received",), ("datasets",), ("offers",), ("anchored",), ("given",)}
OTHERS_SHOW_IT = {("amendments",)}


@cache
def simulation(job: str) -> Simulation:
    return Simulation(**JOBS[job])


@cache
def honest(job: str) -> Bundle:
    return simulation(job).bundle()


@cache
def bundle_json(job: str) -> dict[str, Any]:
    return honest(job).to_json()


def is_harmless(path: Path, old: Any, new: Any) -> bool:
    if shape(path) in UNORDERED and sorted(map(str, old)) == sorted(map(str, new)):
        return True
    if path == ("inputs",) and new == old[:-1]:  # a named consent is one for all attempts
        return old[-1]["named"] is not None and old[-1]["attempt"] > 1
    return shape(path) in OTHERS_SHOW_IT and len(new) < len(old)


def tried(every: bool, value: Any) -> list[Any]:
    """What is put in its place: all `changes`, or the first."""
    return changes(value)[: None if every else 1]


by_reach = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["once", "every"])
"""One change of each shape of place over all documents, or all of all `places` of each document."""


def evidence_slips(job: str, plain: dict[str, Any]) -> bool:
    """Is the job still intact by a party's evidence that says this, under its signature? Not if it is refused at the
    door."""
    try:
        evidence = parse(Evidence, json.dumps(plain))
    except InputError:
        return False
    signed = simulation(job).sign_evidence(evidence)
    entries = [
        entry.model_copy(update={"evidence": signed}) if place == evidence.party else entry
        for place, entry in enumerate(honest(job).evidence)
    ]
    return is_intact(honest(job).model_copy(update={"evidence": tuple(entries)}))


SUBMITTED = [("amended", 0), ("amended", CONSUMER), ("aborted", 0), ("aborted", CONSUMER)]


@by_reach
@pytest.mark.parametrize(("job", "party"), SUBMITTED)
def test_evidence(job: str, party: int, every: bool) -> None:
    own = simulation(job).evidence(party).to_json()
    assert evidence_slips(job, own)
    earlier = SUBMITTED[: SUBMITTED.index((job, party))]
    slipped = []
    for path in chosen(every, own, (simulation(other).evidence(who).to_json() for other, who in earlier)):
        for new in tried(every, get(own, path)):
            if new is None or path == ("party",) or is_harmless(path, get(own, path), new):
                continue
            if evidence_slips(job, changed(own, path, new)):
                slipped.append((path, new))
    assert slipped == []


def part_slips(job: str, name: str, plain: Any) -> bool:
    """Is the job still intact with another value in this field of its bundle?"""
    kind = Bundle.model_fields[name].annotation
    try:
        part = parse(kind, json.dumps(plain)) if isinstance(kind, type) else from_hex(plain, size=32)
    except InputError:
        return False
    return is_intact(honest(job).model_copy(update={name: part}))


def facts_slip(job: str, path: Path, new: Any) -> bool:
    plain = bundle_json(job)["facts"]
    return not is_harmless(path, get(plain, path), new) and part_slips(job, "facts", changed(plain, path, new))


def known_to_the_chain_alone(path: Path) -> bool:
    return shape(path) in ONLY_THE_CHAIN_KNOWS or path[-1] in MOMENTS


COLLECTED = ["amended", "closed", "aborted"]


@by_reach
@pytest.mark.parametrize("job", COLLECTED)
def test_facts(job: str, every: bool) -> None:
    """In those of an aborted job, a record that is not told could be still to come."""
    honest = bundle_json(job)["facts"]
    earlier = COLLECTED[: COLLECTED.index(job)]
    where = chosen(every, honest, (bundle_json(other)["facts"] for other in earlier))
    changes_of = [(p, new) for p in where if not known_to_the_chain_alone(p) for new in tried(every, get(honest, p))]
    slipped = [(p, new) for p, new in changes_of if facts_slip(job, p, new)]
    to_come = [(("recorded",), honest["recorded"][:-1])] if job == "aborted" else []
    assert [change for change in slipped if change not in to_come] == []


@by_reach
@pytest.mark.parametrize("job", ["amended", *(pytest.param(job, marks=pytest.mark.slow) for job in COLLECTED[1:])])
def test_deployment_and_trust(job: str, every: bool) -> None:
    slipped = []
    for part in ("deployment", "trust", "job"):
        inner = bundle_json(job)[part]
        for path in chosen(every, {part: inner}, ()):
            for new in tried(every, get({part: inner}, path)):
                if part_slips(job, part, changed({part: inner}, path, new)[part]):
                    slipped.append((path, new))
    # The order of the trust list, its endpoints and the enrollers' names bind nobody.
    groups = {("trust", "institutions"), ("trust", "enrollers"), ("trust", "auditors")}
    groups |= {("trust", "enrollers", "namespaces")}
    harmless = groups | {("trust", "enrollers", "name")}
    endpoints = {"api", "peer", "certificate"}
    assert [s for s in slipped if shape(s[0]) not in harmless and s[0][-1] not in endpoints] == []


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_garbage_facts_never_raise(data: st.DataObject) -> None:
    """Several changes at once in the facts: some verdict, and no exception."""
    job = data.draw(st.sampled_from(sorted(JOBS)))
    plain = dict(bundle_json(job))
    for _ in range(data.draw(st.integers(1, 4))):
        spots = list(walk(plain["facts"]))
        path, value = spots[data.draw(st.integers(0, len(spots) - 1))]
        plain["facts"] = changed(plain["facts"], path, data.draw(st.sampled_from(changes(value))))
    try:
        bundle = parse_bundle(json.dumps(plain))
    except InputError:
        return
    assert verify(bundle).verdict in Verdict

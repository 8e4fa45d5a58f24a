"""Whole jobs on a network of four validators while it is hurt: nothing is lost, nothing doubled, and all parties, and
auditors at two of the nodes, agree in the end. What counts goes by the chain's finality."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from faulty_endpoint import FaultyEndpoint, faulty_endpoint
from judging import audited
from live import PROVIDERS, LiveConsortium, live
from placet.chain.events import JobCompleted, JobOpened, JobSealed, KeyReleased
from placet.core.values import from_hex
from placet.sandbox.consortium import REWARD
from validators import Validators, needs_clients, until

pytestmark = pytest.mark.slow
PATIENT = {"open_seconds": 3600, "deadline_seconds": 7200}
SECONDS = 1800.0
"""For a job, whatever happens to the chain meanwhile."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validators]:
    needs_clients()
    with Validators(tmp_path_factory.mktemp("validators")) as validators:
        validators.finalises(1)
        yield validators


class At:
    """The network at an endpoint before its first node."""

    def __init__(self, network: Validators, url: str) -> None:
        self.url = url
        self.rpc = network.rpc
        self.block_number = network.block_number


@pytest.fixture(scope="module")
def endpoint(network: Validators) -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(network.url) as faulty:
        yield faulty


@pytest.fixture(scope="module")
def group(
    network: Validators, endpoint: FaultyEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveConsortium]:
    folder = tmp_path_factory.mktemp("consortium")
    with live(folder, At(network, endpoint.url), ("--evm", "cancun")) as made:
        assert made.deployment.finality == "finalized", "what the chain names is taken, unasked"
        yield made


def begun(group: LiveConsortium) -> tuple[str, dict[str, int]]:
    """A job that was proposed, with what it must tell."""
    deadline = int(time.time()) + PATIENT["open_seconds"] + PATIENT["deadline_seconds"]
    expected = group.expected(deadline=deadline)
    return group.made.begin(group.made.request(**PATIENT)), expected


def opened(group: LiveConsortium, job: str) -> int:
    """The block of its opening, once there is one."""
    found: list[JobOpened] = []

    def there() -> bool:
        found[:] = group.chain.events([JobOpened], group.deployment.block, job=from_hex(job))
        return bool(found)

    until(there, "the job is opened", SECONDS)
    return found[0].block


def ended_well(group: LiveConsortium, network: Validators, job: str, expected: dict[str, int]) -> None:
    """It told the truth; each thing happened once; all say the same of it, wherever they look."""
    done = group.done(job, SECONDS)
    assert (done.ended, done.totals) == ("completed", expected)
    events = group.chain.events([JobOpened, JobSealed, JobCompleted], group.deployment.block, job=from_hex(job))
    assert [type(event) for event in events] == [JobOpened, JobSealed, JobCompleted]
    keys = group.chain.events([KeyReleased], group.deployment.block, job=from_hex(job))
    assert sorted(key.party for key in keys) == sorted({key.party for key in keys}), "a key is released once"
    network.finalises(events[-1].block)
    for provider in PROVIDERS:
        until(lambda p=provider: state(group, p, job)["ended"] == "completed", f"{provider} knows", SECONDS)  # type: ignore[misc]
        [paid] = [one for one in group.ask(provider, "/v1/rewards").json()["jobs"] if one["job"] == job]
        assert (paid["credited"], paid["withheld"]) == (str(REWARD), [])
    assert group.audited(job)["verdict"] == "intact"
    network.finalises(events[-1].block, nodes=(4,))
    assert audited(group.made.folder, job, url=network.settings.url(4))["verdict"] == "intact"


def state(group: LiveConsortium, who: str, job: str) -> Any:
    return group.ask(who, f"/v1/jobs/{job}").json()


def test_a_job_ends_while_one_of_four_validators_is_killed(group: LiveConsortium, network: Validators) -> None:
    job, expected = begun(group)
    opened(group, job)
    network.kill(3)
    try:
        ended_well(group, network, job, expected)
    finally:
        network.start(3)
    until(lambda: network.latest(3) >= network.latest(1) - 1, "it has caught up")
    block = network.final()
    network.finalises(block, nodes=(3,))
    assert network.hash(3, block) == network.hash(1, block)


def test_a_job_ends_at_an_endpoint_that_lags(
    group: LiveConsortium, network: Validators, endpoint: FaultyEndpoint
) -> None:
    job, expected = begun(group)
    opened(group, job)
    endpoint.mode = "behind"
    try:
        assert group.made.ended(job, SECONDS) == "completed"
    finally:
        endpoint.mode = ""
    ended_well(group, network, job, expected)


def test_a_job_waits_while_finality_is_lost_and_ends_once_it_is_back(
    group: LiveConsortium, network: Validators
) -> None:
    """Two of four are too few to finalise, and make blocks still: what is only in blocks opens nobody's rows."""
    job, expected = begun(group)
    block = opened(group, job)
    network.kill(2, 3)
    try:
        until(lambda: network.latest() >= block + 12, "blocks go on")
        stood = network.final()
        assert state(group, "consumer", job)["ended"] is None
        if stood < block:
            assert group.chain.events([JobSealed], group.deployment.block, job=from_hex(job)) == []
    finally:
        network.start(2, 3)
    ended_well(group, network, job, expected)

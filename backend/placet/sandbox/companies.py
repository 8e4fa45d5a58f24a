"""Two companies and an institution that runs enclaves, on one machine: a chain and all real processes.

The service is a node with a vault; a company is a client that lives for one comparison. Used by
`scripts/contract-compare` and the tests.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from placet.chain.local import LocalChain
from placet.sandbox.consortium import Consortium, Process, http, wait
from placet.sandbox.founding import Say, found, write_passphrase

NAMES = {"service": "Trust Centre", "before": "Company Alder", "after": "Company Birch"}
FEE = 1000


class Companies(Consortium):
    """A consortium of one service and two companies."""

    def compare(self, role: str, file: Path, *more: str) -> Process:
        """Start one company's client as its user would; the company `before` proposes. Its log is `ROLE.log`, what it
        makes goes to `out-ROLE`."""
        other = "after" if role == "before" else "before"
        words = ("start", "--fee", str(FEE), "--token", self.token) if role == "before" else ("join",)
        self.start(
            role,
            *("compare", words[0], str(file), *words[1:], "--config", f"{role}/node.toml", "--simulated", "--json"),
            *("--with", self.members[other].address, "--service", self.members["service"].address),
            *("--out", f"out-{role}", *more),
        )
        return self.processes[role]

    def audit(self, job: str, *more: str | Path, accept: Collection[int] = (0,)) -> dict[str, Any]:
        """The auditor's word, over the chain, the service's node and what the companies wrote down."""
        evidence = [
            word
            for role in ("before", "after")
            if (self.folder / f"out-{role}/evidence.json").exists()
            for word in ("--evidence", f"{self.members[role].address}=out-{role}/evidence.json")
        ]
        answer = self.run(
            *("audit", job, "--url", self.chain.url, "--deployment", "deployment.json", "--trust", "trust.json"),
            *("--key", "auditor.json", "--json", *evidence, *more),
            accept=accept,
        )
        verdict: dict[str, Any] = json.loads(answer)
        return verdict


@contextlib.contextmanager
def companies(
    folder: Path,
    *,
    block_time: float | None = 0.25,
    say: Say = lambda text: None,
) -> Iterator[Companies]:
    """The service is up and its enclave's measurement accepted on chain."""
    write_passphrase(folder)
    with LocalChain(block_time=block_time) as chain:
        group = Companies(folder, chain, consumer="before")
        try:
            found(group, NAMES, say)
            settings = folder / "service/node.toml"
            settings.write_text(settings.read_text() + '\n[enclaves]\nplatform = "simulated"\n')
            say("starting the service: a node with enclaves, and its vault")
            group.start_vault("service")
            group.start_node("service")
            group.wait_healthy("service")
            accept(group)
            yield group
        finally:
            group.stop()


def accept(group: Companies) -> None:
    """The service tells the chain which enclave it runs."""
    for rule in enclave(group)["policy"]["rules"]:
        for measurement in rule["measurements"]:
            group.run("enclave", "accept", rule["kind"], measurement, "--config", "service/node.toml")


def enclave(group: Companies) -> Mapping[str, Any]:
    """What the service says of its enclaves."""
    status: dict[str, Any] = {}

    def there() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            answer = http().get(f"{group.members['service'].api}/v1/enclave", timeout=5)
            if answer.is_success:
                status.update(answer.json())
        return bool(status)

    wait(there, "enclave", group.folder / "service-node.log")
    return status

"""A service with enclaves and two companies in this process, on a real chain, with a real sandbox and software TPM.

The service's node and both clients run in one event loop, so that a test can make any of them lie. How users start
them is tested by `tests/scripts/test_contract_compare.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from judging import audited
from placet.chain.client import Chain
from placet.chain.local import LocalChain
from placet.company.acceptance import AcceptancePolicy
from placet.company.company import Company, company
from placet.company.own_document import OwnDocument
from placet.core.enclave_policy import Role
from placet.core.trust import Deployment
from placet.core.values import from_hex, to_hex
from placet.node.__main__ import server_options
from placet.node.app import create_app
from placet.node.config import NodeSettings
from placet.recipes.contract_compare.extension import HostedEnclaves
from placet.recipes.contract_compare.messages import ComparisonRequest
from placet.recipes.contract_compare.sessions import EnclaveSessions
from placet.sandbox.companies import NAMES, Companies
from placet.sandbox.founding import found, write_passphrase

PURPOSE = "https://w3id.org/dpv#FulfilmentOfContractualObligation"
FEE = 1000
SECONDS = 240
BEFORE = "1. The Supplier shall deliver the Goods within 30 days.\n\n2. The Buyer shall pay 5,000 EUR.\n"
AFTER = "1. The Supplier shall deliver the Goods within 45 days.\n\n2. The Buyer shall pay 5,000 EUR.\n"


@dataclass
class Ended:
    """How a comparison ended, and what each company has of it."""

    job: bytes
    how: str
    moments: dict[Role, list[dict[str, object]]]
    results: dict[Role, dict[str, Any] | None]

    def codes(self) -> set[str]:
        """Why attempts failed, wherever."""
        told = [moment for moments in self.moments.values() for moment in moments]
        return {str(moment["code"]) for moment in told if moment.get("code")}


@dataclass
class ComparisonHarness:
    """The three institutions' folders, and the service's enclaves while it runs."""

    made: Companies
    app: Any = None
    pairs: int = 0
    chain: Chain = field(init=False)

    def __post_init__(self) -> None:
        deployment = Deployment.model_validate_json((self.made.folder / "deployment.json").read_bytes())
        self.chain = Chain(self.made.chain.url, deployment)

    @property
    def sessions(self) -> EnclaveSessions:
        extensions = self.app.state.runner.context.extensions
        return next(one.sessions for one in extensions if isinstance(one, HostedEnclaves))

    def address(self, key: str) -> bytes:
        return from_hex(self.made.members[key].address)

    def settings(self, key: str) -> NodeSettings:
        file = self.made.folder / key / "node.toml"
        text = file.read_text()
        if "sync_seconds" not in text:
            file.write_text("sync_seconds = 0.25\n" + text)
        return NodeSettings.load(file)

    def wish(self, role: Role, /, **changed: Any) -> AcceptancePolicy:
        other = "after" if role == "before" else "before"
        wanted: dict[str, Any] = {
            "role": role,
            "partner": self.address(other),
            "service": self.address("service"),
            "purpose": PURPOSE,
            "classes": frozenset({"simulated"}),
        }
        return AcceptancePolicy(**(wanted | changed))

    def document(self, name: str, content: str | bytes) -> Path:
        """A file of its own for each call."""
        self.pairs += 1
        file = self.made.folder / f"document-{self.pairs}" / name
        file.parent.mkdir()
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    @contextlib.asynccontextmanager
    async def company(self, role: Role, /, **changed: Any) -> AsyncIterator[Company]:
        async with company(self.settings(role), self.wish(role, **changed)) as here:
            yield here

    def audited(self, job: bytes, save: Path | None = None) -> dict[str, Any]:
        """The auditor's report, over the chain, the service's node and what the companies wrote down; the bundle is
        kept in `save`."""
        written = {
            self.address(role): self.made.folder / f"out-{role}" / "evidence.json" for role in ("before", "after")
        }
        evidence = {who: file for who, file in written.items() if file.exists()}
        return audited(self.made.folder, to_hex(job), url=self.made.chain.url, evidence=evidence, save=save)

    def request(self, consent: bytes, **changed: Any) -> ComparisonRequest:
        wanted = {
            "consent": consent,
            "role": "before",
            "partner": self.address("after"),
            "service": self.address("service"),
            "purpose": PURPOSE,
            "reward": FEE,
            "token": from_hex(self.made.token),
            "deadline_seconds": 300,
        }
        return ComparisonRequest.model_validate(wanted | changed)

    async def offer(self, here: Company, role: Role, file: Path) -> bytes:
        """Also a file that an honest client would not offer, since it can't read it."""
        until = here.context.chain.now() + 86_400
        record = await here.offer(OwnDocument(file, ()), self.wish(role), consumer=self.address("before"), until=until)
        return record.id

    async def compare(self, before: Path, after: Path, *, a: Company, b: Company, **request: Any) -> Ended:
        """A whole comparison by two companies that are there; `a` proposes."""
        mine, theirs = await asyncio.gather(self.offer(a, "before", before), self.offer(b, "after", after))
        record = await a.propose(self.request(mine, **request), patience=120)
        assert (await b.invited(theirs, patience=120)).job == record.job
        return await self.ended(record.job, a=a, b=b)

    async def ended(self, job: bytes, *, a: Company, b: Company) -> Ended:
        moments: dict[Role, list[dict[str, object]]] = {"before": [], "after": []}
        async with asyncio.timeout(SECONDS):
            how, other = await asyncio.gather(
                a.ended(job, moments["before"].append), b.ended(job, moments["after"].append)
            )
        assert how == other
        results: dict[Role, dict[str, Any] | None] = {}
        for role, here in (("before", a), ("after", b)):
            kept = here.runner.store.job(job).result
            results[role] = here.runner.settlement.result(job)["comparison"] if kept else None  # type: ignore[index, assignment]
            out = self.made.folder / f"out-{role}"
            out.mkdir(exist_ok=True)
            (out / "evidence.json").write_bytes(await here.evidence(job))
        return Ended(job, how, moments, results)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The service's node with its API, in this event loop, as `placet node` runs it."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        settings = self.settings("service")
        self.app = create_app(settings)
        self._server = uvicorn.Server(uvicorn.Config(self.app, **server_options(settings)))
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("the service did not start")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._serving


@contextlib.contextmanager
def founded(folder: Path) -> Iterator[ComparisonHarness]:
    """Contracts, three institutions with money for gas, the trust list; nothing runs yet but the chain."""
    write_passphrase(folder)
    with LocalChain(block_time=0.25) as chain:
        made = Companies(folder, chain, consumer="before")
        try:
            found(made, NAMES, lambda text: None)
            settings = folder / "service/node.toml"
            settings.write_text(settings.read_text() + '\n[enclaves]\nplatform = "simulated"\n')
            yield ComparisonHarness(made)
        finally:
            made.stop()


async def accept(harness: ComparisonHarness) -> None:
    """The service takes its enclave's measurement on, on chain."""
    from placet.chain.states import EnclaveClass
    from placet.protocols.enclave.evidence.model import measurement_id

    context = harness.app.state.runner.context
    (rule,) = harness.sessions.policy.rules
    ident = measurement_id(rule.kind, rule.measurements[0])
    call = context.calls.accept(ident, EnclaveClass.SIMULATED)
    await harness.app.state.runner.intents.carry("accept", call, context.address)

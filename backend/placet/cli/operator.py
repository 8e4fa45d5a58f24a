"""What an institution's own commands share: its settings, its node's API, and its node's outbox.

Transactions are never sent from here: they are put into the outbox in the node's database, whose one sender signs and
sends them. So a command may be killed at any point and given again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet.cli.inputs import read_deployment, read_trust
from placet.cli.output import say
from placet.core.errors import ChainError, NotFoundError, PeerError, Reverted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

    from placet.chain.calls import Call, Calls
    from placet.chain.client import Chain
    from placet.chain.outbox import Outbox
    from placet.core.trust import Deployment, TrustList
    from placet.node.config import NodeSettings

MAX_ANSWER = 64 << 20
ASKING_SECONDS = 3.0
_AGAIN = 0.3
_ATTEMPTS = 100


@dataclass(frozen=True)
class EnsureTransaction:
    """A transaction that is wanted unless `done` says that the chain has it so already."""

    name: str
    call: Call
    done: Callable[[], bool]


class Operator:
    """An institution, as its own operator sees it."""

    def __init__(self, config: Path) -> None:
        from placet.node.config import NodeSettings

        self.settings: NodeSettings = NodeSettings.load(config)

    @property
    def address(self) -> bytes:
        """The institution's address."""
        return self.settings.institution.address

    @property
    def api(self) -> str:
        """The node's API on this machine."""
        host = self.settings.api_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.api_port}"

    @cached_property
    def deployment(self) -> Deployment:
        return read_deployment(self.settings.path(self.settings.deployment))

    @cached_property
    def trust(self) -> TrustList:
        return read_trust(self.settings.path(self.settings.trust))

    @cached_property
    def chain(self) -> Chain:
        """The node's own endpoint; DeploymentError if it is another chain."""
        from placet.chain.client import Chain

        chain = Chain(self.settings.chain_url, self.deployment)
        chain.check()
        return chain

    @cached_property
    def asking(self) -> Chain:
        """The same endpoint, unchecked, by a client that soon gives up: for who asks how it is."""
        from placet.chain.client import Chain
        from placet.chain.rpc import Rpc

        url = self.settings.chain_url
        return Chain(url, self.deployment, Rpc(url, timeout=ASKING_SECONDS, attempts=1))

    @cached_property
    def calls(self) -> Calls:
        from placet.chain.calls import Calls

        return Calls(self.deployment)

    @cached_property
    def recorder(self) -> bytes:
        """The recorder's address, from its keystore."""
        from placet.core.signatures import Key

        return Key(self.secret("recorder")).address

    @cached_property
    def signer(self) -> bytes:
        """The signer's address, from its keystore: the institution's own, unless that is an account."""
        from placet.core.signatures import Key

        return Key(self.secret("signer")).address

    def secret(self, name: str) -> bytes:
        """The secret bytes of `keys/NAME.json`."""
        from placet.chain.keystore import load_secret, read_passphrase

        opener = read_passphrase(self.settings.path(self.settings.passphrase_file))
        return load_secret(self.settings.folder / "keys" / f"{name}.json", opener)

    @cached_property
    def credential(self) -> str:
        from placet.node.service import read_credential

        return read_credential(self.settings.folder / "credential").decode()

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the node's API with the institution's credential."""
        import httpx

        return httpx.Client(
            base_url=self.api,
            headers={"Authorization": f"Bearer {self.credential}"},
            trust_env=False,
            timeout=httpx.Timeout(60.0, connect=5.0),
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the node, its JSON answer. The node's problem as an error; PeerError if it does not run."""
        import httpx

        from placet.owner.wire import problem_of

        try:
            answer = self.http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self.unreachable(error) from None
        if not answer.is_success:
            raise problem_of(answer, self.api)
        return answer.json()

    def ask_all(self, path: str, name: str) -> list[dict[str, Any]]:
        """What the node lists at a path as `name`, page by page to the last. Errors as of `ask`."""
        rows: list[dict[str, Any]] = []
        page = self.ask("GET", path)
        rows += page[name]
        while page["cursor"] is not None:
            page = self.ask("GET", f"{path}{'&' if '?' in path else '?'}cursor={page['cursor']}")
            rows += page[name]
        return rows

    def unreachable(self, error: Exception) -> PeerError:
        """The node does not answer."""
        return PeerError(
            "the node can't be reached", found=f"{self.api}: {type(error).__name__}", remedy="start it: placet node"
        )

    def demand_running(self) -> None:
        """PeerError unless the node answers: its sender is what sends transactions."""
        import httpx

        try:
            self.http.get("/healthz")
        except httpx.HTTPError as error:
            raise self.unreachable(error) from None

    @cached_property
    def outbox(self) -> Outbox:
        """The node's, whose database it is: only the node upgrades that. ConfigError `database.version`."""
        from placet.chain.migrations import demand_current
        from placet.chain.outbox import Outbox
        from placet.node.migrations import NODE
        from placet.node.state import open_engine

        engine = open_engine(self.settings.database)
        demand_current(engine, NODE)
        return Outbox(engine)

    def send(self, wishes: Sequence[EnsureTransaction], timeout: float) -> None:
        """Have the node's sender send what is not so yet from the institution's account, in this order, and wait until
        all of it is so. Reverted as the contract said. Nothing is sent twice: a wish's name stands for its call."""
        open_ = [(wish, self._submit(wish)) for wish in wishes if not wish.done()]
        deadline = time.monotonic() + timeout
        for wish, name in open_:
            while (outcome := self.outbox.outcome(name)) is None or not wish.done():
                if isinstance(outcome, Reverted):
                    raise outcome
                if time.monotonic() > deadline:
                    raise ChainError(
                        f"{wish.call.what} is not confirmed yet",
                        expected=f"within {timeout:g} s",
                        remedy="give the command again",
                    )
                time.sleep(_AGAIN)
            say(f"{wish.call.what}: done")

    def _submit(self, wish: EnsureTransaction) -> str:
        from placet.chain.intents import UNDONE, next_try

        intent, call, account = next_try(self.outbox, wish.name, UNDONE, _ATTEMPTS).intent, wish.call, self.address
        if self.settings.institution.account:
            from placet.chain.calls import through

            call, account = through(account, call), self.signer
        self.outbox.add(intent, call, account)
        return intent

    def dataset(self, name: str) -> dict[str, Any]:
        """A dataset of the own vault, as the node's API shows it."""
        datasets: list[dict[str, Any]] = self.ask("GET", "/v1/datasets")["datasets"]
        for one in datasets:
            if one["name"] == name:
                return one
        raise NotFoundError(
            "the vault has no such table",
            expected=", ".join(one["name"] for one in datasets) or "none is there",
            found=name,
            remedy="placet vault import",
        )

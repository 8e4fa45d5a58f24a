"""A sender in a process of its own that kills itself. Arguments: URL, deployment file, database, count, moment.

Commits to a dataset's rows `count` times; dies at `moment`, the second time that it comes there.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from placet.chain import sender as module
from placet.chain.calls import Calls
from placet.chain.client import Chain
from placet.chain.local import dev_account
from placet.chain.outbox import Outbox
from placet.chain.rpc import Rpc
from placet.core.signatures import Key
from placet.core.trust import Deployment
from placet.core.values import parse

SEND = "eth_sendRawTransaction"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, *, before: bool, when: Callable[..., bool] = lambda *_: True) -> None:
    """Die before or after the second call of a method, or of a function in a module."""
    honest = getattr(owner, name)
    seen = 0

    def patched(self: Any, *args: Any) -> Any:
        nonlocal seen
        seen += when(*args)
        if before and seen == 2:
            die()
        result = honest(self, *args)
        if seen == 2:
            die()
        return result

    setattr(owner, name, patched)


MOMENTS: dict[str, Callable[[], None]] = {
    "signed": lambda: around(module, "signed_transaction", before=False),
    "storing": lambda: around(Outbox, "store", before=True),
    "stored": lambda: around(Outbox, "store", before=False),
    "sending": lambda: around(Rpc, "call", before=True, when=lambda method, *_: method == SEND),
    "sent": lambda: around(Rpc, "call", before=False, when=lambda method, *_: method == SEND),
    "receipt": lambda: around(Outbox, "mined", before=True),
    "settled": lambda: around(Outbox, "mined", before=False),
    "any time": lambda: None,
}


def main(url: str, deployment: str, database: str, dataset: str, count: str, moment: str) -> None:
    MOMENTS[moment]()
    placed = parse(Deployment, Path(deployment).read_bytes())
    key = Key(bytes(dev_account(0).key))
    sender = module.Sender(create_engine(f"sqlite:///{database}"), Chain(url, placed), [key])
    calls = Calls(placed)
    for number in range(int(count)):
        call = calls.commit(bytes.fromhex(dataset), number.to_bytes(32, "big"))
        sender.submit(f"commit-{number}", call, key.address)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sender.step():
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])

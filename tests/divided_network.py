"""Within a network namespace: four nodes on one bridge. Prints whom the first one reaches while all are together, while
they are divided, and after that. `unshare --net python divided_network.py`"""

from __future__ import annotations

import json
import queue
import socket
import sys
import threading
from collections.abc import Callable

from placet.chain.network import namespaces

PORT, NODES = 9000, (1, 2, 3, 4)
Work = Callable[[], object]


class Node:
    """A thread in a namespace of its own, which does what it is given."""

    def __init__(self, number: int) -> None:
        self._given: queue.Queue[tuple[Work, queue.Queue[object]]] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()
        namespaces.plug(number, int(str(self.do(namespaces.enter_own))))
        self.do(lambda: namespaces.configure(number))
        self.do(lambda: self._listen(number))

    def do(self, work: Work) -> object:
        answer: queue.Queue[object] = queue.Queue()
        self._given.put((work, answer))
        return answer.get(timeout=60)

    def _run(self) -> None:
        while True:
            work, answer = self._given.get()
            answer.put(work())

    def _listen(self, number: int) -> None:
        self._server = socket.create_server((namespaces.address_of(number), PORT))


def reached() -> list[int]:
    """Whom this thread's node reaches."""
    found = []
    for number in NODES:
        try:
            socket.create_connection((namespaces.address_of(number), PORT), timeout=3).close()
        except OSError:
            continue
        found.append(number)
    return found


def main() -> int:
    namespaces.raise_bridge()
    first, *_ = [Node(number) for number in NODES]
    said = [first.do(reached)]
    namespaces.divide([[1, 2], [3, 4]])
    said.append(first.do(reached))
    namespaces.unite([[1, 2], [3, 4]])
    said.append(first.do(reached))
    sys.stdout.write(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())

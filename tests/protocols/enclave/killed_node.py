"""A node with a computation under way, as a process of its own to be killed: `killed_node.py FOLDER`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from enclave.jobs import CHAIN, Job  # noqa: E402

from placet.protocols.enclave.platform.simulated import SimulatedPlatform  # noqa: E402
from placet.protocols.enclave.sealed.keys import seal  # noqa: E402


async def main(folder: Path) -> None:
    platform = await SimulatedPlatform.opened(folder)
    job = Job.of(b"1. You may.", b"1. You may not.")
    enclave = await platform.start(chain=CHAIN, job=job.task.job)
    keys = {one.role: seal(one.secrets, enclave.key, job.task, one.role) for one in job.sides}
    endless, _ = os.pipe()
    print("running", flush=True)
    with os.fdopen(endless, "rb", buffering=0) as never:
        await enclave.compute(job.task, keys, {"before": never, "after": never}, seconds=600)  # type: ignore[dict-item]


asyncio.run(main(Path(sys.argv[1])))

"""One party of a run over several hosts: TASK (a JSON file), its rank. Prints its share of the result, in hex."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np

from placet.protocols.mpc.programs import Size, parse_program
from placet.protocols.spu import Member, Network, evaluate


def main(file: Path, rank: int) -> None:
    task = json.loads(file.read_text())
    members = tuple(Member(**member) for member in task["members"])
    network = Network(members=members, me=rank, context=b"hosts", key=Path(task["keys"][rank]).read_bytes())
    vector = np.array(task["vectors"][rank], dtype=np.int64)
    (share,) = asyncio.run(
        evaluate.run(
            network,
            parse_program(task["program"]),
            range(len(members)),
            vector,
            size=Size(len(vector)),
            scratch=file.parent,
            seconds=300,
        )
    )
    print(share.hex())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""`spu.psi` on two parties' identifiers, in the engine's process.

It reads and writes CSV files beside each other and starts `tail` and `sort`: all of it in the task's folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import csv
from spu import psi

from placet.protocols.spu.task import IDENTIFIERS_FILE, ROWS_FILE, PsiTask

_OUT = Path("matched.csv")
_BOTH_RECEIVE = 0
_EVERY_MS = 1000


def intersect(task: PsiTask, link: Any, progress: Callable[[int, int], None]) -> int | None:
    """Write the numbers of our rows that the peer has too as `ROWS_FILE`, sorted; None if they are not for us."""
    report = psi.psi_execute(
        psi.PsiExecuteConfig(
            protocol_conf=_protocol(task),
            input_params=psi.InputParams(
                path=str(Path(IDENTIFIERS_FILE).absolute()), selected_keys=["id"], keys_unique=True
            ),
            output_params=psi.OutputParams(path=str(_OUT.absolute()), disable_alignment=True),
            join_conf=psi.ResultJoinConfig(type=psi.ResultJoinType.JOIN_TYPE_INNER_JOIN, left_side_rank=0),
        ),
        link,
        psi.ProgressParams(lambda seen: progress(seen.percentage, 100), _EVERY_MS),
    )
    if task.receiver is not None and task.receiver != task.link.me:
        return None
    rows = _rows() if report.intersection_count else np.empty(0, np.int64)
    np.save(ROWS_FILE, rows, allow_pickle=False)
    return len(rows)


def _protocol(task: PsiTask) -> Any:
    common = {
        "receiver_rank": _BOTH_RECEIVE if task.receiver is None else task.receiver,
        "broadcast_result": task.receiver is None,
    }
    match task.protocol:
        case "ecdh":
            curve = psi.EcdhParams(psi.EllipticCurveType.CURVE_25519)
            return psi.PsiProtocolConfig(protocol=psi.PsiProtocol.PROTOCOL_ECDH, ecdh_params=curve, **common)
        case "kkrt":
            return psi.PsiProtocolConfig(protocol=psi.PsiProtocol.PROTOCOL_KKRT, **common)
        case "rr22":
            return psi.PsiProtocolConfig(protocol=psi.PsiProtocol.PROTOCOL_RR22, **common)


def _rows() -> np.ndarray[Any, np.dtype[np.int64]]:
    matched = csv.read_csv(_OUT, convert_options=csv.ConvertOptions(include_columns=["row"]))
    rows: np.ndarray[Any, np.dtype[np.int64]] = matched.column("row").to_numpy().astype(np.int64)
    rows.sort()
    return rows

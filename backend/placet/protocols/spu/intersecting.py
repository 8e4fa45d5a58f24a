"""`spu.psi` on two parties' identifiers, in the engine's process.

It reads and writes CSV files and starts `tail` and `sort`: in the task's folder, which TMPDIR names too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import csv
from spu import psi

from placet.core.errors import ProtocolError
from placet.protocols.spu.leftovers import remove_traces
from placet.protocols.spu.task import IDENTIFIERS_FILE, ROWS_FILE, PsiTask

_OUT = Path("matched.csv")
_BOTH_RECEIVE = 0
_NOT_TOLD = -1


def intersect(task: PsiTask, link: Any) -> int | None:
    """Write the numbers of our rows that the peer has too as `ROWS_FILE`, sorted; None if they are not for us.

    ProtocolError if SPU told us a result that is not for us.
    """
    config = psi.PsiExecuteConfig(
        protocol_conf=_protocol(task),
        input_params=psi.InputParams(
            path=str(Path(IDENTIFIERS_FILE).absolute()), selected_keys=["id"], keys_unique=True
        ),
        output_params=psi.OutputParams(path=str(_OUT.absolute()), disable_alignment=True),
        join_conf=psi.ResultJoinConfig(type=psi.ResultJoinType.JOIN_TYPE_INNER_JOIN, left_side_rank=0),
    )
    try:
        report = psi.psi_execute(config, link)
    finally:
        remove_traces(Path())
    if task.receiver is not None and task.receiver != task.link.me:
        if report.intersection_count != _NOT_TOLD:
            raise ProtocolError("SPU told the intersection to the one who must not learn it", code="spu.disclosed")
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

"""Audits in the test's own process, which has imported the verifier already.

`placet audit` judges in a process of its own; that it does, live and from a bundle, is tested by
`tests/jobs/test_whole_job.py`, `tests/scripts/test_contract_compare.py`, `tests/audit/test_command.py` and
`tests/test_documents.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placet.chain import keystore
from placet.cli.confined import AuditRequest, ElsewhereEvidence, LiveAudit, TrustedHashes, judge_here
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, parse


def audited(
    folder: Path,
    job: str | None = None,
    *,
    url: str | None = None,
    bundle: Path | None = None,
    save: Path | None = None,
    evidence: Mapping[bytes, Path] | None = None,
    block: tuple[int, bytes] | None = None,
) -> dict[str, Any]:
    """The report, as the auditor of a sandbox's `folder` gets it: on a `job`, live from the endpoint `url`, or on a
    saved `bundle`. `evidence`: where an institution's is, if not at its node. `block`: one whose hash he trusts, up to
    which the chain is read."""
    live = None
    if job is not None:
        key = keystore.load_secret(folder / "auditor.json", (folder / "passphrase").read_text().strip())
        elsewhere = tuple(ElsewhereEvidence(institution=who, file=str(file)) for who, file in (evidence or {}).items())
        live = LiveAudit(job=from_hex(job, size=32), key=key, elsewhere=elsewhere)
    request = AuditRequest(
        live=live,
        file=None if bundle is None else str(bundle),
        url=url,
        deployment=parse(Deployment, (folder / "deployment.json").read_bytes()),
        trust=parse(TrustList, (folder / "trust.json").read_bytes()),
        save=None if save is None else str(save),
        trusted=None if block is None else TrustedHashes(blocks=(block,), whose="the auditor's own node"),
    )
    return judge_here(request, lambda size: None).to_json()

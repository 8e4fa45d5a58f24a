"""docs/how-to/batches.md: a bank's CSV becomes a batch file by the tools that stand there."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from tests.core.batch_vectors import FILE as _VECTORS

from placet.core.batch_check import RowCheck
from placet.core.values import to_hex
from placet.vault.batch_making import make_batch
from placet.vault.batches import BatchCheck, BatchReader
from placet.vault.consent_table import read_consents

from .batch_files import made

PAGE = _VECTORS.parents[2] / "docs" / "how-to" / "batches.md"


def test_a_csv_becomes_a_batch_by_duckdb(environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(made(environment, environment.customers[:3]).values())
    with (tmp_path / "consents.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        names = ("owner", "signature", "salt", "enroller", "enroller_signature", "subject", "subject_salt")
        writer.writerow([*names, "not_before", "not_after", "uses"])
        for row in rows:
            consent, (subject, salt) = row.consent, row.opening or ("", b"")
            octets = (consent.owner, row.signature, consent.salt, row.enroller, row.enrolled)
            numbers = (consent.not_before, consent.not_after, consent.uses)
            writer.writerow([*map(to_hex, octets), subject, to_hex(salt), *numbers])
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102 - the document's own words
    deployment, trust = environment.deployment, environment.trust
    check = RowCheck(environment.offer, environment.scope, deployment.consents, deployment.verifiers, trust)
    with (tmp_path / "consents.parquet").open("rb") as source:
        make_batch(check, environment.offer, environment.scope, read_consents(source), tmp_path / "batch")
    with (tmp_path / "batch").open("rb") as file_:
        reader = BatchReader(file_)
        with BatchCheck(reader, deployment, trust, 1) as work:
            [chunk] = work.run()
        assert sorted(chunk.rows()) == sorted(rows)
    assert (tmp_path / "batch").stat().st_mode & 0o777 == 0o600

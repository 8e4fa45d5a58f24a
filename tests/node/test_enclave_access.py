"""Who may use a job's enclave: its companies, each for its own document and result."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from placet.catalogue.contract_compare import SPEC
from placet.core.errors import AccessError
from placet.core.ids import JobId
from placet.node.enclaves import api

JOB, FIRST, SECOND, SERVICE, STRANGER = JobId(bytes(32)), b"1" * 20, b"2" * 20, b"3" * 20, b"4" * 20


def record_of(recipe: str) -> Any:
    parties = [SimpleNamespace(signer=signer) for signer in (FIRST, SECOND, SERVICE)]
    return SimpleNamespace(job=JOB, plan=SimpleNamespace(parties=parties), terms=SimpleNamespace(recipe=recipe))


def runner_of(record: Any) -> Any:
    async def find(_: JobId) -> Any:
        return record

    return SimpleNamespace(store=SimpleNamespace(threaded=SimpleNamespace(find=find)))


def caller(signer: bytes) -> Any:
    return SimpleNamespace(signer=signer)


def code_of(runner: Any, signer: bytes) -> str:
    with pytest.raises(AccessError) as error:
        asyncio.run(api._job_of_company(runner, JOB, caller(signer)))
    return error.value.code


def test_a_company_of_the_job_and_nobody_else() -> None:
    record = record_of(SPEC.name)
    for signer in (FIRST, SECOND):
        assert asyncio.run(api._job_of_company(runner_of(record), JOB, caller(signer))) is record
    for signer in (SERVICE, STRANGER):
        assert code_of(runner_of(record), signer) == "access.party"
    assert code_of(runner_of(None), FIRST) == code_of(runner_of(record_of("match")), FIRST) == "access.party"


@pytest.mark.parametrize(("signer", "own"), [(FIRST, 0), (SECOND, 1), (SERVICE, None), (STRANGER, None)])
def test_each_company_its_own_part(signer: bytes, own: int | None) -> None:
    record = record_of(SPEC.name)
    for party in range(4):
        if party == own:
            api._demand_party(record, caller(signer), party)
        else:
            with pytest.raises(AccessError) as error:
                api._demand_party(record, caller(signer), party)
            assert error.value.code == "access.party"

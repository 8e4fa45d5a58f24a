"""The vault opens single rows to a random audit: of a sealed job whose plan names one, no more than it draws, and none
whose consent has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from placet.core.errors import InputError, StateError, WarrantError
from placet.core.merkle import rfc6962_holds, rfc6962_leaf
from placet.core.plan import RandomAudit
from placet.vault.gate import RowRequest
from placet.vault.responses import OpenedLeaf

SEALED = {"open": False, "sealed_block": 95}


def audit_of(**changes: Any) -> RandomAudit:
    fields: dict[str, Any] = {
        "auditor": b"\1" * 20, "key": b"\2" * 32, "places": 3, "delay": 1, "token": b"\3" * 20, "stake": 5,
        "beneficiary": b"\4" * 20, "find_seconds": 3600, "answer_seconds": 600,
    }  # fmt: skip
    return RandomAudit(**fields | changes)


@pytest.fixture
def consents(environment) -> list[bytes]:
    environment.scope = environment.a_scope(auditors=(audit_of().auditor,))
    environment.offer = environment.make_offer(environment.scope)
    made = environment.accept("customer-00005", "customer-00001", "customer-00002", "customer-00007")
    environment.anchor(made)
    return made


@pytest.fixture
def request_(environment, consents) -> RowRequest:
    return environment.opened(environment.lawful().root, audit=audit_of())


def sealed(environment, request: RowRequest, **changes: Any) -> RowRequest:
    environment.chain.jobs[request.job] = replace(environment.chain.jobs[request.job], **{**SEALED, **changes})
    return request


def shown(opened: OpenedLeaf, root: bytes) -> dict[str, Any]:
    """The cells of a row that stands under the root."""
    leaf, row = opened.leaf, opened.row
    assert rfc6962_holds(root, rfc6962_leaf(leaf.consent + leaf.commitment), leaf.index, leaf.leaves, leaf.siblings)
    assert row is not None and row.commitment == leaf.commitment
    return {name: cell.value for name, cell in row.cells.items()}


def test_of_rows_of_a_sealed_job_the_cells_that_it_used_are_opened(environment, request_, consents) -> None:
    sealed(environment, request_)
    root = request_.plan.inputs[0].lawful_root
    opened = environment.vault.open_rows(request_, [consents[2], consents[0]])
    assert [shown(one, root) for one in opened.leaves] == [
        {"customer": "customer-00002", "balance": "1002"},
        {"customer": "customer-00005", "balance": "1005"},
    ]
    assert [one.row.hidden.keys() for one in opened.leaves] == [{"remark"}] * 2
    assert [one.leaf.consent for one in opened.leaves] == [consents[2], consents[0]]


def test_of_an_amended_job_under_the_root_of_the_sealed_attempt(environment, request_, consents) -> None:
    environment.chain.ended[environment.offer.id] = {consents[3]}
    root = environment.without(request_.plan.inputs[0].lawful_root).root
    later = RowRequest(request_.job, request_.plan, request_.terms, 2, 0)
    sealed(environment, later, attempt=2, amendments=((root, b"\1" * 32, bytes(32)),))
    (opened,) = environment.vault.open_rows(later, [consents[1]]).leaves
    assert shown(opened, root)["customer"] == "customer-00001"
    with pytest.raises(InputError):
        environment.vault.open_rows(later, [consents[3]])


def test_what_was_withdrawn_or_erased_stays_closed(environment, request_, consents) -> None:
    sealed(environment, request_)
    environment.chain.ended[environment.offer.id] = {consents[0], consents[1]}
    environment.vault.erase(consents[1])
    opened = environment.vault.open_rows(request_, consents[:3]).leaves
    assert [one.row is None for one in opened] == [True, True, False]
    assert [one.leaf.consent for one in opened] == consents[:3]


def test_a_consent_that_ran_out_since_stays_closed_too(environment, request_, consents) -> None:
    sealed(environment, request_)
    environment.chain.block_time = environment.chain.time = environment.now + 1_000_000
    (opened,) = environment.vault.open_rows(request_, consents[:1]).leaves
    assert opened.row is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sealed_block": None}, "warrant.unsealed"),
        ({"sealed_block": 10_000}, "warrant.unsealed"),
        ({"attempt": 2}, "warrant.unsealed"),
        ({"terms": bytes(32)}, "warrant.plan"),
    ],
)
def test_before_the_seal_nothing_is_opened(environment, request_, consents, changes, code) -> None:
    sealed(environment, request_, **changes)
    with pytest.raises(WarrantError) as caught:
        environment.vault.open_rows(request_, consents[:1])
    assert caught.value.code == code


def test_no_more_than_the_plan_draws_and_nothing_without_an_audit(environment, request_, consents) -> None:
    sealed(environment, request_)
    bare = sealed(environment, environment.opened(request_.plan.inputs[0].lawful_root))
    other = replace(bare, terms=request_.terms)
    for request, wanted, code in (
        (request_, consents, "warrant.audit"),
        (bare, consents[:1], "warrant.audit"),
        (other, consents[:1], "warrant.plan"),
        (replace(request_, job=bytes(32)), consents[:1], "warrant.plan"),
        (replace(request_, input=1), consents[:1], "warrant.input"),
    ):
        with pytest.raises(WarrantError) as caught:
            environment.vault.open_rows(request, wanted)
        assert caught.value.code == code


def test_to_an_auditor_of_whom_no_owner_was_told_nothing_is_opened(environment, request_, consents) -> None:
    """The node agreed to another auditor, and asks for rows in his name."""
    sealed(environment, request_)
    other = environment.opened(request_.plan.inputs[0].lawful_root, audit=audit_of(auditor=b"\7" * 20))
    sealed(environment, other)
    with pytest.raises(WarrantError) as caught:
        environment.vault.open_rows(other, consents[:1])
    assert caught.value.code == "warrant.auditor"
    assert caught.value.found == "0x" + "07" * 20 and "placet offer make" in str(caught.value.remedy)


def test_a_table_that_was_imported_again_opens_nothing(environment, request_, consents) -> None:
    """Its rows have other salts: the institution keeps the table until nothing can be found any more."""
    sealed(environment, request_)
    cells = {"customer": environment.customers, "balance": [1] * len(environment.customers)}
    cells["remark"] = [""] * len(environment.customers)
    environment.tables.save("accounts", environment.tables.named("accounts").table, cells)
    with pytest.raises(StateError) as caught:
        environment.vault.open_rows(request_, consents[:1])
    assert caught.value.code == "vault.stale"


def test_a_stranger_to_the_set(environment, request_, consents) -> None:
    sealed(environment, request_)
    with pytest.raises(InputError) as caught:
        environment.vault.open_rows(request_, [consents[0], bytes(32)])
    assert caught.value.code == "vault.leaf"

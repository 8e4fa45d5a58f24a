"""Promise 1 at the vault: nothing leaves it that the chain has not opened and an owner has not allowed."""

import secrets
from dataclasses import replace

import pytest

from declaring import CUSTOMER
from placet.core.consent import Status
from placet.core.errors import ChainError, DeploymentError, StateError, WarrantError
from placet.core.hashing import sha256
from placet.core.offers import Subjects
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_id
from placet.vault import tables
from placet.vault.gate import demand_warrant
from shown import leaves_of

PARTNER = sha256(b"what the partner brings")


def amended(root: bytes) -> tuple[bytes, ...]:
    """The roots of an amendment in which the vault's own is this one."""
    return root, PARTNER, bytes(32)


@pytest.fixture
def consents(world) -> list[bytes]:
    made = world.accept("customer-00005", "customer-00001", "customer-00002")
    world.anchor(made)
    return made


@pytest.fixture
def root(world, consents) -> bytes:
    return world.lawful().root


def changed(value, **changes):
    """Another one, with ids and hashes of its own: a copy would keep the old one's."""
    return type(value)(**({name: getattr(value, name) for name in type(value).model_fields} | changes))


def refused(world, asked, code: str) -> None:
    with pytest.raises(WarrantError) as caught:
        world.vault.rows(asked)
    assert caught.value.code == code


def test_rows_of_an_opened_job(world, root, consents) -> None:
    rows = world.vault.rows(world.opened(root))
    assert rows.count == 3
    assert set(rows.columns) == {"customer", "balance"}
    assert dict(zip(rows.columns["customer"], rows.columns["balance"], strict=True)) == {
        "customer-00005": 1005,
        "customer-00001": 1001,
        "customer-00002": 1002,
    }
    evidence = world.vault.leaves(world.offer.id, root, 0)
    assert rows.consents == sorted(consents)
    held = world.tables.subjects("accounts")
    assert [held[world.tables.tag("accounts", who)] for who in rows.columns["customer"]] == [
        leaf.row for leaf in leaves_of(evidence)
    ]


def test_no_columns_but_those_that_the_recipe_reads(world) -> None:
    """The scope holds more; and the consumer's own list is identifiers alone."""
    world.scope = world.a_scope(columns=("customer", "balance", "remark"))
    world.offer = world.make_offer(world.scope)
    world.anchor(world.accept("customer-00001"))
    rows = world.vault.rows(world.opened(world.lawful().root))
    assert set(rows.columns) == {"customer", "balance"}


@pytest.mark.parametrize(
    "parameters",
    [
        {**CUSTOMER, "value": "remark"},
        {**CUSTOMER, "identifier": "remark", "value": "balance"},
        {**CUSTOMER, "identifier": "remark", "value": "income"},
    ],
)
def test_columns_outside_the_scope(world, root, parameters) -> None:
    refused(world, world.opened(root, parameters=parameters), "warrant.columns")


@pytest.mark.parametrize(
    "parameters",
    [
        {**CUSTOMER, "value": "customer"},
        {**CUSTOMER, "value": ""},
        {**CUSTOMER, "value": ["balance", "remark"]},
        {**CUSTOMER, "value": "balance", "columns": ["remark"]},
        CUSTOMER,
        {},
    ],
)
def test_parameters_that_the_recipe_does_not_take(world, root, parameters) -> None:
    refused(world, world.opened(root, parameters=parameters), "plan.parameters")


def test_levels_finer_than_the_scope(world) -> None:
    world.scope = world.a_scope(output="level", smallest_gap=100)
    world.offer = world.make_offer(world.scope)
    world.anchor(world.accept("customer-00001"))
    root = world.lawful().root

    def asked(*edges: str, bound: str):
        levels = {"edges": list(edges), "bound": bound, "protocol": "cheetah"}
        return world.opened(
            root,
            parameters={**CUSTOMER, "value": "balance", **levels},
            engine="spu",
        )

    assert world.vault.rows(asked("100", "300", bound="500")).count == 1
    refused(world, asked("100", "250", bound="500"), "warrant.gap")
    refused(world, asked("100", "300", bound="501"), "warrant.gap")


def test_not_opened(world, root) -> None:
    refused(world, world.agree(root), "warrant.unopened")


def test_opened_but_not_at_depth(world, root) -> None:
    asked = world.open(world.agree(root), opened_block=99, attempt_block=99)
    refused(world, asked, "warrant.unconfirmed")
    world.chain.head = 101
    assert world.vault.rows(asked).count == 3


def test_no_longer_open(world, root) -> None:
    refused(world, world.open(world.agree(root), open=False), "warrant.closed")


@pytest.mark.parametrize("field", sorted(Plan.model_fields))
def test_plan_altered_by_one_field(world, root, field: str) -> None:
    asked = world.opened(root)
    other = world.agree(root)
    changed = {
        "terms": other.plan.terms,
        "consumer": world.other.address,
        "purpose": purpose_id("https://w3id.org/dpv#DirectMarketing"),
        "operations": 1,
        "sponsor": world.other.address,
        "token": bytes(20),
        "open_by": asked.plan.open_by + 1,
        "deadline": asked.plan.deadline + 1,
        "settle_by": asked.plan.settle_by + 1,
        "salt": bytes(32),
        "parties": other.plan.parties,
    }
    if field == "pot":  # which needs a token
        values = {**dict(asked.plan), "token": bytes(19) + b"\1", "pot": 1}
    elif field == "token":
        # A token needs rewards: both change.
        party = type(asked.plan.parties[0])(**{**asked.plan.parties[0].model_dump(), "reward": 1})
        changed |= {"token": bytes(19) + b"\1"}
        values = {**dict(asked.plan), "parties": (party, *asked.plan.parties[1:]), "token": changed["token"]}
    else:
        values = {**dict(asked.plan), field: changed[field]}
    altered = Plan(**values)
    refused(world, replace(asked, plan=altered), "warrant.plan")
    # And under its own, never opened id:
    mine = replace(asked, plan=altered, job=altered.job(world.deployment.jobs))
    refused(world, mine, "warrant.unopened")


def test_other_terms(world, root) -> None:
    asked = world.opened(root)
    altered = Terms(**{**asked.terms.model_dump(), "recipe_version": 2})
    refused(world, replace(asked, terms=altered), "plan.terms")


def test_opened_job_with_other_terms_or_inputs_than_its_plan(world, root) -> None:
    refused(world, world.open(world.agree(root), terms=bytes(32)), "warrant.plan")
    refused(world, world.open(world.agree(root), openings=(0, 0)), "warrant.plan")


def test_not_a_party(world, root) -> None:
    refused(world, world.opened(root, signer=world.other.address), "warrant.plan")


def test_another_partys_input(world, root) -> None:
    asked = world.opened(root, signer=world.other.address, second=world.provider.address)
    refused(world, asked, "warrant.input")
    refused(world, replace(world.opened(root), input=1), "warrant.input")


def test_attempts(world, root, consents) -> None:
    asked = world.opened(root)
    refused(world, replace(asked, attempt=2), "warrant.attempt")
    world.chain.ended[world.offer.id] = {consents[0]}
    refused(world, asked, "warrant.withdrawn")
    smaller = world.without(root)
    world.open(asked, attempt=2, amendments=(amended(smaller.root),), attempt_block=99)
    refused(world, asked, "warrant.attempt")
    second = replace(asked, attempt=2)
    refused(world, second, "warrant.unconfirmed")
    world.chain.head = 110
    rows = world.vault.rows(second)
    assert "customer-00005" not in rows.columns["customer"]
    assert rows.count == 2


def test_amendment_may_only_drop_rows(world, root) -> None:
    asked = world.opened(root)
    later = world.accept("customer-00006")
    world.anchor(later)
    wider = world.lawful().root
    world.open(asked, attempt=2, amendments=(amended(wider),), attempt_block=95)
    refused(world, replace(asked, attempt=2), "warrant.root")


def test_a_row_that_was_dropped_does_not_come_back(world, root, consents) -> None:
    """The plan has it, the attempt before has not: by a node that is broken into. Its vault holds each attempt against
    the one before it, as the audit does, also where it was never asked for that one's rows."""
    asked = world.opened(root)
    world.chain.ended[world.offer.id] = {consents[0]}
    smaller = world.without(root).root
    world.chain.ended[world.offer.id].clear()
    world.open(asked, attempt=2, amendments=(amended(smaller),), attempt_block=80)
    assert world.vault.rows(replace(asked, attempt=2)).count == 2
    world.open(asked, attempt=3, amendments=(amended(smaller), amended(root)), attempt_block=80)
    refused(world, replace(asked, attempt=3), "warrant.root")
    world.open(asked, attempt=3, amendments=(amended(root), amended(smaller)), attempt_block=80)
    assert world.vault.rows(replace(asked, attempt=3)).count == 2


def test_amendment_that_does_not_fit(world, root) -> None:
    asked = world.opened(root)
    for roots in ((), (root,), (*amended(root), root), amended(bytes(32))):
        world.open(asked, attempt=2, amendments=(roots,), attempt_block=95)
        refused(world, replace(asked, attempt=2), "warrant.root")


def test_root_that_the_vault_never_computed(world, root) -> None:
    refused(world, world.opened(secrets.token_bytes(32)), "warrant.root")
    refused(world, world.opened(sha256(b"")), "warrant.root")
    asked = world.opened(root)
    world.open(asked, attempt=2, amendments=(amended(secrets.token_bytes(32)),), attempt_block=95)
    refused(world, replace(asked, attempt=2), "warrant.root")


def test_root_of_another_offer(world, root) -> None:
    scope = world.a_scope(title="Second")
    offer = world.make_offer(scope)
    consent, submission = world.consent("customer-00002", scope=scope, offer=offer)
    assert world.vault.admit_many(offer, scope, [submission]) == [consent.id]
    refused(world, world.opened(root, offer=offer.id), "warrant.root")
    refused(world, world.opened(root, offer=secrets.token_bytes(32)), "warrant.offer")


def test_empty_set_gives_no_rows(world) -> None:
    world.accept("customer-00001")
    empty = world.lawful().root
    rows = world.vault.rows(world.opened(empty))
    assert rows.columns == {"customer": [], "balance": []}


def test_withdrawn_between_lawful_and_rows(world, root, consents) -> None:
    asked = world.opened(root)
    assert world.vault.rows(asked).count == 3
    world.chain.ended[world.offer.id] = {consents[1]}
    refused(world, asked, "warrant.withdrawn")


def test_deadline(world, root) -> None:
    asked = world.opened(root)
    world.chain.time = asked.plan.deadline + 1
    refused(world, asked, "warrant.deadline")


def test_consents_that_end_before_the_plans_deadline(world) -> None:
    world.anchor(world.accept("customer-00001", not_after=1_800_000_500))
    short = world.lawful(deadline=1_800_000_400)
    assert short.count == 1
    refused(world, world.opened(short.root), "warrant.window")


def test_opening_that_the_consents_do_not_cover(world, root) -> None:
    asked = world.agree(root)
    world.open(asked, openings=(5, 0, 0))
    refused(world, asked, "warrant.window")
    world.open(asked, openings=(4, 0, 0))
    assert world.vault.rows(asked).count == 3


def test_a_consent_that_began_after_the_opening(world) -> None:
    """The audit judges by the opening's time, so a vault that is asked later must not judge by its own."""
    world.anchor(world.accept("customer-00001", not_before=1_800_000_050))
    world.chain.time = world.chain.block_time = 1_800_000_060
    late = world.lawful(deadline=1_800_001_000)
    assert late.count == 1
    asked = world.agree(late.root)
    refused(world, world.open(asked, opened_at=1_800_000_049), "warrant.window")
    assert world.vault.rows(world.open(asked, opened_at=1_800_000_050)).count == 1


def test_terms_of_a_block_that_the_opening_did_not_follow(world, root) -> None:
    """Else a batch that is anchored after the opening would do."""
    refused(world, world.opened(root, block=90), "warrant.block")
    assert world.vault.rows(world.opened(root, block=89)).count == 3


def test_a_plan_that_says_more_openings_than_its_leaves_cover(world) -> None:
    world.anchor(world.accept("customer-00001", uses=4))
    lawful = world.lawful()
    assert lawful.opens_before == 4
    refused(world, world.opened(lawful.root), "warrant.window")


def test_batch_after_the_terms_block(world, root) -> None:
    refused(world, world.opened(root, block=49), "warrant.batch")


def test_batch_that_a_reorganisation_took_back(world, root) -> None:
    asked = world.opened(root)
    world.chain.anchored[world.offer.id].clear()
    refused(world, asked, "warrant.batch")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consumer": None}, "warrant.consumer"),
        ({"purpose": purpose_id("https://w3id.org/dpv#DirectMarketing")}, "warrant.purpose"),
        ({"second": None}, "warrant.stranger"),
    ],
)
def test_offer_and_scope(world, root, changes, code) -> None:
    changes = {name: world.other.address if value is None else value for name, value in changes.items()}
    refused(world, world.opened(root, **changes), code)


@pytest.mark.parametrize(
    ("scope", "offer", "code"),
    [
        ({}, {"operations": 1}, "warrant.operations"),
        ({}, {"purpose": purpose_id("https://w3id.org/dpv#DirectMarketing")}, "warrant.purpose"),
        ({}, {"scope": bytes(32)}, "warrant.scope"),
        ({"recipes": ("match", "joint-statistics")}, {}, "warrant.recipe"),
        ({"output": "level"}, {}, "warrant.output"),
        ({"smallest_group": 2}, {}, "warrant.output"),
    ],
)
def test_narrower_offers(world, root, scope, offer, code) -> None:
    """The vault keeps what it accepted consents under; the gate holds the plan against it all the same."""
    asked = world.opened(root)
    bound = world.records.bound(world.offer.id)
    narrow = changed(bound.scope, **scope)
    narrow_offer = changed(bound.offer, **({"scope": narrow.hash} | offer))
    with pytest.raises(WarrantError) as caught:
        demand_warrant(
            asked,
            asked.plan.inputs[0],
            changed(bound, offer=narrow_offer, scope=narrow),
            world.chain.job(asked.job),
            world.chain.offer(world.offer.id),
            world.chain.look(thorough=False),
        )
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"operations": 7}, "plan.operations"),
        ({"operations": 1}, "plan.operations"),
        ({"operations": 0}, "plan.operations"),
        ({"recipe": "copy-all"}, "plan.recipe"),
        ({"recipe_version": 2}, "plan.version"),
        ({"engine": "spu"}, "plan.engine"),
        ({"engine": "gpu"}, "plan.engine"),
        ({"roles": ("consumer", "provider", "provider")}, "plan.roles"),
        ({"roles": ("provider", "provider", "auditor")}, "plan.roles"),
        ({"on_withdrawal": "abort"}, "plan.withdrawal"),
    ],
)
def test_what_no_recipe_declares(world, root, changes, code) -> None:
    """Refused as who signs refuses it, by the catalogue's own code."""
    refused(world, world.opened(root, **changes), code)


@pytest.mark.parametrize("subjects", [Subjects.OWN, Subjects.UNKNOWN])
def test_persons_rows_of_a_dataset_that_was_registered_as_the_institutions_own(world, root, subjects) -> None:
    asked = world.opened(root)
    world.state(subjects=subjects)
    refused(world, asked, "warrant.subjects")


@pytest.mark.parametrize("error", [ChainError("lost"), ChainError("behind"), DeploymentError("other contracts")])
def test_chain_endpoint(world, root, error) -> None:
    asked = world.opened(root)
    world.chain.broken = error
    with pytest.raises(type(error)):
        world.vault.rows(asked)


def test_erased_consent(world, root, consents) -> None:
    asked = world.opened(root)
    assert world.vault.erase(consents[0])
    refused(world, asked, "warrant.erased")
    smaller = world.without(root)
    world.open(asked, attempt=2, amendments=(amended(smaller.root),), attempt_block=95)
    assert world.vault.rows(replace(asked, attempt=2)).count == 2


def test_table_imported_again(world, root) -> None:
    asked = world.opened(root)
    cells = {"customer": ["customer-00001"], "balance": [1], "remark": ["x"]}
    world.tables.save("accounts", world.dataset.table, cells)
    with pytest.raises(StateError) as caught:
        world.vault.rows(asked)
    assert caught.value.code == "vault.stale"
    assert world.lawful().count == 1


@pytest.fixture
def own(world):
    scope = world.a_scope(personal=False)
    offer = world.make_offer(scope, consumer=world.provider.address)
    consent, submission = world.consent("-", named=True, owner=world.provider, scope=scope, offer=offer)
    assert world.vault.admit_many(offer, scope, [submission]) == [consent.id]
    world.chain.named[consent.id] = Status.GIVEN
    return consent


def test_named_consent_gives_the_institutions_table(world, own) -> None:
    """As the consumer's own list, and identifiers alone."""
    asked = world.opened(bytes(32), offer=own.offer.id, named=own.id)
    rows = world.vault.rows(asked)
    assert (rows.count, rows.consents) == (8, [])
    assert rows.columns == {"customer": world.customers}


def test_a_provider_that_calls_its_table_of_persons_its_own(world, consents) -> None:
    """Under its own consent, as a provider: where the roles take persons' rows, one named consent opens none."""
    scope = world.a_scope(personal=False)
    offer = world.make_offer(scope)
    consent, submission = world.consent("-", named=True, owner=world.provider, scope=scope, offer=offer)
    assert world.vault.admit_many(offer, scope, [submission]) == [consent.id]
    world.chain.named[consent.id] = Status.GIVEN
    asked = world.agree(secrets.token_bytes(32))
    mine = changed(asked.plan.inputs[0], offer=offer.id, consent=consent.id, lawful_root=bytes(32))
    first = changed(asked.plan.parties[0], inputs=(mine,))
    plan = changed(asked.plan, parties=(first, *asked.plan.parties[1:]))
    refused(world, world.open(replace(asked, plan=plan, job=plan.job(world.deployment.jobs))), "warrant.subjects")


@pytest.mark.parametrize("status", [Status.NONE, Status.WITHDRAWN, Status.REVOKED])
def test_named_consent_that_is_not_given(world, own, status) -> None:
    world.chain.named[own.id] = status
    refused(world, world.opened(bytes(32), offer=own.offer.id, named=own.id), "warrant.withdrawn")


def test_named_consent_that_is_unknown_or_a_persons(world, own, consents) -> None:
    refused(world, world.opened(bytes(32), offer=own.offer.id, named=secrets.token_bytes(32)), "warrant.named")
    world.chain.named[consents[0]] = Status.GIVEN
    persons = world.make_offer(world.scope, consumer=world.provider.address)
    consent, submission = world.consent("customer-00004", offer=persons)
    assert world.vault.admit_many(persons, world.scope, [submission]) == [consent.id]
    world.chain.named[consent.id] = Status.GIVEN
    refused(world, world.opened(bytes(32), offer=persons.id, named=consent.id), "warrant.subjects")
    refused(world, world.opened(bytes(32), offer=own.offer.id, named=consents[0]), "warrant.named")


def test_named_consent_over_a_table_that_holds_persons_by_now(world, own, monkeypatch) -> None:
    """No import makes such a table; one that somebody put there gives no rows either."""
    asked = world.opened(bytes(32), offer=own.offer.id, named=own.id)
    assert world.vault.rows(asked).count == 8
    cells = {"customer": ["customer-00001"], "balance": [1], "remark": ["x"]}
    with pytest.raises(StateError) as changed:
        world.tables.save("own", world.dataset.table, cells)
    assert changed.value.code == "data.subjects"
    monkeypatch.setattr(tables, "_demand_same", lambda *_: None)
    world.tables.save("own", world.dataset.table, cells)
    refused(world, asked, "warrant.named")

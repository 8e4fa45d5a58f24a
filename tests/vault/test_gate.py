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
from placet.vault.gate import demand_replayable, demand_warrant
from shown import leaves_of

PARTNER = sha256(b"what the partner brings")


def amended(root: bytes) -> tuple[bytes, ...]:
    """The roots of an amendment in which the vault's own is this one."""
    return root, PARTNER, bytes(32)


@pytest.fixture
def consents(environment) -> list[bytes]:
    made = environment.accept("customer-00005", "customer-00001", "customer-00002")
    environment.anchor(made)
    return made


@pytest.fixture
def root(environment, consents) -> bytes:
    return environment.lawful().root


def changed(value, **changes):
    """Another one, with ids and hashes of its own: a copy would keep the old one's."""
    return type(value)(**({name: getattr(value, name) for name in type(value).model_fields} | changes))


def refused(environment, asked, code: str) -> None:
    with pytest.raises(WarrantError) as caught:
        environment.vault.rows(asked)
    assert caught.value.code == code


def test_rows_of_an_opened_job(environment, root, consents) -> None:
    rows = environment.vault.rows(environment.opened(root))
    assert rows.count == 3
    assert set(rows.columns) == {"customer", "balance"}
    assert dict(zip(rows.columns["customer"], rows.columns["balance"], strict=True)) == {
        "customer-00005": 1005,
        "customer-00001": 1001,
        "customer-00002": 1002,
    }
    evidence = environment.vault.leaves(environment.offer.id, root, 0)
    assert rows.consents == sorted(consents)
    held = environment.tables.subjects("accounts")
    assert [held[environment.tables.tag("accounts", who)] for who in rows.columns["customer"]] == [
        leaf.row for leaf in leaves_of(evidence)
    ]


def test_no_columns_but_those_that_the_recipe_reads(environment) -> None:
    """The scope holds more; and the consumer's own list is identifiers alone."""
    environment.scope = environment.a_scope(columns=("customer", "balance", "remark"))
    environment.offer = environment.make_offer(environment.scope)
    environment.anchor(environment.accept("customer-00001"))
    rows = environment.vault.rows(environment.opened(environment.lawful().root))
    assert set(rows.columns) == {"customer", "balance"}


@pytest.mark.parametrize(
    "parameters",
    [
        {**CUSTOMER, "value": "remark"},
        {**CUSTOMER, "identifier": "remark", "value": "balance"},
        {**CUSTOMER, "identifier": "remark", "value": "income"},
    ],
)
def test_columns_outside_the_scope(environment, root, parameters) -> None:
    refused(environment, environment.opened(root, parameters=parameters), "warrant.columns")


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
def test_parameters_that_the_recipe_does_not_take(environment, root, parameters) -> None:
    refused(environment, environment.opened(root, parameters=parameters), "plan.parameters")


def test_levels_finer_than_the_scope(environment) -> None:
    environment.scope = environment.a_scope(output="level", smallest_gap=100)
    environment.offer = environment.make_offer(environment.scope)
    environment.anchor(environment.accept("customer-00001"))
    root = environment.lawful().root

    def asked(*edges: str, bound: str):
        levels = {"edges": list(edges), "bound": bound, "protocol": "cheetah"}
        return environment.opened(
            root,
            parameters={**CUSTOMER, "value": "balance", **levels},
            engine="spu",
        )

    assert environment.vault.rows(asked("100", "300", bound="500")).count == 1
    refused(environment, asked("100", "250", bound="500"), "warrant.gap")
    refused(environment, asked("100", "300", bound="501"), "warrant.gap")


def test_not_opened(environment, root) -> None:
    refused(environment, environment.agree(root), "warrant.unopened")


def test_opened_but_not_at_depth(environment, root) -> None:
    asked = environment.open(environment.agree(root), opened_block=99, attempt_block=99)
    refused(environment, asked, "warrant.unconfirmed")
    environment.chain.head = 101
    assert environment.vault.rows(asked).count == 3


def test_no_longer_open(environment, root) -> None:
    refused(environment, environment.open(environment.agree(root), open=False), "warrant.closed")


@pytest.mark.parametrize("field", sorted(Plan.model_fields))
def test_plan_altered_by_one_field(environment, root, field: str) -> None:
    asked = environment.opened(root)
    other = environment.agree(root)
    changed = {
        "terms": other.plan.terms,
        "consumer": environment.other.address,
        "purpose": purpose_id("https://w3id.org/dpv#DirectMarketing"),
        "operations": 1,
        "sponsor": environment.other.address,
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
    refused(environment, replace(asked, plan=altered), "warrant.plan")
    # And under its own, never opened id:
    mine = replace(asked, plan=altered, job=altered.job(environment.deployment.jobs))
    refused(environment, mine, "warrant.unopened")


def test_other_terms(environment, root) -> None:
    asked = environment.opened(root)
    altered = Terms(**{**asked.terms.model_dump(), "recipe_version": 2})
    refused(environment, replace(asked, terms=altered), "plan.terms")


def test_opened_job_with_other_terms_or_inputs_than_its_plan(environment, root) -> None:
    refused(environment, environment.open(environment.agree(root), terms=bytes(32)), "warrant.plan")
    refused(environment, environment.open(environment.agree(root), openings=(0, 0)), "warrant.plan")


def test_not_a_party(environment, root) -> None:
    refused(environment, environment.opened(root, signer=environment.other.address), "warrant.plan")


def test_another_partys_input(environment, root) -> None:
    asked = environment.opened(root, signer=environment.other.address, second=environment.provider.address)
    refused(environment, asked, "warrant.input")
    refused(environment, replace(environment.opened(root), input=1), "warrant.input")


def test_attempts(environment, root, consents) -> None:
    asked = environment.opened(root)
    refused(environment, replace(asked, attempt=2), "warrant.attempt")
    environment.chain.ended[environment.offer.id] = {consents[0]}
    refused(environment, asked, "warrant.withdrawn")
    smaller = environment.without(root)
    environment.open(asked, attempt=2, amendments=(amended(smaller.root),), attempt_block=99)
    refused(environment, asked, "warrant.attempt")
    second = replace(asked, attempt=2)
    refused(environment, second, "warrant.unconfirmed")
    environment.chain.head = 110
    rows = environment.vault.rows(second)
    assert "customer-00005" not in rows.columns["customer"]
    assert rows.count == 2


def test_amendment_may_only_drop_rows(environment, root) -> None:
    asked = environment.opened(root)
    later = environment.accept("customer-00006")
    environment.anchor(later)
    wider = environment.lawful().root
    environment.open(asked, attempt=2, amendments=(amended(wider),), attempt_block=95)
    refused(environment, replace(asked, attempt=2), "warrant.root")


def test_a_row_that_was_dropped_does_not_come_back(environment, root, consents) -> None:
    """The plan has it, the attempt before has not: by a node that is broken into. Its vault holds each attempt against
    the one before it, as the audit does, also where it was never asked for that one's rows."""
    asked = environment.opened(root)
    environment.chain.ended[environment.offer.id] = {consents[0]}
    smaller = environment.without(root).root
    environment.chain.ended[environment.offer.id].clear()
    environment.open(asked, attempt=2, amendments=(amended(smaller),), attempt_block=80)
    assert environment.vault.rows(replace(asked, attempt=2)).count == 2
    environment.open(asked, attempt=3, amendments=(amended(smaller), amended(root)), attempt_block=80)
    refused(environment, replace(asked, attempt=3), "warrant.root")
    environment.open(asked, attempt=3, amendments=(amended(root), amended(smaller)), attempt_block=80)
    assert environment.vault.rows(replace(asked, attempt=3)).count == 2


def test_amendment_that_does_not_fit(environment, root) -> None:
    asked = environment.opened(root)
    for roots in ((), (root,), (*amended(root), root), amended(bytes(32))):
        environment.open(asked, attempt=2, amendments=(roots,), attempt_block=95)
        refused(environment, replace(asked, attempt=2), "warrant.root")


def test_root_that_the_vault_never_computed(environment, root) -> None:
    refused(environment, environment.opened(secrets.token_bytes(32)), "warrant.root")
    refused(environment, environment.opened(sha256(b"")), "warrant.root")
    asked = environment.opened(root)
    environment.open(asked, attempt=2, amendments=(amended(secrets.token_bytes(32)),), attempt_block=95)
    refused(environment, replace(asked, attempt=2), "warrant.root")


def test_root_of_another_offer(environment, root) -> None:
    scope = environment.a_scope(title="Second")
    offer = environment.make_offer(scope)
    consent, submission = environment.consent("customer-00002", scope=scope, offer=offer)
    assert environment.vault.admit_many(offer, scope, [submission]) == [consent.id]
    refused(environment, environment.opened(root, offer=offer.id), "warrant.root")
    refused(environment, environment.opened(root, offer=secrets.token_bytes(32)), "warrant.offer")


def test_empty_set_gives_no_rows(environment) -> None:
    environment.accept("customer-00001")
    empty = environment.lawful().root
    rows = environment.vault.rows(environment.opened(empty))
    assert rows.columns == {"customer": [], "balance": []}


def test_withdrawn_between_lawful_and_rows(environment, root, consents) -> None:
    asked = environment.opened(root)
    assert environment.vault.rows(asked).count == 3
    environment.chain.ended[environment.offer.id] = {consents[1]}
    refused(environment, asked, "warrant.withdrawn")


def test_deadline(environment, root) -> None:
    asked = environment.opened(root)
    environment.chain.time = asked.plan.deadline + 1
    refused(environment, asked, "warrant.deadline")


def test_consents_that_end_before_the_plans_deadline(environment) -> None:
    environment.anchor(environment.accept("customer-00001", not_after=1_800_000_500))
    short = environment.lawful(deadline=1_800_000_400)
    assert short.count == 1
    refused(environment, environment.opened(short.root), "warrant.window")


def test_opening_that_the_consents_do_not_cover(environment, root) -> None:
    asked = environment.agree(root)
    environment.open(asked, openings=(5, 0, 0))
    refused(environment, asked, "warrant.window")
    environment.open(asked, openings=(4, 0, 0))
    assert environment.vault.rows(asked).count == 3


def test_a_consent_that_began_after_the_opening(environment) -> None:
    """The audit judges by the opening's time, so a vault that is asked later must not judge by its own."""
    environment.anchor(environment.accept("customer-00001", not_before=1_800_000_050))
    environment.chain.time = environment.chain.block_time = 1_800_000_060
    late = environment.lawful(deadline=1_800_001_000)
    assert late.count == 1
    asked = environment.agree(late.root)
    refused(environment, environment.open(asked, opened_at=1_800_000_049), "warrant.window")
    assert environment.vault.rows(environment.open(asked, opened_at=1_800_000_050)).count == 1


def test_terms_of_a_block_that_the_opening_did_not_follow(environment, root) -> None:
    """Else a batch that is anchored after the opening would do."""
    refused(environment, environment.opened(root, block=90), "warrant.block")
    assert environment.vault.rows(environment.opened(root, block=89)).count == 3


def test_a_plan_that_says_more_openings_than_its_leaves_cover(environment) -> None:
    environment.anchor(environment.accept("customer-00001", uses=4))
    lawful = environment.lawful()
    assert lawful.opens_before == 4
    refused(environment, environment.opened(lawful.root), "warrant.window")


def test_batch_after_the_terms_block(environment, root) -> None:
    refused(environment, environment.opened(root, block=49), "warrant.batch")


def test_batch_that_a_reorganisation_took_back(environment, root) -> None:
    asked = environment.opened(root)
    environment.chain.anchored[environment.offer.id].clear()
    refused(environment, asked, "warrant.batch")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consumer": None}, "warrant.consumer"),
        ({"purpose": purpose_id("https://w3id.org/dpv#DirectMarketing")}, "warrant.purpose"),
        ({"second": None}, "warrant.stranger"),
    ],
)
def test_offer_and_scope(environment, root, changes, code) -> None:
    changes = {name: environment.other.address if value is None else value for name, value in changes.items()}
    refused(environment, environment.opened(root, **changes), code)


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
def test_narrower_offers(environment, root, scope, offer, code) -> None:
    """The vault keeps what it accepted consents under; the gate holds the plan against it all the same."""
    asked = environment.opened(root)
    bound = environment.records.bound(environment.offer.id)
    narrow = changed(bound.scope, **scope)
    narrow_offer = changed(bound.offer, **({"scope": narrow.hash} | offer))
    with pytest.raises(WarrantError) as caught:
        demand_warrant(
            asked,
            asked.plan.inputs[0],
            changed(bound, offer=narrow_offer, scope=narrow),
            environment.chain.job(asked.job),
            environment.chain.offer(environment.offer.id),
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
def test_what_no_recipe_declares(environment, root, changes, code) -> None:
    """Refused as who signs refuses it, by the catalogue's own code."""
    refused(environment, environment.opened(root, **changes), code)


@pytest.mark.parametrize("subjects", [Subjects.OWN, Subjects.UNKNOWN])
def test_persons_rows_of_a_dataset_that_was_registered_as_the_institutions_own(environment, root, subjects) -> None:
    asked = environment.opened(root)
    environment.state(subjects=subjects)
    refused(environment, asked, "warrant.subjects")


@pytest.mark.parametrize("error", [ChainError("lost"), ChainError("behind"), DeploymentError("other contracts")])
def test_chain_endpoint(environment, root, error) -> None:
    asked = environment.opened(root)
    environment.chain.broken = error
    with pytest.raises(type(error)):
        environment.vault.rows(asked)


def test_erased_consent(environment, root, consents) -> None:
    asked = environment.opened(root)
    assert environment.vault.erase(consents[0])
    refused(environment, asked, "warrant.erased")
    smaller = environment.without(root)
    environment.open(asked, attempt=2, amendments=(amended(smaller.root),), attempt_block=95)
    assert environment.vault.rows(replace(asked, attempt=2)).count == 2


def test_table_imported_again(environment, root) -> None:
    asked = environment.opened(root)
    cells = {"customer": ["customer-00001"], "balance": [1], "remark": ["x"]}
    environment.tables.save("accounts", environment.dataset.table, cells)
    with pytest.raises(StateError) as caught:
        environment.vault.rows(asked)
    assert caught.value.code == "vault.stale"
    assert environment.lawful().count == 1


def sealed(environment, root, **changes):
    """A job whose attempt is sealed, as its replay asks for it."""
    return environment.open(environment.agree(root), open=False, sealed_block=95, **changes)


def refused_again(environment, asked, code: str) -> None:
    with pytest.raises((WarrantError, StateError)) as caught:
        environment.vault.rows_again(asked)
    assert caught.value.code == code


def test_a_replay_has_the_same_rows_of_a_sealed_attempt_alone(environment, root) -> None:
    before = environment.vault.rows(environment.opened(root))
    asked = environment.opened(root)
    refused_again(environment, asked, "warrant.unsealed")
    refused_again(environment, environment.open(asked, open=False, aborted_block=95), "warrant.unsealed")
    refused_again(environment, environment.open(asked, open=False, sealed_block=99), "warrant.unsealed")
    asked = sealed(environment, root)
    environment.chain.time = asked.plan.deadline + 1  # which says when a job may run, not when one looks at it
    again = environment.vault.rows_again(asked)
    assert (again.columns, again.consents, again.asks_matches) == (before.columns, before.consents, False)
    refused_again(environment, replace(asked, attempt=2), "warrant.unsealed")
    refused(environment, asked, "warrant.closed")


def test_a_replay_has_rows_for_as_long_as_the_vaults_own_setting_says(environment, root) -> None:
    """A node that somebody broke into asks for the rows of all jobs that ever were; the vault knows the day."""
    asked, now = sealed(environment, root), environment.chain.look(thorough=True)
    assert environment.vault.rows_again(asked).count == 3
    environment.vault._replay_days = 0
    refused_again(environment, asked, "warrant.replay")
    last = asked.plan.settle_by + 90 * 86_400
    demand_replayable(asked.plan, replace(now, time=last), 90)
    for later, days in ((last + 1, 90), (last, 89), (0, 0)):
        with pytest.raises(WarrantError) as caught:
            demand_replayable(asked.plan, replace(now, time=later), days)
        assert caught.value.code == "warrant.replay"


def test_a_replay_opens_no_row_that_was_withdrawn_erased_or_has_expired(environment, root, consents) -> None:
    asked = sealed(environment, root)
    environment.chain.ended[environment.offer.id] = {consents[1]}
    refused_again(environment, asked, "warrant.withdrawn")
    environment.chain.ended[environment.offer.id] = set()
    assert environment.vault.rows_again(asked).count == 3
    environment.chain.time = 2**47
    refused_again(environment, asked, "warrant.window")
    environment.chain.time = environment.chain.block_time
    assert environment.vault.erase(consents[0])
    refused_again(environment, asked, "warrant.erased")


def test_a_replay_has_no_other_rows_than_the_table_had(environment, root) -> None:
    asked = sealed(environment, root)
    cells = {"customer": ["customer-00001"], "balance": [1], "remark": ["x"]}
    environment.tables.save("accounts", environment.dataset.table, cells)
    refused_again(environment, asked, "vault.stale")


@pytest.fixture
def own(environment):
    scope = environment.a_scope(personal=False)
    offer = environment.make_offer(scope, consumer=environment.provider.address)
    consent, submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    assert environment.vault.admit_many(offer, scope, [submission]) == [consent.id]
    environment.chain.named[consent.id] = Status.GIVEN
    return consent


def test_named_consent_gives_the_institutions_table(environment, own) -> None:
    """As the consumer's own list, and identifiers alone."""
    asked = environment.opened(bytes(32), offer=own.offer.id, named=own.id)
    rows = environment.vault.rows(asked)
    assert (rows.count, rows.consents) == (8, [])
    assert rows.columns == {"customer": environment.customers}


def test_a_provider_that_calls_its_table_of_persons_its_own(environment, consents) -> None:
    """Under its own consent, as a provider: where the roles take persons' rows, one named consent opens none."""
    scope = environment.a_scope(personal=False)
    offer = environment.make_offer(scope)
    consent, submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    assert environment.vault.admit_many(offer, scope, [submission]) == [consent.id]
    environment.chain.named[consent.id] = Status.GIVEN
    asked = environment.agree(secrets.token_bytes(32))
    mine = changed(asked.plan.inputs[0], offer=offer.id, consent=consent.id, lawful_root=bytes(32))
    first = changed(asked.plan.parties[0], inputs=(mine,))
    plan = changed(asked.plan, parties=(first, *asked.plan.parties[1:]))
    refused(
        environment,
        environment.open(replace(asked, plan=plan, job=plan.job(environment.deployment.jobs))),
        "warrant.subjects",
    )


@pytest.mark.parametrize("status", [Status.NONE, Status.WITHDRAWN, Status.REVOKED])
def test_named_consent_that_is_not_given(environment, own, status) -> None:
    environment.chain.named[own.id] = status
    refused(environment, environment.opened(bytes(32), offer=own.offer.id, named=own.id), "warrant.withdrawn")


def test_named_consent_that_is_unknown_or_a_persons(environment, own, consents) -> None:
    refused(
        environment, environment.opened(bytes(32), offer=own.offer.id, named=secrets.token_bytes(32)), "warrant.named"
    )
    environment.chain.named[consents[0]] = Status.GIVEN
    persons = environment.make_offer(environment.scope, consumer=environment.provider.address)
    consent, submission = environment.consent("customer-00004", offer=persons)
    assert environment.vault.admit_many(persons, environment.scope, [submission]) == [consent.id]
    environment.chain.named[consent.id] = Status.GIVEN
    refused(environment, environment.opened(bytes(32), offer=persons.id, named=consent.id), "warrant.subjects")
    refused(environment, environment.opened(bytes(32), offer=own.offer.id, named=consents[0]), "warrant.named")


def test_named_consent_over_a_table_that_holds_persons_by_now(environment, own, monkeypatch) -> None:
    """No import makes such a table; one that somebody put there gives no rows either."""
    asked = environment.opened(bytes(32), offer=own.offer.id, named=own.id)
    assert environment.vault.rows(asked).count == 8
    cells = {"customer": ["customer-00001"], "balance": [1], "remark": ["x"]}
    with pytest.raises(StateError) as changed:
        environment.tables.save("own", environment.dataset.table, cells)
    assert changed.value.code == "data.subjects"
    monkeypatch.setattr(tables, "_demand_same", lambda *_: None)
    environment.tables.save("own", environment.dataset.table, cells)
    refused(environment, asked, "warrant.named")

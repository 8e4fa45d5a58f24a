"""A job whose matches differ too little from an earlier one's gets no further: what the vault keeps for that, and how
long."""

import functools
import secrets
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from declaring import CUSTOMER
from placet.core.errors import InputError, LimitError, StateError, WarrantError
from placet.core.ids import DatasetId, JobId
from placet.vault import matches
from placet.vault.columns import column
from placet.vault.database import MATCHES
from placet.vault.matches import JobEnd, MatchedSet

WHO = tuple(f"customer-{number:05d}" for number in range(6))
SMALLEST = 3


def offered(environment, **changes) -> None:
    """The environment's offer, with consents of the first customers."""
    environment.scope = environment.a_scope(**changes)
    environment.offer = environment.make_offer(environment.scope)
    environment.given = dict(zip(WHO, environment.accept(*WHO), strict=True))
    environment.anchor(list(environment.given.values()))


@pytest.fixture
def held(environment):
    offered(environment, smallest_change=SMALLEST)
    return environment


def job(environment, *who: str, asked=None, **changes):
    """A job in which these match, as far as the vault lets it come; what was asked."""
    asked = asked or environment.opened(environment.lawful().root, **changes)
    rows = environment.vault.rows(asked)
    assert rows.asks_matches
    marks = np.array([customer in who for customer in rows.columns["customer"]])
    environment.vault.matched(asked, np.packbits(marks).tobytes())
    return asked


def refused(environment, *who: str, code: str = "warrant.change", **more) -> WarrantError | StateError | LimitError:
    kept = sets(environment)
    with pytest.raises((WarrantError, StateError, LimitError)) as caught:
        job(environment, *who, **more)
    assert caught.value.code == code
    assert sets(environment) == kept
    return caught.value


def sets(environment) -> list[tuple[bytes, int, bytes]]:
    with environment.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(MATCHES.c.job, MATCHES.c.until, MATCHES.c.sealed))]


def ended(environment, asked, **block) -> None:
    environment.chain.jobs[asked.job] = replace(environment.chain.jobs[asked.job], open=False, **block)


def test_too_few_others_end_a_job_and_the_same_people_do_not(held) -> None:
    job(held, *WHO[:3])
    job(held, *WHO[:3])
    for others in (WHO[:2], WHO[:4], WHO[:5], WHO[1:4]):
        error = refused(held, *others)
        assert not any(character.isdigit() for character in f"{error.message}{error.expected}{error.found}")
    job(held, *WHO)
    held.restart()
    refused(held, *WHO[:5])
    refused(held, *WHO[:2])
    job(held, *WHO[:3])
    job(held)


def test_attempts_of_one_job_are_not_compared(held) -> None:
    asked = job(held, *WHO[:3])
    job(held, *WHO[:2], asked=asked)
    refused(held, *WHO[:3])
    assert len(sets(held)) == 1


def test_what_told_nobody_anything_is_forgotten_once_that_is_deep(held) -> None:
    asked = job(held, *WHO[:3])
    ended(held, asked, aborted_block=held.chain.head)
    refused(held, *WHO[:2])
    ended(held, asked, aborted_block=held.chain.head - held.chain.confirmations)
    second = job(held, *WHO[:2])
    assert [kept[0] for kept in sets(held)] == [second.job]


def test_a_sealed_set_stands_for_the_same_again(held, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many jobs as one likes with one list; of different lists there are so many at the most."""
    monkeypatch.setattr(matches, "KEPT", 2)
    first = job(held, *WHO[:3])
    ended(held, first, sealed_block=50)
    for _ in range(3):
        ended(held, job(held, *WHO[:3]), sealed_block=50)
    assert [kept[0] for kept in sets(held)] == [first.job]
    job(held, *WHO)
    refused(held, code="warrant.changes")
    job(held, *WHO[:3])


def test_each_table_of_a_job_has_a_set_of_its_own(held) -> None:
    """That the same people match over one again takes nothing from what is kept of the other."""
    earlier, later = (JobId(secrets.token_bytes(32)) for _ in range(2))
    tables = [DatasetId(secrets.token_bytes(32)) for _ in range(2)]
    kept = held.records.matches
    tags = column(bytes(32) + b"\1" * 32)
    with_end = functools.partial(MatchedSet, tags=tags, smallest=1, until=held.now)
    kept.admit(tables[0], bytes(20), with_end(earlier), lambda _: JobEnd(aborted=False, sealed=True))
    for table in reversed(tables):
        kept.admit(table, bytes(20), with_end(later), lambda _: JobEnd(aborted=False, sealed=True))
    assert sorted(job for job, *_ in sets(held)) == sorted((earlier, later))


def test_who_is_erased_leaves_all_sets_and_stays_protected(held) -> None:
    """The set knows that there was somebody: the results without that person are not to be had by asking again."""
    job(held, *WHO[:4])
    held.vault.erase(held.given[WHO[0]])
    tag = held.tables.tag("accounts", WHO[0])
    [row] = held.records.matches._rows(held.engine.connect())
    left = held.records.matches._open(row)
    assert tag not in {left.tags[place : place + 1].tobytes() for place in range(len(left.tags))}
    assert (len(left.tags), left.erased) == (3, 1)
    held.anchor([held.given[who] for who in WHO[1:]])
    refused(held, *WHO[1:4])
    refused(held, *WHO[1:5])
    job(held, *WHO[4:])


def test_sets_go_with_the_last_consent_and_with_the_table(held) -> None:
    job(held, *WHO[:3])
    assert [until for _, until, _ in sets(held)] == [held.now + 10_000]
    held.chain.time = held.now + 10_001  # a clock that runs ahead of the blocks
    held.lawful(deadline=held.now + 20_000)
    assert len(sets(held)) == 1
    held.chain.block_time = held.now + 10_001
    held.lawful(deadline=held.now + 20_000)
    assert sets(held) == []
    held.chain.time = held.chain.block_time = held.now
    job(held, *WHO[:3])
    held.tables.remove("accounts")
    assert sets(held) == []


def test_another_consumer_is_not_compared(held) -> None:
    job(held, *WHO[:3])
    held.scope = held.a_scope(smallest_change=SMALLEST)
    held.offer = held.make_offer(held.scope, consumer=held.other.address)
    held.anchor(held.accept(*WHO))
    job(held, *WHO[:2], consumer=held.other.address)


def test_an_offer_without_the_word_is_no_way_around_it(held) -> None:
    """Over the same table, to the same consumer: before it and after it."""
    job(held, *WHO[:3])
    offered(held)
    refused(held, *WHO[:2])
    job(held, *WHO)
    offered(held, smallest_change=1)
    refused(held, *WHO[:2])
    offered(held, smallest_change=SMALLEST + 2)
    refused(held, *WHO[:2])


def test_where_the_provider_sees_no_matches_nothing_is_handed_out(held) -> None:
    """Over the same table, to the same consumer, under an offer that does not ask."""
    offered(held, output="aggregate", smallest_group=5, recipes=("joint-statistics",))
    statistics = {"values": ["balance", "remark"], "statistics": ["sums"], "smallest_group": 5, "protocol": "cheetah"}
    asked = held.opened(
        held.lawful().root,
        recipe="joint-statistics",
        engine="spu",
        parameters={**CUSTOMER, **statistics},
        roles=("first-provider", "second-provider", "consumer"),
    )
    with pytest.raises(WarrantError) as caught:
        held.vault.rows(asked)
    assert caught.value.code == "warrant.change"


def test_a_set_that_cannot_be_read_lets_nobody_pass(held) -> None:
    job(held, *WHO[:3])
    for sealed in (secrets.token_bytes(200), b""):
        with held.engine.begin() as connection:
            connection.execute(sa.update(MATCHES).values(sealed=sealed))
        refused(held, *WHO[:3], code="vault.tampered")


def test_marks_are_one_a_row(held) -> None:
    asked = held.opened(held.lawful().root)
    for marks in (b"", b"\0\0"):
        with pytest.raises(InputError):
            held.vault.matched(asked, marks)
    assert sets(held) == []


def test_nothing_is_kept_where_no_offer_asks(environment) -> None:
    offered(environment)
    asked = environment.opened(environment.lawful().root)
    assert not environment.vault.rows(asked).asks_matches
    environment.vault.matched(asked, b"\xff")
    assert sets(environment) == []


def test_nobody_is_named_at_rest(held) -> None:
    job(held, *WHO[:3])
    [(_, _, sealed)] = sets(held)
    assert not any(held.tables.tag("accounts", who)[:8] in sealed for who in WHO)
    assert b"customer" not in sealed

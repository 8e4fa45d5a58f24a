"""One transaction for one intent: the next number comes only after the last try has ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from placet.chain.intents import REFUSED, UNDONE, next_try, numbered
from placet.chain.migrations import upgrade
from placet.chain.outbox import Mined
from placet.core.errors import Reverted, StateError
from placet.node.migrations import NODE
from placet.node.state import open_engine

MINED, NO = Mined(1, bytes(32), 21_000), Reverted("NotYet")


class Known:
    """Outcomes by intent, as an outbox knows them."""

    def __init__(self) -> None:
        self.ended: dict[str, Mined | Reverted] = {}
        self.submitted: list[str] = []

    def outcome(self, intent: str) -> Mined | Reverted | None:
        return self.ended.get(intent)


@given(st.lists(st.sampled_from(["ask", "mine", "refuse"]), max_size=40), st.sampled_from([REFUSED, UNDONE]))
def test_of_one_name_one_try_is_under_way(acts: list[str], again: tuple[type[Mined | Reverted], ...]) -> None:
    known = Known()
    for act in acts:
        under_way = [intent for intent in known.submitted if intent not in known.ended]
        assert len(under_way) <= 1
        if act == "ask":
            intent = next_try(known, "open", again).intent
            assert not under_way or intent == under_way[0]
            if intent not in known.submitted:
                known.submitted.append(intent)
        elif under_way:
            known.ended[under_way[0]] = MINED if act == "mine" else NO
    mined = [intent for intent in known.submitted if isinstance(known.outcome(intent), Mined)]
    assert again == UNDONE or len(mined) <= 1
    assert known.submitted == [numbered("open", number) for number in range(len(known.submitted))]


def test_an_effect_that_was_undone_is_brought_about_again() -> None:
    known = Known()
    known.ended["approve:0"] = MINED
    assert next_try(known, "approve").intent == "approve:0"
    due = next_try(known, "approve", UNDONE)
    assert (due.intent, due.number, due.last) == ("approve:1", 1, MINED)


def test_tries_come_to_an_end() -> None:
    known = Known()
    known.ended = {numbered("open", number): NO for number in range(3)}
    assert next_try(known, "open", most=4).last is NO
    with pytest.raises(Reverted):
        next_try(known, "open", most=3)
    known.ended["open:2"] = MINED
    with pytest.raises(StateError):
        next_try(known, "open", UNDONE, most=3)


def test_what_the_relay_sent_before_tries_had_numbers_is_not_sent_again(tmp_path: Path) -> None:
    """Revision node_0003: the names change, so that the relay finds its old transactions under the new ones."""
    engine, one, other = open_engine(f"sqlite:///{tmp_path / 'node.db'}"), "ab" * 32, "cd" * 32
    upgrade(engine, NODE)
    bare = [f"anchor:{one}:{other}", f"grant:{one}", f"withdraw:{one}", f"prove:{one}"]
    twice = f"anchor:{other}:{one}"  # by the relay, and by the command line from a file
    numbers = [f"grant:{other}:0", f"withdraw:{other}:1", f"anchor:{one}:{one}:2", f"open:{one}:0", "sender"]
    numbers += [twice, numbered(twice, 0)]
    row = {"account": bytes(20), "to": bytes(20), "data": b"", "what": "", "state": "mined"}
    intents = sa.Table("sender_intents", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(intents), [row | {"intent": name} for name in (*bare, *numbers)])
        connection.execute(sa.text("DROP INDEX node_batches_state"))
        connection.execute(sa.text("DROP INDEX node_consents_batch"))
        connection.execute(sa.text("DROP INDEX node_runs_offer"))
        for column in ("offer", "nth"):
            connection.execute(sa.text(f"ALTER TABLE node_runs DROP COLUMN {column}"))
        connection.execute(sa.text("ALTER TABLE node_consents DROP COLUMN language"))
        later = ("job_standing", "job_openings", "job_held", "job_samples", "node_leadership", "node_sessions")
        later = (
            *later,
            "node_reservations",
            "node_proof_tags",
            "job_data_lives",
            "node_erasures",
            "node_erasure_notices",
        )
        for table in later:
            connection.execute(sa.text(f"DROP TABLE {table}"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'node_0001'"))
    upgrade(engine, NODE)
    with engine.connect() as connection:
        names = connection.execute(sa.select(intents.c.intent).order_by(intents.c.number)).scalars().all()
    assert names == [numbered(name, 0) for name in bare] + numbers
    engine.dispose()

"""What the sender must not forget: every intent, and every transaction that was signed for it, before it is sent.

An intent goes queued → sent → mined or reverted; back to queued only if its nonce is used up without effect, back to
sent only if the chain has taken back what settled it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from placet.chain.calls import Call
from placet.chain.tables import create
from placet.core.errors import InputError, Reverted, StateError
from placet.core.values import from_hex, to_hex

MAX_INTENT = 200
QUEUED, SENT, MINED, REVERTED = "queued", "sent", "mined", "reverted"
SETTLED = (MINED, REVERTED)

metadata = MetaData()
intents = Table(
    "sender_intents",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("intent", String(MAX_INTENT), nullable=False, unique=True),
    Column("account", LargeBinary(20), nullable=False),
    Column("to", LargeBinary(20), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("what", String(80), nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("nonce", BigInteger),
    Column("block", BigInteger),
    Column("transaction", LargeBinary(32)),
    Column("gas", BigInteger),
    Column("error", Text),
)
transactions = Table(
    "sender_transactions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("intent", ForeignKey(intents.c.number), nullable=False, index=True),
    Column("nonce", BigInteger, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("max_fee", BigInteger, nullable=False),
    Column("tip", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)


@dataclass(frozen=True)
class Mined:
    """An intent that is on chain for good: block number, transaction hash, gas used."""

    block: int
    transaction: bytes
    gas: int


@dataclass(frozen=True)
class SignedTransaction:
    """A signed transaction. Fees in wei a unit of gas."""

    hash: bytes
    nonce: int
    gas: int
    max_fee: int
    tip: int
    raw: bytes


@dataclass(frozen=True)
class Intent:
    """A stored intent. `signed` holds all transactions under its present nonce, the newest last."""

    number: int
    name: str
    account: bytes
    call: Call
    nonce: int | None = None
    signed: tuple[SignedTransaction, ...] = ()


class Outbox:
    """The sender's tables. Every method is one database transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        create(engine, metadata)

    def add(self, intent: str, call: Call, account: bytes) -> bool:
        """True if it is new; StateError if the same name stands for something else."""
        if not 0 < len(intent) <= MAX_INTENT:
            raise InputError("an intent's name is empty or too long", expected=f"1 to {MAX_INTENT} characters")
        row = {"account": account, "to": call.to, "data": call.data}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(intents).values(intent=intent, what=call.what[:80], state=QUEUED, **row))
                return True
        except IntegrityError:
            with self._engine.connect() as connection:
                stored = connection.execute(select(intents).where(intents.c.intent == intent)).mappings().first()
        if stored is None or {name: bytes(stored[name]) for name in row} != row:
            raise StateError("the intent's name stands for another call", found=intent, remedy="give each its own name")
        return False

    def waits(self) -> bool:
        """Is any intent queued or on its way?"""
        query = select(intents.c.number).where(intents.c.state.in_((QUEUED, SENT))).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def under_way(self, start: str) -> set[str]:
        """The names that begin so, of intents that are queued or on their way."""
        query = select(intents.c.intent).where(intents.c.state.in_((QUEUED, SENT)))
        with self._engine.connect() as connection:
            named = connection.execute(query.where(intents.c.intent.startswith(start, autoescape=True)))
            return set(named.scalars())

    def queued(self, account: bytes, limit: int) -> list[Intent]:
        """The next intents of an account, in order."""
        query = select(intents).where(intents.c.account == account, intents.c.state == QUEUED)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(intents.c.number).limit(limit)).mappings()
            return [_intent(row) for row in rows]

    def sent(self, account: bytes) -> list[Intent]:
        """The intents of an account that are on their way, by nonce."""
        query = select(intents).where(intents.c.account == account, intents.c.state == SENT)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(intents.c.nonce)).mappings().all()
            signed = _signed(connection, account)
            return [_intent(row, tuple(signed[row["number"]])) for row in rows]

    def store(self, intent: Intent, signed: SignedTransaction) -> None:
        """A freshly signed transaction of a queued intent, which becomes sent. StateError if somebody was faster."""
        with self._engine.begin() as connection:
            queued = (intents.c.number == intent.number) & (intents.c.state == QUEUED)
            changed = connection.execute(update(intents).where(queued).values(state=SENT, nonce=signed.nonce))
            if changed.rowcount != 1:
                raise StateError("the intent is already on its way", found=intent.name)
            _insert(connection, intent, signed)

    def replace(self, intent: Intent, signed: SignedTransaction) -> None:
        """One more transaction, with a higher fee, for the same nonce of a sent intent."""
        with self._engine.begin() as connection:
            _insert(connection, intent, signed)

    def settled_beyond(self, account: bytes) -> int:
        """One more than the highest nonce with an outcome; 0 if there is none."""
        query = select(func.max(intents.c.nonce)).where(intents.c.account == account, intents.c.state.in_(SETTLED))
        with self._engine.connect() as connection:
            highest = connection.execute(query).scalar()
        return 0 if highest is None else int(highest) + 1

    def take_back(self, account: bytes, used: int) -> list[str]:
        """Forget the outcomes of nonces from `used` on, whose transactions are on their way once more; their names."""
        undone = (intents.c.account == account) & intents.c.state.in_(SETTLED) & (intents.c.nonce >= used)
        fresh = {"state": SENT, "block": None, "transaction": None, "gas": None, "error": None}
        with self._engine.begin() as connection:
            return list(
                connection.execute(update(intents).where(undone).values(fresh).returning(intents.c.intent)).scalars()
            )

    def requeue(self, intent: Intent) -> None:
        """None of its transactions can ever take effect: to be signed afresh, under another nonce."""
        self._change(intent, state=QUEUED, nonce=None, error=None)

    def refused(self, intent: Intent, words: str | None) -> None:
        """The endpoint's words when it did not take a sent intent's transaction; None once it has."""
        self._change(intent, error=words)

    def mined(self, intent: Intent, mined: Mined) -> None:
        self._change(intent, state=MINED, block=mined.block, transaction=mined.transaction, gas=mined.gas, error=None)

    def reverted(self, intent: Intent, error: Reverted) -> None:
        said = {"name": error.name, "arguments": _plain(error.arguments)}
        self._change(intent, state=REVERTED, error=json.dumps(said))

    def outcome(self, intent: str) -> Mined | Reverted | None:
        """None while it is on its way, or unknown."""
        with self._engine.connect() as connection:
            row = connection.execute(select(intents).where(intents.c.intent == intent)).mappings().first()
        if row is None or row["state"] in (QUEUED, SENT):
            return None
        if row["state"] == MINED:
            return Mined(row["block"], bytes(row["transaction"]), row["gas"])
        said = json.loads(row["error"])
        return Reverted(said["name"], _rich(said["arguments"]))

    def has(self, intent: str) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(select(intents.c.number).where(intents.c.intent == intent)).first() is not None

    def _change(self, intent: Intent, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(intents).where(intents.c.number == intent.number).values(**values))


def refusals(engine: Engine) -> list[tuple[str, str]]:
    """The intents on their way whose transactions the endpoint does not take, and its words. Makes no tables."""
    query = select(intents.c.intent, intents.c.error).where(intents.c.state == SENT, intents.c.error.is_not(None))
    with engine.connect() as connection:
        if not inspect(connection).has_table(intents.name):
            return []
        return [(intent, error) for intent, error in connection.execute(query.order_by(intents.c.number))]


def _insert(connection: Connection, intent: Intent, signed: SignedTransaction) -> None:
    values = {name: getattr(signed, name) for name in ("hash", "nonce", "gas", "max_fee", "tip", "raw")}
    connection.execute(insert(transactions).values(intent=intent.number, **values))


def _intent(row: RowMapping, signed: tuple[SignedTransaction, ...] = ()) -> Intent:
    call = Call(bytes(row["to"]), bytes(row["data"]), row["what"])
    return Intent(row["number"], row["intent"], bytes(row["account"]), call, row["nonce"], signed)


def _signed(connection: Connection, account: bytes) -> dict[int, list[SignedTransaction]]:
    """What was signed under the present nonces of an account's intents that are on their way, by their numbers."""
    present = (transactions.c.intent == intents.c.number) & (transactions.c.nonce == intents.c.nonce)
    query = select(transactions).join(intents, present).where(intents.c.account == account, intents.c.state == SENT)
    signed = defaultdict[int, list[SignedTransaction]](list)
    for row in connection.execute(query.order_by(transactions.c.number)).mappings():
        one = SignedTransaction(
            bytes(row["hash"]), row["nonce"], row["gas"], row["max_fee"], row["tip"], bytes(row["raw"])
        )
        signed[row["intent"]].append(one)
    return signed


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return {"hex": to_hex(value)}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        return from_hex(value["hex"])
    return tuple(_rich(v) for v in value) if isinstance(value, list) else value

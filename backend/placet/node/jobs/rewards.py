"""What jobs pay this institution and what it pays, by the chain: owed, claimed, given back, withheld and by whom."""

from __future__ import annotations

from pydantic import BaseModel

from placet.chain import events
from placet.core.ids import JobId
from placet.core.values import U96, Address, BigUint
from placet.jobs.records import JobRecord
from placet.node.consents.models import Named
from placet.node.jobs.api import named
from placet.node.service import Node

MOST = 100


class TokenAccount(BaseModel):
    """Of one ERC-20 token, in its smallest unit: what the escrow holds for this institution now, and what it has paid
    out to it."""

    token: Address
    owed: BigUint
    claimed: BigUint


class JobReward(BaseModel):
    """A job that pays. `reward` is this institution's by the plan, apart from the `pot`; `credited` what the escrow has
    put down for it, `refunded` what came back to it as the sponsor; `withheld`: who kept back a key, and so was paid
    nothing."""

    job: JobId
    recipe: str
    token: Address
    ended: str | None
    sponsor: Named
    reward: U96
    pot: U96
    credited: BigUint
    refunded: BigUint
    withheld: list[Named]


class Rewards(BaseModel):
    """Jobs newest first, a hundred at the most."""

    tokens: list[TokenAccount]
    jobs: list[JobReward]


def rewards(node: Node, records: list[JobRecord]) -> Rewards:
    """Of these jobs of this institution, as its own endpoint shows it. Reads the chain."""
    paying = [record for record in records if record.plan.funding]
    tokens = dict.fromkeys(record.plan.token for record in paying)
    claims = [event for event in node.index.claims() if event.payee == node.address]
    tokens |= dict.fromkeys(event.token for event in claims)
    return Rewards(
        tokens=[
            TokenAccount(
                token=token,
                owed=node.chain.owed(token, node.address),
                claimed=sum(event.amount for event in claims if event.token == token),
            )
            for token in tokens
        ],
        jobs=[_of_job(node, record) for record in paying[:MOST]],
    )


def _of_job(node: Node, record: JobRecord) -> JobReward:
    plan, history = record.plan, node.index.job_events(record.job)
    own = plan.parties[record.party]
    return JobReward(
        job=record.job,
        recipe=record.terms.recipe,
        token=plan.token,
        ended=record.ended,
        sponsor=named(node.trust, plan.sponsor),
        reward=own.reward,
        pot=plan.pot,
        credited=sum(e.amount for e in history if isinstance(e, events.Credited) and e.payee == own.payee),
        refunded=sum(e.amount for e in history if isinstance(e, events.Refunded) and e.sponsor == node.address),
        withheld=[
            named(node.trust, plan.parties[e.party].signer) for e in history if isinstance(e, events.KeyWithheld)
        ],
    )

"""Opens single rows of a job that was sealed to the auditor of its plan: those that the chain's hash has drawn."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from placet.core.errors import InputError, WarrantError
from placet.core.ids import ConsentId
from placet.core.merkle import rfc6962_leaf, rfc6962_paths
from placet.core.sample import LeafPath
from placet.core.values import to_hex
from placet.vault import gate
from placet.vault.chain_view import ChainSnapshot, JobFacts
from placet.vault.columns import column, find, value
from placet.vault.leaves import StoredSet
from placet.vault.responses import OpenedLeaf, OpenedRows
from placet.vault.state import VaultState

log = logging.getLogger(__name__)


class Sampling(VaultState):
    """Shows of rows the cells that a job used, with the leaves under which it used them; of consents that ended, or ran
    out, the leaf alone."""

    def open_rows(self, request: gate.RowRequest, consents: Sequence[ConsentId]) -> OpenedRows:
        with self._lock:
            plan_input = gate.own_input(request, self._institution, self._deployment.jobs)
            now = self._look(thorough=True)
            facts = _demand_sampled(request, self._chain.job(request.job), now, len(consents))
            bound = self._records.bound(plan_input.offer)
            use = gate.demand_allowed(request, bound, self._chain.offer(plan_input.offer))
            roots = [plan_input.lawful_root, *(one[request.input] for one in facts.amendments)]
            lawful = self._records.sets.stored(plan_input.offer, roots[-1])
            places, there = find(lawful.consents, column(b"".join(consents)))
            if not there.all():
                raise InputError("a consent that is not in the job's lawful set", code="vault.leaf")
            candidates = self._records.candidates(plan_input.offer)
            dead = self._chain.dead(plan_input.offer)
            live = [c in candidates and c not in dead and now.time <= candidates[c].not_after for c in consents]
            left = [place for place, alive in zip(places, live, strict=True) if alive]
            table = self._tables.by_id(bound.offer.dataset).name
            rows = iter(self._tables.opened(table, lawful.rows[left], use.columns))
            paths = _paths(lawful, [int(place) for place in places])
            leaves = tuple(
                OpenedLeaf(leaf=path, row=next(rows) if alive else None)
                for path, alive in zip(paths, live, strict=True)
            )
        log.warning(
            "job %s attempt %d: %d rows of input %d are opened to the auditor of its plan",
            *(to_hex(request.job), request.attempt, len(left), request.input),
        )
        return OpenedRows(leaves=leaves)


def _demand_sampled(request: gate.RowRequest, facts: JobFacts | None, now: ChainSnapshot, count: int) -> JobFacts:
    """WarrantError unless the plan names a random audit, this attempt is sealed at confirmation depth, and no more rows
    are asked for than it draws places."""
    audit = request.terms.audit
    if facts is None or request.terms.hash != request.plan.terms or facts.terms != request.plan.terms:
        raise WarrantError("the opened job is not this plan", code="warrant.plan")
    if facts.sealed_block is None or facts.sealed_block > now.confirmed or facts.attempt != request.attempt:
        raise WarrantError(
            "the chain does not hold the seal of this attempt at confirmation depth",
            found="not sealed" if facts.sealed_block is None else f"attempt {facts.attempt}, {facts.sealed_block}",
            code="warrant.unsealed",
        )
    if audit is None or count > audit.places:
        expected = "no row: the plan names no random audit" if audit is None else f"at most {audit.places} rows"
        raise WarrantError(
            "more than the plan's random audit draws", expected=expected, found=count, code="warrant.audit"
        )
    return facts


def _paths(lawful: StoredSet, places: Sequence[int]) -> list[LeafPath]:
    """Of some leaves. The tree is worked out once."""
    count = len(lawful)
    pairs = [(value(lawful.consents, i), value(lawful.rows, i)) for i in range(count)]
    nodes = [rfc6962_leaf(consent + row) for consent, row in pairs]
    return [
        LeafPath(
            consent=ConsentId(pairs[place][0]),
            commitment=pairs[place][1],
            index=place,
            leaves=count,
            siblings=tuple(siblings),
        )
        for place, siblings in zip(places, rfc6962_paths(nodes, places), strict=True)
    ]

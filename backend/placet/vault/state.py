"""What a vault has at hand: tables, records, parts of models, and the chain, at which it looks anew for every call."""

from __future__ import annotations

import threading

from placet.core.errors import NotFoundError
from placet.core.ids import DatasetId, OfferId
from placet.core.trust import Deployment, TrustList
from placet.vault.chain_view import ChainSnapshot, ChainView
from placet.vault.lawful import Chosen
from placet.vault.models import KeptModels
from placet.vault.records import Records
from placet.vault.schema import DatasetInfo
from placet.vault.tables import Tables


class VaultState:
    """What every part of a vault works with, one call at a time."""

    def __init__(
        self,
        tables: Tables,
        records: Records,
        models: KeptModels,
        chain: ChainView,
        *,
        institution: bytes,
        deployment: Deployment,
        trust: TrustList,
        replay_days: int,
    ) -> None:
        self._tables = tables
        self._records = records
        self._models = models
        self._chain = chain
        self._institution = institution
        self._deployment = deployment
        self._trust = trust
        self._replay_days = replay_days
        self._lock = threading.Lock()
        self._last: Chosen | None = None
        """The set that was worked out last: one that is asked for twice is not worked out again."""
        self._kept: dict[OfferId, bytes] = {}
        """Digest of the set that was kept last."""
        self._shown: dict[tuple[OfferId, bytes], bytes] = {}
        """The set that is being shown to an auditor part by part, opened; at most one."""

    def _look(self, *, thorough: bool) -> ChainSnapshot:
        """The chain as it is now. What is kept of matches and plans may be over by its blocks' time: a clock of this
        machine that runs ahead would delete what owners were promised, and what a job is about to use."""
        now = self._chain.look(thorough=thorough)
        self._records.matches.expire(now.block_time)
        if self._records.sets.overdue(now.block_time):
            deep = self._chain.timestamp(now.confirmed)
            if self._records.sets.drop(deep, lambda job: self._chain.job(job) is not None):
                self._kept.clear()
                self._shown.clear()
        return now

    def _dataset(self, dataset: DatasetId) -> DatasetInfo:
        """A table, or a part of a model, by its id. NotFoundError."""
        try:
            return self._tables.by_id(dataset)
        except NotFoundError as missing:
            try:
                return self._models.by_id(dataset).info(self._institution)
            except NotFoundError:
                raise missing from None

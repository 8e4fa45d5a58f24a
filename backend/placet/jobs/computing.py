"""Runs a recipe in one attempt of a job, and writes down how that ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from placet.chain.signals import listening
from placet.chain.storage import storage_error
from placet.core.errors import PeerError, PlacetError, unforeseen
from placet.core.values import to_hex
from placet.jobs.party_run import PartyRun, Say
from placet.jobs.progress import STEPS, VAULT
from placet.jobs.recipe import Runs, run_of
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

log = logging.getLogger("placet.jobs")
NOT_YET = frozenset({"warrant.unopened", "warrant.unconfirmed", "vault.busy", "vault.unreachable"})
VAULT_SECONDS = 120.0
"""For which an attempt tries its own vault, half a second apart or when the chain moves."""


class Computing:
    """One institution's attempts, as `Runner` begins them."""

    def __init__(self, store: JobStore, runs: Runs, say: Say) -> None:
        self._store = store
        self._runs = runs
        self.say = say

    async def run(self, record: JobRecord, attempt: int, prepare: Callable[[], PartyRun]) -> None:
        """To its end; what `prepare` raises ends it too."""
        await self.say(record, "computing", attempt=attempt)
        try:
            party_run = prepare()
            await self._warranted(party_run)
            await party_run.link.close()
        except asyncio.CancelledError:
            await self._store.threaded.fail(record.job, attempt, "interrupted")
            raise
        except PlacetError as error:
            log.warning("job %s, attempt %d: %s", to_hex(record.job)[:10], attempt, error)
            await self._store.threaded.fail(record.job, attempt, error.code)
            await self.say(record, "failed-attempt", attempt=attempt, code=error.code)
        except Exception as error:
            full = storage_error(error)
            log.error("job %s, attempt %d: %s", to_hex(record.job)[:10], attempt, full or unforeseen(error))
            await self._store.threaded.fail(record.job, attempt, "internal" if full is None else full.code)
        else:
            await self._store.threaded.computed(record.job, attempt)
            await self.say(record, "computed", attempt=attempt)
        finally:
            self._store.waits.set(record.job, VAULT)
            self._store.waits.set(record.job, STEPS)

    async def _warranted(self, party_run: PartyRun) -> None:
        """Run the recipe; the vault may need a moment to start, or until its own endpoint is as far as ours."""
        loop = asyncio.get_running_loop()
        end = loop.time() + VAULT_SECONDS
        with listening(party_run.context.moved) as listener:
            while loop.time() < end:
                try:
                    return await run_of(self._runs, party_run.terms.recipe).run(party_run)
                except PlacetError as error:
                    if error.code not in NOT_YET or party_run.started:
                        raise
                    what = f"the own vault, which says {error.code}"
                    self._store.waits.set(party_run.record.job, VAULT, what, lacks="vault")
                await listener.wait(0.5)
        raise PeerError("the vault never saw the opened job", code="warrant.unconfirmed")

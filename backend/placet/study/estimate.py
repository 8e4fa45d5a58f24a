"""How long and how large a study's run on one machine will be, before it starts.

Straight lines through measured runs (2 cores; `docs/how-to/measure.md`). They tell minutes from hours, not seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from placet.catalogue.circuit_psi import EMBEDDED, CircuitParameters
from placet.catalogue.joint_trees import OKAMOTO_UCHIYAMA, JointTreesParameters
from placet.study.tables import StudyData

START, A_PARTY = 3.5, 1.25
"""Processor seconds to found a chain and contracts, and each institution, with its part in consents, job and audit."""
A_ROW = 0.00005
"""To read, seal and load a row of a table."""
A_CONSENT = 0.00125
"""To make, sign, take in and check one consent, in the audit as well."""
CORES = 2
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Estimate:
    """Processor seconds of all processes together, seconds by the clock on two idle cores, megabytes of memory of the
    largest process, megabytes that institutions send each other."""

    processor_seconds: int
    seconds: int
    memory_mb: int
    traffic_mb: int

    @property
    def words(self) -> str:
        """For people."""
        return (
            f"about {_span(self.seconds)} on two idle cores ({_span(self.processor_seconds)} of processor time), "
            f"{self.memory_mb:,} MB of memory in the largest process, {self.traffic_mb:,} MB between institutions"
        )


def estimate(data: StudyData, rows: int) -> Estimate:
    """Of a run over `rows` of the consumer's list."""
    read = sum(len(table.identifiers) for table in data.tables.values())
    consents = sum(len(table.willing) for table in data.tables.values())
    processor = START + A_PARTY * len(data.tables) + A_ROW * read + A_CONSENT * consents
    job, memory, traffic = _job(data, rows)
    processor += job
    return Estimate(round(processor), round(processor / CORES * 1.3), round(memory), round(traffic))


def _job(data: StudyData, rows: int) -> tuple[float, float, float]:
    """Processor seconds, megabytes of a process, megabytes of traffic of what is computed: what the recipe says it
    costs, if it says so."""
    spec, parameters = data.terms.spec, data.terms.parameters
    listed = len(data.consumer.identifiers)
    if spec.cost is not None and (cost := spec.cost(parameters, rows)) is not None:
        return CORES * cost.seconds, cost.memory / MEGABYTE, cost.traffic / MEGABYTE
    if isinstance(parameters, JointTreesParameters):
        others, providers = parameters.trees - 1, len(data.providers)
        small = data.terms.engine == OKAMOTO_UCHIYAMA
        encryptions = listed * (parameters.depth if parameters.blind else 1)
        each = (0.00007 if small else 0.00036) * encryptions + 0.06 * providers * 2**parameters.depth
        sent = others * providers * encryptions * (256e-6 if small else 512e-6)
        walks = sum(map(len, parameters.features.values())) * (parameters.permutations or 0)
        return 3 + others * each + 1e-7 * listed * parameters.trees * walks, 250 + 0.006 * listed, 1 + sent
    if isinstance(parameters, CircuitParameters) and data.terms.engine == EMBEDDED:
        most = max(len(table.identifiers) for table in data.tables.values())
        more = parameters.garblings - 1
        return 2 + 0.0001 * (1 + more) * most, 150 + (0.004 + 0.002 * more) * most, 1 + (0.0027 + 0.0003 * more) * most
    sums = listed * len(data.providers)
    if data.terms.engine == "spu":
        return 8 + 0.0004 * sums, 400 + 0.01 * listed, 10 + 0.01 * sums
    return 2 + 0.0003 * sums, 150 + 0.001 * listed, 0.0001 * sums


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

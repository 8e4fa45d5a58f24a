"""Parts of models that jobs made, sealed. One that is lost is lost for all: there is no other copy than a backup's.

A part is kept while its job runs and of no use before that is completed on chain; if the job ends otherwise, it goes.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from pydantic import model_validator
from sqlalchemy.dialects import sqlite

from placet.core.at_rest import AtRest, context
from placet.core.errors import NotFoundError, StateError
from placet.core.hashing import sha256
from placet.core.ids import DatasetId, JobId
from placet.core.model_part import ModelPart, model_commitment
from placet.core.values import Bytes32, Value, parse, to_hex
from placet.vault.database import MODELS, forget
from placet.vault.schema import MODEL_DIGITS, DatasetInfo, Field_, Schema, dataset_id, model_name

COLUMN = "model"
"""What a part's schema has for a column, so that an offer of it reads as any other."""
_LARGEST = 32 << 20


class KeptModel(Value):
    """A part, and the commitments of all parts in party order, its own among them; or the whole of a model that this
    institution got in clear, and its commitment `clear`, which is the consumer's own word."""

    part: ModelPart
    commitments: tuple[Bytes32, ...] = ()
    clear: Bytes32 | None = None

    @model_validator(mode="after")
    def _either(self) -> KeptModel:
        if (self.clear is None) == (not self.commitments):
            raise ValueError("the commitments to all parts, or the one to a model in clear")
        return self

    @property
    def commitment(self) -> bytes:
        """The whole model's."""
        return model_commitment(self.commitments) if self.clear is None else self.clear

    @property
    def name(self) -> str:
        """As a table's, for offers."""
        return model_name(self.part.job)

    def info(self, institution: bytes) -> DatasetInfo:
        """The part as a dataset of this institution's."""
        salt = sha256(b"placet.model/dataset", self.part.salt)
        return DatasetInfo(
            name=self.name,
            dataset=dataset_id(institution, self.name, salt),
            table=Schema(identifier=COLUMN, columns=(Field_(name=COLUMN, type="text"),)),
            commitment=self.commitment,
            rows=1,
            version=1,
            personal=False,
            origin=self.part.job,
        )


class KeptModels:
    """All parts of one vault. Every method is one transaction."""

    def __init__(self, engine: sa.Engine, sealer: AtRest, institution: bytes) -> None:
        self._engine = engine
        self._sealer = sealer
        self._institution = institution

    def keep(self, kept: KeptModel) -> None:
        """Store a part; the same again is nothing new. StateError `model.name` where another job's model has its name
        here."""
        job, attempt = kept.part.job, kept.part.attempt
        sealed = self._sealer.seal(kept.model_dump_json().encode(), _context(job, attempt))
        dataset = kept.info(self._institution).dataset
        statement = sqlite.insert(MODELS).values(job=job, attempt=attempt, dataset=dataset, ready=False, sealed=sealed)
        with self._engine.begin() as connection:
            other = connection.execute(sa.select(MODELS.c.job).where(_named(kept.name), MODELS.c.job != job)).scalar()
            if other is not None:
                raise StateError(
                    "another job's model has this name here: the ids of the two jobs begin alike",
                    expected=f"a job whose id begins otherwise than {to_hex(other)}",
                    found=to_hex(job),
                    remedy="propose the job again: its id is another one then",
                    code="model.name",
                )
            connection.execute(statement.on_conflict_do_nothing())

    def settle(self, job: JobId, attempt: int | None) -> None:
        """The job is completed with this attempt, whose part may be used from now on; or (None) ended otherwise. All
        other parts of it go."""
        mine = MODELS.c.job == job
        gone = mine if attempt is None else mine & (MODELS.c.attempt != attempt)
        with self._engine.begin() as connection:
            deleted = connection.execute(sa.delete(MODELS).where(gone)).rowcount
            if attempt is not None:
                connection.execute(sa.update(MODELS).where(mine, MODELS.c.attempt == attempt).values(ready=True))
        if deleted:
            forget(self._engine)

    def remove(self, name: str) -> DatasetInfo:
        """Delete a part for good, and with it the model. NotFoundError."""
        kept = self.named(name)
        self.settle(kept.part.job, None)
        return kept.info(self._institution)

    def unsettled(self) -> list[JobId]:
        """Jobs that have parts here and were not seen to end."""
        with self._engine.connect() as connection:
            chosen = sa.select(MODELS.c.job).where(~MODELS.c.ready).distinct()
            return [JobId(bytes(job)) for job in connection.execute(chosen).scalars()]

    def infos(self) -> list[DatasetInfo]:
        """Of parts that may be used, by name."""
        return sorted((kept.info(self._institution) for kept in self._ready()), key=lambda info: info.name)

    def released(self) -> list[KeptModel]:
        """Those that came to this institution in clear."""
        return [model for model in self._ready() if model.clear is not None]

    def named(self, name: str) -> KeptModel:
        """NotFoundError if there is no such part, or its job has not been completed."""
        for model in self._ready(_named(name)):
            return model
        raise NotFoundError("no such model", found=name, remedy="restore the vault from its backup")

    def by_id(self, dataset: DatasetId) -> KeptModel:
        """The part with this dataset id. NotFoundError if it isn't here, or its job has not been completed."""
        for model in self._ready(MODELS.c.dataset == dataset):
            return model
        raise NotFoundError(
            "no part of a model here has this dataset id",
            found=to_hex(dataset),
            remedy="restore the vault from its backup",
        )

    def _ready(self, *which: sa.ColumnElement[bool]) -> Iterator[KeptModel]:
        c = MODELS.c
        with self._engine.connect() as connection:
            query = sa.select(c.job, c.attempt, c.sealed).where(c.ready, *which).order_by(c.job)
            rows = connection.execute(query).all()
        for row in rows:
            plain = self._sealer.open(row.sealed, _context(JobId(bytes(row.job)), row.attempt))
            yield parse(KeptModel, plain, limit=_LARGEST)


def _named(name: str) -> sa.ColumnElement[bool]:
    """Models of this name; none for what is no model's name."""
    return sa.literal("model-") + sa.func.lower(sa.func.hex(sa.func.substr(MODELS.c.job, 1, MODEL_DIGITS // 2))) == name


def _context(job: JobId, attempt: int) -> bytes:
    return context("model", to_hex(job), attempt)

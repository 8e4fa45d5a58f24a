"""Flower's strategies as a plan names them, over one node (`grid`). Imported only in the engine's process."""

from __future__ import annotations

from typing import Any

from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp.strategy import FedAdam, FedAvg, FedProx

from placet.models.network import WEIGHT, snapped
from placet.models.network_training import FedAdamStrategy, FedProxStrategy, Strategy
from placet.protocols.flower.grid import arrays_of, flat

ONE_NODE: dict[str, Any] = {"fraction_evaluate": 0.0, "min_train_nodes": 1, "min_available_nodes": 1}


class _Whole:
    """What a strategy comes to is rounded to whole weights, so that all parties go on from the very same ones."""

    def aggregate_train(self, server_round: int, replies: Any) -> tuple[ArrayRecord | None, MetricRecord | None]:
        arrays, metrics = super().aggregate_train(server_round, replies)  # type: ignore[misc]
        if arrays is None:
            return arrays, metrics
        sizes = [one.shape for one in arrays.to_numpy_ndarrays()]
        return arrays_of(snapped(flat(arrays)) / WEIGHT, sizes), metrics


class _FedAvg(_Whole, FedAvg):  # type: ignore[misc]
    pass


class _FedProx(_Whole, FedProx):  # type: ignore[misc]
    pass


class _FedAdam(_Whole, FedAdam):  # type: ignore[misc]
    pass


def strategy_of(strategy: Strategy) -> FedAvg:
    """Flower's own object."""
    if isinstance(strategy, FedProxStrategy):
        return _FedProx(**ONE_NODE, proximal_mu=strategy.mu / 1000)
    if isinstance(strategy, FedAdamStrategy):
        return _FedAdam(**ONE_NODE, eta=strategy.eta / 1000)
    return _FedAvg(**ONE_NODE)

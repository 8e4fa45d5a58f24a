// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDatasetRegistry} from "./interfaces/IDatasetRegistry.sol";
import {DatasetId, JobId} from "./interfaces/Types.sol";

/// @title Who provides this dataset, what is its commitment, how much privacy budget is left?
contract DatasetRegistry is IDatasetRegistry {
    mapping(DatasetId dataset => Dataset) private _datasets;

    /// @inheritdoc IDatasetRegistry
    function register(DatasetId dataset, Subjects subjects, bytes32 schema, bytes32 commitment, uint64 budget)
        external
    {
        address provider = _datasets[dataset].provider;
        if (provider != address(0)) revert DatasetExists(dataset, provider);
        if (subjects == Subjects.Unknown) revert SubjectsUnknown(dataset);
        _datasets[dataset] = Dataset({
            provider: msg.sender, subjects: subjects, budget: budget, spent: 0, schema: schema, commitment: commitment
        });
        emit DatasetRegistered(dataset, msg.sender, subjects, schema, commitment, budget);
    }

    /// @inheritdoc IDatasetRegistry
    function commit(DatasetId dataset, bytes32 commitment) external {
        _ofSender(dataset).commitment = commitment;
        emit DatasetCommitted(dataset, commitment);
    }

    /// @inheritdoc IDatasetRegistry
    function spend(DatasetId dataset, uint64 amount, JobId job) external {
        Dataset storage d = _ofSender(dataset);
        uint64 left = d.budget - d.spent;
        if (amount > left) revert BudgetExceeded(dataset, left, amount);
        d.spent += amount;
        emit BudgetSpent(dataset, job, amount, left - amount);
    }

    /// @inheritdoc IDatasetRegistry
    function datasets(DatasetId dataset) external view returns (Dataset memory) {
        return _datasets[dataset];
    }

    function _ofSender(DatasetId dataset) private view returns (Dataset storage d) {
        d = _datasets[dataset];
        if (d.provider != msg.sender) revert NotProvider(dataset, d.provider, msg.sender);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDatasetRegistry} from "./interfaces/IDatasetRegistry.sol";
import {DatasetId, JobId, OfferId} from "./interfaces/Types.sol";

/// @title Who provides this dataset, what is its commitment, how much privacy budget is left?
contract DatasetRegistry is IDatasetRegistry {
    /// @inheritdoc IDatasetRegistry
    address public immutable consents;

    mapping(DatasetId dataset => Dataset) private _datasets;

    constructor(address consents_) {
        consents = consents_;
    }

    /// @inheritdoc IDatasetRegistry
    function register(DatasetId dataset, Subjects subjects, bytes32 schema, bytes32 commitment, uint64 budget)
        external
    {
        if (subjects == Subjects.Unknown) revert SubjectsUnknown(dataset);
        if (subjects == Subjects.Model) revert OriginMissing(dataset);
        _register(dataset, subjects, schema, commitment, budget);
    }

    /// @inheritdoc IDatasetRegistry
    function registerModel(
        DatasetId dataset,
        JobId origin,
        bytes32 schema,
        bytes32 commitment,
        bytes32 card,
        uint64 budget
    ) external {
        if (JobId.unwrap(origin) == 0) revert OriginMissing(dataset);
        if (commitment == 0) revert ModelCommitmentMissing(dataset);
        if (card == 0) revert ModelCardMissing(dataset);
        _register(dataset, Subjects.Model, schema, commitment, budget).origin = origin;
        emit ModelRegistered(dataset, origin, msg.sender, commitment, card);
    }

    /// @inheritdoc IDatasetRegistry
    function commit(DatasetId dataset, bytes32 commitment) external {
        Dataset storage d = _ofSender(dataset);
        if (d.subjects == Subjects.Model) revert ModelIsFixed(dataset);
        d.commitment = commitment;
        emit DatasetCommitted(dataset, commitment);
    }

    /// @inheritdoc IDatasetRegistry
    function spend(DatasetId dataset, OfferId offer, JobId job, uint64 amount) external {
        _requireConsents();
        Dataset storage d = _datasets[dataset];
        uint64 left = d.budget - d.spent;
        if (amount > left) revert BudgetExceeded(dataset, left, amount);
        d.spent += amount;
        emit BudgetSpent(dataset, offer, job, amount, left - amount);
    }

    /// @inheritdoc IDatasetRegistry
    function refund(DatasetId dataset, OfferId offer, JobId job, uint64 amount) external {
        _requireConsents();
        Dataset storage d = _datasets[dataset];
        d.spent -= amount;
        emit BudgetRefunded(dataset, offer, job, amount, d.budget - d.spent);
    }

    /// @inheritdoc IDatasetRegistry
    function datasets(DatasetId dataset) external view returns (Dataset memory) {
        return _datasets[dataset];
    }

    /// @dev Fresh storage is zero, so `spent` and, for rows, `origin` are not written.
    function _register(DatasetId dataset, Subjects subjects, bytes32 schema, bytes32 commitment, uint64 budget)
        private
        returns (Dataset storage d)
    {
        d = _datasets[dataset];
        if (d.provider != address(0)) revert DatasetExists(dataset, d.provider);
        (d.provider, d.subjects, d.budget) = (msg.sender, subjects, budget);
        (d.schema, d.commitment) = (schema, commitment);
        emit DatasetRegistered(dataset, msg.sender, subjects, schema, commitment, budget);
    }

    function _requireConsents() private view {
        if (msg.sender != consents) revert NotConsents(consents, msg.sender);
    }

    function _ofSender(DatasetId dataset) private view returns (Dataset storage d) {
        d = _datasets[dataset];
        if (d.provider != msg.sender) revert NotProvider(dataset, d.provider, msg.sender);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DatasetId, JobId, OfferId} from "./Types.sol";

/// @title Who provides this dataset, what is its commitment, how much privacy budget is left?
/// @notice One entry a dataset. No owner, no proxy: only a dataset's provider changes its entry, and never its provider.
interface IDatasetRegistry {
    /// @notice Whom the rows of a dataset are about. Zero is never registered.
    enum Subjects {
        Unknown,
        /// Persons: a row is used only under its own person's consent.
        Persons,
        /// The provider itself: the provider consents for all rows at once.
        Own,
        /// Nobody directly: the provider's part of a model that a job made of others' rows. The provider consents for it, as
        /// long as not too many of those whose rows the job used have withdrawn.
        Model
    }

    /// @param provider the institution that registered the dataset; zero for an unknown dataset
    /// @param subjects whom the rows are about, by the provider's word; `Unknown` for an unknown dataset only
    /// @param budget privacy budget for ever, in nano-rho
    /// @param spent part of the budget that is used up, in nano-rho; never more than `budget`
    /// @param schema hash of the schema document
    /// @param commitment RFC 6962 root over the row commitments in ascending order; of a model, one commitment to all of its
    /// parts, the same for every holder
    /// @param origin the job that made the model; zero for rows
    struct Dataset {
        address provider;
        Subjects subjects;
        uint64 budget;
        uint64 spent;
        bytes32 schema;
        bytes32 commitment;
        JobId origin;
    }

    /// @notice A provider registered a dataset.
    /// @param dataset its id, from now on the provider's
    /// @param provider the institution that registered it
    /// @param subjects whom its rows are about, by the provider's word
    /// @param schema hash of the schema document
    /// @param commitment root over the row commitments, or the commitment to a whole model
    /// @param budget privacy budget for ever, in nano-rho
    event DatasetRegistered(
        DatasetId indexed dataset,
        address indexed provider,
        Subjects subjects,
        bytes32 schema,
        bytes32 commitment,
        uint64 budget
    );

    /// @notice A holder registered its part of a model; `DatasetRegistered` comes with it.
    /// @param dataset the part's id
    /// @param job the job that made the model, by the holder's word
    /// @param provider the holder
    /// @param commitment commitment to all parts of the model, the same for every holder; of a model in clear, its hash
    /// @param card hash of the holder's model card: whose data, under which consents, how good, what it is not for
    event ModelRegistered(
        DatasetId indexed dataset, JobId indexed job, address indexed provider, bytes32 commitment, bytes32 card
    );

    /// @notice A provider replaced the commitment to a dataset's rows.
    /// @param dataset its id
    /// @param commitment root over the new row commitments
    event DatasetCommitted(DatasetId indexed dataset, bytes32 commitment);

    /// @notice The opening of a job spent privacy budget.
    /// @param dataset whose budget
    /// @param offer under which offer; as much was spent of its own budget
    /// @param job the job that opened
    /// @param amount what was spent, in nano-rho
    /// @param left what is left of the dataset's budget after it, in nano-rho
    event BudgetSpent(DatasetId indexed dataset, OfferId indexed offer, JobId indexed job, uint64 amount, uint64 left);

    /// @notice A job that ended before any party recorded a step gave back what its opening had spent.
    /// @param dataset whose budget
    /// @param offer under which offer; as much went back to its own budget
    /// @param job the job that was aborted
    /// @param amount what went back, in nano-rho
    /// @param left what is left of the dataset's budget after it, in nano-rho
    event BudgetRefunded(
        DatasetId indexed dataset, OfferId indexed offer, JobId indexed job, uint64 amount, uint64 left
    );

    /// @notice Somebody has registered this dataset.
    /// @param dataset its id
    /// @param provider who registered it
    error DatasetExists(DatasetId dataset, address provider);

    /// @notice A registration must say whom the rows are about.
    /// @param dataset the id that was to be registered
    error SubjectsUnknown(DatasetId dataset);

    /// @notice A model names the job that made it: `registerModel` with a job's id.
    /// @param dataset the id that was to be registered
    error OriginMissing(DatasetId dataset);

    /// @notice A model is registered with the commitment to all of its parts.
    /// @param dataset the id that was to be registered
    error ModelCommitmentMissing(DatasetId dataset);

    /// @notice A model is registered with the hash of its card.
    /// @param dataset the id that was to be registered
    error ModelCardMissing(DatasetId dataset);

    /// @notice What a job made is never replaced: a model trained anew is another dataset.
    /// @param dataset the model's id
    error ModelIsFixed(DatasetId dataset);

    /// @notice Only a dataset's provider may do this.
    /// @param dataset its id
    /// @param expected its provider; zero if nobody registered it
    /// @param found who asked
    error NotProvider(DatasetId dataset, address expected, address found);

    /// @notice Only the consent registry spends and refunds.
    /// @param expected the consent registry
    /// @param found who asked
    error NotConsents(address expected, address found);

    /// @notice The dataset's privacy budget does not reach.
    /// @param dataset its id
    /// @param left what is left, in nano-rho
    /// @param amount what was asked for, in nano-rho
    error BudgetExceeded(DatasetId dataset, uint64 left, uint64 amount);

    /// @notice Registers a dataset for the sender, once and for ever. Whom its rows are about is never changed either: rows of
    /// the other kind are another dataset.
    /// @param subjects whom the rows are about; `Unknown` and `Model` are refused
    /// @custom:not-protected Persons whose rows the provider calls its own: `subjects` is the provider's word, and nobody checks
    /// it here. The id against a front-runner: who sees the transaction may take the id first, and then nobody but him can make
    /// offers on it. Salt ids, and offer nothing before `DatasetRegistered` names you. That the dataset exists, that the schema
    /// describes it, or that its rows are true.
    function register(DatasetId dataset, Subjects subjects, bytes32 schema, bytes32 commitment, uint64 budget) external;

    /// @notice Registers the sender's part of a model that a job made, or the whole that it got in clear, once and for ever. Each
    /// holder registers its own part, under an id of its own, all with one commitment.
    /// @param origin the job that made the model
    /// @param commitment commitment to all parts of the model, the same for every holder; of a model in clear, its hash
    /// @param card hash of the holder's model card; it stands in the event alone
    /// @custom:not-protected The origin: that the job exists, was sealed before this registration and had the sender as a party,
    /// that its other holders registered the same commitment, and how many have withdrawn since, is not looked up here; every
    /// node, vault and auditor reads it from the chain and refuses a model without. That the parts are what the job
    /// computed: the job's trail says what its parties committed to. What the card says: the audit reads it against chain and
    /// plan, and its metrics are the holder's word. The id against a front-runner, as in `register`.
    function registerModel(
        DatasetId dataset,
        JobId origin,
        bytes32 schema,
        bytes32 commitment,
        bytes32 card,
        uint64 budget
    ) external;

    /// @notice Replaces the commitment to the rows; refused for a model.
    /// @custom:not-protected Jobs that run on the old rows: a plan binds its rows by its lawful roots, not by this value.
    function commit(DatasetId dataset, bytes32 commitment) external;

    /// @notice Spends privacy budget for the opening of a job; refused where it does not reach. Only for the consent registry,
    /// which has looked at the offer. All consumers of a dataset spend one budget, since they may collude.
    /// @custom:not-protected The noise itself: the audit compares what was spent with what the recipe's mechanism costs.
    function spend(DatasetId dataset, OfferId offer, JobId job, uint64 amount) external;

    /// @notice Gives back what the opening of a job spent. Only for the consent registry.
    /// @custom:not-protected That it was spent: the job ledger says so, once a job.
    function refund(DatasetId dataset, OfferId offer, JobId job, uint64 amount) external;

    /// @notice The consent registry, which alone spends and refunds.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function consents() external view returns (address);

    /// @notice The entry of a dataset; all zero if there is none.
    /// @custom:not-protected A reader against a reorganisation: read at the network's confirmation depth.
    function datasets(DatasetId dataset) external view returns (Dataset memory);
}

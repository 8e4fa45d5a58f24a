// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {ICeremonies} from "./interfaces/ICeremonies.sol";
import {IGroth16Verifier} from "./interfaces/IGroth16Verifier.sol";
import {IRewardEscrow} from "./interfaces/IRewardEscrow.sol";
import {IStatementChecker} from "./interfaces/IStatementChecker.sol";
import {IStatements} from "./interfaces/IStatements.sol";
import {CeremonyId, JobId, KeyId, RewardId, StatementId} from "./interfaces/Types.sol";

/// @title Which statements were proven here, by whom, for whom, and what is paid for them?
contract Statements is IStatements, EIP712 {
    bytes32 private constant STATEMENT =
        keccak256("Statement(bytes32 key,bytes32 job,address prover,address relyingParty,uint48 until)");
    /// @dev The chain id of Anvil and Hardhat, which no chain of value has.
    uint256 private constant LOCAL_CHAIN = 31337;
    /// @dev 253 bits of a hash are a field element; the field's order is above 2^253.
    uint256 private constant SHIFT = 3;
    /// @dev Context and job.
    uint256 private constant FIRST = 2;

    /// @inheritdoc IStatements
    IGroth16Verifier public immutable verifier;
    /// @inheritdoc IStatements
    ICeremonies public immutable ceremonies;
    /// @inheritdoc IStatements
    IRewardEscrow public immutable escrow;

    mapping(StatementId statement => Record) private _records;
    /// @inheritdoc IStatements
    mapping(KeyId key => mapping(uint256 nullifier => bool)) public nullifierUsed;

    constructor(IGroth16Verifier verifier_, ICeremonies ceremonies_, IRewardEscrow escrow_)
        EIP712("Placet Statements", "1")
    {
        if (escrow_.ledger() != address(this)) revert WrongEscrow(address(this), escrow_.ledger());
        (verifier, ceremonies, escrow) = (verifier_, ceremonies_, escrow_);
    }

    /// @inheritdoc IStatements
    function record(Statement calldata statement, uint256[8] calldata proof) external returns (StatementId id) {
        if (block.timestamp > statement.until) revert StatementExpired(statement.until, block.timestamp);
        uint256[] memory inputs = publicInputs(statement);
        id = _statementId(inputs, statement);
        if (_records[id].recordedAt != 0) revert StatementKnown(id);

        IGroth16Verifier.Registration memory registration = verifier.keys(statement.key).registration;
        _requireCeremony(statement.key, registration.ceremony);
        if (registration.checker != address(0)) IStatementChecker(registration.checker).requireStands(inputs);
        if (!verifier.verify(statement.key, inputs, proof)) revert ProofRefused();

        if (registration.nullifier != 0) {
            uint256 nullifier = inputs[registration.nullifier];
            if (nullifierUsed[statement.key][nullifier]) revert NullifierUsed(statement.key, nullifier);
            nullifierUsed[statement.key][nullifier] = true;
        }
        _records[id] = Record(statement.prover, uint48(block.timestamp));
        emit StatementRecorded(
            id, statement.job, statement.prover, statement.key, statement.relyingParty, statement.inputs
        );
    }

    // ------------------------------------------------------------------- rewards

    /// @inheritdoc IStatements
    function offerReward(Reward calldata reward) external returns (RewardId id) {
        if (reward.sponsor != msg.sender) revert NotSponsor(reward.sponsor, msg.sender);
        if (reward.amount == 0) revert NoReward();
        id = rewardId(reward);
        emit RewardOffered(id, reward.job, msg.sender, reward);
        escrow.fund(_account(id), reward.token, msg.sender, reward.amount);
    }

    /// @inheritdoc IStatements
    function releaseReward(Reward calldata reward, Statement calldata statement) external {
        StatementId id = statementId(statement);
        Record memory known = _records[id];
        if (known.recordedAt == 0) revert StatementUnknown(id);
        if (known.recordedAt > reward.until || !_fits(reward, statement)) revert NotTheStatement();
        RewardId account = rewardId(reward);
        emit RewardReleased(account, id, known.prover);
        address[] memory payees = new address[](1);
        uint96[] memory amounts = new uint96[](1);
        (payees[0], amounts[0]) = (known.prover, reward.amount);
        escrow.settle(_account(account), payees, amounts);
    }

    /// @inheritdoc IStatements
    function reclaimReward(Reward calldata reward) external {
        if (block.timestamp <= reward.until) revert TooEarlyToReclaim(reward.until, block.timestamp);
        RewardId id = rewardId(reward);
        emit RewardReclaimed(id);
        escrow.settle(_account(id), new address[](0), new uint96[](0));
    }

    function _fits(Reward calldata reward, Statement calldata statement) private view returns (bool) {
        uint256 count = reward.inputs.length;
        bool same = reward.key == statement.key && reward.job == statement.job
            && reward.relyingParty == statement.relyingParty && count == statement.inputs.length;
        uint256 nullifier = verifier.keys(reward.key).registration.nullifier;
        for (uint256 i = 0; same && i < count; ++i) {
            same = i + FIRST == nullifier ? reward.inputs[i] == 0 : reward.inputs[i] == statement.inputs[i];
        }
        return same;
    }

    function _account(RewardId id) private pure returns (JobId) {
        return JobId.wrap(RewardId.unwrap(id));
    }

    // -------------------------------------------------------------------- keys

    function _requireCeremony(KeyId key, CeremonyId ceremony) private view {
        if (ceremony.isTest()) {
            if (!takesTestKeys()) revert TestKey(key);
        } else if (!ceremonies.made(ceremony, key)) {
            revert NotOfItsCeremony(key);
        }
    }

    /// @inheritdoc IStatements
    function takesTestKeys() public view returns (bool) {
        return block.chainid == LOCAL_CHAIN;
    }

    // ---------------------------------------------------------------------- ids

    /// @inheritdoc IStatements
    function records(StatementId statement) external view returns (Record memory) {
        return _records[statement];
    }

    /// @inheritdoc IStatements
    function statementId(Statement calldata statement) public view returns (StatementId) {
        return _statementId(publicInputs(statement), statement);
    }

    function _statementId(uint256[] memory inputs, Statement calldata statement) private view returns (StatementId) {
        return StatementId.wrap(keccak256(abi.encode(_digest(statement), inputs)));
    }

    /// @inheritdoc IStatements
    function publicInputs(Statement calldata statement) public view returns (uint256[] memory inputs) {
        uint256 count = statement.inputs.length;
        inputs = new uint256[](FIRST + count);
        inputs[0] = uint256(_digest(statement)) >> SHIFT;
        inputs[1] = uint256(JobId.unwrap(statement.job)) >> SHIFT;
        for (uint256 i = 0; i < count; ++i) {
            inputs[FIRST + i] = statement.inputs[i];
        }
    }

    function _digest(Statement calldata s) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(STATEMENT, s.key, s.job, s.prover, s.relyingParty, s.until)));
    }

    /// @inheritdoc IStatements
    function rewardId(Reward calldata reward) public view returns (RewardId) {
        return RewardId.wrap(keccak256(abi.encode(block.chainid, address(this), reward)));
    }
}

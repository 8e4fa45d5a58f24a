// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IAuditStakes} from "./interfaces/IAuditStakes.sol";
import {IJobLedger} from "./interfaces/IJobLedger.sol";
import {JobId, StakeId} from "./interfaces/Types.sol";
import {Claims} from "./libraries/Claims.sol";
import {JobHash} from "./libraries/JobHash.sol";
import {Signers} from "./libraries/Signers.sol";

/// @title What does a false row, or another circuit, cost?
contract AuditStakes is IAuditStakes, EIP712, Signers, Claims {
    bytes32 private constant STAKE = keccak256(
        "Stake(bytes32 job,uint32 party,address holder,address auditor,address beneficiary,address token,uint96 amount,uint48 findBy,uint32 answerSeconds,uint8 subject)"
    );
    bytes32 private constant FINDING = keccak256("Finding(bytes32 stake,uint8 fault,bytes32 evidence)");
    bytes32 private constant GARBLING_FINDING =
        keccak256("GarblingFinding(bytes32 stake,bytes32 message,bytes32 evidence)");
    bytes32 private constant UPHOLDING = keccak256("Upholding(bytes32 stake,bytes32 evidence)");

    /// @inheritdoc IAuditStakes
    address public immutable ledger;
    mapping(StakeId stake => Stake) private _stakes;

    /// @dev Auditors sign as addresses, which need no verifiers.
    constructor(address ledger_) EIP712("Placet Stakes", "1") Signers(new address[](0)) {
        ledger = ledger_;
    }

    /// @inheritdoc IAuditStakes
    function deposit(Terms calldata terms) external nonReentrant returns (StakeId stake) {
        _requireHolder(terms);
        if (
            terms.amount == 0 || terms.answerSeconds == 0 || terms.auditor == address(0)
                || terms.beneficiary == address(0)
        ) revert TermsIncomplete();
        stake = stakeId(terms);
        _requireStatus(stake, Status.None);
        if (block.timestamp > terms.findBy) revert TooLateToReport(terms.findBy, block.timestamp);
        _stakes[stake].status = Status.Held;
        emit StakeDeposited(stake, terms.job, terms.party, terms);
        _pull(terms.token, msg.sender, terms.amount);
    }

    /// @inheritdoc IAuditStakes
    function report(Terms calldata terms, Fault fault, bytes32 evidence, bytes calldata signature)
        external
        nonReentrant
    {
        StakeId stake = _reportable(terms, Subject.Places);
        if (fault != Fault.Refused && fault != Fault.FalseOpening) revert NoFault();
        if (IJobLedger(ledger).jobs(terms.job).sealedAt == 0) revert NotSealed(terms.job);
        _requireAuditor(terms, hashFinding(stake, fault, evidence), signature);
        _report(terms, stake, fault, evidence);
    }

    /// @inheritdoc IAuditStakes
    function reportGarbling(
        Terms calldata terms,
        Commitment calldata commitment,
        bytes32 evidence,
        bytes calldata signature
    ) external nonReentrant {
        StakeId stake = _reportable(terms, Subject.Garblings);
        bytes32 message = JobHash.garblingCommitment(terms.job, terms.party, commitment);
        address recorder = IJobLedger(ledger).recorder(terms.job, terms.party);
        // A party that the ledger does not know has recorder zero, for which nobody signs.
        if (!_hasSigned(recorder, JobHash.digest(ledger, message), commitment.signature)) {
            revert NotCommitted(terms.job, terms.party);
        }
        _requireAuditor(terms, hashGarblingFinding(stake, message, evidence), signature);
        _report(terms, stake, Fault.OtherCircuit, evidence);
    }

    /// @inheritdoc IAuditStakes
    function answer(Terms calldata terms, bytes32 opening) external nonReentrant {
        _requireHolder(terms);
        StakeId stake = stakeId(terms);
        _requireStatus(stake, Status.Reported);
        Stake storage held = _stakes[stake];
        _requireInTime(held.until);
        uint48 upholdBy = uint48(block.timestamp) + terms.answerSeconds;
        (held.status, held.until) = (Status.Answered, upholdBy);
        emit FaultAnswered(stake, terms.job, opening, upholdBy);
    }

    /// @inheritdoc IAuditStakes
    function uphold(Terms calldata terms, bytes32 evidence, bytes calldata signature) external nonReentrant {
        StakeId stake = stakeId(terms);
        _requireStatus(stake, Status.Answered);
        _requireInTime(_stakes[stake].until);
        _requireAuditor(terms, hashUpholding(stake, evidence), signature);
        _slash(terms, stake, evidence);
    }

    /// @inheritdoc IAuditStakes
    function settle(Terms calldata terms) external nonReentrant {
        StakeId stake = stakeId(terms);
        Stake storage held = _stakes[stake];
        if (held.status == Status.Held) {
            if (terms.subject != Subject.Places || !_endedUnsealed(terms.job)) _requireOver(terms.findBy);
            _return(terms, stake);
        } else if (held.status == Status.Reported) {
            _requireOver(held.until);
            _slash(terms, stake, 0);
        } else {
            _requireStatus(stake, Status.Answered);
            _requireOver(held.until);
            _return(terms, stake);
        }
    }

    /// @inheritdoc IAuditStakes
    function stakes(StakeId stake) external view returns (Stake memory) {
        return _stakes[stake];
    }

    /// @inheritdoc IAuditStakes
    function stakeId(Terms calldata terms) public pure returns (StakeId) {
        return StakeId.wrap(keccak256(abi.encode(STAKE, terms)));
    }

    /// @inheritdoc IAuditStakes
    function hashFinding(StakeId stake, Fault fault, bytes32 evidence) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(FINDING, stake, fault, evidence)));
    }

    /// @inheritdoc IAuditStakes
    function hashGarblingFinding(StakeId stake, bytes32 message, bytes32 evidence) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(GARBLING_FINDING, stake, message, evidence)));
    }

    /// @inheritdoc IAuditStakes
    function hashUpholding(StakeId stake, bytes32 evidence) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(UPHOLDING, stake, evidence)));
    }

    /// @dev The id of a stake on which a finding about this may lie now.
    function _reportable(Terms calldata terms, Subject subject) private view returns (StakeId stake) {
        stake = stakeId(terms);
        _requireStatus(stake, Status.Held);
        if (terms.subject != subject) revert WrongSubject(stake, terms.subject);
        if (block.timestamp > terms.findBy) revert TooLateToReport(terms.findBy, block.timestamp);
    }

    function _report(Terms calldata terms, StakeId stake, Fault fault, bytes32 evidence) private {
        uint48 answerBy = uint48(block.timestamp) + terms.answerSeconds;
        _stakes[stake] = Stake(Status.Reported, fault, answerBy);
        emit FaultReported(stake, terms.job, fault, evidence, answerBy);
    }

    function _return(Terms calldata terms, StakeId stake) private {
        (_stakes[stake].status, _stakes[stake].until) = (Status.Returned, 0);
        owed[terms.token][terms.holder] += terms.amount;
        emit StakeReturned(stake, terms.job, terms.holder, terms.amount);
    }

    function _slash(Terms calldata terms, StakeId stake, bytes32 evidence) private {
        (_stakes[stake].status, _stakes[stake].until) = (Status.Slashed, 0);
        owed[terms.token][terms.beneficiary] += terms.amount;
        emit StakeSlashed(stake, terms.job, terms.beneficiary, terms.amount, evidence);
    }

    /// @dev Then no place will ever be drawn of it.
    function _endedUnsealed(JobId job) private view returns (bool) {
        IJobLedger.JobStatus status = IJobLedger(ledger).jobs(job).status;
        return status == IJobLedger.JobStatus.Aborted || status == IJobLedger.JobStatus.Cancelled;
    }

    function _requireHolder(Terms calldata terms) private view {
        if (msg.sender != terms.holder) revert NotHolder(terms.holder, msg.sender);
    }

    function _requireAuditor(Terms calldata terms, bytes32 digest, bytes calldata signature) private view {
        if (!_hasSigned(terms.auditor, digest, signature)) revert NotAuditor(terms.auditor);
    }

    function _requireStatus(StakeId stake, Status expected) private view {
        Status found = _stakes[stake].status;
        if (found != expected) revert WrongStakeStatus(stake, found);
    }

    function _requireInTime(uint48 until) private view {
        if (block.timestamp > until) revert TooLateToAnswer(until, block.timestamp);
    }

    function _requireOver(uint48 until) private view {
        if (block.timestamp <= until) revert TooEarlyToSettle(until, block.timestamp);
    }
}

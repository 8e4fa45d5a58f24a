// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {IJobLedger} from "./interfaces/IJobLedger.sol";
import {IRewardEscrow} from "./interfaces/IRewardEscrow.sol";
import {JobHash} from "./libraries/JobHash.sol";
import {Signers} from "./libraries/Signers.sol";
import {ConsentId, JobId} from "./interfaces/Types.sol";

/// @title Was this job opened lawfully, which steps did it record, how did it end?
contract JobLedger is IJobLedger, EIP712, Signers, ReentrancyGuardTransient {
    uint256 private constant MAX_PARTIES = 16;
    uint256 private constant MAX_INPUTS = 16;
    uint256 private constant MAX_RECORD = 1024;
    uint256 private constant RECORD_GRACE = 1 days;

    /// @dev What release, close and abort need without the plan, in three words. `payee` is stored only where there is a reward
    /// or a payout.
    struct PartyRecord {
        address recorder;
        uint96 reward;
        address payee;
        uint96 payout;
        bytes32 keyDue;
    }

    struct Trail {
        bytes32 head;
        uint32 count;
    }

    /// @dev One word, so that one storage proof shows a whole list: `count` in its lowest 8 bytes, `head` in the rest.
    struct JobList {
        uint64 count;
        bytes24 head;
    }

    /// @inheritdoc IJobLedger
    IConsentRegistry public immutable registry;
    /// @inheritdoc IJobLedger
    IRewardEscrow public immutable escrow;

    mapping(JobId job => JobState) private _jobs;
    mapping(JobId job => mapping(uint256 party => PartyRecord)) private _parties;
    /// @dev By the starting head, which is one for each job, attempt and party.
    mapping(bytes32 start => Trail) private _trails;
    /// @inheritdoc IJobLedger
    mapping(JobId job => bool) public refunded;
    mapping(bytes32 signer => JobList) private _lists;

    constructor(IConsentRegistry registry_, IRewardEscrow escrow_, address[] memory verifiers)
        EIP712("Placet Jobs", "1")
        Signers(verifiers)
    {
        if (registry_.ledger() != address(this)) revert WrongDeployment(address(this), registry_.ledger());
        if (escrow_.ledger() != address(this)) revert WrongDeployment(address(this), escrow_.ledger());
        registry = registry_;
        escrow = escrow_;
    }

    // ------------------------------------------------------------------- opening

    /// @inheritdoc IJobLedger
    function open(Plan calldata plan, bytes[] calldata signatures) external nonReentrant returns (JobId job) {
        job = hashPlan(plan);
        _requireStatus(job, JobStatus.None);
        uint256 total = _requireWellFormed(plan);
        _requireSignatures(plan, JobId.unwrap(job), signatures, plan.parties.length + 2);

        uint256 count = plan.parties.length;
        _jobs[job] = JobState({
            status: JobStatus.Open,
            rewarded: total != 0,
            parties: uint8(count),
            keysMissing: 0,
            attempt: 1,
            openedAt: uint48(block.timestamp),
            deadline: plan.deadline,
            settleBy: plan.settleBy,
            sealedAt: 0
        });
        for (uint256 i = 0; i < count; ++i) {
            Party calldata p = plan.parties[i];
            PartyRecord storage r = _parties[job][i];
            r.recorder = p.recorder;
            r.reward = p.reward;
            if (p.reward != 0) r.payee = p.payee;
        }

        uint32[] memory openings = _useOpenings(plan, job);
        emit JobOpened(
            job, plan.consumer, plan.sponsor, plan.terms, plan.openBy, plan.deadline, plan.settleBy, openings
        );
        _enterLists(plan, job);
        // Last: the token is the sponsor's choice and may call back.
        if (total != 0) escrow.fund(job, plan.token, plan.sponsor, SafeCast.toUint96(total));
    }

    /// @inheritdoc IJobLedger
    function cancel(Plan calldata plan, uint256 signer, bytes calldata signature) external {
        JobId job = hashPlan(plan);
        _requireStatus(job, JobStatus.None);
        if (!_isSender(plan, signer) && !_hasSignedAs(plan, signer, hashCancellation(job), signature)) {
            revert InvalidSignerSignature(signer);
        }
        _jobs[job].status = JobStatus.Cancelled;
        emit JobCancelled(job, signer);
    }

    // --------------------------------------------------------------------- trail

    /// @inheritdoc IJobLedger
    function record(JobId job, uint32 attempt, uint32 party, uint32 from, bytes32[] calldata hashes) external {
        JobState memory j = _jobs[job];
        if (j.status == JobStatus.None || j.status == JobStatus.Cancelled) revert WrongStatus(job, j.status);
        if (attempt == 0 || attempt > j.attempt) revert WrongAttempt(job, j.attempt, attempt);
        // No attempt starts after a seal, so the sealed one is the last.
        if (attempt == j.attempt && j.status != JobStatus.Open && j.status != JobStatus.Aborted) {
            revert TrailFrozen(job, attempt);
        }
        if (j.status == JobStatus.Aborted && refunded[job]) revert BudgetRefunded(job);
        uint256 until = j.settleBy + RECORD_GRACE;
        if (block.timestamp > until) revert TooLateToRecord(job, until, block.timestamp);
        // An unknown party has no recorder, and nobody sends from address zero.
        if (_parties[job][party].recorder != msg.sender) revert NotRecorder(job, msg.sender);
        if (hashes.length == 0) revert NothingToRecord();
        uint32 count = _trails[_start(job, attempt, party)].count;
        if (count != from) revert TrailGap(count, from);
        _append(job, attempt, party, hashes);
    }

    /// @inheritdoc IJobLedger
    function amend(Plan calldata plan, bytes32[] calldata roots, bytes24[] calldata epochs, bytes[] calldata signatures)
        external
    {
        JobId job = hashPlan(plan);
        _requireStatus(job, JobStatus.Open);
        if (block.timestamp > plan.deadline) revert TooLateToSeal(job, plan.deadline, block.timestamp);
        uint32 attempt = _jobs[job].attempt + 1;
        _requireSignatures(plan, hashAmendment(job, attempt, roots, epochs), signatures, plan.parties.length);
        _requireRoots(plan, roots);
        _requireLive(plan, epochs);
        _jobs[job].attempt = attempt;
        emit JobAmended(job, attempt, roots, epochs);
    }

    // ----------------------------------------------------------------------- end

    /// @inheritdoc IJobLedger
    function seal(Plan calldata plan, SealData calldata data, bytes32[][] calldata steps, bytes[] calldata signatures)
        external
    {
        JobId job = hashPlan(plan);
        _requireStatus(job, JobStatus.Open);
        JobState memory j = _jobs[job];
        if (data.attempt != j.attempt) revert WrongAttempt(job, j.attempt, data.attempt);
        if (block.timestamp > j.deadline) revert TooLateToSeal(job, j.deadline, block.timestamp);
        _requireSignatures(plan, hashSeal(job, data), signatures, plan.parties.length + 1);
        _requireLive(plan, data.epochs);

        _recordRest(plan, job, data.attempt, steps);
        j.keysMissing = _sealParties(plan, job, data);
        _storePayouts(plan, job, data.payouts);
        j.status = JobStatus.Sealed;
        j.sealedAt = uint48(block.timestamp);
        _jobs[job] = j;
        _emitSealed(job, data);
        if (j.keysMissing == 0) _complete(job);
    }

    /// @inheritdoc IJobLedger
    function release(JobId job, uint32 party, bytes32 key) external {
        _requireStatus(job, JobStatus.Sealed);
        JobState storage j = _jobs[job];
        if (block.timestamp > j.settleBy) revert TooLateToRelease(job, j.settleBy, block.timestamp);
        bytes32 expected = _parties[job][party].keyDue;
        if (expected == 0) revert NoKeyDue(job, party);
        bytes32 found = keccak256(abi.encodePacked(key));
        if (found != expected) revert WrongKey(job, party, expected, found);

        delete _parties[job][party].keyDue;
        uint8 missing = j.keysMissing - 1;
        j.keysMissing = missing;
        emit KeyReleased(job, party, key);
        if (missing == 0) _complete(job);
    }

    /// @inheritdoc IJobLedger
    function close(JobId job) external {
        _requireStatus(job, JobStatus.Sealed);
        JobState memory j = _jobs[job];
        if (block.timestamp <= j.settleBy) revert TooEarlyToClose(job, j.settleBy, block.timestamp);
        _jobs[job].status = JobStatus.Closed;
        for (uint32 i = 0; i < j.parties; ++i) {
            if (_parties[job][i].keyDue != 0) emit KeyWithheld(job, i);
        }
        emit JobClosed(job);
        _settle(job, true);
    }

    /// @inheritdoc IJobLedger
    function abort(JobId job, bytes32 reason) external {
        _requireStatus(job, JobStatus.Open);
        if (block.timestamp <= _jobs[job].deadline && !_isRecorder(job, msg.sender)) {
            revert NotRecorder(job, msg.sender);
        }
        _abort(job, reason);
    }

    /// @inheritdoc IJobLedger
    function abortForConsent(Plan calldata plan, uint256 input, bytes32 reason) external {
        JobId job = hashPlan(plan);
        _requireStatus(job, JobStatus.Open);
        ConsentId consent = _inputAt(plan, job, input).consent;
        if (!registry.isDead(consent)) revert ConsentStillLive(consent);
        _abort(job, reason);
    }

    /// @inheritdoc IJobLedger
    function refund(Plan calldata plan) external {
        JobId job = hashPlan(plan);
        _requireStatus(job, JobStatus.Aborted);
        if (refunded[job]) revert BudgetRefunded(job);
        uint32 attempts = _jobs[job].attempt;
        for (uint32 attempt = 1; attempt <= attempts; ++attempt) {
            for (uint256 i = 0; i < plan.parties.length; ++i) {
                if (_trails[_start(job, attempt, i)].count != 0) revert StepsWereRecorded(job, attempt, i);
            }
        }
        if (!_spendsBudget(plan)) revert NothingToRefund(job);
        refunded[job] = true;
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            IConsentRegistry.Input[] calldata inputs = plan.parties[i].inputs;
            if (inputs.length != 0) registry.refund(job, inputs);
        }
    }

    // --------------------------------------------------------------------- views

    /// @inheritdoc IJobLedger
    function jobs(JobId job) external view returns (JobState memory) {
        return _jobs[job];
    }

    /// @inheritdoc IJobLedger
    function trail(JobId job, uint32 attempt, uint32 party) external view returns (bytes32 head, uint32 count) {
        bytes32 start = _start(job, attempt, party);
        Trail storage t = _trails[start];
        return t.count == 0 ? (start, 0) : (t.head, t.count);
    }

    /// @inheritdoc IJobLedger
    function jobList(bytes32 signer) external view returns (uint64 count, bytes24 head) {
        JobList storage list = _lists[signer];
        return (list.count, list.head);
    }

    /// @inheritdoc IJobLedger
    function recorder(JobId job, uint32 party) external view returns (address) {
        return _parties[job][party].recorder;
    }

    /// @inheritdoc IJobLedger
    function reward(JobId job, uint32 party) external view returns (address payee, uint96 amount, uint96 payout) {
        PartyRecord storage r = _parties[job][party];
        return (r.payee, r.reward, r.payout);
    }

    /// @inheritdoc IJobLedger
    function keyDue(JobId job, uint32 party) external view returns (bytes32) {
        return _parties[job][party].keyDue;
    }

    /// @inheritdoc IJobLedger
    function hashPlan(Plan calldata plan) public view returns (JobId digest) {
        return JobId.wrap(_hashTypedDataV4(JobHash.plan(plan)));
    }

    /// @inheritdoc IJobLedger
    function hashAmendment(JobId job, uint32 attempt, bytes32[] calldata roots, bytes24[] calldata epochs)
        public
        view
        returns (bytes32 digest)
    {
        return _hashTypedDataV4(JobHash.amendment(job, attempt, roots, epochs));
    }

    /// @inheritdoc IJobLedger
    function hashSeal(JobId job, SealData calldata data) public view returns (bytes32 digest) {
        return _hashTypedDataV4(JobHash.sealing(job, data));
    }

    /// @inheritdoc IJobLedger
    function hashCancellation(JobId job) public view returns (bytes32 digest) {
        return _hashTypedDataV4(JobHash.cancellation(job));
    }

    // ------------------------------------------------------------------- changes

    function _useOpenings(Plan calldata plan, JobId job) private returns (uint32[] memory openings) {
        openings = new uint32[](_inputCount(plan));
        uint256 place = 0;
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            Party calldata p = plan.parties[i];
            if (p.inputs.length == 0) continue;
            if (p.signer.length != 20) revert ProviderMustBeAddress(i);
            uint32[] memory used = registry.useOpening(
                job, address(bytes20(p.signer)), plan.consumer, plan.purpose, plan.operations, plan.deadline, p.inputs
            );
            for (uint256 k = 0; k < used.length; ++k) {
                openings[place++] = used[k];
            }
        }
    }

    /// @dev The job is the next one of everybody who has signed it. Who stands in the plan twice has it once.
    function _enterLists(Plan calldata plan, JobId job) private {
        uint256 count = plan.parties.length;
        for (uint256 i = 0; i < count + 2; ++i) {
            if (_standsEarlier(plan, i)) continue;
            bytes32 signer =
                i < count ? keccak256(plan.parties[i].signer) : keccak256(abi.encodePacked(_accountAt(plan, i)));
            JobList memory list = _lists[signer];
            ++list.count;
            list.head = bytes24(keccak256(abi.encodePacked(list.head, job, uint64(block.number))));
            _lists[signer] = list;
            emit JobListed(signer, job, list.count, list.head);
        }
    }

    /// @dev Appends to a party's trail.
    function _append(JobId job, uint32 attempt, uint32 party, bytes32[] calldata hashes) private {
        if (hashes.length > MAX_RECORD) revert TooMuchToRecord(hashes.length);
        bytes32 start = _start(job, attempt, party);
        Trail memory t = _trails[start];
        bytes32 head = t.count == 0 ? start : t.head;
        for (uint256 i = 0; i < hashes.length; ++i) {
            head = Hashes.efficientKeccak256(head, hashes[i]);
        }
        _trails[start] = Trail(head, SafeCast.toUint32(t.count + hashes.length));
        emit StepsRecorded(job, party, attempt, t.count, hashes, head);
    }

    /// @dev A function of its own for the stack's sake.
    function _emitSealed(JobId job, SealData calldata data) private {
        emit JobSealed(job, data.attempt, data.heads, data.outputs, data.keys, data.epochs, data.payouts);
    }

    /// @dev Appends what the trails lack to the heads that all have signed. Each party's signature over its own head allows it:
    /// any other hashes lead to another head.
    function _recordRest(Plan calldata plan, JobId job, uint32 attempt, bytes32[][] calldata steps) private {
        uint256 count = plan.parties.length;
        _requireLength(count, steps.length);
        for (uint32 i = 0; i < count; ++i) {
            if (steps[i].length != 0) _append(job, attempt, i, steps[i]);
        }
    }

    /// @dev Checks each party's part of a seal and stores its key's hash.
    function _sealParties(Plan calldata plan, JobId job, SealData calldata data) private returns (uint8 missing) {
        uint256 count = plan.parties.length;
        _requireLength(count, data.heads.length);
        _requireLength(count, data.outputs.length);
        _requireLength(count, data.keys.length);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 head = _trails[_start(job, data.attempt, i)].head;
            if (head == 0) revert TrailEmpty(i);
            if (data.heads[i] != head) revert WrongHead(i, head, data.heads[i]);
            bool output = plan.parties[i].output;
            if ((data.outputs[i] != 0) != output || (data.keys[i] != 0) != output) revert WrongOutput(i);
            if (output) {
                _parties[job][i].keyDue = data.keys[i];
                ++missing;
            }
        }
    }

    /// @dev Payees and payouts share a word, which is written only where there is a payout.
    function _storePayouts(Plan calldata plan, JobId job, uint96[] calldata payouts) private {
        uint256 count = plan.parties.length;
        _requireLength(count, payouts.length);
        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint96 payout = payouts[i];
            if (payout == 0) continue;
            address payee = plan.parties[i].payee;
            if (payee == address(0)) revert PayeeMissing(i);
            PartyRecord storage r = _parties[job][i];
            (r.payee, r.payout) = (payee, payout);
            total += payout;
        }
        if (total > plan.pot) revert PayoutsExceedPot(plan.pot, total);
    }

    function _complete(JobId job) private {
        _jobs[job].status = JobStatus.Completed;
        emit JobCompleted(job);
        _settle(job, true);
    }

    function _abort(JobId job, bytes32 reason) private {
        _jobs[job].status = JobStatus.Aborted;
        emit JobAborted(job, msg.sender, reason);
        _settle(job, false);
    }

    /// @dev Pays every party that owes no key, or nobody; the escrow returns the rest to the sponsor.
    function _settle(JobId job, bool earned) private {
        JobState memory j = _jobs[job];
        if (!j.rewarded) return;
        address[] memory payees = new address[](earned ? j.parties : 0);
        uint96[] memory amounts = new uint96[](payees.length);
        uint256 paid = 0;
        for (uint256 i = 0; i < payees.length; ++i) {
            PartyRecord storage r = _parties[job][i];
            uint96 amount = r.reward + r.payout;
            if (amount == 0 || r.keyDue != 0) continue;
            (payees[paid], amounts[paid]) = (r.payee, amount);
            ++paid;
        }
        escrow.settle(job, payees, amounts);
    }

    // ---------------------------------------------------------------- judgements

    /// @dev Everything about a plan that needs no state. Returns the sum of its rewards and its pot.
    function _requireWellFormed(Plan calldata plan) private view returns (uint256 total) {
        uint256 count = plan.parties.length;
        if (count == 0 || count > MAX_PARTIES) revert WrongPartyCount(count);
        if (block.timestamp > plan.openBy) revert TooLateToOpen(plan.openBy, block.timestamp);
        if (plan.openBy > plan.deadline || plan.deadline > plan.settleBy) {
            revert TimesOutOfOrder(plan.openBy, plan.deadline, plan.settleBy);
        }
        bytes32[] memory signers = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            Party calldata p = plan.parties[i];
            signers[i] = keccak256(p.signer);
            if (p.inputs.length > MAX_INPUTS) revert TooManyInputs(i, p.inputs.length);
            if (p.recorder == address(0)) revert RecorderMissing(i);
            if (p.reward != 0 && p.payee == address(0)) revert PayeeMissing(i);
            for (uint256 j = 0; j < i; ++j) {
                if (signers[j] == signers[i]) revert DuplicateSigner(i);
                if (plan.parties[j].recorder == p.recorder) revert DuplicateRecorder(i);
            }
            total += p.reward;
        }
        total += plan.pot;
        if ((plan.token == address(0)) != (total == 0)) revert TokenMismatch(plan.token, total);
    }

    /// @dev The first `count` of the list parties, consumer, sponsor have signed. Parties are distinct, so an empty signature
    /// only ever stands for one that was already seen under the same digest.
    function _requireSignatures(Plan calldata plan, bytes32 digest, bytes[] calldata signatures, uint256 count)
        private
        view
    {
        _requireLength(count, signatures.length);
        for (uint256 i = 0; i < count; ++i) {
            if (signatures[i].length == 0 && _standsEarlier(plan, i)) continue;
            if (!_hasSignedAs(plan, i, digest, signatures[i])) revert InvalidSignerSignature(i);
        }
    }

    function _requireRoots(Plan calldata plan, bytes32[] calldata roots) private pure {
        _requireLength(_inputCount(plan), roots.length);
        uint256 place = 0;
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            IConsentRegistry.Input[] calldata inputs = plan.parties[i].inputs;
            for (uint256 k = 0; k < inputs.length; ++k) {
                if (inputs[k].consent.isNone() == (roots[place] == 0)) revert WrongRoot(place);
                ++place;
            }
        }
    }

    function _requireLive(Plan calldata plan, bytes24[] calldata epochs) private view {
        _requireLength(_inputCount(plan), epochs.length);
        uint256 place = 0;
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            IConsentRegistry.Input[] calldata inputs = plan.parties[i].inputs;
            if (inputs.length == 0) continue;
            registry.requireLive(inputs, epochs[place:place + inputs.length]);
            place += inputs.length;
        }
    }

    function _requireStatus(JobId job, JobStatus expected) private view {
        JobStatus found = _jobs[job].status;
        if (found != expected) revert WrongStatus(job, found);
    }

    function _requireLength(uint256 expected, uint256 found) private pure {
        if (expected != found) revert LengthMismatch(expected, found);
    }

    function _hasSignedAs(Plan calldata plan, uint256 signer, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        return signer < plan.parties.length
            ? _hasSigned(plan.parties[signer].signer, digest, signature)
            : _hasSigned(_accountAt(plan, signer), digest, signature);
    }

    /// @dev Whether the signer is an address and has sent this transaction.
    function _isSender(Plan calldata plan, uint256 signer) private view returns (bool) {
        if (signer >= plan.parties.length) return _accountAt(plan, signer) == msg.sender;
        bytes calldata s = plan.parties[signer].signer;
        return s.length == 20 && address(bytes20(s)) == msg.sender;
    }

    function _standsEarlier(Plan calldata plan, uint256 signer) private pure returns (bool) {
        uint256 count = plan.parties.length;
        if (signer < count) return false;
        address account = _accountAt(plan, signer);
        if (signer > count && account == plan.consumer) return true;
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata s = plan.parties[i].signer;
            if (s.length == 20 && address(bytes20(s)) == account) return true;
        }
        return false;
    }

    /// @dev Consumer and sponsor follow the parties.
    function _accountAt(Plan calldata plan, uint256 signer) private pure returns (address) {
        if (signer == plan.parties.length) return plan.consumer;
        if (signer == plan.parties.length + 1) return plan.sponsor;
        revert UnknownSigner(signer);
    }

    function _isRecorder(JobId job, address account) private view returns (bool) {
        uint256 count = _jobs[job].parties;
        for (uint256 i = 0; i < count; ++i) {
            if (_parties[job][i].recorder == account) return true;
        }
        return false;
    }

    function _inputCount(Plan calldata plan) private pure returns (uint256 count) {
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            count += plan.parties[i].inputs.length;
        }
    }

    function _spendsBudget(Plan calldata plan) private pure returns (bool) {
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            IConsentRegistry.Input[] calldata inputs = plan.parties[i].inputs;
            for (uint256 k = 0; k < inputs.length; ++k) {
                if (inputs[k].budget != 0) return true;
            }
        }
        return false;
    }

    function _inputAt(Plan calldata plan, JobId job, uint256 input)
        private
        pure
        returns (IConsentRegistry.Input calldata)
    {
        uint256 place = input;
        for (uint256 i = 0; i < plan.parties.length; ++i) {
            IConsentRegistry.Input[] calldata inputs = plan.parties[i].inputs;
            if (place < inputs.length) return inputs[place];
            place -= inputs.length;
        }
        revert UnknownInput(job, input);
    }

    function _start(JobId job, uint32 attempt, uint256 party) private pure returns (bytes32) {
        return keccak256(abi.encode(job, attempt, party));
    }
}

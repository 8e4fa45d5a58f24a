// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "./IConsentRegistry.sol";
import {IRewardEscrow} from "./IRewardEscrow.sol";

/// @title Was this job opened lawfully, which steps did it record, how did it end?
/// @notice A job's id is the EIP-712 digest of its plan (domain "Placet Jobs", version 1). It opens in one transaction that checks
/// every signature, every named consent and every offer's epoch; its parties record their steps; a seal signed by all parties
/// and the consumer freezes them; the release keys complete it and pay. It ends once: completed, closed, aborted or cancelled.
///
/// Lists of signers are in the order parties, consumer, sponsor (plan, cancellation), parties, consumer (seal), parties
/// (amendment). An empty signature is accepted for a consumer or sponsor that stands earlier in the same list. Inputs are numbered
/// through all parties in order.
interface IJobLedger {
    /// @param signer ERC-7913 signer; a party with inputs is the 20-byte address of their provider
    /// @param recorder the account that records the party's steps and may abort
    /// @param payee who is owed `reward` in the plan's token
    /// @param tlsKey SHA-256 of the SubjectPublicKeyInfo of the party's certificate
    /// @param seed commitment to the party's randomness
    /// @param output whether the party holds a release key
    struct Party {
        bytes signer;
        address recorder;
        address payee;
        uint96 reward;
        bytes32 tlsKey;
        bytes32 seed;
        bool output;
        IConsentRegistry.Input[] inputs;
    }

    /// @param openBy last time to open
    /// @param deadline last time to seal
    /// @param settleBy last time to release
    struct Plan {
        bytes32 terms;
        address consumer;
        bytes32 purpose;
        uint32 operations;
        address sponsor;
        address token;
        uint48 openBy;
        uint48 deadline;
        uint48 settleBy;
        bytes32 salt;
        Party[] parties;
    }

    /// @param heads each party's trail head
    /// @param outputs SHA-256 of each party's masked output; zero for parties without one
    /// @param keys keccak256 of each party's release key; zero for parties without one
    /// @param epochs each input's current epoch
    struct SealData {
        uint32 attempt;
        bytes32[] heads;
        bytes32[] outputs;
        bytes32[] keys;
        uint32[] epochs;
    }

    enum JobStatus {
        None,
        Open,
        Sealed,
        Completed,
        Closed,
        Aborted,
        Cancelled
    }

    /// @param rewarded whether the escrow holds an account for the job
    /// @param keysMissing release keys that are not published yet; counts from the seal
    struct JobState {
        JobStatus status;
        bool rewarded;
        uint8 parties;
        uint8 keysMissing;
        uint32 attempt;
        uint48 openedAt;
        uint48 deadline;
        uint48 settleBy;
        uint48 sealedAt;
    }

    event JobOpened(
        bytes32 indexed job,
        address indexed consumer,
        address indexed sponsor,
        bytes32 terms,
        uint48 openBy,
        uint48 deadline,
        uint48 settleBy,
        uint32[] openings
    );
    event JobCancelled(bytes32 indexed job, uint256 signer);
    event StepsRecorded(
        bytes32 indexed job, uint32 indexed party, uint32 attempt, uint32 from, bytes32[] hashes, bytes32 head
    );
    event JobAmended(bytes32 indexed job, uint32 attempt, bytes32[] roots, uint32[] epochs);
    event JobSealed(
        bytes32 indexed job, uint32 attempt, bytes32[] heads, bytes32[] outputs, bytes32[] keys, uint32[] epochs
    );
    event KeyReleased(bytes32 indexed job, uint32 indexed party, bytes32 key);
    event JobCompleted(bytes32 indexed job);
    event KeyWithheld(bytes32 indexed job, uint32 indexed party);
    event JobClosed(bytes32 indexed job);
    event JobAborted(bytes32 indexed job, address by, bytes32 reason);

    error WrongDeployment(address expected, address found);
    error WrongStatus(bytes32 job, JobStatus found);
    error WrongPartyCount(uint256 found);
    error TooLateToOpen(uint48 openBy, uint256 time);
    error TimesOutOfOrder(uint48 openBy, uint48 deadline, uint48 settleBy);
    error DuplicateSigner(uint256 party);
    error DuplicateRecorder(uint256 party);
    error RecorderMissing(uint256 party);
    error PayeeMissing(uint256 party);
    error ProviderMustBeAddress(uint256 party);
    error TokenMismatch(address token, uint256 reward);
    error InvalidSignerSignature(uint256 signer);
    error UnknownSigner(uint256 signer);
    error UnknownParty(bytes32 job, uint32 party);
    error UnknownInput(bytes32 job, uint256 input);
    error LengthMismatch(uint256 expected, uint256 found);
    error NotRecorder(bytes32 job, address found);
    error WrongAttempt(bytes32 job, uint32 current, uint32 found);
    error TrailFrozen(bytes32 job, uint32 attempt);
    error TrailGap(uint32 expected, uint32 found);
    error TooLateToRecord(bytes32 job, uint256 until, uint256 time);
    error NothingToRecord();
    error TooLateToSeal(bytes32 job, uint48 deadline, uint256 time);
    error TrailEmpty(uint256 party);
    error WrongHead(uint256 party, bytes32 expected, bytes32 found);
    error WrongOutput(uint256 party);
    error WrongRoot(uint256 input);
    error NoKeyDue(bytes32 job, uint32 party);
    error WrongKey(bytes32 job, uint32 party, bytes32 expected, bytes32 found);
    error TooLateToRelease(bytes32 job, uint48 settleBy, uint256 time);
    error TooEarlyToClose(bytes32 job, uint48 settleBy, uint256 time);
    error ConsentStillLive(bytes32 consent);

    /// @notice Opens a job, all or nothing. Anybody may send it.
    /// @param signatures over `Plan`, by parties, consumer, sponsor
    /// @custom:not-protected Persons' leaves behind lawful roots: every party and the audit check them. Who the owner of a named
    /// consent is: any key can consent to an offer, and the provider that brings the consent answers for it. Withdrawals
    /// between the plan's signatures and the opening that are unproven. What `terms` says. Earlier openings that use up
    /// `opensBefore`.
    function open(Plan calldata plan, bytes[] calldata signatures) external returns (bytes32 job);

    /// @notice A signer takes a plan back before it is open, for ever.
    /// @param signer its place in the list parties, consumer, sponsor
    /// @param signature over `Cancellation`; empty if the signer is the sender
    /// @custom:not-protected Against an opening that is mined first: then only `abort` helps. Against its own sender's haste: the
    /// plan's id can't be used again; change the salt.
    function cancel(Plan calldata plan, uint256 signer, bytes calldata signature) external;

    /// @notice The party's recorder appends step hashes to its trail, without gap. Open until `settleBy` plus one day also for
    /// aborted jobs and other attempts; the sealed attempt is frozen. Consent plays no part: what was done is always told.
    /// @param from how many steps the trail has so far
    /// @custom:not-protected What a hash stands for, and steps that a party never tells: the peers' records and re-execution show
    /// those.
    function record(bytes32 job, uint32 attempt, uint32 party, uint32 from, bytes32[] calldata hashes) external;

    /// @notice Starts the next attempt with new lawful sets, after a withdrawal or a crash. Uses no opening.
    /// @param roots the new lawful root of each input; zero for a named consent
    /// @param epochs the current epoch of each input
    /// @param signatures over `Amendment` with the new attempt's number, by parties
    /// @custom:not-protected That the new sets are part of the old ones: the audit checks that. It can't replace a named consent.
    function amend(Plan calldata plan, bytes32[] calldata roots, uint32[] calldata epochs, bytes[] calldata signatures)
        external;

    /// @notice All parties and the consumer agree on trails, masked outputs and keys. From here nobody can abort. A job in which no
    /// party holds a key completes at once.
    /// @param signatures over `Seal`, by parties, consumer
    /// @custom:not-protected The result's truth: it seals what was done, not that it was right. Against withdrawals that come
    /// after it, or that are unproven.
    function seal(Plan calldata plan, SealData calldata data, bytes[] calldata signatures) external;

    /// @notice Publishes a party's release key, once. Anybody who has it; a copied transaction does the same. The last key
    /// completes the job and pays.
    /// @custom:not-protected The key: it is public from the moment it is sent. That it opens the output: whoever holds the masked
    /// output sees that. A key sent before the seal is deep enough could outlive a reorganisation: wait for depth.
    function release(bytes32 job, uint32 party, bytes32 key) external;

    /// @notice After `settleBy` ends a sealed job whose keys did not all come: pays all but the withholders, whose share goes back to
    /// the sponsor, and names them. Anybody.
    /// @custom:not-protected The consumer, who may stay without a whole result.
    function close(bytes32 job) external;

    /// @notice Ends an open job with refund: any party's recorder; after the deadline anybody.
    /// @param reason a code or the hash of a text; goes into the event only
    /// @custom:not-protected The others' work: nobody is paid for an aborted job. Who aborted stays in the event.
    function abort(bytes32 job, bytes32 reason) external;

    /// @notice Ends an open job with refund because a named consent of it was withdrawn or revoked. Anybody.
    /// @param input number of the input that names the consent
    /// @custom:not-protected As `abort`. Lawful sets: those are amended.
    function abortForConsent(Plan calldata plan, uint256 input, bytes32 reason) external;

    /// @notice The state of a job; all zero for an id never seen.
    /// @custom:not-protected A reader against a reorganisation: read at the network's confirmation depth.
    function jobs(bytes32 job) external view returns (JobState memory);

    /// @notice Head and length of a party's trail in an attempt. The head of an empty trail is its starting value.
    /// @custom:not-protected That job, attempt or party exist.
    function trail(bytes32 job, uint32 attempt, uint32 party) external view returns (bytes32 head, uint32 count);

    /// @notice The account that records for a party; zero if there is none.
    /// @custom:not-protected A reader against a reorganisation.
    function recorder(bytes32 job, uint32 party) external view returns (address);

    /// @notice What a party is to be paid, and to whom.
    /// @custom:not-protected That it was paid: the escrow tells.
    function reward(bytes32 job, uint32 party) external view returns (address payee, uint96 amount);

    /// @notice The key hash that a party still has to open; zero before the seal, after the release, and without output.
    /// @custom:not-protected A reader against a reorganisation.
    function keyDue(bytes32 job, uint32 party) external view returns (bytes32);

    /// @notice The consent registry that this ledger asks.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function registry() external view returns (IConsentRegistry);

    /// @notice The escrow that this ledger settles.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function escrow() external view returns (IRewardEscrow);

    /// @notice The id of a job: the digest that its parties, consumer and sponsor sign.
    /// @custom:not-protected That the plan is well-formed.
    function hashPlan(Plan calldata plan) external view returns (bytes32 digest);

    /// @notice The digest that the parties sign to start `attempt`.
    /// @custom:not-protected That the job exists.
    function hashAmendment(bytes32 job, uint32 attempt, bytes32[] calldata roots, uint32[] calldata epochs)
        external
        view
        returns (bytes32 digest);

    /// @notice The digest that parties and consumer sign to seal.
    /// @custom:not-protected That the job exists.
    function hashSeal(bytes32 job, SealData calldata data) external view returns (bytes32 digest);

    /// @notice The digest that a signer signs to cancel.
    /// @custom:not-protected That the job exists.
    function hashCancellation(bytes32 job) external view returns (bytes32 digest);
}

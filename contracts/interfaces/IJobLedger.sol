// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "./IConsentRegistry.sol";
import {IRewardEscrow} from "./IRewardEscrow.sol";
import {ConsentId, JobId} from "./Types.sol";

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
    /// @param payee who is owed `reward`, and the party's share of the pot, in the plan's token
    /// @param reward what the party earns by taking part
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

    /// @param pot what the seal may divide among the parties, beside their rewards, by a rule of the terms
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
        uint96 pot;
        uint48 openBy;
        uint48 deadline;
        uint48 settleBy;
        bytes32 salt;
        Party[] parties;
    }

    /// @param heads each party's trail head
    /// @param outputs SHA-256 of each party's masked output; zero for parties without one
    /// @param keys keccak256 of each party's release key; zero for parties without one
    /// @param epochs the current epoch of each input's offer
    /// @param payouts each party's share of the pot, together no more than it; zeros where the plan has none
    struct SealData {
        uint32 attempt;
        bytes32[] heads;
        bytes32[] outputs;
        bytes32[] keys;
        bytes24[] epochs;
        uint96[] payouts;
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

    /// @notice A job was opened under all signatures.
    /// @param job its id, the digest of its plan
    /// @param consumer who gets the result
    /// @param sponsor who pays
    /// @param terms hash of the terms
    /// @param openBy last time to open
    /// @param deadline last time to seal
    /// @param settleBy last time to release
    /// @param openings the number that each input's offer gave to this job, from 0
    event JobOpened(
        JobId indexed job,
        address indexed consumer,
        address indexed sponsor,
        bytes32 terms,
        uint48 openBy,
        uint48 deadline,
        uint48 settleBy,
        uint32[] openings
    );

    /// @notice A job that was opened entered the list of one of its signers: a party, the consumer or the sponsor.
    /// @param signer keccak256 of the signer as ERC-7913 has it: of 20 bytes for an account
    /// @param job the job's id
    /// @param number its number in the signer's list, from 1, without a gap
    /// @param head the list's head after it: the first 24 bytes of keccak256(head before, job, block as uint64), from zero
    event JobListed(bytes32 indexed signer, JobId indexed job, uint64 number, bytes24 head);

    /// @notice A signer took a plan back before it was open.
    /// @param job its id
    /// @param signer the signer's place in the list parties, consumer, sponsor
    event JobCancelled(JobId indexed job, uint256 signer);

    /// @notice A party's trail grew, by its recorder or with the seal that the party signed.
    /// @param job the job's id
    /// @param party the party's number
    /// @param attempt the attempt that the steps belong to
    /// @param from how many steps the trail had before
    /// @param hashes the steps' hashes
    /// @param head the trail's head after them
    event StepsRecorded(
        JobId indexed job, uint32 indexed party, uint32 attempt, uint32 from, bytes32[] hashes, bytes32 head
    );

    /// @notice The parties started another attempt.
    /// @param job the job's id
    /// @param attempt the new attempt's number
    /// @param roots each input's new lawful root; zero for a named consent
    /// @param epochs the epoch of each input's offer
    event JobAmended(JobId indexed job, uint32 attempt, bytes32[] roots, bytes24[] epochs);

    /// @notice Parties and consumer agreed on trails, masked outputs and keys.
    /// @param job the job's id
    /// @param attempt the attempt that counts
    /// @param heads each party's trail head
    /// @param outputs SHA-256 of each party's masked output; zero for parties without one
    /// @param keys keccak256 of each party's release key; zero for parties without one
    /// @param epochs the epoch of each input's offer
    /// @param payouts each party's share of the pot
    event JobSealed(
        JobId indexed job,
        uint32 attempt,
        bytes32[] heads,
        bytes32[] outputs,
        bytes32[] keys,
        bytes24[] epochs,
        uint96[] payouts
    );

    /// @notice A party's release key was published.
    /// @param job the job's id
    /// @param party the party's number
    /// @param key the key
    event KeyReleased(JobId indexed job, uint32 indexed party, bytes32 key);

    /// @notice All release keys are there; what the parties earned is theirs.
    /// @param job the job's id
    event JobCompleted(JobId indexed job);

    /// @notice A party's release key did not come in time.
    /// @param job the job's id
    /// @param party the party's number
    event KeyWithheld(JobId indexed job, uint32 indexed party);

    /// @notice A sealed job ended without all of its keys.
    /// @param job the job's id
    event JobClosed(JobId indexed job);

    /// @notice An open job ended with refund.
    /// @param job the job's id
    /// @param by who ended it
    /// @param reason a code or the hash of a text
    event JobAborted(JobId indexed job, address by, bytes32 reason);

    /// @notice The job's privacy budget was given back.
    /// @param job its id
    error BudgetRefunded(JobId job);

    /// @notice A party has recorded a step, so that something may have left it.
    /// @param job its id
    /// @param attempt in which attempt
    /// @param party which party
    error StepsWereRecorded(JobId job, uint32 attempt, uint256 party);

    /// @notice The job's opening has spent no privacy budget.
    /// @param job its id
    error NothingToRefund(JobId job);

    /// @notice Registry or escrow serves another ledger.
    /// @param expected this ledger
    /// @param found the ledger that it serves
    error WrongDeployment(address expected, address found);

    /// @notice The job's status does not allow this.
    /// @param job its id
    /// @param found its status
    error WrongStatus(JobId job, JobStatus found);

    /// @notice A plan has 1 to 16 parties.
    /// @param found how many it has
    error WrongPartyCount(uint256 found);

    /// @notice A party has at most 16 inputs.
    /// @param party which one, from 0
    /// @param found how many it has
    error TooManyInputs(uint256 party, uint256 found);

    /// @notice The time to open the plan is over.
    /// @param openBy last time to open
    /// @param time the block's time
    error TooLateToOpen(uint48 openBy, uint256 time);

    /// @notice A plan's times follow each other.
    /// @param openBy last time to open
    /// @param deadline last time to seal
    /// @param settleBy last time to release
    error TimesOutOfOrder(uint48 openBy, uint48 deadline, uint48 settleBy);

    /// @notice Two parties have the same signer.
    /// @param party number of the second
    error DuplicateSigner(uint256 party);

    /// @notice Two parties have the same recorder.
    /// @param party number of the second
    error DuplicateRecorder(uint256 party);

    /// @notice A party has no recorder.
    /// @param party its number
    error RecorderMissing(uint256 party);

    /// @notice A party with a reward or a share of the pot names nobody who is paid.
    /// @param party its number
    error PayeeMissing(uint256 party);

    /// @notice A party with inputs signs as the address of their provider.
    /// @param party its number
    error ProviderMustBeAddress(uint256 party);

    /// @notice Rewards and a pot need a token, and a token needs one of them.
    /// @param token the plan's token
    /// @param reward the sum of its rewards and its pot
    error TokenMismatch(address token, uint256 reward);

    /// @notice A signer has not signed this.
    /// @param signer its place in the list of signers
    error InvalidSignerSignature(uint256 signer);

    /// @notice The list of signers has no such place.
    /// @param signer the place that was asked for
    error UnknownSigner(uint256 signer);

    /// @notice The job has no such input.
    /// @param job its id
    /// @param input the number that was asked for
    error UnknownInput(JobId job, uint256 input);

    /// @notice Two lists that belong together differ in length.
    /// @param expected the length that fits
    /// @param found the length that was given
    error LengthMismatch(uint256 expected, uint256 found);

    /// @notice Only the recorder of the party, or of any party, may do this.
    /// @param job the job's id
    /// @param found who asked
    error NotRecorder(JobId job, address found);

    /// @notice The job is not at this attempt.
    /// @param job its id
    /// @param current its attempt now
    /// @param found the attempt that was given
    error WrongAttempt(JobId job, uint32 current, uint32 found);

    /// @notice The sealed attempt's trails take no more steps.
    /// @param job the job's id
    /// @param attempt the sealed attempt
    error TrailFrozen(JobId job, uint32 attempt);

    /// @notice Steps follow without gap.
    /// @param expected how many steps the trail has
    /// @param found from which one was told
    error TrailGap(uint32 expected, uint32 found);

    /// @notice The time to record is over.
    /// @param job the job's id
    /// @param until last time to record
    /// @param time the block's time
    error TooLateToRecord(JobId job, uint256 until, uint256 time);

    /// @notice A record has at least one step.
    error NothingToRecord();

    /// @notice A record has at most 1024 steps.
    /// @param found how many it has
    error TooMuchToRecord(uint256 found);

    /// @notice The time to seal, or to start another attempt, is over.
    /// @param job the job's id
    /// @param deadline last time to seal
    /// @param time the block's time
    error TooLateToSeal(JobId job, uint48 deadline, uint256 time);

    /// @notice A party has recorded nothing in the attempt that is to be sealed.
    /// @param party its number
    error TrailEmpty(uint256 party);

    /// @notice The seal has another trail head than the chain.
    /// @param party the party's number
    /// @param expected the head on chain
    /// @param found the head in the seal
    error WrongHead(uint256 party, bytes32 expected, bytes32 found);

    /// @notice A party with output seals an output and a key, any other neither.
    /// @param party its number
    error WrongOutput(uint256 party);

    /// @notice The seal divides more than the plan's pot.
    /// @param pot the plan's
    /// @param found the sum of the seal's payouts
    error PayoutsExceedPot(uint96 pot, uint256 found);

    /// @notice An amendment has a lawful root for each lawful set, and none for a named consent.
    /// @param input the input's number
    error WrongRoot(uint256 input);

    /// @notice The party owes no release key.
    /// @param job the job's id
    /// @param party the party's number
    error NoKeyDue(JobId job, uint32 party);

    /// @notice This is not the key that was sealed.
    /// @param job the job's id
    /// @param party the party's number
    /// @param expected the key's hash in the seal
    /// @param found the hash of the key that was given
    error WrongKey(JobId job, uint32 party, bytes32 expected, bytes32 found);

    /// @notice The time to release is over.
    /// @param job the job's id
    /// @param settleBy last time to release
    /// @param time the block's time
    error TooLateToRelease(JobId job, uint48 settleBy, uint256 time);

    /// @notice There is still time to release.
    /// @param job the job's id
    /// @param settleBy last time to release
    /// @param time the block's time
    error TooEarlyToClose(JobId job, uint48 settleBy, uint256 time);

    /// @notice The consent was not withdrawn or revoked.
    /// @param consent its id; zero if the input names none
    error ConsentStillLive(ConsentId consent);

    /// @notice Opens a job, all or nothing. Anybody may send it.
    /// @param signatures over `Plan`, by parties, consumer, sponsor
    /// @custom:not-protected Persons' leaves behind lawful roots: every party and the audit check them. Who the owner of a named
    /// consent is: any key can consent to an offer, and the provider that brings the consent answers for it. Withdrawals
    /// between the plan's signatures and the opening that are unproven. What `terms` says. Earlier openings that use up
    /// `opensBefore`.
    function open(Plan calldata plan, bytes[] calldata signatures) external returns (JobId job);

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
    function record(JobId job, uint32 attempt, uint32 party, uint32 from, bytes32[] calldata hashes) external;

    /// @notice Starts the next attempt with new lawful sets, after a withdrawal or a crash. Uses no opening.
    /// @param roots the new lawful root of each input; zero for a named consent
    /// @param epochs the current epoch of each input
    /// @param signatures over `Amendment` with the new attempt's number, by parties
    /// @custom:not-protected That the new sets are part of the old ones: the audit checks that. It can't replace a named consent.
    function amend(Plan calldata plan, bytes32[] calldata roots, bytes24[] calldata epochs, bytes[] calldata signatures)
        external;

    /// @notice All parties and the consumer agree on trails, masked outputs and keys. From here nobody can abort. A job in which no
    /// party holds a key completes at once. What the trails lack is recorded first, in the same transaction.
    /// @param steps each party's step hashes beyond those on chain, which lead to the head that it signed
    /// @param signatures over `Seal`, by parties, consumer
    /// @custom:not-protected The result's truth: it seals what was done, not that it was right. Against withdrawals that come
    /// after it, or that are unproven.
    function seal(Plan calldata plan, SealData calldata data, bytes32[][] calldata steps, bytes[] calldata signatures)
        external;

    /// @notice Publishes a party's release key, once. Anybody who has it; a copied transaction does the same. The last key
    /// completes the job and pays.
    /// @custom:not-protected The key: it is public from the moment it is sent. That it opens the output: whoever holds the masked
    /// output sees that. A key sent before the seal is deep enough could outlive a reorganisation: wait for depth.
    function release(JobId job, uint32 party, bytes32 key) external;

    /// @notice After `settleBy` ends a sealed job whose keys did not all come: pays all but the withholders, whose share goes back to
    /// the sponsor, and names them. Anybody.
    /// @custom:not-protected The consumer, who may stay without a whole result.
    function close(JobId job) external;

    /// @notice Ends an open job with refund: any party's recorder; after the deadline anybody.
    /// @param reason a code or the hash of a text; goes into the event only
    /// @custom:not-protected The others' work: nobody is paid for an aborted job. Who aborted stays in the event.
    function abort(JobId job, bytes32 reason) external;

    /// @notice Ends an open job with refund because a named consent of it was withdrawn or revoked. Anybody.
    /// @param input number of the input that names the consent
    /// @custom:not-protected As `abort`. Lawful sets: those are amended.
    function abortForConsent(Plan calldata plan, uint256 input, bytes32 reason) external;

    /// @notice Gives the privacy budgets back what the opening of an aborted job spent, once, if no party has recorded a step
    /// in any attempt. Anybody may send it. From then on the job records nothing; a job that has spent nothing can't be brought there.
    /// @custom:not-protected Against a party that sends shares before it recorded its start: that party gives away its own
    /// data alone. Openings that were used stay so.
    function refund(Plan calldata plan) external;

    /// @notice Whether a job's privacy budget was given back.
    /// @custom:not-protected A reader against a reorganisation: read at the network's confirmation depth.
    function refunded(JobId job) external view returns (bool);

    /// @notice The state of a job; all zero for an id never seen.
    /// @custom:not-protected A reader against a reorganisation: read at the network's confirmation depth.
    function jobs(JobId job) external view returns (JobState memory);

    /// @notice Head and length of a party's trail in an attempt. The head of an empty trail is its starting value.
    /// @custom:not-protected That job, attempt or party exist.
    function trail(JobId job, uint32 attempt, uint32 party) external view returns (bytes32 head, uint32 count);

    /// @notice How many jobs a signer has in its list, and the list's head, from which no job can be left out: every job that was
    /// opened under this signature, as that of a party, of the consumer or of the sponsor.
    /// @param signer keccak256 of the signer as ERC-7913 has it: of 20 bytes for an account
    /// @custom:not-protected Against an institution with another key: a trust list says who is who. A reader against a
    /// reorganisation.
    function jobList(bytes32 signer) external view returns (uint64 count, bytes24 head);

    /// @notice The account that records for a party; zero if there is none.
    /// @custom:not-protected A reader against a reorganisation.
    function recorder(JobId job, uint32 party) external view returns (address);

    /// @notice What a party is to be paid, and to whom: `amount` for taking part, and from the seal on `payout` out of the pot.
    /// `payee` is zero as long as both are.
    /// @custom:not-protected That it was paid: the escrow tells.
    function reward(JobId job, uint32 party) external view returns (address payee, uint96 amount, uint96 payout);

    /// @notice The key hash that a party still has to open; zero before the seal, after the release, and without output.
    /// @custom:not-protected A reader against a reorganisation.
    function keyDue(JobId job, uint32 party) external view returns (bytes32);

    /// @notice The consent registry that this ledger asks.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function registry() external view returns (IConsentRegistry);

    /// @notice The escrow that this ledger settles.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function escrow() external view returns (IRewardEscrow);

    /// @notice The id of a job: the digest that its parties, consumer and sponsor sign.
    /// @custom:not-protected That the plan is well-formed.
    function hashPlan(Plan calldata plan) external view returns (JobId digest);

    /// @notice The digest that the parties sign to start `attempt`.
    /// @custom:not-protected That the job exists.
    function hashAmendment(JobId job, uint32 attempt, bytes32[] calldata roots, bytes24[] calldata epochs)
        external
        view
        returns (bytes32 digest);

    /// @notice The digest that parties and consumer sign to seal.
    /// @custom:not-protected That the job exists.
    function hashSeal(JobId job, SealData calldata data) external view returns (bytes32 digest);

    /// @notice The digest that a signer signs to cancel.
    /// @custom:not-protected That the job exists.
    function hashCancellation(JobId job) external view returns (bytes32 digest);
}

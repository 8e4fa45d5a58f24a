// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClaims} from "./IClaims.sol";
import {JobId, StakeId} from "./Types.sol";

/// @title What does a false row, or another circuit, cost?
/// @notice A party of a job puts a stake up before the job computes. What it answers for is one of two things. *Places*: the job's
/// auditor draws places by the hash of a block after the seal and has the party open them (off chain). *Garblings*: the party garbles
/// a circuit, opens all garblings but one, and who catches it at another circuit has a certificate that the auditor judges (off
/// chain: it makes a garbling again, which is far too dear here). Each stake is under its own terms, and its id is their EIP-712 struct hash:
/// who relies on a stake works the id out from the plan that all signed, and a deposit under any other terms is another
/// stake. So the contract needs no word of a plan, nobody can take another's id, and a stake ends once:
///
///     None ── deposit ──▶ Held ── findBy passed, or nothing can be drawn any more: settle ──▶ Returned
///                          └───── report, reportGarbling ──▶ Reported ── no answer in time: settle ──▶ Slashed
///                                             └───────── answer ──▶ Answered ── not upheld in time: settle ──▶ Returned
///                                                                    └───────── uphold ──▶ Slashed
interface IAuditStakes is IClaims {
    /// @notice What a stake answers for.
    enum Subject {
        Places,
        Garblings
    }

    /// @param job the job that the stake is for
    /// @param party the party's number in its plan
    /// @param holder who deposits, answers and gets the stake back: the party's payee
    /// @param auditor whose signed findings count
    /// @param beneficiary who is owed a slashed stake
    /// @param token the ERC-20 of the stake
    /// @param amount in the token's smallest unit
    /// @param findBy last time to report
    /// @param answerSeconds how long the holder has to answer a finding, and then the auditor to uphold it
    /// @param subject what the stake answers for
    struct Terms {
        JobId job;
        uint32 party;
        address holder;
        address auditor;
        address beneficiary;
        address token;
        uint96 amount;
        uint48 findBy;
        uint32 answerSeconds;
        Subject subject;
    }

    enum Fault {
        None,
        Refused,
        FalseOpening,
        OtherCircuit
    }

    /// @notice The message in which a garbler commits to its garblings, as its recorder signs all messages of a job (EIP-712
    /// `Message` in the ledger's domain, tag "garbled.committed").
    /// @param attempt of the job
    /// @param sequence the message's number among those of the garbler to the receiver
    /// @param receiver number of the party that it went to
    /// @param digest SHA-256 of what it says: the commitment itself tells numbers of rows and stays off the chain
    /// @param signature of the garbler's recorder
    struct Commitment {
        uint32 attempt;
        uint32 sequence;
        uint32 receiver;
        bytes32 digest;
        bytes signature;
    }

    enum Status {
        None,
        Held,
        Reported,
        Answered,
        Returned,
        Slashed
    }

    /// @param fault what the auditor found, once it has
    /// @param until the last time to answer, or to uphold; zero where neither is due
    struct Stake {
        Status status;
        Fault fault;
        uint48 until;
    }

    /// @notice A party's stake is in.
    /// @param stake its id
    /// @param job the job that it is for
    /// @param party the party's number
    /// @param terms all of its terms
    event StakeDeposited(StakeId indexed stake, JobId indexed job, uint32 indexed party, Terms terms);

    /// @notice The auditor has found a fault.
    /// @param stake the stake's id
    /// @param job its job
    /// @param fault what was found
    /// @param evidence hash of the auditor's finding document
    /// @param answerBy last time to answer
    event FaultReported(StakeId indexed stake, JobId indexed job, Fault fault, bytes32 evidence, uint48 answerBy);

    /// @notice The holder has answered in time.
    /// @param stake the stake's id
    /// @param job its job
    /// @param opening hash of what it hands to the auditor
    /// @param upholdBy last time for the auditor to uphold its finding
    event FaultAnswered(StakeId indexed stake, JobId indexed job, bytes32 opening, uint48 upholdBy);

    /// @notice The stake is its holder's again.
    /// @param stake the stake's id
    /// @param job its job
    /// @param holder who may claim it
    /// @param amount in the token's smallest unit
    event StakeReturned(StakeId indexed stake, JobId indexed job, address holder, uint96 amount);

    /// @notice The stake is lost.
    /// @param stake the stake's id
    /// @param job its job
    /// @param beneficiary who may claim it
    /// @param amount in the token's smallest unit
    /// @param evidence hash of the auditor's second document; zero where nobody answered
    event StakeSlashed(StakeId indexed stake, JobId indexed job, address beneficiary, uint96 amount, bytes32 evidence);

    /// @notice Only the holder deposits and answers.
    /// @param expected the terms' holder
    /// @param found who sent it
    error NotHolder(address expected, address found);

    /// @notice A stake has an amount, a holder's time to answer, and names an auditor and a beneficiary.
    error TermsIncomplete();

    /// @notice The time to report is over.
    /// @param findBy last time to report
    /// @param time the block's time
    error TooLateToReport(uint48 findBy, uint256 time);

    /// @notice The stake's status does not allow this.
    /// @param stake its id
    /// @param found its status
    error WrongStakeStatus(StakeId stake, Status found);

    /// @notice Nothing is drawn from a job that was not sealed.
    /// @param job its id
    error NotSealed(JobId job);

    /// @notice A finding about places names a fault of places.
    error NoFault();

    /// @notice The stake answers for something else.
    /// @param stake its id
    /// @param found what it answers for
    error WrongSubject(StakeId stake, Subject found);

    /// @notice The stake's party has not signed this commitment in this job.
    /// @param job the job's id
    /// @param party the party's number
    error NotCommitted(JobId job, uint32 party);

    /// @notice The auditor has not signed this.
    /// @param auditor the terms' auditor
    error NotAuditor(address auditor);

    /// @notice The time to answer, or to uphold, is over.
    /// @param until last time
    /// @param time the block's time
    error TooLateToAnswer(uint48 until, uint256 time);

    /// @notice There is still time to report, to answer or to uphold.
    /// @param until last time
    /// @param time the block's time
    error TooEarlyToSettle(uint48 until, uint256 time);

    /// @notice Takes the stake from the sender's allowance. Once for each terms.
    /// @custom:not-protected A holder against terms that no plan asks for: such a stake is held until `findBy` and serves nobody.
    /// Whoever is owed the stake against tokens that lie about balances, change them later or can freeze them.
    function deposit(Terms calldata terms) external returns (StakeId stake);

    /// @notice Files the auditor's finding about drawn places; the holder may answer for `answerSeconds`. Anybody may send it.
    /// @param evidence hash of the auditor's finding document
    /// @param signature of the auditor over `Finding`
    /// @custom:not-protected The holder against an auditor that lies, beyond its right to answer and a public trace: all parties
    /// signed the plan that names this auditor. That the places were drawn: whoever has the finding draws them again.
    function report(Terms calldata terms, Fault fault, bytes32 evidence, bytes calldata signature) external;

    /// @notice Files the auditor's finding that a garbler garbled another circuit; the holder may answer for `answerSeconds`.
    /// Anybody may send it, whatever has become of the job: who is caught at it is caught before a seal. The contract sees by the
    /// garbler's own signature that it committed to these garblings, in this job, to this receiver. That one of them is
    /// another circuit's is the auditor's word: whoever has the finding makes that garbling again.
    /// @param commitment what the garbler signed
    /// @param evidence hash of the auditor's finding document, which has the certificate in it
    /// @param signature of the auditor over `GarblingFinding`
    /// @custom:not-protected The holder against an auditor that lies about garblings to which the holder did commit, beyond its right
    /// to answer and a public trace. That the plan has garblings opened: parties put up such a stake under such plans alone.
    function reportGarbling(
        Terms calldata terms,
        Commitment calldata commitment,
        bytes32 evidence,
        bytes calldata signature
    ) external;

    /// @notice The holder's answer, in time: the stake goes back unless the auditor upholds its finding.
    /// @param opening hash of what the holder hands to the auditor: its opening of places, or what it says of a certificate
    /// @custom:not-protected The auditor against an answer of which nothing more ever comes: it upholds the finding.
    function answer(Terms calldata terms, bytes32 opening) external;

    /// @notice The auditor's second word, after an answer: the stake is lost. Anybody may send it.
    /// @param evidence hash of the auditor's second document
    /// @param signature of the auditor over `Upholding`
    /// @custom:not-protected The holder against an auditor that lies twice.
    function uphold(Terms calldata terms, bytes32 evidence, bytes calldata signature) external;

    /// @notice Ends a stake whose time is over: back to its holder, or lost where a finding was not answered. Anybody may call;
    /// pays nobody by itself.
    /// @custom:not-protected An auditor that is late. Holders of stakes on garblings against waiting until `findBy`: a job that a
    /// cheat ended is unsealed too.
    function settle(Terms calldata terms) external;

    /// @notice Where a stake stands.
    /// @custom:not-protected A reader against a reorganisation.
    function stakes(StakeId stake) external view returns (Stake memory);

    /// @notice A stake's id: the EIP-712 struct hash of its terms.
    /// @custom:not-protected Readers who don't compare the terms with the job's plan.
    function stakeId(Terms calldata terms) external pure returns (StakeId);

    /// @notice What the auditor signs to report.
    /// @custom:not-protected Signers who don't check the fields.
    function hashFinding(StakeId stake, Fault fault, bytes32 evidence) external view returns (bytes32);

    /// @notice What the auditor signs to report another circuit.
    /// @param message EIP-712 struct hash of the message in which the garbler committed to it
    /// @custom:not-protected Signers who don't check the fields.
    function hashGarblingFinding(StakeId stake, bytes32 message, bytes32 evidence) external view returns (bytes32);

    /// @notice What the auditor signs to uphold.
    /// @custom:not-protected Signers who don't check the fields.
    function hashUpholding(StakeId stake, bytes32 evidence) external view returns (bytes32);

    /// @notice The ledger that says how a job ended.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function ledger() external view returns (address);
}

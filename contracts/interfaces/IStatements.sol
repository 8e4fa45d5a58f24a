// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICeremonies} from "./ICeremonies.sol";
import {IGroth16Verifier} from "./IGroth16Verifier.sol";
import {IRewardEscrow} from "./IRewardEscrow.sol";
import {JobId, KeyId, RewardId, StatementId} from "./Types.sol";

/// @title Which statements were proven here, by whom, for whom, and what is paid for them?
/// @notice A statement is about a job, by a prover, for a relying party, until a time: the proof's first public input is 253 bits of
/// that (EIP-712), so that a copied proof serves nobody else and for nothing else. The second is 253 bits of the job's id. Rewards
/// wait in an escrow of this contract's own, a second `RewardEscrow`. No owner, no proxy.
interface IStatements {
    /// @param key the verification key
    /// @param job the job that it is about
    /// @param prover for whom it is recorded and who is paid
    /// @param relyingParty for whom it is proven; zero for everybody
    /// @param until last time to record it
    /// @param inputs the circuit's public inputs from the third on
    struct Statement {
        KeyId key;
        JobId job;
        address prover;
        address relyingParty;
        uint48 until;
        uint256[] inputs;
    }

    /// @param prover for whom it was recorded
    /// @param recordedAt block time
    struct Record {
        address prover;
        uint48 recordedAt;
    }

    /// @notice What is paid for a statement of exactly these words, once. Of several who proved it in time the one is paid whose
    /// statement is released first: who proves releases at once. A public input that is a nullifier is zero here and any in the
    /// statement.
    /// @param sponsor who pays
    /// @param token in which ERC-20
    /// @param amount in the token's smallest unit
    /// @param until last time for the statement to be recorded
    struct Reward {
        address sponsor;
        address token;
        uint96 amount;
        uint48 until;
        KeyId key;
        JobId job;
        address relyingParty;
        uint256[] inputs;
    }

    /// @notice A statement was proven.
    /// @param statement its id
    /// @param job the job that it is about
    /// @param prover for whom it is recorded
    /// @param key the verification key
    /// @param relyingParty for whom it was proven; zero for everybody
    /// @param inputs the circuit's public inputs from the third on
    event StatementRecorded(
        StatementId indexed statement,
        JobId indexed job,
        address indexed prover,
        KeyId key,
        address relyingParty,
        uint256[] inputs
    );

    /// @notice A reward waits for a statement.
    /// @param reward its id
    /// @param job the job that the statement is to be about
    /// @param sponsor who pays
    /// @param terms the whole reward
    event RewardOffered(RewardId indexed reward, JobId indexed job, address indexed sponsor, Reward terms);

    /// @notice The prover of a statement is owed the reward.
    /// @param reward its id
    /// @param statement the statement's id
    /// @param prover who may claim it of the escrow
    event RewardReleased(RewardId indexed reward, StatementId indexed statement, address indexed prover);

    /// @notice Nobody proved the statement in time: the sponsor is owed the reward.
    /// @param reward its id
    event RewardReclaimed(RewardId indexed reward);

    /// @notice The escrow is settled by another contract.
    /// @param expected this contract
    /// @param found the escrow's
    error WrongEscrow(address expected, address found);

    /// @notice One person made the key, on a chain that is not a local one.
    /// @param key its id
    error TestKey(KeyId key);

    /// @notice The ceremony that the key names did not make it.
    /// @param key its id
    error NotOfItsCeremony(KeyId key);

    /// @notice The time to record the statement is over.
    /// @param until last time
    /// @param time the block's time
    error StatementExpired(uint48 until, uint256 time);

    /// @notice The statement was recorded before.
    /// @param statement its id
    error StatementKnown(StatementId statement);

    /// @notice The statement is not recorded.
    /// @param statement its id
    error StatementUnknown(StatementId statement);

    /// @notice The nullifier was used before under this key.
    /// @param key the key's id
    /// @param nullifier the input
    error NullifierUsed(KeyId key, uint256 nullifier);

    /// @notice The proof does not hold.
    error ProofRefused();

    /// @notice A reward's sponsor is the sender.
    /// @param expected the sponsor
    /// @param found the sender
    error NotSponsor(address expected, address found);

    /// @notice There is no reward of nothing.
    error NoReward();

    /// @notice The statement is not the one that the reward is for, or came too late.
    error NotTheStatement();

    /// @notice There is still time to prove the statement.
    /// @param until last time
    /// @param time the block's time
    error TooEarlyToReclaim(uint48 until, uint256 time);

    /// @notice Verifies and records a statement, once. Anybody may send it: a copied transaction does the same. Where the key names a
    /// checker, that one must say now that the statement stands.
    /// @custom:not-protected That the public inputs are what they seem: who relies on the statement checks who vouches for its
    /// commitment or root, and who made the key. That the job exists. Against a prover that hands its secret on.
    function record(Statement calldata statement, uint256[8] calldata proof) external returns (StatementId);

    /// @notice The sender puts a reward for a statement into the escrow, from its allowance. The same reward can be offered once.
    /// @custom:not-protected The sponsor against what it asks for: it says which commitment, root and bounds, exactly.
    function offerReward(Reward calldata reward) external returns (RewardId);

    /// @notice Credits the reward to the prover of a recorded statement of its words. Anybody.
    /// @custom:not-protected Two provers of the same words: the first call decides. A prover that leaves it until the sponsor reclaims.
    function releaseReward(Reward calldata reward, Statement calldata statement) external;

    /// @notice After its time returns a reward that is not released to its sponsor. Anybody.
    /// @custom:not-protected A statement recorded in time and not used yet: release it first.
    function reclaimReward(Reward calldata reward) external;

    /// @notice A recorded statement; all zero if it is not.
    /// @custom:not-protected A reader against a reorganisation.
    function records(StatementId statement) external view returns (Record memory);

    /// @notice Whether a nullifier was used under this key.
    /// @custom:not-protected A reader against a reorganisation, and across keys of the same circuit.
    function nullifierUsed(KeyId key, uint256 nullifier) external view returns (bool);

    /// @notice The id of a statement.
    /// @custom:not-protected That it is true or recorded.
    function statementId(Statement calldata statement) external view returns (StatementId);

    /// @notice All public inputs of a statement's proof: its context, its job, its own inputs.
    /// @custom:not-protected That they are field elements: the verifier refuses others.
    function publicInputs(Statement calldata statement) external view returns (uint256[] memory);

    /// @notice The id of a reward, which is its account in the escrow.
    /// @custom:not-protected That it was offered.
    function rewardId(Reward calldata reward) external view returns (RewardId);

    /// @notice Whether keys that one person made are taken: on local chains alone, by their chain id.
    /// @custom:not-protected Readers on such a chain: whoever made a key can prove anything with it.
    function takesTestKeys() external view returns (bool);

    /// @notice The verifier and its keys.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function verifier() external view returns (IGroth16Verifier);

    /// @notice Where ceremonies are recorded.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function ceremonies() external view returns (ICeremonies);

    /// @notice The escrow of these rewards.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function escrow() external view returns (IRewardEscrow);
}

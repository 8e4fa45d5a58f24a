// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditStakes} from "../../interfaces/IAuditStakes.sol";
import {JobId, StakeId} from "../../interfaces/Types.sol";
import {PlainToken} from "../mocks/Tokens.sol";
import {Base} from "./Base.sol";

/// @notice Beside what `Base` has: the stakes, and their terms for the three recorders.
abstract contract StakeBase is Base {
    uint256 internal constant AUDITOR = 0xA0D1;
    uint96 internal constant STAKE = 1000;
    uint48 internal constant FIND_BY = NOW + 1 days;
    uint32 internal constant ANSWER = 1 hours;

    IAuditStakes internal stakes;
    PlainToken internal coin;

    function setUp() public virtual override {
        super.setUp();
        stakes = IAuditStakes(vm.deployCode("AuditStakes.sol:AuditStakes", abi.encode(address(ledger))));
        coin = new PlainToken();
        for (uint256 i = 0; i < 3; ++i) {
            provision(coin, i);
        }
    }

    function provision(PlainToken in_, uint256 i) internal {
        in_.mint(relay(i), STAKE);
        vm.prank(relay(i));
        in_.approve(address(stakes), STAKE);
    }

    function termsOf(JobId job, uint32 party) internal view returns (IAuditStakes.Terms memory) {
        return IAuditStakes.Terms({
            job: job,
            party: party,
            holder: relay(party),
            auditor: vm.addr(AUDITOR),
            beneficiary: consumer(),
            token: address(coin),
            amount: STAKE,
            findBy: FIND_BY,
            answerSeconds: ANSWER,
            subject: IAuditStakes.Subject.Places
        });
    }

    function garblingTermsOf(JobId job, uint32 party) internal view returns (IAuditStakes.Terms memory t) {
        t = termsOf(job, party);
        t.subject = IAuditStakes.Subject.Garblings;
    }

    function deposited(JobId job, uint32 party) internal returns (IAuditStakes.Terms memory t) {
        t = termsOf(job, party);
        vm.prank(t.holder);
        stakes.deposit(t);
    }

    function garbling(JobId job, uint32 party) internal returns (IAuditStakes.Terms memory t) {
        t = garblingTermsOf(job, party);
        vm.prank(t.holder);
        stakes.deposit(t);
    }

    function messageHash(IAuditStakes.Terms memory t, IAuditStakes.Commitment memory c, string memory tag)
        internal
        pure
        returns (bytes32)
    {
        bytes32 kind = keccak256(
            "Message(bytes32 job,uint32 attempt,uint32 sequence,uint32 sender,uint32 receiver,string tag,bytes32 digest)"
        );
        return
            keccak256(
                abi.encode(kind, t.job, c.attempt, c.sequence, t.party, c.receiver, keccak256(bytes(tag)), c.digest)
            );
    }

    /// @dev What a holder's recorder says to the consumer in the first attempt, under a tag.
    function saidBy(uint256 key, IAuditStakes.Terms memory t, string memory tag)
        internal
        view
        returns (IAuditStakes.Commitment memory c)
    {
        c = IAuditStakes.Commitment(1, 4, 3, sha256("committed"), "");
        c.signature = sign(key, digestOf(address(ledger), "Placet Jobs", messageHash(t, c, tag)));
    }

    function committed(IAuditStakes.Terms memory t) internal view returns (IAuditStakes.Commitment memory) {
        return saidBy(0x2000 + t.party, t, "garbled.committed");
    }

    function signGarbling(uint256 key, IAuditStakes.Terms memory t, IAuditStakes.Commitment memory c)
        internal
        view
        returns (bytes memory)
    {
        bytes32 message = messageHash(t, c, "garbled.committed");
        return sign(key, stakes.hashGarblingFinding(stakes.stakeId(t), message, "evidence"));
    }

    function reportGarbling(IAuditStakes.Terms memory t, uint256 key) internal {
        IAuditStakes.Commitment memory c = committed(t);
        stakes.reportGarbling(t, c, "evidence", signGarbling(key, t, c));
    }

    function report(IAuditStakes.Terms memory t, IAuditStakes.Fault fault, uint256 key) internal {
        bytes32 digest = stakes.hashFinding(stakes.stakeId(t), fault, "evidence");
        stakes.report(t, fault, "evidence", sign(key, digest));
    }

    function uphold(IAuditStakes.Terms memory t, uint256 key) internal {
        bytes32 digest = stakes.hashUpholding(stakes.stakeId(t), "more");
        stakes.uphold(t, "more", sign(key, digest));
    }

    function answer(IAuditStakes.Terms memory t) internal {
        vm.prank(t.holder);
        stakes.answer(t, "opening");
    }

    function statusOf(IAuditStakes.Terms memory t) internal view returns (IAuditStakes.Status) {
        return stakes.stakes(stakes.stakeId(t)).status;
    }

    function assertStake(IAuditStakes.Terms memory t, IAuditStakes.Status expected) internal view {
        vm.assertEq(uint256(statusOf(t)), uint256(expected));
    }

    function wrongStatus(IAuditStakes.Terms memory t, IAuditStakes.Status found) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IAuditStakes.WrongStakeStatus.selector, stakes.stakeId(t), found);
    }
}

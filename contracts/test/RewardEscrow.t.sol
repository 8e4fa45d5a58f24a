// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IClaims} from "../interfaces/IClaims.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {IRewardEscrow} from "../interfaces/IRewardEscrow.sol";
import {Base} from "./helpers/Base.sol";
import {CallbackToken, FalseToken, FeeToken, LyingToken, PlainToken, TaxToken} from "./mocks/Tokens.sol";
import {JobId} from "../interfaces/Types.sol";

contract RewardEscrowTest is Base {
    uint256 private constant TOTAL = 100 + 101 + 102;

    function planIn(PlainToken t, uint256 salt) private returns (IJobLedger.Plan memory plan) {
        plan = planOf(salt);
        plan.token = address(t);
        t.mint(consumer(), TOTAL);
        vm.prank(consumer());
        t.approve(address(escrow), TOTAL);
    }

    function finish(IJobLedger.Plan memory plan) private returns (JobId job) {
        job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        seal(plan, sealOf(job, 1));
        for (uint32 i = 0; i < 3; ++i) {
            ledger.release(job, i, releaseKey(i));
        }
    }

    function payee(uint256 i) private pure returns (address) {
        return address(uint160(0x9000 + i));
    }

    function test_only_the_ledger() public {
        bytes memory expected = abi.encodeWithSelector(IRewardEscrow.NotLedger.selector, address(ledger), address(this));
        vm.expectRevert(expected);
        escrow.fund(JobId.wrap("job"), address(token), consumer(), 1);
        vm.expectRevert(expected);
        escrow.settle(JobId.wrap("job"), new address[](0), new uint96[](0));
    }

    function test_one_account_a_job_settled_once() public {
        JobId job = finish(planOf(1));
        IRewardEscrow.Account memory a = escrow.accounts(job);
        vm.assertTrue(a.token == address(token) && a.funded == TOTAL && a.left == 0 && a.sponsor == consumer());
        vm.expectRevert(abi.encodeWithSelector(IRewardEscrow.AccountExists.selector, job));
        vm.prank(address(ledger));
        escrow.fund(job, address(token), consumer(), 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardEscrow.NothingHeld.selector, job));
        vm.prank(address(ledger));
        escrow.settle(job, new address[](0), new uint96[](0));
    }

    function test_credits_never_exceed_the_account() public {
        JobId job = open(planOf(1));
        open(planOf(2));
        address[] memory payees = new address[](1);
        uint96[] memory amounts = new uint96[](1);
        amounts[0] = uint96(TOTAL + 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardEscrow.CreditExceedsAccount.selector, job, TOTAL, TOTAL + 1));
        vm.prank(address(ledger));
        escrow.settle(job, payees, amounts);
    }

    function test_claim_pays_each_what_it_is_owed_and_only_once() public {
        finish(planOf(1));
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(escrow.owed(address(token), payee(i)), 100 + i);
            vm.prank(payee(i));
            vm.assertEq(escrow.claim(address(token)), 100 + i);
            vm.assertEq(token.balanceOf(payee(i)), 100 + i);
            vm.expectRevert(abi.encodeWithSelector(IClaims.NothingOwed.selector, address(token), payee(i)));
            vm.prank(payee(i));
            escrow.claim(address(token));
        }
        vm.assertEq(token.balanceOf(address(escrow)), 0);
    }

    function test_claimFor_pays_the_payee_and_nobody_else() public {
        finish(planOf(1));
        vm.prank(vm.addr(STRANGER));
        escrow.claimFor(address(token), payee(1));
        vm.assertEq(token.balanceOf(payee(1)), 101);
        vm.assertEq(token.balanceOf(vm.addr(STRANGER)), 0);
    }

    // -------------------------------------------------------------- hostile tokens

    function openRefused(IJobLedger.Plan memory plan, bytes memory expected) private {
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, 5);
        vm.expectRevert(expected);
        ledger.open(plan, signatures);
        assertStatus(job, IJobLedger.JobStatus.None);
    }

    function test_fee_on_transfer_is_refused() public {
        FeeToken t = new FeeToken();
        openRefused(
            planIn(t, 1), abi.encodeWithSelector(IClaims.UnexpectedAmount.selector, address(t), TOTAL, TOTAL - 1)
        );
    }

    function test_lying_token_is_refused() public {
        LyingToken t = new LyingToken();
        IJobLedger.Plan memory plan = planOf(1);
        plan.token = address(t);
        openRefused(plan, abi.encodeWithSelector(IClaims.UnexpectedAmount.selector, address(t), TOTAL, 0));
    }

    function test_token_that_answers_false_is_refused() public {
        FalseToken t = new FalseToken();
        openRefused(planIn(t, 1), abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(t)));
    }

    function test_token_without_code_is_refused() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.token = address(0x1234);
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, 5);
        vm.expectRevert();
        ledger.open(plan, signatures);
    }

    function test_sponsor_without_allowance_or_funds() public {
        PlainToken t = new PlainToken();
        IJobLedger.Plan memory plan = planIn(t, 1);
        vm.prank(consumer());
        t.approve(address(escrow), TOTAL - 1);
        bytes[] memory signatures = signAll(ledger.hashPlan(plan), 5);
        vm.expectRevert();
        ledger.open(plan, signatures);
    }

    /// @dev A token that takes more from the escrow than the payee gets would take it from the other payees.
    function test_token_that_taxes_the_escrow_cannot_pay_out() public {
        TaxToken t = new TaxToken();
        finish(planIn(t, 1));
        t.tax(address(escrow));
        vm.expectRevert(abi.encodeWithSelector(IClaims.UnexpectedAmount.selector, address(t), 100, 101));
        escrow.claimFor(address(t), payee(0));
        t.tax(address(0));
        escrow.claimFor(address(t), payee(0));
    }

    function reenter(bytes memory data, address target) private returns (CallbackToken t, JobId job) {
        t = new CallbackToken();
        IJobLedger.Plan memory plan = planIn(t, 1);
        t.arm(target, data);
        job = open(plan);
        vm.assertTrue(t.called() && !t.succeeded());
        assertStatus(job, IJobLedger.JobStatus.Open);
        vm.assertEq(escrow.accounts(job).left, TOTAL);
    }

    function test_token_that_opens_again_while_it_is_pulled() public {
        IJobLedger.Plan memory other = planOf(2);
        bytes[] memory signatures = signAll(ledger.hashPlan(other), 5);
        reenter(abi.encodeCall(ledger.open, (other, signatures)), address(ledger));
        assertStatus(ledger.hashPlan(other), IJobLedger.JobStatus.None);
    }

    function test_token_that_claims_while_it_is_pulled() public {
        finish(planOf(2));
        reenter(abi.encodeCall(escrow.claimFor, (address(token), payee(0))), address(escrow));
        vm.assertEq(escrow.owed(address(token), payee(0)), 100);
    }

    /// @dev As the recorder of a party the token could abort: the escrow is still busy, so that nothing happens.
    function test_token_that_aborts_while_it_is_pulled() public {
        CallbackToken t = new CallbackToken();
        IJobLedger.Plan memory plan = planIn(t, 1);
        plan.parties[0].recorder = address(t);
        JobId job = ledger.hashPlan(plan);
        t.arm(address(ledger), abi.encodeCall(ledger.abort, (job, "now")));
        open(plan);
        vm.assertTrue(t.called() && !t.succeeded());
        assertStatus(job, IJobLedger.JobStatus.Open);
    }

    function test_token_that_claims_while_it_pays() public {
        CallbackToken t = new CallbackToken();
        finish(planIn(t, 1));
        t.arm(address(escrow), abi.encodeCall(escrow.claimFor, (address(t), payee(0))));
        escrow.claimFor(address(t), payee(0));
        vm.assertTrue(t.called() && !t.succeeded());
        vm.assertEq(t.balanceOf(payee(0)), 100);
        vm.assertEq(t.balanceOf(address(escrow)), TOTAL - 100);
    }
}

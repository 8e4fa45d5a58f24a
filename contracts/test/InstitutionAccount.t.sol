// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InstitutionAccount} from "../InstitutionAccount.sol";
import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {IInstitutionAccount} from "../interfaces/IInstitutionAccount.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {DatasetId, JobId} from "../interfaces/Types.sol";
import {Base} from "./helpers/Base.sol";

/// @notice An institution whose key is lost or stolen, and replaced: what goes on, and what the thief can't do.
contract InstitutionAccountTest is Base {
    uint256 private constant OLD = 71;
    uint256 private constant NEW = 72;
    address private constant RECOVERY = address(0x5EC);
    InstitutionAccount private account;

    function setUp() public override {
        super.setUp();
        account = new InstitutionAccount(vm.addr(OLD), RECOVERY);
    }

    function plan() private view returns (IJobLedger.Plan memory p) {
        p = planOf(1);
        p.parties[1].signer = wallet(address(account));
        p.parties[1].inputs = new IConsentRegistry.Input[](0);
    }

    function signed(bytes32 digest, uint256 count, uint256 key) private pure returns (bytes[] memory signatures) {
        signatures = signAll(digest, count);
        signatures[1] = sign(key, digest);
    }

    function roll() private {
        vm.prank(RECOVERY);
        account.rollSigner(vm.addr(NEW));
    }

    function test_a_plan_of_the_old_key_opens_no_more() public {
        IJobLedger.Plan memory p = plan();
        bytes32 id = JobId.unwrap(ledger.hashPlan(p));
        roll();
        bytes[] memory stolen = signed(id, 5, OLD);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 1));
        ledger.open(p, stolen);
        ledger.open(p, signed(id, 5, NEW));
    }

    function test_a_job_of_before_is_sealed_by_the_new_key() public {
        IJobLedger.Plan memory p = plan();
        JobId job = ledger.open(p, signed(JobId.unwrap(ledger.hashPlan(p)), 5, OLD));
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        roll();
        IJobLedger.SealData memory data = sealOf(job, 1);
        data.epochs = new bytes24[](2);
        (data.epochs[0], data.epochs[1]) = (epochOf(0), epochOf(2));
        bytes32 digest = ledger.hashSeal(job, data);
        bytes[] memory stolen = signed(digest, 4, OLD);
        bytes32[][] memory none = new bytes32[][](3);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 1));
        ledger.seal(p, data, none, stolen);
        ledger.seal(p, data, none, signed(digest, 4, NEW));
        assertStatus(job, IJobLedger.JobStatus.Sealed);
    }

    function test_datasets_and_offers_stay_the_accounts() public {
        bytes memory register = abi.encodeCall(
            IDatasetRegistry.register, (DatasetId.wrap(keccak256("own")), IDatasetRegistry.Subjects.Persons, 0, 0, 0)
        );
        vm.prank(vm.addr(OLD));
        account.execute(address(datasets), register);
        vm.assertEq(datasets.datasets(DatasetId.wrap(keccak256("own"))).provider, address(account));
        roll();
        bytes memory appoint = abi.encodeCall(IConsentRegistry.appoint, (relay(0), true));
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.NotSigner.selector, vm.addr(NEW), vm.addr(OLD)));
        vm.prank(vm.addr(OLD));
        account.execute(address(registry), appoint);
        vm.prank(vm.addr(NEW));
        account.execute(address(registry), appoint);
        vm.assertTrue(registry.isRelay(address(account), relay(0)));
    }

    function test_reverts_as_the_contract_does() public {
        bytes memory again = abi.encodeCall(
            IDatasetRegistry.register, (DatasetId.wrap(keccak256("own")), IDatasetRegistry.Subjects.Unknown, 0, 0, 0)
        );
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.SubjectsUnknown.selector, DatasetId.wrap(keccak256("own")))
        );
        vm.prank(vm.addr(OLD));
        account.execute(address(datasets), again);
    }

    function testFuzz_nobody_else_replaces_the_key(address thief) public {
        if (thief == RECOVERY) return;
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.NotRecovery.selector, RECOVERY, thief));
        vm.prank(thief);
        account.rollSigner(thief);
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.NotRecovery.selector, RECOVERY, thief));
        vm.prank(thief);
        account.rollRecovery(thief);
    }

    function test_the_recovery_hands_itself_on() public {
        vm.prank(RECOVERY);
        account.rollRecovery(address(0x5ED));
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.NotRecovery.selector, address(0x5ED), RECOVERY));
        vm.prank(RECOVERY);
        account.rollSigner(vm.addr(NEW));
        vm.prank(address(0x5ED));
        account.rollSigner(vm.addr(NEW));
        vm.assertEq(account.signer(), vm.addr(NEW));
    }

    function test_unfit_accounts() public {
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.UnfitAccount.selector, address(0)));
        new InstitutionAccount(address(0), RECOVERY);
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.UnfitAccount.selector, address(0)));
        new InstitutionAccount(vm.addr(OLD), address(0));
        vm.expectRevert(abi.encodeWithSelector(IInstitutionAccount.UnfitAccount.selector, RECOVERY));
        vm.prank(RECOVERY);
        account.rollSigner(RECOVERY);
    }
}

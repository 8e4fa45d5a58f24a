// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {Base} from "./helpers/Base.sol";
import {DatasetId, JobId} from "../interfaces/Types.sol";

contract DatasetRegistryTest is Base {
    DatasetId private constant NEW = DatasetId.wrap("new");
    DatasetId private constant UNKNOWN = DatasetId.wrap("unknown");
    JobId private constant JOB = JobId.wrap("job");

    DatasetId private dataset;

    function setUp() public override {
        super.setUp();
        dataset = terms[0].dataset;
    }

    function test_registered_once_and_for_ever() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetExists.selector, dataset, provider(0)));
        datasets.register(dataset, IDatasetRegistry.Subjects.Own, 0, 0, 0);
        vm.assertEq(datasets.datasets(dataset).provider, provider(0));
    }

    function test_its_own_provider_cannot_say_anew_whom_the_rows_are_about() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetExists.selector, dataset, provider(0)));
        vm.prank(provider(0));
        datasets.register(dataset, IDatasetRegistry.Subjects.Own, 0, 0, 0);
        assertSubjects(dataset, IDatasetRegistry.Subjects.Persons);
    }

    function test_whom_the_rows_are_about_is_said_at_the_registration() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.SubjectsUnknown.selector, NEW));
        datasets.register(NEW, IDatasetRegistry.Subjects.Unknown, 0, 0, 0);
        assertSubjects(NEW, IDatasetRegistry.Subjects.Unknown);

        vm.expectEmit(true, true, true, true);
        emit IDatasetRegistry.DatasetRegistered(
            NEW, address(this), IDatasetRegistry.Subjects.Own, "schema", "commitment", 7
        );
        datasets.register(NEW, IDatasetRegistry.Subjects.Own, "schema", "commitment", 7);
        assertSubjects(NEW, IDatasetRegistry.Subjects.Own);
    }

    function test_subjects_that_do_not_exist_are_refused() public {
        bytes memory data = abi.encodeWithSelector(IDatasetRegistry.register.selector, NEW, 4, 0, 0, 0);
        (bool done,) = address(datasets).call(data);
        vm.assertFalse(done);
        assertSubjects(NEW, IDatasetRegistry.Subjects.Unknown);
    }

    /// @dev The entry is read on after every write: no field shares its bits with another one.
    function testFuzz_an_entry_keeps_what_was_registered(bool own, uint64 budget, uint64 spent, bytes32 hash) public {
        IDatasetRegistry.Subjects subjects = own ? IDatasetRegistry.Subjects.Own : IDatasetRegistry.Subjects.Persons;
        datasets.register(NEW, subjects, hash, hash, budget);
        spent = budget == type(uint64).max ? spent : spent % (budget + 1);
        spend(NEW, spent);
        datasets.commit(NEW, ~hash);
        IDatasetRegistry.Dataset memory entry = datasets.datasets(NEW);
        assertSubjects(NEW, subjects);
        vm.assertEq(entry.provider, address(this));
        vm.assertEq(entry.budget, budget);
        vm.assertEq(entry.spent, spent);
        vm.assertEq(entry.schema, hash);
        vm.assertEq(entry.commitment, ~hash);
        vm.assertEq(JobId.unwrap(entry.origin), 0);
    }

    function test_a_model_names_its_origin_and_says_so() public {
        vm.expectEmit(true, true, true, true);
        emit IDatasetRegistry.DatasetRegistered(
            NEW, address(this), IDatasetRegistry.Subjects.Model, "schema", "commitment", 7
        );
        vm.expectEmit(true, true, true, true);
        emit IDatasetRegistry.ModelRegistered(NEW, JOB, address(this), "commitment", "card");
        datasets.registerModel(NEW, JOB, "schema", "commitment", "card", 7);
        assertSubjects(NEW, IDatasetRegistry.Subjects.Model);
        IDatasetRegistry.Dataset memory entry = datasets.datasets(NEW);
        vm.assertEq(JobId.unwrap(entry.origin), JobId.unwrap(JOB));
        vm.assertEq(entry.commitment, "commitment");
        vm.assertTrue(entry.provider == address(this) && entry.budget == 7 && entry.spent == 0);
        spend(NEW, 7);
        vm.assertEq(datasets.datasets(NEW).spent, 7);
    }

    function test_a_model_without_origin_commitment_or_card_is_refused() public {
        bytes memory missing = abi.encodeWithSelector(IDatasetRegistry.OriginMissing.selector, NEW);
        vm.expectRevert(missing);
        datasets.register(NEW, IDatasetRegistry.Subjects.Model, 0, "commitment", 0);
        vm.expectRevert(missing);
        datasets.registerModel(NEW, JobId.wrap(0), 0, "commitment", "card", 0);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.ModelCommitmentMissing.selector, NEW));
        datasets.registerModel(NEW, JOB, 0, 0, "card", 0);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.ModelCardMissing.selector, NEW));
        datasets.registerModel(NEW, JOB, 0, "commitment", 0, 0);
        assertSubjects(NEW, IDatasetRegistry.Subjects.Unknown);
    }

    function test_a_model_is_registered_once_and_never_over_rows() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetExists.selector, dataset, provider(0)));
        vm.prank(provider(0));
        datasets.registerModel(dataset, JOB, 0, "commitment", "card", 0);
        datasets.registerModel(NEW, JOB, 0, "commitment", "card", 0);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetExists.selector, NEW, address(this)));
        datasets.registerModel(NEW, JobId.wrap("other job"), 0, "other", "card", 0);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetExists.selector, NEW, address(this)));
        datasets.register(NEW, IDatasetRegistry.Subjects.Own, 0, 0, 0);
    }

    function test_a_models_commitment_is_for_ever() public {
        datasets.registerModel(NEW, JOB, 0, "commitment", "card", 0);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.ModelIsFixed.selector, NEW));
        datasets.commit(NEW, "other");
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.ModelIsFixed.selector, NEW));
        datasets.commit(NEW, "commitment");
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.NotProvider.selector, NEW, address(this), vm.addr(STRANGER))
        );
        vm.prank(vm.addr(STRANGER));
        datasets.commit(NEW, "other");
    }

    /// @dev A model's fields share no bits either.
    function testFuzz_a_models_entry_keeps_what_was_registered(bytes32 origin, uint64 budget, bytes32 hash) public {
        if (origin == 0 || hash == 0) return;
        datasets.registerModel(NEW, JobId.wrap(origin), ~hash, hash, hash, budget);
        spend(NEW, budget);
        IDatasetRegistry.Dataset memory entry = datasets.datasets(NEW);
        assertSubjects(NEW, IDatasetRegistry.Subjects.Model);
        vm.assertTrue(entry.provider == address(this) && entry.budget == budget && entry.spent == budget);
        vm.assertTrue(entry.schema == ~hash && entry.commitment == hash && JobId.unwrap(entry.origin) == origin);
    }

    function assertSubjects(DatasetId id, IDatasetRegistry.Subjects expected) private view {
        vm.assertEq(uint256(datasets.datasets(id).subjects), uint256(expected));
    }

    function test_only_the_provider_commits() public {
        bytes memory expected =
            abi.encodeWithSelector(IDatasetRegistry.NotProvider.selector, dataset, provider(0), address(this));
        vm.expectRevert(expected);
        datasets.commit(dataset, "new");
    }

    function test_only_the_consent_registry_spends_and_refunds() public {
        bytes memory expected =
            abi.encodeWithSelector(IDatasetRegistry.NotConsents.selector, address(registry), provider(0));
        vm.expectRevert(expected);
        vm.prank(provider(0));
        datasets.spend(dataset, offers[0], JOB, 1);
        vm.expectRevert(expected);
        vm.prank(provider(0));
        datasets.refund(dataset, offers[0], JOB, 0);
    }

    function spend(DatasetId id, uint64 amount) private {
        vm.prank(address(registry));
        datasets.spend(id, offers[0], JOB, amount);
    }

    function test_unknown_dataset_has_no_provider() public {
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.NotProvider.selector, UNKNOWN, address(0), address(this))
        );
        datasets.commit(UNKNOWN, "new");
    }

    function test_commit_replaces() public {
        vm.prank(provider(0));
        datasets.commit(dataset, "new");
        vm.assertEq(datasets.datasets(dataset).commitment, bytes32("new"));
    }

    function testFuzz_budget_is_never_exceeded(uint64 first, uint64 second) public {
        uint64 budget = datasets.datasets(dataset).budget;
        uint64 left = budget;
        for (uint256 i = 0; i < 2; ++i) {
            uint64 amount = i == 0 ? first % (budget + 2) : second;
            vm.prank(address(registry));
            if (amount > left) {
                vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.BudgetExceeded.selector, dataset, left, amount));
            } else {
                left -= amount;
            }
            datasets.spend(dataset, offers[0], JOB, amount);
            vm.assertEq(datasets.datasets(dataset).spent, budget - left);
        }
        vm.prank(address(registry));
        datasets.refund(dataset, offers[0], JOB, budget - left);
        vm.assertEq(datasets.datasets(dataset).spent, 0);
    }
}

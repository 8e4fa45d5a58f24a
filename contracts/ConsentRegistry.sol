// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {IDatasetRegistry} from "./interfaces/IDatasetRegistry.sol";
import {ConsentHash} from "./libraries/ConsentHash.sol";
import {Signers} from "./libraries/Signers.sol";
import {ConsentSlot, OfferSlot, Slots} from "./libraries/Slots.sol";
import {BatchRoot, ConsentId, DatasetId, JobId, OfferId} from "./interfaces/Types.sol";

/// @title May this consumer use it, for this purpose, with this operation, now?
contract ConsentRegistry is IConsentRegistry, EIP712, Signers {
    struct OfferRecord {
        address provider;
        uint32 index;
        uint32 operations;
        address consumer;
        uint64 budget;
        bytes32 purpose;
        DatasetId dataset;
        bytes32 scope;
        OfferSlot state;
        bytes24 unproven;
        uint64 spent;
    }

    /// @inheritdoc IConsentRegistry
    IDatasetRegistry public immutable datasets;
    /// @inheritdoc IConsentRegistry
    address public immutable ledger;
    /// @inheritdoc IConsentRegistry
    mapping(address provider => mapping(address relay => bool allowed)) public isRelay;
    /// @inheritdoc IConsentRegistry
    mapping(OfferId offerId => mapping(BatchRoot root => uint48 anchoredAt)) public batches;

    uint32 private _offerCount;
    mapping(OfferId offerId => OfferRecord) private _offers;
    mapping(ConsentId consent => ConsentSlot) private _consents;

    constructor(IDatasetRegistry datasets_, address ledger_, address[] memory verifiers)
        EIP712("Placet Consent", "1")
        Signers(verifiers)
    {
        datasets = datasets_;
        ledger = ledger_;
    }

    // ------------------------------------------------------------------ provider

    /// @inheritdoc IConsentRegistry
    function offer(Offer calldata terms) external returns (OfferId id) {
        address provider = datasets.datasets(terms.dataset).provider;
        if (provider != msg.sender) revert NotDatasetProvider(terms.dataset, provider, msg.sender);
        id = ConsentHash.hash(terms);
        if (terms.operations == 0) revert OfferWithoutOperations(id);
        OfferRecord storage o = _offers[id];
        if (o.index != 0) revert OfferExists(id);
        o.provider = msg.sender;
        o.index = ++_offerCount;
        o.operations = terms.operations;
        o.consumer = terms.consumer;
        o.budget = terms.budget;
        o.purpose = terms.purpose;
        o.dataset = terms.dataset;
        o.scope = terms.scope;
        emit OfferMade(id, msg.sender, terms);
    }

    /// @inheritdoc IConsentRegistry
    function appoint(address relay, bool allowed) external {
        isRelay[msg.sender][relay] = allowed;
        emit RelayAppointed(msg.sender, relay, allowed);
    }

    /// @inheritdoc IConsentRegistry
    function anchor(OfferId id, BatchRoot root) external {
        if (!_actsForProvider(_known(id))) revert NotProviderOrRelay(id, _offers[id].provider, msg.sender);
        if (root.isZero()) revert EmptyBatch(id);
        uint48 anchoredAt = batches[id][root];
        if (anchoredAt != 0) revert BatchExists(id, root, anchoredAt);
        batches[id][root] = uint48(block.timestamp);
        emit BatchAnchored(id, root);
    }

    /// @inheritdoc IConsentRegistry
    function revoke(Grant calldata g, bytes32 reason) external {
        ConsentId consent = ConsentHash.hash(g);
        _revoke(g, consent, _notEnded(consent), reason, false);
    }

    /// @inheritdoc IConsentRegistry
    function revokeBatched(Grant calldata g, bytes32 reason, BatchRoot batch, bytes32[] calldata proof) external {
        ConsentId consent = ConsentHash.hash(g);
        ConsentSlot slot = _consents[consent];
        _requireInBatch(g.offer, consent, batch, proof);
        if (slot.ended()) _prove(g.offer, consent, slot, batch);
        else _revoke(g, consent, slot, reason, true);
    }

    /// @inheritdoc IConsentRegistry
    function revokeMany(Grant[] calldata grants, bytes32 reason, BatchProof[] calldata proofs)
        external
        returns (uint256 ended)
    {
        _requireLength(grants.length, proofs.length);
        for (uint256 i = 0; i < grants.length; ++i) {
            Grant calldata g = grants[i];
            ConsentId consent = ConsentHash.hash(g);
            ConsentSlot slot = _consents[consent];
            if (_nothingLeft(slot, proofs[i])) continue;
            bool inBatch = _isInBatch(g.offer, consent, proofs[i]);
            if (slot.ended()) _prove(g.offer, consent, slot, proofs[i].batch);
            else _revoke(g, consent, slot, reason, inBatch);
            ++ended;
        }
    }

    /// @inheritdoc IConsentRegistry
    function anchorErasure(OfferId id, ConsentId consent, bytes32 receipt) external {
        OfferRecord storage o = _known(id);
        if (!_actsForProvider(o)) revert NotProviderOrRelay(id, o.provider, msg.sender);
        ConsentSlot slot = _consents[consent];
        if (!slot.ended()) revert ConsentNotEnded(consent, slot.status());
        if (slot.offerIndex() != o.index) revert ConsentToAnotherOffer(consent, id);
        emit ErasureAnchored(id, consent, receipt);
    }

    // --------------------------------------------------------------------- owner

    /// @inheritdoc IConsentRegistry
    function grant(Grant calldata g, bytes calldata signature) external returns (ConsentId consent) {
        consent = ConsentHash.hash(g);
        Status status = _consents[consent].status();
        if (status != Status.None) revert ConsentExists(consent, status);
        _grant(g, consent, signature);
    }

    /// @inheritdoc IConsentRegistry
    function grantMany(Grant[] calldata grants, bytes[] calldata signatures) external returns (uint256 granted) {
        _requireLength(grants.length, signatures.length);
        for (uint256 i = 0; i < grants.length; ++i) {
            ConsentId consent = ConsentHash.hash(grants[i]);
            if (_consents[consent].status() != Status.None) continue;
            _grant(grants[i], consent, signatures[i]);
            ++granted;
        }
    }

    /// @inheritdoc IConsentRegistry
    function withdraw(Grant calldata g, bytes calldata signature) external {
        ConsentId consent = ConsentHash.hash(g);
        _withdraw(g, consent, _notEnded(consent), signature, false);
    }

    /// @inheritdoc IConsentRegistry
    function withdrawBatched(Grant calldata g, bytes calldata signature, BatchRoot batch, bytes32[] calldata proof)
        external
    {
        ConsentId consent = ConsentHash.hash(g);
        ConsentSlot slot = _consents[consent];
        _requireInBatch(g.offer, consent, batch, proof);
        if (slot.ended()) _prove(g.offer, consent, slot, batch);
        else _withdraw(g, consent, slot, signature, true);
    }

    /// @inheritdoc IConsentRegistry
    function withdrawMany(Grant[] calldata grants, bytes[] calldata signatures, BatchProof[] calldata proofs)
        external
        returns (uint256 ended)
    {
        _requireLength(grants.length, signatures.length);
        _requireLength(grants.length, proofs.length);
        for (uint256 i = 0; i < grants.length; ++i) {
            Grant calldata g = grants[i];
            ConsentId consent = ConsentHash.hash(g);
            ConsentSlot slot = _consents[consent];
            if (_nothingLeft(slot, proofs[i])) continue;
            bool inBatch = _isInBatch(g.offer, consent, proofs[i]);
            if (slot.ended()) _prove(g.offer, consent, slot, proofs[i].batch);
            else _withdraw(g, consent, slot, signatures[i], inBatch);
            ++ended;
        }
    }

    /// @inheritdoc IConsentRegistry
    function prove(ConsentId consent, OfferId id, BatchRoot batch, bytes32[] calldata proof) external {
        _requireInBatch(id, consent, batch, proof);
        _prove(id, consent, _consents[consent], batch);
    }

    // -------------------------------------------------------------------- ledger

    /// @inheritdoc IConsentRegistry
    // slither-disable-next-line reentrancy-no-eth
    function useOpening(
        JobId job,
        address provider,
        address consumer,
        bytes32 purpose,
        uint32 operations,
        uint48 until,
        Input[] calldata inputs
    ) external returns (uint32[] memory openings) {
        if (msg.sender != ledger) revert NotLedger(ledger, msg.sender);
        openings = new uint32[](inputs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            Input calldata input = inputs[i];
            OfferId id = input.offer;
            for (uint256 j = 0; j < i; ++j) {
                if (inputs[j].offer == id) revert DuplicateOffer(id);
            }
            if (input.consent.isNone() == (input.lawfulRoot == 0)) {
                revert AmbiguousInput(id, input.consent, input.lawfulRoot);
            }

            OfferRecord storage o = _known(id);
            if (o.provider != provider) revert WrongProvider(id, o.provider, provider);
            Reason reason = _judgeUse(o, consumer, purpose, operations);
            if (reason != Reason.Ok) revert OfferRefused(id, reason);

            openings[i] = _takeOpening(o, input, until);
            if (input.budget != 0) _spend(job, o, input);
        }
    }

    /// @inheritdoc IConsentRegistry
    // slither-disable-next-line reentrancy-no-eth
    function refund(JobId job, Input[] calldata inputs) external {
        if (msg.sender != ledger) revert NotLedger(ledger, msg.sender);
        for (uint256 i = 0; i < inputs.length; ++i) {
            uint64 amount = inputs[i].budget;
            if (amount == 0) continue;
            OfferRecord storage o = _offers[inputs[i].offer];
            o.spent -= amount;
            datasets.refund(o.dataset, inputs[i].offer, job, amount);
        }
    }

    // --------------------------------------------------------------------- views

    /// @inheritdoc IConsentRegistry
    function requireLive(Input[] calldata inputs, bytes24[] calldata epochs) external view {
        _requireLength(inputs.length, epochs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            Input calldata input = inputs[i];
            bytes24 epoch = _offers[input.offer].state.epoch();
            if (epoch != epochs[i]) revert EpochChanged(input.offer, epochs[i], epoch);
            if (input.consent.isNone()) continue;
            Status status = _consents[input.consent].status();
            if (status == Status.Withdrawn) revert ConsentRefused(input.consent, Reason.Withdrawn);
            if (status == Status.Revoked) revert ConsentRefused(input.consent, Reason.Revoked);
        }
    }

    /// @inheritdoc IConsentRegistry
    function check(
        ConsentId consent,
        OfferId id,
        address consumer,
        bytes32 purpose,
        uint32 operations,
        uint48 from,
        uint48 until,
        uint32 opening
    ) external view returns (Reason) {
        OfferRecord storage o = _offers[id];
        if (o.index == 0) return Reason.UnknownOffer;
        Reason reason = _judgeConsent(o, consent, from, until, opening);
        return reason == Reason.Ok ? _judgeUse(o, consumer, purpose, operations) : reason;
    }

    /// @inheritdoc IConsentRegistry
    function statusOf(ConsentId consent) external view returns (ConsentState memory) {
        return _consents[consent].unpack();
    }

    /// @inheritdoc IConsentRegistry
    function isDead(ConsentId consent) external view returns (bool) {
        return _consents[consent].ended();
    }

    /// @inheritdoc IConsentRegistry
    function offers(OfferId id)
        external
        view
        returns (Offer memory terms, address provider, bytes24 epoch, uint32 openings, bytes24 unproven, uint64 spent)
    {
        OfferRecord storage o = _offers[id];
        terms = Offer(o.dataset, o.consumer, o.purpose, o.operations, o.scope, o.budget);
        return (terms, o.provider, o.state.epoch(), o.state.openings(), o.unproven, o.spent);
    }

    /// @inheritdoc IConsentRegistry
    function offerId(Offer calldata terms) external pure returns (OfferId) {
        return ConsentHash.hash(terms);
    }

    /// @inheritdoc IConsentRegistry
    function consentId(Grant calldata g) external pure returns (ConsentId) {
        return ConsentHash.hash(g);
    }

    /// @inheritdoc IConsentRegistry
    function hashConsent(ConsentId consent) external view returns (bytes32 digest) {
        return _hashTypedDataV4(ConsentId.unwrap(consent));
    }

    /// @inheritdoc IConsentRegistry
    function hashWithdrawal(ConsentId consent) public view returns (bytes32 digest) {
        return _hashTypedDataV4(ConsentHash.withdrawal(consent));
    }

    // ------------------------------------------------------------------- changes

    /// @dev The caller has seen that the consent's status is None.
    function _grant(Grant calldata g, ConsentId consent, bytes calldata signature) private {
        (uint48 notBefore, uint48 notAfter) = (g.notBefore, g.notAfter);
        (uint32 firstOpening, uint32 uses) = (g.firstOpening, g.uses);
        if (notBefore > notAfter) revert TimesOutOfOrder(notBefore, notAfter);
        if (notAfter < block.timestamp) revert AlreadyExpired(consent, notAfter, block.timestamp);
        if (uses == 0) revert NoUses(consent);
        OfferRecord storage o = _known(g.offer);
        ConsentSlot slot = Slots.given(o.index, notBefore, notAfter, firstOpening, uses);
        bool proven = _actsForProvider(o);
        if (!_hasSigned(g.owner, _hashTypedDataV4(ConsentId.unwrap(consent)), signature)) {
            revert InvalidSignature(consent);
        }
        _consents[consent] = proven ? slot.asProven() : slot;
        emit ConsentGiven(consent, g.offer, notBefore, notAfter, firstOpening, uses, proven);
    }

    /// @param slot the consent's, not ended
    function _withdraw(Grant calldata g, ConsentId consent, ConsentSlot slot, bytes calldata signature, bool inBatch)
        private
    {
        if (!_hasSigned(g.owner, hashWithdrawal(consent), signature)) revert InvalidSignature(consent);
        (bool proven, bytes24 head) = _end(g, consent, slot, Status.Withdrawn, inBatch);
        emit ConsentWithdrawn(g.offer, consent, proven, head);
    }

    /// @param slot the consent's, not ended
    function _revoke(Grant calldata g, ConsentId consent, ConsentSlot slot, bytes32 reason, bool inBatch) private {
        OfferRecord storage o = _known(g.offer);
        if (!_actsForProvider(o)) revert NotProviderOrRelay(g.offer, o.provider, msg.sender);
        // Here the provider itself acts, so that a given consent counts whoever sent the grant.
        bool counts = inBatch || slot.status() == Status.Given;
        (bool proven, bytes24 head) = _end(g, consent, slot, Status.Revoked, counts);
        emit ConsentRevoked(g.offer, consent, proven, head, reason);
    }

    /// @dev Ends a consent and appends it to its offer's list of proven ends, whose head is the epoch, or to that of unproven
    /// ones. From here `proven` says whether it stands in the epoch.
    function _end(Grant calldata g, ConsentId consent, ConsentSlot slot, Status how, bool acknowledged)
        private
        returns (bool proven, bytes24 head)
    {
        // A given consent's id commits to its offer, which was known when it was given.
        if (slot.status() == Status.None) {
            slot = Slots.given(_known(g.offer).index, g.notBefore, g.notAfter, g.firstOpening, g.uses);
        }
        proven = acknowledged || slot.proven();
        slot = slot.afterEnd(how);
        _consents[consent] = proven ? slot.asProven() : slot;

        OfferRecord storage o = _offers[g.offer];
        if (proven) {
            head = _raiseEpoch(o, consent);
        } else {
            head = _appended(o.unproven, consent);
            o.unproven = head;
        }
    }

    function _takeOpening(OfferRecord storage o, Input calldata input, uint48 until) private returns (uint32 opening) {
        OfferSlot state = o.state;
        opening = state.openings();
        if (state.epoch() != input.epoch) revert EpochChanged(input.offer, input.epoch, state.epoch());
        if (opening >= input.opensBefore) revert OpeningsExhausted(input.offer, opening, input.opensBefore);
        if (!input.consent.isNone()) {
            Reason reason = _judgeConsent(o, input.consent, uint48(block.timestamp), until, opening);
            if (reason != Reason.Ok) revert ConsentRefused(input.consent, reason);
        }
        o.state = Slots.pack(state.epoch(), opening + 1);
    }

    /// @dev The offer's budget and the dataset's, which all its offers share.
    function _spend(JobId job, OfferRecord storage o, Input calldata input) private {
        uint64 left = o.budget - o.spent;
        if (input.budget > left) revert OfferBudgetExceeded(input.offer, left, input.budget);
        o.spent += input.budget;
        datasets.spend(o.dataset, input.offer, job, input.budget);
    }

    function _raiseEpoch(OfferRecord storage o, ConsentId consent) private returns (bytes24 epoch) {
        OfferSlot state = o.state;
        epoch = _appended(state.epoch(), consent);
        o.state = Slots.pack(epoch, state.openings());
    }

    /// @dev The head of a list of ended consents after one more of them.
    function _appended(bytes24 head, ConsentId consent) private pure returns (bytes24) {
        return bytes24(keccak256(abi.encodePacked(head, consent)));
    }

    /// @dev The caller has seen that the consent lies in a batch anchored under this offer.
    function _prove(OfferId id, ConsentId consent, ConsentSlot slot, BatchRoot batch) private {
        Status status = slot.status();
        if (!slot.ended()) revert ConsentNotEnded(consent, status);
        OfferRecord storage o = _offers[id];
        // A foreign batch may hold any 32 bytes; only a batch of the consent's own offer says something about it.
        if (slot.offerIndex() != o.index) revert NotInBatch(id, consent, batch);
        if (slot.proven()) revert AlreadyProven(consent);
        _consents[consent] = slot.asProven();
        bytes24 epoch = _raiseEpoch(o, consent);
        emit WithdrawalProven(id, consent, batch, epoch);
    }

    // ---------------------------------------------------------------- judgements

    function _judgeConsent(OfferRecord storage o, ConsentId consent, uint48 from, uint48 until, uint32 opening)
        private
        view
        returns (Reason)
    {
        ConsentState memory c = _consents[consent].unpack();
        if (c.status == Status.None) return Reason.UnknownConsent;
        if (c.status == Status.Withdrawn) return Reason.Withdrawn;
        if (c.status == Status.Revoked) return Reason.Revoked;
        if (from < c.notBefore || until < c.notBefore) return Reason.NotYetValid;
        if (from > c.notAfter || until > c.notAfter) return Reason.Expired;
        if (opening < c.firstOpening) return Reason.NotYetOpen;
        if (opening - c.firstOpening >= c.uses) return Reason.Exhausted;
        return c.offerIndex == o.index ? Reason.Ok : Reason.WrongOffer;
    }

    function _judgeUse(OfferRecord storage o, address consumer, bytes32 purpose, uint32 operations)
        private
        view
        returns (Reason)
    {
        if (o.consumer != consumer) return Reason.WrongConsumer;
        if (o.purpose != purpose) return Reason.WrongPurpose;
        if (operations == 0 || operations & ~o.operations != 0) return Reason.WrongOperation;
        return Reason.Ok;
    }

    function _known(OfferId id) private view returns (OfferRecord storage o) {
        o = _offers[id];
        if (o.index == 0) revert UnknownOffer(id);
    }

    function _actsForProvider(OfferRecord storage o) private view returns (bool) {
        address provider = o.provider;
        return msg.sender == provider || isRelay[provider][msg.sender];
    }

    function _notEnded(ConsentId consent) private view returns (ConsentSlot slot) {
        slot = _consents[consent];
        if (slot.ended()) revert ConsentEnded(consent, slot.status());
    }

    /// @dev In lists a consent that ended, and that this call can't prove either, is passed over.
    function _nothingLeft(ConsentSlot slot, BatchProof calldata p) private pure returns (bool) {
        return slot.ended() && (p.batch.isZero() || slot.proven());
    }

    /// @dev In lists a zero batch stands for no proof; a wrong proof is refused.
    function _isInBatch(OfferId id, ConsentId consent, BatchProof calldata p) private view returns (bool) {
        if (p.batch.isZero()) return false;
        _requireInBatch(id, consent, p.batch, p.proof);
        return true;
    }

    function _requireInBatch(OfferId id, ConsentId consent, BatchRoot batch, bytes32[] calldata proof) private view {
        if (
            batches[id][batch] == 0
                || !MerkleProof.verifyCalldata(proof, BatchRoot.unwrap(batch), ConsentId.unwrap(consent))
        ) {
            revert NotInBatch(id, consent, batch);
        }
    }

    function _requireLength(uint256 expected, uint256 found) private pure {
        if (expected != found) revert LengthMismatch(expected, found);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDatasetRegistry} from "./IDatasetRegistry.sol";
import {BatchRoot, ConsentId, DatasetId, JobId, OfferId} from "./Types.sol";

/// @title May this consumer use it, for this purpose, with this operation, now?
/// @notice Owners consent to a provider's offer under their own EIP-712 signature (domain "Placet Consent", version 1). A
/// consent's id is the struct hash of what the owner's wallet showed; the salt in it makes the id the replay guard. Its state
/// is one slot: nothing, given, then withdrawn (by the owner) or revoked (by the provider), which is terminal. An id that was
/// withdrawn or revoked never revives.
///
/// Institutions grant one by one. Persons by default are leaves of a batch that the provider anchors, unseen until they
/// withdraw. Withdrawals and revocations of an offer are chained into two lists. The head of the one is its epoch: it says
/// which consents have ended, in which order, of those that the provider is known to have acknowledged (`proven`): granted in a transaction of the provider or its relay, or a leaf of a
/// batch that they anchored. Anybody can grant and withdraw consents under keys that he made up, so if those changed the epoch
/// he could stall every job on an offer; they stand in the other list.
interface IConsentRegistry {
    /// @notice What a consent says yes to. Its id is its EIP-712 struct hash.
    /// @param budget what all jobs under the offer together may spend of the dataset's privacy budget, in nano-rho
    struct Offer {
        DatasetId dataset;
        address consumer;
        bytes32 purpose;
        uint32 operations;
        bytes32 scope;
        uint64 budget;
    }

    /// @notice A consent in the form that a contract needs: `offer` and `details` are EIP-712 struct hashes.
    struct Grant {
        bytes owner;
        OfferId offer;
        uint48 notBefore;
        uint48 notAfter;
        uint32 firstOpening;
        uint32 uses;
        bytes32 details;
    }

    /// @notice Where a consent lies in a batch of its own offer. A zero `batch` stands for "no proof".
    struct BatchProof {
        BatchRoot batch;
        bytes32[] proof;
    }

    /// @notice One input of a job: a named consent (`consent`) or a lawful set (`lawfulRoot`), the other is zero.
    /// @param epoch the offer's epoch that the parties saw: head of its list of proven ends
    /// @param opensBefore the first opening that some consent of the input no longer covers
    /// @param budget what the job spends of the offer's and the dataset's privacy budget, in nano-rho
    struct Input {
        OfferId offer;
        ConsentId consent;
        bytes32 lawfulRoot;
        bytes24 epoch;
        uint32 opensBefore;
        uint64 budget;
    }

    enum Status {
        None,
        Given,
        Withdrawn,
        Revoked
    }

    /// @notice Answers of `check`. If several apply, the first in this order is given.
    enum Reason {
        Ok,
        UnknownOffer,
        UnknownConsent,
        Withdrawn,
        Revoked,
        NotYetValid,
        Expired,
        NotYetOpen,
        Exhausted,
        WrongOffer,
        WrongConsumer,
        WrongPurpose,
        WrongOperation
    }

    /// @notice A consent's slot. *Expired* and *exhausted* follow from it, they are not stored.
    /// @param proven the provider acknowledged the consent: granted by itself or its relay, or in a batch of theirs
    /// @param offerIndex the offer's number, counted from 1
    struct ConsentState {
        Status status;
        bool proven;
        uint32 offerIndex;
        uint48 notBefore;
        uint48 notAfter;
        uint32 firstOpening;
        uint32 uses;
    }

    /// @notice A provider made an offer on a dataset of its own.
    /// @param offer the offer's id
    /// @param provider who made it
    /// @param terms what the offer allows
    event OfferMade(OfferId indexed offer, address indexed provider, Offer terms);

    /// @notice A provider appointed a relay, or dismissed it.
    /// @param provider for whom the relay acts
    /// @param relay whom it concerns
    /// @param allowed true: may act from now on; false: may no longer
    event RelayAppointed(address indexed provider, address indexed relay, bool allowed);

    /// @notice A consent was stored under its owner's signature.
    /// @param consent the consent's id
    /// @param offer what it says yes to
    /// @param notBefore first second in which it may be used
    /// @param notAfter last second in which it may be used
    /// @param firstOpening first opening of the offer that it covers
    /// @param uses how many openings it covers from there on
    /// @param proven whether the provider or its relay sent it
    event ConsentGiven(
        ConsentId indexed consent,
        OfferId indexed offer,
        uint48 notBefore,
        uint48 notAfter,
        uint32 firstOpening,
        uint32 uses,
        bool proven
    );

    /// @notice A provider or its relay put a batch of consents on chain.
    /// @param offer the offer that the batch is about
    /// @param root Merkle root over the ids of its consents
    event BatchAnchored(OfferId indexed offer, BatchRoot indexed root);

    /// @notice An owner ended a consent.
    /// @param offer the offer in whose list the consent now stands
    /// @param consent the consent's id
    /// @param proven whether it stands in the epoch
    /// @param head head of the list that it entered: if proven, the offer's epoch, else that of its unproven ends
    event ConsentWithdrawn(OfferId indexed offer, ConsentId indexed consent, bool proven, bytes24 head);

    /// @notice A provider or its relay ended a consent.
    /// @param offer the offer in whose list the consent now stands
    /// @param consent the consent's id
    /// @param proven whether it stands in the epoch
    /// @param head head of the list that it entered: if proven, the offer's epoch, else that of its unproven ends
    /// @param reason a code or the hash of a text
    event ConsentRevoked(OfferId indexed offer, ConsentId indexed consent, bool proven, bytes24 head, bytes32 reason);

    /// @notice An offer's provider says that it erased what it held of an ended consent.
    /// @param offer the offer that the consent is to
    /// @param consent the consent's id
    /// @param receipt hash of the receipt that the provider signed for the consent's owner
    event ErasureAnchored(OfferId indexed offer, ConsentId indexed consent, bytes32 receipt);

    /// @notice An ended consent was shown to lie in a batch of its offer, which changed the epoch.
    /// @param offer the consent's offer
    /// @param consent the consent's id
    /// @param batch root of the batch
    /// @param epoch the offer's epoch after it
    event WithdrawalProven(OfferId indexed offer, ConsentId indexed consent, BatchRoot batch, bytes24 epoch);

    /// @notice Only a dataset's provider makes offers on it.
    /// @param dataset the offer's dataset
    /// @param expected its provider; zero if nobody registered it
    /// @param found who asked
    error NotDatasetProvider(DatasetId dataset, address expected, address found);

    /// @notice This very offer was made before.
    /// @param offer its id
    error OfferExists(OfferId offer);

    /// @notice An offer must allow at least one operation.
    /// @param offer its id
    error OfferWithoutOperations(OfferId offer);

    /// @notice Nobody has made this offer.
    /// @param offer the id that was asked for
    error UnknownOffer(OfferId offer);

    /// @notice Only an offer's provider or a relay of it may do this.
    /// @param offer its id
    /// @param provider the offer's provider
    /// @param found who asked
    error NotProviderOrRelay(OfferId offer, address provider, address found);

    /// @notice This consent was given, withdrawn or revoked before.
    /// @param consent its id
    /// @param status what it is now
    error ConsentExists(ConsentId consent, Status status);

    /// @notice The consent has ended, for ever.
    /// @param consent its id
    /// @param status how it ended
    error ConsentEnded(ConsentId consent, Status status);

    /// @notice The consent is not to this offer.
    /// @param consent its id
    /// @param offer the offer's id
    error ConsentToAnotherOffer(ConsentId consent, OfferId offer);

    /// @notice Only an ended consent can be proven, or told to be erased.
    /// @param consent its id
    /// @param status what it is now
    error ConsentNotEnded(ConsentId consent, Status status);

    /// @notice The consent stands in its offer's epoch already, once for all.
    /// @param consent its id
    error AlreadyProven(ConsentId consent);

    /// @notice A consent must not end before it begins.
    /// @param notBefore first second
    /// @param notAfter last second
    error TimesOutOfOrder(uint48 notBefore, uint48 notAfter);

    /// @notice The consent's time is over.
    /// @param consent its id
    /// @param notAfter its last second
    /// @param time the block's time
    error AlreadyExpired(ConsentId consent, uint48 notAfter, uint256 time);

    /// @notice A consent must cover at least one opening.
    /// @param consent its id
    error NoUses(ConsentId consent);

    /// @notice The owner has not signed this.
    /// @param consent the consent's id
    error InvalidSignature(ConsentId consent);

    /// @notice Two lists that belong together differ in length.
    /// @param expected length of the first
    /// @param found length of the second
    error LengthMismatch(uint256 expected, uint256 found);

    /// @notice A batch's root must not be zero.
    /// @param offer under which it was to be anchored
    error EmptyBatch(OfferId offer);

    /// @notice This batch was anchored under this offer before.
    /// @param offer the offer's id
    /// @param root the batch's root
    /// @param anchoredAt when, in Unix seconds
    error BatchExists(OfferId offer, BatchRoot root, uint48 anchoredAt);

    /// @notice The batch is not anchored under this offer, the proof does not lead from the consent to
    /// it, or the consent is to another offer.
    /// @param offer the offer's id
    /// @param consent the consent's id
    /// @param batch the batch's root
    error NotInBatch(OfferId offer, ConsentId consent, BatchRoot batch);

    /// @notice Only the job ledger uses openings.
    /// @param expected the ledger
    /// @param found who asked
    error NotLedger(address expected, address found);

    /// @notice An input names a consent or has a lawful root: one of them, and only one.
    /// @param offer the input's offer
    /// @param consent the consent that it names
    /// @param lawfulRoot the root of its lawful set
    error AmbiguousInput(OfferId offer, ConsentId consent, bytes32 lawfulRoot);

    /// @notice A party may use an offer for one input only.
    /// @param offer the offer's id
    error DuplicateOffer(OfferId offer);

    /// @notice An offer is used by the party that made it.
    /// @param offer its id
    /// @param expected its provider
    /// @param found the party's signer
    error WrongProvider(OfferId offer, address expected, address found);

    /// @notice The offer does not allow this use.
    /// @param offer its id
    /// @param reason why not
    error OfferRefused(OfferId offer, Reason reason);

    /// @notice The consent does not allow this use.
    /// @param consent its id
    /// @param reason why not
    error ConsentRefused(ConsentId consent, Reason reason);

    /// @notice Consents of the offer have ended since the parties looked.
    /// @param offer its id
    /// @param expected the epoch that the parties saw
    /// @param found its epoch now
    error EpochChanged(OfferId offer, bytes24 expected, bytes24 found);

    /// @notice Some consent of the input does not cover the offer's next opening.
    /// @param offer its id
    /// @param opening the number that the next opening gets
    /// @param opensBefore the first one that is not covered
    error OpeningsExhausted(OfferId offer, uint32 opening, uint32 opensBefore);

    /// @notice The offer's own privacy budget does not reach; `IDatasetRegistry.BudgetExceeded` is the dataset's.
    /// @param offer its id
    /// @param left what is left of it, in nano-rho
    /// @param amount what the input would spend, in nano-rho
    error OfferBudgetExceeded(OfferId offer, uint64 left, uint64 amount);

    // ------------------------------------------------------------------ provider

    /// @notice Makes an offer on a dataset of the sender. An offer can't be changed or taken back; a provider that wants no
    /// more jobs on it signs no more plans.
    /// @custom:not-protected What `scope` and `purpose` stand for: they are hashes, their openings are judged off chain.
    function offer(Offer calldata terms) external returns (OfferId id);

    /// @notice Lets `relay` anchor, revoke and acknowledge grants for the sender, or no longer.
    /// @custom:not-protected The provider against its own relay while it is appointed: it can revoke every consent. What it did
    /// stays done after it is dismissed.
    function appoint(address relay, bool allowed) external;

    /// @notice Puts a batch of persons' consents on chain by its root. Provider or relay; once for each offer and root.
    /// @custom:not-protected The leaves: a root may cover forged, doubled or made-up ones. It only dates and acknowledges
    /// them; nodes, vaults and auditors check every leaf's signature. A leaf's owner can withdraw it whatever is anchored.
    function anchor(OfferId offerId, BatchRoot root) external;

    /// @notice The provider (or its relay) ends a consent: a lost key, a court. Like `withdraw`, without the owner's signature.
    /// @param reason a code or the hash of a text; goes into the event only
    /// @custom:not-protected The owner against a provider that revokes without cause; it is named in the event. Jobs sealed
    /// before.
    function revoke(Grant calldata g, bytes32 reason) external;

    /// @notice `revoke` of a consent that lies in a batch of its offer. On a consent that already ended unproven it proves that.
    /// @custom:not-protected As `revoke`.
    function revokeBatched(Grant calldata g, bytes32 reason, BatchRoot batch, bytes32[] calldata proof) external;

    /// @notice Many at once. Consents that somebody ended meanwhile are passed over, so that he can't stop the others.
    /// @param proofs one for each consent; a zero `batch` stands for none
    /// @return ended how many were ended or proven by this call
    /// @custom:not-protected As `revoke`. A wrong proof makes the whole call fail.
    function revokeMany(Grant[] calldata grants, bytes32 reason, BatchProof[] calldata proofs)
        external
        returns (uint256 ended);

    /// @notice Tells that the provider (or its relay) erased its record of an ended consent. Changes nothing; again is allowed.
    /// @param receipt hash of the receipt that the provider signed for the consent's owner; goes into the event only
    /// @custom:not-protected The owner against a provider that keeps a copy: the event dates its word, which the receipt signs.
    function anchorErasure(OfferId offerId, ConsentId consent, bytes32 receipt) external;

    // --------------------------------------------------------------------- owner

    /// @notice Stores a consent under its owner's signature over `Consent`. Anybody may send it.
    /// @custom:not-protected Against copies: who sees the transaction may send the same consent first, with the same result
    /// except that it counts as `proven` only if the provider or its relay sends it. The texts behind `details`, which the
    /// owner's wallet showed and this contract never sees. That the owner is enrolled, or is a person at all.
    function grant(Grant calldata g, bytes calldata signature) external returns (ConsentId consent);

    /// @notice Many at once. Consents that are already given, withdrawn or revoked are passed over and stay as they are, so that
    /// a copy of one of them, or a withdrawal, can't stop the others.
    /// @return granted how many this call stored
    /// @custom:not-protected As `grant`. One invalid signature makes the whole call fail; an ERC-1271 owner can change its mind
    /// between simulation and block, so such owners are better sent one by one.
    function grantMany(Grant[] calldata grants, bytes[] calldata signatures) external returns (uint256 granted);

    /// @notice Ends a consent for ever under its owner's signature over `Withdrawal`: before, after or without a grant. Anybody
    /// may send it. It enters the offer's list; it changes the epoch if the consent was granted by the provider or its relay.
    /// @custom:not-protected Results that were sealed before. Unproven, it binds the parties and the audit but changes no epoch,
    /// until somebody proves it. Consents to an offer that nobody has made yet can't be withdrawn (nor used).
    function withdraw(Grant calldata g, bytes calldata signature) external;

    /// @notice `withdraw` of a consent that lies in a batch of its offer: changes the epoch. If somebody has sent the withdrawal
    /// without its proof, this proves it, so that a front-runner can't strip the proof.
    /// @custom:not-protected Results that were sealed before. Persons' privacy: the withdrawal shows the id and the key that was
    /// made for it, not what else lies in the batch.
    function withdrawBatched(Grant calldata g, bytes calldata signature, BatchRoot batch, bytes32[] calldata proof)
        external;

    /// @notice Many at once. Consents that somebody ended meanwhile are passed over, so that he can't stop the others.
    /// @param proofs one for each consent; a zero `batch` stands for none
    /// @return ended how many were ended or proven by this call
    /// @custom:not-protected As `withdraw`. A wrong signature or proof makes the whole call fail.
    function withdrawMany(Grant[] calldata grants, bytes[] calldata signatures, BatchProof[] calldata proofs)
        external
        returns (uint256 ended);

    /// @notice Anybody: shows that a withdrawn or revoked, not yet proven consent lies in a batch of its offer. Changes the epoch,
    /// once for each consent, whatever number of batches it lies in.
    /// @custom:not-protected Against a provider that anchors consents that have already ended: each costs a new epoch, on its
    /// own offer only.
    function prove(ConsentId consent, OfferId offerId, BatchRoot batch, bytes32[] calldata proof) external;

    // -------------------------------------------------------------------- ledger

    /// @notice Uses one opening of every input's offer and spends its privacy budget, or reverts with the reason. Only the job
    /// ledger.
    /// @param job for whom the budget is spent
    /// @param provider who must be the provider of each offer
    /// @param until the plan's deadline: a named consent must hold from now until then
    /// @return openings the number that each opening got, counted from 0
    /// @custom:not-protected The leaves behind a lawful root: the chain sees only that the parties signed the root, the epoch and
    /// `opensBefore`. An offer named by two calls in one transaction: the ledger makes one call for each distinct signer, and an
    /// offer has one provider.
    function useOpening(
        JobId job,
        address provider,
        address consumer,
        bytes32 purpose,
        uint32 operations,
        uint48 until,
        Input[] calldata inputs
    ) external returns (uint32[] memory openings);

    /// @notice Gives back what these inputs of a job spent of privacy budgets. Only the job ledger.
    /// @custom:not-protected That they spent it, and once: the ledger says so. Openings that were used stay so.
    function refund(JobId job, Input[] calldata inputs) external;

    // --------------------------------------------------------------------- views

    /// @notice Reverts unless every offer is at the given epoch and no named consent has ended.
    /// @custom:not-protected Unproven withdrawals: parties look through the offer's whole list before they sign.
    function requireLive(Input[] calldata inputs, bytes24[] calldata epochs) external view;

    /// @notice Whether a consent allows this use over the whole of [from, until] at the given opening, else the first reason why not.
    /// @custom:not-protected Persons in batches: they are unknown here. Who the owner is: any key can consent to an offer. Against
    /// later withdrawal. Against a reorganisation.
    function check(
        ConsentId consent,
        OfferId offerId,
        address consumer,
        bytes32 purpose,
        uint32 operations,
        uint48 from,
        uint48 until,
        uint32 opening
    ) external view returns (Reason);

    /// @notice A consent's slot; all zero for an id never seen.
    /// @custom:not-protected Persons in batches: they are unknown here until they withdraw.
    function statusOf(ConsentId consent) external view returns (ConsentState memory);

    /// @notice Whether a consent was withdrawn or revoked.
    /// @custom:not-protected Expired and exhausted consents are not dead; unknown ones neither.
    function isDead(ConsentId consent) external view returns (bool);

    /// @notice An offer, its provider, and its state: epoch, number of openings so far, head of its list of unproven ends, and
    /// what was spent of its privacy budget. All zero if there is none.
    /// @custom:not-protected A reader against a reorganisation: read at the network's confirmation depth.
    function offers(OfferId id)
        external
        view
        returns (Offer memory terms, address provider, bytes24 epoch, uint32 openings, bytes24 unproven, uint64 spent);

    /// @notice When a batch was anchored under an offer; zero if never.
    /// @custom:not-protected The leaves, as `anchor`.
    function batches(OfferId offerId, BatchRoot root) external view returns (uint48 anchoredAt);

    /// @notice Whether `relay` acts for `provider` now.
    /// @custom:not-protected What a relay did before it was dismissed.
    function isRelay(address provider, address relay) external view returns (bool);

    /// @notice The dataset registry that names providers.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function datasets() external view returns (IDatasetRegistry);

    /// @notice The only contract that may use openings.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function ledger() external view returns (address);

    /// @notice The id (EIP-712 struct hash) of an offer, made or not.
    /// @custom:not-protected That the offer exists.
    function offerId(Offer calldata terms) external pure returns (OfferId);

    /// @notice The id (EIP-712 struct hash) of a consent, given or not.
    /// @custom:not-protected That the hashes in it have openings.
    function consentId(Grant calldata g) external pure returns (ConsentId);

    /// @notice The digest that an owner signs to consent.
    /// @custom:not-protected Who signs a digest without seeing the texts.
    function hashConsent(ConsentId consent) external view returns (bytes32 digest);

    /// @notice The digest that an owner signs to withdraw.
    /// @custom:not-protected Who signs a digest without knowing the consent.
    function hashWithdrawal(ConsentId consent) external view returns (bytes32 digest);
}

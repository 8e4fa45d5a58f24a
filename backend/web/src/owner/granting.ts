/** A person's whole way from *Allow* to *on its way*: signer, enrolment, signature, sending, slip. */
import {
  createPasskey,
  enrol,
  enrollersOf,
  makeSlip,
  offerId,
  PasskeySigner,
  PlacetError,
  randomHex,
  subjectCommitment,
  WalletSigner,
  type Offered,
  type Opening,
  type Signer,
  type Wallet,
  type Window,
} from "../../client/src/index.ts";
import { language, t } from "./i18n.ts";
import * as kept from "./records.ts";
import { unlocked, type Place } from "./session.ts";

export interface Person {
  readonly subject: string;
  readonly code: string;
}

async function byPasskey(place: Place, offered: Offered): Promise<[Signer, kept.Record_["signer"]]> {
  let passkey = kept.passkeys()[0];
  if (passkey === undefined) {
    passkey = await createPasskey(t("title"), place.rp);
    kept.savePasskey(passkey); // before it is used: a step that fails leaves no orphan
  }
  if (passkey.prf) {
    const secret = await unlocked(place, passkey.id);
    if (secret !== null) {
      const { id } = passkey;
      const same = ({ signer, consent }: kept.Keyed) =>
        signer.kind === "key" && signer.passkey === id && offerId(consent.offer) === offered.id;
      const nth = kept.nextOf([...kept.records(), ...kept.erased()].filter(same));
      return [await secret.key(offered.id, nth), { kind: "key", passkey: id, nth }];
    }
  }
  const signer = new PasskeySigner(passkey, place.deployment.webauthn_verifier.address);
  return [signer, { kind: "passkey", passkey: passkey.id }];
}

/** The new record, once the node has taken the consent on. `tell` hears of each step. PlacetError says what went wrong. */
export async function grant(
  place: Place,
  offered: Offered,
  window: Window,
  person: Person,
  wallet: Wallet | null,
  tell: (step: string) => void,
): Promise<kept.Record_> {
  const { node, domain, trust } = place;
  const [enroller] = enrollersOf(offered, trust.enrollers);
  const { namespace } = offered.scope;
  if (enroller === undefined || namespace === undefined) throw new PlacetError("enrolment", "nobody enrols for this offer");
  tell(t(wallet === null ? "step.passkey" : "step.wallet"));
  const [signer, how] =
    wallet === null
      ? await byPasskey(place, offered)
      : ([await WalletSigner.connect(wallet, { chainId: domain.chainId }), { kind: "wallet", rdns: wallet.rdns }] as const);
  const opening: Opening = { subject: person.subject, salt: randomHex(32) };
  const enrolled = { enrolment: await subjectCommitment(opening), language };
  const draft = await node.draft(offered, { owner: signer.owner, ...window, ...enrolled });
  tell(t("step.enrol", { enroller: enroller.name }));
  const enrolment = await enrol(enroller, signer, namespace, opening, person.code, domain);
  tell(t("step.sign"));
  const signature = await signer.signTyped(draft.typed);
  const record: kept.Record_ = {
    id: draft.id,
    provider: place.address,
    consent: draft.consent,
    notice: draft.notice,
    signer: how,
    given: Math.floor(Date.now() / 1000),
    status: "unsent",
    slip: null,
    uses: null,
    unsent: { signature, enrolment, opening },
  };
  kept.save(record);
  tell(t("step.send"));
  const status = await node.submit(draft, signature, enrolment, opening);
  kept.change(draft.id, { status });
  tell(t("step.slip"));
  const slip = await makeSlip(signer, domain, draft).catch(() => null); // it can be signed later, too
  kept.change(draft.id, { slip });
  return kept.record(draft.id) as kept.Record_;
}

/** Sends once more what this device kept: the same again changes nothing, and says how far it is. */
export async function sendAgain(place: Place, record: kept.Record_): Promise<string> {
  const { unsent } = record;
  if (unsent === null) return record.status;
  const answered = await place.node.submit(record, unsent.signature, unsent.enrolment, unsent.opening);
  kept.change(record.id, answered === "given" ? { status: answered, unsent: null } : { status: answered });
  return answered;
}

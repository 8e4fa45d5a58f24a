/** What this device keeps: of each consent what was signed and how to end it; of passkeys nothing secret; and the pin
 * of who is who. Kept before anything is sent, so that a closed page loses nothing. */
import type { Consent, Deployment, Enrolment, ErasureAnswer, Hex, Holder, Opening, Passkey, Slip, TrustList, Use } from "../../client/src/index.ts";
import { namedIn } from "../../client/src/index.ts";

export interface Record_ {
  readonly id: Hex;
  readonly provider: Hex;
  readonly consent: Consent;
  readonly notice: string;
  readonly signer:
    | { readonly kind: "key"; readonly passkey: string; readonly nth: number }
    | { readonly kind: "passkey"; readonly passkey: string }
    | { readonly kind: "wallet"; readonly rdns: string };
  readonly given: number;
  readonly status: string;
  readonly slip: Slip | null;
  readonly uses: readonly Use[] | null;
  /** Until the node has taken the consent on, what sends it again. */
  readonly unsent: { readonly signature: Hex; readonly enrolment: Enrolment; readonly opening: Opening } | null;
}

/** What leads to the key of a consent. */
export interface Keyed {
  readonly signer: Record_["signer"];
  readonly consent: Pick<Consent, "owner" | "offer">;
}

/** What is left of a consent that was erased: enough to ask what came of it, and what was answered last. */
export interface Erased extends Keyed {
  readonly id: Hex;
  readonly provider: Hex;
  readonly consumer: string;
  readonly told: { readonly answer: ErasureAnswer; readonly holders: readonly Holder[] } | null;
}

interface Kept {
  records: Record_[];
  erased: Erased[];
  passkeys: Passkey[];
  pin: { readonly chain_id: number; readonly consent_registry: Hex; readonly names: Readonly<Record<Hex, string>> } | null;
}

const PLACE = "placet.owner/1";
const EMPTY = (): Kept => ({ records: [], erased: [], passkeys: [], pin: null });

function kept(): Kept {
  try {
    return { ...EMPTY(), ...(JSON.parse(localStorage.getItem(PLACE) ?? "{}") as Partial<Kept>) };
  } catch {
    return EMPTY();
  }
}

function keep(change: (kept: Kept) => void): void {
  const all = kept();
  change(all);
  localStorage.setItem(PLACE, JSON.stringify(all));
}

export const records = (): readonly Record_[] => kept().records;
export const passkeys = (): readonly Passkey[] => kept().passkeys;
export const record = (id: string): Record_ | undefined => kept().records.find((one) => one.id === id);

export const save = (one: Record_): void =>
  keep((all) => {
    all.records = [one, ...all.records.filter((other) => other.id !== one.id)];
  });

/** The first label that none of these has used: erased ones leave gaps that are not filled again. */
export const nextOf = (used: readonly Keyed[]): number =>
  1 + Math.max(-1, ...used.map(({ signer }) => (signer.kind === "key" ? signer.nth : -1)));

export const erased = (): readonly Erased[] => kept().erased;

/** Of a consent that is being erased the rest goes. */
export const forget = ({ id, provider, signer, consent }: Record_): void =>
  keep((all) => {
    const { owner, offer, details } = consent;
    all.records = all.records.filter((one) => one.id !== id);
    all.erased = [{ id, provider, consumer: details.consumer, signer, consent: { owner, offer }, told: null }, ...all.erased];
  });

export const tellErased = (id: Hex, told: Erased["told"]): void =>
  keep((all) => {
    all.erased = all.erased.map((one) => (one.id === id ? { ...one, told } : one));
  });

export const forgetErased = (id: Hex): void =>
  keep((all) => {
    all.erased = all.erased.filter((one) => one.id !== id);
  });

export function change(id: Hex, changes: Partial<Record_>): void {
  const one = record(id);
  if (one !== undefined) save({ ...one, ...changes });
}

export const savePasskey = (one: Passkey): void =>
  keep((all) => {
    all.passkeys = [one, ...all.passkeys.filter((other) => other.id !== one.id)];
  });

/** Pins who is who at the first visit. False where a later visit is told of another register, or another name of one
 * who is known. */
export function pinned(deployment: Deployment, trust: TrustList): boolean {
  const { chain_id, consent_registry } = deployment;
  const pin = kept().pin;
  if (pin !== null) {
    if (pin.chain_id !== chain_id || pin.consent_registry !== consent_registry.address) return false;
    if (namedIn(trust).some((one) => (pin.names[one.address] ?? one.name) !== one.name)) return false;
  }
  const names = { ...pin?.names, ...Object.fromEntries(namedIn(trust).map((one) => [one.address, one.name])) };
  keep((all) => {
    all.pin = { chain_id, consent_registry: consent_registry.address, names };
  });
  return true;
}

const ENDED = new Set(["withdrawing", "withdrawn", "revoked", "expired", "exhausted", "refused"]);

/** The status as far as this device can tell. */
export function statusOf(one: Record_): string {
  if (one.unsent !== null && one.status === "unsent") return "unsent";
  return one.status === "given" && one.consent.not_after * 1000 < Date.now() ? "expired" : one.status;
}
export const isEnded = (one: Record_): boolean => ENDED.has(statusOf(one));

/** What this device keeps: of each consent what was signed and how to end it; of passkeys nothing secret; and the pin
 * of who is who. Kept before anything is sent, so that a closed page loses nothing. */
import type { Consent, Deployment, Enrolment, Hex, Opening, Passkey, Slip, TrustList, Use } from "../../client/src/index.ts";
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

interface Kept {
  records: Record_[];
  passkeys: Passkey[];
  pin: { readonly chain_id: number; readonly consent_registry: Hex; readonly names: Readonly<Record<Hex, string>> } | null;
}

const PLACE = "placet.owner/1";
const EMPTY = (): Kept => ({ records: [], passkeys: [], pin: null });

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
export const nextOf = (used: readonly Record_[]): number =>
  1 + Math.max(-1, ...used.map(({ signer }) => (signer.kind === "key" ? signer.nth : -1)));

export const forget = (id: Hex): void =>
  keep((all) => {
    all.records = all.records.filter((one) => one.id !== id);
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

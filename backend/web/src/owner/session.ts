/** What the page knows while it is open: the institution, its node, and what was unlocked. */
import {
  canonical,
  domainOf,
  namesOf,
  offerId,
  NodeClient,
  PasskeySigner,
  PlacetError,
  Reader,
  sha256,
  unlock,
  WalletSigner,
  watchWallets,
  type Deployment,
  type Domain,
  type Hex,
  type KeySource,
  type Names,
  type Offered,
  type Signer,
  type TrustList,
  type Wallet,
} from "../../client/src/index.ts";
import { ask } from "../../client/src/node.ts";
import * as kept from "./records.ts";

export interface Place {
  readonly name: string;
  readonly address: Hex;
  readonly deployment: Deployment;
  readonly trust: TrustList;
  readonly listHash: Hex;
  readonly domain: Domain;
  readonly names: Names;
  readonly node: NodeClient;
  /** The host that passkeys are of. */
  readonly rp: string;
}

export async function arrive(): Promise<Place> {
  const answer = await ask<{ institution: Hex; deployment: Deployment; trust: TrustList; passkey_rp: string | null }>("/v1/trust");
  const { institution: address, deployment, trust } = answer;
  if (!kept.pinned(deployment, trust)) throw new PlacetError("altered", "changed");
  const [domain, names] = [domainOf(deployment), namesOf(trust)];
  const node = new NodeClient("", address, domain, names);
  const listHash = await sha256(new TextEncoder().encode(canonical(trust)));
  const rp = answer.passkey_rp ?? location.hostname;
  return { name: names(address), address, deployment, trust, listHash, domain, names, node, rp };
}

/** Offers to persons: an institution's own data are not theirs to decide on. */
export const offersToPersons = async (place: Place): Promise<readonly Offered[]> =>
  (await place.node.offers()).filter((one) => one.scope.personal && one.scope.provider === place.address);

let source: KeySource | null = null;
const readers = new Map<string, Reader>();
export const wallets: Wallet[] = [];
let heard: () => void = () => {};
export function onWallet(listener: () => void): void {
  heard = listener;
}
watchWallets((wallet) => {
  wallets.push(wallet);
  heard();
});

/** The secret of a passkey with PRF, by one prompt a visit; null where it has none. */
export async function unlocked(place: Place, id: string): Promise<KeySource | null> {
  if (source?.passkey !== id) source = await unlock({ id, rp: hostOf(place, id) });
  return source;
}

/** One that was unlocked otherwise. */
export function keepOpen(opened: KeySource): void {
  source = opened;
}

/** The host that a passkey of this device was made for. */
const hostOf = (place: Place, id: string): string => kept.passkeys().find((one) => one.id === id)?.rp ?? place.rp;

/** Does asking for this consent's signature prompt nobody? */
export const isOpen = (one: kept.Keyed): boolean =>
  readers.has(one.consent.owner) || (one.signer.kind === "key" && source?.passkey === one.signer.passkey);

export async function signerOf(place: Place, one: kept.Keyed): Promise<Signer> {
  const { signer, consent } = one;
  if (signer.kind === "wallet") {
    const wallet = wallets.find((other) => other.rdns === signer.rdns);
    if (wallet === undefined) throw new PlacetError("wallet", "the wallet is not there", signer.rdns);
    return WalletSigner.connect(wallet, { chainId: place.domain.chainId }, consent.owner);
  }
  if (signer.kind === "passkey") {
    const key: Hex = `0x${consent.owner.slice(42)}`;
    const id = signer.passkey;
    return new PasskeySigner({ id, key, rp: hostOf(place, id) }, place.deployment.webauthn_verifier.address);
  }
  const secret = await unlocked(place, signer.passkey);
  const own = secret === null ? null : await secret.key(offerId(consent.offer), signer.nth);
  if (own === null || own.owner !== consent.owner) throw new PlacetError("account", "another passkey answered");
  return own;
}

export async function readerOf(place: Place, one: kept.Keyed): Promise<Reader> {
  let reader = readers.get(one.consent.owner);
  if (reader === undefined) {
    reader = new Reader(place.node, await signerOf(place, one));
    readers.set(one.consent.owner, reader);
  }
  return reader;
}

/** What the node says of a consent now, and who used it. An answer that something else has overtaken, as a withdrawal
 * meanwhile, changes nothing. */
export async function refresh(place: Place, one: kept.Record_): Promise<void> {
  const before = kept.record(one.id)?.status;
  const reader = await readerOf(place, one);
  const { status, batch } = await place.node.consent(reader, one.id);
  const uses = await place.node.uses(reader, one.id);
  const now = kept.record(one.id);
  if (now?.status !== before) return;
  const placed = now?.slip && batch?.proof && batch.block !== null ? { slip: { ...now.slip, batch: batch.root, proof: batch.proof } } : {};
  kept.change(one.id, { status, unsent: null, uses, ...placed });
}

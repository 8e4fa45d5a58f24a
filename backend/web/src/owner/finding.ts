/** Consents that were given on another device. A passkey with PRF gives the same keys here, counted by label. One that
 * signs by itself has one key, which follows from any of its signatures (two keys do, one of which nobody has). A wallet
 * has its account. So nobody has to keep who gave what. */
import {
  asking,
  bytesToHex,
  meet,
  namesOf,
  notice,
  offerId,
  Reader,
  WalletSigner,
  type Hex,
  type KeySource,
  type Wallet,
} from "../../client/src/index.ts";
import * as kept from "./records.ts";
import { keepOpen, offersToPersons, type Place } from "./session.ts";

declare const CURVE: string; // the address of ../lazy/curve.ts

const MOST = 50;

/** How many were found and are kept here now. */
export async function byPasskey(place: Place): Promise<number> {
  const request = await asking(place.domain, place.address, "POST", "/v1/session");
  const { id, source, signature, der, hash } = await meet(place.rp, request.typed);
  const counted = source === null ? 0 : await byLabels(place, source);
  if (counted > 0) {
    kept.savePasskey({ id, rp: place.rp, key: "0x", prf: true });
    return counted;
  }
  const { signersOf } = (await import(CURVE)) as typeof import("../lazy/curve.ts");
  for (const key of signersOf(der, hash).map((one) => bytesToHex(one))) {
    const owner: Hex = `${place.deployment.webauthn_verifier.address}${key.slice(2)}`;
    const session = await place.node.session(request.header(owner, signature));
    const signTyped = () => Promise.reject(new Error("only reads"));
    const reader = new Reader(place.node, { kind: "passkey", owner, signTyped }, session);
    const number = await saved(place, reader, { kind: "passkey", passkey: id });
    if (number > 0) {
      kept.savePasskey({ id, rp: place.rp, key, prf: source !== null });
      return number;
    }
  }
  return 0;
}

export async function byWallet(place: Place, wallet: Wallet): Promise<number> {
  const signer = await WalletSigner.connect(wallet, { chainId: place.domain.chainId });
  return saved(place, new Reader(place.node, signer), { kind: "wallet", rdns: wallet.rdns });
}

async function byLabels(place: Place, source: KeySource): Promise<number> {
  keepOpen(source);
  let number = 0;
  for (const offered of await offersToPersons(place)) {
    for (let nth = 0; nth < MOST; nth++) {
      const reader = new Reader(place.node, await source.key(offered.id, nth));
      const more = await saved(place, reader, { kind: "key", passkey: source.passkey, nth });
      if (more === 0) break;
      number += more;
    }
  }
  return number;
}

async function saved(place: Place, reader: Reader, signer: kept.Record_["signer"]): Promise<number> {
  const all = (await place.node.exported(reader)).flatMap((page) => page.consents);
  const offers = new Map((await offersToPersons(place)).map((one) => [one.id, one]));
  let number = 0;
  for (const { consent, signed, uses } of all) {
    const offered = signed === null ? undefined : offers.get(offerId(signed.offer));
    if (signed === null || offered === undefined) continue; // its words can't be derived here
    kept.save({
      id: consent.id,
      provider: place.address,
      consent: signed,
      notice: notice(signed.offer, offered.scope, namesOf(place.trust), signed, signed.details.language),
      signer,
      given: signed.not_before,
      status: consent.status,
      slip: kept.record(consent.id)?.slip ?? null,
      uses,
      unsent: null,
    });
    number += 1;
  }
  return number;
}

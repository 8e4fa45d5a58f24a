/** Consents that were given on another device: a passkey with PRF gives the same keys there, counted by label. */
import { namesOf, notice, PlacetError, Reader, unlock, type ExportPage } from "../../client/src/index.ts";
import * as kept from "./records.ts";
import { offersToPersons, type Place } from "./session.ts";

const MOST = 50;

/** How many were found and are kept here now. */
export async function finding(place: Place): Promise<number> {
  const source = await unlock(null);
  if (source === null) throw new PlacetError("unsupported", "this passkey signs by itself and can't be counted");
  let number = 0;
  for (const offered of await offersToPersons(place)) {
    for (let nth = 0; nth < MOST; nth++) {
      const reader = new Reader(place.node, await source.key(offered.id, nth));
      const pages: readonly ExportPage[] = await place.node.exported(reader);
      const all = pages.flatMap((page) => page.consents);
      if (all.length === 0) break;
      for (const { consent, signed, uses } of all) {
        const text = notice(signed.offer, offered.scope, namesOf(place.trust), signed, signed.details.language);
        kept.save({
          id: consent.id,
          provider: place.address,
          consent: signed,
          notice: text,
          signer: { kind: "key", passkey: source.passkey, nth },
          given: signed.not_before,
          status: consent.status,
          slip: null,
          uses,
          unsent: null,
        });
        number += 1;
      }
    }
  }
  if (number > 0) kept.savePasskey({ id: source.passkey, key: "0x", prf: true });
  return number;
}

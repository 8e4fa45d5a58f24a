/** A withdrawal, signed in advance: as a file, and as the text of a QR code. */
import type { Hex } from "./bytes.ts";
import { codeOf, contentOf } from "./code.ts";
import type { Consent } from "./documents.ts";
import type { Draft } from "./draft.ts";
import type { Signer } from "./signers.ts";
import { consentId, withdrawalTyped, type Domain } from "./typed.ts";

/** Who holds it can withdraw this consent and nothing else, at any node, for ever. With its place in an anchored batch
 * nodes that don't know the consent take it before those that nothing shows to be real. */
export interface Slip {
  readonly type: "placet.withdrawal-slip";
  readonly version: 1;
  readonly id: Hex;
  readonly chain_id: number;
  readonly consent_registry: Hex;
  readonly consent: Consent;
  readonly signature: Hex;
  readonly batch?: Hex;
  readonly proof?: readonly Hex[];
}

export async function makeSlip(signer: Signer, domain: Domain, draft: Pick<Draft, "id" | "consent">): Promise<Slip> {
  return {
    type: "placet.withdrawal-slip",
    version: 1,
    id: draft.id,
    chain_id: domain.chainId,
    consent_registry: domain.verifyingContract,
    consent: draft.consent,
    signature: await signer.signTyped(withdrawalTyped(draft.id, domain)),
  };
}

/** A slip from a file's content or a code's text; null for anything else, for another chain's, and where its number is
 * not its consent's. */
export async function readSlip(content: string, domain: Domain): Promise<Slip | null> {
  try {
    const slip = JSON.parse(await contentOf(content)) as Slip;
    const here = slip.chain_id === domain.chainId && slip.consent_registry === domain.verifyingContract;
    return here && slip.type === "placet.withdrawal-slip" && consentId(slip.consent) === slip.id ? slip : null;
  } catch {
    return null;
  }
}

/** The text of a slip's QR code. */
export const slipCode = (slip: Slip): Promise<string> => codeOf(slip);

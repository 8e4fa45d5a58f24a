/** A withdrawal, signed in advance: as a file, and as the text of a QR code. */
import type { Hex } from "./bytes.ts";
import { canonical } from "./canonical.ts";
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
    const text = content.trim();
    const slip = JSON.parse(text.startsWith(PREFIX) ? await unpacked(text.slice(PREFIX.length)) : text) as Slip;
    const here = slip.chain_id === domain.chainId && slip.consent_registry === domain.verifyingContract;
    return here && slip.type === "placet.withdrawal-slip" && consentId(slip.consent) === slip.id ? slip : null;
  } catch {
    return null;
  }
}

const PREFIX = "PLACET1:";
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/** Bytes that a code may unpack to: a slip has some thousand. */
const MOST = 65_536;

/** The text of a slip's QR code: `PLACET1:`, then its canonical JSON by raw DEFLATE (RFC 1951) in base 45 (RFC 9285), whose
 * letters are those that a QR code holds in five and a half bits. */
export async function slipCode(slip: Slip): Promise<string> {
  const packed = new Blob([canonical(slip)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return PREFIX + base45(new Uint8Array(await new Response(packed).arrayBuffer()));
}

async function unpacked(letters: string): Promise<string> {
  const bytes = fromBase45(letters);
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [text, size] = ["", 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > MOST) throw new RangeError("too much in a slip's code");
    text += decoder.decode(value, { stream: true });
  }
}

function base45(bytes: Uint8Array): string {
  let letters = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let number = pair ? (bytes[at] as number) * 256 + (bytes[at + 1] as number) : (bytes[at] as number);
    for (let left = pair ? 3 : 2; left > 0; left--) {
      letters += ALPHABET[number % 45];
      number = Math.floor(number / 45);
    }
  }
  return letters;
}

function fromBase45(letters: string): Uint8Array<ArrayBuffer> {
  const digits = [...letters].map((one) => ALPHABET.indexOf(one));
  if (digits.includes(-1) || digits.length % 3 === 1) throw new RangeError("not base 45");
  const bytes: number[] = [];
  for (let at = 0; at < digits.length; at += 3) {
    const part = digits.slice(at, at + 3);
    const number = part.reduceRight((sum, digit) => sum * 45 + digit, 0);
    if (number >= (part.length === 3 ? 65_536 : 256)) throw new RangeError("not base 45");
    if (part.length === 3) bytes.push(number >> 8);
    bytes.push(number & 255);
  }
  return Uint8Array.from(bytes);
}

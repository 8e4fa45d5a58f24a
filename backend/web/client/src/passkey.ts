/** Passkeys (WebAuthn). Where one has the PRF extension it gives a fresh key for each consent, so that nobody can tell
 * that two consents are of one person; else it signs itself. */
import { base64url, bytesToHex, fromBase64url, hexToBytes, sha256, text, type Hex } from "./bytes.ts";
import { PlacetError } from "./errors.ts";
import { KeySigner, type Signer } from "./signers.ts";
import { digestOf, type TypedData } from "./typed.ts";

const P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const ES256 = -7; // the only algorithm that the chain verifies
const WAIT = 120_000;

/** What a page keeps of a passkey: nothing of it is secret. `key` is x ‖ y, `rp` the host that it is of. */
export interface Passkey {
  readonly id: string;
  readonly rp: string;
  readonly key: Hex;
  readonly prf: boolean;
}

type PrfResults = { prf?: { enabled?: boolean; results?: { first?: BufferSource } } };
const salt = async () => ({ prf: { eval: { first: await crypto.subtle.digest("SHA-256", text("placet.owner/1")) } } });

async function told<T>(asked: Promise<T | null>): Promise<T> {
  try {
    const answer = await asked;
    if (answer !== null) return answer;
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "SecurityError" || name === "NotSupportedError") {
      throw new PlacetError("unsupported", "passkeys do not work at this address", name);
    }
    if (name !== "NotAllowedError" && name !== "AbortError") throw new PlacetError("wallet", "the passkey failed", name);
  }
  throw new PlacetError("rejected", "the passkey was not used");
}

export const hasPasskeys = (): boolean => typeof PublicKeyCredential === "function" && "credentials" in navigator;

/** `rp`: the host that the passkey is to be of, the page's own or one that names it as related (WebAuthn 3, 5.11). */
export async function createPasskey(name: string, rp: string): Promise<Passkey> {
  const credential = (await told(
    navigator.credentials.create({
      publicKey: {
        rp: { id: rp, name: "Placet" },
        user: { id: crypto.getRandomValues(new Uint8Array(32)), name, displayName: name },
        challenge: crypto.getRandomValues(new Uint8Array(32)),
        pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        attestation: "none",
        timeout: WAIT,
        extensions: (await salt()) as AuthenticationExtensionsClientInputs,
      },
    }),
  )) as PublicKeyCredential;
  const response = credential.response as AuthenticatorAttestationResponse;
  const spki = response.getPublicKey();
  if (response.getPublicKeyAlgorithm() !== ES256 || spki === null) throw new PlacetError("unsupported", "no P-256 key");
  const { prf } = credential.getClientExtensionResults() as PrfResults;
  const key = bytesToHex(new Uint8Array(spki).slice(-64));
  return { id: base64url(new Uint8Array(credential.rawId)), rp, key, prf: prf?.enabled === true };
}

async function ask(challenge: Uint8Array<ArrayBuffer>, rp: string, id: string | null, extensions = {}) {
  const credential = (await told(
    navigator.credentials.get({
      publicKey: {
        challenge,
        rpId: rp,
        allowCredentials: id === null ? [] : [{ type: "public-key", id: fromBase64url(id) }],
        userVerification: "required",
        timeout: WAIT,
        extensions,
      },
    }),
  )) as PublicKeyCredential;
  if (id !== null && base64url(new Uint8Array(credential.rawId)) !== id) {
    throw new PlacetError("account", "another passkey answered");
  }
  return credential;
}

/** A passkey's PRF secret, by one prompt: keep it in memory, as long as the visit. */
export async function unlock({ id, rp }: Pick<Passkey, "id" | "rp">): Promise<KeySource | null> {
  return sourceOf(await ask(crypto.getRandomValues(new Uint8Array(32)), rp, id, await salt()));
}

/** What one prompt of a passkey that nothing is known of gives: its secret where it has PRF, and its assertion under a
 * digest, as chains take it (`signature`) and as keys are found by (`der`, `hash`). */
export interface Met {
  readonly id: string;
  readonly source: KeySource | null;
  readonly signature: Hex;
  readonly der: Uint8Array;
  readonly hash: Uint8Array;
}

export async function meet(rp: string, typed: TypedData): Promise<Met> {
  const credential = await ask(hexToBytes(digestOf(typed)) as Uint8Array<ArrayBuffer>, rp, null, await salt());
  const response = credential.response as AuthenticatorAssertionResponse;
  const [der, authenticator] = [new Uint8Array(response.signature), new Uint8Array(response.authenticatorData)];
  const client = new Uint8Array(await crypto.subtle.digest("SHA-256", response.clientDataJSON));
  const hash = hexToBytes(await sha256(authenticator, client));
  const id = base64url(new Uint8Array(credential.rawId));
  return { id, source: await sourceOf(credential), signature: encodedOf(credential), der, hash };
}

async function sourceOf(credential: PublicKeyCredential): Promise<KeySource | null> {
  const first = (credential.getClientExtensionResults() as PrfResults).prf?.results?.first;
  if (first === undefined) return null;
  const material = await crypto.subtle.importKey("raw", first, "HKDF", false, ["deriveBits"]);
  return new KeySource(base64url(new Uint8Array(credential.rawId)), material);
}

/** Keys by label: the same passkey gives the same key on all of its devices. */
export class KeySource {
  constructor(
    readonly passkey: string,
    private readonly material: CryptoKey,
  ) {}

  /** HKDF-SHA-256 to 48 bytes, modulo n − 1, plus one: evenly spread but for 2⁻¹²⁸. */
  async key(offer: Hex, nth: number): Promise<KeySigner> {
    const info = text(`placet.consent-key/1|${offer}|${nth}`);
    const bits = await crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
      this.material,
      384,
    );
    const secret = (BigInt(bytesToHex(new Uint8Array(bits))) % (SECP256K1_N - 1n)) + 1n;
    return new KeySigner(`0x${secret.toString(16).padStart(64, "0")}`);
  }
}

/** Signs by an assertion whose challenge is the digest. */
export class PasskeySigner implements Signer {
  readonly kind = "passkey";
  readonly owner: Hex;

  constructor(
    readonly passkey: Pick<Passkey, "id" | "rp" | "key">,
    verifier: Hex,
  ) {
    this.owner = `${verifier}${passkey.key.slice(2)}`;
  }

  async signTyped(typed: TypedData): Promise<Hex> {
    const { id, rp } = this.passkey;
    return encodedOf(await ask(hexToBytes(digestOf(typed)) as Uint8Array<ArrayBuffer>, rp, id));
  }
}

function encodedOf(credential: PublicKeyCredential): Hex {
  const { signature, authenticatorData, clientDataJSON } = credential.response as AuthenticatorAssertionResponse;
  return encodeAssertion(new Uint8Array(signature), new Uint8Array(authenticatorData), new Uint8Array(clientDataJSON));
}

const word = (value: bigint | number): string => BigInt(value).toString(16).padStart(64, "0");
const padded = (bytes: Uint8Array): string =>
  word(bytes.length) + bytesToHex(bytes).slice(2).padEnd(Math.ceil(bytes.length / 32) * 64, "0");

/** The one form that `WebAuthnVerifier.sol` takes: six ABI values, with the low one of the two s. */
export function encodeAssertion(der: Uint8Array, authenticator: Uint8Array, client: Uint8Array): Hex {
  const [r, s] = readDer(der);
  const json = new TextDecoder("latin1").decode(client); // places count bytes
  const first = padded(authenticator);
  const words = [r, s > P256_N / 2n ? P256_N - s : s, json.indexOf('"challenge":"'), json.indexOf('"type":')];
  return `0x${words.map(word).join("")}${word(192)}${word(192 + first.length / 2)}${first}${padded(client)}`;
}

function readDer(der: Uint8Array): [bigint, bigint] {
  const number = (at: number): [bigint, number] => {
    const end = at + 2 + (der[at + 1] ?? 0);
    if (der[at] !== 2 || end > der.length) throw new PlacetError("wallet", "the passkey's signature is malformed");
    return [BigInt(bytesToHex(der.slice(at + 2, end))), end];
  };
  const [r, next] = number(2);
  return [r, number(next)[0]];
}

/** Who signs: a key in the page's memory (of a passkey's PRF), a passkey's assertion, or a wallet. */
import { recoverAddress } from "viem/utils";
import { privateKeyToAddress, sign } from "viem/accounts";
import type { Hex } from "./bytes.ts";
import { digestOf, type TypedData } from "./typed.ts";

export interface Signer {
  readonly kind: "key" | "passkey" | "wallet";
  /** The consent's `owner`: an address, or verifier and public key (ERC-7913). */
  readonly owner: Hex;
  signTyped(typed: TypedData): Promise<Hex>;
}

/** A secp256k1 key in memory: drop it when it has signed. */
export class KeySigner implements Signer {
  readonly kind = "key";
  readonly owner: Hex;
  readonly #secret: Hex;

  constructor(secret: Hex) {
    this.#secret = secret;
    this.owner = privateKeyToAddress(secret).toLowerCase() as Hex;
  }

  async signTyped(typed: TypedData): Promise<Hex> {
    return sign({ hash: digestOf(typed), privateKey: this.#secret, to: "hex" });
  }
}

export const signerOf = async (typed: TypedData, signature: Hex): Promise<Hex> =>
  (await recoverAddress({ hash: digestOf(typed), signature })).toLowerCase() as Hex;

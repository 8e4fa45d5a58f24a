/** Byte strings as Placet's JSON has them: lower-case hex after `0x`. */
import type { Hex } from "viem";
import { bytesToHex, hexToBytes } from "viem/utils";

export { bytesToHex, hexToBytes, type Hex };

export const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value) as Uint8Array<ArrayBuffer>;

export async function sha256(...parts: Uint8Array[]): Promise<Hex> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", whole)));
}

export const randomHex = (size: number): Hex => bytesToHex(crypto.getRandomValues(new Uint8Array(size)));

export function base64url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function fromBase64url(value: string): Uint8Array<ArrayBuffer> {
  const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

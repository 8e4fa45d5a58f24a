/** What JSON from outside looks like: tests of single values, put together into tests of whole documents. */
import { hexToBigInt } from "viem/utils";
import type { Hex } from "./bytes.ts";

export type Test = (value: unknown) => boolean;
export type Shape = Readonly<Record<string, Test>>;

/** Order of BN254's groups: public inputs are below it. */
export const FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

export const bytes = (...sizes: readonly number[]): Test => {
  const one = new RegExp(`^0x(?:${sizes.map((size) => `[0-9a-f]{${2 * size}}`).join("|")})$`);
  return (value) => typeof value === "string" && one.test(value);
};
export const whole = (below: number): Test => (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
export const decimal = (below: bigint): Test => (value) => typeof value === "string" && /^[0-9]{1,39}$/.test(value) && BigInt(value) < below;
export const exactly = (one: unknown): Test => (value) => value === one;
/** One line that people read: nothing in it that is not seen (`placet.core.text`). */
export const line: Test = (value) =>
  typeof value === "string" &&
  /^[^\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]{1,400}$/u.test(value) &&
  value === value.normalize("NFC") &&
  value.trim() === value;
/** An object with these members, and no others. */
export const shaped = (shape: Shape): Test => (value) =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).length === Object.keys(shape).length &&
  Object.entries(shape).every(([name, test]) => Object.hasOwn(value, name) && test((value as Record<string, unknown>)[name]));
/** Seconds since 1970. */
export const time: Test = whole(2 ** 48);
/** A field element as 32 bytes. */
export const field: Test = (value) => bytes(32)(value) && hexToBigInt(value as Hex) < FIELD;

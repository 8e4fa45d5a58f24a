/** The stand-ins' curves and hash under Node: a JSON array of `[function, ...hex]` in, an array of answers out. */
import { readFileSync } from "node:fs";
import { noble } from "../src/audit/verifier/noble.ts";

type Case = readonly [keyof typeof noble, ...string[]];
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const asked = JSON.parse(readFileSync(0, "utf8")) as readonly Case[];
const answers = asked.map(([name, ...words]) => {
  const answer = (noble[name] as (...words: Uint8Array[]) => Uint8Array | boolean | undefined)(...words.map(bytes));
  return answer instanceof Uint8Array ? Buffer.from(answer).toString("hex") : (answer ?? null);
});
console.log(JSON.stringify(answers));

/** A document as the text of a QR code: `PLACET1:`, then its canonical JSON by raw DEFLATE (RFC 1951) in base 45 (RFC 9285),
 * whose letters are those that a QR code holds in five and a half bits. */
import { canonical } from "./canonical.ts";

const PREFIX = "PLACET1:";
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/** Bytes that a code may unpack to: a slip has some thousand, a proof two. */
const MOST = 65_536;

export async function codeOf(document: object): Promise<string> {
  const packed = new Blob([canonical(document)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return PREFIX + base45(new Uint8Array(await new Response(packed).arrayBuffer()));
}

/** The JSON of a document that somebody chose, photographed or pasted: a file's content as it is, a code's text unpacked.
 * Throws where a code's text is none, or too much comes out of it. */
export async function contentOf(chosen: string): Promise<string> {
  const text = chosen.trim();
  return text.startsWith(PREFIX) ? unpacked(text.slice(PREFIX.length)) : text;
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
    if (size > MOST) throw new RangeError("too much in a code");
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

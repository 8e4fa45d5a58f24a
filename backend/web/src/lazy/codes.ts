/** QR codes: a program of its own, loaded where one is drawn or read. */
import encodeQR from "qr";
import decodeQR from "qr/decode.js";

/** The squares of a code, row by row, with the quiet border around them. A code that would be too fine to print with
 * 15 % redundancy has 7 %. RangeError or so for too much text. */
export function draw(letters: string): readonly (readonly boolean[])[] {
  const options = { encoding: "alphanumeric", border: 4 } as const;
  try {
    const code = encodeQR(letters, "raw", { ...options, ecc: "medium" });
    if (code.length <= FINE) return code;
  } catch {
    // too much for that redundancy
  }
  return encodeQR(letters, "raw", { ...options, ecc: "low" });
}
/** Squares a side up to version 30, with the border. */
const FINE = 137 + 8;

/** The text of the code in a picture; null where none is found. */
export function read(picture: ImageData): string | null {
  try {
    return decodeQR(picture);
  } catch {
    return null;
  }
}

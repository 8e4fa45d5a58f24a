/** QR codes on a page: drawn, and found in a picture. What does either is loaded when it is needed. */
declare const CODES: string; // the address of ../lazy/codes.ts

export type Squares = readonly (readonly boolean[])[];
/** Pixels of a picture's longer side in which a code is looked for. */
const SIDE = 2_000;

const load = async () => (await import(CODES)) as typeof import("../lazy/codes.ts");

export const drawn = async (letters: string): Promise<Squares> => (await load()).draw(letters);

/** The text of a photographed code; null where there is none. */
export async function codeIn(file: File): Promise<string | null> {
  const { read } = await load();
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  const canvas = new OffscreenCanvas(width, height).getContext("2d") as OffscreenCanvasRenderingContext2D;
  canvas.drawImage(picture, 0, 0, width, height);
  return read(canvas.getImageData(0, 0, width, height));
}

export function Code({ code, name }: { code: Squares; name: string }) {
  const dark = code.flatMap((row, y) => row.map((one, x) => (one ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return (
    <svg viewBox={`0 0 ${code.length} ${code.length}`} role="img" aria-label={name} shape-rendering="crispEdges">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={dark} fill="#000" />
    </svg>
  );
}

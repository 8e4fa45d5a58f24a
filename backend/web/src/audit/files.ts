/** Which of the files that somebody chose or dropped is what. */
export type Kind = "bundle" | "deployment" | "trust";
export type Chosen = Readonly<Record<Kind, File | null>>;

export const NOTHING: Chosen = { bundle: null, deployment: null, trust: null };
export const MOST = 64 * 1024 * 1024;
const START = 4096;

/** By the type that a document of Placet names at its start; anything else is taken for the bundle, for the verifier to say what is wrong. */
async function kindOf(file: File): Promise<Kind> {
  const start = await file.slice(0, START).text();
  const [, kind] = /"type"\s*:\s*"placet\.(bundle|deployment|trust)"/.exec(start) ?? [];
  return (kind as Kind | undefined) ?? "bundle";
}

export async function sorted(files: Iterable<File>, before: Chosen): Promise<Chosen> {
  const chosen = { ...before };
  for (const file of files) chosen[await kindOf(file)] = file;
  return chosen;
}

/** Placet's own verifier in Python, on Pyodide: the same in a browser's worker and, for tests, under Node. */
import { noble } from "./noble.ts";
import shims from "./shims.py";

/** As far as it is used here; `pyodide.mjs` is loaded at run time. */
export interface Pyodide {
  readonly globals: { set(name: string, value: unknown): void };
  registerJsModule(name: string, module: object): void;
  unpackArchive(archive: ArrayBufferView, format: "zip", options: { extractDir: string }): void;
  runPython(code: string): unknown;
}
export interface Files {
  readonly bundle: Uint8Array;
  readonly deployment: Uint8Array | null;
  readonly trust: Uint8Array | null;
  /** 32 bytes in hex that somebody looks for, or null. */
  readonly asked: string | null;
}

const PACKAGES = "/lib/packages";
const SETUP = `
import sys
sys.path.insert(0, "${PACKAGES}")
`;
const LOAD = "from placet.audit.browser import answer";
const JUDGE = "answer(bundle, deployment, trust, asked)";

/** `packages`: zip archives of Python packages, Placet's among them. */
export function verifier(python: Pyodide, packages: readonly Uint8Array[]): (files: Files) => string {
  python.registerJsModule("noble", noble);
  for (const one of packages) python.unpackArchive(one, "zip", { extractDir: PACKAGES });
  python.runPython(SETUP + shims);
  python.runPython(LOAD);
  return (files) => {
    for (const [name, content] of Object.entries(files)) python.globals.set(name, content ?? undefined); // Python's None
    return python.runPython(JUDGE) as string;
  };
}

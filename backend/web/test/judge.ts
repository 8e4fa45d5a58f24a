/** The page's verifier under Node: a line of JSON in (paths of `bundle`, `deployment`, `trust`), a line of JSON out.
 *
 *     node judge.mjs FOLDER      FOLDER: what a node serves under /verifier
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { verifier, type Pyodide } from "../src/audit/verifier/python.ts";

const folder = process.argv[2] as string;
const read = (path: string | null): Uint8Array | null => (path === null ? null : new Uint8Array(readFileSync(path)));
const { loadPyodide } = (await import(join(folder, "pyodide.mjs"))) as { loadPyodide: (options: object) => Promise<Pyodide> };
const python = await loadPyodide({ indexURL: folder });
const judge = verifier(python, ["packages.zip", "placet.zip"].map((name) => read(join(folder, name)) as Uint8Array));
for await (const line of createInterface({ input: process.stdin })) {
  const { bundle, deployment, trust } = JSON.parse(line) as Record<"bundle" | "deployment" | "trust", string | null>;
  console.log(judge({ bundle: read(bundle) as Uint8Array, deployment: read(deployment), trust: read(trust), asked: null }));
}

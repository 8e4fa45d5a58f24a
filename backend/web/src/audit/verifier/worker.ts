/** The worker in which Placet's own Python judges a bundle. It loads with the first message and stays. */
import type { Answer, Order } from "./channel.ts";
import { verifier, type Files, type Pyodide } from "./python.ts";

const PACKAGES = ["packages.zip", "placet.zip"];
let ready: Promise<(files: Files) => string> | null = null;

async function load(folder: string): Promise<(files: Files) => string> {
  const archives = PACKAGES.map(async (name) => {
    const answer = await fetch(`${folder}/${name}`);
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  });
  const { loadPyodide } = (await import(`${folder}/pyodide.mjs`)) as { loadPyodide: (options: object) => Promise<Pyodide> };
  const [python, ...packages] = await Promise.all([loadPyodide({ indexURL: `${folder}/` }), ...archives]);
  return verifier(python as Pyodide, packages as Uint8Array[]);
}

const tell = (answer: Answer): void => postMessage(answer);

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  ready ??= load(data.folder);
  ready.then(
    (judge) => {
      tell({ kind: "ready" });
      if (data.files !== null) tell({ kind: "answer", text: judge(data.files) });
    },
    (error: unknown) => tell({ kind: "unloaded", words: String(error).slice(-300) }),
  ).catch((error: unknown) => tell({ kind: "broken", words: String(error).slice(-300) }));
});

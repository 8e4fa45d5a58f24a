/** The verifier as the page has it: one worker, loaded when the first file is chosen. */
import type { Answer, Order } from "./verifier/channel.ts";
import type { Files } from "./verifier/python.ts";

declare const WORKER: string; // the worker's address, set by the build

/** A text, or an element: its name, its attributes, what is in it (`placet.audit.browser.drawn`). */
export type Node = string | readonly [string, Readonly<Record<string, string>>, readonly Node[]];
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly expected: string | null;
  readonly found: string | null;
  readonly remedy: string | null;
}
export interface Report {
  readonly job: string;
  readonly verdict: "intact" | "lawfully-erased" | "incomplete" | "tampered" | "disputed" | "breached";
  readonly basis: "live-chain" | "own-files" | "bundle";
}
export interface Judged {
  readonly judgement: { readonly report: Report | null; readonly failure: Failure | null };
  readonly page?: Node;
  readonly html?: string;
  /** What the number in the box is in this bundle. */
  readonly asked?: "job" | "consent" | "transaction" | "absent";
}
export interface Home {
  /** Whose node serves the page; null on the auditor's own machine. */
  readonly name: string | null;
  readonly verifier: { readonly folder: string; readonly files: Readonly<Record<string, number>> } | null;
}

/** The verifier ended, or could not be loaded. `loaded`: whether it ever ran. */
export class NoVerdict extends Error {
  constructor(
    readonly loaded: boolean,
    words: string,
  ) {
    super(words);
  }
}

export async function home(): Promise<Home> {
  const answer = await fetch("/verifier/manifest.json");
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()) as Home;
}

/** What a transaction is about, by the word of the node that serves the page; null where it doesn't say. */
export async function transaction(number: string): Promise<{ readonly jobs: readonly string[]; readonly consents: readonly string[] } | null> {
  try {
    const answer = await fetch(`/v1/transactions/${number}`);
    return answer.ok ? ((await answer.json()) as { jobs: string[]; consents: string[] }) : null;
  } catch {
    return null;
  }
}

interface UrlPolicy {
  createScriptURL(url: string): string;
}
declare const trustedTypes: undefined | { createPolicy(name: string, rules: UrlPolicy): UrlPolicy };

let address = "";
const own: UrlPolicy = {
  createScriptURL(url) {
    if (url !== address) throw new TypeError("not the page's own worker");
    return url;
  },
};
let made: UrlPolicy | null = null;
const policy = (): UrlPolicy => (made ??= typeof trustedTypes === "undefined" ? own : trustedTypes.createPolicy("placet", own));

/** A page that is an origin of its own may run a worker from its own text alone. */
async function start(): Promise<Worker> {
  const program = await (await fetch(WORKER)).text();
  address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  return new Worker(policy().createScriptURL(address));
}

export class Verifying {
  readonly #folder: string;
  #worker: Promise<Worker> | null = null;

  constructor(folder: string) {
    this.#folder = new URL(`/verifier/${folder}`, location.href).href;
  }

  /** Loads, so that it is there once it is needed. What runs already goes on, and its answer goes to who asked. */
  warm(): void {
    if (this.#worker === null) void this.#ask(null, () => undefined).catch(() => undefined);
  }

  judge(files: Files, onReady: () => void): Promise<Judged> {
    return this.#ask(files, onReady);
  }

  /** Ends what runs; the next time it is loaded again. */
  stop(): void {
    void this.#worker?.then((worker) => worker.terminate());
    this.#worker = null;
  }

  async #ask(files: Files | null, onReady: () => void): Promise<Judged> {
    this.#worker ??= start();
    const worker = await this.#worker;
    return new Promise((resolve, reject) => {
      const end = (error: NoVerdict) => {
        this.stop();
        reject(error);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        end(new NoVerdict(false, event.message));
      };
      worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        if (data.kind === "ready") onReady();
        else if (data.kind === "answer") resolve(JSON.parse(data.text) as Judged);
        else end(new NoVerdict(data.kind === "broken", data.words));
      };
      const order: Order = { folder: this.#folder, files };
      worker.postMessage(order);
    });
  }
}

/** What page and worker tell each other. */
import type { Files } from "./python.ts";

/** `folder`: the address of the verifier's files; `files` is null to load alone. */
export interface Order {
  readonly folder: string;
  readonly files: Files | null;
}
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "unloaded" | "broken"; readonly words: string };

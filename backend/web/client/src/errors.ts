/** What went wrong, by a code that a page has words for. `found` is for the curious and never holds a secret. */
export type Code =
  | "altered" // the node says something else than its offer: nothing may be signed
  | "network" // the wallet is on another network and would not change
  | "network.unknown" // the wallet does not know the network
  | "rejected" // the person said no in the wallet or to the passkey
  | "timeout" // the wallet did not answer
  | "account" // another account answered than was asked
  | "unsupported" // this browser has no passkeys
  | "wallet" // the wallet failed in another way
  | "offline" // nobody answered
  | "refused" // the node or the enroller said no; `problem` has its words
  | "enrolment"; // the enroller answered something else than was asked

/** RFC 9457, as nodes and enrollers answer. */
export interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly remedy?: string;
}

export class PlacetError extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly found?: string,
    readonly problem?: Problem,
  ) {
    super(message);
    this.name = "PlacetError";
  }
}

/** The plain words that an owner signs. Nobody writes them: they follow from the offer, its scope and the names. */
import type { Hex } from "./bytes.ts";
import type { Names, Offer, Scope } from "./documents.ts";
import { PlacetError } from "./errors.ts";
import { Words, type Language } from "./words.ts";

const OPERATIONS = ["PSI", "MPC", "FL", "HE", "DP", "TEE", "ZK"] as const;
const LAST_SECOND = 253_402_300_799; // of the year 9999

function operationWords(operations: number, words: Words): string {
  if (!Number.isInteger(operations) || operations <= 0 || operations >= 1 << OPERATIONS.length) {
    throw new PlacetError("altered", "operations that nobody knows", String(operations));
  }
  return words.list(OPERATIONS.filter((_, bit) => operations & (1 << bit)).map((name) => words.of("operations", name)));
}

function outputWords(scope: Scope, words: Words): string {
  let output = words.of("outputs", scope.output);
  const gap = scope.smallest_gap;
  if (gap !== undefined) output = words.of("gaps", scope.output).replace(/\{(output|gap)\}/g, (_, name) => (name === "gap" ? gap : output));
  if (scope.matched_by?.length) output = words.say("output-matched-by", { output, columns: words.list(scope.matched_by) });
  if (scope.tolerated_withdrawals !== undefined) {
    output = words.say("output-withdrawals", { output, number: scope.tolerated_withdrawals });
  }
  if (scope.smallest_change !== undefined) output = words.say("output-change", { output, number: scope.smallest_change });
  return output;
}

function namespaceWords(namespace: string, names: Names, words: Words): string {
  const slash = namespace.indexOf("/");
  if (slash < 0) return words.say("kind-everywhere", { namespace });
  return words.say("kind-of", { name: namespace.slice(slash + 1), issuer: names(namespace.slice(0, slash) as Hex) });
}

function columnsWords(scope: Scope, names: Names, words: Words): string {
  const columns = words.list(scope.columns);
  if (scope.namespace !== undefined && scope.identifier !== undefined) {
    const kind = namespaceWords(scope.namespace, names, words);
    return words.say("found-by", { columns, identifier: scope.identifier, kind });
  }
  if (scope.personal) throw new PlacetError("altered", "the scope does not say how persons are found");
  return columns;
}

const purposeText = (scope: Scope, words: Words): string =>
  words.say("purpose", { purpose: words.of("purposes", scope.purpose), iri: scope.purpose });

function partiesWords(scope: Scope, names: Names, words: Words): string {
  const parties = words.list(scope.parties.map(names));
  if (!scope.auditors?.length) return parties;
  return words.say("parties-audited", { parties, auditors: words.list(scope.auditors.map(names)) });
}

/** The texts of `Details`. */
export function offerWords(offer: Offer, scope: Scope, names: Names, language: Language) {
  const words = new Words(language);
  return {
    dataset: words.say("dataset", { title: scope.title, provider: names(scope.provider) }),
    consumer: names(offer.consumer),
    purpose: purposeText(scope, words),
    columns: columnsWords(scope, names, words),
    output: outputWords(scope, words),
    parties: partiesWords(scope, names, words),
  };
}

function when(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > LAST_SECOND) {
    throw new PlacetError("altered", "a time out of range", String(seconds));
  }
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A privacy budget in nano-rho as people read it: ε at δ = 10⁻⁶, rounded up to hundredths, as the core has it. */
function epsilon(budget: number): string {
  const rho = budget / 1e9;
  return (Math.ceil((rho + 2 * Math.sqrt(rho * 13.815510557964274)) * 100) / 100).toFixed(2);
}

export interface Window {
  readonly not_before: number;
  readonly not_after: number;
  readonly uses: number;
}

export function notice(offer: Offer, scope: Scope, names: Names, window: Window, language: Language): string {
  const words = new Words(language);
  const [consumer, provider, group] = [names(offer.consumer), names(scope.provider), scope.smallest_group];
  const lines = [
    words.say("notice-allow", { provider, title: scope.title, consumer }),
    words.say("notice-data", { columns: columnsWords(scope, names, words) }),
    words.say("notice-purpose", { purpose: purposeText(scope, words) }),
    words.say("notice-operations", {
      operations: operationWords(offer.operations, words),
      recipes: words.list(scope.recipes),
    }),
    words.say(group > 1 ? "notice-output-of-groups" : "notice-output", {
      consumer,
      output: outputWords(scope, words),
      number: group,
    }),
    ...Object.entries(scope.bounds ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([column, [low, high]]) => words.say("notice-bounds", { column, low, high })),
    ...(offer.budget > 0 ? [words.say("notice-budget", { epsilon: epsilon(offer.budget) })] : []),
    ...(scope.data_life !== undefined
      ? [words.say(scope.data_life === 1 ? "notice-data-life-of-one" : "notice-data-life", { consumer, days: scope.data_life })]
      : []),
    words.say("notice-parties", { parties: words.list(scope.parties.map(names)) }),
    ...(scope.auditors?.length
      ? [words.say("notice-auditors", { provider, auditors: words.list(scope.auditors.map(names)) })]
      : []),
  ];
  if (scope.personal) {
    const number = scope.smallest_change;
    lines.push(
      number === undefined
        ? words.say("notice-differences", { consumer })
        : words.say("notice-differences-bounded", { consumer, provider, number }),
    );
  }
  const { not_before, not_after, uses } = window;
  const values = { begin: when(not_before), end: when(not_after), uses };
  lines.push(
    words.say(uses === 1 ? "notice-window-of-one" : "notice-window", values),
    words.say("notice-withdrawal"),
    words.say("notice-chain"),
  );
  return lines.join("\n");
}

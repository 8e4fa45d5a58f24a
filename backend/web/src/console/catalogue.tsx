/** What this institution has and offers, and what others offer to it. */
import { Link, Title } from "../common/parts.tsx";
import { get, type Dataset, type Known, type Named, type Offered, type OfferedBy, type OwnOffer } from "./api.ts";
import { listOf, numberOf, purposeName, recipeName, t, tOr } from "./i18n.ts";
import { Facts, Loaded, Table, useLoad } from "./parts.tsx";

export function Catalogue({ own, auditors, news, resumed }: { own: Named; auditors: readonly Named[]; news: number; resumed: number }) {
  const datasets = useLoad(() => get<{ datasets: readonly Dataset[] }>("/v1/catalogue"), "own", news);
  const offered = useLoad(() => get<{ offered: readonly OfferedBy[] }>("/v1/offered"), "offered", resumed);
  return (
    <>
      <Title>{t("menu/catalogue")}</Title>
      <section>
        <h2>{t("catalogue.own", { name: own.name })}</h2>
        <Loaded of={datasets}>
          {({ datasets: all }) => (all.length === 0 ? <p>{t("catalogue.none")}</p> : all.map((one) => <OneDataset dataset={one} own={own} />))}
        </Loaded>
      </section>
      <section>
        <h2>{t("catalogue.others")}</h2>
        <p class="hint">{t("catalogue.others-about")}</p>
        <Loaded of={offered}>
          {({ offered: all }) =>
            all.every((one) => one.offers.length + one.datasets.length === 0 && one.error === null) ? (
              <p>{t("catalogue.others-none")}</p>
            ) : (
              all.map((one) => <Others of={one} auditors={auditors} />)
            )
          }
        </Loaded>
      </section>
    </>
  );
}

function OneDataset({ dataset, own }: { dataset: Dataset; own: Named }) {
  const heading = `dataset-${dataset.id.slice(2, 10)}`;
  const kind = dataset.origin !== null ? "model" : dataset.personal ? "persons" : "own";
  return (
    <article class="card" aria-labelledby={heading}>
      <header>
        <h3 id={heading}>{dataset.name}</h3>
        <span>{t(`catalogue.kind-${kind}`)}</span>
      </header>
      <Facts
        rows={[
          [t("catalogue.rows"), dataset.rows === null ? "–" : numberOf(dataset.rows)],
          [t("catalogue.columns"), listOf(dataset.columns)],
          ...(dataset.budget === null || dataset.budget === 0
            ? []
            : [[t("catalogue.budget"), spentOf(dataset.spent ?? 0, dataset.budget)] as const]),
        ]}
      />
      {dataset.offers.length === 0 ? (
        <p class="hint">{t("catalogue.no-offers")}</p>
      ) : (
        <Table
          caption={t("catalogue.offers")}
          rows={dataset.offers}
          columns={[
            { title: t("catalogue.offer"), cell: (one) => one.title },
            { title: t("catalogue.to"), cell: (one) => (one.consumer.address === own.address ? t("catalogue.self") : one.consumer.name) },
            { title: t("plan.purpose"), cell: (one) => purposeName(one.purpose) },
            { title: t("catalogue.recipes"), cell: (one) => listOf(one.recipes.map(recipeName)) },
            ...(dataset.offers.some((one) => one.auditors.length > 0)
              ? [{ title: t("catalogue.auditors"), cell: (one: OwnOffer) => auditorNames(one.auditors.map((who) => who.name)) }]
              : []),
            { title: t("catalogue.consents"), cell: (one) => numberOf(one.consents.current), number: true },
            ...(dataset.offers.some((one) => one.consents.batches > 0)
              ? [{ title: t("catalogue.batches"), cell: (one: OwnOffer) => numberOf(one.consents.batches), number: true }]
              : []),
            ...(dataset.offers.some((one) => one.budget > 0)
              ? [{ title: t("catalogue.budget"), cell: (one: OwnOffer) => (one.budget > 0 ? spentOf(one.spent, one.budget) : "–") }]
              : []),
            { title: t("catalogue.ended"), cell: (one) => numberOf(one.consents.ended), number: true },
            { title: t("catalogue.jobs"), cell: (one) => numberOf(one.openings), number: true },
          ]}
        />
      )}
    </article>
  );
}

const auditorNames = (names: readonly string[]): string => (names.length === 0 ? t("catalogue.no-auditors") : listOf(names));
const spentOf = (spent: number, budget: number): string => t("catalogue.spent", { spent: numberOf(spent), budget: numberOf(budget) });

/** What jobs can still spend of a budget; null where there is none, or the chain did not say. */
const leftOf = (budget: number | null, spent: number | null): number | null => (budget === null || budget === 0 || spent === null ? null : budget - spent);
const leftWords = (left: number | null): string => (left === null ? "–" : t("catalogue.left-number", { left: numberOf(left) }));

function leftOfOffer(offer: Offered, datasets: readonly Known[]): number | null {
  const own = leftOf(offer.offer.budget, offer.spent);
  const dataset = datasets.find((one) => one.id === offer.offer.dataset);
  const whole = dataset === undefined ? own : leftOf(dataset.budget, dataset.spent);
  return own === null || whole === null ? own : Math.min(own, whole);
}

function Others({ of: { provider, offers, datasets, error }, auditors }: { of: OfferedBy; auditors: readonly Named[] }) {
  const nameOf = (address: string) => auditors.find((one) => one.address === address)?.name ?? address;
  if (error === null && offers.length + datasets.length === 0) return null;
  return (
    <article class="card">
      <header>
        <h3>{provider.name}</h3>
      </header>
      {error !== null ? (
        <p>{tOr(`error.${error}`, t("catalogue.away", { name: provider.name }), { detail: error })}</p>
      ) : (
        <>
          {datasets.length > 0 && (
            <Table
              caption={t("catalogue.tables")}
              rows={datasets}
              columns={[
                { title: t("catalogue.table"), cell: (one) => one.name },
                { title: t("catalogue.about"), cell: (one) => one.about ?? "–" },
                { title: t("catalogue.columns"), cell: (one) => listOf(one.columns) },
                { title: t("catalogue.left"), cell: (one) => leftWords(leftOf(one.budget, one.spent)) },
              ]}
            />
          )}
          {offers.length > 0 && (
            <Table
              caption={t("catalogue.of", { name: provider.name })}
              rows={offers}
              columns={[
                { title: t("catalogue.offer"), cell: (one) => one.scope.title },
                { title: t("plan.purpose"), cell: (one) => purposeName(one.scope.purpose) },
                { title: t("catalogue.columns"), cell: (one) => listOf(one.scope.columns) },
                { title: t("catalogue.recipes"), cell: (one) => listOf(one.scope.recipes.map(recipeName)) },
                ...(offers.some((one) => one.scope.auditors !== undefined)
                  ? [{ title: t("catalogue.auditors"), cell: (one: Offered) => auditorNames((one.scope.auditors ?? []).map(nameOf)) }]
                  : []),
                ...(offers.some((one) => one.offer.budget > 0)
                  ? [{ title: t("catalogue.left"), cell: (one: Offered) => leftWords(leftOfOffer(one, datasets)) }]
                  : []),
                { title: t("catalogue.jobs"), cell: (one) => numberOf(one.openings), number: true },
                { title: t("catalogue.use"), cell: () => <Link to="/console/start">{t("menu/start")}</Link> },
              ]}
            />
          )}
        </>
      )}
    </article>
  );
}

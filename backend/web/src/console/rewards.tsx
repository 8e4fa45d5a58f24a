/** What jobs paid this institution, what it can claim, and who withheld what. */
import { Link, Title } from "../common/parts.tsx";
import { get, type Named, type Rewards as All } from "./api.ts";
import { listOf, numberOf, recipeName, t } from "./i18n.ts";
import { Hash, Loaded, Table, Tag, useLoad } from "./parts.tsx";

export function Rewards({ own, news }: { own: Named; news: number }) {
  const rewards = useLoad(() => get<All>("/v1/rewards"), "", news);
  return (
    <>
      <Title>{t("menu/rewards")}</Title>
      <p class="lead">{t("rewards.about")}</p>
      <Loaded of={rewards}>
        {({ tokens, jobs }) =>
          jobs.length === 0 && tokens.length === 0 ? (
            <div class="quiet">
              <p>{t("rewards.none")}</p>
            </div>
          ) : (
            <>
              {tokens.length > 0 && (
                <Table
                  caption={t("rewards.sums")}
                  rows={tokens}
                  columns={[
                    { title: t("plan.token"), cell: (one) => <Hash value={one.token} /> },
                    { title: t("rewards.owed"), cell: (one) => numberOf(one.owed), number: true },
                    { title: t("rewards.claimed"), cell: (one) => numberOf(one.claimed), number: true },
                  ]}
                />
              )}
              {tokens.some((one) => one.owed !== "0") && <p class="hint">{t("rewards.claim")}</p>}
              <section>
                <h2>{t("rewards.jobs")}</h2>
                <Table
                  hidden
                  caption={t("rewards.jobs")}
                  rows={jobs}
                  columns={[
                    { title: t("jobs.what"), cell: (one) => <Link to={`/console/jobs/${one.job}`}>{recipeName(one.recipe)}</Link> },
                    { title: t("rewards.sponsor"), cell: (one) => (one.sponsor.address === own.address ? t("rewards.you") : one.sponsor.name) },
                    { title: t("jobs.status"), cell: (one) => <Tag status={one.ended ?? "going"} /> },
                    { title: t("rewards.agreed"), cell: (one) => numberOf(one.reward), number: true },
                    { title: t("rewards.credited"), cell: (one) => numberOf(one.credited), number: true },
                    { title: t("rewards.refunded"), cell: (one) => numberOf(one.refunded), number: true },
                    { title: t("rewards.withheld"), cell: (one) => (one.withheld.length === 0 ? "–" : listOf(one.withheld.map((who) => who.name))) },
                  ]}
                />
              </section>
            </>
          )
        }
      </Loaded>
    </>
  );
}

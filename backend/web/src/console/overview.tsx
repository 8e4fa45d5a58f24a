/** What waits for the reader, what is going on, whether all is well, and how it went. */
import { Link, Title } from "../common/parts.tsx";
import { get, health, type Day, type Health, type JobPage, type Named, type Outcomes, type Plan, type Rewards } from "./api.ts";
import { Consents, JobsByOutcome } from "./charts.tsx";
import { numberOf, t, tOr } from "./i18n.ts";
import { JobTable } from "./jobs.tsx";
import { Loaded, useLoad } from "./parts.tsx";

const DAYS = 91; // thirteen weeks

/** `resumed`: how often the stream came on; what costs the node more is asked for then alone. */
export function Overview({ own, news, resumed }: { own: Named; news: number; resumed: number }) {
  const plans = useLoad(() => get<{ plans: readonly Plan[] }>("/v1/plans"), "plans", news);
  const outcomes = useLoad(() => get<Outcomes>("/v1/outcomes"), "outcomes", news);
  const rewards = useLoad(() => get<Rewards>("/v1/rewards"), "rewards", news);
  const well = useLoad(health, "health", news);
  const days = useLoad(() => get<{ days: readonly Day[] }>(`/v1/consents/timeline?days=${DAYS}`), "days", resumed);
  const jobs = useLoad(() => get<JobPage>("/v1/jobs"), "jobs", news);
  const waiting = plans.content?.plans.filter((one) => one.state === "waiting").length;
  const owed = rewards.content?.tokens.filter((one) => one.owed !== "0");
  return (
    <>
      <Title>{t("overview.title")}</Title>
      <ul class="tiles">
        <Tile to="/console/plans" number={waiting} words={t("overview.plans")} urgent={!!waiting} />
        <Tile to="/console/jobs" number={outcomes.content?.going} words={t("overview.jobs")} />
        <Tile to="/console/rewards" number={owed?.length} words={t("overview.rewards")} />
      </ul>
      <Loaded of={well}>{(content) => <HealthWords health={content} own={own} />}</Loaded>
      <section>
        <h2>{t("overview.newest")}</h2>
        <Loaded of={jobs}>
          {({ jobs: all }) =>
            all.length === 0 ? (
              <p>
                {t("jobs.none")} <Link to="/console/start">{t("menu/start")}</Link>
              </p>
            ) : (
              <>
                <JobTable own={own} jobs={all.slice(0, 5)} caption={t("overview.newest")} />
                <p>
                  <Link to="/console/jobs">{t("overview.all")}</Link>
                </p>
              </>
            )
          }
        </Loaded>
      </section>
      <div class="halves">
        <section>
          <h2>{t("chart.consents")}</h2>
          <Loaded of={days}>{(content) => <Consents days={content.days} />}</Loaded>
        </section>
        <section>
          <h2>{t("chart.jobs")}</h2>
          <Loaded of={outcomes}>{(content) => <JobsByOutcome outcomes={content} />}</Loaded>
        </section>
      </div>
    </>
  );
}

function Tile({ to, number, words, urgent }: { to: string; number: number | undefined; words: string; urgent?: boolean }) {
  return (
    <li>
      <Link to={to} class={urgent ? "urgent" : ""}>
        <strong>{number === undefined ? "–" : numberOf(number)}</strong>
        <span>{words}</span>
      </Link>
    </li>
  );
}

function HealthWords({ health, own }: { health: Health; own: Named }) {
  const parts: Record<string, string> = { chain: health.chain, vault: health.vault, storage: health.storage };
  for (const [loop, state] of Object.entries(health.loops)) parts[`loop ${loop}`] = state;
  const sick = Object.entries(parts).filter(([, state]) => state !== "ok");
  if (health.ok) {
    return (
      <div class="band good">
        <p>{t("health.ok", { name: own.name })}</p>
      </div>
    );
  }
  return (
    <div class="band bad" role="alert">
      <h2>{t("health.title")}</h2>
      <ul>
        {sick.map(([part, state]) => (
          <li>
            {tOr(`health.${part}`, t("health.part", { part: part.replace(/^loop /, ""), state }), { state })} <small lang="en">{health.words[part]}</small>
          </li>
        ))}
      </ul>
      <p>{t("health.do")}</p>
    </div>
  );
}

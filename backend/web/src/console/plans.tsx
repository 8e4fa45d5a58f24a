/** Plans that wait for a person's signature: who asks, what each side learns, what it pays, and the two answers. */
import { useState } from "preact/hooks";
import { Link, Loading, Title, Trouble } from "../common/parts.tsx";
import { get, post, type Named, type Plan } from "./api.ts";
import { listOf, numberOf, purposeName, recipeName, roleName, t, timeOf } from "./i18n.ts";
import { Countdown, Facts, Loaded, Question, Table, Tag, useLoad } from "./parts.tsx";
import { AuditOf, signsStake } from "./stakes.tsx";

export function Plans({ news }: { news: number }) {
  const plans = useLoad(() => get<{ plans: readonly Plan[]; holds: "none" | "all" | "rules" }>("/v1/plans"), "", news);
  return (
    <>
      <Title>{t("menu/plans")}</Title>
      <p class="lead">{t("plans.about")}</p>
      <Loaded of={plans}>
        {({ plans: all, holds }) => {
          const waiting = all.filter((one) => one.state === "waiting");
          const decided = all.filter((one) => one.state !== "waiting");
          return (
            <>
              {waiting.length === 0 && (
                <div class="quiet">
                  <p>{t("plans.none")}</p>
                  <p>{t(`plans.holds-${holds}`)}</p>
                </div>
              )}
              {waiting.map((one) => (
                <Card plan={one} />
              ))}
              {decided.length > 0 && (
                <section>
                  <h2>{t("plans.decided")}</h2>
                  <Table
                    hidden
                    caption={t("plans.decided")}
                    rows={decided}
                    columns={[
                      { title: t("jobs.what"), cell: (one) => <Link to={`/console/plans/${one.job}`}>{recipeName(one.recipe)}</Link> },
                      { title: t("plan.consumer"), cell: (one) => one.consumer.name },
                      { title: t("jobs.status"), cell: (one) => <Tag status={one.state} /> },
                      { title: t("plan.reason"), cell: (one) => one.reason ?? "–" },
                      { title: t("plan.by"), cell: (one) => one.by ?? "–" },
                      { title: t("plan.decided"), cell: (one) => (one.decided === null ? "–" : timeOf(one.decided)) },
                    ]}
                  />
                </section>
              )}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Card({ plan }: { plan: Plan }) {
  const heading = `plan-${plan.job.slice(2, 10)}`;
  return (
    <article class="card" aria-labelledby={heading}>
      <header>
        <h2 id={heading}>{t("plan.asks", { consumer: plan.consumer.name, recipe: recipeName(plan.recipe) })}</h2>
        <Tag status={plan.state} />
      </header>
      <Facts
        rows={[
          [t("plan.purpose"), purposeName(plan.purpose)],
          [t("plan.rows"), rowsOf(plan)],
          [t("plan.reward"), rewardOf(plan)],
          [t("plan.open-by"), <Countdown to={plan.open_by} />],
        ]}
      />
      <Link to={`/console/plans/${plan.job}`} class="button">
        {t("plan.read")}
      </Link>
    </article>
  );
}

const rowsOf = (plan: Plan): string =>
  plan.rows === null
    ? t("plan.rows-own")
    : plan.table_rows === null
      ? numberOf(plan.rows)
      : t("plan.rows-of", { rows: numberOf(plan.rows), all: numberOf(plan.table_rows) });

const rewardOf = (plan: Plan): string => (plan.reward === "0" ? t("plan.no-reward") : t("plan.units", { amount: numberOf(plan.reward) }));

export function PlanPage({ id, own, news }: { id: string; own: Named; news: number }) {
  const plan = useLoad(() => get<Plan>(`/v1/plans/${id}`), id, news);
  const [asking, setAsking] = useState<"sign" | "refuse" | null>(null);
  if (plan.content === null) return plan.trouble === null ? <Loading /> : <Trouble words={plan.trouble} again={plan.again} whole />;
  const one = plan.content;
  const decided = () => {
    setAsking(null);
    plan.again();
  };
  return (
    <>
      <Link to="/console/plans" class="back">
        {t("menu/plans")}
      </Link>
      <Title>{t("plan.asks", { consumer: one.consumer.name, recipe: recipeName(one.recipe) })}</Title>
      <p class="lead" lang="en">
        {one.does}
      </p>
      {one.state !== "waiting" && <Decided plan={one} />}
      <Facts
        rows={[
          [t("plan.purpose"), purposeName(one.purpose)],
          [t("plan.role"), roleName(one.role)],
          [t("plan.rows"), rowsOf(one)],
          ...(one.consents === null ? [] : [[t("plan.consents"), numberOf(one.consents)] as const]),
          ...(one.budget > 0 ? [[t("plan.budget"), t("plan.nano-rho", { number: numberOf(one.budget) })] as const] : []),
          [t("plan.reward"), rewardOf(one)],
          ...(one.pot === "0" ? [] : [[t("plan.pot"), t("plan.units", { amount: numberOf(one.pot) })] as const]),
          ...(one.reward === "0" && one.pot === "0" ? [] : [[t("plan.token"), <code>{one.token}</code>] as const]), // whole: anybody makes one
          [t("plan.open-by"), <Countdown to={one.open_by} />],
        ]}
      />
      <section>
        <h2>{t("plan.learns")}</h2>
        <Table
          hidden
          caption={t("plan.learns")}
          rows={one.parties}
          columns={[
            { title: t("plan.who"), cell: (who) => <strong>{who.address === own.address ? t("plan.you", { name: who.name }) : who.name}</strong> },
            { title: t("jobs.role"), cell: (who) => roleName(who.role) },
            { title: t("plan.learns-what"), cell: (who) => <span lang="en">{who.learns}</span> },
            { title: t("plan.reward"), cell: (who) => (who.reward === "0" ? "–" : numberOf(who.reward)), number: true },
          ]}
        />
      </section>
      <AuditOf plan={one} />
      {one.state === "waiting" && (
        <div class="answers">
          <button type="button" onClick={() => setAsking("sign")}>
            {t("plan.sign")}
          </button>
          <button type="button" onClick={() => setAsking("refuse")}>
            {t("plan.refuse")}
          </button>
        </div>
      )}
      <details>
        <summary>{t("plan.details")}</summary>
        <Facts
          rows={[
            [t("plan.how"), <span lang="en">{one.operations}</span>],
            ...Object.entries(one.parameters).map(([name, value]) => [name, <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>] as const),
            [t("jobs.deadline"), timeOf(one.deadline)],
            [t("plan.settle-by"), timeOf(one.settle_by)],
            [t("job.number"), <code>{one.job}</code>],
          ]}
        />
      </details>
      {asking === "sign" && <Sign plan={one} own={own} done={decided} close={() => setAsking(null)} />}
      {asking === "refuse" && <Refuse plan={one} done={decided} close={() => setAsking(null)} />}
    </>
  );
}

function Decided({ plan }: { plan: Plan }) {
  return (
    <div class={`band ${plan.state === "signed" ? "good" : "bad"}`} role="status">
      <h2>{t(`plan.is-${plan.state as Exclude<Plan["state"], "waiting">}`)}</h2>
      {plan.decided !== null && <p>{t("plan.decided-by", { by: plan.by ?? "–", at: timeOf(plan.decided) })}</p>}
      {plan.reason && <p>{plan.reason}</p>}
      {plan.state === "signed" && (
        <p>
          <Link to={`/console/jobs/${plan.job}`}>{t("plan.follow")}</Link>
        </p>
      )}
    </div>
  );
}

interface AnswerProps {
  plan: Plan;
  done: () => void;
  close: () => void;
}

function Sign({ plan, own, done, close }: AnswerProps & { own: Named }) {
  const others = listOf(plan.parties.filter((one) => one.address !== own.address).map((one) => one.name));
  const stake = signsStake(plan);
  const sign = async () => {
    await post(`/v1/plans/${plan.job}/sign`, {});
    done();
  };
  return (
    <Question title={t("sign.title")} yes={t("plan.sign")} work={sign} onClose={close}>
      <ul>
        <li>{t("sign.then", { others })}</li>
        <li>{plan.rows === null ? t("sign.rows-own") : t("sign.rows", { rows: numberOf(plan.rows) })}</li>
        {plan.budget > 0 && <li>{t("sign.budget", { number: numberOf(plan.budget) })}</li>}
        {stake !== null && <li>{stake}</li>}
        <li>{t("sign.never")}</li>
      </ul>
    </Question>
  );
}

function Refuse({ plan, done, close }: AnswerProps) {
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const refuse = async () => {
    const words = reason.trim().replace(/\s+/g, " ");
    setMissing(words === "");
    if (words === "") return;
    await post(`/v1/plans/${plan.job}/refuse`, { reason: words });
    done();
  };
  return (
    <Question title={t("refuse.title")} yes={t("plan.refuse")} danger work={refuse} onClose={close}>
      <p>{t("refuse.about", { consumer: plan.consumer.name })}</p>
      <label>
        {t("refuse.reason")}
        <textarea rows={3} maxLength={400} value={reason} onInput={(event) => setReason(event.currentTarget.value)} aria-describedby="reason-missing" aria-invalid={missing} />
      </label>
      <p id="reason-missing" class="missing" role="alert">
        {missing && t("refuse.missing")}
      </p>
    </Question>
  );
}

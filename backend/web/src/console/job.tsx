/** One job: how far it is, step by step as it goes, its result, its evidence, and the way out of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { download, Link, Loading, Title, Trouble } from "../common/parts.tsx";
import { get, post, type Job, type Moment, type Named, type Result } from "./api.ts";
import { written } from "./csv.ts";
import { clockOf, listOf, numberOf, path, purposeName, recipeName, roleName, statusName, t, timeOf, tOr, wordsOf } from "./i18n.ts";
import { withWhom } from "./jobs.tsx";
import { Countdown, Facts, Loaded, Question, Table, useLoad, useWork } from "./parts.tsx";
import { StakesOf } from "./stakes.tsx";

const BEFORE_OPENING = new Set(["held", "agreed", "lawful-rows"]);
const WAITS_SECONDS = 3;

export function JobPage({ id, own, news }: { id: string; own: Named; news: number }) {
  const [tick, setTick] = useState(0);
  const job = useLoad(() => get<Job>(`/v1/jobs/${id}`), id, news + tick / 2);
  const moments = useMoments(id, news);
  const going = job.content?.ended === null;
  useEffect(() => {
    // What a job waits for is no event of all jobs: it is asked for while somebody looks.
    if (!going) return;
    const timer = setInterval(() => document.hidden || setTick((count) => count + 1), WAITS_SECONDS * 1000);
    return () => clearInterval(timer);
  }, [going]);
  if (job.content === null) return job.trouble === null ? <Loading /> : <Trouble words={job.trouble} again={job.again} whole />;
  const one = job.content;
  return (
    <>
      <Link to="/console/jobs" class="back">
        {t("menu/jobs")}
      </Link>
      <Title>{recipeName(one.recipe)}</Title>
      <p class="lead">{t("job.with", { names: withWhom(one, own) })}</p>
      <State job={one} />
      {one.ended === "completed" && one.consumer.address === own.address && <ResultOf job={one} />}
      <section>
        <h2>{t("job.events")}</h2>
        {moments.trouble !== null && <Trouble words={moments.trouble} />}
        <Steps moments={moments.all} />
      </section>
      <StakesOf job={one.id} own={own} news={news} />
      <section>
        <h2>{t("job.more")}</h2>
        <Facts
          rows={[
            [t("jobs.parties"), listOf(one.parties.map((two) => two.name))],
            [t("plan.role"), roleName(one.role)],
            [t("plan.purpose"), purposeName(one.purpose)],
            [t("jobs.created"), timeOf(one.created)],
            [t("plan.open-by"), timeOf(one.open_by)],
            [t("jobs.deadline"), timeOf(one.deadline)],
            [t("plan.settle-by"), timeOf(one.settle_by)],
            [t("job.attempt"), numberOf(one.attempt)],
            [t("job.number"), <code>{one.id}</code>],
          ]}
        />
        <Evidence job={one} />
      </section>
    </>
  );
}

function State({ job }: { job: Job }) {
  const [asking, setAsking] = useState(false);
  const cancel = async () => {
    await post(`/v1/jobs/${job.id}/cancel`);
    setAsking(false);
  };
  if (job.ended !== null) {
    return (
      <div class={`band ${job.ended === "completed" ? "good" : "bad"}`}>
        <h2>{statusName(job.ended)}</h2>
        <p>{tOr(`ended.${job.ended}`, "")}</p>
      </div>
    );
  }
  return (
    <div class="band">
      <h2>{statusName(job.status)}</h2>
      <p>
        {t("jobs.deadline")}: <Countdown to={job.deadline} />
      </p>
      {job.waits.length > 0 && (
        <ul>
          {job.waits.map((one) => (
            <li>
              {t("job.waits", { what: one.for, seconds: numberOf(one.seconds) })}
              {one.rows && ` ${t("job.rows", { done: numberOf(one.rows[0]), all: numberOf(one.rows[1]) })}`}
              {one.why && <small>{one.why}</small>}
            </li>
          ))}
        </ul>
      )}
      {BEFORE_OPENING.has(job.status) && (
        <button type="button" class="danger" onClick={() => setAsking(true)}>
          {t("job.cancel")}
        </button>
      )}
      {asking && (
        <Question title={t("job.cancel-title")} yes={t("job.cancel")} danger work={cancel} onClose={() => setAsking(false)}>
          <p>{t("job.cancel-about")}</p>
        </Question>
      )}
    </div>
  );
}

interface Numbered extends Moment {
  readonly id: number;
}

/** What happened in a job: each moment once, asked for after the last one that is here. */
function useMoments(id: string, news: number) {
  const [all, setAll] = useState<readonly Numbered[]>([]);
  const [trouble, setTrouble] = useState<string | null>(null);
  const last = useRef(0);
  useEffect(() => {
    get<{ moments: readonly Numbered[] }>(`/v1/jobs/${id}/moments?after=${last.current}`).then(
      ({ moments }) => {
        setTrouble(null);
        const fresh = moments.filter((one) => one.id > last.current);
        last.current = Math.max(last.current, ...fresh.map((one) => one.id));
        setAll((before) => [...before, ...fresh]);
      },
      (error: unknown) => setTrouble(wordsOf(error)),
    );
  }, [id, news]);
  return { all, trouble };
}

function Steps({ moments }: { moments: readonly Numbered[] }) {
  if (moments.length === 0) return <p>{t("job.no-events")}</p>;
  return (
    <ol class="steps">
      {moments.map((one) => (
        <li key={one.id} data-number={one.id}>
          <time dateTime={new Date(one.at * 1000).toISOString()} title={timeOf(one.at)}>
            {clockOf(one.at)}
          </time>
          <span>
            {statusName(one.status)}
            <Details moment={one} />
          </span>
        </li>
      ))}
    </ol>
  );
}

/** What else an event says: sentences as they are, numbers with their names. */
function Details({ moment }: { moment: Numbered }) {
  const { status: _, at: __, id: ___, job: ____, recipe: _____, ...rest } = moment;
  const texts = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => (TEXTS.has(name) ? String(value) : `${detailName(name)}: ${shown(value)}`));
  return texts.length === 0 ? null : <small>{texts.join(" · ")}</small>;
}

const TEXTS = new Set(["why", "words", "name", "reason"]);
const detailName = (name: string): string => tOr(`detail.${name}`, name.replaceAll("_", " "));
const shown = (value: unknown): string =>
  typeof value === "number" ? numberOf(value) : Array.isArray(value) ? value.map(shown).join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value);

const FIRST_ROWS = 20;

function ResultOf({ job }: { job: Job }) {
  const result = useLoad(() => get<Result>(`/v1/jobs/${job.id}/result`), job.id, 0);
  return (
    <section>
      <h2>{t("result.title")}</h2>
      <Loaded of={result}>
        {(content) => (
          <>
            {content.rows.length > 0 && (
              <>
                <Table<Result["rows"][number]>
                  caption={t("result.rows", { number: numberOf(content.rows.length) })}
                  rows={content.rows.slice(0, FIRST_ROWS)}
                  columns={Object.keys(content.rows[0] ?? {}).map((name) => ({ title: name, cell: (row) => row[name] ?? "" }))}
                />
                {content.rows.length > FIRST_ROWS && <p class="hint">{t("result.first", { number: FIRST_ROWS })}</p>}
              </>
            )}
            {content.report !== null && <Report report={content.report} />}
            <div class="row">
              <button type="button" onClick={() => save(job, "json", JSON.stringify(content, null, 2))}>
                {t("result.download")}
              </button>
              {content.rows.length > 0 && (
                <button type="button" class="plain" onClick={() => save(job, "csv", csv(content.rows))}>
                  {t("result.csv")}
                </button>
              )}
            </div>
          </>
        )}
      </Loaded>
    </section>
  );
}

/** The short of a report; what is long is in the download. */
function Report({ report }: { report: Readonly<Record<string, unknown>> }) {
  const rows = Object.entries(report)
    .map(([name, value]) => [detailName(name), value === true ? t("yes") : value === false ? t("no") : shown(value)] as const)
    .filter(([, value]) => value.length <= 200);
  return <Facts rows={rows} />;
}

const TYPES = { json: "application/json", csv: "text/csv" } as const;

function save(job: Job, kind: keyof typeof TYPES, content: string): void {
  download(`placet-${job.recipe}-${job.id.slice(2, 10)}.${kind}`, TYPES[kind], content);
}

function csv(rows: Result["rows"]): string {
  const names = Object.keys(rows[0] ?? {});
  return written([names, ...rows.map((row) => names.map((name) => row[name] ?? ""))]);
}

function Evidence({ job }: { job: Job }) {
  const { busy, trouble, run } = useWork();
  const trail = () =>
    run(async () => {
      const content = await get<unknown>(`/v1/jobs/${job.id}/trail`);
      download(`placet-trail-${job.id.slice(2, 10)}.json`, "application/json", JSON.stringify(content));
    });
  return (
    <>
      <div class="row">
        <a class="button plain" href={path(`/audit/${job.id}`)}>
          {t("job.audit")}
        </a>
        <button type="button" class="plain" disabled={busy} onClick={() => void trail()}>
          {t("job.trail")}
        </button>
      </div>
      {trouble !== null && <Trouble words={trouble} />}
    </>
  );
}

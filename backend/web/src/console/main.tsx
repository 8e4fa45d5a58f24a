/** The institution's console: who is logged in, where he is by the path, and the frame around it. */
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Frame, Link, Loading, Title, Trouble } from "../common/parts.tsx";
import { get, LOGGED_OUT, post, type Named } from "./api.ts";
import { Catalogue } from "./catalogue.tsx";
import { here, statusName, t, wordsOf } from "./i18n.ts";
import { JobPage } from "./job.tsx";
import { Jobs } from "./jobs.tsx";
import { begin, follow, retry, type Line } from "./live.ts";
import { Login, LoginAgain } from "./login.tsx";
import { Overview } from "./overview.tsx";
import { PlanPage, Plans } from "./plans.tsx";
import { Rewards } from "./rewards.tsx";
import type { Auditor } from "./stakes.tsx";
import { Start } from "./start.tsx";

/** Whose node this is, and the auditors of its trust list. */
interface Place {
  readonly own: Named;
  readonly auditors: readonly Auditor[];
}

type State = "asking" | "in" | "out" | "left" | "ended" | { readonly trouble: string };

async function arrive(): Promise<Place> {
  const { institution, trust } = await get<{
    institution: string;
    trust: { institutions: readonly Named[]; auditors?: readonly Auditor[] };
  }>("/v1/trust");
  const name = trust.institutions.find((one) => one.address === institution)?.name;
  return { own: { address: institution, name: name ?? institution }, auditors: trust.auditors ?? [] };
}

let begun = false;

function App() {
  const [place, setPlace] = useState<Place | null>(null);
  const [state, setState] = useState<State>("asking");
  const [, moved] = useState(0);
  const enter = () => {
    setState("in");
    if (begun) retry();
    else begin();
    begun = true;
  };
  const load = () => {
    setState("asking");
    arrive()
      .then(setPlace)
      .then(() => get("/v1/jobs"))
      .then(enter, (error: unknown) => setState((now) => (now === "out" ? now : { trouble: wordsOf(error) })));
  };
  useEffect(() => {
    load();
    const listener = () => moved((count) => count + 1);
    const out = () => setState((now) => (now === "asking" ? "out" : now === "in" ? "ended" : now));
    addEventListener("popstate", listener);
    addEventListener(LOGGED_OUT, out);
    return () => {
      removeEventListener("popstate", listener);
      removeEventListener(LOGGED_OUT, out);
    };
  }, []);
  const inside = state === "in" || state === "ended";
  const back = () => setState((now) => (now === "ended" ? "in" : now)); // logged in again in another tab
  const leave = async () => {
    await post("/console/logout").catch(() => {});
    setState("left");
    retry();
  };
  return (
    <Frame
      wide
      brand={place === null ? t("title") : t("brand", { name: place.own.name })}
      menu={inside && <Menu leave={() => void leave()} />}
      bottom={place === null ? "" : t("served-by", { name: place.own.name })}
    >
      {typeof state === "object" ? (
        <Trouble words={state.trouble} again={load} whole />
      ) : state === "asking" || place === null ? (
        <>
          <h1>{t("title")}</h1>
          <Loading />
        </>
      ) : inside ? (
        <Inside place={place} ended={state === "ended"} enter={enter} back={back} />
      ) : (
        <Login name={place.own.name} left={state === "left"} done={enter} />
      )}
    </Frame>
  );
}

const VIEWS = ["", "/plans", "/jobs", "/start", "/catalogue", "/rewards"] as const;

function Menu({ leave }: { leave: () => void }) {
  const where = here().replace(/^\/console/, "");
  return (
    <nav class="menu" aria-label={t("menu")}>
      {VIEWS.map((one) => (
        <Link to={`/console${one}`} current={one === "" ? where === "" || where === "/" : where.startsWith(one)}>
          {t(`menu${one === "" ? "/overview" : one}`)}
        </Link>
      ))}
      <button type="button" class="leave" onClick={leave}>
        {t("logout")}
      </button>
    </nav>
  );
}

interface InsideProps {
  place: Place;
  ended: boolean;
  enter: () => void;
  back: () => void;
}

/** What stands inside: the view of the path, whether it is live, and the news for who does not see them. */
function Inside({ place, ended, enter, back }: InsideProps) {
  const [news, hear] = useNews();
  const [line, setLine] = useState<Line>("on");
  const [resumed, setResumed] = useState(0);
  const say = useAnnouncer();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    return follow(
      (moment) => {
        hear();
        say(moment.status === "held" ? t("news.held") : t("news.job", { status: statusName(moment.status) }));
      },
      (now) => {
        clearTimeout(timer);
        if (now !== "on") return void (timer = setTimeout(() => setLine(now), 1500)); // mostly it is back at once
        setLine("on");
        hear(); // what happened before the stream was there
        setResumed((count) => count + 1);
        back();
      },
    );
  }, []);
  const where = here();
  const [, view, id] = /^\/console\/(plans|jobs)\/(0x[0-9a-f]{64})$/.exec(where) ?? [];
  const [, page] = /^\/console\/(plans|jobs|start|catalogue|rewards)$/.exec(where) ?? [];
  return (
    <>
      {line === "away" && !ended && (
        <div class="band away" role="status">
          <p>{t("away", { name: place.own.name })}</p>
        </div>
      )}
      {view === "plans" ? (
        <PlanPage key={where} id={id as string} own={place.own} news={news} />
      ) : view === "jobs" ? (
        <JobPage key={where} id={id as string} own={place.own} news={news} />
      ) : page === "plans" ? (
        <Plans news={news} />
      ) : page === "jobs" ? (
        <Jobs own={place.own} news={news} />
      ) : page === "start" ? (
        <Start own={place.own} auditors={place.auditors} resumed={resumed} />
      ) : page === "catalogue" ? (
        <Catalogue own={place.own} auditors={place.auditors} news={news} resumed={resumed} />
      ) : page === "rewards" ? (
        <Rewards own={place.own} news={news} />
      ) : where === "/console" || where === "/console/" || where === "/console/login" ? (
        <Overview own={place.own} news={news} resumed={resumed} />
      ) : (
        <NotFound />
      )}
      <p class="unseen" role="status" aria-live="polite" id="news" />
      {ended && <LoginAgain done={enter} />}
    </>
  );
}

function NotFound() {
  return (
    <>
      <Title>{t("not-found")}</Title>
      <p>
        <Link to="/console">{t("menu/overview")}</Link>
      </p>
    </>
  );
}

/** Counts the times at which a view has to look again: many things that happen at once are one. */
function useNews(): readonly [number, () => void] {
  const [news, setNews] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const look = () => {
    timer.current = null;
    setNews((count) => count + 1);
  };
  return [news, () => void (timer.current ??= setTimeout(look, 250))];
}

/** Says the newest of what happened to who can't see it, once a second at the most. */
function useAnnouncer(): (words: string) => void {
  const next = useRef<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const flush = () => {
    timer.current = null;
    const region = document.getElementById("news");
    if (next.current === null || region === null) return;
    region.textContent = next.current;
    next.current = null;
    timer.current = setTimeout(flush, 1000);
  };
  return (words) => {
    next.current = words;
    if (timer.current === null) flush();
  };
}

const root = document.getElementById("app") as HTMLElement;
root.replaceChildren();
render(<App />, root);

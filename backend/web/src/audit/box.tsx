/** What to check: a number that somebody looks for, and the files. No form: a page in a sandbox sends none. */
import { useState } from "preact/hooks";
import { Drop, Title } from "../common/parts.tsx";
import { MOST, NOTHING, sorted, type Chosen, type Kind } from "./files.ts";
import { language, t } from "./i18n.ts";
import { NoVerdict, transaction, type Failure, type Home, type Judged, type Verifying } from "./verifying.ts";

const NUMBER = /^0x[0-9a-f]{64}$/;
const KINDS: readonly Kind[] = ["bundle", "deployment", "trust"];
const BYTES = new Intl.NumberFormat(language, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
type Step = "idle" | "loading" | "checking";

interface Properties {
  readonly place: Home;
  readonly verifying: Verifying | null;
  readonly named: string;
  readonly onJudged: (judged: Judged) => void;
}

export function Box({ place, verifying, named, onJudged }: Properties) {
  const [number, setNumber] = useState(named);
  const [chosen, setChosen] = useState<Chosen>(NOTHING);
  const [step, setStep] = useState<Step>("idle");
  const [wrong, setWrong] = useState<"number" | "bundle" | "large" | null>(null);
  const [failure, setFailure] = useState<Failure | string | null>(null);
  const [namedJob, setNamedJob] = useState("");
  const asked = number.trim().toLowerCase();
  const about = async (one: string) => (place.name === null ? null : transaction(one)); // no node, no chain

  const take = async (files: Iterable<File>) => {
    setWrong(null);
    setFailure(null);
    verifying?.warm();
    setChosen(await sorted(files, chosen));
  };
  const check = async () => {
    setFailure(null);
    if (asked !== "" && !NUMBER.test(asked)) return setWrong("number");
    const { bundle, deployment, trust } = chosen;
    if (bundle === null) {
      setNamedJob((asked === "" ? null : await about(asked))?.jobs[0] ?? asked);
      return setWrong("bundle");
    }
    if (Object.values(chosen).some((file) => file !== null && file.size > MOST)) return setWrong("large");
    setWrong(null);
    setStep("loading");
    const read = async (file: File | null) => (file === null ? null : new Uint8Array(await file.arrayBuffer()));
    try {
      const files = { bundle: (await read(bundle)) as Uint8Array, deployment: await read(deployment), trust: await read(trust) };
      const judged = await (verifying as Verifying).judge({ ...files, asked: asked || null }, () => setStep("checking"));
      setFailure(judged.judgement.failure);
      onJudged(judged.asked === "absent" && (await about(asked))?.jobs.includes(judged.judgement.report?.job ?? "") ? { ...judged, asked: "transaction" } : judged);
    } catch (error) {
      console.warn(error);
      setFailure(error instanceof NoVerdict ? t(error.loaded ? "error.ended" : "error.unloaded") : t("error.file"));
    }
    setStep("idle");
  };
  const stop = () => {
    verifying?.stop();
    setStep("idle");
  };
  return (
    <>
      <Title>{t("title")}</Title>
      <p class="lead">{t("about")}</p>
      <Whose place={place} />
      {verifying === null ? (
        <NotHere />
      ) : (
        <div class="check">
          <label>
            {t("box.number")}
            <span class="hint">{t("box.number.hint")}</span>
            <input
              type="text"
              value={number}
              spellcheck={false}
              autocomplete="off"
              placeholder="0x…"
              onInput={(event) => setNumber(event.currentTarget.value)}
              onKeyDown={(event) => event.key === "Enter" && step === "idle" && void check()}
            />
          </label>
          <Drop take={take} label={t("box.files")} hint={t("box.files.hint")} />
          <Files chosen={chosen} drop={(kind) => setChosen({ ...chosen, [kind]: null })} />
          <p class="missing" role="alert">
            {wrong !== null && t(`wrong.${wrong}`)}
          </p>
          {wrong === "bundle" && <HowToCollect job={NUMBER.test(namedJob) ? namedJob : null} />}
          <div class="row">
            <button type="button" disabled={step !== "idle"} onClick={() => void check()}>
              {t("box.check")}
            </button>
            {step !== "idle" && (
              <button type="button" class="plain" onClick={stop}>
                {t("box.stop")}
              </button>
            )}
          </div>
          <p class="step" role="status">
            {step === "loading" ? t("box.loading", { size: sizeOf(place) }) : step === "checking" ? t("box.checking") : ""}
          </p>
        </div>
      )}
      {failure !== null && <Failed failure={failure} />}
    </>
  );
}

const sizeOf = ({ verifier }: Home): string => BYTES.format(Object.values(verifier?.files ?? {}).reduce((sum, size) => sum + size, 0) / 1e6);

function Whose({ place: { name } }: { place: Home }) {
  return (
    <div class="band">
      <p>
        <strong>{name === null ? t("own.title") : t("theirs.title", { name })}</strong> {name === null ? t("own.about") : t("theirs.about", { name })}
      </p>
      {name !== null && (
        <p>
          {t("theirs.own", { name })} <code>placet audit --page</code>
        </p>
      )}
    </div>
  );
}

const NotHere = () => (
  <div class="band bad" role="alert">
    <h2>{t("absent.title")}</h2>
    <p>{t("absent.about")}</p>
    <p>
      <code>placet audit --bundle job.bundle --deployment deployment.json --trust trust.json</code>
    </p>
  </div>
);

function Files({ chosen, drop }: { chosen: Chosen; drop: (kind: Kind) => void }) {
  const own = chosen.deployment !== null && chosen.trust !== null;
  return (
    <>
      <dl class="facts">
        {KINDS.map((kind) => (
          <div key={kind}>
            <dt>{t(`file.${kind}`)}</dt>
            <dd>
              {chosen[kind]?.name ?? t("file.none")}{" "}
              {chosen[kind] !== null && (
                <button type="button" class="away" onClick={() => drop(kind)} aria-label={t("file.drop", { name: t(`file.${kind}`) })}>
                  ×
                </button>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {chosen.bundle !== null && !own && <p class="band">{t("file.capped")}</p>}
    </>
  );
}

const HowToCollect = ({ job }: { job: string | null }) => (
  <div class="quiet">
    <p>{t("collect.about")}</p>
    <p>
      <code>placet audit {job ?? "0x…"} --url … --deployment deployment.json --trust trust.json --key auditor.json --save job.bundle</code>
    </p>
  </div>
);

function Failed({ failure }: { failure: Failure | string }) {
  return (
    <div class="band bad" role="alert">
      <h2>{t("failed.title")}</h2>
      {typeof failure === "string" ? (
        <p>{failure}</p>
      ) : (
        <div lang="en">
          <p>{failure.message}</p>
          <dl class="facts">
            {(["expected", "found", "remedy"] as const).map(
              (name) =>
                failure[name] !== null && (
                  <div key={name}>
                    <dt>{t(`failed.${name}`)}</dt>
                    <dd>{failure[name]}</dd>
                  </div>
                ),
            )}
          </dl>
        </div>
      )}
      <p>{t("failed.nothing")}</p>
    </div>
  );
}

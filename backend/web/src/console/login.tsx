/** Login by the institution's credential, as a page or, where a session ended in the middle, before what one was doing. */
import { useState } from "preact/hooks";
import { Dialog, Title } from "../common/parts.tsx";
import { PlacetError } from "../../client/src/errors.ts";
import { post } from "./api.ts";
import { t, wordsOf } from "./i18n.ts";

function Form({ done }: { done: () => void }) {
  const [credential, setCredential] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const login = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (!credential.trim()) return setTrouble(t("login.empty"));
    setBusy(true);
    setTrouble("");
    try {
      await post("/console/login", { credential: credential.trim() });
      setCredential("");
      done();
    } catch (error) {
      const wrong = error instanceof PlacetError && error.problem?.code === "access.credential";
      setTrouble(wrong ? t("login.wrong") : wordsOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void login(event)} class="login">
      <label>
        {t("login.credential")}
        <input
          type="password"
          value={credential}
          onInput={(event) => setCredential(event.currentTarget.value)}
          autocomplete="current-password"
          spellcheck={false}
          aria-describedby="credential-help credential-missing"
          aria-invalid={trouble !== ""}
        />
      </label>
      <p id="credential-help" class="hint">
        {t("login.help")}
      </p>
      <p id="credential-missing" class="missing" role="alert">
        {trouble}
      </p>
      <button type="submit" disabled={busy}>
        {t("login.do")}
      </button>
    </form>
  );
}

export function Login({ name, left, done }: { name: string; left: boolean; done: () => void }) {
  return (
    <div class="narrow">
      {left && (
        <div class="band good" role="status">
          <p>{t("login.left")}</p>
        </div>
      )}
      <Title>{t("login.title")}</Title>
      <p class="lead">{t("login.about", { name })}</p>
      <Form done={done} />
    </div>
  );
}

/** What was typed stays behind it. Who closes it gets another one: nothing behind it would work. */
export function LoginAgain({ done }: { done: () => void }) {
  const [turn, setTurn] = useState(0);
  return (
    <Dialog key={turn} title={t("login.ended")} onClose={() => setTurn(turn + 1)}>
      <p>{t("login.ended-about")}</p>
      <Form done={done} />
    </Dialog>
  );
}

/** The owner's page: where he is by its path, and the frame around it. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { offerId, PlacetError, type Offered } from "../../client/src/index.ts";
import { Frame, Link, Loading, Title, Trouble } from "../common/parts.tsx";
import { Ask } from "./ask.tsx";
import { HandIn } from "./handing.tsx";
import { here, path, t } from "./i18n.ts";
import { Mine, OneConsent } from "./mine.tsx";
import { Altered, wordsOf } from "./parts.tsx";
import * as kept from "./records.ts";
import { arrive, offersToPersons, type Place } from "./session.ts";

function App() {
  const [place, setPlace] = useState<Place | PlacetError | string | null>(null);
  const [, moved] = useState(0);
  const load = () => {
    setPlace(null);
    arrive().then(setPlace, (error: unknown) =>
      setPlace(error instanceof PlacetError && error.code === "altered" ? error : wordsOf(error, null)),
    );
  };
  useEffect(() => {
    load();
    const listener = () => moved((count) => count + 1);
    addEventListener("popstate", listener);
    return () => removeEventListener("popstate", listener);
  }, []);
  return (
    <Frame
      brand={place !== null && typeof place === "object" && "name" in place && "node" in place ? place.name : t("title")}
      bottom={typeof place === "object" && place !== null && "node" in place ? t("served-by", { name: place.name }) : ""}
    >
      {place === null ? (
        <Loading />
      ) : place instanceof PlacetError ? (
        <Altered error={place} name={location.host} />
      ) : typeof place === "string" ? (
        <Trouble words={place} again={load} whole />
      ) : (
        <View place={place} />
      )}
    </Frame>
  );
}

function View({ place }: { place: Place }) {
  const where = here();
  const [, part, id] = /^\/owner\/(ask|consents)\/(0x[0-9a-f]{64})$/.exec(where) ?? [];
  if (part === "ask") return <Ask key={where} place={place} id={id as string} />;
  if (part === "consents") return <OneConsent key={where} place={place} id={id as string} />;
  if (where === "/owner/slip") return <HandIn place={place} />;
  return <Home key={where} place={place} />;
}

function Home({ place }: { place: Place }) {
  const [offers, setOffers] = useState<readonly Offered[] | PlacetError | string | null>(null);
  const load = () => {
    setOffers(null);
    offersToPersons(place).then(setOffers, (error: unknown) =>
      setOffers(error instanceof PlacetError && error.code === "altered" ? error : wordsOf(error, place)),
    );
  };
  useEffect(load, []);
  if (offers instanceof PlacetError) return <Altered error={offers} name={place.name} />;
  const current = kept.records().filter((one) => !kept.isEnded(one));
  const allowed = new Set(current.map((one) => offerId(one.consent.offer)));
  return (
    <>
      <Title>{t("title")}</Title>
      <p class="lead">{t("about")}</p>
      <Mine place={place} />
      <section>
        <h2>{t("asked.list", { name: place.name })}</h2>
        {offers === null ? (
          <Loading />
        ) : typeof offers === "string" ? (
          <Trouble words={offers} again={load} />
        ) : offers.length === 0 ? (
          <p>{t("asked.none", { name: place.name })}</p>
        ) : (
          <ul class="offers">
            {offers.map((one) => (
              <li>
                <Link to={`/owner/ask/${one.id}`}>
                  <strong>{place.names(one.offer.consumer)}</strong>
                  <span>{one.scope.title}</span>
                  <span class="go">{t(allowed.has(one.id) ? "asked.again" : "asked.open")}</span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </section>
      <p class="more">
        <Link to="/owner/slip">{t("hand.title")}</Link>
      </p>
      <p>
        <a href={path("/proof")}>{t("home.proof")}</a>
      </p>
    </>
  );
}

const root = document.getElementById("app") as HTMLElement;
root.replaceChildren();
render(<App />, root);

// The frame of all pages: navigation, what went wrong, what was just done.
import { useEffect, useRef } from "preact/hooks";
import { locked } from "./api";
import { ComparePage } from "./compare";
import { DataPage } from "./data";
import { HomePage } from "./home";
import { route } from "./route";
import { RunPage } from "./run";
import { listing, listingProblem, isLive } from "./runs";
import { SearchPage } from "./search";
import { useSignal } from "./signal";
import { StudyPage } from "./study";
import { Toasts } from "./toast";
import { TrainPage } from "./train";
import { Begun } from "./work";

const PAGES: [string, string][] = [["/", "Runs"], ["/train", "Train"], ["/data", "Data"],
  ["/compare", "Compare"], ["/search", "Search"]];

function Page({ path }: { path: string }) {
  const [place, query = ""] = path.split("?");
  const [, first, key, tab] = place.split("/");
  const wish = new URLSearchParams(query);
  if (first === "runs" && key) {
    return <Begun id={key}><RunPage key={key} id={key} tab={tab ?? "overview"} /></Begun>;
  }
  if (first === "train") return <TrainPage key={query} wish={wish} />;
  if (first === "search") return <SearchPage wish={wish} />;
  if (first === "studies" && key) {
    return <Begun id={key}><StudyPage key={key} id={key} /></Begun>;
  }
  if (first === "data") return <DataPage />;
  if (first === "compare") return <ComparePage wish={wish} />;
  return <HomePage />;
}

export function App() {
  const path = useSignal(route);
  const all = useSignal(listing);
  const problem = useSignal(listingProblem);
  const shut = useSignal(locked);
  const main = useRef<HTMLElement>(null);
  const place = path.split("?")[0].split("/").slice(0, 3).join("/");
  useEffect(() => { main.current?.focus({ preventScroll: true }); }, [place]);
  const live = all ? [...all.runs.values()].filter(isLive).length : 0;
  const here = place === "/" || place.startsWith("/runs") ? "/"
    : place.startsWith("/studies") ? "/search" : `/${place.split("/")[1]}`;
  return <>
    <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>
      Skip to the content</a>
    <header class="bar">
      <a class="brand" href="#/"><Mark />Hourglass</a>
      <nav aria-label="Pages">
        {PAGES.map(([to, name]) => <a key={to} href={`#${to}`}
          aria-current={here === to ? "page" : undefined}>{name}</a>)}
      </nav>
      <span class="grow" />
      {live > 0 && <span class="live-count"><i class="dot training" />{live} training</span>}
      {all && <span class="folder" title={all.folder}><bdi dir="ltr">{all.folder}</bdi></span>}
    </header>
    <main id="main" ref={main} tabIndex={-1}>
      {shut ? <Locked /> : <>
        {problem && <p class="alert" role="alert">{problem}</p>}
        <Page path={path} />
      </>}
    </main>
    <Toasts />
  </>;
}

function Locked() {
  return <section class="empty">
    <h1>This page needs the studio's address</h1>
    <p>The studio was started anew, or the address came without its token. Open the whole address
      that <code>hourglass studio</code> printed. It ends in <code>#token=…</code></p>
  </section>;
}

const Mark = () => <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
  <path d="M7 4h18l-6.5 12L25 28H7l6.5-12z" fill="currentColor" /></svg>;

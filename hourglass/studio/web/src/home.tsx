// All runs of the folder: as cards or as a table, live ones first.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Cards } from "./cards";
import { go } from "./route";
import { fits, isLive, listing } from "./runs";
import { useSignal } from "./signal";
import { Table } from "./table";
import { TrashBox } from "./trash";
import { FailedJobs, WaitingJobs } from "./work";

const VIEW = "hourglass-view";
const AT_ONCE = 60;   // runs that are drawn before the page is scrolled

export function HomePage() {
  const all = useSignal(listing);
  const [filter, setFilter] = useState("");
  const [view, setView] = useState(localStorage.getItem(VIEW) ?? "cards");
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [count, setCount] = useState(AT_ONCE);
  const runs = useMemo(() => all ? [...all.runs.values()].filter((run) => fits(run, filter)).sort(
    (a, b) => Number(isLive(b)) - Number(isLive(a)) || b.changed - a.changed) : [], [all, filter]);
  if (!all) return <p class="quiet">Reading the folder …</p>;
  const choose = (key: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(key); else next.delete(key);
    setChosen(next);
  };
  const show = (next: string) => { localStorage.setItem(VIEW, next); setView(next); };
  if (!all.runs.size && !all.waiting.length && !all.failed.length) return <Welcome />;
  const picked = [...chosen].filter((key) => all.runs.get(key)?.kind === "run");
  return <>
    <div class="head"><h1>Runs</h1>
      <span class="quiet">{runs.length === all.runs.size ? all.runs.size.toLocaleString("en")
        : `${runs.length} of ${all.runs.size}`}</span>
      <span class="grow" />
      <TrashBox />
      <a class="button primary" href="#/train">Train a model</a></div>
    {!all.whole && <p class="alert">This folder has too many folders; some were not looked into. Open
      the studio on a folder further down.</p>}
    <div class="tools">
      <input type="search" value={filter} aria-label="Filter runs" class="wide"
        placeholder="Filter: vae, faces, mse<0.02, lr=0.01, a tag"
        onInput={(e) => { setFilter(e.currentTarget.value); setCount(AT_ONCE); }} />
      <div class="switch" role="group" aria-label="View">
        {["cards", "table"].map((name) => <button key={name} aria-pressed={view === name}
          onClick={() => show(name)}>{name === "cards" ? "Cards" : "Table"}</button>)}
      </div>
      {picked.length > 0 && <button disabled={picked.length < 2}
        onClick={() => go(`/compare?runs=${picked.join(",")}`)}>
        {picked.length < 2 ? "Choose another to compare" : `Compare ${picked.length}`}</button>}
    </div>
    <WaitingJobs jobs={all.waiting} />
    <FailedJobs jobs={all.failed} />
    {!runs.length && filter && <p class="quiet">No run fits this filter.</p>}
    {view === "cards" ? <Cards runs={runs.slice(0, count)} chosen={chosen} choose={choose} />
      : <Table runs={runs} most={count} chosen={chosen} choose={choose} />}
    {runs.length > count && <More more={() => setCount(count + AT_ONCE)}
      left={runs.length - count} />}
  </>;
}

// Draws more runs once the end of the list comes into sight.
function More({ more, left }: { more: () => void; left: number }) {
  const end = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const watch = new IntersectionObserver((found) => { if (found[0].isIntersecting) more(); },
      { rootMargin: "400px" });
    watch.observe(end.current!);
    return () => watch.disconnect();
  });
  return <button ref={end} class="more" onClick={more}>Show more ({left})</button>;
}

function Welcome() {
  return <section class="empty">
    <h1>No runs here yet</h1>
    <p>Train an autoencoder on pictures of your own, or begin with a set that is here already.</p>
    <div class="row">
      <a class="button primary" href="#/train?data=digits">Try the digits</a>
      <a class="button" href="#/data">Use my own data</a>
    </div>
    <p class="quiet">Runs that are trained in a shell appear here by themselves.</p>
  </section>;
}

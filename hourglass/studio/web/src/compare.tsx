// Runs side by side: curves in one picture, metrics, and the settings that differ.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { COLOURS, Curves, type Lines } from "./curves";
import { number, words } from "./format";
import { LinkedLatents } from "./linked_view";
import { go } from "./route";
import type { Details, Progress } from "./run";
import { listing, type Run } from "./runs";
import { Strip, type Sample } from "./samples";
import { useSignal } from "./signal";
import { complain } from "./toast";

interface Loaded { run: Run; details: Details; lines: Lines }
const MOST = 8;

export function ComparePage({ wish }: { wish: URLSearchParams }) {
  const all = useSignal(listing);
  const keys = (wish.get("runs") ?? "").split(",").filter(Boolean).slice(0, MOST);
  const [loaded, setLoaded] = useState<Loaded[]>([]);
  const ready = Boolean(all);
  useEffect(() => {
    if (!ready) return;
    void Promise.all(keys.map(async (key) => {
      const [details, progress] = await Promise.all([get<Details>(`/runs/${key}`),
        get<Progress>(`/runs/${key}/progress`)]);
      return { run: details.entry, details, lines: { name: details.entry.path, rows: progress.rows } };
    })).then(setLoaded, () => setLoaded([]));
  }, [keys.join(), ready]);
  if (!all) return <p class="quiet">Reading the folder …</p>;
  const runs = [...all.runs.values()].filter((run) => run.kind === "run");
  const set = (next: string[]) => go(next.length ? `/compare?runs=${next.join(",")}` : "/compare");
  return <>
    <div class="head"><h1>Compare</h1></div>
    <div class="tools"><label>Add a run <select value="" onChange={(e) => set([...keys,
      e.currentTarget.value])}><option value="">choose …</option>{runs.filter((run) =>
        !keys.includes(run.key)).map((run) => <option key={run.key} value={run.key}>{run.path}: {run.title}
        </option>)}</select></label></div>
    {keys.length < 2 && <p class="quiet">Choose two runs or more, up to {MOST}. In the list of runs, tick
      them and press Compare.</p>}
    {loaded.length > 0 && <>
      <ul class="chips">{loaded.map(({ run }, i) => <li key={run.key}><i class="dot"
        style={{ background: COLOURS[i % COLOURS.length] }} /><a href={`#/runs/${run.key}`}>{run.path}</a>
        <button class="plain" aria-label={`Remove ${run.path}`}
          onClick={() => set(keys.filter((key) => key !== run.key))}>×</button></li>)}</ul>
      <Curves runs={loaded.map((each) => each.lines)} />
      <Metrics loaded={loaded} />
      <Differences loaded={loaded} />
      <SameInputs loaded={loaded} />
      <LinkedLatents runs={loaded.filter(({ details }) => details.has_snapshot).map(({ run }) => run)} />
    </>}
  </>;
}

function Head({ loaded, first }: { loaded: Loaded[]; first: string }) {
  return <thead><tr><th scope="col">{first}</th>{loaded.map(({ run }) => <th scope="col" key={run.key}>
    {run.path}</th>)}</tr></thead>;
}

function Metrics({ loaded }: { loaded: Loaded[] }) {
  const names = [...new Set(loaded.flatMap(({ details }) => details.metrics.map((metric) => metric.name)))]
    .filter((name) => !name.includes("/"));
  if (!names.length) return null;
  return <section><h2>Metrics</h2><p class="quiet">With 95 % intervals.</p>
    <div class="scroll" tabIndex={0} role="region" aria-label="Metrics"><table class="runs">
      <Head loaded={loaded} first="Metric" />
      <tbody>{names.map((name) => <tr key={name}><th scope="row">{words(name)}</th>
        {loaded.map(({ run, details }) => {
          const found = details.metrics.find((metric) => metric.name === name);
          return <td key={run.key} class="number">{found ? number(found.value) : "–"}
            {found?.interval && <small class="quiet"> {number(found.interval[0], 3)} – {
              number(found.interval[1], 3)}</small>}</td>;
        })}</tr>)}</tbody></table></div></section>;
}

function Differences({ loaded }: { loaded: Loaded[] }) {
  const value = (each: Loaded, name: string) =>
    String(each.details.settings.find((setting) => setting.name === name)?.value ?? "");
  const names = [...new Set(loaded.flatMap(({ details }) => details.settings.map((one) => one.name)))]
    .filter((name) => new Set(loaded.map((each) => value(each, name))).size > 1);
  return <section><h2>Settings that differ</h2>
    {!names.length ? <p class="quiet">All settings are the same.</p>
      : <div class="scroll" tabIndex={0} role="region" aria-label="Settings that differ"><table class="runs">
        <Head loaded={loaded} first="Setting" />
        <tbody>{names.map((name) => <tr key={name}><th scope="row">{name}</th>{loaded.map((each) =>
          <td key={each.run.key}><code>{value(each, name) || "–"}</code></td>)}</tr>)}</tbody></table></div>}
  </section>;
}

// The same samples through all runs that were looked at with the same ones, by a digest of their contents.
function SameInputs({ loaded }: { loaded: Loaded[] }) {
  const [rows, setRows] = useState<Map<string, Sample[]>>(new Map());
  const [digests, setDigests] = useState<Map<string, string>>(new Map());
  const there = loaded.filter(({ details }) => details.has_snapshot);
  const keys = there.map(({ run }) => run.key).join();
  useEffect(() => {
    void Promise.all(there.map(async ({ run }) => {
      const { digest } = await get<{ digest: string }>(`/runs/${run.key}/inputs`);
      const { samples } = await get<{ samples: Sample[] }>(`/runs/${run.key}/samples?order=first&count=12`);
      return [run.key, digest, samples] as const;
    })).then((found) => {
      setDigests(new Map(found.map(([key, digest]) => [key, digest])));
      setRows(new Map(found.map(([key, , samples]) => [key, samples])));
    }, complain);
  }, [keys]);
  const ready = there.filter(({ run }) => digests.has(run.key));
  const same = ready.filter(({ run }) => digests.get(run.key) === digests.get(ready[0].run.key));
  const others = ready.filter((each) => !same.includes(each));
  if (ready.length < 2) return null;
  return <section><h2>The same inputs through all</h2>
    {others.length > 0 && <p class="quiet">Other inputs than {ready[0].run.path}, by a digest of their values: {
      others.map(({ run }) => run.path).join(", ")}.</p>}
    {same.length > 1 && same.map(({ run, details }) => <div key={run.key}><h3>{run.path}</h3>
      <Strip run={run} samples={rows.get(run.key)!} image={details.shape.length === 3} /></div>)}</section>;
}

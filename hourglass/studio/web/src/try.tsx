// A model in use: reconstruct, restore, score, classify, or generate.
import { useCallback, useEffect, useState } from "preact/hooks";
import { get, request, send } from "./api";
import { Camera } from "./camera";
import { Drop, type Dropped } from "./drop";
import { number } from "./format";
import type { Details } from "./run";
import type { Run } from "./runs";
import { complain } from "./toast";
import { RowsBox } from "./try_rows";

export interface Served { kind: string; classes: string[];
  columns: { name: string; kind: string; values?: unknown[] }[]; conditional: boolean; priors: string[];
  limits: Record<string, number>; shape: number[] }
interface Encoded { name: string; height: number; width: number; png: string }
interface Answer { images: Encoded[]; notes?: string[]; samples?: unknown[] }
interface Scores { scores: number[]; probabilities: number[]; abnormal: boolean[]; threshold: number;
  detector: string; notes: string[] }
interface Result { before: string; name: string; after?: Encoded; score?: number; abnormal?: boolean;
  class?: string }
const ROWS = ["arrays", "table", "series", "windows"];   // kinds that are sent as rows
const USES: [string, string][] = [["reconstruct", "Reconstruct"], ["restore", "Restore"],
  ["score", "Score"], ["classify", "Classify"]];

export function TryTab({ run, details }: { run: Run; details: Details }) {
  const [served, setServed] = useState<Served | null>(null);
  const [problem, setProblem] = useState("");
  const base = `/model/${run.key}/v1`;
  useEffect(() => {
    if (details.has_model) get<Served>(`${base}/model`).then(setServed, (e) => setProblem(e.message));
  }, [base, details.has_model]);
  if (!details.has_model) return <p class="quiet">The model can be used after its first checkpoint.</p>;
  if (problem) return <p class="alert" role="alert">{problem}</p>;
  if (!served) return <p class="quiet">Loading the model …</p>;
  return <>
    {served.priors.length > 0 && <Generate base={base} served={served} />}
    {served.kind === "images" && <Images base={base} served={served}
      infers={details.settings.some((s) => s.name === "condition" && String(s.value).startsWith("inferred"))} />}
    {ROWS.includes(served.kind) && <RowsBox base={base} served={served} />}
    {served.kind !== "images" && !ROWS.includes(served.kind) && <p class="quiet">For {served.kind}, use the command line: hourglass
      reconstruct {run.path} FILE, or the server: hourglass serve {run.path}</p>}
  </>;
}

function Generate({ base, served }: { base: string; served: Served }) {
  const [wish, setWish] = useState({ n: 24, prior: "auto", temperature: 1, seed: 0, class: "" });
  const [made, setMade] = useState<Encoded[] | null>(null);
  const [arrays, setArrays] = useState(0);
  const draw = useCallback(async () => {
    const { class: kind, ...rest } = wish;
    try {
      const found = await send<Answer>(`${base}/generate?format=json`, kind ? { ...rest, class: kind } : rest);
      setMade(found.images ?? []);
      setArrays(found.samples?.length ?? 0);
    } catch (error) { complain(error); }
  }, [base, wish]);
  useEffect(() => { void draw(); }, [draw]);
  const change = (name: string, value: string | number) => setWish({ ...wish, [name]: value });
  return <section>
    <h2>Generate</h2>
    <div class="tools">
      <label>Prior <select value={wish.prior} onChange={(e) => change("prior", e.currentTarget.value)}>
        {["auto", ...served.priors].map((prior) => <option key={prior}>{prior}</option>)}</select></label>
      {served.classes.length > 0 && <label>Class <select value={wish.class}
        onChange={(e) => change("class", e.currentTarget.value)}><option value="">any</option>
        {served.classes.map((name) => <option key={name} value={name}>{name}</option>)}</select></label>}
      <label>Temperature <input type="range" min={0} max={2} step={0.05} value={wish.temperature}
        onChange={(e) => change("temperature", Number(e.currentTarget.value))} /> {wish.temperature}</label>
      <button onClick={() => change("seed", wish.seed + 1)}>New samples</button>
      {made && made.length > 0 && <button onClick={() => saveAll(made, "generated")}>Download</button>}
    </div>
    {arrays > 0 && <p class="quiet">{arrays} samples were drawn. They are no images: hourglass generate
      writes them to a file.</p>}
    {made && <ul class="samples">{made.map((image) => <li key={image.name}><img class="pixelated"
      src={`data:image/png;base64,${image.png}`} alt={`Generated sample ${image.name}`} /></li>)}</ul>}
  </section>;
}

function Images({ base, served, infers }: { base: string; served: Served; infers: boolean }) {
  const [use, setUse] = useState("reconstruct");
  const [files, setFiles] = useState<Dropped[]>([]);
  const [kind, setKind] = useState(served.conditional ? served.classes[0] : "");
  const [results, setResults] = useState<Result[]>([]);
  const [about, setAbout] = useState<string[]>([]);
  const [threshold, setThreshold] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  const take = useCallback((list: Dropped[]) => setFiles(list.slice(0, served.limits.files)), [served]);
  useEffect(() => {
    if (!files.length) return;
    let stale = false;
    setBusy(true);
    void work(base, use, files, kind).then((found) => {
      if (stale) return;
      setResults(found.results);
      setAbout(found.about);
      setThreshold(found.threshold);
    }, (error) => { if (!stale) { setResults([]); setAbout([error.message]); } })
      .finally(() => { if (!stale) setBusy(false); });
    return () => { stale = true; };
  }, [base, use, files, kind]);
  return <section>
    <h2>Your images</h2>
    <div class="tools"><div class="switch" role="group" aria-label="What to do">{USES.filter(([name]) =>
      name !== "classify" || infers).map(([name, title]) =>
      <button key={name} aria-pressed={use === name} onClick={() => setUse(name)}>{title}</button>)}</div>
      {served.conditional && <label>Class <select value={kind}
        onChange={(e) => setKind(e.currentTarget.value)}>{served.classes.map((name) =>
          <option key={name}>{name}</option>)}</select></label>}</div>
    <Drop take={take} accept="image/*" words="Drop images here" paste />
    <Camera take={take} />
    {busy && <p class="quiet" role="status">Working …</p>}
    {about.map((line) => <p class="quiet" key={line}>{line}</p>)}
    {threshold !== null && results.length > 0 && <Threshold results={results} value={threshold}
      set={setThreshold} />}
    {results.length > 0 && <ul class="results">{results.map((result, i) => <Card key={i} result={result}
      threshold={threshold} />)}</ul>}
    {results.some((result) => result.after) && <button onClick={() => saveAll(results.map(
      (result) => result.after!), use)}>Download all</button>}
  </section>;
}

function Threshold({ results, value, set }: { results: Result[]; value: number;
  set: (value: number) => void }) {
  const scores = results.map((result) => result.score ?? 0);
  const most = Math.max(...scores, value) * 1.05;
  const flagged = scores.filter((score) => score > value).length;
  return <label class="slider"><span>Threshold {number(value)}: {flagged} of {scores.length} flagged</span>
    <input type="range" min={Math.min(0, ...scores)} max={most} step={most / 500} value={value}
      onInput={(e) => set(Number(e.currentTarget.value))} /></label>;
}

function Card({ result, threshold }: { result: Result; threshold: number | null }) {
  const [share, setShare] = useState(50);
  const flagged = threshold !== null && (result.score ?? 0) > threshold;
  return <li class={flagged ? "flagged" : ""}>
    <div class="before-after" style={{ "--share": `${share}%` }}>
      <img class="pixelated" src={result.before} alt={`Input ${result.name}`} />
      {result.after && <img class="pixelated after" src={`data:image/png;base64,${result.after.png}`}
        alt={`Result of ${result.name}`} />}
    </div>
    {result.after && <input type="range" min={0} max={100} value={share} aria-label={
      `Show the input or the result of ${result.name}`}
      onInput={(e) => setShare(Number(e.currentTarget.value))} />}
    <p><b>{result.name}</b>{result.score !== undefined && <> {number(result.score)}
      {flagged ? " · flagged" : " · normal"}</>}{result.class && <> {result.class}</>}</p>
  </li>;
}

async function work(base: string, use: string, files: Dropped[], kind: string) {
  const form = new FormData();
  files.forEach(({ name, file }) => form.append("images", file, name));
  if (kind) form.append("classes", kind);
  const path = `${base}/${use}${use === "score" || use === "classify" ? "" : "?format=json"}`;
  const found = await (await request(path, { method: "POST", body: form })).json();
  const results: Result[] = files.map(({ name, file }) => ({ name, before: URL.createObjectURL(file) }));
  let threshold: number | null = null;
  const about: string[] = [...found.notes ?? []];
  if (use === "score") {
    const scores = found as Scores;
    threshold = scores.threshold;
    about.unshift(`Scored by ${scores.detector}. Higher is more abnormal.`);
    scores.scores.forEach((score, i) => { results[i].score = score; });
  } else if (use === "classify") {
    (found.classes as string[]).forEach((name, i) => {
      results[i].class = `${name} (${number(found.probabilities[i][name], 3)})`;
    });
  } else (found as Answer).images.forEach((image, i) => { results[i].after = image; });
  return { results, about, threshold };
}

function saveAll(images: Encoded[], what: string): void {
  images.forEach((image, i) => {
    const link = document.createElement("a");
    link.href = `data:image/png;base64,${image.png}`;
    link.download = `${what}-${i}-${image.name}`;
    link.click();
  });
}

// New samples from a prior: all together or a row for each class, by temperature and prompt.
import { useEffect, useState } from "preact/hooks";
import { send } from "./api";
import { asCsv, type Cell } from "./parse_rows";
import { Plot } from "./samples";
import { asJson, savePictures, saveText } from "./save";
import type { Encoded, Served } from "./try";
import { Typed, WholeNumber } from "./typed";

type Sample = string | number[] | number[][] | Record<string, Cell>;
interface Answer { images?: Encoded[]; samples?: Sample[] }
interface Row { title: string; images: Encoded[]; samples: Sample[] }
interface Wish { n: number; prior: string; temperature: number; seed: number; class: string; prompt: string;
  negative: string; guidance: string; top_k: number; steps: number; sampler: string }
const EACH = "*";          // a row for each class
const MOST_STEPS = 1000;   // of latent diffusion
const MOST_CLASSES = 40;   // rows
const PAUSE = 250;         // ms after the last change
const FIRST: Wish = { n: 24, prior: "auto", temperature: 1, seed: 0, class: "", prompt: "", negative: "",
  guidance: "", top_k: 0, steps: 20, sampler: "dpm" };

export function Generate({ base, served }: { base: string; served: Served }) {
  const [wish, setWish] = useState(FIRST);
  const [rows, setRows] = useState<Row[]>([]);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const change = (some: Partial<Wish>) => setWish({ ...wish, ...some });
  useEffect(() => {
    const stop = new AbortController();
    const wait = setTimeout(() => {
      setBusy(true);
      drawn(base, served, wish, stop.signal).then((found) => { setRows(found); setProblem(""); }, (error) => {
        if (!stop.signal.aborted) setProblem(error.message);
      }).finally(() => { if (!stop.signal.aborted) setBusy(false); });
    }, PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [base, served, wish]);
  return <section>
    <h2>Generate</h2>
    <Tools served={served} wish={wish} change={change} />
    {served.prompts && <Prompt wish={wish} change={change} />}
    {served.samplers.length > 0 && <Diffusion served={served} wish={wish} change={change} />}
    {problem && <p class="alert" role="alert">{problem}</p>}
    <p class="row"><button onClick={() => change({ seed: wish.seed + 1 })}>New samples</button>
      {rows.length > 0 && <button onClick={() => void save(base, served, wish, rows).catch((error) =>
        setProblem(error.message))}>Download</button>}
      <span class="quiet" role="status">{busy ? "Drawing …" : wish.class === EACH
        && served.classes.length > MOST_CLASSES ? `The first ${MOST_CLASSES} classes are drawn.` : ""}</span></p>
    {rows.map((row) => <Shown key={row.title} row={row} />)}
  </section>;
}

function Tools({ served, wish, change }: { served: Served; wish: Wish; change: (some: Partial<Wish>) => void }) {
  const lines = served.kind === "lines";
  return <div class="tools">
    <label>Prior <select value={wish.prior} onChange={(e) => change({ prior: e.currentTarget.value })}>
      {["auto", ...served.priors].map((prior) => <option key={prior}>{prior}</option>)}</select></label>
    {served.classes.length > 0 && <label>Class <select value={wish.class} onChange={(e) => change(
      { class: e.currentTarget.value, n: e.currentTarget.value === EACH ? 8 : 24 })}>
      <option value="">any</option><option value={EACH}>a row for each class</option>
      {served.classes.map((name) => <option key={name} value={name}>{name}</option>)}</select></label>}
    <WholeNumber value={wish.n} most={200} set={(n) => change({ n })}>Number</WholeNumber>
    <label title="Below 1, samples are more typical. Above 1, they are more varied.">Temperature <input type="range"
      min={0} max={2} step={0.05} value={wish.temperature}
      onInput={(e) => change({ temperature: Number(e.currentTarget.value) })} /> {wish.temperature}</label>
    {lines && <WholeNumber value={wish.top_k} least={0} most={1000} set={(top_k) => change({ top_k })}
      title="Each token is drawn from this many, the most probable. 0: from all.">Tokens to choose from</WholeNumber>}
  </div>;
}

function Prompt({ wish, change }: { wish: Wish; change: (some: Partial<Wish>) => void }) {
  return <div class="pairs">
    <label class="field"><span>Prompt</span><Typed value={wish.prompt} placeholder="what samples should show"
      set={(text) => change({ prompt: text.trim() })} /></label>
    <label class="field"><span>Not</span><Typed value={wish.negative} disabled={!wish.prompt}
      placeholder="what they should not show" set={(text) => change({ negative: text.trim() })} /></label>
    <label class="field"><span>Guidance: 1 follows the prompt as the data does, more is closer</span><Typed type="number" min={0} max={20} step={0.5}
      value={wish.guidance} placeholder="4 with a prompt" set={(guidance) => change({ guidance })} /></label>
  </div>;
}

function Diffusion({ served, wish, change }: { served: Served; wish: Wish; change: (some: Partial<Wish>) => void }) {
  return <div class="tools">
    <label>Sampler <select value={wish.sampler} onChange={(e) => change({ sampler: e.currentTarget.value })}>
      {served.samplers.map((name) => <option key={name}>{name}</option>)}</select></label>
    <WholeNumber value={wish.steps} most={MOST_STEPS} set={(steps) => change({ steps })}
      title="More steps are slower, and nearer to what the model has learnt.">Steps</WholeNumber>
  </div>;
}

function Shown({ row }: { row: Row }) {
  const [first] = row.samples;
  return <>
    {row.title && <h3>{row.title}</h3>}
    {row.images.length > 0 && <ul class="samples">{row.images.map((image) => <li key={image.name}><img class="pixelated"
      src={`data:image/png;base64,${image.png}`} alt={`Generated sample ${row.title} ${image.name}`} /></li>)}</ul>}
    {typeof first === "string" && <ol class="texts">{(row.samples as string[]).map((text, i) =>
      <li key={i}>{text}</li>)}</ol>}
    {Array.isArray(first) && <div class="plots">{(row.samples as number[][]).map((values, i) => <Plot key={i}
      lines={channels(values)} />)}</div>}
    {first && typeof first === "object" && !Array.isArray(first) && <Records rows={row.samples as Record<string, Cell>[]} />}
  </>;
}

export function Records({ rows }: { rows: Record<string, Cell>[] }) {
  const names = Object.keys(rows[0]);
  return <div class="scroll" tabIndex={0} role="region" aria-label="Generated rows"><table class="runs"><thead><tr>
    {names.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead><tbody>{rows.map((row, i) =>
      <tr key={i}>{names.map((name) => <td key={name} class={typeof row[name] === "number" ? "number" : ""}>
        {typeof row[name] === "number" ? Number((row[name] as number).toPrecision(5)) : String(row[name] ?? "–")}</td>)}</tr>)}
  </tbody></table></div>;
}

// A vector is one line, a window one for each of its channels.
function channels(values: number[] | number[][]): number[][] {
  if (!Array.isArray(values[0])) return [values as number[]];
  return (values[0] as number[]).map((_, i) => (values as number[][]).map((step) => step[i]));
}

function asked(served: Served, wish: Wish, kind: string): Record<string, unknown> {
  return { n: wish.n, prior: wish.prior, temperature: wish.temperature, seed: wish.seed,
    ...(kind ? { class: kind } : {}), ...(served.kind === "lines" ? { top_k: wish.top_k } : {}),
    ...(wish.prompt ? { prompt: wish.prompt, ...(wish.negative ? { negative: wish.negative } : {}) } : {}),
    ...(served.samplers.length ? { steps: wish.steps, sampler: wish.sampler } : {}),
    ...(served.prompts && wish.guidance ? { guidance: Number(wish.guidance) } : {}) };
}

async function drawn(base: string, served: Served, wish: Wish, signal: AbortSignal): Promise<Row[]> {
  const kinds = wish.class === EACH ? served.classes.slice(0, MOST_CLASSES) : [wish.class];
  const rows: Row[] = [];
  for (const kind of kinds) {
    const found = await send<Answer>(`${base}/generate?format=json`, asked(served, wish, kind), "POST", signal);
    rows.push({ title: wish.class === EACH ? kind : "", images: found.images ?? [], samples: found.samples ?? [] });
  }
  return rows;
}

async function save(base: string, served: Served, wish: Wish, rows: Row[]): Promise<void> {
  const samples = rows.flatMap((row) => row.samples);
  if (rows[0].images.length) {
    for (const row of rows) {   // the same wish gives the same samples
      await savePictures(`${base}/generate`, asJson(asked(served, wish, row.title || (wish.class === EACH ? "" : wish.class))),
        row.images.length, `generated${row.title ? `-${row.title}` : ""}`);
    }
  } else if (typeof samples[0] === "string") saveText(`${samples.join("\n")}\n`, "generated.txt");
  else if (Array.isArray(samples[0])) {
    const flat = (samples as unknown[][]).map((each) => each.flat() as Cell[]);
    saveText(asCsv(flat[0].map((_, i) => `x_${i}`), flat), "generated.csv");
  } else {
    const names = Object.keys(samples[0]);
    saveText(asCsv(names, samples.map((each) => names.map((name) => (each as Record<string, Cell>)[name]))), "generated.csv");
  }
}

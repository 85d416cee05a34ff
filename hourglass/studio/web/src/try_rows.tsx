// A model of a table or series in use: reconstruct, score, or fill in what is missing.
import { useCallback, useEffect, useState } from "preact/hooks";
import { send } from "./api";
import { Drop, type Dropped } from "./drop";
import { number } from "./format";
import { asCsv, nested, readFile, type Cell, type Numbers, type Rows } from "./parse_rows";
import { Plot } from "./samples";
import { saveText } from "./save";
import { Threshold } from "./threshold";
import type { Served } from "./try";

interface Answer { samples?: unknown[]; notes?: string[]; scores?: (number | null)[]; abnormal?: boolean[];
  threshold?: number; detector?: string }
interface Sent { names: string[]; rows: Cell[][]; body: unknown[]; left: string[]; windows: boolean }
interface Result { use: string; names: string[]; rows: Cell[][]; scores?: (number | null)[]; flagged?: boolean[];
  threshold?: number; about: string[] }
const USES: [string, string][] = [["reconstruct", "Reconstruct"], ["score", "Score"], ["impute", "Fill in"]];
const SHOWN = 200;     // rows of the table
const AT_ONCE = 1000;  // rows of a request, of a table

export function RowsBox({ base, served }: { base: string; served: Served }) {
  const [use, setUse] = useState("reconstruct");
  const [sent, setSent] = useState<Sent | null>(null);
  const [found, setFound] = useState<Result | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const overTime = served.kind === "series" || served.kind === "windows";
  const uses = USES.filter(([name]) => name !== "impute" || served.kind === "table" || overTime);
  const take = useCallback((files: Dropped[]) => void readFile(files[0].file).then((read) => {
    setSent(prepared(read, served));
    setProblem("");
  }).catch((error) => { setSent(null); setFound(null); setProblem(error.message); }), [served]);
  useEffect(() => {
    if (!sent) return;
    let stale = false;
    setBusy(true);
    void asked(base, use, sent, served).then((result) => { if (!stale) { setFound(result); setProblem(""); } },
      (error) => { if (!stale) { setFound(null); setProblem(error.message); } })
      .finally(() => { if (!stale) setBusy(false); });
    return () => { stale = true; };
  }, [base, use, sent]);
  return <section>
    <h2>Your {overTime ? "series" : "rows"}</h2>
    <div class="tools"><div class="switch" role="group" aria-label="What to do">{uses.map(([name, title]) =>
      <button key={name} aria-pressed={use === name} onClick={() => setUse(name)}>{title}</button>)}</div></div>
    {served.columns.length > 0 && <p class="quiet">Columns: {served.columns.map((column) => column.name)
      .join(", ")}. What is left out counts as missing.</p>}
    <Drop take={take} accept=".csv,.tsv,.txt,.npy" words="Drop a .csv or .npy file here" paste text />
    {busy && <p class="quiet" role="status">Working …</p>}
    {problem && <p class="alert" role="alert">{problem}</p>}
    {sent && sent.left.length > 0 && <p class="alert">Left out, as the model does not know them: {
      sent.left.join(", ")}</p>}
    {found && sent && <Shown use={found.use} sent={sent} found={found} overTime={overTime} />}
  </section>;
}

// Cells as the model's server takes them: by column where it knows columns, otherwise as numbers.
function prepared(read: Rows | Numbers, served: Served): Sent {
  const known = served.columns.map((column) => column.name);
  const numbers = served.columns.filter((column) => column.kind === "number").map((column) => column.name);
  if ("shape" in read) {
    const body = nested(read);
    if (read.shape.length === 2 && served.kind === "series") {
      const rows = body as Cell[][];
      return { names: numbers, rows, left: [], windows: false, body: rows.map((row) =>
        Object.fromEntries(numbers.map((name, i) => [name, row[i] ?? null]))) };
    }
    const flat = body.map((each) => (each as unknown[]).flat(2) as Cell[]);
    return { names: (flat[0] ?? []).map((_, i) => known[i] ?? String(i)), rows: flat, body, left: [],
      windows: read.shape.length > 2 };
  }
  if (!known.length) {
    const names = read.names ?? read.cells[0].map((_, i) => String(i));
    return { names, rows: read.cells, body: read.cells, left: [], windows: false };
  }
  const names = read.names ?? known;
  const used = names.map((name, i) => [name, i] as const).filter(([name]) => known.includes(name));
  if (!used.length) throw new Error(`None of these columns is known to the model: ${names.join(", ")}`);
  const kinds = new Map(served.columns.map((column) => [column.name, column]));
  const cell = (name: string, value: Cell): Cell => {
    const column = kinds.get(name)!;
    if (value === null || column.kind === "number") return value;
    const texts = column.kind !== "category" || (column.values ?? []).every((each) => typeof each === "string");
    return texts ? String(value) : value;
  };
  const time = names.indexOf(served.columns.find((column) => column.kind === "time")?.name ?? "");
  const ordered = time < 0 ? read.cells : [...read.cells].sort((a, b) => typeof a[time] === "number"
    ? Number(a[time]) - Number(b[time]) : String(a[time]).localeCompare(String(b[time])));   // as answers are
  const rows = ordered.map((cells) => used.map(([name, i]) => cell(name, cells[i] ?? null)));
  return { names: used.map(([name]) => name), rows, windows: false, left: names.filter((name) =>
    !known.includes(name)), body: rows.map((row) => Object.fromEntries(used.map(([name], i) => [name, row[i]]))) };
}

async function asked(base: string, use: string, sent: Sent, served: Served): Promise<Result> {
  const size = served.kind === "series" && !sent.windows ? sent.body.length : AT_ONCE;
  const answers: Answer[] = [];
  for (let from = 0; from < sent.body.length; from += size) {
    answers.push(await send<Answer>(`${base}/${use}`, { samples: sent.body.slice(from, from + size) }));
  }
  const about = [...new Set(answers.flatMap((answer) => answer.notes ?? []))];
  if (use === "score") {
    about.unshift(`Scored by ${answers[0].detector}. Higher is more abnormal.`);
    return { use, names: ["score"], rows: [], about, threshold: answers[0].threshold,
      scores: answers.flatMap((answer) => answer.scores!), flagged: answers.flatMap((a) => a.abnormal!) };
  }
  const samples = answers.flatMap((answer) => answer.samples!);
  if (Array.isArray(samples[0])) {
    return { use, names: sent.names, rows: samples.map((each) => (each as unknown[]).flat(2) as Cell[]), about };
  }
  const names = Object.keys(samples[0] as object);
  return { use, names, about, rows: samples.map((each) => names.map((name) => (each as Record<string, Cell>)[name])) };
}

function Shown({ use, sent, found, overTime }: { use: string; sent: Sent; found: Result; overTime: boolean }) {
  const [threshold, setThreshold] = useState(found.threshold ?? 0);
  useEffect(() => setThreshold(found.threshold ?? 0), [found]);
  const scores = found.scores?.map((score) => score ?? NaN);
  const isFlagged = (i: number) => Boolean(scores && (threshold === found.threshold ? found.flagged![i]
    : scores[i] > threshold));
  const names = scores ? [...sent.names, "score", "flagged"] : found.names;
  const rows: Cell[][] = scores ? sent.rows.map((row, i) => [...row, found.scores![i] ?? null,
    isFlagged(i) ? "yes" : "no"]) : found.rows;
  const before = (i: number, name: string): Cell => sent.rows[i]?.[sent.names.indexOf(name)] ?? null;
  return <>
    {found.about.map((line) => <p class="quiet" key={line}>{line}</p>)}
    {scores && <Threshold scores={scores} value={threshold} usual={found.threshold!} set={setThreshold} />}
    {overTime && !sent.windows && <Lines sent={sent} found={found} />}
    <div class="head"><h3>{rows.length.toLocaleString("en")} rows</h3><span class="grow" />
      <button class="small" onClick={() => saveText(asCsv(names, rows), `${use}.csv`)}>Download as CSV</button></div>
    {rows.length > SHOWN && <p class="quiet">The first {SHOWN} are shown.</p>}
    <div class="scroll" tabIndex={0} role="region" aria-label="Results"><table class="runs">
      <thead><tr>{names.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
      <tbody>{rows.slice(0, SHOWN).map((row, i) => <tr key={i} class={isFlagged(i) ? "best" : ""}>
        {row.map((value, n) => <td key={n} class={`${typeof value === "number" ? "number" : ""} ${
          use === "impute" && before(i, names[n]) === null ? "filled-in" : ""}`}>{show(value)}
          {use === "reconstruct" && before(i, names[n]) !== null && <small class="quiet"> {
            show(before(i, names[n]))}</small>}</td>)}</tr>)}</tbody></table></div>
    {use === "reconstruct" && <p class="quiet">Reconstructions; beside them, the input.</p>}
    {use === "impute" && <p class="quiet">Marked cells were missing, and are filled in.</p>}
  </>;
}

// Each channel over time: the input, and what the model makes of it.
function Lines({ sent, found }: { sent: Sent; found: Result }) {
  const values = (rows: Cell[][], i: number) => rows.map((row) => typeof row[i] === "number"
    ? row[i] as number : NaN);
  if (found.scores) {
    return <div class="plots"><figure><Plot lines={[found.scores.map((score) => score ?? NaN)]} />
      <figcaption>score of each step</figcaption></figure></div>;
  }
  return <div class="plots">{sent.names.map((name, i) => [name, i, found.names.indexOf(name)] as const).filter(
    ([, i, there]) => there >= 0 && sent.rows.some((row) => typeof row[i] === "number")).map(
    ([name, i, there]) => <figure key={name}><Plot lines={[values(sent.rows, i), values(found.rows, there)]} />
      <figcaption>{name}</figcaption></figure>)}</div>;
}

const show = (value: Cell) => typeof value === "number" ? number(value) : String(value ?? "–");

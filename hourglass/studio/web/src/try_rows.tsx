// A model of a table or series in use: its results for rows, as a table and as pictures.
import { useCallback, useEffect, useState } from "preact/hooks";
import { Drop, type Dropped } from "./drop";
import { number } from "./format";
import { asCsv, readFile, type Cell } from "./parse_rows";
import { Plot } from "./samples";
import { saveText } from "./save";
import { Threshold } from "./threshold";
import type { Served } from "./try";
import { ClassOfAll } from "./class_of_all";
import { Forecast } from "./try_forecast";
import { asked, prepared, type Result, type Sent } from "./try_rows_work";
import { WholeNumber } from "./typed";

const USES: [string, string][] = [["reconstruct", "Reconstruct"], ["score", "Score"], ["classify", "Classify"],
  ["impute", "Fill in"], ["forecast", "Forecast"], ["nearest", "Nearest"], ["encode", "Codes"]];
const LINED = ["reconstruct", "score", "impute"];   // what is drawn over time
const SHOWN = 200;     // rows of the table
const WIDEST = 40;     // columns of it

export function RowsBox({ base, served }: { base: string; served: Served }) {
  const [use, setUse] = useState("reconstruct");
  const [sent, setSent] = useState<Sent | null>(null);
  const [found, setFound] = useState<Result | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const overTime = served.kind === "series" || served.kind === "windows";
  const [ahead, setAhead] = useState(Math.max(1, Math.floor((served.shape.at(-1) ?? 2) / 2)));
  const [kind, setKind] = useState(served.conditional ? served.classes[0] : "");
  const uses = USES.filter(([name]) => served.operations.includes(name));
  const take = useCallback((files: Dropped[]) => void readFile(files[0].file).then((read) => {
    setSent(prepared(read, served));
    setProblem("");
  }).catch((error) => { setSent(null); setFound(null); setProblem(error.message); }), [served]);
  useEffect(() => {
    if (!sent) return;
    let stale = false;
    setBusy(true);
    void asked(base, use, sent, served, ahead, kind).then((result) => { if (!stale) { setFound(result); setProblem(""); } },
      (error) => { if (!stale) { setFound(null); setProblem(error.message); } })
      .finally(() => { if (!stale) setBusy(false); });
    return () => { stale = true; };
  }, [base, use, sent, ahead, kind]);
  return <section>
    <h2>Your {overTime ? "series" : "rows"}</h2>
    <div class="tools"><div class="switch" role="group" aria-label="What to do">{uses.map(([name, title]) =>
      <button key={name} aria-pressed={use === name} onClick={() => setUse(name)}>{title}</button>)}</div>
      {served.conditional && <ClassOfAll served={served} kind={kind} set={setKind} />}
      {use === "forecast" && <WholeNumber value={ahead} most={1000} set={setAhead}>Steps ahead</WholeNumber>}</div>
    {served.columns.length > 0 && <p class="quiet">Columns: {served.columns.map((column) => column.name)
      .join(", ")}. What is left out counts as missing.</p>}
    <Drop take={take} accept=".csv,.tsv,.txt,.npy" words="Drop a .csv or .npy file here" paste text />
    {busy && <p class="quiet" role="status">{use === "forecast" ? "Forecasting. The first time, what forecasts so many steps best is found …"
      : "Working …"}</p>}
    {problem && <p class="alert" role="alert">{problem}</p>}
    {sent && sent.left.length > 0 && <p class="alert">Left out, as the model does not know them: {
      sent.left.join(", ")}</p>}
    {found && sent && <Shown use={found.use} sent={sent} found={found} served={served} overTime={overTime} />}
  </section>;
}

interface ShownProps { use: string; sent: Sent; found: Result; served: Served; overTime: boolean }

function Shown({ use, sent, found, served, overTime }: ShownProps) {
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
    {use === "forecast" ? <Forecast sent={sent} names={found.names} rows={found.rows} served={served} />
      : overTime && !sent.windows && LINED.includes(use) && <Lines sent={sent} found={found} />}
    <div class="head"><h3>{rows.length.toLocaleString("en")} rows</h3><span class="grow" />
      <button class="small" onClick={() => saveText(asCsv(names, rows), `${use}.csv`)}>Download as CSV</button></div>
    {rows.length > SHOWN && <p class="quiet">The first {SHOWN} are shown.</p>}
    {names.length > WIDEST && <p class="quiet">The first {WIDEST} of {names.length} columns are shown.</p>}
    <div class="scroll" tabIndex={0} role="region" aria-label="Results"><table class="runs">
      <thead><tr>{names.slice(0, WIDEST).map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
      <tbody>{rows.slice(0, SHOWN).map((row, i) => <tr key={i} class={isFlagged(i) ? "best" : ""}>
        {row.slice(0, WIDEST).map((value, n) => <td key={n} class={`${typeof value === "number" ? "number" : ""} ${
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

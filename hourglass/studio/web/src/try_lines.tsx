// A model of lines of text in use: reconstruct, score, near samples, and a way from line to line.
import { useEffect, useState } from "preact/hooks";
import { send } from "./api";
import { number } from "./format";
import { ClassOfAll } from "./class_of_all";
import { between } from "./interpolate";
import { asCsv, type Cell } from "./parse_rows";
import { saveText } from "./save";
import type { Near, Scores, Served } from "./try";
import { Threshold } from "./threshold";

interface Result { names: string[]; rows: Cell[][]; about: string[]; scores?: number[]; threshold?: number }
const USES: [string, string][] = [["reconstruct", "Reconstruct"], ["score", "Score"], ["classify", "Classify"],
  ["nearest", "Nearest"], ["morph", "Morph"], ["encode", "Codes"]];
const STEPS = 8;     // lines between two
const PAUSE = 400;   // ms after the last key

export function LinesBox({ base, served }: { base: string; served: Served }) {
  const [text, setText] = useState("");
  const [use, setUse] = useState("reconstruct");
  const [found, setFound] = useState<Result | null>(null);
  const [problem, setProblem] = useState("");
  const [threshold, setThreshold] = useState(0);
  const [kind, setKind] = useState(served.conditional ? served.classes[0] : "");
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, served.limits.samples);
  useEffect(() => {
    setProblem("");
    if (!lines.length) return setFound(null);
    const stop = new AbortController();
    const wait = setTimeout(() => void worked(base, use, lines, kind, stop.signal).then((result) => {
      setFound(result);
      setThreshold(result.threshold ?? 0);
    }, (error) => { if (!stop.signal.aborted) { setFound(null); setProblem(error.message); } }), PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [base, use, text, kind]);
  const scores = found?.scores;
  return <section>
    <h2>Your lines</h2>
    <div class="tools"><div class="switch" role="group" aria-label="What to do">{USES.filter(([name]) =>
      served.operations.includes(name === "morph" ? "decode" : name)).map(([name, title]) => <button key={name}
      aria-pressed={use === name} onClick={() => setUse(name)}>{title}</button>)}</div>
      {served.conditional && <ClassOfAll served={served} kind={kind} set={setKind} />}</div>
    <label class="field"><span>One line of text each{use === "morph" ? "; two or more, to go from each to the next" : ""}</span>
      <textarea rows={4} value={text} spellcheck={false} onInput={(e) => setText(e.currentTarget.value)} /></label>
    {problem && <p class="alert" role="alert">{problem}</p>}
    {found?.about.map((line) => <p class="quiet" key={line}>{line}</p>)}
    {scores && found.threshold !== undefined && <Threshold scores={scores} value={threshold} usual={found.threshold}
      set={setThreshold} />}
    {found && <><div class="head"><h3>{found.rows.length} lines</h3><span class="grow" />
      <button class="small" onClick={() => saveText(asCsv(found.names, found.rows), `${use}.csv`)}>Download as CSV</button></div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Results"><table class="runs"><thead><tr>
        {found.names.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
        <tbody>{found.rows.map((row, i) => <tr key={i} class={scores && scores[i] > threshold ? "best" : ""}>
          {row.map((value, n) => <td key={n} class={typeof value === "number" ? "number" : ""}>{
            typeof value === "number" ? number(value) : String(value)}</td>)}</tr>)}</tbody></table></div></>}
  </section>;
}

async function worked(base: string, use: string, lines: string[], kind: string, signal: AbortSignal): Promise<Result> {
  const ask = <T,>(path: string, body: unknown) => send<T>(`${base}/${path}`, body, "POST", signal);
  const classes = kind ? { classes: [kind] } : {};
  const body = { samples: lines, ...classes };
  if (use === "morph") {
    if (lines.length < 2) throw new Error("Type a second line below the first.");
    const { codes, notes } = await ask<{ codes: number[][]; notes: string[] }>("encode", body);
    const steps = between(codes, STEPS);
    const { samples } = await ask<{ samples: string[] }>("decode", { codes: steps.codes, ...classes });
    return { names: ["share", "line"], about: notes, rows: samples.map((line, i) => [steps.shares[i], line]) };
  }
  if (use === "score") {
    const scores = await ask<Scores>("score", body);
    return { names: ["line", "score"], rows: lines.map((line, i) => [line, scores.scores[i]]), scores: scores.scores,
      threshold: scores.threshold, about: [`Scored by ${scores.detector}. Higher is more abnormal.`, ...scores.notes] };
  }
  if (use === "nearest") {
    const { nearest, notes } = await ask<{ nearest: Near[][]; notes: string[] }>("nearest?n=5", body);
    return { names: ["line", "near training sample", "distance of codes"], about: notes, rows: nearest.flatMap((near, i) =>
      near.map((each): Cell[] => [lines[i], each.name || `training sample ${each.row}`, each.distance])) };
  }
  if (use === "classify") {
    const found = await ask<{ classes: string[]; probabilities: Record<string, number>[]; notes: string[] }>("classify", body);
    return { names: ["line", "class", "probability"], about: found.notes, rows: lines.map((line, i): Cell[] =>
      [line, found.classes[i], found.probabilities[i][found.classes[i]]]) };
  }
  if (use === "encode") {
    const { codes, notes } = await ask<{ codes: number[][]; notes: string[] }>("encode", body);
    return { names: ["line", ...codes[0].map((_, i) => `z_${i + 1}`)], about: notes, rows: lines.map((line, i) => [line, ...codes[i]]) };
  }
  const { samples, notes } = await ask<{ samples: string[]; notes: string[] }>("reconstruct", body);
  return { names: ["line", "reconstruction"], about: notes, rows: lines.map((line, i) => [line, samples[i]]) };
}

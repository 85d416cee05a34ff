// The page of one search: its trials as they come, what mattered, and what to do with the best.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { get } from "./api";
import { State } from "./cards";
import { Copy } from "./copy";
import { onNews } from "./events";
import { duration, number } from "./format";
import { Parallel, type Axis, type Ranges } from "./parallel";
import { isLive, listing, type Run } from "./runs";
import { useSignal } from "./signal";
import { StudyActions } from "./study_actions";
import { Front, History, Importance } from "./study_charts";

export interface Trial { number: number; state: string; values: (number | null)[];
  params: Record<string, string | number>; texts: Record<string, string>; parameters: number | null;
  why: string; epochs: number; seconds: number | null; curve: (number | null)[]; key: string;
  speed?: number }
export interface Aim { name: string; greater: boolean }
export interface Hole { name: string; text: string; number: boolean; log: boolean }
export interface Study { aims: Aim[]; holes: Hole[]; settings: Record<string, unknown>; trials: Trial[];
  asked: Record<string, string | number | null>; best: number | null; front: number[];
  importance: Record<string, number>; alive: boolean; left_out: number; speed: number | null; entry: Run;
  splits: { split: string; samples: number; value: number; low: number; high: number; role: string }[];
  command: string; log: string }
const WORDS: Record<string, string> = { finished: "finished", pruned: "pruned", failed: "failed",
  running: "training", stopped: "interrupted", refused: "not trained", duplicate: "known already" };
const AT_ONCE = 50;   // rows of the table

export function StudyPage({ id }: { id: string }) {
  const all = useSignal(listing);
  const [study, setStudy] = useState<Study | null>(null);
  const [problem, setProblem] = useState("");
  const [ranges, setRanges] = useState<Ranges>({});
  const read = useCallback(async () => {
    try {
      setStudy(await get<Study>(`/studies/${id}`));
      setProblem("");
    } catch (error) { setProblem((error as Error).message); }
  }, [id]);
  useEffect(() => {
    void read();
    return onNews((news) => {
      if (!location.hash.includes(id)) return;
      if (news.kind === "reset" || news.runs.includes(id) || news.runs.includes("")) void read();
    });
  }, [id, read]);
  const axes = useMemo(() => study ? axesOf(study) : [], [study]);
  const run = all?.runs.get(id) ?? study?.entry;
  if (problem && !study) {
    return <p class="alert" role="alert">{problem} <a href="#/search">All searches</a></p>;
  }
  if (!study || !run) return <p class="quiet">Reading the search …</p>;
  const shown = study.trials.filter((trial) => fitsAll(trial, axes, ranges));
  const best = study.trials.find((trial) => trial.number === study.best);
  return <>
    <p class="path"><a href="#/search">Searches</a> / {run.path}</p>
    <div class="head"><h1>{run.title}</h1><State run={run} /><span class="grow" />
      <StudyActions run={run} study={study} /></div>
    {problem && <p class="alert" role="alert">{problem}</p>}
    {isLive(run) && <p class="last-line quiet">{study.log.trim().split("\n").at(-1)}</p>}
    <Facts study={study} best={best} />
    {study.left_out > 0 && <p class="quiet">The last {study.trials.length} trials are shown; {
      study.left_out} earlier ones are not.</p>}
    <Running study={study} />
    <div class="columns even">
      <History study={study} />
      {study.aims.length > 1 ? <Front study={study} /> : <Importance study={study} />}
    </div>
    {study.aims.length > 1 && <Importance study={study} />}
    <Parallel axes={axes} trials={study.trials.filter((trial) => trial.state === "finished")}
      best={study.best} ranges={ranges} set={setRanges} greater={study.aims[0]?.greater ?? false} />
    <Table study={study} trials={shown} />
    {study.splits.length > 0 && <Splits study={study} />}
    <section><h2>The same from a shell</h2>
      <Copy text={study.command || `hourglass search ${run.path}`} label="Command" />
      {study.log && <details><summary>Log</summary><pre class="log" tabIndex={0} aria-label="Log">{study.log}
      </pre></details>}</section>
  </>;
}

// The objectives and holes as axes of the parallel coordinates.
function axesOf(study: Study): Axis[] {
  const order = [...study.holes].sort((a, b) => (study.importance[b.name] ?? 0)
    - (study.importance[a.name] ?? 0));
  return [...order.map((hole): Axis => ({ name: hole.name, log: hole.log, number: hole.number,
    of: (trial) => trial.params[hole.name] ?? null })),
  ...study.aims.map((aim, i): Axis => ({ name: aim.name, log: false, number: true,
    of: (trial) => trial.values[i] ?? null }))];
}

function fitsAll(trial: Trial, axes: Axis[], ranges: Ranges): boolean {
  return axes.every((axis) => {
    const range = ranges[axis.name];
    const value = axis.of(trial);
    if (!range) return true;
    if (value === null) return false;
    return axis.number ? Number(value) >= range[0] && Number(value) <= range[1]
      : range[2]?.includes(String(value)) ?? true;
  });
}

function Facts({ study, best }: { study: Study; best?: Trial }) {
  const count = (state: string) => study.trials.filter((trial) => trial.state === state).length;
  const states = Object.keys(WORDS).filter(count).map((state) => `${count(state)} ${WORDS[state]}`);
  const facts: [string, string][] = [
    ["Trials", study.asked.trials ? `${study.trials.length} of ${study.asked.trials}`
      : number(study.trials.length)],
    ...study.aims.map((aim, i): [string, string] => [i ? `Its ${aim.name}` : `Best ${aim.name}`,
      number(best?.values[i])]),
    ["Trials an hour", study.speed ? number(study.speed, 3) : "–"], ["States", states.join(", ") || "–"]];
  return <><dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd>
  </div>)}</dl>
    {best && <p>Best is <a href={`#/runs/${best.key}`}>trial {best.number}</a>: {Object.entries(best.texts)
      .map(([name, text]) => <code key={name}>{name} = {text} </code>)}</p>}</>;
}

function Running({ study }: { study: Study }) {
  const live = study.trials.filter((trial) => trial.state === "running");
  if (!live.length) return null;
  return <section><h2>Training now</h2><ul class="lines">{live.map((trial) => <li key={trial.number}>
    <i class="dot training" /><a href={`#/runs/${trial.key}`}>trial {trial.number}</a>
    <span>epoch {number(trial.epochs)}</span>
    {trial.curve.length > 0 && <span>{study.aims[0].name} {number(trial.curve.at(-1))}</span>}
    {trial.speed && <span class="quiet">{number(trial.speed, 3)} samples a second</span>}
    <span class="quiet">{Object.values(trial.texts).join(", ")}</span></li>)}</ul></section>;
}

function Table({ study, trials }: { study: Study; trials: Trial[] }) {
  const [sort, setSort] = useState<[string, boolean]>(["number", true]);
  const [count, setCount] = useState(AT_ONCE);
  const of: Record<string, (trial: Trial) => string | number | null> = {
    number: (trial) => trial.number, state: (trial) => WORDS[trial.state],
    ...Object.fromEntries(study.aims.map((aim, i) => [aim.name, (trial: Trial) =>
      trial.values[i] ?? (i ? null : trial.curve.at(-1) ?? null)])),
    ...Object.fromEntries(study.holes.map((hole) => [hole.name, (trial: Trial) =>
      trial.params[hole.name] ?? null])),
    parameters: (trial) => trial.parameters, epochs: (trial) => trial.epochs,
    time: (trial) => trial.seconds };
  const [name, down] = sort;
  const rows = [...trials].sort((a, b) => compare(of[name]?.(a), of[name]?.(b)) * (down ? -1 : 1));
  return <section><div class="head"><h2>Trials</h2><span class="quiet">{trials.length} of {
    study.trials.length}</span></div>
    <div class="scroll" tabIndex={0} role="region" aria-label="Table of trials"><table class="runs">
      <thead><tr>{Object.keys(of).map((column) => <th key={column} scope="col" aria-sort={
        column !== name ? "none" : down ? "descending" : "ascending"}><button class="plain" onClick={() =>
          setSort([column, column === name ? !down : false])}>{column === "number" ? "trial" : column}
          <span aria-hidden="true">{column === name ? (down ? " ↓" : " ↑") : ""}</span></button></th>)}
      </tr></thead>
      <tbody>{rows.slice(0, count).map((trial) => <tr key={trial.number} title={trial.why}
        class={trial.number === study.best ? "best" : ""}>
        {Object.entries(of).map(([column, value]) => <td key={column}
          class={typeof value(trial) === "number" ? "number" : ""}>{column === "number" && trial.key
            ? <a href={`#/runs/${trial.key}`}>{trial.number}</a> : column === "time"
              ? duration(trial.seconds ?? undefined) : show(value(trial))}</td>)}</tr>)}</tbody>
    </table></div>
    {rows.length > count && <button class="more" onClick={() => setCount(count + 200)}>Show more ({
      rows.length - count})</button>}
  </section>;
}

const show = (value: string | number | null) => typeof value === "string" ? value : number(value);

function compare(a: string | number | null | undefined, b: string | number | null | undefined): number {
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b, "en", { numeric: true });
  const [x, y] = [a, b].map((value) => typeof value === "number" ? value : Infinity);
  return x === y ? 0 : x < y ? -1 : 1;
}

function Splits({ study }: { study: Study }) {
  return <section><h2>The best model on all splits</h2>
    <p class="quiet">{study.aims[0].name}, with 95 % intervals. The holdout split was used once, at the
      end.</p>
    <table class="metrics"><tbody>{study.splits.map((split) => <tr key={split.split}>
      <th scope="row">{split.split}</th><td class="number">{number(split.value)}</td>
      <td class="quiet number">{number(split.low, 3)} – {number(split.high, 3)}</td>
      <td class="quiet">{split.samples.toLocaleString("en")} samples, {split.role}</td></tr>)}</tbody></table>
  </section>;
}

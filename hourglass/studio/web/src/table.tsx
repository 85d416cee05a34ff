// Runs as a table that can be sorted by any column.
import { useState } from "preact/hooks";
import { State } from "./cards";
import { ago, duration, number } from "./format";
import { linkOf, valueOf, type Run } from "./runs";

interface Props { runs: Run[]; most: number; chosen: Set<string>;
  choose: (key: string, on: boolean) => void }
interface Column { name: string; title: string; of: (run: Run) => string | number | undefined | null;
  show?: (run: Run) => preact.ComponentChildren }

const COLUMNS: Column[] = [
  { name: "path", title: "Run", of: (run) => run.path },
  { name: "title", title: "Model and data", of: (run) => run.title,
    show: (run) => linkOf(run) ? <a href={linkOf(run)}>{run.title}</a> : run.title },
  { name: "state", title: "State", of: (run) => run.state, show: (run) => <State run={run} /> },
  { name: "epochs", title: "Epochs", of: (run) => run.epochs ?? run.trials },
  { name: "best_loss", title: "Best loss", of: (run) => run.best_loss },
  { name: "loss", title: "Last loss", of: (run) => run.loss },
];
const LAST: Column[] = [
  { name: "parameters", title: "Parameters", of: (run) => run.parameters },
  { name: "seconds", title: "Time", of: (run) => run.seconds, show: (run) => duration(run.seconds) },
  { name: "changed", title: "Changed", of: (run) => run.changed, show: (run) => ago(run.changed) },
];
const METRICS = ["mse", "psnr", "ssim", "kl", "knn_accuracy", "auroc", "ndcg@100"];

export function Table({ runs, most, chosen, choose }: Props) {
  const [sort, setSort] = useState<[string, boolean] | null>(null);
  const there = METRICS.filter((name) => runs.some((run) => name in run.metrics));
  const columns = [...COLUMNS, ...there.map((name): Column => ({ name, title: name.replaceAll("_", " "),
    of: (run) => valueOf(run, name) as number | undefined })), ...LAST];
  const by = columns.find((column) => column.name === sort?.[0]);
  const sorted = by ? [...runs].sort((a, b) => compare(by.of(a), by.of(b)) * (sort![1] ? -1 : 1)) : runs;
  return <div class="scroll" tabIndex={0} role="region" aria-label="Table of runs"><table class="runs">
    <thead><tr><th><span class="hidden">Choose</span></th>
      {columns.map((column) => <th key={column.name} scope="col"
        aria-sort={sort?.[0] !== column.name ? "none" : sort[1] ? "descending" : "ascending"}>
        <button class="plain" onClick={() => setSort(next(sort, column.name))}>{column.title}
          <span aria-hidden="true">{sort?.[0] === column.name ? (sort[1] ? " ↓" : " ↑") : ""}</span>
        </button></th>)}
    </tr></thead>
    <tbody>{sorted.slice(0, most).map((run) => <tr key={run.key}>
      <td>{run.kind === "run" && <input type="checkbox" checked={chosen.has(run.key)}
        aria-label={`Choose ${run.path}`}
        onChange={(e) => choose(run.key, e.currentTarget.checked)} />}</td>
      {columns.map((column) => <td key={column.name}
        class={typeof column.of(run) === "number" ? "number" : ""}>
        {column.show ? column.show(run) : cell(column.of(run))}</td>)}
    </tr>)}</tbody>
  </table></div>;
}

const cell = (value: string | number | undefined | null) =>
  typeof value === "string" ? value : number(value);

// Once up, once down, then as it was.
function next(sort: [string, boolean] | null, name: string): [string, boolean] | null {
  if (sort?.[0] !== name) return [name, false];
  return sort[1] ? null : [name, true];
}

// What is missing comes last, whichever way it is sorted.
function compare(a: unknown, b: unknown): number {
  if (typeof a === "string" || typeof b === "string") {
    return String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true });
  }
  const [x, y] = [a, b].map((value) => value === undefined || value === null ? Infinity : Number(value));
  return x === y ? 0 : x < y ? -1 : 1;
}

// Which samples the latent space shows: those of the report, or all of a split once they are placed.
import { useCallback, useEffect, useState } from "preact/hooks";
import { get, send } from "./api";
import { onNews } from "./events";
import type { Details } from "./run";
import type { Run } from "./runs";
import { complain } from "./toast";

interface Splits { splits: { name: string; total: number; placed: number }[]; most: number; running: string;
  last: string; line: string }
const EVERY = 2000;   // ms between two looks at the process
const shown = (count: number) => count.toLocaleString("en");

export interface Placing { found: Splits | null; read: () => Promise<void> }

export function usePlacing(run: Run): Placing {
  const [found, setFound] = useState<Splits | null>(null);
  const read = useCallback(() => get<Splits>(`/runs/${run.key}/points`).then(setFound, complain), [run.key]);
  useEffect(() => { void read(); }, [read, run.changed]);
  useEffect(() => onNews(() => void read()), [read]);
  useEffect(() => {
    if (!found?.running) return;
    const clock = setInterval(() => void read(), EVERY);
    return () => clearInterval(clock);
  }, [found?.running, read]);
  return { found, read };
}

// How many of a split's samples are placed.
export const placedOf = ({ found }: Placing, split: string) => found?.splits.find(({ name }) => name === split)?.placed ?? 0;

export function SplitChoice({ placing, details, split, set }: { placing: Placing; details: Details; split: string;
  set: (split: string) => void }) {
  return <label>Samples <select value={split} onChange={(e) => set(e.currentTarget.value)}>
    <option value="">those of the report ({details.split})</option>
    {placing.found?.splits.map(({ name, total }) => <option key={name} value={name}>all {shown(total)} of {name}</option>)}
  </select></label>;
}

// What starts, follows and stops the process that places a split.
export function Place({ run, placing, split }: { run: Run; placing: Placing; split: string }) {
  const { found, read } = placing;
  const of = found?.splits.find(({ name }) => name === split);
  if (!found || !of) return null;
  const ask = (method: string, body?: unknown) => void send(`/runs/${run.key}/points`, body, method).then(read, complain);
  if (found.running) return <p role="status">Placing the {found.running} samples: {found.line || "starting …"} <button
    class="small" onClick={() => ask("DELETE")}>Stop</button></p>;
  const count = Math.min(of.total, found.most);
  return <>
    {found.last === split && <p class="alert" role="alert">The last process ended before all were placed{found.line && `: ${found.line}`}.</p>}
    <p>The {split} samples are not placed yet: the model has to encode each of them once. A process of its own does that, and
      the run keeps the result. You may leave the page.</p>
    <p><button class="primary" onClick={() => ask("POST", { split })}>Place {count < of.total
      ? `${shown(count)} of ${shown(of.total)}` : `all ${shown(count)}`} samples</button></p>
  </>;
}

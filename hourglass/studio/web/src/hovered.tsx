// The sample that the pointer is at: its class, name, error and picture, which are fetched by its number.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { number } from "./format";
import { ofSplit } from "./latent_data";
import type { Run } from "./runs";
import type { Sample } from "./samples";

interface Seen extends Sample { webp: string }
const PAUSE = 60;   // ms at a point until its sample is fetched
const KEPT = 500;   // samples that are not fetched again

export function Hovered({ run, split, row, error }: { run: Run; split: string; row: number; error: number }) {
  const seen = useSample(run, split, row);
  return <section class="panel hovered" aria-live="off">
    <h2>Sample</h2>
    {row < 0 ? <p class="quiet">Point at a sample to see it; click to decode its code.</p> : <div class="row">
      {seen?.webp && <img class="thumbnail pixelated" src={`data:image/webp;base64,${seen.webp}`} alt={`Sample ${row}`} />}
      <p>{seen?.class} {seen?.name || `sample ${row}`}<br /><span class="quiet">error {number(error, 3)}</span></p></div>}
  </section>;
}

function useSample(run: Run, split: string, row: number): Seen | null {
  const [known] = useState(() => new Map<number, Seen>());
  const [, again] = useState(0);
  useEffect(() => {
    if (row < 0 || known.has(row)) return;
    const stop = new AbortController();
    const wait = setTimeout(() => void get<Seen>(`/runs/${run.key}/sample/${row}${ofSplit(split)}`, stop.signal).then((seen) => {
      if (known.size >= KEPT) known.clear();
      known.set(row, seen);
      again((n) => n + 1);
    }, () => undefined), PAUSE);   // the next point is asked for again
    return () => { clearTimeout(wait); stop.abort(); };
  }, [run.key, split, row]);
  return known.get(row) ?? null;
}

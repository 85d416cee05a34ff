// The first look at a run: curves, how reconstructions sharpen, the worst ones, the figures.
import { useState } from "preact/hooks";
import { Curves } from "./curves";
import { duration, number } from "./format";
import { Metrics } from "./metrics";
import { NotesBox } from "./notes";
import { Picture } from "./picture";
import type { Details, Progress, Row } from "./run";
import { isLive, type Run } from "./runs";
import { Strip, useSamples } from "./samples";

interface Props { run: Run; details: Details; rows: Row[]; last: Progress | null }

export function Overview({ run, details, rows, last }: Props) {
  const row = rows[rows.length - 1];
  const facts: [string, string][] = [
    ["Epochs", run.wanted ? `${number(run.epochs ?? 0)} of ${run.wanted}` : number(run.epochs ?? 0)],
    ...(run.best_loss ? [["Best loss", `${number(run.best_loss)} in epoch ${run.best_epoch}`] as [string,
      string]] : []),
    ["Last loss", number(run.loss)],
    ["Images a second", row ? number(row.images_per_second, 3) : "–"],
    ["Training time", duration(row?.seconds ?? run.seconds)],
    ["Parameters", number(details.sizes.parameters?.whole)],
    ["Samples", Object.entries(details.splits).map(([name, n]) => `${name} ${n.toLocaleString("en")}`)
      .join(", ") || "–"]];
  return <div class="columns">
    <div>
      {isLive(run) && <LastLine log={last?.log ?? ""} />}
      <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd>
      </div>)}</dl>
      {details.verdict && <p class="alert">{details.verdict}</p>}
      {details.notes.map((note) => <p class="alert" key={note}>{note}</p>)}
      <Curves runs={[{ name: run.title, rows }]} />
      {last && last.frames.length > 0 && <Frames run={run} frames={last.frames} />}
      {details.has_snapshot && <Worst run={run} />}
    </div>
    <aside>
      <NotesBox run={run} />
      {details.metrics.length > 0 && <Metrics metrics={details.metrics} split={details.split} />}
    </aside>
  </div>;
}

function LastLine({ log }: { log: string }) {
  const line = log.trim().split("\n").at(-1);
  return line ? <p class="last-line quiet" title={line}>{line}</p> : null;
}

// The same samples after each epoch.
function Frames({ run, frames }: { run: Run; frames: string[] }) {
  const [at, setAt] = useState<number | null>(null);
  const i = at === null ? frames.length - 1 : Math.min(at, frames.length - 1);
  return <section>
    <h2>Reconstructions in training</h2>
    <p class="quiet">Inputs above, reconstructions below, the same samples after each epoch.</p>
    <div class="sheet"><Picture now path={`/runs/${run.key}/frames/${frames[i]}`} pixelated
      alt={`Inputs and reconstructions, frame ${i + 1} of ${frames.length}`} /></div>
    {frames.length > 1 && <label class="slider"><span>Epoch {Number.parseInt(frames[i])}</span>
      <input type="range" min={0} max={frames.length - 1} value={i}
        onInput={(e) => setAt(Number(e.currentTarget.value) === frames.length - 1 ? null
          : Number(e.currentTarget.value))} /></label>}
  </section>;
}

function Worst({ run }: { run: Run }) {
  const { found, problem } = useSamples(run, "worst", 12, "");
  if (problem) return <section><h2>Worst reconstructions</h2>
    <p class="alert" role="alert">{problem}</p></section>;
  if (!found?.samples.length) return null;
  return <section>
    <h2>Worst reconstructions</h2>
    <p class="quiet">Of {found.count.toLocaleString("en")} {found.split} samples, which training
      did not see. <a href={`#/runs/${run.key}/samples`}>See more, and those of all your data</a></p>
    <Strip run={run} samples={found.samples} image={found.image} />
  </section>;
}

export function LogTab({ last }: { last: Progress | null }) {
  return <pre class="log" tabIndex={0} aria-label="Log of the training">{last?.log || "Nothing yet."}</pre>;
}

// Runs as cards: the last reconstructions, the curve, the figures that matter.
import { ago, number, STATES } from "./format";
import { Picture, Spark } from "./picture";
import { isLive, linkOf, type Run } from "./runs";

interface Props { runs: Run[]; chosen: Set<string>; choose: (key: string, on: boolean) => void }

export function Cards({ runs, chosen, choose }: Props) {
  return <ul class="cards">
    {runs.map((run) => <Card key={run.key} run={run} chosen={chosen.has(run.key)}
      choose={(on) => choose(run.key, on)} />)}
  </ul>;
}

function Card({ run, chosen, choose }: { run: Run; chosen: boolean; choose: (on: boolean) => void }) {
  const link = linkOf(run);
  return <li class={`card ${isLive(run) ? "live" : ""} ${chosen ? "chosen" : ""}`}>
    {run.kind === "run" && <label class="choose"><input type="checkbox" checked={chosen}
      aria-label={`Choose ${run.path}`} onChange={(e) => choose(e.currentTarget.checked)} /></label>}
    <div class="card-picture">
      {run.frame ? <Picture path={`/runs/${run.key}/frames/${run.frame}`} pixelated
        alt={`Inputs and reconstructions of ${run.title}`} />
        : run.curve && run.curve.length > 1 ? <Spark values={run.curve} />
          : <span class="quiet">{run.kind === "study" ? `${run.trials} trials` : "no picture yet"}</span>}
    </div>
    <div class="card-text">
      <h2>{link ? <a href={link}>{run.title}</a> : run.title}</h2>
      <p class="quiet"><State run={run} /> · {run.path} · {ago(run.changed)}</p>
      {run.error ? <p class="error">{run.error}</p> : <Figures run={run} />}
      {run.tags.length > 0 && <p class="tags">{run.tags.map((tag) => <span key={tag}>{tag}</span>)}</p>}
      {run.note && <p class="note">{run.note}</p>}
    </div>
  </li>;
}

function Figures({ run }: { run: Run }) {
  const done = run.wanted ? `${number(run.epochs ?? 0)} of ${run.wanted}` : number(run.epochs ?? 0);
  const shown: [string, string][] = run.kind === "study" ? [["trials", String(run.trials)],
    ...(run.best === undefined ? [] : [[`best ${run.metric?.split(",")[0]}`, number(run.best)] as [string, string]])]
    : !isLive(run) && run.curve && !run.curve.length ? []   // an ensemble was not trained
    : [["epochs", done], isLive(run) || run.best_loss === undefined || run.best_loss === null
      ? ["last loss", number(run.loss)] : ["best loss", number(run.best_loss)]];
  for (const name of ["mse", "ndcg@100", "accuracy"]) {
    if (name in run.metrics) shown.push([name, number(run.metrics[name])]);
  }
  return <>
    <dl class="figures">{shown.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd>
    </div>)}</dl>
    {isLive(run) && run.wanted ? <progress max={run.wanted} value={run.epochs ?? 0}
      aria-label="Epochs" /> : null}
  </>;
}

export const State = ({ run }: { run: Run }) => <span class="state"><i class={`dot ${run.state}`} />
  {STATES[run.state]}</span>;

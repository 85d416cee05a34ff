// Charts of a search: the history with the best so far, importance of holes, and the front.
import { useEffect, useRef, useState } from "preact/hooks";
import { number } from "./format";
import type { Study, Trial } from "./study";

const HEIGHT = 260;
const EDGE = { left: 64, right: 14, top: 12, bottom: 36 };

export function useWidth(usual: number) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(usual);
  useEffect(() => {
    const watch = new ResizeObserver(([found]) => setWidth(found.contentRect.width));
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return { box, width };
}

interface Point { x: number; y: number; kind: string; trial: Trial }
interface PlotProps { points: Point[]; line: [number, number][]; steps?: boolean; across: string; up: string;
  about: string }

// Round numbers that span a range.
function ticksOf(low: number, high: number): number[] {
  const rough = (high - low) / 4 || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * size).find((each) => each >= rough)!;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, i) => first + i * step);
}

function Plot({ points, line, steps, across, up, about }: PlotProps) {
  const { box, width } = useWidth(560);
  const all = [...points.map((p) => [p.x, p.y]), ...line];
  const ends = [0, 1].map((i) => {
    const values = all.map((pair) => pair[i]);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const pad = (high - low || Math.abs(high) || 1) * 0.05;
    return [low - pad, high + pad];
  });
  const x = (value: number) => EDGE.left + (value - ends[0][0]) / (ends[0][1] - ends[0][0])
    * Math.max(10, width - EDGE.left - EDGE.right);
  const y = (value: number) => HEIGHT - EDGE.bottom - (value - ends[1][0]) / (ends[1][1] - ends[1][0])
    * (HEIGHT - EDGE.top - EDGE.bottom);
  const path = line.map(([a, b], i) => i && steps ? `H${x(a)}V${y(b)}` : `${i ? "L" : "M"}${x(a)},${y(b)}`);
  return <div ref={box}><svg class="plot-of-trials" width={width} height={HEIGHT} role="img" aria-label={about}>
    {ticksOf(ends[1][0], ends[1][1]).map((tick) => <g key={tick}><path class="rule" d={
      `M${EDGE.left},${y(tick)}H${width - EDGE.right}`} /><text x={EDGE.left - 6} y={y(tick) + 4}
      text-anchor="end">{number(Number(tick.toPrecision(6)), 3)}</text></g>)}
    {ticksOf(ends[0][0], ends[0][1]).map((tick) => <text key={tick} x={x(tick)} y={HEIGHT - EDGE.bottom + 16}
      text-anchor="middle">{number(Number(tick.toPrecision(6)), 3)}</text>)}
    <text x={width / 2} y={HEIGHT - 4} text-anchor="middle">{across}</text>
    <text x={4} y={10}>{up}</text>
    <path class="best-line" d={path.join("")} />
    {points.map((point) => <a key={point.trial.number} href={point.trial.key
      ? `#/runs/${point.trial.key}` : undefined} tabIndex={-1}><circle class={point.kind} cx={x(point.x)}
      cy={y(point.y)} r={4}><title>{`trial ${point.trial.number}: ${up} ${number(point.y)}`}</title>
    </circle></a>)}
  </svg></div>;
}

export function History({ study }: { study: Study }) {
  const [aim] = study.aims;
  const points: Point[] = [];
  for (const trial of study.trials) {
    const value = trial.values[0] ?? (trial.state === "pruned" ? trial.curve.at(-1) : null);
    if (value !== null && value !== undefined) points.push({ x: trial.number, y: value, trial,
      kind: trial.state });
  }
  const line: [number, number][] = [];
  for (const point of points.filter((each) => each.kind === "finished")) {
    const before = line.at(-1)?.[1] ?? point.y;
    line.push([point.x, aim.greater ? Math.max(before, point.y) : Math.min(before, point.y)]);
  }
  return <section><h2>History</h2>
    {points.length ? <><p class="quiet">Each trial, and the best so far. Pruned trials are grey, at their
      last value.</p>
      <Plot points={cut(points, aim.greater)} line={line} steps across="trial" up={aim.name} about={
        `${aim.name} of ${points.length} trials. Best so far: ${number(line.at(-1)?.[1])}`} /></>
      : <p class="quiet">No trial has ended yet.</p>}</section>;
}

// Without very bad trials, which would flatten all others.
function cut(points: Point[], greater: boolean): Point[] {
  const sorted = points.map((point) => point.y).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))];
  const reach = 3 * (at(0.75) - at(0.25)) || Infinity;
  return points.filter((point) => greater ? point.y >= at(0.5) - reach : point.y <= at(0.5) + reach);
}

export function Front({ study }: { study: Study }) {
  const [first, second] = study.aims;
  const front = new Set(study.front);
  const points = study.trials.filter((trial) => trial.state === "finished" && trial.values[0] !== null
    && trial.values[1] !== null).map((trial): Point => ({ x: trial.values[1]!, y: trial.values[0]!, trial,
    kind: front.has(trial.number) ? "finished front" : "finished" }));
  const line = points.filter((point) => front.has(point.trial.number)).map((point): [number, number] =>
    [point.x, point.y]).sort((a, b) => a[0] - b[0]);
  return <section><h2>Pareto front</h2>
    {points.length ? <><p class="quiet">The line joins the trials that no other one beats in both.</p>
      <Plot points={cut(points, first.greater)} line={line} across={second.name} up={first.name} about={
        `${first.name} against ${second.name}. ${front.size} of ${points.length} trials are on the front`} />
    </> : <p class="quiet">No trial has finished yet.</p>}</section>;
}

export function Importance({ study }: { study: Study }) {
  const weights = Object.entries(study.importance).sort((a, b) => b[1] - a[1]);
  return <section><h2>Importance</h2>
    {weights.length ? <><p class="quiet">The share of the variation of {study.aims[0].name} that each hole
      explains (PED-ANOVA).</p>
      <dl class="bars">{weights.map(([name, weight]) => <div key={name}><dt>{name}</dt><dd>
        <progress class="bar-of" max={1} value={weight} aria-label={`Importance of ${name}`} />
        <span>{number(weight, 2)}</span></dd></div>)}</dl></>
      : <p class="quiet">Importance needs four finished trials whose values differ.</p>}</section>;
}

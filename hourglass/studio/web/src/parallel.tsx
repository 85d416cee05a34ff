// Parallel coordinates: a line for each trial through all axes; drag along an axis to choose some.
import { useRef } from "preact/hooks";
import { number } from "./format";
import type { Trial } from "./study";
import { useWidth } from "./study_charts";
import { Typed } from "./typed";

export interface Axis { name: string; number: boolean; log: boolean;
  of: (trial: Trial) => string | number | null }
export type Ranges = Record<string, [number, number, string[]?]>;
interface Props { axes: Axis[]; trials: Trial[]; best: number | null; ranges: Ranges; greater: boolean;
  set: (ranges: Ranges) => void }
interface Scale { at: (value: string | number) => number; back: (share: number) => number;
  ticks: [number, string][]; values: string[] }
const TOP = 44;
const BOTTOM = 16;
const HEIGHT = 320;

// Where a value lies on its axis, from 0 (below) to 1.
function scaleOf(axis: Axis, trials: Trial[]): Scale {
  const found = trials.map(axis.of).filter((value) => value !== null);
  if (!axis.number) {
    const values = [...new Set(found.map(String))].sort();
    const of = (i: number) => values.length < 2 ? 0.5 : i / (values.length - 1);
    return { at: (value) => of(values.indexOf(String(value))), back: (share) => share, values,
      ticks: values.map((value, i) => [of(i), value]) };
  }
  const numbers = found.map(Number);
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const log = axis.log && low > 0;
  const [a, b] = log ? [Math.log(low), Math.log(high)] : [low, high];
  const back = (share: number) => log ? Math.exp(a + share * (b - a)) : a + share * (b - a);
  return { values: [], back, at: (value) => b === a ? 0.5 : ((log ? Math.log(Number(value))
    : Number(value)) - a) / (b - a), ticks: b === a ? [[0.5, number(low)]]
    : [0, 0.5, 1].map((share) => [share, number(back(share), 3)]) };
}

export function Parallel({ axes, trials, best, ranges, set, greater }: Props) {
  const { box, width } = useWidth(900);
  const from = useRef<number | null>(null);
  if (trials.length < 2) return null;
  const scales = axes.map((axis) => scaleOf(axis, trials));
  const wide = Math.max(width, axes.length * 92);
  const x = (i: number) => 50 + (axes.length < 2 ? 0 : i * (wide - 110) / (axes.length - 1));
  const y = (share: number) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  const share = (event: PointerEvent) => {
    const top = (event.currentTarget as SVGElement).ownerSVGElement!.getBoundingClientRect().top;
    return Math.min(1, Math.max(0, (HEIGHT - BOTTOM - (event.clientY - top)) / (HEIGHT - TOP - BOTTOM)));
  };
  const brush = (i: number, a: number, b: number) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const { [axes[i].name]: _, ...others } = ranges;
    if (high - low < 0.015) return set(others);   // a click takes the choice away
    const some = scales[i].values.filter((value) => scales[i].at(value) >= low && scales[i].at(value) <= high);
    set({ ...others, [axes[i].name]: [axes[i].number ? scales[i].back(low) : low,
      axes[i].number ? scales[i].back(high) : high, some] });
  };
  const chosen = (trial: Trial) => axes.every((axis) => {
    const range = ranges[axis.name];
    const value = axis.of(trial);
    return !range || (value !== null && (axis.number ? Number(value) >= range[0]
      && Number(value) <= range[1] : range[2]!.includes(String(value))));
  });
  const ranked = [...trials].sort((a, b) => ((a.values[0] ?? 0) - (b.values[0] ?? 0)) * (greater ? 1 : -1));
  const lines = ranked.map((trial, i) => ({ trial, rank: i / Math.max(1, ranked.length - 1) }));
  const top = (i: number) => ranges[axes[i].name] && (axes[i].number ? ranges[axes[i].name].slice(0, 2)
    .map((value) => Math.min(1, Math.max(0, scales[i].at(value as number)))) : ranges[axes[i].name].slice(0, 2) as number[]);
  return <section><div class="head"><h2>Parallel coordinates</h2><span class="grow" />
    {Object.keys(ranges).length > 0 && <button class="small" onClick={() => set({})}>Show all trials</button>}
    </div>
    <p class="quiet">Each line is a finished trial; strong lines are the best. Drag along an axis to choose
      trials; the table below follows.</p>
    <div class="scroll" ref={box} tabIndex={0} role="region" aria-label="Parallel coordinates">
      <svg class="parallel" width={wide} height={HEIGHT} role="img" aria-label={
        `${trials.filter(chosen).length} of ${trials.length} trials over ${axes.map((a) => a.name).join(", ")}`}>
        {lines.map(({ trial, rank }) => <polyline key={trial.number} class={!chosen(trial) ? "away"
          : trial.number === best ? "first" : `rank-${Math.floor(rank * 3.99)}`} points={axes.map((axis, n) =>
          [n, axis.of(trial)] as const).filter(([, value]) => value !== null).map(([n, value]) =>
          `${x(n)},${y(scales[n].at(value!))}`).join(" ")}><title>{`trial ${trial.number}`}</title></polyline>)}
        {axes.map((axis, i) => <g key={axis.name}>
          <path class="axis-line" d={`M${x(i)},${y(0)}V${y(1)}`} />
          <text class="axis-name" x={x(i)} y={i % 2 ? 28 : 14} text-anchor="middle">{axis.name}</text>
          {scales[i].ticks.map(([at, text]) => <text key={text} x={x(i) + 6} y={y(at) + 4}>{
            text.length > 16 ? `${text.slice(0, 15)}…` : text}</text>)}
          {top(i) && <rect class="brush" x={x(i) - 8} width={16} y={y(top(i)[1])}
            height={Math.max(2, y(top(i)[0]) - y(top(i)[1]))} />}
          <rect class="grip" x={x(i) - 14} width={28} y={TOP} height={HEIGHT - TOP - BOTTOM}
            onPointerDown={(e) => { from.current = share(e); e.currentTarget.setPointerCapture(e.pointerId); }}
            onPointerMove={(e) => { if (from.current !== null) brush(i, from.current, share(e)); }}
            onPointerUp={(e) => { brush(i, from.current ?? 0, share(e)); from.current = null; }} />
        </g>)}
      </svg></div>
    <details><summary>Ranges by number</summary><div class="fields">{axes.map((axis, i) => axis.number
      ? <div class="row" key={axis.name}><span class="grow">{axis.name}</span>{[0, 1].map((end) =>
        <label key={end} class="field"><span>{end ? "to" : "from"}</span><Typed class="code" type="number"
          step="any" aria-label={`${axis.name} ${end ? "to" : "from"}`} value={bound(ranges, axis.name, end)}
          set={(text) => {
            const now = [...(ranges[axis.name] ?? [-Infinity, Infinity])] as [number, number];
            now[end] = text === "" ? (end ? Infinity : -Infinity) : Number(text);
            set({ ...ranges, [axis.name]: now });
          }} /></label>)}</div>
      : <label class="field" key={axis.name}><span>{axis.name}</span><select value={ranges[axis.name]?.[2]?.[0]
        ?? ""} onChange={(e) => {
        const { [axis.name]: _, ...others } = ranges;
        const value = e.currentTarget.value;
        set(value ? { ...others, [axis.name]: [scales[i].at(value), scales[i].at(value), [value]] } : others);
      }}><option value="">all</option>{scales[i].values.map((value) => <option key={value}>{value}</option>)}
      </select></label>)}</div></details>
  </section>;
}

function bound(ranges: Ranges, name: string, end: number): number | string {
  const value = ranges[name]?.[end];
  return typeof value === "number" && Number.isFinite(value) ? value : "";
}

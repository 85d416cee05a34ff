// Curves of losses over epochs, of one run or of several.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { number, words } from "./format";
import type { Row } from "./run";

interface Line { label: string; values: (number | null)[]; dash: boolean; colour: string }
export interface Lines { name: string; rows: Row[] }
export const COLOURS = ["#2f6fb0", "#d1762b", "#3b8f5a", "#a4508b", "#7a6f1c", "#b3423a", "#4b7f8c",
  "#6b5bb5"];
const HEIGHT = 260;
const ASIDE = ["epoch", "seconds", "images_per_second", "lr"];

// The families of columns that belong into one picture: losses, each term, and the rest.
function families(rows: Row[]): string[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const found = new Set([...names].filter((name) => !ASIDE.includes(name))
    .map((name) => name.replace(/^(train|val)_/, "")));
  return [...[...found].sort((a, b) => Number(b === "loss") - Number(a === "loss")), "lr"]
    .filter((name) => names.has(name) || names.has(`train_${name}`) || names.has(`val_${name}`));
}

export function Curves({ runs }: { runs: Lines[] }) {
  const [family, setFamily] = useState("loss");
  const [log, setLog] = useState(false);
  const known = useMemo(() => families(runs.flatMap((run) => run.rows.slice(-1))), [runs]);
  const shown = known.includes(family) ? family : known[0];
  if (!runs.some((run) => run.rows.length > 1)) {
    return <section><h2>Curves</h2><p class="quiet">The curves begin with the second epoch.</p></section>;
  }
  return <section>
    <div class="head"><h2>Curves</h2><span class="grow" />
      <label>Show <select value={shown} onChange={(e) => setFamily(e.currentTarget.value)}>
        {known.map((name) => <option key={name} value={name}>{words(name)}</option>)}</select></label>
      <label class="check"><input type="checkbox" checked={log}
        onChange={(e) => setLog(e.currentTarget.checked)} /> log scale</label></div>
    <Chart runs={runs} family={shown} log={log} />
  </section>;
}

// All lines of a family, on the epochs of all runs together.
function linesOf(runs: Lines[], family: string, log: boolean): [number[], Line[]] {
  const epochs = [...new Set(runs.flatMap((run) => run.rows.map((row) => row.epoch)))].sort((a, b) => a - b);
  const lines: Line[] = [];
  runs.forEach((run, i) => {
    const by = new Map(run.rows.map((row) => [row.epoch, row]));
    for (const name of [`train_${family}`, `val_${family}`, family]) {
      if (!run.rows.some((row) => row[name] !== undefined)) continue;
      const values = epochs.map((epoch) => by.get(epoch)?.[name] ?? null)
        .map((value) => log && value !== null && value <= 0 ? null : value);
      const label = name === family ? words(name) : name.startsWith("train") ? "training" : "validation";
      lines.push({ label: runs.length > 1 ? `${run.name}, ${label}` : label, values,
        dash: name.startsWith("train_"), colour: COLOURS[(runs.length > 1 ? i : lines.length)
          % COLOURS.length] });
    }
  });
  return [epochs, lines];
}

function Chart({ runs, family, log }: { runs: Lines[]; family: string; log: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [epochs, lines] = useMemo(() => linesOf(runs, family, log), [runs, family, log]);
  const key = `${family} ${log} ${lines.map((line) => line.label).join()}`;
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const colour = getComputedStyle(box.current!).color;
    const axis = { stroke: colour, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8884", width: 1 } };
    const made = new uPlot({
      width: box.current!.clientWidth, height: HEIGHT, scales: { x: { time: false },
        y: { distr: log ? 3 : 1 } },
      axes: [{ ...axis, label: "epoch", labelSize: 20 }, { ...axis, size: 70,
        values: (_, ticks) => ticks.map((tick) => tick === null ? "" : number(tick)) }],
      legend: { live: true },
      series: [{ label: "epoch" }, ...lines.map((line) => ({ label: line.label, stroke: line.colour,
        width: 1.75, dash: line.dash ? [5, 4] : [], spanGaps: true, points: { show: false },
        value: (_: uPlot, value: number | null) => number(value) }))],
    }, [epochs, ...lines.map((line) => line.values)] as uPlot.AlignedData, box.current!);
    plot.current = made;
    const watch = new ResizeObserver(([found]) => made.setSize({ width: found.contentRect.width, height: HEIGHT }));
    watch.observe(box.current!);
    return () => { watch.disconnect(); made.destroy(); plot.current = null; };
  }, [key]);
  useEffect(() => {
    plot.current?.setData([epochs, ...lines.map((line) => line.values)] as uPlot.AlignedData);
  }, [epochs, lines]);
  const spoken = lines.map((line) => `${line.label} ${number(line.values.findLast((v) => v !== null))}`);
  return <div class="chart" ref={box} role="img"
    aria-label={`Curves of ${words(family)} over ${epochs.length} epochs. Last: ${spoken.join(", ")}`} />;
}

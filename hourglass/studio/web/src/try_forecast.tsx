// The next steps of a series: each channel of each unit, what was sent and then the forecast.
import type { Cell } from "./parse_rows";
import { Plot } from "./samples";
import type { Served } from "./try";
import type { Sent } from "./try_rows_work";

const BEFORE = 4;   // steps that were sent, for each that is forecast
const MOST = 24;    // pictures

interface Props { sent: Sent; names: string[]; rows: Cell[][]; served: Served }
interface Picture { title: string; before: number[]; after: number[] }

export function Forecast(props: Props) {
  const all = props.sent.windows ? ofWindows(props) : ofRows(props);
  return <>
    <div class="plots" role="group" aria-label="Forecasts">{all.slice(0, MOST).map(({ title, before, after }) => {
      const past = before.slice(-Math.max(20, BEFORE * after.length));
      const blank = (count: number) => Array<number>(count).fill(NaN);
      return <figure key={title}><Plot lines={[[...past, ...blank(after.length)],
        [...blank(past.length - 1), past.at(-1) ?? NaN, ...after]]} /><figcaption>{title}</figcaption></figure>;
    })}</div>
    <p class="quiet">Grey: the end of what was sent. Blue: the forecast.{all.length > MOST && ` The first ${MOST} of ${all.length} are drawn.`}</p>
  </>;
}

const numbers = (rows: Cell[][], column: number) => rows.map((row) => typeof row[column] === "number" ? row[column] as number : NaN);

function ofRows({ sent, names, rows, served }: Props): Picture[] {
  const unit = served.columns.find(({ kind }) => kind === "unit")?.name;
  const [here, there] = [sent.names.indexOf(unit ?? ""), names.indexOf(unit ?? "")];
  const units = there < 0 ? [null] : [...new Set(rows.map((row) => row[there]))];
  const of = (all: Cell[][], column: number, name: Cell) => column < 0 ? all : all.filter((row) => String(row[column]) === String(name));
  return units.flatMap((name) => served.columns.filter((column) => column.kind === "number" && names.includes(column.name)).map(
    (column) => ({ title: name === null ? column.name : `${name}: ${column.name}`,
      before: numbers(of(sent.rows, here, name), sent.names.indexOf(column.name)),
      after: numbers(of(rows, there, name), names.indexOf(column.name)) })));
}

function ofWindows({ sent, names, rows }: Props): Picture[] {
  const channels = names.slice(2);
  return (sent.body as number[][][]).flatMap((window, i) => channels.map((name, k) => ({ title: `window ${i + 1}, ${name}`,
    before: window.map((step) => step[k]), after: numbers(rows.filter((row) => row[0] === i + 1), k + 2) })));
}

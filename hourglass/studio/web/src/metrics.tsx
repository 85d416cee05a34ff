// A table of metrics with their intervals.
import { number, words } from "./format";
import type { Metric } from "./run";

export function Metrics({ metrics, split }: { metrics: Metric[]; split: string }) {
  const own = metrics.filter((metric) => !metric.name.includes("/"));
  const of = metrics.filter((metric) => metric.name.includes("/"));
  return <section>
    <h2>Metrics</h2>
    {split && <p class="quiet">On {split} samples, with 95 % intervals.</p>}
    <Rows metrics={own} />
    {of.length > 0 && <details><summary>Of each prior</summary><Rows metrics={of} /></details>}
  </section>;
}

const Rows = ({ metrics }: { metrics: Metric[] }) => <table class="metrics"><tbody>
  {metrics.map((metric) => <tr key={metric.name} title={metric.about}>
    <th scope="row">{words(metric.name)}</th>
    <td class="number">{number(metric.value)}</td>
    <td class="quiet number">{metric.interval
      ? `${number(metric.interval[0], 3)} – ${number(metric.interval[1], 3)}` : ""}</td>
  </tr>)}</tbody></table>;

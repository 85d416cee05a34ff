// The report's questions and the pictures that answer them.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { Picture } from "./picture";
import type { Details } from "./run";
import type { Run } from "./runs";

let abouts: Promise<Record<string, string>> | null = null;

export function ReportTab({ run, details }: { run: Run; details: Details }) {
  const [about, setAbout] = useState<Record<string, string>>({});
  useEffect(() => { (abouts ??= get("/figures")).then(setAbout, () => { abouts = null; }); }, []);
  if (!details.sections.length) {
    return <p class="quiet">There is no report yet. It is written after the training, or by “Write the
      report” above.</p>;
  }
  return <div class="report">
    <nav class="contents" aria-label="Sections">{details.sections.map((section, i) =>
      <button class="plain" key={section.question}
        onClick={() => document.getElementById(`section-${i}`)?.scrollIntoView()}>
        {section.question}</button>)}</nav>
    {details.sections.map((section, i) => <section key={section.question} id={`section-${i}`}>
      <h2>{section.question}</h2>
      {section.figures.map((figure) => <figure key={figure.name}>
        <h3>{figure.title}</h3>
        {about[figure.name] && <p class="quiet">{about[figure.name]}</p>}
        <Picture class="figure" path={`/runs/${run.key}/figures/${figure.name}.png?v=${run.changed}`}
          alt={figure.title} />
      </figure>)}
    </section>)}
  </div>;
}

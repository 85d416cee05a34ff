// The latent spaces of runs side by side: what is marked in one is marked in the others.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Legend } from "./latent";
import { linksOf, type Links } from "./linked";
import { readLatent, type Latent } from "./latent_data";
import type { Run } from "./runs";
import { Strip } from "./samples";
import { ScatterView } from "./scatter";

interface Space { run: Run; latent: Latent }
type Id = string | number;
const SHOWN = 12;   // samples of a selection

export function LinkedLatents({ runs }: { runs: Run[] }) {
  const [spaces, setSpaces] = useState<Space[]>([]);
  const [problem, setProblem] = useState("");
  const keys = runs.map(({ key }) => key).join();
  useEffect(() => {
    let gone = false;
    setProblem("");
    Promise.all(runs.map(async (run) => ({ run, latent: await readLatent(run.key) }))).then(
      (found) => { if (!gone) setSpaces(found); }, (error) => { if (!gone) setProblem(error.message); });
    return () => { gone = true; };
  }, [keys]);
  if (runs.length < 2) return null;
  return <section><h2>Latent spaces</h2>
    {problem ? <p class="alert">{problem}</p> : spaces.length > 1 ? <Linked key={keys} spaces={spaces} />
      : <p class="quiet">Reading the codes …</p>}</section>;
}

function Linked({ spaces }: { spaces: Space[] }) {
  const links = useMemo(() => linksOf(spaces.map(({ latent }) => latent),
    spaces.map(({ run }) => run.data)), [spaces]);
  const [by, setBy] = useState(spaces[0].latent.about.classes.length > 1 ? "class" : "error");
  const [mark, setMark] = useState<{ from: number; id: Id } | null>(null);
  const [chosen, setChosen] = useState<Id[]>([]);
  const first = spaces[0].latent.about;
  return <>
    <div class="tools">
      <label>Colour <select value={by} onChange={(e) => setBy(e.currentTarget.value)}>
        {first.classes.length > 1 && <option value="class">class</option>}
        <option value="error">error</option></select></label>
      <label>Mark sample <select value={String(mark?.id ?? "")} onChange={(e) => {
        const id = links.ids[0].find((each) => String(each) === e.currentTarget.value);
        setMark(id === undefined ? null : { from: -1, id });
      }}><option value="">none</option>{links.ids[0].slice(0, 500).map((id) =>
        <option key={id} value={String(id)}>{id}</option>)}</select></label>
      <span class="quiet">Point at a sample to find it in the others. Hold Shift and draw around points to
        mark all of them.</span></div>
    <div class="linked">{spaces.map((space, i) => <Panel key={space.run.key} space={space} links={links} at={i}
      by={by} mark={mark} chosen={chosen} setMark={setMark} setChosen={setChosen} />)}</div>
    <Legend latent={spaces[0].latent} by={by} />
    {chosen.length > 0 && <Chosen spaces={spaces} links={links} chosen={chosen} clear={() => setChosen([])} />}
  </>;
}

interface PanelProps { space: Space; links: Links; at: number; by: string; mark: { from: number; id: Id } | null;
  chosen: Id[]; setMark: (mark: { from: number; id: Id } | null) => void; setChosen: (ids: Id[]) => void }
const nothing = () => undefined;

function Panel({ space: { run, latent }, links, at, by, mark, chosen, setMark, setChosen }: PanelProps) {
  const ids = links.ids[at];
  const here = useMemo(() => chosen.map((id) => links.points[at].get(id)).filter((i) => i !== undefined),
    [chosen, links]);
  const marked = mark && mark.from !== at ? links.points[at].get(mark.id) : undefined;
  const why = links.problems[at];
  return <figure>
    <figcaption><a href={`#/runs/${run.key}/latent`}>{run.path}</a></figcaption>
    <ScatterView latent={latent} by={by} chosen={here} label={`Latent space of ${run.path}`}
      ring={marked === undefined ? null : [latent.places[2 * marked], latent.places[2 * marked + 1]]}
      lasso={(points) => { if (!why) setChosen(points.map((i) => ids[i])); }}
      hover={(i) => { if (!why) setMark(i < 0 ? null : { from: at, id: ids[i] }); }} pick={nothing} drag={nothing} />
    {why && <p class="quiet">Not linked: {why}.</p>}
  </figure>;
}

// The first samples of a selection through all runs that know them.
function Chosen({ spaces, links, chosen, clear }: { spaces: Space[]; links: Links; chosen: Id[];
  clear: () => void }) {
  return <div><div class="head"><h3>{chosen.length} samples marked</h3>
    <button class="small" onClick={clear}>Clear</button></div>
    {spaces.map(({ run, latent: { about, errors, rows, labels } }, i) => {
      const points = chosen.slice(0, SHOWN).map((id) => links.points[i].get(id)).filter((point) =>
        point !== undefined);
      return points.length > 0 && <div key={run.key}><h4>{run.path}</h4><Strip run={run} image={about.image}
        samples={points.map((point) => ({ row: rows[point], error: errors[point],
          class: about.classes[labels[point]]?.name ?? "", name: about.names?.[point] ?? "" }))} /></div>;
    })}</div>;
}

// What can be done with a search: stop, continue with other limits, combine its trials, throw away.
import { useRef, useState } from "preact/hooks";
import { send } from "./api";
import { go } from "./route";
import { isLive, readRuns, type Run } from "./runs";
import { filled, typed } from "./search";
import type { Values } from "./settings_form";
import type { Study } from "./study";
import { complain, say } from "./toast";
import { throwAway } from "./trash";

export function StudyActions({ run, study }: { run: Run; study: Study }) {
  const stop = () => void send(`/runs/${run.key}/stop`).then(() => say(
    "The search stops; its trials write their checkpoints."), complain);
  const done = study.trials.filter((trial) => trial.state === "finished").length;
  return <div class="row">
    {isLive(run) || study.alive ? <button class="danger" onClick={stop}>Stop</button>
      : <Continue run={run} study={study} />}
    {done > 1 && <Ensemble run={run} most={done} />}
    {!isLive(run) && !study.alive && <button onClick={() => { go("/search"); void throwAway(run); }}>
      Trash</button>}
  </div>;
}

function Continue({ run, study }: { run: Run; study: Study }) {
  const box = useRef<HTMLDialogElement>(null);
  const [options, setOptions] = useState<Values>({ trials: Math.max(study.trials.length + 20,
    Number(study.asked.trials ?? 0)) });
  const start = async (event: Event) => {
    event.preventDefault();
    box.current!.close();
    await send(`/studies/${run.key}/continue`, { options: filled(options) }).then(
      () => say("The search goes on."), complain);
  };
  return <>
    <button class="primary" onClick={() => box.current!.showModal()}>Continue</button>
    <dialog ref={box} aria-label="Continue the search"><form onSubmit={(e) => void start(e)}>
      <h2>Continue the search</h2>
      {[["trials", "Trials in all"], ["minutes", "Minutes from now"], ["target", "End at this value"],
        ["workers", "Trials at the same time"]].map(([name, title]) => <label class="field" key={name}>
        <span>{title}</span><input class="code" value={String(options[name] ?? "")} onInput={(e) =>
          setOptions({ ...options, [name]: typed(name, e.currentTarget.value) })} /></label>)}
      <div class="row"><button class="primary">Continue</button>
        <button type="button" onClick={() => box.current!.close()}>Cancel</button></div>
    </form></dialog>
  </>;
}

// The finished trials as one weighted model, which is a run.
function Ensemble({ run, most }: { run: Run; most: number }) {
  const box = useRef<HTMLDialogElement>(null);
  const [size, setSize] = useState(Math.min(10, most));
  const [how, setHow] = useState("greedy");
  const [name, setName] = useState("");
  const start = async (event: Event) => {
    event.preventDefault();
    box.current!.close();
    try {
      const begun = await send<{ key: string; name: string }>(`/studies/${run.key}/ensemble`,
        { size, how, name });
      say(`The ensemble ${begun.name} is being made.`);
      await readRuns([begun.key]);
      go(`/runs/${begun.key}`);
    } catch (error) { complain(error); }
  };
  return <>
    <button onClick={() => box.current!.showModal()}>Ensemble</button>
    <dialog ref={box} aria-label="Combine the trials"><form onSubmit={(e) => void start(e)}>
      <h2>Combine the trials</h2>
      <p>The finished trials become one weighted model, a run of its own. The test samples choose the
        weights.</p>
      <label class="field"><span>Most members</span><input type="number" min={1} max={1000} value={size}
        onInput={(e) => setSize(Number(e.currentTarget.value))} /></label>
      <label class="field"><span>Weights</span><select value={how} onChange={(e) => setHow(
        e.currentTarget.value)}><option value="greedy">greedy: add the run that helps most</option>
        <option value="uniform">uniform: equal weights</option>
        <option value="stacked">stacked: least squared error</option></select></label>
      <label class="field"><span>Name of the run (the next number if empty)</span><input value={name}
        onInput={(e) => setName(e.currentTarget.value)} /></label>
      <div class="row"><button class="primary">Combine</button>
        <button type="button" onClick={() => box.current!.close()}>Cancel</button></div>
    </form></dialog>
  </>;
}

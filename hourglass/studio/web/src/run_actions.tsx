// What can be done with a run: stop, continue, clone, write the report, throw away.
import { useRef, useState } from "preact/hooks";
import { send } from "./api";
import { go } from "./route";
import type { Details } from "./run";
import { isLive, type Run } from "./runs";
import { complain, say } from "./toast";
import { throwAway } from "./trash";

export function RunActions({ run, details }: { run: Run; details: Details }) {
  const act = (path: string, text: string, body?: unknown) =>
    void send(`/runs/${run.key}/${path}`, body).then(() => say(text), complain);
  return <div class="row">
    {run.kind === "trial" ? null : isLive(run) ? <button class="danger" onClick={() => act("stop",
      "The training stops after this batch, and is saved.")}>Stop</button> : <>
      {run.state === "stopped" && <button class="primary" onClick={() => act("resume",
        "The training goes on.", {})}>Resume</button>}
      {run.state === "finished" && <Extend run={run} />}
      {!details.has_report && details.has_model && <button onClick={() => act("report",
        "The report is being written.")}>Write the report</button>}
    </>}
    <a class="button" href={`#/train?clone=${run.key}`}>Clone</a>
    {!isLive(run) && run.kind !== "trial" && <button onClick={() => { go("/"); void throwAway(run); }}>
      Trash</button>}
  </div>;
}

// More epochs for a run that has finished those that it was given.
function Extend({ run }: { run: Run }) {
  const box = useRef<HTMLDialogElement>(null);
  const done = Math.ceil(run.epochs ?? 0);
  const [epochs, setEpochs] = useState(Math.max(1, done * 2));
  const start = async (event: Event) => {
    event.preventDefault();
    box.current!.close();
    await send(`/runs/${run.key}/resume`, { epochs }).then(() => say("The training goes on."), complain);
  };
  return <>
    <button onClick={() => box.current!.showModal()}>Extend</button>
    <dialog ref={box} aria-label="Train further">
      <form onSubmit={(e) => void start(e)}>
        <h2>Train further</h2>
        <p>This run has {done} epochs. Train it up to so many epochs in all:</p>
        <label class="field"><span>Epochs</span><input type="number" min={done + 1} value={epochs}
          onInput={(e) => setEpochs(Number(e.currentTarget.value))} /></label>
        <div class="row"><button class="primary">Train</button>
          <button type="button" onClick={() => box.current!.close()}>Cancel</button></div>
      </form>
    </dialog>
  </>;
}

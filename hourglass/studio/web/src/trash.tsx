// The trash: put runs away, put them back, or delete them for good.
import { useRef, useState } from "preact/hooks";
import { get, send } from "./api";
import { ago } from "./format";
import type { Run } from "./runs";
import { complain, say } from "./toast";

interface Away { number: string; from: string; at: number; title: string }

export async function throwAway(run: Run): Promise<void> {
  try {
    const { number } = await send<{ number: string }>(`/runs/${run.key}/trash`);
    say(`${run.path} is in the trash.`, () => void putBack(number));
  } catch (error) { complain(error); }
}

async function putBack(number: string): Promise<void> {
  await send(`/trash/${number}/restore`).then(() => say("The run is back."), complain);
}

export function TrashBox() {
  const box = useRef<HTMLDialogElement>(null);
  const [runs, setRuns] = useState<Away[]>([]);
  const read = async () => setRuns((await get<{ runs: Away[] }>("/trash")).runs);
  const open = () => void read().then(() => box.current!.showModal(), complain);
  const remove = async (away: Away) => {
    if (!confirm(`Delete ${away.from} for good? This cannot be undone.`)) return;
    await send(`/trash/${away.number}`, undefined, "DELETE").catch(complain);
    await read();
  };
  return <>
    <button class="plain" onClick={open}>Trash</button>
    <dialog ref={box} aria-label="Trash">
      <div class="head"><h2>Trash</h2><span class="grow" />
        <button onClick={() => box.current!.close()}>Close</button></div>
      {!runs.length && <p class="quiet">The trash is empty.</p>}
      <ul class="lines">{runs.map((away) => <li key={away.number}>
        <span class="grow"><b>{away.title}</b> <span class="quiet">{away.from}, {ago(away.at)}</span></span>
        <button class="small" onClick={() => void putBack(away.number).then(read)}>Put back</button>
        <button class="small danger" onClick={() => void remove(away)}>Delete for good</button>
      </li>)}</ul>
    </dialog>
  </>;
}

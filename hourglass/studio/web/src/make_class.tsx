// A class made of chosen samples, and the command that trains a classifier on all such classes.
import { useState } from "preact/hooks";
import { send } from "./api";
import { Copy } from "./copy";
import type { Run } from "./runs";
import { complain } from "./toast";

interface Made { classes: Record<string, number>; path: string; command: string }

export function MakeClass({ run, rows, split }: { run: Run; rows: number[]; split: string }) {
  const [name, setName] = useState("");
  const [made, setMade] = useState<Made | null>(null);
  const make = (event: Event) => {
    event.preventDefault();
    void send<Made>(`/runs/${run.key}/classes`, { rows, name, split }).then(setMade, complain);
  };
  const all = Object.entries(made?.classes ?? {});
  return <form onSubmit={make}>
    <div class="row"><label class="field"><span>Name of a class</span><input value={name} maxLength={80}
      onInput={(e) => setName(e.currentTarget.value)} /></label>
      <button class="small" disabled={!name.trim()}>Make it a class</button></div>
    {made && <div role="status"><p>{all.map(([kind, count]) => `${kind}: ${count}`).join(", ")} samples, in{" "}
      <code>{made.path}</code>. {all.length > 1 ? "This trains a classifier on them:"
        : "Make another class, and a classifier can learn them:"}</p>
      <Copy text={made.command} label="Command" /></div>}
  </form>;
}

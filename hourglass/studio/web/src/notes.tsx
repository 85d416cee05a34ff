// A run's note and tags, which lie in its folder.
import { useEffect, useState } from "preact/hooks";
import { send } from "./api";
import type { Run } from "./runs";
import { complain } from "./toast";

const LONGEST = 10_000;   // characters of a note; the studio refuses more

export function NotesBox({ run }: { run: Run }) {
  const [note, setNote] = useState(run.note);
  const [tags, setTags] = useState(run.tags.join(", "));
  const [busy, setBusy] = useState(false);
  useEffect(() => { if (!busy) { setNote(run.note); setTags(run.tags.join(", ")); } }, [run]);
  const save = async () => {
    setBusy(false);
    const list = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
    if (note === run.note && list.join() === run.tags.join()) return;
    await send(`/runs/${run.key}/notes`, { note, tags: list }, "PUT").catch(complain);
  };
  return <section class="notes">
    <h2>Notes</h2>
    <label class="field"><span>Note</span><textarea rows={3} value={note} maxLength={LONGEST}
      onFocus={() => setBusy(true)} onInput={(e) => setNote(e.currentTarget.value)}
      onBlur={() => void save()} /></label>
    <label class="field"><span>Tags, separated by commas</span><input value={tags}
      onFocus={() => setBusy(true)} onInput={(e) => setTags(e.currentTarget.value)}
      onBlur={() => void save()} /></label>
  </section>;
}

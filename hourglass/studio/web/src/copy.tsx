// A text with a button that copies it.
import { useState } from "preact/hooks";

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <div class="copy"><pre tabIndex={0} aria-label={label}>{text}</pre>
    <button class="small" onClick={copy}>{done ? "Copied" : "Copy"}</button></div>;
}

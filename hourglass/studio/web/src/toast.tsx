// Short words on what was just done, with a way back.
import { signal, useSignal } from "./signal";

interface Toast { id: number; text: string; wrong: boolean; undo?: () => void }
const toasts = signal<Toast[]>([]);
let last = 0;
const STAYS = 8000;   // ms

export function say(text: string, undo?: () => void, wrong = false): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-2), { id, text, wrong, undo }];
  setTimeout(() => close(id), STAYS);
}

export const complain = (error: unknown) => say((error as Error).message, undefined, true);
const close = (id: number) => { toasts.value = toasts.value.filter((toast) => toast.id !== id); };

export function Toasts() {
  const all = useSignal(toasts);
  return <div class="toasts" role="status" aria-live="polite">
    {all.map((toast) => <div key={toast.id} class={toast.wrong ? "toast wrong" : "toast"}>
      <span>{toast.text}</span>
      {toast.undo && <button onClick={() => { close(toast.id); toast.undo!(); }}>Undo</button>}
      <button class="plain" aria-label="Close this message" onClick={() => close(toast.id)}>×</button>
    </div>)}
  </div>;
}

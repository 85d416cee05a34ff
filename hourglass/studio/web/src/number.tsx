// A field for a whole number, which keeps what is being typed until it is left or Enter is pressed.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

interface Props { children: ComponentChildren; value: number; least?: number; most: number; set: (value: number) => void; title?: string }

export function WholeNumber({ children, value, least = 1, most, set, title }: Props) {
  const [typed, setTyped] = useState<string | null>(null);   // the page may be drawn anew meanwhile
  return <label title={title}>{children} <input type="number" min={least} max={most} value={typed ?? value}
    onInput={(e) => setTyped(e.currentTarget.value)} onChange={(e) => {
      set(Math.min(most, Math.max(least, Math.round(Number(e.currentTarget.value)))));
      setTyped(null);
    }} /></label>;
}

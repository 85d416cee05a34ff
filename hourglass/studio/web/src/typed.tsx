// Fields that keep what is being typed until they are left or Enter is pressed: the page may be drawn anew meanwhile.
import type { ComponentChildren, TargetedEvent } from "preact";
import { useState } from "preact/hooks";

interface Field { value: string | number; set: (text: string) => void; type?: "number"; min?: number; max?: number;
  step?: number | "any"; placeholder?: string; disabled?: boolean; class?: string; "aria-label"?: string }
interface Whole { children: ComponentChildren; value: number; least?: number; most: number; set: (value: number) => void; title?: string }
type Event = TargetedEvent<HTMLInputElement>;

export function Typed({ value, set, type, ...rest }: Field) {
  const [typed, setTyped] = useState<string | null>(null);
  const field = { ...rest, value: typed ?? value, onInput: (e: Event) => setTyped(e.currentTarget.value), onChange: (e: Event) => {
    set(e.currentTarget.value);
    setTyped(null);
  } };
  return type ? <input type="number" {...field} /> : <input {...field} />;
}

export function WholeNumber({ children, value, least = 1, most, set, title }: Whole) {
  return <label title={title}>{children} <Typed type="number" min={least} max={most} value={value} set={(text) =>
    set(Math.min(most, Math.max(least, Math.round(Number(text)))))} /></label>;
}

// A slider for the score above which samples count as abnormal.
import { number } from "./format";

interface Props { scores: number[]; value: number; usual: number; set: (value: number) => void }

export function Threshold({ scores, value, usual, set }: Props) {
  const known = scores.filter(Number.isFinite);
  const low = Math.min(...known, usual);
  const high = Math.max(...known, usual);
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  const flagged = known.filter((score) => score > value).length;
  return <div class="row threshold"><label class="slider grow"><span>Threshold {number(value)}: {flagged} of {scores.length} flagged
    {value === usual ? ", at the run's own threshold" : ""}</span>
    <input type="range" min={low - room} max={high + room} step="any" value={value}
      onInput={(e) => set(Number(e.currentTarget.value))} /></label>
    {value !== usual && <button class="small" onClick={() => set(usual)}>Back to {number(usual)}</button>}</div>;
}

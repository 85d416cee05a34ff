// The class that a conditional model is told, the same for all samples that are sent.
import type { Served } from "./try";

export const ClassOfAll = ({ served, kind, set }: { served: Served; kind: string; set: (kind: string) => void }) =>
  <label>Class <select value={kind} onChange={(e) => set(e.currentTarget.value)}>{served.classes.map((name) =>
    <option key={name}>{name}</option>)}</select></label>;

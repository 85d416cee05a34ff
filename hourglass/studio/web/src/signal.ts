// A value that components watch.
import { useEffect, useState } from "preact/hooks";

export interface Signal<T> { value: T; watch(hear: () => void): () => void }

export function signal<T>(first: T): Signal<T> {
  let held = first;
  const hearers = new Set<() => void>();
  return {
    get value() { return held; },
    set value(next: T) { held = next; hearers.forEach((hear) => hear()); },
    watch(hear) { hearers.add(hear); return () => void hearers.delete(hear); },
  };
}

export function useSignal<T>(of: Signal<T>): T {
  const [, again] = useState(0);
  useEffect(() => of.watch(() => again((n) => n + 1)), [of]);
  return of.value;
}

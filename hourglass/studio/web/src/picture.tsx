// Pictures from the studio. They are fetched with the token, and only once they come into sight.
import { useEffect, useRef, useState } from "preact/hooks";
import { request } from "./api";

interface Props { path: string; alt: string; class?: string; pixelated?: boolean; now?: boolean }

export function Picture({ path, alt, class: name = "", pixelated, now }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(Boolean(now));
  const [source, setSource] = useState("");
  const [gone, setGone] = useState(false);
  useEffect(() => {
    if (seen || !box.current) return;
    const watch = new IntersectionObserver((found) => {
      if (found.some((each) => each.isIntersecting)) setSeen(true);
    }, { rootMargin: "300px" });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [seen]);
  useEffect(() => {
    if (!seen) return;
    const stop = new AbortController();
    request(path, { signal: stop.signal }).then((answer) => answer.blob()).then((blob) => {
      if (stop.signal.aborted) return;
      setGone(false);
      setSource(URL.createObjectURL(blob));
    }).catch(() => { if (!stop.signal.aborted) setGone(true); });
    return () => stop.abort();
  }, [path, seen]);
  useEffect(() => () => { if (source) URL.revokeObjectURL(source); }, [source]);
  return <div ref={box} class={`picture ${name} ${pixelated ? "pixelated" : ""}`}>
    {source && !gone && <img src={source} alt={alt} />}
    {gone && <span class="quiet">no picture</span>}
  </div>;
}

// A small curve of losses, for a card.
export function Spark({ values }: { values: number[] }) {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, i) =>
    `${(i / (values.length - 1) * 100).toFixed(1)},${(29 - (value - low) / span * 28).toFixed(1)}`);
  return <svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
    <polyline points={points.join(" ")} /></svg>;
}

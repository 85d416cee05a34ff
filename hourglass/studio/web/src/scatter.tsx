// The canvas of points: pan, zoom, lasso, hover, and the ring that is dragged.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { coloursOf, type Latent } from "./latent_data";
import { Grid, painterOf, within, type Painter, type View } from "./points";

interface Props { latent: Latent; by: string; chosen: number[]; ring: [number, number] | null;
  lasso: (chosen: number[]) => void; hover: (i: number) => void; pick: (i: number) => void;
  drag: (x: number, y: number) => void; label?: string }
const REACH = 10;   // pixels
const LEAST = 10_000;   // points of a frame while the view moves
const FIRST = 100_000;  // points of the first frame of a move
const SLOW = 34;        // ms of a frame, beyond which fewer points are drawn while the view moves
const REST = 400;       // ms without a move, after which all are drawn

export function ScatterView(props: Props) {
  const { latent, by, chosen, ring } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | null>(null);
  const view = useRef<View>({ x: 0, y: 0, scale: 1 });
  const line = useRef<[number, number][]>([]);
  const asked = useRef(0);
  const moved = useRef(false);   // by a person: until then, all points are shown at any size
  const held = useRef(props);
  held.current = props;
  const grid = useMemo(() => new Grid(latent.places), [latent]);
  const some = useRef({ most: FIRST, last: 0, rest: 0 });
  const told = useRef<HTMLSpanElement>(null);
  // A machine that is slow draws some of many points while the view moves, and all once it rests.
  const draw = (moving = false) => {
    const rest = () => {
      clearTimeout(some.current.rest);
      some.current.rest = window.setTimeout(() => draw(), REST);
    };
    if (moving) { rest(); moved.current = true; }
    if (asked.current) return;
    asked.current = requestAnimationFrame((now) => {
      asked.current = 0;
      const { count } = latent.about;
      if (moving && some.current.last) {
        const took = now - some.current.last;
        const most = Math.min(some.current.most, count);
        some.current.most = took > SLOW ? Math.max(LEAST, most * Math.max(0.25, SLOW / took)) : took < SLOW / 2 ? most * 1.1 : most;
      }
      some.current.last = moving ? now : 0;
      if (moving) rest();   // a frame of many points may take longer than a rest
      const most = moving ? Math.round(some.current.most) : Infinity;
      painter.current?.draw(view.current, Math.max(2.5, Math.min(7, 400 / Math.sqrt(count))), most);
      if (told.current) told.current.textContent = most < count ? `${most.toLocaleString("en")} of ${
        count.toLocaleString("en")} points are drawn while it moves` : "";
      if (over.current) drawOver(over.current, view.current, held.current.ring, line.current);
    });
  };
  useEffect(() => {
    painter.current = painterOf(canvas.current!);
    const fit = () => {
      if (!canvas.current || !over.current) return;
      const { clientWidth: width, clientHeight: height } = canvas.current!;
      for (const each of [canvas.current!, over.current!]) {
        each.width = width * devicePixelRatio;
        each.height = height * devicePixelRatio;
      }
      if (!moved.current) view.current = whole(latent.places, [], canvas.current!);
      draw();
    };
    view.current = whole(latent.places, [], canvas.current!);
    const watch = new ResizeObserver(fit);
    watch.observe(canvas.current!);
    return () => { watch.disconnect(); painter.current!.close(); painter.current = null; };
  }, [latent]);
  useEffect(() => {
    painter.current!.set(latent.places, coloursOf(latent, by, new Set(chosen)));
    draw();
  }, [latent, by, chosen]);
  useEffect(() => draw(), [ring?.[0], ring?.[1]]);
  useEffect(() => listen(over.current!, view, grid, line, held, draw), [grid]);
  const refit = () => { view.current = whole(latent.places, chosen, canvas.current!); draw(); };
  const step = (event: KeyboardEvent) => {
    if ("+-".includes(event.key)) {
      view.current.scale *= event.key === "+" ? 1.25 : 0.8;
      return draw(true);
    }
    const moves: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0],
      ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[event.key];
    if (!move || !ring) return;
    event.preventDefault();
    props.drag(ring[0] + move[0] * 8 / view.current.scale, ring[1] + move[1] * 8 / view.current.scale);
  };
  return <div class="scatter">
    <canvas ref={canvas} aria-hidden="true" />
    <canvas ref={over} class="over" tabIndex={0} role="application" onKeyDown={step}
      aria-label={props.label ?? "Latent space. The arrow keys move the code that is decoded; plus and minus zoom."} />
    <span class="axis x">{latent.about.axes[0]}</span><span class="axis y">{latent.about.axes[1]}</span>
    <span class="axis moves" ref={told} />
    <button class="small fit" onClick={refit} title="Show all of the points, or all of those that are chosen">Fit</button>
  </div>;
}

// The view that shows all points, or all of some.
function whole(places: Float32Array, some: number[], canvas: HTMLCanvasElement): View {
  const ends = [Infinity, -Infinity, Infinity, -Infinity];
  const count = some.length || places.length / 2;
  for (let n = 0; n < count; n++) {
    const i = 2 * (some.length ? some[n] : n);
    ends[0] = Math.min(ends[0], places[i]); ends[1] = Math.max(ends[1], places[i]);
    ends[2] = Math.min(ends[2], places[i + 1]); ends[3] = Math.max(ends[3], places[i + 1]);
  }
  const scale = Math.min(canvas.clientWidth / (ends[1] - ends[0] || 1),
    canvas.clientHeight / (ends[3] - ends[2] || 1)) * 0.88;
  return { x: (ends[0] + ends[1]) / 2, y: (ends[2] + ends[3]) / 2, scale };
}

function drawOver(canvas: HTMLCanvasElement, view: View, ring: [number, number] | null,
  line: [number, number][]): void {
  const pen = canvas.getContext("2d")!;
  const ratio = canvas.width / canvas.clientWidth || 1;
  const at = ([x, y]: [number, number]): [number, number] => [
    (x - view.x) * view.scale * ratio + canvas.width / 2, canvas.height / 2 - (y - view.y) * view.scale * ratio];
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 2 * ratio;
  if (ring) {
    pen.beginPath();
    pen.arc(...at(ring), 9 * ratio, 0, 7);
    pen.stroke();
  }
  if (line.length > 1) {
    pen.setLineDash([4 * ratio, 4 * ratio]);
    pen.beginPath();
    line.forEach((place, i) => i ? pen.lineTo(...at(place)) : pen.moveTo(...at(place)));
    pen.stroke();
    pen.setLineDash([]);
  }
}

// Pointer and wheel; returns what stops listening.
function listen(canvas: HTMLCanvasElement, of: { current: View }, grid: Grid, line: { current: [number, number][] },
  held: { current: Props }, draw: (moving?: boolean) => void): () => void {
  let doing: "" | "move" | "lasso" | "ring" = "";
  let last: [number, number] = [0, 0];
  let far = 0;
  const placeOf = (e: MouseEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [(e.clientX - box.left - box.width / 2) / of.current.scale + of.current.x,
      (box.height / 2 - (e.clientY - box.top)) / of.current.scale + of.current.y];
  };
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(name: K, hear: (e: HTMLElementEventMap[K]) => void) =>
    canvas.addEventListener(name, hear, { signal: stop.signal, passive: false });
  on("pointerdown", (e) => {
    const place = placeOf(e);
    const ring = held.current.ring;
    const near = ring && Math.hypot(ring[0] - place[0], ring[1] - place[1]) * of.current.scale < 2 * REACH;
    doing = e.shiftKey ? "lasso" : near ? "ring" : "move";
    line.current = [];
    last = [e.clientX, e.clientY];
    far = 0;
    canvas.setPointerCapture(e.pointerId);
  });
  on("pointermove", (e) => {
    const place = placeOf(e);
    if (!doing) return held.current.hover(grid.nearest(...place, REACH / of.current.scale));
    far += Math.hypot(e.clientX - last[0], e.clientY - last[1]);
    if (doing === "move") {
      of.current.x -= (e.clientX - last[0]) / of.current.scale;
      of.current.y += (e.clientY - last[1]) / of.current.scale;
    } else if (doing === "lasso") line.current.push(place);
    else held.current.drag(...place);
    last = [e.clientX, e.clientY];
    draw(doing === "move");
  });
  on("pointerup", (e) => {
    if (doing === "lasso") held.current.lasso(within(held.current.latent.places, line.current));
    else if (far < 4) {
      const i = grid.nearest(...placeOf(e), REACH / of.current.scale);
      if (i >= 0) held.current.pick(i);
    }
    doing = "";
    line.current = [];
    draw();
  });
  on("wheel", (e) => {
    e.preventDefault();
    const before = placeOf(e);
    of.current.scale *= Math.exp(-e.deltaY / 500);
    const after = placeOf(e);
    of.current.x += before[0] - after[0];
    of.current.y += before[1] - after[1];
    draw(true);
  });
  return () => stop.abort();
}

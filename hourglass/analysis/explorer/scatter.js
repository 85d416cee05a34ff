// The scatter of the codes: points, the ring of what is decoded, and hands on them.

const GREY = "#7d8794";
const MARGIN = 28;       // pixels around the outermost points
const REACH = 12;        // pixels at which a point is meant
const STEPS = 60;        // arrow keys' steps across the canvas

// places: where the points lie, [u, v] each. marks(): what is drawn over them.
// onMove(place), onPick(index): what a person did.
function makeScatter(canvas, places, marks, { onMove, onPick }) {
  const pen = canvas.getContext("2d");
  const colours = places.map((_, i) => about.y ? about.classes[about.y[i]]?.colour ?? GREY : GREY);
  const middle = [0, 1].map((k) => middleOf(places.map((place) => place[k])));
  const view = { scale: 1, width: 0, height: 0 };
  let only = null;     // the class that is picked out
  let grip = null;     // from the pointer to what is dragged

  const toScreen = ([u, v]) => [view.width / 2 + (u - middle[0].at) * view.scale,
    view.height / 2 - (v - middle[1].at) * view.scale];
  const toPlane = ([x, y]) => [middle[0].at + (x - view.width / 2) / view.scale,
    middle[1].at - (y - view.height / 2) / view.scale];
  const isFaint = (i) => only !== null && about.y[i] !== only;

  function resize() {
    fitCanvas(canvas, pen, view);
    view.scale = Math.min((view.width - 2 * MARGIN) / middle[0].span,
      (view.height - 2 * MARGIN) / middle[1].span);
    draw();
  }

  function draw() {
    pen.font = "11px system-ui, sans-serif";
    pen.clearRect(0, 0, view.width, view.height);
    drawGrid();
    const size = places.length > 500 ? 2.6 : 3.8;
    places.forEach((place, i) => {
      pen.globalAlpha = isFaint(i) ? 0.07 : 0.62;
      pen.fillStyle = colours[i];
      disc(toScreen(place), size);
      pen.fill();
    });
    pen.globalAlpha = 1;
    pen.fillStyle = "#444";
    write(about.labels[0], view.width - 8, view.height - 20, "right");
    write(about.labels[1], 8, 16, "left");
    drawMarks(marks());
  }

  function disc([x, y], radius) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
  }

  function drawGrid() {
    pen.lineWidth = 1;
    pen.strokeStyle = "#ececec";
    pen.fillStyle = "#8a8a8a";
    const low = toPlane([0, view.height]);
    const high = toPlane([view.width, 0]);
    ticks(low[0], high[0]).forEach((u) => {
      const x = Math.round(toScreen([u, 0])[0]) + 0.5;
      line([x, 0], [x, view.height]);
      if (x > 24 && x < view.width - 24) write(shortly(u), x, view.height - 5, "center");
    });
    ticks(low[1], high[1]).forEach((v) => {
      const y = Math.round(toScreen([0, v])[1]) + 0.5;
      line([0, y], [view.width, y]);
      if (y > 36 && y < view.height - 24) write(shortly(v), 5, y - 3, "left");
    });
  }

  function line(from, to) {
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }

  function write(text, x, y, align) {
    pen.save();
    pen.textAlign = align;
    pen.strokeStyle = "#fff";   // keeps lines away from the letters
    pen.lineWidth = 4;
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
    pen.restore();
  }

  function drawMarks({ current, a, b }) {
    pen.strokeStyle = "#555";
    pen.lineWidth = 1.2;
    pen.setLineDash([4, 4]);
    line(toScreen(a), toScreen(b));
    pen.setLineDash([]);
    drawLetter("A", toScreen(a));
    drawLetter("B", toScreen(b));
    for (const [colour, width] of [["#fff", 6], ["#1c2733", 3]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      disc(toScreen(current), 9);
      pen.stroke();
    }
  }

  function drawLetter(letter, place) {
    disc(place, 10);
    pen.fillStyle = "#1c2733";
    pen.fill();
    pen.fillStyle = "#fff";
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(letter, place[0], place[1] + 4);
  }

  // The point under the pointer, or -1.
  function pointAt(pointer) {
    let best = -1;
    let least = REACH ** 2;
    places.forEach((place, i) => {
      const far = distance(toScreen(place), pointer);
      if (far < least && !isFaint(i)) [best, least] = [i, far];
    });
    return best;
  }

  const pointerOf = (event) => [event.offsetX, event.offsetY];

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const pointer = pointerOf(event);
    const ring = toScreen(marks().current);
    const point = pointAt(pointer);
    const onRing = distance(ring, pointer) < REACH ** 2;
    if (!onRing && point >= 0) onPick(point);
    const held = onRing ? ring : point >= 0 ? toScreen(places[point]) : pointer;
    grip = [held[0] - pointer[0], held[1] - pointer[1]];
    if (!onRing && point < 0) onMove(toPlane(pointer));
  });

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = pointerOf(event);
    if (grip) onMove(toPlane([x + grip[0], y + grip[1]]));
    showHint(grip ? -1 : pointAt([x, y]));
  });

  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => (grip = null));
  }
  canvas.addEventListener("pointerleave", () => showHint(-1));

  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const step = (event.shiftKey ? 6 : 1) * view.width / STEPS / view.scale;
    onMove(marks().current.map((at, k) => at + way[k] * step));
  });

  function showHint(index) {
    const hint = byId("hint");
    hint.hidden = index < 0;
    canvas.style.cursor = grip ? "grabbing" : index < 0 ? "crosshair" : "pointer";
    if (index < 0) return;
    const [x, y] = toScreen(places[index]);
    showThumbnail(hint.firstElementChild, index, 84);
    hint.lastElementChild.textContent = describe(index);
    hint.style.left = `${Math.min(x + 14, view.width - hint.offsetWidth - 4)}px`;
    hint.style.top = `${y + 14 + hint.offsetHeight > view.height ? y - hint.offsetHeight - 12 : y + 14}px`;
  }

  new ResizeObserver(resize).observe(canvas);
  return { draw, toScreen, pickOut: (kind) => { only = kind; draw(); } };
}

function middleOf(values) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return { at: (low + high) / 2, span: Math.max(high - low, 1e-6) };
}

// Round numbers between two others, about six.
function ticks(low, high) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((k) => k * power >= rough) ?? 10);
  const count = Math.floor(high / step) - Math.ceil(low / step) + 1;
  return Array.from({ length: Math.max(count, 0) }, (_, i) => (Math.ceil(low / step) + i) * step);
}

const shortly = (value) => String(Number(value.toPrecision(3)));

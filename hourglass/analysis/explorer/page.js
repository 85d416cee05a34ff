// The page: one code and one class at a time, shown in every panel and decoded.

const factors = about.code.reduce((a, b) => a * b, 1);
const codes = rowsOf(floatsOf("codes"), factors);
const origin = floatsOf("origin");
const plane = rowsOf(floatsOf("plane"), factors);
const directions = rowsOf(floatsOf("directions"), factors);

const along = (direction, z) => dot(direction, z) - dot(direction, origin);
const placeOf = (z) => plane.map((axis) => along(axis, z));
const places = codes.map(placeOf);
const classOf = (index) => about.y ? about.y[index] : 0;

const first = nearestOf(codes, meanOf(codes));
const now = { z: codes[first], y: classOf(first) };
const ends = endsOf(places);   // A and B
let decode = null;             // there is none before it has started
let picture = null;            // what was decoded last
let wanted = null;             // what is to be decoded next
let working = null;

function meanOf(rows) {
  const mean = new Float32Array(rows[0].length);
  rows.forEach((row) => row.forEach((value, i) => (mean[i] += value / rows.length)));
  return mean;
}

// The codes of two samples at either side of the plane.
function endsOf(places) {
  const order = places.map((_, i) => i).sort((i, j) => places[i][0] - places[j][0]);
  const at = (share) => codes[order[Math.floor(share * (order.length - 1))]];
  return { a: at(0.1), b: at(0.9) };
}

// Shows a code, of a class if the model takes one, in every panel.
function show(z, y = now.y, keepMorph = false) {
  if (!keepMorph) stopMorph();
  const other = y !== now.y;
  Object.assign(now, { z: Float32Array.from(z), y });
  if (other && about.conditional) drawEnds();
  scatter.draw();
  showPlaces(directions.map((direction) => along(direction, now.z)));
  showClass(now.y);
  const nearest = nearestOf(codes, now.z, (i) => !about.conditional || classOf(i) === now.y);
  showThumbnail(byId("nearest").firstElementChild, nearest, about.lines ? 120 : 56);
  byId("nearest").lastElementChild.textContent = `nearest: ${describe(nearest)}`;
  wanted = { ...now };
  if (decode && !working) working = work();
}

// Decodes what is wanted, and leaves out what was wanted in the meantime.
async function work() {
  while (wanted) {
    const { z, y } = wanted;
    wanted = null;
    picture = await decode(z, y);
    drawPicture(byId("picture"), picture);
    itemMap?.show(picture);
    await new Promise(requestAnimationFrame);
  }
  working = null;
}

function walk(direction, to) {
  const by = to - along(direction, now.z);
  return now.z.map((value, i) => value + by * direction[i]);
}

function moveTo([u, v]) {
  const [by, up] = placeOf(now.z).map((at, k) => [u, v][k] - at);
  show(now.z.map((value, i) => value + by * plane[0][i] + up * plane[1][i]));
}

const morphed = (t) => ends.a.map((value, i) => (1 - t) * value + t * ends.b[i]);

function setEnd(name) {
  ends[name] = now.z;
  scatter.draw();
  return drawEnds();
}

async function drawEnds() {
  for (const name of decode ? ["a", "b"] : []) {
    drawPicture(byId(`picture-${name}`), await decode(ends[name], now.y));
  }
}

const marks = () => ({ current: placeOf(now.z), a: placeOf(ends.a), b: placeOf(ends.b) });
const scatter = makeScatter(byId("scatter"), places, marks, {
  onMove: moveTo, onPick: (index) => show(codes[index], classOf(index)) });
const showPlaces = makeSliders(byId("sliders"), (i, to) => show(walk(directions[i], to)));
const stopMorph = makeMorph(byId("morph"), byId("play"), (t) => show(morphed(t), now.y, true));
const showClass = makeClassChoice(byId("class"), (y) => show(now.z, y));
makeLegend(byId("legend"), scatter.pickOut);
const itemMap = about.map ? makeItemMap(byId("item-map"), byId("item-hint")) : null;
for (const name of ["a", "b"]) {
  byId(`set-${name}`).addEventListener("click", () => setEnd(name));
  byId(`show-${name}`).addEventListener("click", () => show(ends[name]));
}
byId("reset").addEventListener("click", () => show(codes[first], classOf(first)));
byId("count").textContent = `${codes.length.toLocaleString("en")} ` + (codes.length < about.total
  ? `of the ${about.total.toLocaleString("en")} ${about.split} ${about.samples}, evenly chosen.`
  : `${about.split} ${about.samples}.`);
show(now.z);

const runtime = about.lines ? null : startRuntime();
const prompted = byId("prompt") ? makePrompt(byId("prompt"), runtime,
  (z, y) => show(z, about.conditional && y >= 0 ? y : now.y)) : null;

async function start() {
  // lines are written token by token, which no ONNX decoder does: the nearest sample stands there
  decode = about.lines ? async (z) => Float32Array.of(nearestOf(codes, z))
    : await startDecoder(await runtime);
  show(now.z);
  await working;
  await drawEnds();
  byId("status").hidden = true;
}

// For scripts and tests. ready: a promise of the first picture. show(z, y): as a person's move.
// settled(): a promise that the last move is drawn. picture(): what was decoded last, (C, H, W) or
// (D), as floats. code(): what it was decoded from. screen(z): where a code lies on the scatter,
// whose axes are the plane's. itemMap: of ratings, screen(item) and the items it shows as listed().
// prompted({ prompt, y, guidance, steps, noise }): a promise of a draw of latent diffusion.
window.hourglass = {
  ready: start().catch((error) => {
    byId("status").textContent = `The decoder did not start (${error.message}). It needs a browser ` +
      "of 2023 or newer: Chrome or Edge 103, Firefox 113, Safari 16.4.";
    throw error;
  }),
  show,
  settled: async () => { while (working) await working; },
  plane,
  picture: () => picture,
  code: () => now.z,
  screen: (z) => scatter.toScreen(placeOf(z)),
  itemMap,
  prompted,
};

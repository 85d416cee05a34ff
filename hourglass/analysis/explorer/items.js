// The map of items: each where the decoder's vector of it lies, coloured by how high the point that
// is decoded ranks it.

const TOP = 20;          // items of the list, which the map shows in the strong colour
const NAMED = 40;        // items that may bear their titles
const LONGEST = 26;      // characters of a title on the map
const EDGE = 18;         // pixels around the outermost items

// about.map: places [u, v] of items, the numbers of their users, and their indices among all items.
function makeItemMap(canvas, hint) {
  const { places, users, items } = about.map;
  const pen = canvas.getContext("2d");
  const middle = [0, 1].map((k) => middleOf(places.map((place) => place[k])));
  const most = users.reduce((a, b) => Math.max(a, b), 1);
  const size = users.map((count) => 1.6 + 5 * Math.sqrt(count / most));
  const view = { scale: [1, 1], width: 0, height: 0 };
  let rank = new Map();    // an item's place in the list, from 1
  let only = -1;           // the item under the pointer

  const toScreen = ([u, v]) => [view.width / 2 + (u - middle[0].at) * view.scale[0],
    view.height / 2 - (v - middle[1].at) * view.scale[1]];

  function resize() {
    fitCanvas(canvas, pen, view);
    view.scale = [(view.width - 2 * EDGE) / middle[0].span, (view.height - 2 * EDGE) / middle[1].span];
    draw();
  }

  // x: what was decoded, a number for each item.
  function show(x) {
    const best = Array.from(x.keys()).sort((a, b) => x[b] - x[a]).slice(0, TOP);
    rank = new Map(best.map((item, i) => [item, i + 1]));
    draw();
  }

  function draw() {
    pen.clearRect(0, 0, view.width, view.height);
    const order = places.map((_, i) => i).sort((i, j) => rank.has(items[i]) - rank.has(items[j]));
    for (const i of order) {
      const listed = rank.has(items[i]);
      pen.globalAlpha = listed ? 0.95 : 0.4;
      pen.fillStyle = listed ? "#d1603d" : GREY;
      pen.beginPath();
      pen.arc(...toScreen(places[i]), size[i] + (listed ? 1.5 : 0), 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
    drawTitles(order.reverse());
  }

  // Titles that do not overlap: of the list first, then of the items with most users.
  function drawTitles(order) {
    const listed = order.filter((i) => rank.has(items[i]))
      .sort((i, j) => rank.get(items[i]) - rank.get(items[j]));
    const others = places.map((_, i) => i).filter((i) => !rank.has(items[i]));
    const taken = [];
    for (const i of [...listed, ...others]) {
      if (taken.length >= NAMED) break;
      const strong = rank.has(items[i]);
      pen.font = `${strong ? "600 " : ""}11px system-ui, sans-serif`;
      const title = shortened(about.items[items[i]]);
      const half = pen.measureText(title).width / 2 + 3;
      const [x, y] = toScreen(places[i]);
      const at = Math.min(Math.max(x, half), view.width - half);
      const up = y - size[i] - 5 > 12 ? y - size[i] - 5 : y + size[i] + 13;
      const box = [at - half, up - 11, at + half, up + 3];
      if (taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      pen.textAlign = "center";
      pen.strokeStyle = "#fff";
      pen.lineWidth = 3;
      pen.fillStyle = strong ? "#8f3415" : "#555";
      pen.strokeText(title, at, up);
      pen.fillText(title, at, up);
    }
  }

  // The item under the pointer, or -1.
  function itemAt(pointer) {
    let best = -1;
    let least = REACH ** 2;
    places.forEach((place, i) => {
      const far = distance(toScreen(place), pointer);
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  function showHint(index) {
    hint.hidden = index < 0;
    if (index < 0) return;
    const place = rank.get(items[index]);
    hint.textContent = `${about.items[items[index]]}: ${users[index].toLocaleString("en")} users` +
      (place ? `, place ${place} of the list` : "");
    const [x, y] = toScreen(places[index]);
    hint.style.left = `${Math.max(4, Math.min(x + 12, view.width - hint.offsetWidth - 4))}px`;
    hint.style.top = `${y + 14 + hint.offsetHeight > view.height ? y - hint.offsetHeight - 8 : y + 14}px`;
  }

  canvas.addEventListener("pointermove", (event) => {
    const index = itemAt([event.offsetX, event.offsetY]);
    if (index !== only) showHint(only = index);
  });
  canvas.addEventListener("pointerleave", () => showHint(only = -1));
  new ResizeObserver(resize).observe(canvas);
  return { show, screen: (item) => toScreen(places[items.indexOf(item)]), listed: () => [...rank.keys()] };
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
const shortened = (title) => title.length <= LONGEST ? title : `${title.slice(0, LONGEST - 1)}…`;

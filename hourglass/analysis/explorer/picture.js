// What came out of the decoder, drawn: an image pixel by pixel, a vector as a line, or the items
// that it ranks first.

function drawPicture(canvas, x) {
  if (about.image) drawImage(canvas, x);
  else if (about.lines) drawText(canvas, about.names[x[0]]);
  else if (about.items) drawItems(canvas, x);
  else drawLine(canvas, x);
}

function drawImage(canvas, x) {
  const [channels, height, width] = about.shape;
  const size = height * width;
  const of = channels >= 3 ? [0, 1, 2] : [0, 0, 0];   // a channel for red, green and blue
  const picture = new ImageData(width, height);
  for (let i = 0; i < size; i++) {
    of.forEach((channel, c) => (picture.data[4 * i + c] = 255 * share(x[channel * size + i])));
    picture.data[4 * i + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(picture, 0, 0);
}

function drawItems(canvas, x) {
  const width = canvas.width = 2 * canvas.clientWidth;
  const count = width < 400 ? 4 : 15;   // A and B are small
  const best = Array.from(x.keys()).sort((a, b) => x[b] - x[a]).slice(0, count);
  const line = 34, height = canvas.height = line * best.length + 12;
  canvas.style.imageRendering = "auto";
  const pen = canvas.getContext("2d");
  const most = Math.max(x[best[0]], 1e-9);
  pen.fillStyle = "#f7f8f9";
  pen.fillRect(0, 0, width, height);
  pen.font = "22px sans-serif";
  pen.textBaseline = "middle";
  best.forEach((item, i) => {
    pen.fillStyle = "#c9d9ea";
    pen.fillRect(6, 8 + line * i, (width - 12) * Math.max(0, x[item]) / most, line - 6);
    pen.fillStyle = "#222222";
    pen.fillText(fitting(pen, about.items[item], width - 24), 12, 8 + line * i + (line - 6) / 2);
  });
}

// As much of a text as has room, with dots where it is cut.
function fitting(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 1 && pen.measureText(`${text.slice(0, end)}…`).width > room) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

function drawLine(canvas, x) {
  const width = canvas.width = 2 * canvas.clientWidth;
  const height = canvas.height = Math.round(width / 1.5);
  canvas.style.imageRendering = "auto";
  const pen = canvas.getContext("2d");
  const across = (i) => 6 + (width - 12) * (x.length > 1 ? i / (x.length - 1) : 0.5);
  const up = (value) => 6 + (height - 12) * (about.high - value) / (about.high - about.low);
  pen.fillStyle = "#f7f8f9";
  pen.fillRect(0, 0, width, height);
  pen.strokeStyle = pen.fillStyle = "#2f6fb0";
  pen.lineWidth = 4;
  pen.lineJoin = "round";
  pen.beginPath();
  x.forEach((value, i) => pen.lineTo(across(i), up(value)));
  pen.stroke();
  if (x.length <= 40) x.forEach((value, i) => pen.fillRect(across(i) - 5, up(value) - 5, 10, 10));
}

// Where a value lies between black and white.
function share(value) {
  return Math.min(1, Math.max(0, (value - about.low) / (about.high - about.low)));
}

// A line of text, broken where it is too wide.
function drawText(canvas, text) {
  const width = canvas.width = 2 * canvas.clientWidth;
  const pen = canvas.getContext("2d");
  pen.font = "24px sans-serif";
  const lines = [];
  for (const letter of text) {
    const last = lines.at(-1);
    if (last !== undefined && pen.measureText(last + letter).width < width - 24) lines.push(lines.pop() + letter);
    else lines.push(letter);
  }
  const shown = lines.slice(0, 12);
  canvas.height = 34 * Math.max(shown.length, 4) + 12;
  canvas.style.imageRendering = "auto";
  pen.fillStyle = "#f7f8f9";
  pen.fillRect(0, 0, width, canvas.height);
  pen.fillStyle = "#222222";
  pen.font = "24px sans-serif";
  pen.textBaseline = "middle";
  shown.forEach((line, i) => pen.fillText(line, 12, 23 + 34 * i));
}

// Shows one of the thumbnails in an element, at most `longest` pixels high or wide.
function showThumbnail(element, index, longest) {
  element.hidden = !sheet;
  if (!sheet) return;
  const scale = longest / Math.max(sheet.width, sheet.height);
  const [width, height] = [sheet.width * scale, sheet.height * scale];
  const [row, column] = [Math.floor(index / sheet.columns), index % sheet.columns];
  Object.assign(element.style, {
    width: `${width}px`, height: `${height}px`,
    backgroundSize: `${width * sheet.columns}px ${height * sheet.rows}px`,
    backgroundPosition: `${-width * column}px ${-height * row}px`,
  });
}

// As many pixels as the screen has for the canvas; the view gets its width and height.
function fitCanvas(canvas, pen, view) {
  const ratio = window.devicePixelRatio || 1;
  view.width = canvas.clientWidth;
  view.height = canvas.clientHeight;
  canvas.width = Math.round(view.width * ratio);
  canvas.height = Math.round(view.height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
}

// What the page holds: bytes as base64, the large ones gzipped, and what is said of them as JSON.

const byId = (id) => document.getElementById(id);
const about = JSON.parse(byId("about").textContent);
const sheet = JSON.parse(byId("thumbnails").textContent);

const bytesOf = (id) => Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
const floatsOf = (id) => new Float32Array(bytesOf(id).buffer);

async function unpack(id) {
  const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A matrix kept row after row, as a list of its rows.
function rowsOf(values, width) {
  return Array.from({ length: values.length / width },
    (_, row) => values.subarray(row * width, (row + 1) * width));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function distance(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}

// Which code is nearest to z, of those that count.
function nearestOf(codes, z, counts = () => true) {
  let best = 0;
  let least = Infinity;
  codes.forEach((code, i) => {
    const far = counts(i) ? distance(code, z) : Infinity;
    if (far < least) [best, least] = [i, far];
  });
  return best;
}

// "7, photos/0423.png": what is known of a sample.
function describe(index) {
  const kind = about.y ? about.classes[about.y[index]]?.name ?? `class ${about.y[index]}` : "";
  const name = about.names ? about.names[index] : `sample ${about.rows[index] + 1}`;
  return [kind, name].filter(Boolean).join(", ");
}

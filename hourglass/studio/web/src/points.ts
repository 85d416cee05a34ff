// Points drawn by WebGL, a million if need be. It is written here because regl, on which
// regl-scatterplot stands, makes code from texts, which the page's policy forbids.
export interface View { x: number; y: number; scale: number }   // middle, and pixels of a unit

const MANY = 20_000;   // points, from which some may stand for all while the view moves
const VERTEX = `#version 300 es
in vec2 place; in vec4 colour; uniform vec3 view; uniform vec2 size; uniform float wide;
out vec4 shade;
void main() {
  vec2 at = (place - view.xy) * view.z / size * 2.0;
  gl_Position = vec4(at, 0.0, 1.0); gl_PointSize = wide; shade = colour;
}`;
const FRAGMENT = `#version 300 es
precision highp float; in vec4 shade; out vec4 result; uniform float wide;
void main() {
  float far = length(gl_PointCoord - 0.5) * wide;
  float cover = clamp(wide * 0.5 - far + 0.5, 0.0, 1.0);
  result = vec4(shade.rgb, shade.a * cover);
}`;

export interface Painter { kind: string; set(places: Float32Array, colours: Uint8Array): void;
  draw(view: View, dot: number, most: number): void; close(): void }   // at most so many points

// A painter on this canvas: WebGL if there is one, else plain squares.
export function painterOf(canvas: HTMLCanvasElement): Painter {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: false });
  return gl ? onWebGL(canvas, gl) : onCanvas(canvas);
}

function onWebGL(canvas: HTMLCanvasElement, gl: WebGL2RenderingContext): Painter {
  const program = gl.createProgram()!;
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  const [view, size, wide] = ["view", "size", "wide"].map(uniform);
  let count = 0;
  const fill = (name: string, values: BufferSource, width: number, kind: number, unit: boolean) => {
    const at = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, kind, unit, 0, 0);
  };
  return {
    kind: "WebGL",
    set(places, colours) {
      count = places.length / 2;
      fill("place", scattered(places, 2) as BufferSource, 2, gl.FLOAT, false);
      fill("colour", scattered(colours, 4) as BufferSource, 4, gl.UNSIGNED_BYTE, true);
    },
    draw(at, points, most) {
      const ratio = canvas.width / canvas.clientWidth || 1;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform3f(view, at.x, at.y, at.scale * ratio);
      gl.uniform2f(size, canvas.width, canvas.height);
      gl.uniform1f(wide, points * ratio);
      gl.drawArrays(gl.POINTS, 0, Math.min(count, most));
    },
    close() { gl.getExtension("WEBGL_lose_context")?.loseContext(); },
  };
}

// Rows of values in an order in which the first ones stand for all; few points keep theirs.
export function scattered<T extends Float32Array | Uint8Array>(values: T, width: number): T {
  const count = values.length / width;
  if (count < MANY) return values;
  let step = Math.floor(count * 0.618034) | 1;   // far from all of its neighbours
  while (common(step, count) > 1) step += 2;
  const found = values.slice() as T;
  for (let i = 0, from = 0; i < count; i++, from = (from + step) % count) {
    for (let k = 0; k < width; k++) found[i * width + k] = values[from * width + k];
  }
  return found;
}

const common = (a: number, b: number): number => b ? common(b, a % b) : a;

function onCanvas(canvas: HTMLCanvasElement): Painter {
  const pen = canvas.getContext("2d")!;
  let places = new Float32Array();
  let colours = new Uint8Array();
  return {
    kind: "canvas",
    set(nextPlaces, nextColours) { places = nextPlaces as typeof places; colours = nextColours as typeof colours; },
    draw(at, points, most) {
      const ratio = canvas.width / canvas.clientWidth || 1;
      const [scale, side] = [at.scale * ratio, points * ratio];
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const step = Math.max(1, Math.ceil(places.length / 2 / most));
      for (let i = 0; i < places.length / 2; i += step) {
        const [r, g, b, a] = colours.subarray(4 * i, 4 * i + 4);
        pen.fillStyle = `rgba(${r},${g},${b},${a / 255})`;
        pen.fillRect((places[2 * i] - at.x) * scale + canvas.width / 2 - side / 2,
          canvas.height / 2 - (places[2 * i + 1] - at.y) * scale - side / 2, side, side);
      }
    },
    close() { /* nothing is held */ },
  };
}

// Which points lie in cells of a grid, so that the nearest one is found at once.
export class Grid {
  private cells = new Map<number, number[]>();
  private low: [number, number] = [Infinity, Infinity];
  private step: number;
  private wide: number;

  constructor(private places: Float32Array) {
    const high = [-Infinity, -Infinity];
    for (let i = 0; i < places.length; i++) {
      this.low[i % 2] = Math.min(this.low[i % 2], places[i]);
      high[i % 2] = Math.max(high[i % 2], places[i]);
    }
    const span = Math.max(high[0] - this.low[0], high[1] - this.low[1], 1e-9);
    this.wide = Math.max(1, Math.ceil(Math.sqrt(places.length / 8)));
    this.step = span / this.wide * 1.0001;
    for (let i = 0; i < places.length / 2; i++) {
      const cell = this.cellOf(places[2 * i], places[2 * i + 1]);
      const there = this.cells.get(cell);
      if (there) there.push(i); else this.cells.set(cell, [i]);
    }
  }

  private cellOf(x: number, y: number): number {
    return Math.floor((y - this.low[1]) / this.step) * (this.wide + 1)
      + Math.floor((x - this.low[0]) / this.step);
  }

  // The nearest point within reach, or -1.
  nearest(x: number, y: number, reach: number): number {
    const around = Math.min(Math.ceil(reach / this.step), this.wide);
    let best = -1;
    let least = reach * reach;
    for (let dy = -around; dy <= around; dy++) for (let dx = -around; dx <= around; dx++) {
      for (const i of this.cells.get(this.cellOf(x + dx * this.step, y + dy * this.step)) ?? []) {
        const far = (this.places[2 * i] - x) ** 2 + (this.places[2 * i + 1] - y) ** 2;
        if (far < least) [best, least] = [i, far];
      }
    }
    return best;
  }
}

// The points within a drawn line.
export function within(places: Float32Array, line: [number, number][]): number[] {
  const found: number[] = [];
  for (let i = 0; i < places.length / 2; i++) {
    const [x, y] = [places[2 * i], places[2 * i + 1]];
    let inside = false;
    for (let a = 0, b = line.length - 1; a < line.length; b = a++) {
      const [[ax, ay], [bx, by]] = [line[a], line[b]];
      if (ay > y !== by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax) inside = !inside;
    }
    if (inside) found.push(i);
  }
  return found;
}

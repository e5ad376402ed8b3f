// --- data/digit.cc in JavaScript: the same steps in the same order. ---

const kSize = 28, kBox = 20;

function place(i, size) {
  return size > 1 ? 2 * i / (size - 1) - 1 : 0;
}

function margin(image) {
  const {height, width, values} = image;
  const size = Math.max(1, Math.floor(Math.min(height, width) / 20));
  const samples = [];
  for (let y = 0; y < height; ++y) {
    const whole = y < size || y >= height - size;
    for (let x = 0; x < width; ++x) {
      if (!whole && x >= size && x < width - size) continue;
      samples.push({u: place(x, width), v: place(y, height),
                    value: values[y * width + x]});
    }
  }
  return samples;
}

function planeAt(plane, u, v) {
  return plane.middle + plane.right * u + plane.down * v;
}

function fit(samples, old, most) {
  let n = 0, u = 0, v = 0, uu = 1e-6, uv = 0, vv = 1e-6, z = 0, zu = 0, zv = 0;
  for (const s of samples) {
    if (Math.abs(s.value - planeAt(old, s.u, s.v)) > most) continue;
    n += 1;
    u += s.u;
    v += s.v;
    uu += s.u * s.u;
    uv += s.u * s.v;
    vv += s.v * s.v;
    z += s.value;
    zu += s.value * s.u;
    zv += s.value * s.v;
  }
  const determinant = (a, b, c, d, e, f, g, h, i) =>
      a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const all = determinant(n, u, v, u, uu, uv, v, uv, vv);
  return {middle: determinant(z, u, v, zu, uu, uv, zv, uv, vv) / all,
          right: determinant(n, z, v, u, zu, uv, v, zv, vv) / all,
          down: determinant(n, u, z, u, uu, zu, v, uv, zv) / all};
}

function findBackground(image) {
  const samples = margin(image);
  let plane = {middle: median(samples.map((s) => s.value)), right: 0, down: 0};
  for (let i = 0;; ++i) {
    const noise = 1.4826 * median(samples.map(
        (s) => Math.abs(s.value - planeAt(plane, s.u, s.v))));
    if (i === 3) return {plane, noise};
    plane = fit(samples, plane, 2.5 * noise + 4);
  }
}

function findStrengths(image, background) {
  const {height, width} = image;
  const values = new Float64Array(height * width);
  const planes = new Float64Array(height * width);
  let above = 0, below = 0, noise = background.noise;
  const least = 3 * noise + 8;
  for (let y = 0, i = 0; y < height; ++y) {
    const v = place(y, height);
    for (let x = 0; x < width; ++x, ++i) {
      planes[i] = planeAt(background.plane, place(x, width), v);
      const difference = image.values[i] - planes[i];
      values[i] = difference;
      if (difference > least) above += difference * difference;
      if (difference < -least) below += difference * difference;
    }
  }
  if (below > above) {
    for (let i = 0; i < values.length; ++i) {
      values[i] *= -255 / Math.max(planes[i], 1);
    }
    noise *= 255 / Math.max(background.plane.middle, 1);
  }
  for (let i = 0; i < values.length; ++i) {
    values[i] = Math.min(Math.max(Math.floor(values[i] + 0.5), 0), 255);
  }
  return {grid: {height, width, values}, noise};
}

function otsuThreshold(strength) {
  const counts = new Float64Array(256);
  for (const value of strength.values) counts[value] += 1;
  let count = 0, sum = 0;
  for (let i = 0; i < 256; ++i) {
    count += counts[i];
    sum += counts[i] * i;
  }
  let best = -1, first = 0, last = 0, lowCount = 0, lowSum = 0;
  for (let i = 0; i < 255; ++i) {
    lowCount += counts[i];
    lowSum += counts[i] * i;
    if (lowCount === 0 || lowCount === count) continue;
    const apart = lowSum / lowCount - (sum - lowSum) / (count - lowCount);
    const between = lowCount * (count - lowCount) * apart * apart;
    if (between > best) first = i;
    if (between >= best) last = i;
    best = Math.max(best, between);
  }
  return (first + last) / 2;
}

function neighbours(grid, at, visit) {
  const y = Math.floor(at / grid.width), x = at % grid.width;
  const bottom = Math.min(grid.height - 1, y + 1);
  const right = Math.min(grid.width - 1, x + 1);
  for (let i = Math.max(0, y - 1); i <= bottom; ++i) {
    for (let j = Math.max(0, x - 1); j <= right; ++j) visit(i * grid.width + j);
  }
}

function findPieces(strength, threshold) {
  const seen = new Uint8Array(strength.values.length);
  const pieces = [];
  let piece = [];
  const take = (at) => {
    if (seen[at] || strength.values[at] <= threshold) return;
    seen[at] = 1;
    piece.push(at);
  };
  for (let start = 0; start < seen.length; ++start) {
    piece = [];
    take(start);
    for (let i = 0; i < piece.length; ++i) {
      neighbours(strength, piece[i], take);
    }
    if (piece.length > 0) pieces.push(piece);
  }
  return pieces;
}

function isBeside(piece, grid) {
  let rim = 0, corners = 0;
  for (const at of piece) {
    const y = Math.floor(at / grid.width), x = at % grid.width;
    const endY = y === 0 || y === grid.height - 1;
    const endX = x === 0 || x === grid.width - 1;
    if (endY || endX) rim += 1;
    if (endY && endX) corners += 1;
  }
  return corners > 0 && rim * 16 >= 2 * (grid.height + grid.width);
}

function largestOf(pieces) {
  return pieces.reduce((most, piece) => Math.max(most, piece.length), 0);
}

function findInk(strength, threshold) {
  let pieces = findPieces(strength, threshold);
  const inside = pieces.filter((piece) => !isBeside(piece, strength));
  if (largestOf(inside) * 20 >= largestOf(pieces)) pieces = inside;
  const largest = largestOf(pieces);
  if (largest < 4) return [];
  return [].concat(...pieces.filter((piece) => piece.length * 20 >= largest));
}

function findDigit(image) {
  const {grid: strength, noise} = findStrengths(image, findBackground(image));
  const threshold = Math.max(otsuThreshold(strength), 4 * noise);
  const ink = findInk(strength, threshold);
  if (ink.length === 0) return null;
  const levels = ink.map((at) => strength.values[at]);
  const mean = levels.reduce((a, b) => a + b, 0) / levels.length;
  if (mean < Math.max(16, 5 * noise)) return null;
  levels.sort((a, b) => a - b);
  const high = levels[Math.floor(levels.length * 9 / 10)];
  const low = Math.min(3 * noise, threshold / 2);
  const digit = {height: image.height, width: image.width,
                 values: new Float64Array(image.values.length)};
  for (const at of ink) {
    neighbours(digit, at, (near) => {
      digit.values[near] = Math.min(
          Math.max((strength.values[near] - low) / (high - low), 0), 1);
    });
  }
  return digit;
}

function crop(grid) {
  let top = grid.height, bottom = 0, left = grid.width, right = 0;
  grid.values.forEach((value, i) => {
    if (value <= 0) return;
    const y = Math.floor(i / grid.width), x = i % grid.width;
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
  });
  const part = {height: bottom - top, width: right - left, values: []};
  for (let y = top; y < bottom; ++y) {
    for (let x = left; x < right; ++x) {
      part.values.push(grid.values[y * grid.width + x]);
    }
  }
  return part;
}

function scaleRowsAndTurn(grid, scale) {
  const size = Math.max(1, Math.ceil(grid.width * scale - 1e-9));
  const values = new Float64Array(size * grid.height);
  for (let i = 0; i < size; ++i) {
    const from = i / scale, to = Math.min((i + 1) / scale, grid.width);
    for (let x = Math.floor(from); x < grid.width && x < to; ++x) {
      const covered = Math.min(to, x + 1) - Math.max(from, x);
      for (let y = 0; y < grid.height; ++y) {
        values[i * grid.height + y] +=
            covered * scale * grid.values[y * grid.width + x];
      }
    }
  }
  return {height: size, width: grid.height, values};
}

function begin(sum, mass, size) {
  const at = Math.floor(kSize / 2 - sum / mass + 0.5);
  return Math.min(Math.max(at, 0), kSize - size);
}

function centre(box) {
  let mass = 0, down = 0, right = 0, full = 0;
  box.values.forEach((value, i) => {
    mass += value;
    down += value * Math.floor(i / box.width);
    right += value * (i % box.width);
    full = Math.max(full, value);
  });
  const top = begin(down, mass, box.height);
  const left = begin(right, mass, box.width);
  const pixels = new Uint8Array(kSize * kSize);
  box.values.forEach((value, i) => {
    const y = Math.floor(i / box.width), x = i % box.width;
    pixels[(top + y) * kSize + left + x] =
        Math.floor(255 * value / full + 0.5);
  });
  return pixels;
}

// The 28 x 28 bytes to feed for the digit on an image {height, width, values
// 0 to 255}; null if nothing is drawn on it.
function prepareDigit(image) {
  const digit = findDigit(image);
  if (digit === null) return null;
  const part = crop(digit);
  const scale = kBox / Math.max(part.height, part.width);
  return centre(scaleRowsAndTurn(scaleRowsAndTurn(part, scale), scale));
}

// --- The paper and the pen. ---

const paper = find('paper'), ink = paper.getContext('2d',
                                                    {willReadFrequently: true});
const kPaper = paper.width;
let waiting = false;

function clearPaper() {
  ink.fillStyle = '#000';
  ink.fillRect(0, 0, kPaper, kPaper);
  ink.strokeStyle = '#fff';
  ink.lineWidth = 0.08 * kPaper;
  ink.lineCap = ink.lineJoin = 'round';
}

function paperImage() {
  const rgba = ink.getImageData(0, 0, kPaper, kPaper).data;
  const values = new Float64Array(kPaper * kPaper);
  for (let i = 0; i < values.length; ++i) values[i] = rgba[4 * i];
  return {height: kPaper, width: kPaper, values};
}

// Prepares what is drawn and asks the models.
function update() {
  waiting = false;
  const fed = prepareDigit(paperImage());
  showFed(fed);
  ask(fed);
  return fed;
}

function updateSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(update);
}

function clear() {
  clearPaper();
  updateSoon();
}

// Strokes of each digit, in shares of the paper.
const kExamples = [
  [[[.52, .16], [.34, .24], [.28, .52], [.36, .8], [.54, .84], [.68, .66],
    [.7, .38], [.6, .18], [.48, .17]]],
  [[[.54, .16], [.51, .5], [.48, .85]]],
  [[[.3, .32], [.4, .18], [.6, .18], [.66, .34], [.52, .56], [.3, .82],
    [.5, .8], [.72, .82]]],
  [[[.32, .22], [.5, .15], [.66, .26], [.6, .42], [.46, .47]],
   [[.46, .47], [.66, .54], [.68, .72], [.52, .85], [.3, .79]]],
  [[[.4, .16], [.34, .4], [.28, .56], [.5, .56], [.74, .53]],
   [[.62, .2], [.6, .5], [.57, .86]]],
  [[[.68, .17], [.38, .18], [.37, .2], [.33, .44], [.35, .45], [.54, .42],
    [.68, .56], [.62, .78], [.44, .85], [.29, .78]]],
  [[[.6, .15], [.42, .32], [.32, .58], [.38, .8], [.54, .85], [.66, .72],
    [.58, .56], [.44, .55], [.35, .66]]],
  [[[.28, .2], [.5, .18], [.71, .19], [.7, .22], [.58, .5], [.46, .85]]],
  [[[.62, .22], [.48, .15], [.36, .26], [.44, .42], [.62, .6], [.62, .78],
    [.48, .86], [.36, .74], [.46, .54], [.6, .38], [.63, .24]]],
  [[[.64, .3], [.54, .16], [.38, .22], [.36, .4], [.5, .48], [.62, .36],
    [.65, .28], [.64, .55], [.56, .85]]],
];

// A curve through the middles of the lines between the points.
function drawStroke(points) {
  const [x, y] = points[0];
  ink.beginPath();
  ink.moveTo(x * kPaper, y * kPaper);
  for (let i = 1; i + 1 < points.length; ++i) {
    const [x1, y1] = points[i], [x2, y2] = points[i + 1];
    ink.quadraticCurveTo(x1 * kPaper, y1 * kPaper, (x1 + x2) / 2 * kPaper,
                         (y1 + y2) / 2 * kPaper);
  }
  const [x3, y3] = points[points.length - 1];
  ink.lineTo(x3 * kPaper, y3 * kPaper);
  ink.stroke();
}

let example = -1;
function drawExample(digit) {
  example = digit;
  clearPaper();
  kExamples[digit].forEach(drawStroke);
}
function nextExample() {
  drawExample((example + 1) % kExamples.length);
  updateSoon();
}

// Where the pointer is on the paper, in its pixels.
function spot(event) {
  const box = paper.getBoundingClientRect();
  return [(event.clientX - box.left) * kPaper / box.width,
          (event.clientY - box.top) * kPaper / box.height];
}

let pen = null;  // Where it was last; null while it is up.
function drawTo(event) {
  const next = spot(event);
  ink.beginPath();
  ink.moveTo(...pen);
  // A line without any length would leave no dot.
  ink.lineTo(next[0] + 0.01, next[1]);
  ink.stroke();
  pen = next;
  updateSoon();
}

paper.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  paper.setPointerCapture(event.pointerId);
  pen = spot(event);
  drawTo(event);
});
paper.addEventListener('pointermove', (event) => {
  if (pen === null) return;
  const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  (all.length > 0 ? all : [event]).forEach(drawTo);
});
for (const name of ['pointerup', 'pointercancel']) {
  paper.addEventListener(name, () => { pen = null; });
}
find('clear').addEventListener('click', clear);
find('example').addEventListener('click', nextExample);
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'c') clear();
  if (event.key === 'e') nextExample();
});

// For tests: draws a digit and writes down what came of it.
function test(digit, temperature) {
  drawExample(digit);
  slider.value = temperature;
  const drawn = paperImage();
  let fed = null;
  for (let i = 0; i < 2 * kTimes; ++i) fed = update();
  writeDown({paper: base64(drawn.values), side: kPaper}, fed);
}

drawExample(2);
update();
const hook = /^#test(?:=(\d),([\d.]+))?$/.exec(location.hash);
if (hook !== null) test(Number(hook[1] || 3), Number(hook[2] || 1));

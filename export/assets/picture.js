// --- data/preparation.cc and data/resize.cc in JavaScript. ---

const kLobes = 3;
// Rows of a picture that are looked at together.
const kStrip = 64;
// The longer side of the picture as the page shows it.
const kView = 640;

function lanczos(x) {
  if (x === 0) return 1;
  x *= Math.PI;
  return Math.sin(x) * Math.sin(x / kLobes) * kLobes / (x * x);
}

// Of two numbers equally near, the even one.
function rounded(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

// The size, [height, width], that a picture is scaled to. It shares its middle
// with the model's image: what is outside of that is cut off, and what is
// missing is black.
function scaledSize(picture) {
  const {height, width} = page;
  // A side at its size; how the other one follows it.
  const {fixWidth, follow} = {
    crop: {fixWidth: width * picture.height >= height * picture.width,
           follow: (size, side, other) => Math.floor(size * side / other)},
    pad: {fixWidth: picture.width * height >= width * picture.height,
          follow: (size, side, other) =>
              Math.max(1, rounded(side / other * size))},
    stretch: {},
  }[page.fit];
  if (follow === undefined) return [height, width];
  return fixWidth ? [follow(width, picture.height, picture.width), width]
                  : [height, follow(height, picture.width, picture.height)];
}

// Of each of the `size` pixels in the middle of `to`, made of `from`, which
// pixels it is the weighted mean of: {first, weights}, none outside of `to`.
function windowsOf(from, to, size) {
  const step = from / to, stretch = Math.max(step, 1);
  const reach = from === to ? 0.5 : kLobes * stretch;
  const begin = rounded((to - size) / 2);
  return Array.from({length: size}, (_, i) => {
    const at = begin + i, centre = (at + 0.5) * step;
    if (at < 0 || at >= to) return {first: 0, weights: []};
    const first = Math.max(Math.ceil(centre - reach - 0.5), 0);
    const last = Math.min(Math.floor(centre + reach - 0.5), from - 1);
    const weights = [];
    for (let j = first; j <= last; ++j) {
      weights.push(lanczos((j + 0.5 - centre) / stretch));
    }
    const sum = weights.reduce((a, b) => a + b);
    return {first, weights: weights.map((weight) => weight / sum)};
  });
}

// The mean of a window of bytes, of which the first is at `begin` and the next
// ones `stride` apart.
function meanOf({first, weights}, bytes, begin, stride) {
  let sum = 0.5, at = begin + first * stride;
  for (let i = 0; i < weights.length; ++i, at += stride) {
    sum += weights[i] * bytes[at];
  }
  return Math.min(Math.max(Math.floor(sum), 0), 255);
}

// Calls visit(bytes [channels, width]) for rows `begin` to `end` of what can be
// drawn, over white, and grey where the model is.
function visitRows(picture, begin, end, visit) {
  const {width} = picture, {channels} = page;
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = kStrip;
  const strip = canvas.getContext('2d', {willReadFrequently: true});
  strip.fillStyle = '#fff';
  const bytes = new Uint8Array(channels * width);
  for (let top = begin; top < end; top += kStrip) {
    strip.fillRect(0, 0, width, kStrip);
    strip.drawImage(picture, 0, -top);
    const rows = Math.min(kStrip, end - top);
    const rgba = strip.getImageData(0, 0, width, rows).data;
    for (let y = 0, from = 0; y < rows; ++y) {
      for (let x = 0; x < width; ++x, from += 4) {
        const red = rgba[from], green = rgba[from + 1], blue = rgba[from + 2];
        if (channels === 1) {
          bytes[x] = (299 * red + 587 * green + 114 * blue + 500) / 1000;
        } else {
          bytes[x] = red;
          bytes[width + x] = green;
          bytes[2 * width + x] = blue;
        }
      }
      visit(bytes);
    }
  }
}

// The [channels, height, width] bytes to feed for what can be drawn.
function prepare(picture) {
  const {channels, height, width} = page, line = channels * width;
  const [scaledHeight, scaledWidth] = scaledSize(picture);
  const across = windowsOf(picture.width, scaledWidth, width);
  const down = windowsOf(picture.height, scaledHeight, height);
  const seen = down.filter(({weights}) => weights.length > 0);
  const begin = seen[0].first, last = seen[seen.length - 1];
  const end = last.first + last.weights.length;
  const lines = new Uint8Array((end - begin) * line);
  let at = 0;
  visitRows(picture, begin, end, (bytes) => {
    for (let c = 0; c < channels; ++c) {
      for (const window of across) {
        lines[at++] = meanOf(window, bytes, c * picture.width, 1);
      }
    }
  });
  return Uint8Array.from({length: height * line}, (_, i) => {
    const x = i % width, y = Math.floor(i / width) % height;
    const c = Math.floor(i / (width * height));
    return meanOf(down[y], lines, c * width + x - begin * line, line);
  });
}

// --- The page. ---

const fed = find('fed'), view = find('view'), input = find('file');
let turn = 0;  // Of the last picture: one that is decoded later is not shown.

// Shows a picture and what is fed of it, which is returned; null takes them
// away.
function showPicture(picture) {
  for (const part of [view, fed.parentNode]) part.hidden = picture === null;
  if (picture === null) return null;
  const {height, width} = picture;
  const scale = Math.min(1, kView / Math.max(height, width));
  view.height = Math.max(1, Math.round(scale * height));
  view.width = Math.max(1, Math.round(scale * width));
  view.getContext('2d').drawImage(picture, 0, 0, view.width, view.height);
  const pixels = prepare(picture);
  showFed(pixels);
  return pixels;
}

// Instead of an answer.
function say(text) {
  invitation = text;
  ask(showPicture(null));
}

// Decodes the first of the files, shows it, and asks the models.
async function take(files) {
  const mine = ++turn;
  const [file] = files;
  if (file === undefined) {
    say('There is no picture in that. Save it as a file, and drop that.');
    return;
  }
  try {
    // Turned as its camera says, and else with the bytes that it has.
    const picture = await createImageBitmap(
        file,
        {imageOrientation: 'from-image', colorSpaceConversion: 'none'});
    if (mine === turn) ask(showPicture(picture));
    picture.close();
  } catch (error) {
    if (mine !== turn) return;
    say('\u201c' + file.name + '\u201d cannot be decoded: it is damaged, ' +
        'or no picture that this browser knows. Try a PNG or a JPEG file.');
  }
}

input.addEventListener('change', () => {
  take(input.files);
  input.value = '';  // The same file may be chosen again.
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
document.addEventListener('paste', (event) => take(event.clipboardData.files));

// For tests: shows a picture of gradients and edges, of which a corner is
// transparent, and writes down what came of it.
function test(height, width) {
  const drawn = new ImageData(width, height);
  for (let i = 0; i < height * width; ++i) {
    const y = Math.floor(i / width), x = i % width;
    const edge = x * 3 > y * 2 + 20 ? 90 : 0;
    drawn.data.set(
        y < 5 && x < 9 ? [0, 0, 0, 0]
                       : [(x * 4) % 256, (y * 5 + edge) % 256,
                          (x ^ y) % 8 < 4 ? 30 + edge : 220, 255], 4 * i);
  }
  const canvas = document.createElement('canvas');
  canvas.height = height;
  canvas.width = width;
  canvas.getContext('2d').putImageData(drawn, 0, 0);
  const pixels = showPicture(canvas);
  ask(pixels);
  writeDown({picture: base64(drawn.data), height, width}, pixels);
}

const size = page.height + ' x ' + page.width + ' pixels';
find('about-fed').textContent = 'What is fed: the picture ' + {
  crop: 'scaled until it covers ' + size + ', and its middle',
  stretch: 'with each side scaled to its own size, ' + size,
  pad: 'scaled until it fits into ' + size + ', on black',
}[page.fit] + (page.channels === 1 ? ', in grey.' : '.');
fed.height = page.height;
fed.width = page.width;
// Neither side is longer than 20rem.
fed.style.width =
    'min(100%, ' + 20 * Math.min(1, page.width / page.height) + 'rem)';
say(invitation);
const hook = /^#test(?:=(\d+),(\d+))?$/.exec(location.hash);
if (hook !== null) test(Number(hook[1] || 47), Number(hook[2] || 61));

// --- The models. ---

// Splits the weights into layers {weight, bias}, in the order of the file.
function layersOf(model) {
  const text = atob(model.weights);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const take = (count) => {
    const numbers = new Float32Array(count);
    for (let i = 0; i < count; ++i, at += 4) {
      numbers[i] = view.getFloat32(at, true);
    }
    return numbers;
  };
  return model.layers.map(
      (layer) => ({outputs: layer.outputs, convolution: layer.convolution,
                   weight: take(layer.weights), bias: take(layer.outputs)}));
}

// [inputs, height, width] to [outputs, height / 2, width / 2]: convolution 3x3
// with a margin of zeros, ReLU, the greatest of each 2 x 2.
function convBlock(layer, image) {
  const {height, width} = image;
  const inputs = image.values.length / (height * width);
  const stride = width + 2, plane = stride * (height + 2);
  const padded = new Float32Array(inputs * plane);
  for (let c = 0; c < inputs; ++c) {
    for (let y = 0; y < height; ++y) {
      const row = (c * height + y) * width;
      padded.set(image.values.subarray(row, row + width),
                 c * plane + (y + 1) * stride + 1);
    }
  }
  const half = {height: Math.floor(height / 2), width: Math.floor(width / 2)};
  half.values = new Float32Array(layer.outputs * half.height * half.width);
  const sums = new Float32Array(height * width);
  for (let o = 0, to = 0; o < layer.outputs; ++o) {
    sums.fill(layer.bias[o]);
    for (let c = 0; c < inputs; ++c) {
      const w = (o * inputs + c) * 9;
      const [a0, a1, a2, b0, b1, b2, c0, c1, c2] =
          layer.weight.subarray(w, w + 9);
      for (let y = 0; y < height; ++y) {
        let p = c * plane + y * stride, q = p + stride, r = q + stride;
        for (let i = y * width; i < (y + 1) * width; ++i, ++p, ++q, ++r) {
          sums[i] += a0 * padded[p] + a1 * padded[p + 1] + a2 * padded[p + 2] +
                     b0 * padded[q] + b1 * padded[q + 1] + b2 * padded[q + 2] +
                     c0 * padded[r] + c1 * padded[r + 1] + c2 * padded[r + 2];
        }
      }
    }
    for (let y = 0; y < half.height; ++y) {
      for (let x = 0; x < half.width; ++x, ++to) {
        const i = 2 * y * width + 2 * x;
        half.values[to] = Math.max(0, sums[i], sums[i + 1], sums[i + width],
                                   sums[i + width + 1]);
      }
    }
  }
  return half;
}

function dense(layer, values) {
  const result = new Float32Array(layer.outputs);
  for (let o = 0, w = 0; o < layer.outputs; ++o) {
    let sum = layer.bias[o];
    for (let i = 0; i < values.length; ++i, ++w) {
      sum += layer.weight[w] * values[i];
    }
    result[o] = sum;
  }
  return result;
}

// The logits for [channels, height, width] bytes.
function forward(model, pixels) {
  const {height, width} = page;
  const scaled = (p, i) => {
    const channel = Math.floor(i / (height * width));
    return (p / 255 - model.mean[channel]) / model.std[channel];
  };
  let image = {height, width, values: Float32Array.from(pixels, scaled)};
  model.parts.forEach((layer, i) => {
    if (layer.convolution) {
      image = convBlock(layer, image);
      return;
    }
    const values = dense(layer, image.values);
    // All but the last are hidden layers, with a ReLU.
    const last = i === model.parts.length - 1;
    image = {values: last ? values : values.map((v) => Math.max(v, 0))};
  });
  return image.values;
}

function softmax(logits, temperature) {
  const most = Math.max(...logits);
  const parts = Array.from(logits, (v) => Math.exp((v - most) / temperature));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map((v) => v / sum);
}

// --- What a page shows of them. ---

const find = (id) => document.getElementById(id);
const slider = find('temperature');
// Of the last times of a model their median is shown: the first ones are slow,
// and a browser's clock is rounded.
const kTimes = 15;
// Said while there is nothing to answer.
let invitation = page.invitation;

function median(values) {
  return values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

// The [channels, height, width] bytes that are fed; black without any.
function showFed(pixels) {
  const {channels, height, width} = page, plane = height * width;
  const canvas = find('fed').getContext('2d');
  const image = canvas.createImageData(width, height);
  image.data.fill(255);
  for (let i = 0; i < plane; ++i) {
    for (let c = 0; c < 3; ++c) {
      image.data[4 * i + c] =
          pixels === null ? 0 : pixels[(c % channels) * plane + i];
    }
  }
  canvas.putImageData(image, 0, 0);
}

// As many as are shown: of all classes, or of the likeliest.
function makeRows(model) {
  model.rows = page.names.slice(0, page.bars).map(() => {
    const row = document.createElement('div');
    row.className = 'row';
    row.innerHTML = '<span class="name"></span><span class="track"><i></i>' +
                    '</span><span class="percent"></span>';
    find(model.id).append(row);
    return {row, name: row.firstChild, bar: row.querySelector('i'),
            percent: row.lastChild};
  });
}

function showModel(model, temperature) {
  const asked = model.logits !== null;
  const parts = asked ? softmax(model.logits, temperature)
                      : page.names.map(() => 0);
  const first = parts.indexOf(Math.max(...parts));
  const classes = [...parts.keys()];
  const some = page.bars < classes.length;
  if (some) classes.sort((a, b) => parts[b] - parts[a]);
  model.rows.forEach(({row, name, bar, percent}, i) => {
    const part = parts[classes[i]];
    row.hidden = some && !asked;
    row.classList.toggle('first', asked && classes[i] === first);
    name.textContent = name.title = page.names[classes[i]];
    bar.style.width = 100 * part + '%';
    percent.textContent = asked ? (100 * part).toFixed(1) + ' %' : '';
  });
  find(model.id + '-time').textContent =
      asked ? ', ' + median(model.times).toFixed(1) + ' ms' : '';
  // What the model answers is at temperature 1, whatever the bars show.
  return asked ? model.title + ': ' + page.names[first] + ' (' +
                     Math.round(100 * softmax(model.logits, 1)[first]) +
                     '\u00a0%)'
               : '';
}

function show() {
  const temperature = Number(slider.value);
  find('temperature-value').textContent = temperature.toFixed(1);
  const said = page.models.map((model) => showModel(model, temperature));
  find('said').textContent = said.filter(Boolean).join('; ') || invitation;
}

// Asks the models about the bytes; null: there is nothing to ask.
function ask(fed) {
  for (const model of page.models) {
    model.logits = null;
    if (fed === null) continue;
    const start = performance.now();
    model.logits = forward(model, fed);
    model.times = (model.times || []).slice(-kTimes + 1);
    model.times.push(performance.now() - start);
  }
  show();
}

function base64(values) {
  return btoa(Array.from(values, (v) => String.fromCharCode(v)).join(''));
}

// For tests: what came of the bytes that were fed, besides `given`.
function writeDown(given, fed) {
  find('test').textContent = JSON.stringify({
    ...given, fed: Array.from(fed),
    models: page.models.map((model) => ({
      title: model.title, logits: Array.from(model.logits),
      softmax: softmax(model.logits, Number(slider.value)),
    })),
    said: find('said').textContent,
  });
}

slider.addEventListener('input', show);
for (const model of page.models) {
  model.parts = layersOf(model);
  makeRows(model);
}

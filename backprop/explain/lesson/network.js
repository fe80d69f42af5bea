// The arithmetic of one training step. A matrix is an array of rows, and a row is a sample.

const transpose = A => A[0].map((_, j) => A.map(row => row[j]));
const map = (f, ...As) => As[0].map((row, i) => row.map((_, j) => f(...As.map(A => A[i][j]))));
const sum = numbers => numbers.reduce((total, number) => total + number, 0);
const dot = (u, v) => sum(u.map((number, k) => number * v[k]));
const multiply = (A, B) => {
  const columns = transpose(B);
  return A.map(row => columns.map(column => dot(row, column)));
};

// ---------------------------------------------------------------------------- activations

const activations = {
  Identity: { f: z => z, slope: () => 1 },
  Sigmoid: {
    f: z => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))),
    slope: (z, a) => a * (1 - a),
  },
  Tanh: { f: Math.tanh, slope: (z, a) => 1 - a * a },
  ReLU: { f: z => Math.max(z, 0), slope: z => (z > 0 ? 1 : 0) },
};

const logSumExp = z => {
  const most = Math.max(...z);
  return most + Math.log(sum(z.map(number => Math.exp(number - most))));
};
const softmax = z => {
  const total = logSumExp(z);
  return z.map(number => Math.exp(number - total));
};
// ∂a_j/∂z_k = a_j ([j = k] − a_k)
const softmaxJacobian = a => a.map((aj, j) => a.map((ak, k) => aj * ((j === k ? 1 : 0) - ak)));

// ---------------------------------------------------------------------------------- losses
// For the predictions p and the targets y of one sample: what each output adds to its loss, and
// the derivative by each output. The cross-entropies also say both by the logits z of p.

const FLOOR = Math.E * 1e-7; // below it, the logarithm goes on as its tangent
const safeLog = p => (p < FLOOR ? Math.log(FLOOR) + (p - FLOOR) / FLOOR : Math.log(p));
const safeSlope = p => 1 / Math.max(p, FLOOR);

const categorical = {
  parts: (p, y) => {
    const total = sum(p);
    return p.map((pk, k) => (y[k] === 0 ? 0 : -y[k] * safeLog(pk / total)));
  },
  slope: (p, y) => {
    const total = sum(p), inner = p.map((pk, k) => y[k] * safeSlope(pk / total));
    const along = sum(p.map((pk, k) => (inner[k] * pk) / total));
    return inner.map(number => (along - number) / total);
  },
  partsByLogits: (z, y) => z.map((zk, k) => (y[k] === 0 ? 0 : y[k] * (logSumExp(z) - zk))),
  slopeByLogits: (p, y) => p.map((pk, k) => pk * sum(y) - y[k]),
};

const losses = {
  MeanSquaredError: {
    parts: (p, y) => p.map((pk, k) => (pk - y[k]) ** 2 / p.length),
    slope: (p, y) => p.map((pk, k) => (2 * (pk - y[k])) / p.length),
  },
  HalfSquaredError: {
    parts: (p, y) => p.map((pk, k) => (pk - y[k]) ** 2 / 2),
    slope: (p, y) => p.map((pk, k) => pk - y[k]),
  },
  BinaryCrossentropy: {
    parts: (p, y) =>
      p.map((pk, k) => -(y[k] * safeLog(pk) + (1 - y[k]) * safeLog(1 - pk)) / p.length),
    slope: (p, y) =>
      p.map((pk, k) => ((1 - y[k]) * safeSlope(1 - pk) - y[k] * safeSlope(pk)) / p.length),
    partsByLogits: (z, y) =>
      z.map((zk, k) =>
        (Math.max(zk, 0) - y[k] * zk + Math.log1p(Math.exp(-Math.abs(zk)))) / z.length),
    slopeByLogits: (p, y) => p.map((pk, k) => (pk - y[k]) / p.length),
  },
  CategoricalCrossentropy: categorical,
  SparseCategoricalCrossentropy: categorical, // of classes written as rows with a single 1
};

// ------------------------------------------------------------------------------------ a step

const isDense = layer => layer.kind === "Dense";
const isKnown = network =>
  network.loss.kind in losses &&
  network.layers.every(
    layer => isDense(layer) || layer.kind === "Softmax" || layer.kind in activations);

const oneHot = (classes, K) =>
  classes.map(c => Array.from({ length: K }, (_, k) => (k === c ? 1 : 0)));

// Forward, loss, backward, gradients and update: every array of them by its key. `state` holds
// the inputs X, the targets y, the parameters (W0, b0, …) and the learning rate.
function trainingStep(network, state) {
  const { layers } = network, last = layers.length;
  const values = { A0: state.X, y: state.y, target: state.y, ...state.parameters };

  layers.forEach((layer, k) => {
    const X = values[`A${k}`];
    let Y;
    if (isDense(layer)) {
      const b = values[`b${k}`];
      Y = multiply(X, values[`W${k}`]).map(row => row.map((z, j) => z + (b ? b[j] : 0)));
    } else if (layer.kind === "Softmax") {
      Y = X.map(softmax);
      values[`J${k}`] = softmaxJacobian(Y[0]);
    } else {
      const { f, slope } = activations[layer.kind];
      Y = map(f, X);
      values[`S${k}`] = map(slope, X, Y);
    }
    values[`A${k + 1}`] = Y;
  });

  const prediction = values[`A${last}`], logits = values[`A${last - 1}`];
  const loss = losses[network.loss.kind], N = prediction.length, { joined } = network.loss;
  const y = Array.isArray(state.y[0]) ? state.y : oneHot(state.y, prediction[0].length);
  const mean = row => row.map(number => number / N);
  values.parts = joined
    ? logits.map((z, i) => mean(loss.partsByLogits(z, y[i])))
    : prediction.map((p, i) => mean(loss.parts(p, y[i])));
  values.E = sum(values.parts.map(sum));

  values[`D${last}`] = prediction.map((p, i) => mean(loss.slope(p, y[i])));
  for (let k = last - 1; k >= 0; k--) {
    const layer = layers[k], delta = values[`D${k + 1}`];
    if (isDense(layer)) {
      const W = values[`W${k}`];
      values[`D${k}`] = multiply(delta, transpose(W));
      values[`dW${k}`] = multiply(transpose(values[`A${k}`]), delta);
      if (values[`b${k}`]) values[`db${k}`] = transpose(delta).map(sum);
    } else if (layer.kind === "Softmax") {
      const Y = values[`A${k + 1}`];
      values[`D${k}`] = Y.map((a, i) =>
        a.map((aj, j) => aj * (delta[i][j] - dot(delta[i], a))));
    } else {
      values[`D${k}`] = map((d, slope) => d * slope, delta, values[`S${k}`]);
    }
    if (joined && k === last - 1) {
      values.chained = values[`D${k}`]; // training takes the shorter way, which is as exact
      values[`D${k}`] = prediction.map((p, i) => mean(loss.slopeByLogits(p, y[i])));
    }
  }

  layers.forEach((layer, k) =>
    layer.parameters.forEach(name => {
      const theta = values[name + k], g = values[`d${name}${k}`];
      const eta = layer.frozen.includes(name) ? 0 : state.learningRate;
      const step = (t, d) => t - eta * d;
      values[`new${name}${k}`] = Array.isArray(theta[0])
        ? map(step, theta, g)
        : theta.map((t, j) => step(t, g[j]));
    }));
  return values;
}

// Whether all numbers of a step are finite; where one is not, the step is not taken.
const allFinite = values => Object.values(values).flat(Infinity).every(Number.isFinite);

// ------------------------------------------------------------------------------- the chain rule

// Whether the derivatives of layer k are known one by one: of others, such as a user's own or a
// residual block, the page has only what they give back.
const hasFactors = (network, values, k) =>
  Boolean(values[`W${k}`] || values[`S${k}`]) || network.layers[k].kind === "Softmax";

// All paths from the output of layer k − 1, unit j, to the loss: the units on the way, and the
// derivative of each by the one before it.
function pathsFrom(network, values, sample, k, j) {
  const { layers } = network;
  const name = (at, unit) => unitName(at === 0 ? layers[0].x : layers[at - 1].y, unit);
  const here = name(k, j);
  if (k === layers.length) {
    const d = values[`D${k}`][sample][j];
    return [{ units: ["E"], factors: [{ name: `∂E/∂${here}`, formula: `∂E/∂${here}`, value: d }] }];
  }
  const layer = layers[k];
  const next = (unit, formula, value) => {
    const there = name(k + 1, unit), quotient = `∂${there}/∂${here}`;
    const factor = { name: quotient, formula: formula || quotient, value };
    return pathsFrom(network, values, sample, k + 1, unit).map(path => ({
      units: [there, ...path.units],
      factors: [factor, ...path.factors],
    }));
  };
  if (values[`W${k}`]) {
    return values[`W${k}`][j].flatMap((w, unit) =>
      next(unit, unitName(`w${layer.level}`, j, unit), w));
  }
  if (values[`S${k}`]) return next(j, `${layer.f}′(${here})`, values[`S${k}`][sample][j]);
  const a = values[`A${k + 1}`][sample];
  return softmaxJacobian(a)[j].flatMap((value, unit) => next(unit, "", value));
}

// The same from a weight of layer k.
function pathsFromWeight(network, values, sample, k, i, j) {
  const { layers } = network;
  const x = unitName(k === 0 ? layers[0].x : layers[k - 1].y, i), z = unitName(layers[k].y, j);
  const w = unitName(`w${layers[k].level}`, i, j);
  const factor = { name: `∂${z}/∂${w}`, formula: x, value: values[`A${k}`][sample][i] };
  return pathsFrom(network, values, sample, k + 1, j).map(path => ({
    units: [w, z, ...path.units],
    factors: [factor, ...path.factors],
  }));
}

const product = path => path.factors.reduce((total, factor) => total * factor.value, 1);

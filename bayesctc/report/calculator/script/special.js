// Special functions, in double precision.

const LOG_2PI = Math.log(2 * Math.PI);

function logSumExp(values) {
  let highest = -Infinity;
  for (const value of values) highest = Math.max(highest, value);
  if (highest === -Infinity) return -Infinity;
  let total = 0;
  for (const value of values) total += Math.exp(value - highest);
  return highest + Math.log(total);
}

function log1pExp(x) {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

// Stirling's series (Abramowitz and Stegun 6.1.41) from 10 on, the recurrence below.
function logGamma(x) {
  let shift = 0;
  while (x < 10) {
    shift += Math.log(x);
    x += 1;
  }
  const r = 1 / (x * x);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360360))))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * LOG_2PI + series - shift;
}

// log of the normal distribution function: the series 26.2.11 of Abramowitz and Stegun near 0, the continued fraction
// 26.2.14 in the tails.
function logNormalCdf(x) {
  if (x > 2.5) return Math.log1p(-Math.exp(logNormalCdf(-x)));
  const logDensity = -0.5 * (x * x + LOG_2PI);
  if (x < -2.5) {
    let fraction = 0;
    for (let k = 120; k > 0; k -= 1) fraction = k / (-x + fraction);
    return logDensity - Math.log(-x + fraction);
  }
  let term = x;
  let total = x;
  for (let k = 3; Math.abs(term) > 1e-18 && k < 200; k += 2) {
    term *= (x * x) / k;
    total += term;
  }
  return Math.log(0.5 + Math.exp(logDensity) * total);
}

// Quantile of sorted values, by linear interpolation, as numpy.quantile.
function quantile(sorted, p) {
  const place = p * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

// Doubles of base64, least byte first.
function decodeDoubles(text) {
  const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const code = {};
  for (let k = 0; k < 64; k += 1) code[signs[k]] = k;
  const clean = text.replace(/=+$/, "");
  const view = new DataView(new ArrayBuffer(Math.floor((clean.length * 3) / 4)));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const sign of clean) {
    bits = ((bits << 6) | code[sign]) & 0xffffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      view.setUint8(at, (bits >> held) & 0xff);
      at += 1;
    }
  }
  const values = new Float64Array(view.byteLength / 8);
  for (let k = 0; k < values.length; k += 1) values[k] = view.getFloat64(8 * k, true);
  return values;
}

// Lower triangular L with L L' = matrix.
function cholesky(matrix) {
  const n = matrix.length;
  const L = matrix.map(() => new Float64Array(n));
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let rest = matrix[i][j];
      for (let k = 0; k < j; k += 1) rest -= L[i][k] * L[j][k];
      L[i][j] = i === j ? Math.sqrt(rest) : rest / L[j][j];
    }
  }
  return L;
}

// x of L x = b.
function solveLower(L, b) {
  const x = new Float64Array(b.length);
  for (let i = 0; i < b.length; i += 1) {
    let rest = b[i];
    for (let k = 0; k < i; k += 1) rest -= L[i][k] * x[k];
    x[i] = rest / L[i][i];
  }
  return x;
}

// x of L' x = b.
function solveUpper(L, b) {
  const n = b.length;
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i -= 1) {
    let rest = b[i];
    for (let k = i + 1; k < n; k += 1) rest -= L[k][i] * x[k];
    x[i] = rest / L[i][i];
  }
  return x;
}

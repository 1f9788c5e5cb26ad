/** Scales and zero points: `real = (integer - zeroPoint) * scale`. */
import type { Range } from "./histogram.ts";

export interface Parameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Of f32: below it scales lose digits. */
const smallestNormal = 2 ** -126;

/** Of i8 for activations: the range, widened to hold zero, is spread over all 256 integers and zero is one of them. */
export function activationParameters({ low, high }: Range): Parameters {
  const [least, most] = [Math.min(0, low), Math.max(0, high)];
  const scale = Math.fround((most - least) / 255);
  if (scale < smallestNormal) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.max(-128, Math.min(127, Math.round(-128 - least / scale))) };
}

/** One slice of weights as integers of at most `2^(bits - 1) - 1` in magnitude. */
export interface QuantizedSlice {
  readonly scale: number;
  readonly integers: Int8Array;
}

/**
 * Zero stays zero. The scale first brings the greatest weight to the greatest integer, then is the one with the least
 * squared error for the integers found: `sum(w q) / sum(q q)`.
 */
export function quantizeSlice(weights: Float32Array, bits: number): QuantizedSlice {
  const most = 2 ** (bits - 1) - 1;
  let greatest = 0;
  for (const w of weights) greatest = Math.max(greatest, Math.abs(w));
  const first = greatest / most;
  if (!(first > 0) || !Number.isFinite(first)) return { scale: 1, integers: new Int8Array(weights.length) };
  const integers = Int8Array.from(weights, (w) => Math.max(-most, Math.min(most, Math.round(w / first))));
  let [product, square] = [0, 0];
  integers.forEach((q, i) => {
    product += q * weights[i]!;
    square += q * q;
  });
  return { scale: Math.fround(product / square), integers };
}

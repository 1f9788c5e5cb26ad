/** What values an activation takes: collected over calibration runs, and the range that is worth 8 bits. */

/** How a range is chosen: all that was seen, what loses least information, or all but the outliers. */
export const rangeMethods = ["min-max", "kl", "percentile"] as const;
export type RangeMethod = (typeof rangeMethods)[number];

/** Real numbers from `low` to `high`. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const bins = 2048;
/** Levels of one sign that 8 bits have. */
const levels = 128;
/** The part of the values that each method keeps; without it `kl` would cut down to the peak of a distribution that has one. */
const kept = { percentile: 0.9999, kl: 0.995 };

/**
 * Counts magnitudes in bins of equal width, which doubles when a larger value comes: no value is looked at twice. Zeros,
 * which every range holds exactly, do not count.
 */
export class Histogram {
  private counts = new Float64Array(bins);
  private width = 0;
  private low = 0;
  private high = 0;

  /** Values that are not finite do not count. */
  add(values: ArrayLike<number>): void {
    let greatest = 0;
    for (let i = 0; i < values.length; i++) {
      const v = values[i]!;
      if (!Number.isFinite(v)) continue;
      if (v < this.low) this.low = v;
      if (v > this.high) this.high = v;
      greatest = Math.max(greatest, Math.abs(v));
    }
    this.widen(greatest);
    if (this.width === 0) return;
    for (let i = 0; i < values.length; i++) {
      const v = Math.abs(values[i]!);
      if (v > 0 && v <= greatest) this.counts[Math.min(bins - 1, Math.floor(v / this.width))]! += 1;
    }
  }

  /** The range to quantise, which holds zero. */
  range(method: RangeMethod): Range {
    if (method === "min-max" || this.width === 0) return { low: this.low, high: this.high };
    const most = (method === "kl" ? this.leastDivergence() : this.binsHolding(kept.percentile)) * this.width;
    return { low: Math.max(this.low, -most), high: Math.min(this.high, most) };
  }

  private widen(greatest: number): void {
    if (greatest <= this.width * bins) return;
    if (this.width === 0) this.width = greatest / bins;
    while (greatest > this.width * bins) {
      const wider = new Float64Array(bins);
      for (let i = 0; i < bins; i++) wider[i >> 1]! += this.counts[i]!;
      this.counts = wider;
      this.width *= 2;
    }
  }

  /** The number of bins that hold the part of the values. */
  private binsHolding(part: number): number {
    const enough = part * this.counts.reduce((a, b) => a + b, 0);
    let seen = 0;
    for (let i = 0; i < bins; i++) {
      seen += this.counts[i]!;
      if (seen >= enough) return i + 1;
    }
    return bins;
  }

  /**
   * The number of bins whose clipped distribution differs least, by Kullback and Leibler's divergence, from what 128
   * levels make of it (S. Migacz, 8-bit inference with TensorRT, 2017).
   */
  private leastDivergence(): number {
    let [best, least] = [bins, Infinity];
    const first = Math.max(levels, this.binsHolding(kept.kl));
    let tail = this.counts.subarray(first).reduce((a, b) => a + b, 0);
    for (let n = first; n <= bins; n++) {
      const divergence = divergenceOf(this.counts.subarray(0, n), tail);
      if (divergence < least) [best, least] = [n, divergence];
      if (n < bins) tail -= this.counts[n]!;
    }
    return best;
  }
}

/** How far `counts`, with all beyond it added to its last bin, is from itself under `levels` levels. */
function divergenceOf(counts: Float64Array, tail: number): number {
  const n = counts.length;
  const total = counts.reduce((a, b) => a + b, tail);
  const inside = total - tail;
  let sum = 0;
  for (let level = 0; level < levels; level++) {
    const [start, end] = [Math.floor((level * n) / levels), Math.floor(((level + 1) * n) / levels)];
    let [mass, used] = [0, 0];
    for (let i = start; i < end; i++) {
      mass += counts[i]!;
      if (counts[i]! > 0) used++;
    }
    for (let i = start; i < end; i++) {
      const p = (counts[i]! + (i === n - 1 ? tail : 0)) / total;
      const q = counts[i]! > 0 ? mass / used / inside : 0;
      if (p > 0) sum += q > 0 ? p * Math.log(p / q) : p * Math.log(p * total + 1);
    }
  }
  return sum;
}

/** The blocks of images as columns, and back: gathers and scatters at constant places. */
import { type Dim, mul, product } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Col2im, Im2col } from "../../ir/ops/conv-transpose.ts";
import { Gather } from "../../ir/ops/gather.ts";
import { Pad } from "../../ir/ops/pad.ts";
import { ScatterNd } from "../../ir/ops/scatter.ts";
import { makeWindow, type WindowAttributes, windowExtents } from "../../ir/window.ts";
import { expansion, fixed, mostElements, type NamedExpansion, points } from "./expander.ts";

interface Grid {
  /** Extents of the image with its pads. */
  readonly padded: readonly number[];
  /** Begin and end of the pads. */
  readonly pads: readonly (readonly [number, number])[];
  /** Where in the padded image the elements of all blocks stand: kernel elements first, blocks last. */
  readonly places: readonly number[];
}

function gridOf(image: readonly Dim[], a: WindowAttributes & { readonly kernel: readonly Dim[] }): Grid | undefined {
  const { kernel } = a;
  const window = makeWindow(image, kernel, a);
  if (!fixed(image) || !fixed(kernel) || !fixed(window.pads.flat())) return undefined;
  const out = windowExtents(image, window) as readonly number[];
  const pads = window.pads as readonly (readonly [number, number])[];
  const padded = image.map((n, d) => n + pads[d]![0] + pads[d]![1]);
  if (pads.flat().some((p) => p < 0) || (product([...out, ...kernel]) as number) > mostElements) return undefined;
  const place = (k: readonly number[], o: readonly number[]): number =>
    padded.reduce((sum, n, d) => sum * n + o[d]! * window.strides[d]! + k[d]! * window.dilations[d]!, 0);
  return { padded, pads, places: points(kernel).flatMap((k) => points(out).map((o) => place(k, o))) };
}

const isPadded = ({ pads }: Grid): boolean => pads.flat().some((p) => p > 0);

const im2col = expansion(Im2col, ({ x }, a, e) => {
  const [images, channels, ...image] = x.tensor.shape as readonly [Dim, Dim, ...Dim[]];
  const grid = gridOf(image, a);
  if (!grid) return undefined;
  const whole = isPadded(grid) ? e.create(Pad, { x }, { pads: [[0, 0], [0, 0], ...grid.pads] }) : x;
  const flat = e.reshape(whole, [images, channels, product(grid.padded)]);
  const found = e.create(Gather, { x: flat, indices: e.constant("i32", [grid.places.length], grid.places) }, { axis: 2 });
  const taps = product(a.kernel);
  return e.reshape(found, [images, mul(channels, taps), grid.places.length / (taps as number)]);
});

/** Added up where they stand, one row per element, and the pads cut off. */
const col2im = expansion(Col2im, ({ x }, a, e) => {
  const grid = gridOf(a.image, a);
  if (!grid) return undefined;
  const [images, rows] = x.tensor.shape as readonly [Dim, Dim, Dim];
  if (typeof rows !== "number") return undefined;
  const channels = rows / (product(a.kernel) as number);
  const lanes = mul(images, channels);
  const count = grid.places.length;
  const updates = e.transpose(e.reshape(x, [lanes, count]), [1, 0]);
  const zeros = e.expand(e.scalar(x.tensor.dtype, 0), [product(grid.padded), lanes]);
  const indices = e.constant("i32", [count, 1], grid.places);
  const sums = e.create(ScatterNd, { x: zeros, indices, updates }, { reduction: "add" });
  const whole = e.reshape(e.transpose(sums, [1, 0]), [images, channels, ...grid.padded]);
  return a.image.reduce<Value>((y, size, d) => e.part(y, d + 2, grid.pads[d]![0], size), whole);
});

export const columnExpansions: readonly NamedExpansion[] = [im2col, col2im];

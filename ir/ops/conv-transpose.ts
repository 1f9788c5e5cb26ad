/** Transposed convolution, and the folding of columns into an image, which is its sum without weights. */
import { dims, int } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { formatDim } from "../dim-text.ts";
import { constantLike, load, mul, select } from "../expr.ts";
import { pointwise, reduction, sum } from "../stage.ts";
import { formatType, tensor } from "../type.ts";
import {
  makeWindow,
  transposedExtents,
  transposedPoint,
  windowAttributes,
  type WindowAttributes,
  windowExtents,
  windowPoint,
} from "../window.ts";
import { addBias, expectBias, groupStart } from "./conv.ts";
import { linearIndex, splitIndex } from "./shape.ts";

export const ConvTranspose = defineOp({
  name: "conv_transpose",
  summary:
    "Transposed convolution (the gradient of a convolution by its input) of `x[n, c, spatial...]` by `w[c, m / group, kernel...]` plus the bias `b[m]`; extents are `stride * (extent - 1) + span - pads + output_padding`.",
  operands: { x: operand, w: operand, b: optionalOperand },
  attributes: {
    ...windowAttributes,
    group: int(1),
    output_padding: dims([], "added at the end of each spatial axis, negative to crop; none: zero"),
  },
  infer({ x, w, b }, a) {
    const [batch, channels] = x.shape;
    const fits = x.shape.length >= 2 && w.shape.length === x.shape.length && x.dtype === w.dtype && a.group >= 1;
    if (!fits || commonExtent(channels!, w.shape[0]!) === undefined || (typeof w.shape[0] === "number" && w.shape[0] % a.group !== 0)) {
      throw new OpError(`cannot convolve ${formatType(x)} backwards by ${formatType(w)} in ${a.group} groups`);
    }
    const outputs = dim.mul(w.shape[1]!, a.group);
    expectBias(b, outputs);
    const window = makeWindow(x.shape.slice(2), w.shape.slice(2), a);
    if (a.output_padding.length > 0 && a.output_padding.length !== window.kernel.length)
      throw new OpError("'output_padding' does not fit the spatial axes", "bad-attribute");
    const spatial = transposedExtents(x.shape.slice(2), window).map((e, d) =>
      dim.add(e, a.output_padding[d] ?? 0, dim.neg(window.pads[d]![0]), dim.neg(window.pads[d]![1])),
    );
    if (spatial.some((e) => typeof e === "number" && e < 0)) throw new OpError("the pads are larger than the output");
    return tensor(x.dtype, [batch!, outputs, ...spatial]);
  },
  compute({ operands: { x, w, b }, attributes: a, results: [y] }) {
    const [channels, outputs, ...kernel] = w.shape;
    const window = makeWindow(x.shape.slice(2), kernel, a);
    const inner = dim.exactDiv(channels!, a.group) ?? dim.floordiv(channels!, a.group);
    return [
      reduction(
        y!,
        [inner, ...kernel],
        ([n, m, ...o], [c, ...k]) => {
          const channel = dim.add(groupStart(m!, y!.shape[1]!, inner, a.group), c!);
          const { at, inside } = transposedPoint(x.shape.slice(2), window, o, k);
          const column = a.group === 1 ? m! : dim.mod(m!, outputs!);
          const image = load(x, [n!, channel, ...at]);
          return sum(select(inside, mul(image, load(w, [channel, column, ...k])), constantLike(image, 0)));
        },
        (value, at) => addBias(value, b, at[1]!),
      ),
    ];
  },
});

const foldAttributes = { ...windowAttributes, kernel: dims([], "extents of the blocks") };

/** Extents of the grid of blocks over an image, and the window that makes it. */
function blocks(
  image: readonly Dim[],
  a: WindowAttributes & { readonly kernel: readonly Dim[] },
): { window: ReturnType<typeof makeWindow>; grid: Dim[] } {
  const window = makeWindow(image, a.kernel, a);
  return { window, grid: windowExtents(image, window) };
}

export const Im2col = defineOp({
  name: "im2col",
  summary: "The blocks of an image as columns: `x[n, c, spatial...]` becomes `[n, c * product(kernel), blocks]`; padding is zero (unfold).",
  operands: { x: operand },
  attributes: foldAttributes,
  infer({ x }, a) {
    if (x.shape.length < 3) throw new OpError(`${formatType(x)} has no spatial axes`);
    const { grid } = blocks(x.shape.slice(2), a);
    return tensor(x.dtype, [x.shape[0]!, dim.mul(x.shape[1]!, dim.product(a.kernel)), dim.product(grid)]);
  },
  compute({ operands: { x }, attributes: a, results: [y] }) {
    const { window, grid } = blocks(x.shape.slice(2), a);
    return [
      pointwise(y!, ([n, row, column]) => {
        const [c, ...k] = splitIndex(row!, [x.shape[1]!, ...a.kernel]);
        const { at, inside } = windowPoint(x.shape.slice(2), window, splitIndex(column!, grid), k);
        const value = load(x, [n!, c!, ...at]);
        return select(inside, value, constantLike(value, 0));
      }),
    ];
  },
});

export const Col2im = defineOp({
  name: "col2im",
  summary:
    "The inverse layout of `im2col`: columns `x[n, c * product(kernel), blocks]` added up into an image of the given extents (ONNX Col2Im).",
  operands: { x: operand },
  attributes: { ...foldAttributes, image: dims([], "spatial extents of the result") },
  infer({ x }, a) {
    const [batch, rows, columns] = x.shape;
    const { grid } = blocks(a.image, a);
    const size = dim.product(a.kernel);
    const channels =
      rows === undefined ? undefined : (dim.exactDiv(rows, size) ?? (typeof rows === "number" ? undefined : dim.floordiv(rows, size)));
    if (x.shape.length !== 3 || channels === undefined || commonExtent(columns!, dim.product(grid)) === undefined) {
      throw new OpError(`${formatType(x)} is no list of blocks of an image of [${a.image.map(formatDim).join(",")}]`);
    }
    return tensor(x.dtype, [batch!, channels, ...a.image]);
  },
  compute({ operands: { x }, attributes: a, results: [y] }) {
    const { window, grid } = blocks(a.image, a);
    return [
      reduction(y!, a.kernel, ([n, c, ...o], k) => {
        const { at, inside } = transposedPoint(grid, window, o, k);
        const row = linearIndex([c!, ...k], [y!.shape[1]!, ...a.kernel]);
        const value = load(x, [n!, row, linearIndex(at, grid)]);
        return sum(select(inside, value, constantLike(value, 0)));
      }),
    ];
  },
});

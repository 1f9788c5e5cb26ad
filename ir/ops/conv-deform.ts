/** Convolution at deformed windows. */
import { int } from "../attribute.ts";
import { commonExtent } from "../broadcast.ts";
import { type AttributesOf, defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { add, type Buffer, convert, type Expr, index, load, mul } from "../expr.ts";
import { elementOrZero, interpolate, linearWeights, splitFloor, tapsAt } from "../interpolation.ts";
import { reduction, sum } from "../stage.ts";
import { formatType, isFloat, tensor, type TensorType } from "../type.ts";
import { makeWindow, windowAttributes, windowExtents, windowPoint } from "../window.ts";
import { addBias, expectBias, groupStart } from "./conv.ts";
import { linearIndex } from "./shape.ts";

const attributes = {
  ...windowAttributes,
  group: int(1),
  offset_group: int(1, "input channels fall into so many groups with offsets of their own"),
};

interface Types {
  readonly x: TensorType;
  readonly w: TensorType;
  readonly offset: TensorType;
  readonly mask: TensorType | undefined;
}

function checkShapes({ x, w, offset, mask }: Types, a: AttributesOf<typeof attributes>, out: readonly Dim[]): void {
  const points = dim.mul(a.offset_group, dim.product(w.shape.slice(2)));
  const isLike = (t: TensorType, channels: Dim): boolean =>
    t.shape.length === x.shape.length && [x.shape[0]!, channels, ...out].every((e, d) => commonExtent(e, t.shape[d]!) !== undefined);
  if (!isLike(offset, dim.mul(points, out.length)) || (mask && !isLike(mask, points))) {
    throw new OpError(`offsets ${formatType(offset)} do not fit a convolution of ${formatType(x)} by ${formatType(w)}`);
  }
}

function checkTypes(types: Readonly<Record<string, TensorType | undefined>>): void {
  const given = Object.values(types).filter((t) => t !== undefined);
  if (!given.every((t) => isFloat(t.dtype) && t.dtype === given[0]!.dtype))
    throw new OpError(`a deformed convolution takes floats of one type, not ${given.map(formatType).join(", ")}`);
}

export const DeformConv = defineOp({
  name: "deform_conv",
  summary:
    "Convolution whose window elements are moved by `offset[n, offset_group * kernel * axes, out...]`, interpolated linearly (zero outside), and multiplied by `mask` (Zhu et al., Deformable ConvNets v2, 2018; ONNX DeformConv).",
  operands: { x: operand, w: operand, offset: operand, b: optionalOperand, mask: optionalOperand },
  attributes,
  infer(types, a) {
    const { x, w, b } = types;
    const fits = x.shape.length >= 3 && w.shape.length === x.shape.length && a.group >= 1 && a.offset_group >= 1;
    if (!fits || commonExtent(x.shape[1]!, dim.mul(w.shape[1]!, a.group)) === undefined)
      throw new OpError(`cannot convolve ${formatType(x)} by ${formatType(w)} in ${a.group} groups`);
    const out = windowExtents(x.shape.slice(2), makeWindow(x.shape.slice(2), w.shape.slice(2), a));
    checkTypes(types);
    checkShapes(types, a, out);
    expectBias(b, w.shape[0]!);
    return tensor(x.dtype, [x.shape[0]!, w.shape[0]!, ...out]);
  },
  compute({ operands: { x, w, offset, b, mask }, attributes: a, results: [y] }) {
    const [outputs, inner, ...kernel] = w.shape;
    const window = makeWindow(x.shape.slice(2), kernel, a);
    const perOffset = dim.floordiv(x.shape[1]!, a.offset_group);
    const points = dim.product(kernel);
    const sample = (n: Dim, channel: Dim, o: readonly Dim[], k: readonly Dim[]): Expr => {
      const first = dim.add(dim.mul(a.offset_group === 1 ? 0 : dim.floordiv(channel, perOffset), points), linearIndex(k, kernel));
      const axes = windowPoint(x.shape.slice(2), window, o, k).at.map((d, axis) => {
        const moved = movedBy(offset, [n, dim.add(dim.mul(first, kernel.length), axis), ...o], d);
        const { base, fraction } = splitFloor(moved);
        return tapsAt(base, linearWeights(fraction));
      });
      const value = interpolate(axes, (at) => elementOrZero(x, [n, channel], at));
      return mask ? mul(value, load(mask, [n, first, ...o])) : value;
    };
    return [
      reduction(
        y!,
        [inner!, ...kernel],
        ([n, m, ...o], [c, ...k]) => {
          const channel = dim.add(groupStart(m!, outputs!, inner!, a.group), c!);
          return sum(mul(sample(n!, channel, o, k), load(w, [m!, c!, ...k])));
        },
        (value, at) => addBias(value, b, at[1]!),
      ),
    ];
  },
});

function movedBy(offset: Buffer, at: readonly Dim[], d: Dim): Expr {
  const by = load(offset, at);
  return add(convert(index(d), by.dtype), by);
}

/** Padding and cropping, by numbers known at compile time or by data. */
import { type Attribute, choice, dims, pairs } from "../attribute.ts";
import { clampedLoad, clampIndex } from "../data-index.ts";
import { defineOp, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import { and, type Buffer, convert, type Expr, load, toDim } from "../expr.ts";
import { isInside, paddedLoad, pointwise } from "../stage.ts";
import { formatType, tensor, type TensorType } from "../type.ts";

export const padModes = ["constant", "edge", "reflect", "symmetric", "wrap"] as const;
export type PadMode = (typeof padModes)[number];

const mode: Attribute<PadMode> = choice(
  padModes,
  "constant",
  "what stands outside: a value, the nearest element, the mirror image without or with the element at the edge, or the other end",
);

/** The element of an axis of `extent` that stands at index `i`, which may lie outside. */
function source(of: Exclude<PadMode, "constant">, i: Dim, extent: Dim): Dim {
  switch (of) {
    case "edge":
      return clampIndex(i, extent);
    case "wrap":
      return dim.mod(i, dim.max(1, extent));
    case "reflect": {
      const period = dim.mul(2, dim.sub(extent, 1));
      const phase = dim.mod(i, dim.max(1, period));
      return dim.min(phase, dim.sub(period, phase));
    }
    case "symmetric": {
      const period = dim.mul(2, extent);
      const phase = dim.mod(i, dim.max(1, period));
      return dim.min(phase, dim.sub(dim.sub(period, 1), phase));
    }
  }
}

/** As `source`, but of what is left after `begin` and `end`, where negative, have cut the axis. */
function croppedSource(of: Exclude<PadMode, "constant">, i: Dim, extent: Dim, begin: Dim, end: Dim): Dim {
  const cut = dim.max(0, dim.neg(begin));
  const left = dim.sub(extent, dim.add(cut, dim.max(0, dim.neg(end))));
  const at = dim.add(cut, source(of, dim.sub(i, dim.max(0, begin)), left));
  return typeof extent === "number" ? at : clampIndex(at, extent);
}

const constantPad = (x: Buffer, indices: readonly Dim[], value: Buffer | undefined): Expr =>
  paddedLoad(x, indices, and(...indices.map((i, d) => isInside(i, x.shape[d]!))), value && load(value, []));

function checkValue(x: TensorType, value: TensorType | undefined): void {
  if (value && (value.dtype !== x.dtype || value.shape.length > 0)) {
    throw new OpError(`${formatType(value)} cannot pad ${formatType(x)}`, "bad-operand", {
      expected: formatType(tensor(x.dtype, [])),
      received: formatType(value),
    });
  }
}

export const Pad = defineOp({
  name: "pad",
  summary:
    "`x` with elements added at both ends of each axis, or taken away where a number is negative. `value` (default zero) is for mode constant.",
  operands: { x: operand, value: optionalOperand },
  attributes: { pads: pairs(), mode },
  infer({ x, value }, { pads, mode: of }) {
    checkValue(x, value);
    if (pads.length !== x.shape.length) throw new OpError(`${pads.length} pairs of pads for ${formatType(x)}`, "bad-attribute");
    const shape = x.shape.map((extent, d) => {
      const padded = dim.add(extent, ...pads[d]!);
      if (dim.range(padded)[1] < 0) throw new OpError(`pads take away more than axis ${d} of ${formatType(x)} has`, "bad-attribute");
      const left = dim.add(extent, ...pads[d]!.map((p) => dim.min(0, p)));
      if (of !== "constant" && padded !== 0 && dim.range(left)[1] <= 0)
        throw new OpError(`axis ${d} of ${formatType(x)} has no element to repeat`, "bad-attribute");
      return padded;
    });
    return tensor(x.dtype, shape);
  },
  compute: ({ operands: { x, value }, attributes: { pads, mode: of }, results: [y] }) => [
    pointwise(y!, (at) => {
      if (of === "constant")
        return constantPad(
          x,
          at.map((i, d) => dim.sub(i, pads[d]![0])),
          value,
        );
      return clampedLoad(
        x,
        at.map((i, d) => (pads[d]!.every((p) => p === 0) ? i : croppedSource(of, i, x.shape[d]!, ...pads[d]!))),
      );
    }),
  ],
});

export const DynamicPad = defineOp({
  name: "dynamic_pad",
  summary: "`x` padded or cropped to a shape, where `begins` (one element per axis) says how much is added before the first element.",
  operands: { x: operand, begins: operand, value: optionalOperand },
  attributes: { shape: dims(), mode },
  infer({ x, begins, value }, { shape }) {
    checkValue(x, value);
    const rank = x.shape.length;
    if (shape.length !== rank || begins.shape.length !== 1 || begins.shape[0] !== rank) {
      throw new OpError(`padding of ${formatType(x)} needs ${rank} begins and extents`);
    }
    return tensor(x.dtype, shape);
  },
  compute: ({ operands: { x, begins, value }, attributes: { mode: of }, results: [y] }) => [
    pointwise(y!, (at) => {
      const begin = x.shape.map((_, d) => toDim(convert(load(begins, [d]), "i64")));
      if (of === "constant")
        return constantPad(
          x,
          at.map((i, d) => dim.sub(i, begin[d]!)),
          value,
        );
      return clampedLoad(
        x,
        at.map((i, d) => {
          const end = dim.sub(y!.shape[d]!, dim.add(x.shape[d]!, begin[d]!));
          return clampIndex(croppedSource(of, i, x.shape[d]!, begin[d]!, end), x.shape[d]!);
        }),
      );
    }),
  ],
});

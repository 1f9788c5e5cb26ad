/** ONNX operators that rename, repeat, join or split elements. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { broadcastShapes } from "../../../ir/broadcast.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Concat, evenSizes, Split } from "../../../ir/ops/join.ts";
import { Expand, resolveReshape, Shape, Size, squeezeShape, Tile, Transpose, unsqueezeShape } from "../../../ir/ops/shape.ts";
import type { Lowerings, NodeContext } from "../node.ts";

/** A tensor of one element as a scalar; exporters write [1] where the standard says []. */
export const asScalar = (n: NodeContext, x: Value): Value => n.reshape(x, []);

/** The result's shape from operand `i` where its elements are known, else the shape the file declares for output 0. */
export function askedShape(n: NodeContext, i: number, what: string, resolve: (asked: readonly Dim[]) => readonly Dim[]): readonly Dim[] {
  const asked = n.knownDims(i);
  return asked ? resolve(asked) : (n.declaredShape(0) ?? n.dims(i, what));
}

/** Axes that are an attribute before version 13 and operand 1 since; undefined where absent. */
const axesSince13 = (n: NodeContext): readonly number[] | undefined => {
  if (n.opset < 13) return n.has("axes") ? n.ints("axes") : undefined;
  return n.optional(1) && n.numbers(1, "the axes");
};

/** The declared shape where the axes are data: the number of elements stays, so it says everything. */
const declaredForAxes = (n: NodeContext): readonly Dim[] | undefined =>
  n.opset >= 13 && n.optional(1) && !n.knownNumbers(1) ? n.declaredShape(0) : undefined;

/** More parts than any node has outputs. */
const mostParts = 65536;

function splitSizes(n: NodeContext, extent: Dim, axis: number): readonly Dim[] {
  const given = n.opset < 13 ? (n.has("split") ? n.ints("split") : undefined) : n.optional(1) && askedSizes(n, axis);
  const count = n.has("num_outputs") ? n.int("num_outputs") : n.outputCount;
  if (count < 1 || count > mostParts) throw new OpError(`cannot split into ${count} parts`, "bad-attribute");
  const sizes = given ?? evenSizes(extent, count);
  if (sizes.length < n.outputCount) throw new OpError(`${sizes.length} parts for ${n.outputCount} outputs`, "bad-attribute");
  return sizes;
}

function askedSizes(n: NodeContext, axis: number): readonly Dim[] {
  const known = n.knownDims(1);
  if (known) return known;
  const declared = n.node.output.map((_, i) => n.declaredShape(i)?.[axis]);
  return declared.every((d) => d !== undefined) ? declared : n.dims(1, "the sizes of the parts");
}

export const shapeLowerings: Lowerings = {
  Reshape(n) {
    const from = n.type(0).shape;
    return n.reshape(
      n.input(0),
      askedShape(n, 1, "the new shape", (asked) => resolveReshape(from, asked, n.int("allowzero", 0) !== 0)),
    );
  },

  Squeeze: (n) => n.reshape(n.input(0), declaredForAxes(n) ?? squeezeShape(n.type(0).shape, axesSince13(n))),

  Unsqueeze(n) {
    const declared = declaredForAxes(n);
    if (declared) return n.reshape(n.input(0), declared);
    const axes = axesSince13(n);
    if (!axes) throw new OpError("the axes are missing", "bad-attribute");
    return n.reshape(n.input(0), unsqueezeShape(n.type(0).shape, axes));
  },

  Flatten(n) {
    const { shape } = n.type(0);
    const asked = n.int("axis", 1);
    // 0 .. rank, but a negative one counts from the rank.
    const axis = asked < 0 ? normalizeAxis(asked, shape.length) : normalizeAxis(asked, shape.length, true);
    return n.reshape(n.input(0), [dim.product(shape.slice(0, axis)), dim.product(shape.slice(axis))]);
  },

  Transpose(n) {
    const reversed = n.type(0).shape.map((_, d, shape) => shape.length - 1 - d);
    return n.create(Transpose, { x: n.input(0) }, { perm: n.ints("perm", reversed) });
  },

  Expand: (n) => {
    const from = n.type(0).shape;
    return n.create(Expand, { x: n.input(0) }, { shape: askedShape(n, 1, "the shape", (asked) => broadcastShapes(from, asked)) });
  },

  Tile(n) {
    const from = n.type(0).shape;
    const shape = askedShape(n, 1, "the repeats", (repeats) => {
      if (repeats.length !== from.length) throw new OpError(`${repeats.length} repeats for ${from.length} axes`, "bad-operand");
      return from.map((extent, d) => dim.mul(extent, repeats[d]!));
    });
    return n.create(Tile, { x: n.input(0) }, { shape });
  },

  Shape: (n) => n.create(Shape, { x: n.input(0) }, { start: n.int("start", 0), ...(n.has("end") && { end: n.int("end") }) }),

  Size: (n) => n.create(Size, { x: n.input(0) }),

  Concat: (n) => n.create(Concat, { xs: n.inputs() }, { axis: n.int("axis") }),

  Split(n) {
    const { shape } = n.type(0);
    const axis = normalizeAxis(n.int("axis", 0), shape.length);
    return n.createAll(Split, { x: n.input(0) }, { axis, sizes: splitSizes(n, shape[axis]!, axis) });
  },
};

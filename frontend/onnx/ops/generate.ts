/** ONNX operators whose elements follow from their position. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Eye, OneHot, Range, rangeLength, Trilu } from "../../../ir/ops/generate.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { type DType, isFloat } from "../../../ir/type.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { onnxDType } from "../tensor-data.ts";
import { asScalar, askedShape } from "./shape.ts";

/** The element type named by an attribute that holds an ONNX data type; undefined where it is absent. */
function dtypeAttribute(n: NodeContext, name: string): DType | undefined {
  if (!n.has(name)) return undefined;
  return onnxDType(n.int(name)) ?? n.unsupported(`the data type ${n.int(name)} is not carried`, "unsupported-type");
}

/** Length of a range of floats, where all three scalars are known; the difference is rounded as the type does. */
function floatLength(n: NodeContext, dtype: DType): Dim | undefined {
  const [start, limit, delta] = [0, 1, 2].map((i) => n.knownNumbers(i)?.[0]);
  if (start === undefined || limit === undefined || delta === undefined) return undefined;
  const span = limit - start;
  return rangeLength(0, dtype === "f64" ? span : Math.fround(span), delta);
}

/** Length of a range of integers, whose bounds may be extents. */
function integerLength(n: NodeContext): Dim | undefined {
  const [start, limit] = [0, 1].map((i) => n.knownDims(i)?.[0]);
  const delta = n.knownNumbers(2)?.[0];
  if (start === undefined || limit === undefined || delta === undefined) return undefined;
  if (delta === 0) throw new OpError("the step of a range is zero", "bad-operand");
  const span = delta > 0 ? dim.sub(limit, start) : dim.sub(start, limit);
  return dim.max(0, dim.ceildiv(span, Math.abs(delta)));
}

function lengthOfRange(n: NodeContext): Dim {
  const { dtype } = n.type(0);
  const length = (isFloat(dtype) ? floatLength(n, dtype) : integerLength(n)) ?? n.declaredShape(0)?.[0];
  if (length !== undefined) return length;
  ["the start", "the limit", "the step"].forEach((what, i) => n.numbers(i, what));
  throw new Error("a range of known scalars was refused");
}

/** Element `i` of a vector as a scalar. */
const elementOf = (n: NodeContext, x: Value, i: number): Value =>
  asScalar(n, n.create(Slice, { x }, { starts: [i], sizes: [1], steps: [1] }));

function oneHotDepth(n: NodeContext, axis: number): Dim {
  return n.knownDims(1)?.[0] ?? n.declaredShape(0)?.[axis] ?? n.dims(1, "the depth")[0]!;
}

export const generateLowerings: Lowerings = {
  ConstantOfShape(n) {
    const given = n.tensor("value");
    const x = given ? asScalar(n, n.stored(given)) : n.scalar("f32", 0);
    return n.create(Expand, { x }, { shape: askedShape(n, 0, "the shape", (asked) => asked) });
  },

  EyeLike(n) {
    const { dtype, shape } = n.type(0);
    return n.create(Eye, {}, { shape, k: n.int("k", 0), dtype: dtypeAttribute(n, "dtype") ?? dtype });
  },

  Range(n) {
    const length = lengthOfRange(n);
    return n.create(Range, { start: asScalar(n, n.input(0)), delta: asScalar(n, n.input(2)) }, { length });
  },

  Trilu(n) {
    const given = n.optional(1);
    const k = n.knownNumbers(1)?.[0];
    const offset = given && k === undefined ? { offset: asScalar(n, given) } : {};
    return n.create(Trilu, { x: n.input(0), ...offset }, { upper: n.int("upper", 1) !== 0, k: k ?? 0 });
  },

  OneHot(n) {
    const axis = normalizeAxis(n.int("axis", -1), n.rank(0), true);
    const [off, on] = [elementOf(n, n.input(2), 0), elementOf(n, n.input(2), 1)];
    return n.create(OneHot, { indices: n.input(0), on, off }, { depth: oneHotDepth(n, axis), axis, from_end: true });
  },
};

/** Ops that rename elements: reshape, transpose, expand, tile. Two in a row are one; those that change nothing go. */
import type { Dim } from "../../ir/dim.ts";
import { attributesOf, type OpOf } from "../../ir/define.ts";
import { broadcastShapes } from "../../ir/broadcast.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Expand, Reshape, Tile, Transpose } from "../../ir/ops/shape.ts";
import { sameShape } from "../../ir/type.ts";
import { isUsedOnce } from "../pattern.ts";
import { kebab, opRule, type Rewriter, type Rule } from "../rewrite.ts";
import { constantOf, isUnitReshape, reshaped, scalar, splatOf } from "./known.ts";

const shapeOf = (v: Value): readonly Dim[] => v.tensor.shape;
const permOf = (op: Op): readonly number[] => attributesOf(op as OpOf<typeof Transpose>).perm;

/** An op that changes neither shape nor order is its operand. */
const noOp = (d: typeof Reshape | typeof Expand | typeof Tile): Rule =>
  opRule(`no-op-${kebab(d)}`, "exact", d, (op) => (sameShape(shapeOf(op.result), shapeOf(op.operand(0)!)) ? op.operand(0) : undefined));

/** Of two reshapes only the last shape counts. */
const reshapeOfReshape = opRule("reshape-of-reshape", "exact", Reshape, (op, r) => {
  const inner = op.operand(0)!.op;
  return inner?.definition === Reshape ? reshaped(r, inner.operand(0)!, shapeOf(op.result)) : undefined;
});

/** `x` expanded by extents of one alone is reshaped. */
const expandByUnits = opRule("expand-by-units", "exact", Expand, (op, r) => {
  const x = op.operand(0)!;
  return isUnitReshape(shapeOf(x), shapeOf(op.result)) ? r.create(Reshape, { x }, { shape: shapeOf(op.result) }) : undefined;
});

/** Of two expansions only the last shape counts. */
const expandOfExpand = opRule("expand-of-expand", "exact", Expand, (op, r) => {
  const inner = op.operand(0)!.op;
  return inner?.definition === Expand ? r.create(Expand, { x: inner.operand(0)! }, { shape: shapeOf(op.result) }) : undefined;
});

/** A reshape by leading extents of one before an expansion is part of it. */
const expandOfLeadingUnits = opRule("expand-of-leading-units", "exact", Expand, (op, r) => {
  const inner = op.operand(0)!.op;
  const x = inner?.operand(0);
  if (inner?.definition !== Reshape || !x) return undefined;
  const [from, to] = [shapeOf(x), shapeOf(inner.result)];
  const lead = to.length - from.length;
  const leads = lead > 0 && sameShape(to.slice(lead), from) && to.slice(0, lead).every((d) => d === 1);
  return leads ? r.create(Expand, { x }, { shape: shapeOf(op.result) }) : undefined;
});

/** Repeating an extent of one is expanding it. */
const tileOfUnits = opRule("tile-of-units", "exact", Tile, (op, r) => {
  const x = op.operand(0)!;
  const to = shapeOf(op.result);
  return shapeOf(x).every((d, a) => d === 1 || d === to[a]) ? r.create(Expand, { x }, { shape: to }) : undefined;
});

/** `perm = 0, 1, 2, ...` moves nothing. */
const noOpTranspose = opRule("no-op-transpose", "exact", Transpose, (op) =>
  permOf(op).every((p, i) => p === i) ? op.operand(0) : undefined,
);

/** Moving only axes of extent one is a reshape: the others keep their order. */
const transposeOfUnits = opRule("transpose-of-units", "exact", Transpose, (op, r) => {
  const x = op.operand(0)!;
  const kept = permOf(op).filter((p) => shapeOf(x)[p] !== 1);
  return kept.every((p, i) => i === 0 || p > kept[i - 1]!) ? r.create(Reshape, { x }, { shape: shapeOf(op.result) }) : undefined;
});

/** Axis k of the outer one is axis `inner[outer[k]]`. */
const transposeOfTranspose = opRule("transpose-of-transpose", "exact", Transpose, (op, r) => {
  const inner = op.operand(0)!.op;
  if (inner?.definition !== Transpose) return undefined;
  const before = permOf(inner);
  return r.create(Transpose, { x: inner.operand(0)! }, { perm: permOf(op).map((p) => before[p]!) });
});

/** A reshape that only adds or drops extents of one commutes with a transpose; done last, it can meet other reshapes. */
const transposeOfUnitReshape = opRule("transpose-of-unit-reshape", "exact", Transpose, (op, r) => {
  const inner = op.operand(0)!.op;
  const x = inner?.operand(0);
  if (inner?.definition !== Reshape || !x || x.op?.definition !== Transpose || !isUsedOnce(inner.result)) return undefined;
  const [from, to] = [shapeOf(x), shapeOf(inner.result)];
  if (!isUnitReshape(from, to)) return undefined;
  // The axes of x that are not one, in the order in which the transpose leaves them, and then its other axes.
  const solid = from.flatMap((d, a) => (d === 1 ? [] : [a]));
  const place = to.map((d, a) => (d === 1 ? -1 : solid[to.slice(0, a).filter((e) => e !== 1).length]!));
  const moved = permOf(op)
    .map((p) => place[p]!)
    .filter((a) => a >= 0);
  const perm = [...moved, ...from.flatMap((d, a) => (d === 1 ? [a] : []))];
  return reshaped(r, r.create(Transpose, { x }, { perm }), shapeOf(op.result));
});

/** Ops that compute each element of the result from the element of their only operand at the same place. */
export function isElementwiseOfOne(op: Op): boolean {
  return op.operands.length === 1 && elementwiseOfOne.has(op.name);
}
const elementwiseOfOne = new Set(
  [
    "abs neg sign floor ceil round trunc reciprocal sqrt rsqrt square exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh",
    "atanh erf erfc relu relu6 sigmoid log_sigmoid softplus softsign mish hard_swish hard_sigmoid swish gelu elu selu celu leaky_relu",
    "thresholded_relu shrink cast bit_cast not bitwise_not is_nan is_finite is_inf",
  ].flatMap((line) => line.split(" ")),
);

/** `R(f(R'(x))) = f(R(R'(x)))` for reshapes R, so that both meet. */
const throughUnary = opRule("reshape-through-unary", "exact", Reshape, (op, r) => {
  const f = op.operand(0)!.op;
  const before = f?.operand(0);
  if (!f || !before || !isElementwiseOfOne(f) || !isUsedOnce(f.result) || before.op?.definition !== Reshape || !isUsedOnce(before))
    return undefined;
  return r.withOperands(f, [r.create(Reshape, { x: before }, { shape: shapeOf(op.result) })]);
});

const binaryNames = new Set(
  "add sub mul div max min pow squared_difference equal not_equal less less_equal greater greater_equal and or xor".split(" "),
);

/** How deep a transpose looks for the ones it can meet. */
const mostDepth = 8;

/** Values whose elements can be had in another order at no cost: transposes, constants, single elements, functions of those. */
function isMovable(v: Value, rank: number, depth = mostDepth): boolean {
  if (constantOf(v) || shapeOf(v).every((d) => d === 1)) return shapeOf(v).length <= rank;
  return isUsedOnce(v) && shapeOf(v).length === rank && (v.op!.definition === Transpose || isFunctionOfMovable(v.op!, rank, depth));
}

const isFunctionOfMovable = (f: Op, rank: number, depth: number): boolean =>
  depth > 0 && (isElementwiseOfOne(f) || binaryNames.has(f.name)) && f.operands.every((v) => isMovable(v!, rank, depth - 1));

const holdsTranspose = (v: Value, depth = mostDepth): boolean =>
  depth > 0 &&
  (v.op?.definition === Transpose || (!!v.op && isUsedOnce(v) && v.op.operands.some((x) => x && holdsTranspose(x, depth - 1))));

function moveTree(r: Rewriter, v: Value, perm: readonly number[]): Value {
  if (shapeOf(v).every((d) => d === 1)) return reshaped(r, v, []);
  const isLeaf = constantOf(v) !== undefined || v.op!.definition === Transpose;
  if (!isLeaf)
    return r.withOperands(
      v.op!,
      (v.op!.operands as readonly Value[]).map((x) => moveTree(r, x, perm)),
    );
  const lead = perm.length - shapeOf(v).length;
  return r.create(Transpose, { x: reshaped(r, v, [...new Array<Dim>(lead).fill(1), ...shapeOf(v)]) }, { perm });
}

/** `T(a . b) = T(a) . T(b)` where all that is computed from here up to other transposes has no other use. */
const transposeThroughElementwise = opRule("transpose-through-elementwise", "exact", Transpose, (op, r) => {
  const x = op.operand(0)!;
  const rank = permOf(op).length;
  if (!x.op || !isUsedOnce(x) || x.op.definition === Transpose || !isFunctionOfMovable(x.op, rank, mostDepth) || !holdsTranspose(x))
    return undefined;
  return moveTree(r, x, permOf(op));
});

const broadcasting = new Set([...binaryNames, ..."floor_div floor_mod rem atan2 where bitwise_and bitwise_or bitwise_xor".split(" ")]);

/** An operand that broadcasts by itself needs no expansion; the result's shape comes from the others. */
const expandOfOperand = opRule("expand-of-operand", "exact", undefined, (op, r) => {
  if (!broadcasting.has(op.name)) return undefined;
  const operands = op.operands as readonly Value[];
  const i = operands.findIndex((v) => v.op?.definition === Expand && !isTheOnlyOneOfShape(operands, v));
  return i < 0 ? undefined : r.withOperands(op, operands.with(i, operands[i]!.op!.operand(0)!));
});

/** All elements alike are one, where the result's shape comes from the other operands. */
const fillOfOperand = opRule("fill-of-operand", "exact", undefined, (op, r) => {
  if (!broadcasting.has(op.name)) return undefined;
  const operands = op.operands as readonly Value[];
  const i = operands.findIndex(
    (v) =>
      isFilledTensor(v) &&
      gives(
        op,
        operands.filter((w) => w !== v),
      ),
  );
  if (i < 0) return undefined;
  const v = operands[i]!;
  return r.withOperands(op, operands.with(i, scalar(r, v.tensor.dtype, splatOf(v)!)));
});

const isFilledTensor = (v: Value): boolean => constantOf(v) !== undefined && shapeOf(v).length > 0 && splatOf(v) !== undefined;

/** Whether the operands by themselves broadcast to the shape of the result. */
const gives = (op: Op, operands: readonly Value[]): boolean =>
  operands.length > 0 && sameShape(broadcastShapes(...operands.map(shapeOf)), shapeOf(op.result));

/** Whether some extent of the expanded operand is found in no other one. */
function isTheOnlyOneOfShape(operands: readonly Value[], v: Value): boolean {
  const before = shapeOf(v.op!.operand(0)!);
  const rank = shapeOf(v).length;
  const at = (w: Value | readonly Dim[], d: number): Dim => {
    const shape = "op" in w ? shapeOf(w) : w;
    return shape[shape.length - rank + d] ?? 1;
  };
  const tallest = Math.max(before.length, ...operands.filter((w) => w !== v).map((w) => shapeOf(w).length));
  if (tallest < rank) return true;
  return shapeOf(v).some((extent, d) => extent !== at(before, d) && !operands.some((w) => w !== v && at(w, d) === extent));
}

/** Elements of a constant in another shape are a constant: left to constant folding, but for scalars, which all read alike. */
const reshapeOfScalarConstant = opRule("reshape-in-operand", "exact", undefined, (op, r) => {
  if (!broadcasting.has(op.name)) return undefined;
  const operands = op.operands as readonly Value[];
  const rank = shapeOf(op.result).length;
  const i = operands.findIndex(
    (v) => v.op?.definition === Reshape && leadsWithUnits(v) && operands.some((w) => w !== v && shapeOf(w).length === rank),
  );
  return i < 0 ? undefined : r.withOperands(op, operands.with(i, operands[i]!.op!.operand(0)!));
});

/** A reshape that only adds extents of one in front, which broadcasting does too; or of a constant of one element. */
function leadsWithUnits(v: Value): boolean {
  const [from, to] = [shapeOf(v.op!.operand(0)!), shapeOf(v)];
  const lead = to.length - from.length;
  if (constantOf(v.op!.operand(0)) && from.length === 0) return true;
  return lead > 0 && sameShape(to.slice(lead), from) && to.slice(0, lead).every((d) => d === 1);
}

export const movementRules: readonly Rule[] = [
  noOp(Reshape),
  noOp(Expand),
  noOp(Tile),
  reshapeOfReshape,
  expandByUnits,
  expandOfExpand,
  expandOfLeadingUnits,
  tileOfUnits,
  noOpTranspose,
  transposeOfUnits,
  transposeOfTranspose,
  transposeOfUnitReshape,
  throughUnary,
  transposeThroughElementwise,
  expandOfOperand,
  fillOfOperand,
  reshapeOfScalarConstant,
];

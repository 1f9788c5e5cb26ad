/** Products and distances of vectors, parts and determinants of matrices. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { Value } from "../../../ir/graph.ts";
import { Cumsum } from "../../../ir/ops/cumulative.ts";
import { Det } from "../../../ir/ops/determinant.ts";
import { Trilu } from "../../../ir/ops/generate.ts";
import { RandomNormal, RandomUniform } from "../../../ir/ops/random.ts";
import { ReduceMax } from "../../../ir/ops/reduce.ts";
import { Roll } from "../../../ir/ops/slice.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { seedOf } from "../seeds.ts";
import { Formula } from "../../formula.ts";
import { pair } from "./promote.ts";

/** MindSpore's value for "the first axis of extent three". */
const anyAxis = -65530;

/** The vector product along an axis of extent three. */
const cross: Lowering = (n) => {
  const [a, b] = pair(n);
  const given = n.int([2, "dim"], anyAxis);
  const axis = given === anyAxis ? a.tensor.shape.indexOf(3) : normalizeAxis(given, a.tensor.shape.length);
  if (a.tensor.shape[axis] !== 3) return n.unsupported("no axis has the extent three", "type-mismatch");
  const f = new Formula(n);
  const turned = (x: Value, by: number): Value => n.create(Roll, { x }, { shifts: [-by], axes: [axis] });
  return f.sub(f.mul(turned(a, 1), turned(b, 2)), f.mul(turned(a, 2), turned(b, 1)));
};

/** Distances between all rows of two tensors, in the p-norm. */
const cdist: Lowering = (n) => {
  const [a, b] = pair(n);
  const p = n.float([2, "p"], 2);
  const f = new Formula(n);
  const lead = (x: Value): typeof x.tensor.shape => x.tensor.shape.slice(0, -2);
  const [rows, width] = a.tensor.shape.slice(-2) as [number, number];
  const [columns] = b.tensor.shape.slice(-2) as [number, number];
  const apart = f.abs(f.sub(n.reshape(a, [...lead(a), rows, 1, width]), n.reshape(b, [...lead(b), 1, columns, width])));
  const axis = apart.tensor.shape.length - 1;
  if (p === Infinity) return n.create(ReduceMax, { x: apart }, { axes: [axis] });
  if (p === 2) return f.sqrt(f.sum(f.square(apart), [axis]));
  return p === 1 ? f.sum(apart, [axis]) : f.pow(f.sum(f.pow(apart, p), [axis]), 1 / p);
};

/** The diagonals from `lower` below to `upper` above the main one; negative numbers keep all. */
const bandPart: Lowering = (n) => {
  const [lower, upper] = [n.int([1, "lower"]), n.int([2, "upper"])];
  const x = n.input(0);
  const below = lower < 0 ? x : n.create(Trilu, { x }, { upper: true, k: -lower });
  return upper < 0 ? below : n.create(Trilu, { x: below }, { upper: false, k: upper });
};

/** Logarithms of running sums of exponentials, the greatest element taken out first. */
const cumulativeLogSumExp: Lowering = (n) => {
  const x = n.input(0);
  const f = new Formula(n);
  const axis = normalizeAxis(n.int([1, "axis"]), x.tensor.shape.length);
  const greatest = n.create(ReduceMax, { x }, { axes: [axis], keepdims: true });
  const attributes = { axis, exclusive: n.bool([-1, "exclusive"], false), reverse: n.bool([-1, "reverse"], false) };
  return f.add(f.log(n.create(Cumsum, { x: f.exp(f.sub(x, greatest)) }, attributes)), greatest);
};

/** Rows and columns of the elements of a triangle. */
const triangleIndices =
  (isUpper: boolean): Lowering =>
  (n) => {
    const [rows, columns, offset] = [n.int([-1, "row"]), n.int([-1, "col"]), n.int([-1, "offset"], 0)];
    if (!(rows >= 0 && columns >= 0 && rows * columns <= 2 ** 22)) return n.unsupported("a triangle of that size", "limit");
    const found: [number, number][] = [];
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) if (isUpper ? j >= i + offset : j <= i + offset) found.push([i, j]);
    return n.constant(n.declared?.dtype ?? "i32", [2, found.length], [...found.map(([i]) => i), ...found.map(([, j]) => j)]);
  };

const seed = (n: NodeContext): number => seedOf(n.int([-1, "seed"], 0), n.int([-1, "seed2"], 0));

export const geometry: Lowerings = {
  Cross: cross,
  Cdist: cdist,
  MatrixBandPart: bandPart,
  MatrixDeterminant: (n) => n.create(Det, { x: n.input(0) }),
  CumulativeLogsumexp: cumulativeLogSumExp,
  TrilIndices: triangleIndices(false),
  TriuIndices: triangleIndices(true),
  StandardNormal: (n) => n.create(RandomNormal, {}, { shape: n.dims([0, "shape"]), seed: seed(n) }),
  UniformReal: (n) => n.create(RandomUniform, {}, { shape: n.dims([0, "shape"]), seed: seed(n) }),
};

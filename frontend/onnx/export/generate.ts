/** Ops whose elements follow from their position as ONNX's operators; random numbers. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { Eye, Meshgrid, OneHot, Range, Trilu } from "../../../ir/ops/generate.ts";
import { Bernoulli, Multinomial, RandomNormal, RandomUniform } from "../../../ir/ops/random.ts";
import { computeType, type DType, isInteger } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { less, where } from "./elementwise.ts";
import { functionRow, row, type Row } from "./row.ts";
import { countUp } from "./slice.ts";
import type { Attributes, Operand, Term } from "./term.ts";

/** Integers whose ends are known are ONNX's range; of others the length is what counts, so they are computed from it. */
function range(n: Body, start: Operand, delta: Operand, length: Dim): Term {
  const [first] = start.content() ?? [];
  const [step] = delta.content() ?? [];
  const isWide = start.dtype === "i32" || start.dtype === "i64";
  if (isWide && first !== undefined && step !== undefined && step !== 0) {
    const limit = n.size(dim.add(first, dim.mul(length, step)));
    return n.op("Range", [start, n.cast(limit, start.dtype), delta]);
  }
  const places = n.op("Range", [n.size(0), n.size(length), n.size(1)]);
  const work = computeType(start.dtype);
  return n.op("Add", [n.op("Mul", [n.cast(places, work), n.lift(delta)]), n.lift(start)]);
}

/** The mask of what stays, by rows and columns. */
function maskedTriangle(n: Body, x: Operand, k: Term, upper: boolean): Term {
  const [rows, columns] = x.shape.slice(-2) as [Dim, Dim];
  const diagonal = n.op("Add", [n.reshape(countUp(n, rows), [rows, 1]), k]);
  const column = countUp(n, columns);
  const stays = n.op("Not", [upper ? less(n, column, diagonal) : less(n, diagonal, column)]);
  return where(n, stays, x, n.like(x, 0));
}

function oneHot(n: Body, indices: Operand, on: Operand, off: Operand, depth: Dim, axis: number, fromEnd: boolean): Term {
  const given = n.cast(indices, "i64");
  const size = n.size(depth);
  // What is not in 0 .. depth-1 has no element that is on.
  const places = fromEnd ? given : where(n, less(n, given, n.size(0)), size, given);
  const values = n.op(
    "Concat",
    [off, on].map((v) => n.op("Unsqueeze", [v, n.ints([0])])),
    { axis: 0 },
  );
  return n.ops("OneHot", [places, size, values], { axis }, { main: 2 })[0]!;
}

/** The seed as the format has it, by its bits. */
function seedOf(seed: number): Attributes {
  const value = new Float32Array(Uint32Array.of(seed).buffer)[0]!;
  return { seed: { float: Number.isFinite(value) ? value : seed } };
}

/** ONNX draws f32, f64 and f16. */
const drawn = (dtype: DType): DType => (dtype === "f64" || dtype === "f16" ? dtype : "f32");

function random(n: Body, operator: string, shape: readonly Dim[], dtype: DType, attributes: Attributes): Term {
  const type = drawn(dtype);
  const all = { ...attributes, dtype: n.session.code(type) };
  if (shape.every((d) => typeof d === "number")) return n.plain(operator, [], { ...all, shape }, [type])[0]!;
  const blank = n.op("Expand", [n.scalar("f32", 0), n.dims(shape)]);
  return n.plain(`${operator}Like`, [blank], all, [type])[0]!;
}

export const generateRows: readonly Row[] = [
  functionRow(Range, (n, { start, delta }, { length }) => range(n, start, delta, length)),
  row(Eye, (n, _operands, { shape, k, dtype }) => {
    const type = isInteger(dtype) || dtype === "bool" || drawn(dtype) === dtype ? dtype : "f32";
    const blank = n.op("Expand", [n.scalar("f32", 0), n.dims(shape)]);
    return n.op("EyeLike", [blank], { k, dtype: n.session.code(type) }, type);
  }),
  functionRow(Trilu, (n, { x, offset }, { upper, k }) => {
    const diagonal = offset ? n.op("Add", [n.cast(offset, "i64"), n.size(k)]) : n.size(k);
    return n.has("Trilu") ? n.op("Trilu", [x, diagonal], { upper: upper ? undefined : 0 }) : maskedTriangle(n, x, diagonal, upper);
  }),
  functionRow(OneHot, (n, { indices, on, off }, { depth, axis, from_end }) => oneHot(n, indices, on, off, depth, axis, from_end)),
  row(Meshgrid, (n, { xs }, { indexing }, { results }) =>
    xs.map((x, k) => {
      const type = results[k]!;
      const shape = type.kind === "tensor" ? type.shape : [];
      const axis = indexing === "xy" && xs.length > 1 && k < 2 ? 1 - k : k;
      const line = n.reshape(
        x,
        shape.map((_, d) => (d === axis ? x.shape[0]! : 1)),
      );
      return n.op("Expand", [line, n.dims(shape)]);
    }),
  ),
  row(RandomUniform, (n, _operands, { shape, low, high, dtype, seed }) =>
    random(n, "RandomUniform", shape, dtype, { low: { float: low }, high: { float: high }, ...seedOf(seed) }),
  ),
  row(RandomNormal, (n, _operands, { shape, mean, scale, dtype, seed }) =>
    random(n, "RandomNormal", shape, dtype, { mean: { float: mean }, scale: { float: scale }, ...seedOf(seed) }),
  ),
  row(Bernoulli, (n, { p }, { dtype, seed }) => n.op("Bernoulli", [p], { dtype: n.session.code(dtype), ...seedOf(seed) }, dtype)),
  row(Multinomial, (n, { logits }, { samples, dtype, seed }) => {
    const type = dtype === "i64" ? "i64" : "i32";
    if (typeof samples !== "number") throw new OpError("'multinomial' with a number of samples that is none", "unsupported-attribute");
    return n.op("Multinomial", [logits], { sample_size: samples, dtype: n.session.code(type), ...seedOf(seed) }, type);
  }),
];

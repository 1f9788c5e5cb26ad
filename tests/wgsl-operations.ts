/** Every scalar operation as a kernel over edge values, for shaders. */
import { asAtom, loop, type Loop } from "../ir/dim.ts";
import * as x from "../ir/expr.ts";
import { forLoop, type LoopNest, store } from "../ir/loop.ts";
import { binaryOps, isComparison, type Scalar, unaryOps } from "../ir/scalar.ts";
import type { DType } from "../ir/type.ts";
import { interpret } from "./c-runner.ts";
import type { WebGpu } from "./webgpu.ts";
import { dispatch, isClose } from "./wgsl-runner.ts";

const floats = [
  0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  7.25,
  -1e-3,
  1e-30,
  1e10,
  -3e9,
  2 ** 31,
  -(2 ** 31),
  16777217,
  0.49999997,
  8388609.5,
  Infinity,
  -Infinity,
  NaN,
].map(Math.fround);
const ints = [0, 1, -1, 2, -2, 3, 7, 31, 32, 33, -64, 1000, 2 ** 31 - 1, -(2 ** 31), 65535, 46341];
const bitwise = new Set(["and", "or", "xor", "shl", "shr"]);
const onFloatsOnly = new Set([
  "floor",
  "ceil",
  "rint",
  "trunc",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "isnan",
]);
/** Operations whose meaning is defined for infinities and NaN as well; others are compared where operands and result are moderate. */
const total = new Set(["neg", "abs", "isnan", "max", "min", "maxnum", "minnum", "floor", "ceil", "rint", "trunc"]);

/** One kernel that applies `f` to all operands, by fours or one by one. */
function sweep(dtypes: readonly DType[], out: DType, count: number, f: (...e: x.Expr[]) => x.Expr, width: number): LoopNest {
  const inputs = dtypes.map((d, i) => x.makeBuffer(`x${i}`, d, [count]));
  const y = x.makeBuffer("y", out, [count]);
  const [outer, inner] = [loop("o", count / width), loop("l", width)];
  const at = width === 1 ? outer : x.toDim(x.add(x.mul(x.index(outer), x.i64(width)), x.index(inner)));
  const body = [store(y, [at], f(...inputs.map((b) => x.load(b, [at]))))];
  const inside = width === 1 ? body : [forLoop(asAtom(inner) as Loop, body, "vector")];
  const params = [...inputs, y].map((buffer) => ({ buffer, access: buffer === y ? ("write" as const) : ("read" as const) }));
  return { name: "k", params, extents: [], body: [forLoop(asAtom(outer) as Loop, inside, "parallel")] };
}

export interface OperationCase {
  readonly name: string;
  readonly nest: LoopNest;
  readonly operands: readonly (readonly Scalar[])[];
  readonly isTotal: boolean;
}

const padded = (list: readonly Scalar[]): Scalar[] =>
  Array.from({ length: Math.ceil(list.length / 4) * 4 }, (_, i) => list[i % list.length]!);

function caseOf(
  name: string,
  dtypes: readonly DType[],
  out: DType,
  operands: readonly (readonly Scalar[])[],
  f: (...e: x.Expr[]) => x.Expr,
  width: number,
  isTotal: boolean,
): OperationCase {
  const lists = operands.map(padded);
  return { name: `${name} ${dtypes.join()} by ${width}`, nest: sweep(dtypes, out, lists[0]!.length, f, width), operands: lists, isTotal };
}

/** All operations, conversions and roundings of f32 and i32, `width` elements at a time. */
export function operationCases(width: number): OperationCase[] {
  const edges = { f32: floats, i32: ints } as const;
  const pairs = (list: readonly Scalar[]): Scalar[][] => [list.flatMap((a) => list.map(() => a)), list.flatMap(() => [...list])];
  return (["f32", "i32"] as const).flatMap((d): OperationCase[] => {
    const isInt = d === "i32";
    const unary = unaryOps
      .filter((op) => (isInt ? !onFloatsOnly.has(op) : op !== "not"))
      .map((op) => caseOf(op, [d], op === "isnan" ? "bool" : d, [edges[d]], (a) => x.unary(op, a), width, isInt || total.has(op)));
    const binary = binaryOps
      .filter((op) => (isInt ? op !== "atan2" : !bitwise.has(op)))
      .map((op) =>
        caseOf(op, [d, d], isComparison(op) ? "bool" : d, pairs(edges[d]), (a, b) => x.binary(op, a, b), width, isInt || total.has(op)),
      );
    const other = isInt ? "f32" : "i32";
    const converts = [caseOf("convert", [d], other, [edges[d]], (a) => x.convert(a, other), width, true)];
    const rounds = (isInt ? (["i8", "u8", "i16", "u16"] as const) : (["f16", "bf16"] as const)).map((to) =>
      caseOf(
        `round ${to}`,
        [d],
        d,
        [isInt ? ints : [...floats, 65504, 65519, 65520, 6e-8, 2.98e-8, 6.1e-5, 1.0004883, 1.0014648]],
        (a) => x.round(a, to),
        width,
        true,
      ),
    );
    return [...unary, ...binary, ...converts, ...rounds];
  });
}

/** WGSL promises sines and cosines to 2^-11 between -pi and pi, and no more elsewhere. */
const coarse = new Set(["sin", "cos", "tan"]);

const isModerate = (v: Scalar): boolean => typeof v === "bigint" || (Math.abs(v) < 1e4 && (v === 0 || Math.abs(v) > 1e-20));

/** What the device computes otherwise than the interpreter. */
export async function differences({ name, nest, operands, isTotal }: OperationCase, gpu: WebGpu): Promise<string[]> {
  const y = nest.params.at(-1)!.buffer;
  const roots = [...operands, new Array<Scalar>(operands[0]!.length).fill(0)];
  const want = interpret({ nest, roots }).at(-1)!;
  const [got] = await dispatch(gpu, nest, roots, new Map());
  return want.flatMap((w, i) => {
    const given = operands.map((o) => o[i]!);
    if (!isTotal && y.dtype === "f32" && ![...given, w].every(isModerate)) return [];
    if (!isTotal && y.dtype === "bool" && given.some((v) => Number.isNaN(v))) return [];
    return isClose(got![i]!, w, coarse.has(name.split(" ")[0]!) ? 1e-3 : 1e-4) ? [] : [`${name}(${given.join()}) = ${got![i]}, not ${w}`];
  });
}

import { expect } from "chai";
import { type Dim, extent, type Extent, asAtom, loop, type Loop } from "../ir/dim.ts";
import * as x from "../ir/expr.ts";
import { assign, forLoop, ifThen, letVar, type LoopNest, type Stmt, store } from "../ir/loop.ts";
import { binaryOps, isComparison, type Scalar, unaryOps } from "../ir/scalar.ts";
import { type ComputeType, computeType, type DType, dtypes } from "../ir/type.ts";
import { compilers, interpret, type KernelRun, runKernels, sanitizers, ulps } from "./c-runner.ts";

const asLoop = (d: Dim): Loop => asAtom(d) as Loop;

/** A kernel over its parameters: those that are stored to are written, the others read. */
function nestOf(buffers: readonly x.Buffer[], written: readonly x.Buffer[], body: readonly Stmt[], extents: readonly Extent[] = []): LoopNest {
  return { name: "k", params: buffers.map((buffer) => ({ buffer, access: written.includes(buffer) ? "write" : "read" })), extents, body };
}

const floats = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 7.25, -1e-3, 1e-30, 1e-40, -1e-45, 1e10, -3e9, 2 ** 31, -(2 ** 31), 1e20, 3e38, -3e38, 16777217, 0.49999997, 8388609.5, Infinity, -Infinity, NaN];
const ints = [0, 1, -1, 2, -2, 3, 7, 31, 32, 33, 63, 64, -64, 1000, -1000, 2 ** 31 - 1, -(2 ** 31), 65535, 46341];
const longs = [...ints.map(BigInt), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n + 3n, 3037000500n, 2n ** 53n + 1n, 64n, 63n];
const edges: Record<ComputeType, readonly Scalar[]> = {
  f32: floats.map(Math.fround),
  f64: floats,
  i32: ints,
  i64: longs,
  u64: longs.map((v) => BigInt.asUintN(64, v)),
  bool: [0, 1],
};

const isFloat = (d: ComputeType): boolean => d === "f32" || d === "f64";
const floatOnly = new Set(["floor", "ceil", "rint", "trunc", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "isnan"]);
const types: readonly ComputeType[] = ["f32", "f64", "i32", "i64", "u64", "bool"];
const bitwise = new Set(["and", "or", "xor", "shl", "shr"]);

/** Elements padded to a multiple of 16 by repetition. */
const padded = (list: readonly Scalar[]): Scalar[] => Array.from({ length: Math.ceil(list.length / 16) * 16 }, (_, i) => list[i % list.length]!);

/** `out[i] = f(operands[i])`, in lanes. */
function elementwise(inputs: readonly x.Buffer[], out: x.Buffer, f: (at: Dim) => x.Expr, lanes: number): LoopNest {
  const count = out.shape[0] as number;
  const outer = loop("o", count / Math.max(lanes, 1));
  const inner = loop("l", lanes);
  const at = lanes === 1 ? outer : x.toDim(x.add(x.mul(x.index(outer), x.i64(lanes)), x.index(inner)));
  const body = [store(out, [at], f(at))];
  return nestOf([...inputs, out], [out], [forLoop(asLoop(outer), lanes === 1 ? body : [forLoop(asLoop(inner), body, "vector")])]);
}

/** One run that applies `f` to all operands, given element by element. */
function sweep(dtypesIn: readonly DType[], dtypeOut: DType, operands: readonly (readonly Scalar[])[], f: (...e: x.Expr[]) => x.Expr, lanes: number): KernelRun {
  const lists = operands.map(padded);
  const count = lists[0]!.length;
  const inputs = dtypesIn.map((d, i) => x.makeBuffer(`x${i}`, d, [count]));
  const out = x.makeBuffer("y", dtypeOut, [count]);
  const nest = elementwise(inputs, out, (at) => f(...inputs.map((b) => x.load(b, [at]))), lanes);
  return { nest, roots: [...lists, new Array<Scalar>(count).fill(computeType(dtypeOut) === "i64" || computeType(dtypeOut) === "u64" ? 0n : 0)] };
}

/** All pairs of edge values. */
function pairs(list: readonly Scalar[]): [Scalar[], Scalar[]] {
  const all = list.flatMap((a) => list.map((b) => [a, b] as const));
  return [all.map((p) => p[0]), all.map((p) => p[1])];
}

interface Case {
  readonly name: string;
  readonly run: KernelRun;
  /** Units in the last place of f32 that results may be apart. */
  readonly ulp: number;
}

function expectSame(cases: readonly Case[], results: readonly Scalar[][][]): void {
  const wrong: string[] = [];
  cases.forEach(({ name, run, ulp }, i) => {
    const expected = interpret(run);
    run.nest.params.forEach(({ buffer }, k) => {
      results[i]![k]!.forEach((got, j) => {
        const want = expected[k]![j]!;
        const dtype = computeType(buffer.dtype);
        const far = isFloat(dtype) ? floatDistance(dtype, Number(got), Number(want)) : got === want ? 0 : Infinity;
        if (far > ulp) wrong.push(`${name}[${j}](${run.nest.params.map((_, q) => String(run.roots[q]![j])).join()}) = ${got}, not ${want} (${far})`);
      });
    });
  });
  expect(wrong.slice(0, 20)).deep.equal([]);
}

/** In units of f32; for f64 in units of 2^-50 of the value. */
function floatDistance(dtype: ComputeType, a: number, b: number): number {
  if (dtype === "f32") return ulps(a, b);
  if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  return Math.abs(a - b) <= 2 ** -50 * Math.max(Math.abs(a), Math.abs(b), 2 ** -1000) ? 1 : Infinity;
}

const exact = new Set(["neg", "abs", "floor", "ceil", "rint", "trunc", "sqrt", "not", "isnan", "add", "sub", "mul", "div", "rem", "max", "min", "maxnum", "minnum"]);
/** The greatest error in units of the last place, as `codegen/c/math.ts` promises it, and one for the C library's. */
const promised: Record<string, number> = { tanh: 2, erf: 2, tan: 2, sinh: 2, cosh: 2, asinh: 2, acosh: 2, atanh: 2, asin: 2, acos: 2, atan: 2, atan2: 2 };
const ulpOf = (op: string): number => (exact.has(op) ? 0 : (promised[op] ?? 1));

function semantics(lanes: number): Case[] {
  const unary = unaryOps.flatMap((op) =>
    types
      .filter((d) => isFloat(d) || (!floatOnly.has(op) && (d !== "bool" || op === "not")))
      .map((d): Case => ({ name: `${op} ${d}`, ulp: ulpOf(op), run: sweep([d], op === "isnan" ? "bool" : d, [edges[d]], (a) => x.unary(op, a), lanes) })),
  );
  const binary = binaryOps.flatMap((op) =>
    types
      .filter((d) => (isFloat(d) ? !bitwise.has(op) : op !== "atan2"))
      .filter((d) => d !== "bool" || isComparison(op) || ["and", "or", "xor"].includes(op))
      .map((d): Case => ({ name: `${op} ${d}`, ulp: ulpOf(op), run: sweep([d, d], isComparison(op) ? "bool" : d, pairs(edges[d]), (a, b) => x.binary(op, a, b), lanes) })),
  );
  const converts = types.flatMap((from) =>
    types.map((to): Case => ({ name: `${from} to ${to}`, ulp: 0, run: sweep([from], to, [edges[from]], (a) => x.convert(a, to), lanes) })),
  );
  return [...unary, ...binary, ...converts];
}

const halves = [...floats, 65504, 65519, 65520, 65536, 6e-8, 2.9e-8, 2.98e-8, 6.1e-5, 6.09e-5, 1.0009765, 1.0004883, 1.0014648, 448, 464, 465, 480, 57344, 61440, 0.001953125, 0.0009765625, 6, 5, 0.25, 0.75, 1.75, 2 ** -127, 2 ** -128, 1.41, 1.42].map(Math.fround);
const storages = dtypes.filter((d): d is Exclude<DType, "string"> => d !== "string");

function storageCases(lanes: number): Case[] {
  return storages.flatMap((d): Case[] => {
    const compute = computeType(d);
    const values = compute === "f32" ? halves : edges[compute];
    return [
      { name: `store ${d}`, ulp: 0, run: sweep([compute], d, [values], (a) => a, lanes) },
      { name: `load ${d}`, ulp: 0, run: sweep([d], compute, [values], (a) => a, lanes) },
      { name: `round ${d}`, ulp: 0, run: sweep([compute], compute, [values], (a) => x.round(a, d), lanes) },
    ];
  });
}

describe("c: scalar semantics", () => {
  for (const lanes of [1, 4, 8, 16]) {
    it(`every operation on edge values, ${lanes} lanes`, () => {
      const cases = semantics(lanes);
      expectSame(cases, runKernels(cases.map((c) => c.run), { vectors: lanes > 1 }));
    });
    it(`every storage type, ${lanes} lanes`, () => {
      const cases = storageCases(lanes);
      expectSame(cases, runKernels(cases.map((c) => c.run), { vectors: lanes > 1 }));
    });
  }
});
void [extent, assign, ifThen, letVar, compilers, sanitizers];

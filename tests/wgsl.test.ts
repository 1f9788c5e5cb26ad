/** Printed shaders in Dawn: all are valid; on a software device they compute what the JavaScript target does. */
import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Interpreter } from "../codegen/interpret.ts";
import { optimize } from "../codegen/compile.ts";
import { loadProgram, tensorOf } from "../codegen/js/execute.ts";
import type { Program } from "../codegen/program.ts";
import { printShader } from "../codegen/wgsl/print.ts";
import { wgslTarget } from "../codegen/wgsl/target.ts";
import { importModel } from "../frontend/import.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { asAtom, type Dim, type Extent, extent, loop, type Loop } from "../ir/dim.ts";
import { alignedBytes } from "../ir/data.ts";
import * as x from "../ir/expr.ts";
import { forLoop, type LoopNest, store } from "../ir/loop.ts";
import { binaryOps, isComparison, type Scalar, unaryOps } from "../ir/scalar.ts";
import { readElements, writeElements } from "../ir/storage.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { computeType, type DType } from "../ir/type.ts";
import { interpret } from "./c-runner.ts";
import { wgslProgram } from "./print-wgsl.ts";
import { hasDawn, hasDevice, WebGpu } from "./webgpu.ts";

const folder = join("tests", "cases", "wgsl");

/** The programs of the file tests; those of refused graphs are left out. */
function programs(): { name: string; program: Program }[] {
  return readdirSync(folder)
    .filter((f) => f.endsWith(".test") && !f.startsWith("refused"))
    .map((name) => {
      const [input] = readFileSync(join(folder, name), "utf8").split("// ---- expected\n");
      return { name, program: wgslProgram(parseGraph(input!, name)) };
    });
}

const number = (d: Dim, extents: ReadonlyMap<string, number>): number => new Interpreter(extents).dim(d);

/** Bytes as WebGPU holds them: a bool takes four. */
const toGpu = (dtype: DType, values: readonly Scalar[]): Uint8Array =>
  dtype === "bool" ? new Uint8Array(Uint32Array.from(values, Number).buffer) : writeElements(dtype, values);
const fromGpu = (dtype: DType, bytes: Uint8Array): Scalar[] =>
  dtype === "bool" ? [...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)] : readElements(dtype, bytes);

/** The elements of every parameter that the kernel writes. */
async function dispatch(
  gpu: WebGpu,
  nest: LoopNest,
  roots: readonly (readonly Scalar[])[],
  extents: ReadonlyMap<string, number>,
): Promise<Scalar[][]> {
  const { text, workgroups } = printShader(nest);
  const values = nest.extents.map((e) => extents.get(e.name)!);
  const results = await gpu.run({
    shader: text,
    workgroups: workgroups.map((d) => number(d, extents)) as [number, number, number],
    bindings: [
      ...nest.params.map(({ buffer, access }, i) => ({
        bytes: toGpu(buffer.dtype, roots[i]!),
        kind: access === "read" ? ("read" as const) : ("write" as const),
      })),
      ...(values.length > 0 ? [{ bytes: new Uint8Array(Int32Array.from(values).buffer), kind: "uniform" as const }] : []),
    ],
  });
  return nest.params.filter((p) => p.access !== "read").map(({ buffer }, i) => fromGpu(buffer.dtype, results[i]!));
}

/** A program without control flow on the device. */
async function runProgram(
  gpu: WebGpu,
  program: Program,
  inputs: readonly (readonly Scalar[])[],
  extents: ReadonlyMap<string, number>,
): Promise<Scalar[][]> {
  const memory = program.buffers.map(({ shape, dtype, storage }): Scalar[] => {
    if (storage.kind === "input") return [...inputs[storage.index]!];
    if (storage.kind === "constant") return readElements(dtype, alignedBytes(storage.data.data));
    const zero = computeType(dtype) === "i64" ? 0n : 0;
    return new Array<Scalar>(shape.reduce<number>((n, d) => n * number(d, extents), 1)).fill(zero);
  });
  for (const s of program.steps) {
    if (s.kind !== "run") throw new Error(`step '${s.kind}' does not run in this test`);
    const { nest } = program.kernels[s.kernel]!;
    const results = await dispatch(
      gpu,
      nest,
      s.args.map((b) => memory[b]!),
      extents,
    );
    s.args.filter((_, i) => nest.params[i]!.access !== "read").forEach((b, i) => (memory[b] = results[i]!));
  }
  return program.outputs.map((o) => memory[o.buffer]!);
}

/** The same numbers in every run, most of them between -4 and 4. */
function valuesFor(dtype: DType, count: number): Scalar[] {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const value = (state / 2 ** 32 - 0.5) * 8;
    if (dtype === "u32") return BigInt(state);
    return dtype === "f32" ? Math.fround(value) : dtype === "bool" ? Number(value > 0) : Math.trunc(value * 2);
  });
}

function isClose(got: Scalar, want: Scalar, tolerance: number): boolean {
  if (Object.is(got, want) || got === want) return true;
  if (typeof got === "bigint" || typeof want === "bigint") return got === want;
  return (Number.isNaN(got) && Number.isNaN(want)) || Math.abs(got - want) <= tolerance * Math.max(1e-30, Math.abs(want));
}

async function compareWithJs(gpu: WebGpu, program: Program): Promise<void> {
  const extents = new Map(program.extents.map((e, i) => [e.name, 37 + i]));
  const inputs = program.inputs.map(({ type }) => {
    const dims = type.shape.map((d) => number(d, extents));
    return {
      dims,
      values: valuesFor(
        type.dtype,
        dims.reduce((a, b) => a * b, 1),
      ),
      dtype: type.dtype,
    };
  });
  const wanted = loadProgram(program).run(inputs.map((t) => tensorOf(t.dtype, t.dims, t.values)));
  const actual = await runProgram(
    gpu,
    program,
    inputs.map((t) => t.values),
    extents,
  );
  actual.forEach((got, i) => {
    const { data } = wanted[i]!;
    const want = readElements(program.outputs[i]!.type.dtype, new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
    const scale = want.reduce<number>((m, w) => Math.max(m, Math.abs(Number(w))), 1e-3);
    const bad = want.findIndex((w, k) => !isClose(got[k]!, w, 2e-5) && !(Math.abs(Number(got[k]) - Number(w)) <= 2e-6 * scale));
    expect(bad, `output ${i}: element ${bad} is ${got[bad]}, not ${want[bad]}`).equal(-1);
  });
}

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

interface Case {
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
): Case {
  const lists = operands.map(padded);
  return { name: `${name} ${dtypes.join()} by ${width}`, nest: sweep(dtypes, out, lists[0]!.length, f, width), operands: lists, isTotal };
}

function cases(width: number): Case[] {
  const edges = { f32: floats, i32: ints } as const;
  const pairs = (list: readonly Scalar[]): Scalar[][] => [list.flatMap((a) => list.map(() => a)), list.flatMap(() => [...list])];
  return (["f32", "i32"] as const).flatMap((d): Case[] => {
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

async function check({ name, nest, operands, isTotal }: Case, gpu: WebGpu): Promise<string[]> {
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

if (!hasDawn) console.log("left out: WGSL in Dawn ('tests/wgsl/node_modules' is not there: npm ci --prefix tests/wgsl)");
else {
  describe("wgsl in Dawn", () => {
    let gpu: WebGpu;
    before(async () => {
      gpu = await WebGpu.open(false);
    });
    after(() => {
      gpu.close();
    });
    for (const { name, program } of programs()) {
      it(`${name} is valid`, async () => {
        for (const k of program.kernels) expect(await gpu.problems(printShader(k.nest).text)).deep.equal([]);
      });
    }
    for (const width of [1, 4]) {
      it(`every operation is valid, ${width} lanes`, async () => {
        for (const c of cases(width)) expect(await gpu.problems(printShader(c.nest).text), c.name).deep.equal([]);
      });
    }
    it("finds what is wrong", async () => {
      expect(await gpu.problems("fn f() -> i32 { return 1.5f; }")).not.deep.equal([]);
    });
  });
}

if (hasDawn && !hasDevice) console.log("left out: running WGSL (no SwiftShader: name vk_swiftshader_icd.json in SINTER_VULKAN_ICD)");
if (hasDevice) {
  describe("wgsl on SwiftShader", () => {
    let gpu: WebGpu;
    before(async () => {
      gpu = await WebGpu.open(true);
    });
    after(() => {
      gpu.close();
    });
    for (const { name, program } of programs()) {
      it(`${name} agrees with JavaScript`, () => compareWithJs(gpu, program));
    }
    it("the digits model agrees with JavaScript", async () => {
      const { graph } = await importModel(join("examples", "digits", "digits.onnx"), {});
      optimize(graph, wgslTarget, { name: "digits" }, new Diagnostics());
      await compareWithJs(gpu, wgslProgram(graph));
    });
    for (const width of [1, 4]) {
      it(`every operation on edge values, ${width} lanes`, async () => {
        const wrong: string[] = [];
        for (const c of cases(width)) wrong.push(...(await check(c, gpu)));
        expect(wrong.slice(0, 20)).deep.equal([]);
      });
    }
    it("a kernel of more workgroups than fit along x", async () => {
      const n = extent("n");
      const buffers = [x.makeBuffer("x0", "f32", []), x.makeBuffer("y1", "f32", [])] as const;
      const i = loop("i", n);
      const nest: LoopNest = {
        name: "k",
        params: buffers.map((buffer, k) => ({ buffer, access: k === 0 ? "read" : "write" })),
        extents: [asAtom(n) as Extent],
        body: [forLoop(asAtom(i) as Loop, [store(buffers[1], [i], x.neg(x.load(buffers[0], [i])))], "parallel")],
      };
      const values = valuesFor("f32", 1000);
      const { text } = printShader(nest);
      const [bytes] = await gpu.run({
        shader: text,
        workgroups: [5, 4, 1],
        bindings: [
          { bytes: toGpu("f32", values), kind: "read" },
          { bytes: toGpu("f32", values), kind: "write" },
          { bytes: new Uint8Array(Int32Array.of(1000).buffer), kind: "uniform" },
        ],
      });
      expect(fromGpu("f32", bytes!)).deep.equal(values.map((v) => -Number(v)));
    });
  });
}

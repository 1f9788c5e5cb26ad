/** Kernels and programs on a WebGPU device. */
import { expect } from "chai";
import { Interpreter } from "../codegen/interpret.ts";
import { loadProgram, tensorOf } from "../codegen/js/execute.ts";
import type { Program } from "../codegen/program.ts";
import { printShader } from "../codegen/wgsl/print.ts";
import { alignedBytes } from "../ir/data.ts";
import type { Dim } from "../ir/dim.ts";
import type { LoopNest } from "../ir/loop.ts";
import type { Scalar } from "../ir/scalar.ts";
import { readElements, writeElements } from "../ir/storage.ts";
import { computeType, type DType } from "../ir/type.ts";
import type { WebGpu } from "./webgpu.ts";

const number = (d: Dim, extents: ReadonlyMap<string, number>): number => new Interpreter(extents).dim(d);

/** Bytes as WebGPU holds them: a bool takes four. */
export const toGpu = (dtype: DType, values: readonly Scalar[]): Uint8Array =>
  dtype === "bool" ? new Uint8Array(Uint32Array.from(values, Number).buffer) : writeElements(dtype, values);
/** The other way round. */
export const fromGpu = (dtype: DType, bytes: Uint8Array): Scalar[] =>
  dtype === "bool" ? [...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)] : readElements(dtype, bytes);

/** The elements of every parameter that the kernel writes. */
export async function dispatch(
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
export function valuesFor(dtype: DType, count: number): Scalar[] {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const value = (state / 2 ** 32 - 0.5) * 8;
    if (dtype === "u32") return BigInt(state);
    return dtype === "f32" ? Math.fround(value) : dtype === "bool" ? Number(value > 0) : Math.trunc(value * 2);
  });
}

/** Equal, both NaN, or apart by no more than `tolerance` of the wanted value. */
export function isClose(got: Scalar, want: Scalar, tolerance: number): boolean {
  if (Object.is(got, want) || got === want) return true;
  if (typeof got === "bigint" || typeof want === "bigint") return got === want;
  return (Number.isNaN(got) && Number.isNaN(want)) || Math.abs(got - want) <= tolerance * Math.max(1e-30, Math.abs(want));
}

/** Runs the program on the device and as JavaScript, on the same inputs; extents of inputs are 37 and more. */
export async function compareWithJs(gpu: WebGpu, program: Program): Promise<void> {
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

/** Programs run inside the compiler: constant folding, comparison, and models where there is no C compiler. */
import { encoderOf, floatFormats, type MinifloatType } from "../../ir/minifloat.ts";
import { floatTable, viewBytes, writeElements } from "../../ir/storage.ts";
import type { Scalar } from "../../ir/scalar.ts";
import type { DType } from "../../ir/type.ts";
import { type Kernel, type Plan, walk, type WalkedTensor } from "../../runtime/walk.ts";
import type { Program } from "../program.ts";
import { manifestBuffers, packWeights } from "../describe.ts";
import { moduleText } from "./target.ts";

export interface Executable {
  /** Inputs and outputs in the program's order; data as the dtype's typed array. */
  run(inputs: readonly WalkedTensor[]): WalkedTensor[];
}

const encoders = new Map<MinifloatType, (value: number) => number>();

/** What modules that stand alone make for themselves (`helpers.ts`), kept for all programs. */
function codecOf(dtype: MinifloatType): { values: Float32Array; encode: (value: number) => number } {
  const encode = encoders.get(dtype) ?? encoderOf(floatFormats[dtype]);
  encoders.set(dtype, encode);
  return { values: floatTable(dtype), encode };
}

/** Compiles the program's kernels with `new Function`. */
export function loadProgram(program: Program): Executable {
  const weights = packWeights(program);
  // The text is printed from the program by us; nothing of the model's own text is in it but quoted or escaped names.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const load = new Function("codecOf", `${moduleText(program, "codecOf")}\nreturn { kernels, plan };`) as (codecs: typeof codecOf) => {
    kernels: Kernel[];
    plan: (e: readonly number[]) => Plan;
  };
  const { kernels, plan } = load(codecOf);
  const walked = {
    buffers: manifestBuffers(program),
    steps: program.steps,
    kernels,
    scratchBytes: Math.max(0, ...program.kernels.map((k) => k.scratchBytes)),
    inputs: program.inputs.length,
    outputs: program.outputs.length,
    extents: program.extents.map((e) => (e.input ? { input: e.input.index, axis: e.input.axis } : {})),
    plan,
  };
  return { run: (inputs) => walk(walked, weights.buffer, 0, inputs) };
}

/** A tensor from values of the dtype's compute type. */
export function tensorOf(dtype: DType, dims: readonly number[], values: readonly Scalar[]): WalkedTensor {
  return { data: viewBytes(dtype, writeElements(dtype, values)), dims };
}

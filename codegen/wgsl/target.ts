/** WGSL: compute shaders for WebGPU, and a manifest that says how to dispatch them. */
import { createHash } from "node:crypto";
import { type Diagnostics, OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import { formatDim } from "../../ir/dim-text.ts";
import type { Manifest, ManifestKernel } from "../../runtime/manifest.ts";
import { arenaBytes, manifestBuffers, packWeights, shapeText, tensorInfo } from "../describe.ts";
import type { Program, ProgramKernel } from "../program.ts";
import type { Artifact, Target, TargetOptions } from "../target.ts";
import { printShader, type Shader } from "./print.ts";
import { scheduleWgsl, wgslMachine } from "./schedules.ts";
import { isStored } from "./types.ts";

/** The shader of a kernel, or undefined where WGSL has no form of it, which is then reported for every op it comes from. */
export function shaderOf({ nest, label, locations }: ProgramKernel, diagnostics: Diagnostics): Shader | undefined {
  try {
    return printShader(nest);
  } catch (e) {
    if (!(e instanceof OpError)) throw e;
    const location = locations[0] ?? { source: nest.name };
    diagnostics.error(e.code, location, `'${label}' does not run on WebGPU: ${e.message}`, { op: label, ...e.more });
    return undefined;
  }
}

const fileOf = (k: ProgramKernel): string => `${k.nest.name}.wgsl`;
const text = (d: Dim): number | string => (typeof d === "number" ? d : formatDim(d));

/**
 * The artifact of a program: a shader per kernel, the weights, and a manifest with workgroups, buffers and steps. Reports
 * kernels and tensors that WGSL has no form of.
 *
 * Who runs it gives every buffer memory of its own, `capacity` elements of four bytes each: WebGPU binds no memory for
 * reading and writing at once. A bool takes four bytes there, and one in the weights' file.
 */
function emitWgsl(program: Program, options: TargetOptions, diagnostics: Diagnostics): Artifact {
  checkInterface(program, diagnostics);
  const files = new Map<string, string | Uint8Array>();
  const kernels = program.kernels.map((k): ManifestKernel => {
    const shader = shaderOf(k, diagnostics);
    if (shader) files.set(fileOf(k), shader.text);
    return {
      entry: k.nest.name,
      label: k.label,
      scratchBytes: 0,
      file: fileOf(k),
      workgroups: shader ? (shader.workgroups.map(text) as [number, number, number]) : [0, 0, 0],
      extents: k.nest.extents.map((e) => e.name),
    };
  });
  const weights = packWeights(program);
  files.set("weights.bin", weights);
  const manifest: Manifest = {
    format: 1,
    generator: "sinter",
    model: options.name,
    target: "wgsl",
    options: {},
    inputs: program.inputs.map(tensorInfo),
    outputs: program.outputs.map(tensorInfo),
    extents: program.extents.map((e) => ({ name: e.name, ...(e.input && { input: e.input.index, axis: e.input.axis }) })),
    arenaBytes: arenaBytes(program),
    weights: { file: "weights.bin", bytes: weights.byteLength, sha256: createHash("sha256").update(weights).digest("hex") },
    files: [...files.keys(), "manifest.json"],
    buffers: manifestBuffers(program).map((b, i) => ({ ...b, capacity: text(program.buffers[i]!.capacity) })),
    kernels,
    steps: program.steps,
  };
  files.set("manifest.json", `${JSON.stringify(manifest, null, 1)}\n`);
  return { files, manifest };
}

/** Tensors that no shader touches must have memory in WGSL as well: copies move them. */
function checkInterface(program: Program, diagnostics: Diagnostics): void {
  for (const { name, type } of [...program.inputs, ...program.outputs]) {
    if (isStored(type.dtype)) continue;
    diagnostics.error("unsupported-type", { source: `'${name}'` }, `WebGPU has no memory of type ${type.dtype}`, {
      received: `${type.dtype}[${shapeText(type.shape).join(",")}]`,
    });
  }
}

export const wgslTarget: Target = {
  name: "wgsl",
  summary: "WGSL compute shaders for WebGPU, with a manifest that says how to dispatch them",
  machine: () => wgslMachine,
  passes: () => [],
  schedule: scheduleWgsl,
  emit: emitWgsl,
};

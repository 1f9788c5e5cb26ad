/** JavaScript: needs no toolchain, folds constants, and is the reference the other targets are held against. */
import { createHash } from "node:crypto";
import type { Dim } from "../../ir/dim.ts";
import type { Stage } from "../../ir/stage.ts";
import type { Manifest } from "../../runtime/manifest.ts";
import type { Program } from "../program.ts";
import { arenaBytes, manifestBuffers, packWeights, tensorInfo } from "../describe.ts";
import type { Schedule } from "../schedule.ts";
import type { Artifact, Machine, Target, TargetOptions } from "../target.ts";
import { JsModule } from "./print.ts";

/** Loops in the order of the axes, the fold inside, one lane. */
export function scalarSchedule(stage: Stage): Schedule {
  const axes = stage.axes.map((a) => a.name);
  const folds = (stage.fold?.axes ?? []).map((a) => a.name);
  const last = axes.at(-1);
  return { order: [...axes, ...folds], ...(stage.fold && last !== undefined && { accumulateIn: last }) };
}

export const jsMachine: Machine = { name: "js", lanes: 1, registers: 16, l1: 32768, l2: 1048576 };

/** `kernels`, `plan` and what they need, as statements; codecs of small floats come from the function `codecsFrom`, if named. */
export function moduleText(program: Program, codecsFrom?: string): string {
  const module = new JsModule(codecsFrom);
  for (const k of program.kernels) module.add(k.nest);
  const names = program.kernels.map((k) => k.nest.name);
  const plan = planText(program, module);
  return `"use strict";\n${module.prelude}${module.functions.join("\n")}\nconst kernels = [${names.join(", ")}];\n${plan}\n`;
}

function planText(program: Program, module: JsModule): string {
  const list = (dims: readonly Dim[]): string => `[${dims.map((d) => module.dimText(d)).join(", ")}]`;
  const shapes = program.buffers.map((b) => list(b.shape)).join(", ");
  const extents = program.extents.map((e, i) => `  const ${module.extentName(e.name)} = extents[${i}];\n`).join("");
  const capacities = list(program.buffers.map((b) => b.capacity));
  return `function plan(extents) {\n${extents}  return { slots: ${list(program.slots)}, capacities: ${capacities}, shapes: [${shapes}] };\n}`;
}

function emitJs(program: Program, options: TargetOptions): Artifact {
  const weights = packWeights(program);
  const manifest: Manifest = {
    format: 1,
    generator: "sinter",
    model: options.name,
    target: "js",
    options: {},
    inputs: program.inputs.map(tensorInfo),
    outputs: program.outputs.map(tensorInfo),
    extents: program.extents.map((e) => ({ name: e.name, ...(e.input && { input: e.input.index, axis: e.input.axis }) })),
    arenaBytes: arenaBytes(program),
    weights: { file: "weights.bin", bytes: weights.byteLength, sha256: createHash("sha256").update(weights).digest("hex") },
    files: ["kernels.js", "weights.bin"],
    buffers: manifestBuffers(program),
    kernels: program.kernels.map((k) => ({ entry: k.nest.name, label: k.label, scratchBytes: k.scratchBytes })),
    steps: program.steps,
  };
  const files = new Map<string, string | Uint8Array>([
    ["kernels.js", `${moduleText(program)}export { kernels, plan };\n`],
    ["weights.bin", weights],
    ["manifest.json", `${JSON.stringify(manifest, null, 1)}\n`],
  ]);
  return { files, manifest };
}

export const jsTarget: Target = {
  name: "js",
  summary: "JavaScript modules for Node and browsers; no toolchain needed",
  machine: () => jsMachine,
  passes: () => [],
  schedule: scalarSchedule,
  emit: emitJs,
};

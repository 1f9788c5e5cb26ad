/** Programs as text, for reading: interface, buffers and where they lie, kernels, nested steps. */
import type { Dim } from "../ir/dim.ts";
import { formatDim } from "../ir/dim-text.ts";
import { formatType } from "../ir/type.ts";
import type { BufferIndex, Program, ProgramBuffer, Step, Storage } from "./program.ts";

/**
 * ```
 * program lenet
 * inputs
 *   x: f32[n,1,8,8] = b0
 * extents
 *   n: axis 0 of input 0
 * slots
 *   0: 4096 bytes
 * weights: 512 bytes
 * buffers
 *   b0 x: f32[n,1,8,8] input 0
 * kernels
 *   k0_conv: conv+relu, 8 parts, 0 bytes of scratch
 * steps
 *   run k0_conv(b0, b3) [n]
 * ```
 */
export function printProgram(program: Program): string {
  const { inputs, outputs, extents, slots, buffers, kernels } = program;
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ["inputs", inputs.map((i) => `${i.name}: ${formatType(i.type)} = b${i.buffer}`)],
    ["outputs", outputs.map((o) => `${o.name}: ${formatType(o.type)} = b${o.buffer}`)],
    ["extents", extents.map((e) => `${e.name}: ${sourceText(e)}`)],
    ["slots", slots.map((bytes, i) => `${i}: ${formatDim(bytes)} bytes`)],
    [`weights: ${program.weightBytes} bytes`, []],
    ["buffers", buffers.map(bufferText)],
    ["kernels", kernels.map((k) => `${k.nest.name}: ${k.label}, ${countText(k.count)}, ${k.scratchBytes} bytes of scratch`)],
    ["steps", program.steps.flatMap((s) => new StepPrinter(program).lines(s))],
  ];
  const lines = sections.filter(([head, body]) => body.length > 0 || head.startsWith("weights"));
  return [`program ${program.name}`, ...lines.flatMap(([head, body]) => [head, ...body.map((l) => `  ${l}`)]), ""].join("\n");
}

const countText = (count: Dim): string => (count === 1 ? "1 part" : `${formatDim(count)} parts`);

const sourceText = (e: Program["extents"][number]): string =>
  e.input ? `axis ${e.input.axis} of input ${e.input.index}` : `computed, at most ${formatDim(e.capacity ?? 0)}`;

function bufferText(b: ProgramBuffer, i: number): string {
  const type = formatType({ kind: "tensor", dtype: b.dtype, shape: b.shape });
  return `b${i}${b.name ? ` ${b.name}` : ""}: ${type} ${storageText(b.storage)}`;
}

function storageText(s: Storage): string {
  switch (s.kind) {
    case "input":
    case "output":
      return `${s.kind} ${s.index}`;
    case "constant":
      return `weights + ${s.offset}`;
    case "arena":
      return `slot ${s.slot} + ${s.offset}`;
  }
}

class StepPrinter {
  constructor(private readonly program: Program) {}

  lines(step: Step): string[] {
    switch (step.kind) {
      case "run":
        return [this.run(step)];
      case "copy":
        return [`copy b${step.from} to b${step.to}${step.iteration === undefined ? "" : ` at iteration b${step.iteration}`}`];
      case "extent":
        return [`extent ${this.extent(step.extent)} = b${step.from}`];
      case "if":
        return [
          `if b${step.condition} {`,
          ...this.block(step.then),
          ...(step.else.length > 0 ? ["} else {", ...this.block(step.else)] : []),
          "}",
        ];
      case "loop":
        return [
          `loop b${step.iteration}${ofBuffer(" limit", step.limit)}${ofBuffer(" while", step.condition)} {`,
          ...this.block(step.steps),
          "}",
        ];
    }
  }

  private block(steps: readonly Step[]): string[] {
    return steps.flatMap((s) => this.lines(s)).map((l) => `  ${l}`);
  }

  private run({ kernel, args, extents }: Extract<Step, { kind: "run" }>): string {
    const sizes = extents.length > 0 ? ` [${extents.map((e) => this.extent(e)).join(", ")}]` : "";
    return `run ${this.program.kernels[kernel]!.nest.name}(${args.map((b) => `b${b}`).join(", ")})${sizes}`;
  }

  private extent(index: number): string {
    return this.program.extents[index]!.name;
  }
}

const ofBuffer = (word: string, b: BufferIndex | undefined): string => (b === undefined ? "" : `${word} b${b}`);

/**
 * The distinct convolutions of ResNet-50 and three matrix products, of floats or of 8-bit integers, as shares of the
 * machine's peak of f32 on one core.
 */
import { machineFor } from "../codegen/c/machine.ts";
import { cTarget } from "../codegen/c/target.ts";
import { optimize, programFor } from "../codegen/compile.ts";
import type { Program } from "../codegen/program.ts";
import { Builder } from "../ir/define.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { Add, Conv, constantValue, ConvInteger, Gemm, MatmulInteger, Relu } from "../ir/ops/index.ts";
import { tensor } from "../ir/type.ts";
import { measurePeak, timeStep } from "./c-timing.ts";

interface Case {
  readonly name: string;
  readonly flops: number;
  readonly label: string;
  readonly program: (options: Options) => Program;
}

/** Input channels, extent, output channels, window, stride. K. He and others, 2015, table 1, with the strides in the first convolution of a block. */
const convolutions = [
  [3, 224, 64, 7, 2],
  [64, 56, 64, 1, 1],
  [64, 56, 64, 3, 1],
  [64, 56, 256, 1, 1],
  [256, 56, 64, 1, 1],
  [256, 56, 128, 1, 2],
  [128, 28, 128, 3, 1],
  [128, 28, 512, 1, 1],
  [256, 56, 512, 1, 2],
  [512, 28, 128, 1, 1],
  [512, 28, 256, 1, 2],
  [256, 14, 256, 3, 1],
  [256, 14, 1024, 1, 1],
  [512, 28, 1024, 1, 2],
  [1024, 14, 256, 1, 1],
  [1024, 14, 512, 1, 2],
  [512, 7, 512, 3, 1],
  [512, 7, 2048, 1, 1],
  [1024, 14, 2048, 1, 2],
  [2048, 7, 512, 1, 1],
] as const;

/** Rows, columns, inner extent. */
const products = [
  [960, 1024, 1024],
  [384, 768, 768],
  [128, 3072, 768],
] as const;

interface Options {
  readonly name: string;
  readonly mcpu: string;
}

/** What is multiplied: f32, or u8 with a zero point by i8. */
export type Factors = "f32" | "u8";

function compile(options: Options, build: (b: Builder) => Value): Program {
  const graph = new Graph("bench");
  graph.setOutputs([build(new Builder(graph))]);
  optimize(graph, cTarget, options, new Diagnostics());
  return programFor(graph, cTarget, options);
}

const weights = (b: Builder, shape: readonly number[], dtype: "f32" | "i8" = "f32"): Value =>
  constantValue(
    b,
    dtype,
    shape,
    Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => (i % 5) - 2),
  );

const zeroPoint = (b: Builder): Value => constantValue(b, "u8", [], [3]);

function convolution([channels, extent, outputs, window, stride]: (typeof convolutions)[number], factors: Factors): Case {
  const pad = (window - 1) / 2;
  const out = Math.floor((extent + 2 * pad - window) / stride) + 1;
  const shape = [outputs, channels, window, window];
  const attributes = {
    strides: [stride, stride],
    pads: [
      [pad, pad],
      [pad, pad],
    ],
  } as const;
  return {
    name: `conv ${window}x${window}/${stride} ${channels}x${extent}x${extent} to ${outputs}`,
    flops: 2 * channels * window * window * outputs * out * out,
    label: "conv_packed",
    program: (options) =>
      compile(options, (b) => {
        const x = b.graph.addInput("x", tensor(factors, [1, channels, extent, extent]));
        const y =
          factors === "f32"
            ? b.create(Conv, { x, w: weights(b, shape), b: weights(b, [outputs]) }, attributes)
            : b.create(ConvInteger, { x, w: weights(b, shape, "i8"), x_zero_point: zeroPoint(b) }, attributes);
        return b.create(Relu, { x: y });
      }),
  };
}

function product([rows, columns, inner]: (typeof products)[number], factors: Factors): Case {
  return {
    name: `gemm ${rows}x${columns}x${inner}`,
    flops: 2 * rows * columns * inner,
    label: "matmul_packed",
    program: (options) =>
      compile(options, (b) => {
        const a = b.graph.addInput("a", tensor(factors, [rows, inner]));
        if (factors === "u8") return b.create(MatmulInteger, { a, b: weights(b, [inner, columns], "i8"), a_zero_point: zeroPoint(b) });
        return b.create(Add, { a: b.create(Gemm, { a, b: weights(b, [inner, columns]) }), b: weights(b, [columns]) });
      }),
  };
}

/** Prints a line per case whose name contains `filter`, and the average share, for a value of `--mcpu`. */
export function benchKernels(filter: string, factors: Factors, mcpu: string): void {
  const { lanes } = machineFor(mcpu);
  const peak = measurePeak(lanes, mcpu);
  console.log(`one core, ${lanes} lanes: ${peak.toFixed(1)} GFLOP/s of fused multiply-adds of f32`);
  const cases = [...convolutions.map((c) => convolution(c, factors)), ...products.map((p) => product(p, factors))].filter((c) =>
    c.name.includes(filter),
  );
  const shares = cases.map((c) => {
    const seconds = timeStep(c.program({ name: "bench", mcpu }), c.label, mcpu);
    const rate = c.flops / seconds / 1e9;
    console.log(
      `${c.name.padEnd(38)} ${rate.toFixed(1).padStart(7)} ${factors === "f32" ? "GFLOP/s" : "GOP/s"}  ${(rate / peak).toFixed(2)}`,
    );
    return rate / peak;
  });
  const average = shares.reduce((a, b) => a + b, 0) / shares.length;
  console.log(`share of the peak: ${average.toFixed(2)} on average, ${Math.min(...shares).toFixed(2)} at least`);
}

/** The distinct convolutions of ResNet-50 and three matrix products, as shares of the machine's peak on one core. */
import { machineFor } from "../codegen/c/machine.ts";
import { cTarget } from "../codegen/c/target.ts";
import { optimize, programFor } from "../codegen/compile.ts";
import type { Program } from "../codegen/program.ts";
import { Builder } from "../ir/define.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { Add, Conv, constantValue, Gemm, Relu } from "../ir/ops/index.ts";
import { tensor } from "../ir/type.ts";
import { measurePeak, timeStep } from "./c-timing.ts";

interface Case {
  readonly name: string;
  readonly flops: number;
  readonly label: string;
  readonly program: () => Program;
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

const options = { name: "bench", mcpu: "native" };

function compile(build: (b: Builder) => Value): Program {
  const graph = new Graph("bench");
  graph.setOutputs([build(new Builder(graph))]);
  optimize(graph, cTarget, options, new Diagnostics());
  return programFor(graph, cTarget, options);
}

const weights = (b: Builder, shape: readonly number[]): Value =>
  constantValue(
    b,
    "f32",
    shape,
    Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => (i % 5) - 2),
  );

function convolution([channels, extent, outputs, window, stride]: (typeof convolutions)[number]): Case {
  const pad = (window - 1) / 2;
  const out = Math.floor((extent + 2 * pad - window) / stride) + 1;
  return {
    name: `conv ${window}x${window}/${stride} ${channels}x${extent}x${extent} to ${outputs}`,
    flops: 2 * channels * window * window * outputs * out * out,
    label: "conv_packed",
    program: () =>
      compile((b) => {
        const x = b.graph.addInput("x", tensor("f32", [1, channels, extent, extent]));
        const operands = { x, w: weights(b, [outputs, channels, window, window]), b: weights(b, [outputs]) };
        return b.create(Relu, {
          x: b.create(Conv, operands, {
            strides: [stride, stride],
            pads: [
              [pad, pad],
              [pad, pad],
            ],
          }),
        });
      }),
  };
}

function product([rows, columns, inner]: (typeof products)[number]): Case {
  return {
    name: `gemm ${rows}x${columns}x${inner}`,
    flops: 2 * rows * columns * inner,
    label: "matmul_packed",
    program: () =>
      compile((b) => {
        const a = b.graph.addInput("a", tensor("f32", [rows, inner]));
        return b.create(Add, { a: b.create(Gemm, { a, b: weights(b, [inner, columns]) }), b: weights(b, [columns]) });
      }),
  };
}

/** Prints a line per case whose name contains `filter`, and the average share. */
export function benchKernels(filter = ""): void {
  const { lanes } = machineFor("native");
  const peak = measurePeak(lanes);
  console.log(`one core, ${lanes} lanes: ${peak.toFixed(1)} GFLOP/s of fused multiply-adds`);
  const cases = [...convolutions.map(convolution), ...products.map(product)].filter((c) => c.name.includes(filter));
  const shares = cases.map((c) => {
    const seconds = timeStep(c.program(), c.label);
    const rate = c.flops / seconds / 1e9;
    console.log(`${c.name.padEnd(38)} ${rate.toFixed(1).padStart(7)} GFLOP/s  ${(rate / peak).toFixed(2)}`);
    return rate / peak;
  });
  const average = shares.reduce((a, b) => a + b, 0) / shares.length;
  console.log(`share of the peak: ${average.toFixed(2)} on average, ${Math.min(...shares).toFixed(2)} at least`);
}

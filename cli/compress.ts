/** What `sinter convert` does to make a model smaller: narrower weights, and 8-bit integers throughout. */
import type { Argv } from "yargs";
import { passContext } from "../codegen/compile.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import { Gemm, Matmul } from "../ir/ops/matmul.ts";
import { cse } from "../passes/cse.ts";
import { dce } from "../passes/dce.ts";
import { defaultPasses } from "../passes/index.ts";
import { runPasses } from "../passes/pipeline.ts";
import { quantizableProducts, quantizableValues, quantizeActivations } from "../passes/quantize/activations.ts";
import { correctBias } from "../passes/quantize/correct-biases.ts";
import { Histogram, type RangeMethod, rangeMethods } from "../passes/quantize/histogram.ts";
import { halveWeights, type QuantizedWeight, quantizeWeights, type WeightOptions } from "../passes/quantize/weights.ts";
import type { Tensor } from "../runtime/node/session.ts";
import { observe, readSamples, type Sample } from "./calibrate.ts";
import { UsageError } from "./failure.ts";
import { formatTable, grouped } from "./table.ts";

export interface CompressArguments {
  readonly fp16Weights?: boolean | undefined;
  readonly weightBits?: string | undefined;
  readonly quantize?: string | undefined;
  readonly ranges?: RangeMethod | undefined;
  readonly biasCorrection?: boolean | undefined;
}

export const compressArguments = <T>(y: Argv<T>) =>
  y
    .option("fp16-weights", { type: "boolean", describe: "store f32 weights as f16" })
    .option("weight-bits", {
      type: "string",
      choices: ["8", "4", "mixed"],
      describe: "store weights as integers of so many bits; mixed: 4 where that loses little",
    })
    .option("quantize", {
      type: "string",
      requiresArg: true,
      describe: "8-bit integers throughout, by runs on the samples in this folder (.npy)",
    })
    .option("ranges", { choices: rangeMethods, describe: "how --quantize chooses what 8 bits span; default: min-max" })
    .option("bias-correction", { type: "boolean", describe: "with --quantize: biases take back what rounded weights shift" });

/** Whether the arguments ask for anything; throws a `UsageError` where they do not go together. */
export function isCompressed(args: CompressArguments): boolean {
  const asked = [
    args.fp16Weights === true && "--fp16-weights",
    args.weightBits !== undefined && "--weight-bits",
    args.quantize !== undefined && "--quantize",
  ];
  const named = asked.filter((a) => a !== false);
  if (named.length > 1) throw new UsageError(`${named.join(" and ")} exclude each other`);
  if (args.quantize === undefined && (args.ranges !== undefined || args.biasCorrection))
    throw new UsageError("--ranges and --bias-correction belong to --quantize");
  return named.length > 0;
}

/** A smaller graph and what is to be said of it. */
export interface Compressed {
  readonly graph: Graph;
  readonly report: string;
}

/** The model made smaller; `load` gives it anew each time. */
export async function compress(load: () => Promise<Graph>, args: CompressArguments): Promise<Compressed> {
  if (args.quantize !== undefined) return quantize(load, args.quantize, args);
  const graph = await load();
  if (args.fp16Weights) return { graph, report: `f16 weights: ${grouped(halveWeights(graph))} bytes less` };
  const bits = args.weightBits === "mixed" ? "mixed" : (Number(args.weightBits) as WeightOptions["bits"]);
  const report = weightReport(quantizeWeights(graph, { bits }));
  dce.run(graph, passContext(new Diagnostics()));
  return { graph, report };
}

const decibels = (x: number): string => (x === Infinity ? "exact" : `${x.toFixed(1)} dB`);

function weightReport(rows: readonly QuantizedWeight[]): string {
  const sum = (of: (r: QuantizedWeight) => number): number => rows.reduce((total, r) => total + of(r), 0);
  const cells = rows.map((r) => [r.name, `${r.bits}`, grouped(r.bytesBefore), grouped(r.bytesAfter), decibels(r.sqnr)]);
  const total = ["all", "", grouped(sum((r) => r.bytesBefore)), grouped(sum((r) => r.bytesAfter)), ""];
  return formatTable(["weights", "bits", "bytes before", "bytes after", "signal to error"], [...cells, total]);
}

/** The graph as it is quantised: normalisations are in the weights, products are as simple as they get. */
async function prepared(load: () => Promise<Graph>): Promise<Graph> {
  const graph = await load();
  runPasses(graph, defaultPasses(), passContext(new Diagnostics()));
  return graph;
}

async function quantize(load: () => Promise<Graph>, folder: string, args: CompressArguments): Promise<Compressed> {
  const first = await prepared(load);
  const samples = readSamples(folder, first.inputs);
  const seen = await calibrate(first, samples);
  const make = async (): Promise<{ graph: Graph; values: Value[]; weights: QuantizedWeight[] }> => {
    const graph = await prepared(load);
    const values = quantizableValues(graph);
    if (args.biasCorrection) correctBiases(graph, values, seen);
    const of = new Map(values.map((v, i) => [v, seen[i]!.histogram.range(args.ranges ?? "min-max")]));
    quantizeActivations(values, (v) => of.get(v)!);
    const weights = quantizeWeights(graph, { bits: 8, least: 1 });
    runPasses(graph, [cse, dce], passContext(new Diagnostics()));
    return { graph, values, weights };
  };
  const { graph, weights } = await make();
  const errors = await errorReport(await make(), seen, samples);
  return { graph, report: `${weightReport(weights)}\n\n${errors}` };
}

/** What calibration saw of one value. */
interface Seen {
  readonly histogram: Histogram;
  /** Means of each channel: axis 1 of images, the last of all else. */
  readonly means: Means;
  /** What it was for the first sample. */
  first: Float32Array;
}

async function calibrate(graph: Graph, samples: readonly Sample[]): Promise<Seen[]> {
  const values = quantizableValues(graph);
  const seen = values.map((): Seen => ({ histogram: new Histogram(), means: new Means(), first: new Float32Array(0) }));
  await observe(graph, values, samples, (tensors, k) => {
    tensors.forEach((t, i) => {
      seen[i]!.histogram.add(floats(t));
      seen[i]!.means.add(floats(t), t.dims);
      if (k === 0) seen[i]!.first = floats(t).slice();
    });
  });
  return seen;
}

const floats = (t: Tensor): Float32Array => t.data as Float32Array;

class Means {
  private sums = new Float64Array(0);
  private count = 0;

  add(values: Float32Array, dims: readonly number[]): void {
    const axis = dims.length === 4 ? 1 : dims.length - 1;
    const channels = dims[axis]!;
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    if (this.sums.length !== channels) this.sums = new Float64Array(channels);
    values.forEach((v, i) => (this.sums[Math.floor(i / inner) % channels]! += v));
    this.count += values.length / channels;
  }

  get all(): Float64Array {
    return this.sums.map((s) => s / this.count);
  }
}

function correctBiases(graph: Graph, values: readonly Value[], seen: readonly Seen[]): void {
  for (const op of quantizableProducts(graph)) {
    const at = values.indexOf(op.operand(0)!);
    if (at >= 0 && channelsFit(op)) correctBias(op, seen[at]!.means.all);
  }
}

/** Whether the channels of the data are where `Means` looks for them. */
const channelsFit = (op: Op): boolean => {
  const isMatrix = op.definition === Matmul || (op.definition === Gemm && op.attributes["trans_a"] !== true);
  return isMatrix ? op.operand(0)!.tensor.shape.length !== 4 : op.operand(0)!.tensor.shape.length === 4;
};

/** The quantised graph on the first sample beside the floats: power of the values over that of their error. */
async function errorReport(
  made: { graph: Graph; values: readonly Value[] },
  seen: readonly Seen[],
  samples: readonly Sample[],
): Promise<string> {
  const rows: string[][] = [];
  const names = made.values.map((v, i) => v.name || `${v.op?.name ?? "input"} ${i}`);
  await observe(made.graph, made.values, samples.slice(0, 1), (tensors) => {
    tensors.forEach((t, i) => rows.push([names[i]!, t.dims.join("x"), ...errorCells(seen[i]!.first, floats(t))]));
  });
  return formatTable(["layer", "shape", "signal to error", "greatest error"], rows);
}

function errorCells(exact: Float32Array, got: Float32Array): string[] {
  let [signal, noise, most] = [0, 0, 0];
  exact.forEach((e, i) => {
    const d = Math.abs(e - got[i]!);
    signal += e * e;
    noise += d * d;
    most = Math.max(most, d);
  });
  return [decibels(noise === 0 ? Infinity : 10 * Math.log10(signal / noise)), most.toPrecision(3)];
}

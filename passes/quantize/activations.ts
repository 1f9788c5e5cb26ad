/**
 * Full 8-bit quantisation: what flows between products is rounded to 8-bit integers by ranges that were seen in
 * calibration runs. The graph says so with `quantize_linear` and `dequantize_linear`; `integer-products` makes integer
 * arithmetic of it, and formats with quantised tensors take the pairs as their parameters.
 */
import { type AnyOpDefinition, Builder } from "../../ir/define.ts";
import { type Graph, Op, type Value } from "../../ir/graph.ts";
import { Clip, HardSwish, Relu, Relu6 } from "../../ir/ops/activation.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { Conv } from "../../ir/ops/conv.ts";
import { Add } from "../../ir/ops/elementwise.ts";
import { Concat } from "../../ir/ops/join.ts";
import { Gemm, Matmul } from "../../ir/ops/matmul.ts";
import { AvgPool, MaxPool } from "../../ir/ops/pool.ts";
import { DequantizeLinear, QuantizeLinear } from "../../ir/ops/quantize.ts";
import { Reshape, Transpose } from "../../ir/ops/shape.ts";
import { constantOf } from "../canonicalize/known.ts";
import { isUsedOnce } from "../pattern.ts";
import type { Range } from "./histogram.ts";
import { activationParameters, type Parameters } from "./parameters.ts";
import { weightOf } from "./weights.ts";

const products: readonly AnyOpDefinition[] = [Conv, Gemm, Matmul];
const activations: readonly AnyOpDefinition[] = [Relu, Relu6, Clip, HardSwish];
/** Their results have the parameters of their operand. */
const movements: readonly AnyOpDefinition[] = [MaxPool, Reshape, Transpose];
const others: readonly AnyOpDefinition[] = [Add, Concat, AvgPool];

const isProduct = (op: Op): boolean => products.includes(op.definition) && weightOf(op) !== undefined;
/** Whether the op takes and gives 8-bit integers. */
const isQuantized = (op: Op): boolean => isProduct(op) || [...activations, ...movements, ...others].includes(op.definition);

const isActivation = (op: Op): boolean => activations.includes(op.definition);
/** Whether the op takes `v` as data; bounds, biases and weights are none. */
const takesData = (op: Op, v: Value): boolean => (op.definition === Add || op.definition === Concat ? true : op.operand(0) === v);

/** Uses that will read the integers. */
const dataUses = (v: Value): Op[] =>
  [...v.uses].flatMap(({ user }) => (user instanceof Op && isQuantized(user) && takesData(user, v) ? [user] : []));

/** The addition of a bias to a product that nothing else reads. */
const isBiased = (op: Op): boolean => {
  const [a, b] = op.operands;
  return op.definition === Add && constantOf(b) !== undefined && a?.op !== undefined && isProduct(a.op) && isUsedOnce(a);
};
const isProductOrBiased = (op: Op): boolean => isProduct(op) || isBiased(op);

/** A bias or an activation after a product or a sum, alone, is one step with it: what is between is not rounded. */
const isInside = (v: Value): boolean => {
  const [use] = v.uses;
  if (v.op === undefined || !isUsedOnce(v) || !(use!.user instanceof Op)) return false;
  return isBiased(use!.user) || ((isProduct(v.op) || v.op.definition === Add) && isActivation(use!.user));
};

/** The values of the graph that calibration must observe and quantisation will round, in order. */
export function quantizableValues(graph: Graph): Value[] {
  const values = [...graph.inputs, ...[...graph.ops()].flatMap((op) => op.results)];
  return values.filter(
    (v) =>
      v.type.kind === "tensor" && v.type.dtype === "f32" && !constantOf(v) && !isInside(v) && dataUses(v).length > 0 && isNearProduct(v),
  );
}

/** A sum or a pool far from any product gains nothing: only what products read or make, directly or by movements, is rounded. */
function isNearProduct(v: Value): boolean {
  return dataUses(v).some((op) => isProduct(op) || isQuantizedResult(op)) || (v.op !== undefined && isQuantizedResult(v.op));
}
const isQuantizedResult = (op: Op): boolean =>
  isProductOrBiased(op) || op.operands.some((x) => x?.op !== undefined && isProductOrBiased(x.op));

/** Products with constant weights whose data is an observed value: what bias correction works on. */
export const quantizableProducts = (graph: Graph): Op[] => [...graph.ops()].filter((op) => isProduct(op));

/** Rounds the values to i8 where ops on integers read them; all other uses keep the floats. */
export function quantizeActivations(values: readonly Value[], rangeOf: (v: Value) => Range): void {
  const chosen = new Map<Value, Parameters>();
  for (const v of values) chosen.set(v, parametersOf(v, chosen, rangeOf));
  for (const v of values) roundValue(v, chosen.get(v)!);
}

/** Its operand's for a movement, its result's for what only a concatenation reads, else by its own range. */
function parametersOf(v: Value, chosen: ReadonlyMap<Value, Parameters>, rangeOf: (v: Value) => Range): Parameters {
  const given = v.op && movements.includes(v.op.definition) ? chosen.get(v.op.operand(0)!) : undefined;
  if (given) return given;
  const [use] = v.uses;
  const joined = isUsedOnce(v) && use!.user instanceof Op && use!.user.definition === Concat ? use!.user.result : undefined;
  return activationParameters(joined && dataUses(joined).length > 0 ? rangeOf(joined) : rangeOf(v));
}

function roundValue(v: Value, { scale, zeroPoint }: Parameters): void {
  const uses = [...v.uses].filter(({ user }) => user instanceof Op && isQuantized(user) && takesData(user, v));
  const graph = v.op?.graph ?? (v.def as Graph);
  const builder = new Builder(graph, v.op?.location, v.op ? v.op.next : [...graph.ops()][0]);
  const scaleValue = constantValue(builder, "f32", [], [scale]);
  const zero_point = constantValue(builder, "i8", [], [zeroPoint]);
  const integers = builder.create(QuantizeLinear, { x: v, scale: scaleValue, zero_point }, { to: "i8" });
  const rounded = builder.create(DequantizeLinear, { x: integers, scale: scaleValue, zero_point });
  for (const { user, index } of uses) (user as Op).setOperand(index, rounded);
}

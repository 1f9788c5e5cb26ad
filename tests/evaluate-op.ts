/** One op on given operands by the graph evaluator: for ops whose results are as large as the data says, and for decomposed ones. */
import { type AnyOpDefinition, Builder } from "../ir/define.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { normalize } from "../ir/scalar.ts";
import { computeType, tensor } from "../ir/type.ts";
import { evaluateGraph, type TensorResult, tensorResult } from "./evaluate-graph.ts";
import type { Given } from "./run-op.ts";

export interface Result {
  readonly shape: readonly number[];
  /** Of i64 and u64, too, as numbers. */
  readonly values: readonly number[];
}

/** The op's results, all of which are tensors. */
export function evaluateOp(
  definition: AnyOpDefinition,
  operands: Readonly<Record<string, Given | undefined>>,
  attributes: Readonly<Record<string, unknown>> = {},
): Result[] {
  const graph = new Graph("test");
  const inputs: TensorResult[] = [];
  const input = ({ dtype, shape, values }: Given): Value => {
    inputs.push(
      tensorResult(
        shape as readonly number[],
        values.map((x) => normalize(computeType(dtype), x)),
      ),
    );
    return graph.addInput("x", tensor(dtype, shape));
  };
  const named = Object.fromEntries(Object.entries(operands).map(([name, g]) => [name, g && input(g)]));
  graph.setOutputs(new Builder(graph).createAll(definition, named, attributes));
  return evaluateGraph(graph, inputs).map((r) => {
    if (r.kind !== "tensor") throw new Error(`a result is a ${r.kind}`);
    return { shape: r.shape, values: r.elements.map(Number) };
  });
}

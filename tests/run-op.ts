/** One op on given operands, by the interpreter: for tests that compare ops with plain loops. */
import { Interpreter } from "../codegen/interpret.ts";
import { runLoops } from "../codegen/interpret-loops.ts";
import { type AnyOpDefinition, Builder, namedOperands, type Routine } from "../ir/define.ts";
import type { Dim } from "../ir/dim.ts";
import { type Buffer, makeBuffer } from "../ir/expr.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { normalize, type Scalar } from "../ir/scalar.ts";
import type { Stage } from "../ir/stage.ts";
import { computeType, type DType, tensor } from "../ir/type.ts";

/** A tensor's elements in row-major order; numbers stand for bigints too. */
export interface Given {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly values: readonly Scalar[];
}

export interface Ran {
  readonly dtype: DType;
  /** With the extents' values. */
  readonly shape: readonly number[];
  /** Of i64 and u64, too, as numbers. */
  readonly values: readonly number[];
}

/** The op's results. `extents` gives the named extents in the operands' shapes their values. */
export function runOp(
  definition: AnyOpDefinition,
  operands: Readonly<Record<string, Given | readonly Given[] | undefined>>,
  attributes: Readonly<Record<string, unknown>> = {},
  extents: ReadonlyMap<string, number> = new Map(),
): Ran[] {
  const graph = new Graph("test");
  const interpreter = new Interpreter(extents);
  const buffers = new Map<Value, Buffer>();
  const input = ({ dtype, shape, values }: Given): Value => {
    const v = graph.addInput("x", tensor(dtype, shape));
    const b = makeBuffer("x", dtype, shape);
    buffers.set(v, b);
    interpreter.memory.set(
      b,
      values.map((x) => normalize(computeType(dtype), x)),
    );
    return v;
  };
  const named = Object.fromEntries(Object.entries(operands).map(([name, g]) => [name, g && ("dtype" in g ? input(g) : g.map(input))]));
  const op = new Builder(graph).createOp(definition, named, attributes);
  const results = op.results.map((r) => makeBuffer("y", r.tensor.dtype, r.tensor.shape));
  const context = { operands: namedOperands(op, (v) => buffers.get(v)!), attributes: op.attributes, results };
  if (definition.routine) runLoops(interpreter, (definition.routine as (c: unknown) => Routine)(context).body);
  else interpreter.run((definition.compute as (c: unknown) => readonly Stage[])(context));
  return results.map((b) => ({ dtype: b.dtype, shape: interpreter.shapeOf(b), values: interpreter.elements(b).map(Number) }));
}

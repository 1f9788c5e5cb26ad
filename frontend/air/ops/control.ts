/** Control flow: graphs that ops name become graphs of ours, or are lowered in place where it is known which one runs. */
import { constantContent } from "../../../ir/content.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import { Graph, type Value } from "../../../ir/graph.ts";
import { ConstantOp, constantValue } from "../../../ir/ops/constant.ts";
import { If, Loop, loopInputs } from "../../../ir/ops/control.ts";
import { Equal } from "../../../ir/ops/compare.ts";
import { IdentityOp } from "../../../ir/ops/identity.ts";
import { Reshape } from "../../../ir/ops/shape.ts";
import { Cast } from "../../../ir/ops/cast.ts";
import type { Builder } from "../../../ir/define.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

/** A graph of ours that `fill` makes; what it gives that is not its own is copied. */
function region(n: NodeContext, name: string, fill: (builder: Builder, graph: Graph) => readonly Value[]): Graph {
  const graph = new Graph(name);
  const builder = n.scope.builderOf(graph);
  const outputs = fill(builder, graph).map((v) =>
    v.op?.graph === graph && v.op.definition !== ConstantOp ? v : builder.create(IdentityOp, { x: v }),
  );
  graph.setOutputs(outputs);
  return graph;
}

/** A scalar of type bool: anything but zero is true. */
function truth(builder: Builder, v: Value): Value {
  if (v.tensor.shape.length > 1 || (v.tensor.shape.length === 1 && v.tensor.shape[0] !== 1))
    throw new OpError("a condition that is no scalar", "unsupported-attribute");
  const scalar = v.tensor.shape.length === 0 ? v : builder.create(Reshape, { x: v }, { shape: [] });
  return scalar.tensor.dtype === "bool" ? scalar : builder.create(Cast, { x: scalar }, { to: "bool" });
}

/** A branch by its number; numbers outside take the last one. */
const caseOf: Lowering = (n) => {
  const index = n.input("branch_index");
  const count = n.op.subgraphName.length;
  if (count === 0 || count > 256) return n.unsupported(`${count} branches`, "bad-attribute");
  const known = constantContent(index)?.[0];
  const inputs = n.inputs("input");
  if (known !== undefined) return n.scope.subgraph(known >= 0 && known < count ? known : count - 1, inputs);
  return branches(n, n.builder, n.reshape(index, []), inputs, 0);
};

function branches(n: NodeContext, builder: Builder, index: Value, inputs: readonly Value[], first: number): readonly Value[] {
  const count = n.op.subgraphName.length;
  if (first === count - 1) return n.scope.subgraph(first, inputs, builder);
  const then = region(n, `branch_${first}`, (inner) => n.scope.subgraph(first, inputs, inner));
  const otherwise = region(n, `after_${first}`, (inner) => branches(n, inner, index, inputs, first + 1));
  const number = constantValue(builder, index.tensor.dtype, [], [index.tensor.dtype === "i64" ? BigInt(first) : first]);
  const condition = builder.create(Equal, { a: index, b: number });
  return builder.createAll(If, { condition }, { then, else: otherwise });
}

const ifOf: Lowering = (n) => {
  const condition = truth(n.builder, n.input("cond"));
  const inputs = n.inputs("input");
  const known = constantContent(condition)?.[0];
  if (known !== undefined) return n.scope.subgraph(known ? 0 : 1, inputs);
  const [then, otherwise] = [0, 1].map((i) => region(n, i === 0 ? "then" : "else", (inner) => n.scope.subgraph(i, inputs, inner)));
  return n.createAll(If, { condition }, { then: then!, else: otherwise! });
};

/** Graph 0 says whether to go on, graph 1 is the body. */
const whileOf: Lowering = (n) => {
  const start = n.inputs("input");
  const types = start.map((v) => v.type);
  const goesOn = (inner: Builder, values: readonly Value[]): Value => {
    const [condition] = n.scope.subgraph(0, values, inner);
    return condition ? truth(inner, condition) : n.unsupported("the graph of the condition gives nothing", "invalid-graph");
  };
  const body = region(n, "body", (inner, graph) => {
    const [, , ...carried] = loopInputs(types).map((t, i) => graph.addInput(`carried_${i}`, t));
    const next = n.scope.subgraph(1, carried, inner);
    return [goesOn(inner, next), ...next];
  });
  return n.createAll(Loop, { condition: goesOn(n.builder, start), carried: start }, { body });
};

export const controlFamily: Family = {
  imports: { Case: caseOf, If: ifOf, PartitionedCall: (n) => n.scope.subgraph(0, n.inputs("args")), While: whileOf },
  exports: [],
};

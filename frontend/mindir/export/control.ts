/**
 * Control flow as function graphs: a branch is a function chosen by `Switch`; a loop is a function that calls itself, in
 * the form of MindSpore's own: a head that chooses between the body, which comes back to it, and the end.
 *
 * Functions take all that they use as inputs, but for small constants, which they have themselves.
 */
import type { Constant } from "../../../ir/attribute.ts";
import { isOp } from "../../../ir/define.ts";
import type { Graph, Op, Value } from "../../../ir/graph.ts";
import { ConstantOp } from "../../../ir/ops/constant.ts";
import { If, Loop } from "../../../ir/ops/control.ts";
import type { TensorType } from "../../../ir/type.ts";
import { capturedBy } from "../../captures.ts";
import { GraphWriter, literal, type Ref } from "./graph-writer.ts";
import { tensorMessage } from "./literals.ts";

type WriteOps = (graph: Graph, writer: GraphWriter) => void;

const isSmallConstant = (v: Value): boolean => isOp(v.op, ConstantOp) && v.name === "";

const named = (refs: readonly Ref[]): readonly string[] => refs.map((r) => r.ref);

/** A function graph with the values as inputs. */
function functionOf(writer: GraphWriter, what: string, inputs: readonly Value[]): GraphWriter {
  const made = new GraphWriter(writer.model, `${writer.name}_${what}`);
  for (const v of inputs) {
    const name = made.model.unique(`${made.name}:${v.name === "" ? "x" : v.name}`);
    made.message.input.push({ name, tensor: [tensorMessage(v.tensor)] });
    made.define(v, { ref: name });
  }
  return made;
}

function defineConstants(writer: GraphWriter, values: readonly Value[]): void {
  for (const v of values) writer.define(v, writer.dataConstant(v.op!.attributes["data"] as Constant));
}

const call = (writer: GraphWriter, fn: string, args: readonly string[], types: readonly TensorType[]): Ref =>
  writer.push(`REF::${fn}`, args, [writer.model.result(types)], "call");

/** A function with its first arguments; a call of what is chosen follows. */
function partial(writer: GraphWriter, fn: GraphWriter, args: readonly Value[]): Ref {
  const { opType } = writer.model.operator("Partial", {});
  return writer.push(opType, [fn.name, ...args.map((v) => writer.valueName(v))], [], "Partial");
}

function choice(writer: GraphWriter, condition: string, whenTrue: Ref, whenFalse: Ref, types: readonly TensorType[]): Ref {
  const { opType } = writer.model.operator("Switch", {});
  const chosen = writer.push(opType, [condition, ...named([whenTrue, whenFalse])], [], "Switch");
  return call(writer, chosen.ref, [], types);
}

function returnTuple(writer: GraphWriter, values: readonly Value[]): void {
  const types = values.map((v) => v.tensor);
  const tuple = writer.tuple(values, types);
  writer.message.output.push(outputOf(writer, tuple, types));
}

const outputOf = (writer: GraphWriter, tuple: Ref, types: readonly TensorType[]) => ({
  name: tuple.ref,
  denotation: "Tuple",
  attrInfo: { ...writer.model.result(types), name: "" },
});

const typesOf = (values: readonly Value[]): TensorType[] => values.map((v) => v.tensor);

/** The results of the op as elements of the tuple. */
function defineResults(op: Op, writer: GraphWriter, tuple: Ref, types: readonly TensorType[]): void {
  op.results.forEach((v, i) => {
    if (v.uses.size > 0) writer.define(v, writer.node("TupleGetItem", [tuple, literal(i)], {}, types[i]!));
  });
}

/** An `if`, a loop in the form of `while` (`loops.ts`), or a call. */
export function writeControl(op: Op, writer: GraphWriter, writeOps: WriteOps): void {
  writer.location = op.location;
  const types = typesOf(op.results);
  const write = isOp(op, If) ? writeIf : isOp(op, Loop) ? writeLoop : writeCall;
  defineResults(op, writer, write(op, writer, writeOps, types), types);
}

/** What a branch gives besides its results are extents, which the results have. */
function writeIf(op: Op, writer: GraphWriter, writeOps: WriteOps, all: readonly TensorType[]): Ref {
  const types = all.slice(0, all.length - (op.attributes["extents"] as readonly string[]).length);
  const branch = (key: "then" | "else"): Ref => {
    const graph = op.attributes[key] as Graph;
    const free = capturedBy(graph);
    const inputs = free.filter((v) => !isSmallConstant(v));
    const fn = functionOf(writer, key, inputs);
    defineConstants(fn, free.filter(isSmallConstant));
    writeOps(graph, fn);
    returnTuple(fn, graph.outputs.slice(0, types.length));
    return partial(writer, fn, inputs);
  };
  const [then, otherwise] = [branch("then"), branch("else")];
  return choice(writer, writer.valueName(op.operand(0)!), then, otherwise, types);
}

function writeLoop(op: Op, writer: GraphWriter, writeOps: WriteOps, types: readonly TensorType[]): Ref {
  const graph = op.attributes["body"] as Graph;
  const [, start, ...initial] = op.operands as readonly [undefined, Value, ...Value[]];
  const carried = graph.inputs.slice(2);
  const free = capturedBy(graph);
  const captured = free.filter((v) => !isSmallConstant(v));
  const head = functionOf(writer, "while", [graph.inputs[1]!, ...carried, ...captured]);
  const body = functionOf(writer, "body", [...carried, ...captured]);
  const end = functionOf(writer, "end", carried);
  const [back, exit] = [partial(head, body, [...carried, ...captured]), partial(head, end, carried)];
  const result = choice(head, head.valueName(graph.inputs[1]!), back, exit, types);
  head.message.output.push(outputOf(head, result, types));
  defineConstants(body, free.filter(isSmallConstant));
  writeOps(graph, body);
  const again = call(
    body,
    head.name,
    [...graph.outputs, ...captured].map((v) => body.valueName(v)),
    types,
  );
  body.message.output.push(outputOf(body, again, types));
  returnTuple(end, carried);
  return call(
    writer,
    head.name,
    [start, ...initial, ...captured].map((v) => writer.valueName(v)),
    types,
  );
}

function writeCall(op: Op, writer: GraphWriter, writeOps: WriteOps, types: readonly TensorType[]): Ref {
  const graph = op.attributes["body"] as Graph;
  const free = capturedBy(graph);
  const captured = free.filter((v) => !isSmallConstant(v));
  const fn = functionOf(writer, "call", [...graph.inputs, ...captured]);
  defineConstants(fn, free.filter(isSmallConstant));
  writeOps(graph, fn);
  returnTuple(fn, graph.outputs);
  return call(
    writer,
    fn.name,
    [...(op.operands as readonly Value[]), ...captured].map((v) => writer.valueName(v)),
    types,
  );
}

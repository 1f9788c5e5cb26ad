/** ONNX's control flow: bodies become graphs of ours; what is decided at compile time is lowered in place. */
import { constantContent, dimContent } from "../../../ir/content.ts";
import { Builder } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import { type Dim, product } from "../../../ir/dim.ts";
import type { Graph, Value } from "../../../ir/graph.ts";
import { Loop, loopInputs } from "../../../ir/ops/control.ts";
import { Min } from "../../../ir/ops/elementwise.ts";
import { Stack } from "../../../ir/ops/join.ts";
import { Expand, Reshape } from "../../../ir/ops/shape.ts";
import { formatType, sameType, tensor, type Type } from "../../../ir/type.ts";
import { createIf } from "../../if.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { flattenOutputs, rebuild, sameStructure, structureOf } from "./container.ts";
import { scan } from "./scan.ts";
import { makeSequence } from "./sequence.ts";
import { asScalar } from "./shape.ts";

/** Loops of up to so many iterations are unrolled when only that gives their values a type. */
const mostUnrolled = 1024;
/** Counts from here on say "until the condition fails". */
const noBound = 2 ** 31;

/** A value of `graph` as a scalar; the standard says [], exporters also write [1]. */
function scalarIn(graph: Graph, v: Value, n: NodeContext): Value {
  return v.type.kind === "tensor" && v.type.shape.length > 0
    ? new Builder(graph, n.builder.location).create(Reshape, { x: v }, { shape: [] })
    : v;
}

function ifNode(n: NodeContext): readonly Value[] {
  const known = n.knownNumbers(0)?.[0];
  if (known !== undefined) return n.inlined(known ? "then_branch" : "else_branch", []);
  const [then, otherwise] = [n.region("then_branch", []), n.region("else_branch", [])];
  const structures = [then, otherwise].map((g) => g.outputs.map(structureOf));
  const isKnown = structures[0]!.every((s, i) => s && structures[1]![i] && sameStructure(s, structures[1]![i]));
  if (!isKnown) return ifOf(n, then, otherwise);
  [then, otherwise].forEach(flattenOutputs);
  const tensors = [...ifOf(n, then, otherwise)];
  return structures[0]!.map((s) =>
    rebuild(n.builder, s!, tensors, (parts, { element }) => {
      const made = makeSequence(n, parts, element).type;
      return made.kind === "sequence" ? made.element : element;
    }),
  );
}

const ifOf = (n: NodeContext, then: Graph, otherwise: Graph): readonly Value[] =>
  createIf(n.builder, asScalar(n, n.input(0)), then, otherwise, () => n.freshExtent("chosen").name);

/** Through copies, to the value that was copied. */
const original = (v: Value): Value => (v.op?.name === "identity" ? original(v.op.operand(0)!) : v);

interface LoopStart {
  /** The count: a number or an extent where it is known, undefined where it is data or there is none. */
  readonly count: Dim | undefined;
  readonly isCounted: boolean;
  /** Whether the condition holds at first; undefined where it is data. */
  readonly condition: boolean | undefined;
  readonly carried: readonly Value[];
}

function loopStart(n: NodeContext): LoopStart {
  const given = n.knownDims(0)?.[0];
  const isCounted = n.optional(0) !== undefined && !(typeof given === "number" && given >= noBound);
  const known = n.optional(1) ? n.knownNumbers(1)?.[0] : 1;
  const count = typeof given === "number" ? Math.max(0, given) : given;
  return {
    count: isCounted ? count : undefined,
    isCounted,
    condition: known === undefined ? undefined : known !== 0,
    carried: n.inputs(2),
  };
}

function loopNode(n: NodeContext): readonly Value[] {
  const start = loopStart(n);
  const mayUnroll = typeof start.count === "number" && start.count <= mostUnrolled && start.condition !== undefined;
  const types = loopInputs(start.carried.map((v) => v.type));
  const isTyped = start.carried.every((v) => v.type.kind === "tensor");
  const { graph: body, lacksConstants } = isTyped || !mayUnroll ? n.tryRegion("body", types) : { lacksConstants: false };
  const misfit = body && fitOutputs(n, body, start.carried);
  if (body && misfit === undefined) return createLoop(n, start, body);
  body?.dispose();
  if (mayUnroll) return unrolled(n, start, start.count);
  if (body || lacksConstants || !isTyped) needsCount(n, start);
  if (misfit !== undefined) throw new OpError(misfit, "unsupported-type");
  return createLoop(n, start, n.region("body", types));
}

/** Asks for the count and the condition as constants where that would allow to unroll the loop. */
function needsCount(n: NodeContext, { count, condition }: LoopStart): void {
  if (n.optional(0) && count === undefined) n.numbers(0, "the number of iterations of a loop that must be unrolled");
  if (condition === undefined) n.numbers(1, "the condition of a loop that must be unrolled");
}

/** Gives the body's outputs the shapes of the carried values where only axes of one differ; says what does not fit. */
function fitOutputs(n: NodeContext, body: Graph, carried: readonly Value[]): string | undefined {
  const builder = new Builder(body, n.builder.location);
  let misfit: string | undefined;
  const outputs = body.outputs.map((v, i) => {
    if (i === 0) return scalarIn(body, v, n);
    const wanted = carried[i - 1]?.type;
    if (!wanted || sameType(wanted, v.type)) return v;
    if (
      wanted.kind === "tensor" &&
      v.type.kind === "tensor" &&
      wanted.dtype === v.type.dtype &&
      product(wanted.shape) === product(v.type.shape)
    ) {
      return builder.create(Reshape, { x: v }, { shape: wanted.shape });
    }
    misfit ??= `carried value ${i - 1} is ${formatType(wanted)} before an iteration and ${formatType(v.type)} after it`;
    return v;
  });
  body.setOutputs(outputs);
  return misfit;
}

function createLoop(n: NodeContext, start: LoopStart, body: Graph): readonly Value[] {
  const { carried } = start;
  const hasStacked = body.outputs.length > 1 + carried.length;
  const iterations = hasStacked ? iterationsOf(n, start, body) : undefined;
  const count = start.isCounted ? asScalar(n, n.input(0)) : undefined;
  const bound = iterations && "most" in iterations && start.count === undefined ? boundedCount(n, count, iterations.most) : count;
  const operands = {
    ...(bound && { count: bound }),
    ...(n.optional(1) && start.condition !== true && { condition: asScalar(n, n.input(1)) }),
    carried,
  };
  const results = n.createAll(Loop, operands, { body, ...iterations });
  return results.slice(0, body.outputs.length - 1);
}

/** The count, but no more than there is memory for: the file declares how many values the loop gives. */
function boundedCount(n: NodeContext, count: Value | undefined, most: Dim): Value {
  if (count && limitOf(n.input(0)) === most) return count;
  const bound = n.extentValue(most, "i64");
  return count ? n.create(Min, { a: count, b: bound }) : bound;
}

/** What a count cannot exceed where it is the lesser of two values one of which is known, as in loops that we export. */
function limitOf(count: Value | undefined): Dim | undefined {
  const op = count && original(count).op;
  return op?.definition === Min ? op.operands.map((v) => v && dimContent(v)?.[0]).find((d) => d !== undefined) : undefined;
}

/** The number of iterations where it is known before the loop runs, else the name of an extent and its bound. */
function iterationsOf(
  n: NodeContext,
  { count, condition, carried }: LoopStart,
  body: Graph,
): { steps: Dim } | { extent: string; most: Dim } {
  const next = original(body.outputs[0]!);
  const goesOn = next === body.inputs[1] || constantContent(next)?.[0] === 1;
  if (condition === false) return { steps: 0 };
  if (count !== undefined && condition === true && goesOn) return { steps: count };
  const declared = n.node.output.slice(carried.length).map((_, k) => n.declaredShape(carried.length + k)?.[0]);
  const most = count ?? declared.find((d) => d !== undefined) ?? limitOf(n.optional(0));
  if (most === undefined) {
    if (n.optional(0)) n.numbers(0, "the number of iterations, each of which gives values to keep,");
    n.unsupported(
      "nothing bounds the number of iterations, each of which gives values to keep",
      "unsupported-attribute",
      "give the loop a count, or declare the shape of the result",
    );
  }
  return { extent: n.freshExtent("steps").name, most };
}

/** The iterations one after the other, each lowered anew: types may differ from one to the next. */
function unrolled(n: NodeContext, { condition, carried }: LoopStart, count: number): readonly Value[] {
  let goesOn: boolean | undefined = condition;
  let values = carried;
  const stacked: Value[][] = [];
  for (let i = 0; i < count && goesOn; i++) {
    const [next, ...rest] = n.inlined("body", [n.scalar("i64", i), n.scalar("bool", 1), ...values]);
    if (!next || rest.length < values.length) throw new OpError("the body gives fewer values than it takes", "invalid-graph");
    const known = constantContent(original(next))?.[0];
    if (known === undefined) return n.unsupported("the loop must be unrolled, but whether it goes on depends on data", "unsupported-type");
    goesOn = known !== 0;
    values = rest.slice(0, values.length);
    rest.slice(values.length).forEach((v, k) => (stacked[k] ??= []).push(v));
  }
  return [...values, ...stackAll(n, stacked, carried)];
}

function stackAll(n: NodeContext, stacked: readonly (readonly Value[])[], carried: readonly Value[]): Value[] {
  const missing = n.outputCount - carried.length - stacked.length;
  if (missing <= 0) return stacked.map((xs) => n.create(Stack, { xs }, { axis: 0 }));
  const types = n
    .region("body", loopInputs(carried.map((v): Type => v.type)))
    .outputs.slice(1 + carried.length)
    .map((v) => v.tensor);
  return types.map((t) => n.create(Expand, { x: n.scalar(t.dtype, 0) }, { shape: tensor(t.dtype, [0, ...t.shape]).shape }));
}

export const controlLowerings: Lowerings = { If: ifNode, Loop: loopNode, Scan: scan };

/**
 * Calls of functions. Calls of graphs are inlined; a choice by data becomes an `if` whose branches are regions; graphs
 * that call themselves become loops (`loops.ts`) where data decides how often, and are unrolled where it is known.
 *
 * A call in tail position is not made by its caller: it is handed back, so that loops written as recursion are seen and
 * long chains of calls need no stack.
 */
import { constantContent } from "../../ir/content.ts";
import { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { Cast } from "../../ir/ops/cast.ts";
import { Equal, LogicalOr } from "../../ir/ops/compare.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { Reshape } from "../../ir/ops/shape.ts";
import { referenceOf } from "./call-graph.ts";
import type { Evaluator } from "./evaluate.ts";
import { Frame } from "./frame.ts";
import { importLoop } from "./loops.ts";
import type { MindirGraph, MindirNode } from "./messages.ts";
import { choose } from "./branches.ts";
import { plainName } from "./operator.ts";
import { type ChoiceItem, type ClosureItem, describe, type FunctionItem, type Item, isValue, tupleOf, unknown } from "./values.ts";

/** A call that its caller leaves to whoever called it. */
export interface TailCall {
  readonly kind: "call";
  readonly fn: Item;
  readonly items: readonly Item[];
}
/** How a function ends that does not go back to the head of a loop: with a value, or with a call that leaves the loop. */
export type Exit =
  | { readonly kind: "value"; readonly item: Item }
  /** All arguments are bound. */
  | { readonly kind: "leave"; readonly item: FunctionItem };
/** What running a function comes to. */
export type Outcome =
  | Exit
  /** It reaches the head of a loop that is being built, which is to run again on these arguments. */
  | { readonly kind: "again"; readonly graph: MindirGraph; readonly items: readonly Item[] }
  /** Data decides between both: a bool scalar says whether the loop runs again, the side not taken is filled up. */
  | { readonly kind: "either"; readonly graph: MindirGraph; readonly again: Value; readonly items: readonly Item[]; readonly exit: Exit };

/** Graphs of the loops that are being built with the arguments of the round, the innermost last. */
export type Heads = ReadonlyMap<MindirGraph, readonly Item[]>;

/** Tail calls one after the other; more would be a loop without end. */
const mostCalls = 10_000;

export class Calls {
  constructor(readonly evaluator: Evaluator) {}

  /** The result of a function for its arguments. */
  call(fn: Item, items: readonly Item[], builder: Builder): Item {
    return this.valueOf(this.run(fn, items, builder, new Map()));
  }

  /** The result of the graph of a frame whose inputs are defined. */
  result(frame: Frame): Item {
    const tail = this.tail(frame);
    return this.valueOf(tail.kind === "call" ? this.run(tail.fn, tail.items, frame.builder, new Map()) : tail);
  }

  private valueOf(outcome: Outcome): Item {
    if (outcome.kind !== "value") throw new Error("a loop's head was reached outside of the loop");
    return outcome.item;
  }

  run(fn: Item, items: readonly Item[], builder: Builder, heads: Heads): Outcome {
    return this.evaluator.nested(() => {
      let next: TailCall | Outcome = { kind: "call", fn, items };
      for (let count = 0; next.kind === "call"; count++) {
        if (count > mostCalls) throw new OpError(`the function calls itself more than ${mostCalls} times`, "limit");
        next = this.step(next, builder, heads);
      }
      return next;
    });
  }

  private step({ fn, items }: TailCall, builder: Builder, heads: Heads): Outcome | TailCall {
    if (isValue(fn)) return refuse(fn);
    switch (fn.kind) {
      case "unknown":
        return { kind: "value", item: unknown };
      case "operator":
        return { kind: "value", item: this.evaluator.apply(builder, fn.operator, [...fn.bound, ...items]) };
      case "choice":
        return this.choice(fn, items, builder, heads);
      case "closure":
        return this.enter(fn, [...fn.bound, ...items], builder, heads);
      default:
        return refuse(fn);
    }
  }

  private enter(fn: ClosureItem, items: readonly Item[], builder: Builder, heads: Heads): Outcome | TailCall {
    const { graph } = fn;
    if (heads.has(graph)) return { kind: "again", graph, items };
    if (this.leaves(graph, heads)) return { kind: "leave", item: { ...fn, bound: items } };
    if (this.evaluator.graphs.reaches(graph, graph, heads)) return importLoop(this, fn, items, builder, heads);
    return this.tail(this.frame(fn, items, builder));
  }

  /** Whether a call in tail position leaves the innermost loop for good. */
  private leaves(graph: MindirGraph, heads: Heads): boolean {
    const inner = [...heads.keys()].at(-1);
    if (!inner) return false;
    const outer = new Set([...heads.keys()].slice(0, -1));
    return !this.evaluator.graphs.reaches(graph, inner, outer);
  }

  private choice(fn: ChoiceItem, items: readonly Item[], builder: Builder, heads: Heads): Outcome | TailCall {
    const known = this.knownOption(fn);
    return known ? { kind: "call", fn: known, items: [...fn.bound, ...items] } : choose(this, fn, items, builder, heads);
  }

  /** The option that a selector which is a constant picks. */
  knownOption({ selector, options }: ChoiceItem): Item | undefined {
    const [index] = constantContent(selector) ?? [];
    return index === undefined ? undefined : options.at(index);
  }

  /** A frame for a call of the closure's graph. */
  frame({ graph, frame: parent }: ClosureItem, items: readonly Item[], builder: Builder): Frame {
    const frame = new Frame(graph, builder, parent);
    graph.input.forEach(({ name }, i) => {
      frame.define(name, items[i] ?? unknown);
    });
    this.evaluator.defineParameters(frame);
    return frame;
  }

  /** The result of a frame's graph, or the call that makes it. */
  tail(frame: Frame): { readonly kind: "value"; readonly item: Item } | TailCall {
    const { evaluator } = this;
    const names = frame.graph.output.map((o) => o.name);
    const chain = names.length === 1 ? this.chainTo(frame, names[0] as string) : [];
    const last = chain.at(-1);
    if (last?.opType === "Constant" || !last || evaluator.operatorOf(last)) {
      evaluator.evaluateNodes(frame);
      const items = evaluator.items(frame, names);
      return { kind: "value", item: names.length === 1 ? (items[0] as Item) : tupleOf(items) };
    }
    evaluator.evaluateNodes(frame, new Set(chain));
    frame.builder.location = evaluator.locationOf(last);
    return { kind: "call", fn: evaluator.lookup(frame, referenceOf(last) ?? ""), items: evaluator.items(frame, last.input) };
  }

  /** The node that makes a name's value, after the `Depend` nodes that only hand it on. */
  private chainTo(frame: Frame, name: string): MindirNode[] {
    const chain: MindirNode[] = [];
    for (let node = frame.own(name) ? undefined : frame.node(name); node && !chain.includes(node);) {
      chain.push(node);
      const operator = node.opType === "Constant" ? undefined : this.evaluator.operatorOf(node);
      const [source] = operator && plainName(operator.name) === "Depend" ? node.input : [];
      node = source === undefined ? undefined : frame.node(source);
      if (source !== undefined && !node) return [];
    }
    return chain;
  }

  /** A region of the builder's graph. */
  region(name: string, { location }: Builder): Builder {
    return new Builder(new Graph(name), location, undefined, this.evaluator.counted);
  }

  /** `value` as a bool scalar. */
  asCondition(value: Value, builder: Builder): Value {
    const x = value.tensor.dtype === "bool" ? value : builder.create(Cast, { x: value }, { to: "bool" });
    return x.tensor.shape.length === 0 ? x : builder.create(Reshape, { x }, { shape: [] });
  }

  /** Whether an integer scalar names option `index` of `count`, from the end where it is negative; as a bool scalar. */
  isIndex(value: Value, index: number, count: number, builder: Builder): Value {
    const x = builder.create(Cast, { x: value }, { to: "i64" });
    const a = x.tensor.shape.length === 0 ? x : builder.create(Reshape, { x }, { shape: [] });
    const is = (i: number): Value => builder.create(Equal, { a, b: constantValue(builder, "i64", [], [BigInt(i)]) });
    return builder.create(LogicalOr, { a: is(index), b: is(index - count) });
  }
}

function refuse(fn: Item): never {
  throw new OpError(`${describe(fn)} cannot be called`, "bad-operand");
}

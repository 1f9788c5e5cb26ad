/** A call of one of several functions, as data decides: an `if`. */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import { type Graph, graphOf, type Value } from "../../ir/graph.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import { differingExtents, If } from "../../ir/ops/control.ts";
import { IdentityOp } from "../../ir/ops/identity.ts";
import { Expand, Extents, Reshape } from "../../ir/ops/shape.ts";
import { LogicalNot } from "../../ir/ops/compare.ts";
import { computeType, type DType } from "../../ir/type.ts";
import type { Calls, Exit, Heads, Outcome } from "./functions.ts";
import type { MindirGraph } from "./messages.ts";
import { NodeContext } from "./node.ts";
import { plainOperator } from "./operator.ts";
import { type ChoiceItem, type ClosureItem, isKind, isValue, type Item, tupleOf, withTensors } from "./values.ts";

/** Calls whichever of the options the selector picks. */
export function choose(calls: Calls, fn: ChoiceItem, items: readonly Item[], builder: Builder, heads: Heads): Outcome {
  const { selector, options } = fn;
  const given = [...fn.bound, ...items];
  if (selector.tensor.dtype === "bool") {
    const [whenFalse, whenTrue] = options as readonly [Item, Item];
    const branch =
      (option: Item) =>
      (region: Builder): Outcome =>
        calls.run(option, given, region, heads);
    return branches(calls, selector, branch(whenTrue), branch(whenFalse), builder, heads);
  }
  return chooseByIndex(calls, selector, options, given, builder, heads);
}

function chooseByIndex(
  calls: Calls,
  selector: Value,
  options: readonly Item[],
  items: readonly Item[],
  builder: Builder,
  heads: Heads,
): Outcome {
  const pick =
    (from: number) =>
    (region: Builder): Outcome => {
      const option = options[from] as Item;
      const run = (inner: Builder): Outcome => calls.run(option, items, inner, heads);
      if (from === options.length - 1) return run(region);
      return branches(calls, calls.isIndex(selector, from, options.length, region), run, pick(from + 1), region, heads);
    };
  return pick(0)(builder);
}

type Branch = (region: Builder) => Outcome;

/** Both branches in regions of their own, and the `if` that chooses between what they come to. */
export function branches(calls: Calls, condition: Value, whenTrue: Branch, whenFalse: Branch, builder: Builder, heads: Heads): Outcome {
  const [then, otherwise] = [calls.region("then", builder), calls.region("else", builder)];
  const [a, b] = [whenTrue(then), whenFalse(otherwise)];
  const join = new Join(calls, then, otherwise, heads);
  const merged = joinOutcomes(join, a, b);
  const values = join.finish(condition, builder);
  return restored(merged, values);
}

/** An outcome with its tensors taken from `values`. */
function restored(outcome: Outcome, values: Iterator<Value>): Outcome {
  switch (outcome.kind) {
    case "value":
    case "leave":
      return restoredExit(outcome, values);
    case "again":
      return { ...outcome, items: outcome.items.map((item) => withTensors(item, values)) };
    case "either": {
      const again = withTensors(outcome.again, values) as Value;
      const items = outcome.items.map((item) => withTensors(item, values));
      return { ...outcome, again, items, exit: restoredExit(outcome.exit, values) };
    }
  }
}

function restoredExit(exit: Exit, values: Iterator<Value>): Exit {
  const item = withTensors(exit.item, values);
  return exit.kind === "value" ? { kind: "value", item } : { kind: "leave", item: item as ClosureItem };
}

/** The outcome that stands for both, with the tensors of the first; the join collects the pairs in order. */
function joinOutcomes(join: Join, a: Outcome, b: Outcome): Outcome {
  if (a.kind === "again" && b.kind === "again" && a.graph === b.graph) return { ...a, items: join.lists(a.items, b.items) };
  const graph = loopOf(a) ?? loopOf(b);
  if (!graph) return join.exits(a as Exit, b as Exit);
  if ((loopOf(a) ?? graph) !== (loopOf(b) ?? graph))
    throw new OpError("a branch goes back to the heads of two loops", "unsupported-attribute");
  const [exitA, exitB] = join.alike(exitOf(a), exitOf(b));
  const [fullA, fullB] = [join.complete(a, graph, exitA, join.then), join.complete(b, graph, exitB, join.otherwise)];
  const again = join.items(fullA.again, fullB.again) as Value;
  return { kind: "either", graph, again, items: join.lists(fullA.items, fullB.items), exit: join.exits(fullA.exit, fullB.exit) };
}

const isAlike = (a: Exit, b: Exit): boolean => a.kind === b.kind && (a.kind === "value" || a.item.graph === (b.item as ClosureItem).graph);
/** Calls in tail position that two ways out of a loop are followed before they must have met. */
const mostSteps = 32;

const loopOf = (o: Outcome): MindirGraph | undefined => (o.kind === "again" || o.kind === "either" ? o.graph : undefined);
const exitOf = (o: Outcome): Exit | undefined => (o.kind === "again" ? undefined : o.kind === "either" ? o.exit : o);

/** An outcome with both sides. */
interface Complete {
  readonly again: Value;
  readonly items: readonly Item[];
  readonly exit: Exit;
}

/** Pairs of tensors that two branches give, and what becomes of everything else. */
class Join {
  private readonly pairs: (readonly [Value, Value])[] = [];

  constructor(
    private readonly calls: Calls,
    readonly then: Builder,
    readonly otherwise: Builder,
    private readonly heads: Heads,
  ) {}

  lists(a: readonly Item[], b: readonly Item[]): Item[] {
    if (a.length !== b.length) throw new OpError(`one branch gives ${a.length} values, the other ${b.length}`);
    return a.map((item, i) => this.items(item, b[i] as Item));
  }

  items(a: Item, b: Item): Item {
    if (isKind(a, "tuple") && isKind(b, "tuple")) return tupleOf(this.lists(a.elements, b.elements));
    if (isKind(a, "closure") && isKind(b, "closure") && a.graph === b.graph) return { ...a, bound: this.lists(a.bound, b.bound) };
    if (!isValue(a) && !isValue(b) && isSameItem(a, b)) return a;
    if (isKind(a, "unknown") || isKind(b, "unknown")) return { kind: "unknown" };
    const like = isValue(a) ? a.tensor.dtype : isValue(b) ? b.tensor.dtype : undefined;
    this.pairs.push([this.tensor(a, like, this.then), this.tensor(b, like, this.otherwise)]);
    return (this.pairs.at(-1) as readonly [Value, Value])[0];
  }

  private tensor(item: Item, like: DType | undefined, builder: Builder): Value {
    return tensorOf(this.calls, item, builder, like);
  }

  /** Both exits as one; calls of different functions are made in their branches. */
  exits(a: Exit, b: Exit): Exit {
    if (a.kind === "leave" && b.kind === "leave" && a.item.graph === b.item.graph)
      return { kind: "leave", item: this.items(a.item, b.item) as ClosureItem };
    return { kind: "value", item: this.items(this.value(a, this.then), this.value(b, this.otherwise)) };
  }

  private value(exit: Exit, builder: Builder): Item {
    if (exit.kind === "value") return exit.item;
    const outcome = this.calls.run(exit.item, [], builder, this.outerHeads);
    if (outcome.kind === "value") return outcome.item;
    throw new OpError("a loop is left in ways that do not meet again", "unsupported-attribute");
  }

  private get outerHeads(): Heads {
    return new Map([...this.heads].slice(0, -1));
  }

  /** The exit, then what it comes to call one after the other, as far as no data decides. */
  private chain(exit: Exit, builder: Builder): Exit[] {
    const chain = [exit];
    for (let last = exit; last.kind === "leave" && !this.heads.has(last.item.graph) && chain.length < mostSteps;) {
      const tail = this.calls.tail(this.calls.frame(last.item, last.item.bound, builder));
      if (tail.kind === "call" && !isKind(tail.fn, "closure")) break;
      last =
        tail.kind === "value"
          ? tail
          : { kind: "leave", item: { ...(tail.fn as ClosureItem), bound: [...(tail.fn as ClosureItem).bound, ...tail.items] } };
      chain.push(last);
    }
    return chain;
  }

  /** Exits of one kind; where a branch has none, it gets zeros in place of what the other has. */
  alike(a: Exit | undefined, b: Exit | undefined): readonly [Exit, Exit] {
    if (!a || !b) {
      const given = (a ?? b) as Exit;
      const lent = (builder: Builder): Exit => ({ ...given, item: zerosLike(given.item, builder) }) as Exit;
      return [a ?? lent(this.then), b ?? lent(this.otherwise)];
    }
    const [chainA, chainB] = [this.chain(a, this.then), this.chain(b, this.otherwise)];
    for (const x of chainA) {
      const same = chainB.find((y) => isAlike(x, y));
      if (same) return [x, same];
    }
    return [
      { kind: "value", item: this.value(a, this.then) },
      { kind: "value", item: this.value(b, this.otherwise) },
    ];
  }

  /** An outcome with both sides: one that leaves keeps the arguments of the round. */
  complete(outcome: Outcome, graph: MindirGraph, exit: Exit, builder: Builder): Complete {
    if (outcome.kind === "either") return { ...outcome, exit };
    const again = constantValue(builder, "bool", [], [outcome.kind === "again" ? 1 : 0]);
    return { again, items: outcome.kind === "again" ? outcome.items : (this.heads.get(graph) ?? []), exit };
  }

  /** The `if` op; its results that stand for the pairs. */
  finish(condition: Value, builder: Builder): Iterator<Value> {
    const columns = [this.pairs.map(([a]) => local(a, this.then)), this.pairs.map(([, b]) => local(b, this.otherwise))] as const;
    const differing = differingExtents(
      columns[0].map((v) => v.type),
      columns[1].map((v) => v.type),
    );
    this.then.graph.setOutputs([...columns[0], ...differing.map((d) => extentValue(d.then, this.then))]);
    this.otherwise.graph.setOutputs([...columns[1], ...differing.map((d) => extentValue(d.else, this.otherwise))]);
    if (this.pairs.length === 0) {
      for (const { graph } of [this.then, this.otherwise]) graph.dispose();
      return [][Symbol.iterator]();
    }
    const extents = differing.map(() => this.calls.evaluator.freshExtent("branch"));
    const results = builder.createAll(If, { condition }, { then: this.then.graph, else: this.otherwise.graph, extents });
    return results.slice(0, this.pairs.length)[Symbol.iterator]();
  }
}

const isSameItem = (a: Exclude<Item, Value>, b: Exclude<Item, Value>): boolean => {
  if (a === b) return true;
  if ((a.kind === "int" || a.kind === "float" || a.kind === "bool" || a.kind === "string") && a.kind === b.kind) return a.value === b.value;
  if (a.kind === "dtype" && b.kind === "dtype") return a.dtype === b.dtype;
  return a.kind === b.kind && (a.kind === "none" || a.kind === "monad");
};

/** An item as a tensor in the builder's graph. */
export function tensorOf(calls: Calls, item: Item, builder: Builder, like?: DType): Value {
  const scope = calls.evaluator.scope(builder);
  return new NodeContext(plainOperator("tensor"), [item], scope).tensorOf(item, like);
}

/** Zeros of an item's types, made in the builder's graph. */
export function zerosLike(item: Item, builder: Builder): Item {
  if (isValue(item)) return zeros(item, builder);
  if (item.kind === "tuple") return tupleOf(item.elements.map((e) => zerosLike(e, builder)));
  if (item.kind === "closure") return { ...item, bound: item.bound.map((e) => zerosLike(e, builder)) };
  return item;
}

function zeros(value: Value, builder: Builder): Value {
  const { dtype, shape } = value.tensor;
  const isWide = computeType(dtype) === "i64" || computeType(dtype) === "u64";
  const zero = constantValue(builder, dtype, [], [isWide ? 0n : 0]);
  return shape.length === 0 ? zero : builder.create(Expand, { x: zero }, { shape });
}

/** The value, or a copy of it where it does not come from an op of the builder's graph, or always. */
export function local(value: Value, builder: Builder, always = false): Value {
  return !always && value.op && graphOf(value) === builder.graph ? value : builder.create(IdentityOp, { x: value });
}

function extentValue(d: Dim, builder: Builder): Value {
  return builder.create(Reshape, { x: builder.create(Extents, {}, { values: [d] }) }, { shape: [] });
}

/** Takes a region that is not needed apart, so that nothing in it uses values around it. */
export function discard(graph: Graph): void {
  graph.setOutputs([]);
  for (const op of graph.opsReversed()) graph.remove(op);
}

/** The opposite of a bool scalar. */
export const negated = (x: Value, builder: Builder): Value => builder.create(LogicalNot, { x });

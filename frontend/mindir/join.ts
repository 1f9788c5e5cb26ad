/** What two branches come to as one: tensors are results of the `if`, everything else must be the same on both sides. */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import { constantValue } from "../../ir/ops/constant.ts";
import type { DType } from "../../ir/type.ts";
import { createIf } from "../if.ts";
import type { Calls, Exit, Heads, Outcome } from "./functions.ts";
import type { MindirGraph } from "./messages.ts";
import { plainOperator } from "./operator.ts";
import { discard, local, tensorOf, zerosLike } from "./region-values.ts";
import { type FunctionItem, isAlike, isFunction, isKind, isValue, type Item, partsOf, tupleOf, withParts } from "./values.ts";

/** An outcome with both sides. */
interface Complete {
  readonly again: Value;
  readonly items: readonly Item[];
  readonly exit: Exit;
}

/** Whether exits are of one kind, and calls of one function. */
function areAlike(a: Exit, b: Exit): boolean {
  return a.kind === "value" ? b.kind === "value" : b.kind === "leave" && isSameFunction(a.item, b.item);
}

/** Whether two functions differ in tensors at most. */
function isSameFunction(a: FunctionItem, b: FunctionItem): boolean {
  if (!isAlike(a, b)) return false;
  if (a.kind !== "choice" || b.kind !== "choice") return true;
  return a.options.every((option, i) => {
    const other = b.options[i];
    return isFunction(option) && isFunction(other) && isSameFunction(option, other);
  });
}

/** A function without arguments that comes to the exit. */
const asFunction = (exit: Exit): FunctionItem =>
  exit.kind === "leave" ? exit.item : { kind: "operator", operator: plainOperator("identity"), bound: [exit.item] };

/** Calls in tail position that two ways out of a loop are followed before they must have met. */
const mostSteps = 32;

/** Pairs of tensors that two branches give, and what becomes of everything else. */
export class Join {
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
    if (isFunction(a) && isFunction(b) && isSameFunction(a, b)) return withParts(a, this.lists(partsOf(a), partsOf(b)));
    if (!isValue(a) && !isValue(b) && isSameItem(a, b)) return a;
    if (isKind(a, "unknown") || isKind(b, "unknown")) return { kind: "unknown" };
    const like = isValue(a) ? a.tensor.dtype : isValue(b) ? b.tensor.dtype : undefined;
    this.pairs.push([this.tensor(a, like, this.then), this.tensor(b, like, this.otherwise)]);
    return (this.pairs.at(-1) as readonly [Value, Value])[0];
  }

  private tensor(item: Item, like: DType | undefined, builder: Builder): Value {
    return tensorOf(this.calls, item, builder, like);
  }

  /** Both exits, which are alike, as one. */
  exits(a: Exit, b: Exit): Exit {
    const item = this.items(a.item, b.item);
    return a.kind === "value" ? { kind: "value", item } : { kind: "leave", item: item as FunctionItem };
  }

  /** The exit, then what it comes to call one after the other, as far as no data decides. */
  private chain(exit: Exit, builder: Builder): Exit[] {
    const chain = [exit];
    for (let last: Exit | undefined = exit; last && chain.length < mostSteps;) {
      last = this.next(last, builder);
      if (last) chain.push(last);
    }
    return chain;
  }

  /** What a call that leaves the loop comes to call in turn, or its value. */
  private next(exit: Exit, builder: Builder): Exit | undefined {
    const fn = exit.item;
    if (exit.kind === "value" || !isKind(fn, "closure") || this.heads.has(fn.graph)) return undefined;
    const tail = this.calls.tail(this.calls.frame(fn, fn.bound, builder));
    if (tail.kind === "value") return tail;
    return isKind(tail.fn, "closure") ? { kind: "leave", item: { ...tail.fn, bound: [...tail.fn.bound, ...tail.items] } } : undefined;
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
      const same = chainB.find((y) => areAlike(x, y));
      if (same) return [x, same];
    }
    return this.chosen(asFunction(a), asFunction(b));
  }

  /** Exits that do not meet as a choice between them, which is made after the loop. */
  private chosen(a: FunctionItem, b: FunctionItem): readonly [Exit, Exit] {
    const choice = (builder: Builder, isFirst: boolean): Exit => {
      const [first, second] = isFirst ? [a, zerosLike(b, builder)] : [zerosLike(a, builder), b];
      const selector = constantValue(builder, "bool", [], [isFirst ? 1 : 0]);
      return { kind: "leave", item: { kind: "choice", selector, options: [second, first], bound: [] } };
    };
    return [choice(this.then, true), choice(this.otherwise, false)];
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
    const [then, otherwise] = [this.then.graph, this.otherwise.graph];
    then.setOutputs(columns[0]);
    otherwise.setOutputs(columns[1]);
    if (this.pairs.length === 0) {
      for (const graph of [then, otherwise]) discard(this.calls, graph);
      return [][Symbol.iterator]();
    }
    const freshExtent = (): string => this.calls.evaluator.freshExtent("branch");
    return createIf(builder, condition, then, otherwise, freshExtent)[Symbol.iterator]();
  }
}

const isSameItem = (a: Exclude<Item, Value>, b: Exclude<Item, Value>): boolean => {
  if (a === b) return true;
  if ((a.kind === "int" || a.kind === "float" || a.kind === "bool" || a.kind === "string") && a.kind === b.kind) return a.value === b.value;
  if (a.kind === "dtype" && b.kind === "dtype") return a.dtype === b.dtype;
  return a.kind === b.kind && (a.kind === "none" || a.kind === "monad");
};

/**
 * Graphs that call themselves in tail position as loops. The graph is the loop's head: its arguments are what the loop
 * carries. In the usual form the head ends by choosing between a function that comes back to the head, the body, and one
 * that does not, which is called once after the loop.
 */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import { Loop, loopInputs } from "../../ir/ops/control.ts";
import { formatType, sameType } from "../../ir/type.ts";
import type { Frame } from "./frame.ts";
import type { Calls, Exit, Heads, Outcome, TailCall } from "./functions.ts";
import type { MindirGraph } from "./messages.ts";
import { discard, local, negated, tensorOf, zerosLike } from "./region-values.ts";
import {
  type ChoiceItem,
  type ClosureItem,
  describe,
  isAlike,
  isKind,
  isValue,
  type Item,
  partsOf,
  tensorsIn,
  withParts,
  withTensors,
} from "./values.ts";

/** Rounds in which the kinds of carried items may still change, as numbers turn out to vary. */
const mostRounds = 8;

/** One call of the head, and the loop it starts when data decides how it goes on. */
export function importLoop(calls: Calls, head: ClosureItem, items: readonly Item[], builder: Builder, heads: Heads): Outcome | TailCall {
  const tail = calls.tail(calls.frame(head, items, builder));
  const choice = tail.kind === "call" ? openChoice(calls, tail) : undefined;
  if (!choice) return tail;
  const back = choice.fn.options.map((option) => comesBack(calls, option, head.graph, heads));
  if (!back.includes(true)) return tail;
  const loop = new LoopBuilder(calls, head, builder, heads);
  const isUsual = back.length === 2 && back.includes(false) && choice.fn.selector.tensor.dtype === "bool";
  return (isUsual ? loop.whileLoop(items, choice.fn, back.indexOf(true)) : undefined) ?? loop.anyLoop(items);
}

interface OpenChoice {
  readonly fn: ChoiceItem;
  readonly items: readonly Item[];
}

/** The choice that a tail call makes by data. */
function openChoice(calls: Calls, { fn, items }: TailCall): OpenChoice | undefined {
  return isKind(fn, "choice") && !calls.knownOption(fn) ? { fn, items: [...fn.bound, ...items] } : undefined;
}

/** Whether a function may call the head again without leaving through the head of a loop around. */
function comesBack(calls: Calls, option: Item, head: MindirGraph, heads: Heads): boolean {
  if (isKind(option, "choice")) return option.options.some((o) => comesBack(calls, o, head, heads));
  if (!isKind(option, "closure")) return false;
  return option.graph === head || calls.evaluator.graphs.reaches(option.graph, head, heads);
}

class LoopBuilder {
  constructor(
    private readonly calls: Calls,
    private readonly head: ClosureItem,
    private readonly builder: Builder,
    private readonly heads: Heads,
  ) {}

  /** While the head's choice falls on option `back`; undefined where its body may also leave the loop elsewhere. */
  whileLoop(given: readonly Item[], choice: ChoiceItem, back: number): TailCall | undefined {
    const settled = this.settle(given, (items, body) => {
      const { fn, items: rest } = this.choiceOf(items, body);
      const outcome = this.calls.run(fn.options[back] as Item, rest, body, this.headsWith(items));
      return outcome.kind === "again" ? { next: outcome.items } : undefined;
    });
    if (!settled) return undefined;
    const { items, body, next } = settled;
    const condition = this.condition(this.choiceOf(next, body).fn.selector, back, body);
    const finals = this.finish(settled, condition, this.condition(choice.selector, back, this.builder));
    const { fn, items: rest } = this.choiceOf(finals(items), this.builder);
    return { kind: "call", fn: fn.options[1 - back] as Item, items: rest };
  }

  /** A loop whose body says at its end whether it runs again, and otherwise how it is left. */
  anyLoop(given: readonly Item[]): Outcome | TailCall {
    const sample = this.sampleExit(given);
    const settled = this.settle([...given, zerosLike(sample.item, this.builder)], (current, body) => {
      const { items, exit, again } = this.round(current.slice(0, -1), body);
      return { next: [...items, exit.item], condition: again };
    });
    if (!settled?.condition) throw new OpError("a function that calls itself is no loop", "unsupported-attribute");
    const finals = this.finish(settled, settled.condition, undefined)(settled.items);
    const item = finals.at(-1) as Item;
    if (sample.kind === "value") return { kind: "value", item };
    // What the function after the loop finds around it is the head at its last round.
    const frame = this.calls.frame(this.head, finals.slice(0, -1), this.builder);
    return { kind: "call", fn: inFrame(item, frame), items: [] };
  }

  /** One round of the head. */
  private round(items: readonly Item[], body: Builder): Extract<Outcome, { kind: "either" }> {
    const tail = this.calls.tail(this.calls.frame(this.head, items, body));
    const outcome = tail.kind === "call" ? this.calls.run(tail.fn, tail.items, body, this.headsWith(items)) : tail;
    if (outcome.kind === "either" && outcome.graph === this.head.graph) return outcome;
    throw new OpError("a function that calls itself never ends, or not as a loop does", "unsupported-attribute");
  }

  private headsWith(items: readonly Item[]): Heads {
    return new Map([...this.heads, [this.head.graph, items]]);
  }

  /** How the loop is left, from a round that is thrown away. */
  private sampleExit(items: readonly Item[]): Exit {
    const body = this.calls.region("body", this.builder);
    const { exit } = this.round(items, body);
    discard(this.calls, body.graph);
    return exit;
  }

  private choiceOf(items: readonly Item[], builder: Builder): OpenChoice {
    const tail = this.calls.tail(this.calls.frame(this.head, items, builder));
    const choice = tail.kind === "call" ? openChoice(this.calls, tail) : undefined;
    if (!choice) throw new OpError("a loop's condition is known in some rounds only", "unsupported-attribute");
    return choice;
  }

  private condition(selector: Value, back: number, builder: Builder): Value {
    return back === 1 ? selector : negated(selector, builder);
  }

  /**
   * Tries the body until the items it takes and gives are of the same kinds: numbers that vary become scalars, tensors
   * that never change are used where they are.
   */
  private settle(given: readonly Item[], run: (items: readonly Item[], body: Builder) => Step | undefined): Settled | undefined {
    let items = given;
    let fixed = new Set<number>();
    for (let round = 0; round < mostRounds; round++) {
      const body = this.calls.region("body", this.builder);
      const inputs = this.bodyInputs(items, fixed, body);
      const current = withAll(items, inputs);
      const step = run(current, body);
      if (!step) {
        discard(this.calls, body.graph);
        return undefined;
      }
      const lifted = this.lift(items, step.next);
      const same = lifted ? new Set<number>() : unchanged(current, step.next, inputs, fixed);
      if (!lifted && same.size === fixed.size) return { items, fixed, body, ...step };
      discard(this.calls, body.graph);
      if (lifted) items = lifted;
      fixed = same;
    }
    throw new OpError("the kinds of what a loop carries never settle", "unsupported-attribute");
  }

  /** The tensors of the items as the body sees them: its inputs, or the outer value where it never changes. */
  private bodyInputs(items: readonly Item[], fixed: ReadonlySet<number>, body: Builder): Value[] {
    const tensors = items.flatMap(tensorsIn);
    const carried = tensors.filter((_, i) => !fixed.has(i));
    const types = loopInputs(carried.map((v) => v.type));
    const names = ["iteration", "condition", ...carried.map((v) => v.name)];
    const made = types.map((type, i) => {
      this.calls.evaluator.counted();
      return body.graph.addInput(names[i] as string, type);
    });
    const inputs = made.slice(2)[Symbol.iterator]();
    return tensors.map((v, i) => (fixed.has(i) ? v : (inputs.next().value as Value)));
  }

  /** `items` with numbers that the next round has other values of as scalars; undefined where there are none. */
  private lift(items: readonly Item[], next: readonly Item[]): Item[] | undefined {
    let changes = 0;
    const visit = (a: Item, b: Item | undefined): Item => {
      if (b === undefined) throw new OpError("a loop's body gives fewer values than it takes");
      if (isValue(a)) return this.checkType(a, b);
      if (isNumber(a) && !isSameNumber(a, b)) {
        changes++;
        return tensorOf(this.calls, a, this.builder, isValue(b) ? b.tensor.dtype : undefined);
      }
      if (!isValue(b) && isAlike(a, b))
        return withParts(
          a,
          partsOf(a).map((part, i) => visit(part, partsOf(b)[i])),
        );
      throw new OpError(`a loop carries ${describe(a)} into its first round and ${describe(b)} into the next`, "unsupported-attribute");
    };
    const lifted = items.map((item, i) => visit(item, next[i]));
    return changes > 0 ? lifted : undefined;
  }

  private checkType(a: Value, b: Item): Value {
    if (isValue(b) && !sameType(a.type, b.type)) {
      throw new OpError("a value that a loop carries changes its type", "unsupported-type", {
        expected: formatType(a.type),
        received: formatType(b.type),
      });
    }
    return a;
  }

  /** The loop op, and the items with its results in them. */
  private finish(settled: Settled, condition: Value, first: Value | undefined): (items: readonly Item[]) => Item[] {
    const { items, fixed, body, next } = settled;
    const tensors = items.flatMap(tensorsIn);
    const carried = tensors.filter((_, i) => !fixed.has(i));
    const after = this.nextTensors(items, next, body).filter((_, i) => !fixed.has(i));
    body.graph.setOutputs([local(condition, body), ...after.map((v) => local(v, body))]);
    const results = [...this.builder.createAll(Loop, { condition: first, carried }, { body: body.graph })];
    const values = tensors.map((v, i) => (fixed.has(i) ? v : (results.shift() as Value)));
    return (current) => withAll(current, values);
  }

  /** The tensors of the next round, where a number stands for a tensor as a scalar. */
  private nextTensors(items: readonly Item[], next: readonly Item[], body: Builder): Value[] {
    const visit = (a: Item, b: Item): Value[] =>
      isValue(a) ? [tensorOf(this.calls, b, body, a.tensor.dtype)] : partsOf(a).flatMap((part, i) => visit(part, partsOf(b)[i] as Item));
    return items.flatMap((item, i) => visit(item, next[i] as Item));
  }
}

/** A function that names things in another frame. */
function inFrame(item: Item, frame: Frame): Item {
  if (isKind(item, "closure")) return { ...item, frame };
  return isKind(item, "choice") ? { ...item, options: item.options.map((option) => inFrame(option, frame)) } : item;
}

interface Step {
  readonly next: readonly Item[];
  readonly condition?: Value;
}

interface Settled extends Step {
  readonly items: readonly Item[];
  /** Numbers of the tensors that never change. */
  readonly fixed: ReadonlySet<number>;
  readonly body: Builder;
}

function withAll(items: readonly Item[], values: readonly Value[]): Item[] {
  const rest = values[Symbol.iterator]();
  return items.map((item) => withTensors(item, rest));
}

/** Numbers of the tensors that the body hands on as they are. */
function unchanged(current: readonly Item[], next: readonly Item[], inputs: readonly Value[], fixed: ReadonlySet<number>): Set<number> {
  const after = next.flatMap(tensorsIn);
  const before = current.flatMap(tensorsIn);
  if (after.length !== before.length) return new Set(fixed);
  return new Set(inputs.flatMap((v, i) => (after[i] === v ? [i] : [])));
}

const isNumber = (item: Item): boolean => isKind(item, "int") || isKind(item, "float") || isKind(item, "bool");

const isSameNumber = (a: Item, b: Item): boolean =>
  !isValue(a) && !isValue(b) && (a.kind === "int" || a.kind === "float" || a.kind === "bool") && a.kind === b.kind && a.value === b.value;

/** A call of one of several functions, as data decides: an `if`. */
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import type { Value } from "../../ir/graph.ts";
import type { Calls, Exit, Heads, Outcome } from "./functions.ts";
import { Join } from "./join.ts";
import type { MindirGraph } from "./messages.ts";
import { type ChoiceItem, type FunctionItem, type Item, withTensors } from "./values.ts";

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
  return exit.kind === "value" ? { kind: "value", item } : { kind: "leave", item: item as FunctionItem };
}

/** The outcome that stands for both, with the tensors of the first; the join collects the pairs in order. */
function joinOutcomes(join: Join, a: Outcome, b: Outcome): Outcome {
  if (a.kind === "again" && b.kind === "again" && a.graph === b.graph) return { ...a, items: join.lists(a.items, b.items) };
  const graph = loopOf(a) ?? loopOf(b);
  if (!graph) return join.exits(...join.alike(a as Exit, b as Exit));
  if ((loopOf(a) ?? graph) !== (loopOf(b) ?? graph))
    throw new OpError("a branch goes back to the heads of two loops", "unsupported-attribute");
  const [exitA, exitB] = join.alike(exitOf(a), exitOf(b));
  const [fullA, fullB] = [join.complete(a, graph, exitA, join.then), join.complete(b, graph, exitB, join.otherwise)];
  const again = join.items(fullA.again, fullB.again) as Value;
  return { kind: "either", graph, again, items: join.lists(fullA.items, fullB.items), exit: join.exits(fullA.exit, fullB.exit) };
}

const loopOf = (o: Outcome): MindirGraph | undefined => (o.kind === "again" || o.kind === "either" ? o.graph : undefined);
const exitOf = (o: Outcome): Exit | undefined => (o.kind === "again" ? undefined : o.kind === "either" ? o.exit : o);

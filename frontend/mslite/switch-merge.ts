/**
 * Control flow of 1.1 and 1.2: a Switch (condition, values) hands its values on to the first half of its outputs where the
 * condition holds, else to the second; a Merge gives the first half of its inputs where those were reached, else the
 * second. Here a Merge becomes one operation with the nodes between: a branch, or a loop where the Switch gets what the
 * Merge gives. Its first half then is what the loop starts with, its second half what an iteration gives.
 */
import { OpError } from "../../ir/diagnostic.ts";
import type { Operation } from "./operation.ts";

/** Merges times nodes that are looked at. */
const mostSteps = 2 ** 26;

/** Nodes that compute some tensors from others. */
export interface Part {
  /** The numbers of the values that tensors stand for. */
  readonly inputs: ReadonlyMap<number, number>;
  readonly operations: readonly Operation[];
  readonly outputs: readonly number[];
  /** Further tensors that are used, from around. */
  readonly captures: readonly number[];
}

export interface BranchFlow {
  readonly kind: "branch";
  readonly condition: number;
  readonly values: readonly number[];
  readonly sides: readonly [whenTrue: Part, whenFalse: Part];
}

export interface LoopFlow {
  readonly kind: "loop";
  /** What the loop starts with. */
  readonly initial: readonly number[];
  readonly condition: Part;
  /** Gives the next value for each. */
  readonly body: Part;
  /** The numbers of the values that are results. */
  readonly results: readonly number[];
}

export type Flow = BranchFlow | LoopFlow;

/** The operations with one in place of each Merge; an `OpError` where it belongs to no one Switch. */
export function joinMerges(operations: readonly Operation[]): readonly Operation[] {
  const merges = operations.filter((op) => op.type === "Merge");
  if (merges.length === 0) return operations;
  if (merges.length * operations.length > mostSteps) throw new OpError(`the graph has ${merges.length} nodes 'Merge'`, "limit");
  const makers = new Map(operations.flatMap((op) => op.outputs.map((o) => [o, op] as const)));
  const joined = new Map<Operation, Operation | undefined>();
  for (const merge of merges) {
    const switched = switchOf(makers, merge);
    const isLoop = isFedBy(switched, merge);
    joined.set(merge, isLoop ? undefined : branchOf(makers, merge, switched));
    if (isLoop) joined.set(switched, loopOf(makers, merge, switched));
  }
  return operations.flatMap((op) => (joined.has(op) ? (joined.get(op) ?? []) : op));
}

/** Whether the Switch gets what the Merge gives. */
const isFedBy = (switched: Operation, merge: Operation): boolean =>
  tensors(switched)
    .slice(1)
    .some((t) => merge.outputs.includes(t));

type Makers = ReadonlyMap<number, Operation>;

const tensors = (op: Operation): readonly number[] => op.inputs.filter((i) => typeof i === "number");

const halves = (list: readonly number[]): readonly [number[], number[]] => [list.slice(0, list.length / 2), list.slice(list.length / 2)];

const isBorder = (op: Operation): boolean => op.type === "Switch" || op.type === "Merge";

/** What the tensors need, up to a Switch or a Merge: those, and the operations between, in no order. */
function between(
  makers: Makers,
  outputs: readonly number[],
): { readonly borders: ReadonlySet<Operation>; readonly operations: ReadonlySet<Operation> } {
  const [borders, operations] = [new Set<Operation>(), new Set<Operation>()];
  const open = [...outputs];
  for (let t = open.pop(); t !== undefined; t = open.pop()) {
    const op = makers.get(t);
    if (!op || operations.has(op)) continue;
    if (isBorder(op)) {
      borders.add(op);
      continue;
    }
    operations.add(op);
    for (const input of tensors(op)) open.push(input);
  }
  return { borders, operations };
}

/** The Switch whose outputs, and no other's, lead to both halves of the Merge. */
function switchOf(makers: Makers, merge: Operation): Operation {
  const found = [...between(makers, tensors(merge)).borders].filter((op) => op.type === "Switch");
  const reached = found.filter((op) => {
    const data = tensors(op).slice(1);
    return op.outputs.length === 2 * data.length && merge.inputs.length === 2 * merge.outputs.length;
  });
  const loops = reached.filter((op) => isFedBy(op, merge));
  const [only, ...more] = loops.length > 0 ? loops : reached;
  if (!only || more.length > 0)
    throw new OpError("a Merge that does not belong to one Switch is not supported", "unsupported-op", { op: "Merge" });
  return only;
}

/** What computes the outputs from the inputs; what does not need the inputs stays outside. */
function partOf(makers: Makers, inputs: ReadonlyMap<number, number>, outputs: readonly number[]): Part {
  const users = new Map<number, Operation[]>();
  const addUser = (t: number, op: Operation): void => {
    const list = users.get(t);
    if (list) list.push(op);
    else users.set(t, [op]);
  };
  for (const op of between(makers, outputs).operations) for (const t of tensors(op)) addUser(t, op);
  const inside = new Set<Operation>();
  const open = [...inputs.keys()];
  for (let t = open.pop(); t !== undefined; t = open.pop()) {
    for (const op of users.get(t) ?? []) {
      if (inside.has(op)) continue;
      inside.add(op);
      for (const output of op.outputs) open.push(output);
    }
  }
  const operations = [...inside];
  const own = new Set([...inputs.keys(), ...operations.flatMap((op) => op.outputs)]);
  const used = new Set([...operations.flatMap(tensors), ...outputs]);
  return { inputs, operations, outputs, captures: [...used].filter((t) => !own.has(t)) };
}

const numbered = (list: readonly number[]): ReadonlyMap<number, number> => new Map(list.map((t, k) => [t, k]));

function branchOf(makers: Makers, merge: Operation, switched: Operation): Operation {
  const [condition, ...values] = tensors(switched);
  const given = halves(switched.outputs);
  const taken = halves(tensors(merge));
  const [whenTrue, whenFalse] = [0, 1].map((k) => partOf(makers, numbered(given[k]!), taken[k]!));
  const flow: BranchFlow = { kind: "branch", condition: condition!, values, sides: [whenTrue!, whenFalse!] };
  return { ...merge, inputs: [condition!, ...values, ...whenTrue!.captures, ...whenFalse!.captures], flow };
}

function loopOf(makers: Makers, merge: Operation, switched: Operation): Operation {
  const [condition, ...values] = tensors(switched);
  const [goesOn, ends] = halves(switched.outputs);
  const [initial, next] = halves(tensors(merge));
  const results = values.map((t) => merge.outputs.indexOf(t));
  if (results.includes(-1))
    throw new OpError("a loop whose Switch gets more than its Merge gives is not supported", "unsupported-op", { op: "Switch" });
  const atStart = numbered(merge.outputs);
  const inBody = new Map([...atStart, ...goesOn.map((t, i) => [t, results[i]!] as const)]);
  const flow: LoopFlow = {
    kind: "loop",
    initial,
    condition: partOf(makers, atStart, [condition!]),
    body: partOf(makers, inBody, next),
    results,
  };
  return { ...merge, inputs: [...initial, ...flow.condition.captures, ...flow.body.captures], outputs: ends, flow };
}

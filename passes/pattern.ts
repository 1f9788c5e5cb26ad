/**
 * Patterns over the graph, typed by what they capture.
 *
 *   match(Add, { a: match(Matmul, { a: any("x"), b: any("w") }, "product").once(), b: any("bias") })
 *
 * is a `Pattern<{ x: Value; w: Value; product: OpOf<typeof Matmul>; bias: Value }>`.
 */
import type { AnyOpDefinition, OperandSpecs, OpOf } from "../ir/define.ts";
import type { Op, Value } from "../ir/graph.ts";
import { Graph } from "../ir/graph.ts";

type Captures = Map<string, unknown>;
/** Tries to match the value, adding to `captures`; a failed match may leave captures behind. */
type Matcher = (value: Value | undefined, captures: Captures) => boolean;

/** Whether exactly one slot holds the value, and that slot is an operand of an op in the value's own graph. */
export function isUsedOnce(v: Value): boolean {
  const [use] = v.uses;
  return v.uses.size === 1 && !(use!.user instanceof Graph) && use!.user.graph === v.op?.graph;
}

export class Pattern<C> {
  declare readonly captures: C; // only the type matters
  constructor(
    /** The op that a value must be a result of. */
    readonly root: AnyOpDefinition | undefined,
    readonly matches: Matcher,
  ) {}

  /** Only when the value has a single use, which is no graph output and in no inner graph: rewriting duplicates nothing. */
  once(): Pattern<C> {
    return new Pattern(this.root, (v, c) => v !== undefined && isUsedOnce(v) && this.matches(v, c));
  }

  where(test: (captures: C) => boolean): Pattern<C> {
    return new Pattern(this.root, (v, c) => this.matches(v, c) && test(Object.fromEntries(c) as C));
  }

  /** The captures when the op's first result matches. */
  match(op: Op): C | undefined {
    const captures: Captures = new Map();
    return this.matches(op.results[0], captures) ? (Object.fromEntries(captures) as C) : undefined;
  }
}

const capture =
  (name: string, get: (v: Value) => unknown): Matcher =>
  (v, c) => {
    if (!v) return false;
    const found = get(v);
    if (c.has(name)) return c.get(name) === found; // the same name twice means the same thing twice
    c.set(name, found);
    return true;
  };

/** Any value that is there. */
export const any = <const N extends string>(name: N): Pattern<Record<N, Value>> =>
  new Pattern(
    undefined,
    capture(name, (v) => v),
  );

/** The result of a `constant` op. */
export const constant = <const N extends string>(name: N): Pattern<Record<N, Value>> =>
  new Pattern(undefined, (v, c) => v?.op?.name === "constant" && capture(name, (x) => x)(v, c));

type Operands<D extends AnyOpDefinition> = { readonly [K in keyof D["operands"]]?: Pattern<unknown> };
// The captures of all operand patterns together: a union of functions infers the intersection of their parameters.
type CapturesOf<P> = [keyof P] extends [never]
  ? unknown
  : { [K in keyof P]: P[K] extends Pattern<infer C> ? (captures: C) => void : never }[keyof P] extends (captures: infer I) => void
    ? I
    : never;
type Self<D extends AnyOpDefinition, N extends string> = [N] extends [never] ? unknown : Record<N, OpOf<D>>;

/** The first result of an op of `definition` whose named operands match; `name` captures the op. */
export function match<D extends AnyOpDefinition, const P extends Operands<D>, const N extends string = never>(
  definition: D,
  operands: P,
  name?: N,
): Pattern<CapturesOf<P> & Self<D, N>> {
  const names = Object.keys(definition.operands as OperandSpecs);
  const parts = Object.entries(operands as Record<string, Pattern<unknown>>).map(([operand, p]) => [names.indexOf(operand), p] as const);
  const self = name === undefined ? undefined : capture(name, (v) => v.op);
  return new Pattern(definition, (v, c) => {
    const op = v?.op;
    if (!op || op.definition !== definition || v.index !== 0 || (self && !self(v, c))) return false;
    return parts.every(([i, p]) => p.matches(op.operand(i), c));
  });
}

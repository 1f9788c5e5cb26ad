/**
 * `defineOp`: the one place an operator is declared. From the declaration follow builder, checks, verifier, printer,
 * parser, inference, constant folding, lowering and the manual.
 */
import { type Attribute, checkAttribute } from "./attribute.ts";
import { OpError } from "./diagnostic.ts";
import type { Dim } from "./dim.ts";
import { isExtent } from "./dim-atoms.ts";
import type { Buffer } from "./expr.ts";
import { type Graph, Op, Value } from "./graph.ts";
import { type Location, unknownLocation } from "./location.ts";
import type { Stmt } from "./loop.ts";
import type { Stage } from "./stage.ts";
import { formatType, type TensorType, type Type } from "./type.ts";

export interface OperandSpec {
  readonly arity: "one" | "optional" | "many";
  /** `any`: sequences, optionals and tuples are welcome too. */
  readonly accepts: "tensor" | "any";
}
export const operand = { arity: "one", accepts: "tensor" } as const satisfies OperandSpec;
export const optionalOperand = { arity: "optional", accepts: "tensor" } as const satisfies OperandSpec;
/** Any number of operands; must be the last in the declaration. */
export const variadicOperand = { arity: "many", accepts: "tensor" } as const satisfies OperandSpec;
export const anyOperand = { arity: "one", accepts: "any" } as const satisfies OperandSpec;
export const anyVariadic = { arity: "many", accepts: "any" } as const satisfies OperandSpec;

export type OperandSpecs = Readonly<Record<string, OperandSpec>>;
// The element type of an attribute does not matter where attributes are only collected.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AttributeSpecs = Readonly<Record<string, Attribute<any>>>;

type ByArity<S extends OperandSpec, T> = S["arity"] extends "many" ? readonly T[] : S["arity"] extends "optional" ? T | undefined : T;
/** Operands by name, seen as values, buffers or types. */
export type Named<O extends OperandSpecs, T> = { readonly [K in keyof O]: ByArity<O[K], T> };
export type NamedTypes<O extends OperandSpecs> = {
  readonly [K in keyof O]: ByArity<O[K], O[K]["accepts"] extends "any" ? Type : TensorType>;
};
export type AttributesOf<A extends AttributeSpecs> = { readonly [K in keyof A]: A[K] extends Attribute<infer T> ? T : never };

export interface ComputeContext<O extends OperandSpecs, A extends AttributeSpecs> {
  readonly operands: Named<O, Buffer>;
  readonly attributes: AttributesOf<A>;
  readonly results: readonly Buffer[];
}
/** A routine's loops; loads and stores have one index per dimension. Temporaries are planned per call. */
export interface Routine {
  readonly temporaries?: readonly Buffer[];
  readonly body: readonly Stmt[];
}
/** An extent whose value a kernel of the op computes: the element of the scalar result number `from`. */
export interface ProducedExtent {
  readonly name: string;
  /** The most it can be; sizes the memory. */
  readonly capacity: Dim;
  readonly from: number;
}

interface Meaning<O extends OperandSpecs, A extends AttributeSpecs> {
  /** The op as stages; intermediate buffers are made with `makeBuffer`. */
  readonly compute: (context: ComputeContext<O, A>) => readonly Stage[];
  /** The op as other ops; one value per result. */
  readonly decompose: (operands: Named<O, Value>, attributes: AttributesOf<A>, builder: Builder) => readonly Value[] | Value;
  /** The op as loops, for what is neither a map nor a fold. */
  readonly routine: (context: ComputeContext<O, A>) => Routine;
  /** Handled by name where programs are built: constants, control flow, containers. */
  readonly structural: true;
}
type ExactlyOne<T> = { [K in keyof T]: Pick<T, K> & { readonly [J in Exclude<keyof T, K>]?: undefined } }[keyof T];

interface Declaration<O extends OperandSpecs, A extends AttributeSpecs> {
  /** snake_case, as in the text form. */
  readonly name: string;
  /** One sentence for the manual: what it computes, shapes and dtypes, the source of a formula. */
  readonly summary: string;
  readonly operands: O;
  readonly attributes: A;
  /** Names of the results for the manual; the last one may stand for several. Default: `y`. */
  readonly results?: readonly string[];
  /** Types of the results, or a thrown `OpError`. */
  readonly infer: (operands: NamedTypes<O>, attributes: AttributesOf<A>) => Type | readonly Type[];
  /** Extents that the op produces when it runs. */
  readonly extents?: (operands: NamedTypes<O>, attributes: AttributesOf<A>) => readonly ProducedExtent[];
  /** Draws random numbers or has an effect: neither merged, folded nor dropped as a duplicate. */
  readonly impure?: true;
}
export type OpDefinition<O extends OperandSpecs, A extends AttributeSpecs> = Declaration<O, A> & ExactlyOne<Meaning<O, A>>;

// A definition of some op, when which one does not matter (registry, printer, parser).
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyOpDefinition = OpDefinition<any, any>;

/** An op known to be an instance of `D`. */
export type OpOf<D extends AnyOpDefinition> = Op & { readonly definition: D };
export type AttributesFor<D> = D extends OpDefinition<infer _O, infer A> ? AttributesOf<A> : never;
export type OperandsFor<D, T> = D extends OpDefinition<infer O, infer _A> ? Named<O, T> : never;

const registry = new Map<string, AnyOpDefinition>();

export function defineOp<const O extends OperandSpecs, const A extends AttributeSpecs>(definition: OpDefinition<O, A>): OpDefinition<O, A> {
  if (registry.has(definition.name)) throw new Error(`op '${definition.name}' is defined twice`);
  registry.set(definition.name, definition as AnyOpDefinition);
  return definition;
}

export const findOp = (name: string): AnyOpDefinition | undefined => registry.get(name);
/** All registered ops by name, in alphabetical order. */
export const allOps = (): AnyOpDefinition[] => [...registry.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Operands given by name, laid out in the declared order. Throws an `OpError` for a missing, surplus or unfit one. */
function layOut(definition: AnyOpDefinition, given: Readonly<Record<string, unknown>>): (Value | undefined)[] {
  const specs = Object.entries(definition.operands as OperandSpecs);
  for (const name of Object.keys(given)) {
    if (!specs.some(([known]) => known === name)) throw new OpError(`there is no operand '${name}'`, "bad-operand");
  }
  return specs.flatMap(([name, spec]): readonly (Value | undefined)[] => {
    const value = given[name] as Value | readonly Value[] | undefined;
    if (value === undefined && spec.arity === "one") throw new OpError(`operand '${name}' is missing`, "bad-operand");
    const values: readonly (Value | undefined)[] =
      spec.arity === "many" ? ((value ?? []) as readonly Value[]) : [value as Value | undefined];
    for (const v of values) {
      if (v && spec.accepts === "tensor" && v.type.kind !== "tensor") {
        throw new OpError(`operand '${name}' is not a tensor`, "bad-operand", { expected: "a tensor", received: formatType(v.type) });
      }
    }
    return values;
  });
}

/** The op's operands by name, each mapped by `f`; lists for variadic ones. */
export function namedOperands<T>(op: Op, f: (v: Value, index: number) => T): Record<string, T | undefined | readonly T[]> {
  const named: Record<string, T | undefined | readonly T[]> = {};
  const { operands } = op;
  Object.entries(op.definition.operands as OperandSpecs).forEach(([name, spec], i) => {
    const v = operands[i];
    named[name] = spec.arity === "many" ? operands.slice(i).map((x, k) => f(x!, i + k)) : v && f(v, i);
  });
  return named;
}

/** Attributes checked and completed by their defaults, in declared order. */
export function completeAttributes(definition: AnyOpDefinition, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const specs = definition.attributes as AttributeSpecs;
  for (const name of Object.keys(given)) {
    if (!(name in specs)) throw new OpError(`there is no attribute '${name}'`, "bad-attribute");
  }
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, checkAttribute(spec, given[name], name) as unknown]));
}

/** The result types that `infer` gives for the op as it stands. Throws an `OpError`, also where an extent makes no sense. */
export function inferTypes(op: Op): readonly Type[] {
  const types = namedOperands(op, (v) => v.type);
  const inferred = (op.definition.infer as (o: unknown, a: unknown) => Type | readonly Type[])(types, op.attributes);
  const results = "kind" in inferred ? [inferred] : inferred;
  const wrong = results.find((t) => t.kind === "tensor" && !t.shape.every(isExtent));
  if (wrong) throw new OpError("the result would have an impossible extent", "bad-attribute", { received: formatType(wrong) });
  return results;
}

/** The extents whose values the op computes when it runs. */
export function producedExtents(op: Op): readonly ProducedExtent[] {
  const f = op.definition.extents as ((o: unknown, a: unknown) => readonly ProducedExtent[]) | undefined;
  if (!f) return [];
  return f(
    namedOperands(op, (v) => v.type),
    op.attributes,
  );
}

/** Builds an op that belongs to no graph yet. Throws an `OpError` when operands or attributes do not fit. */
export function createOp<D extends AnyOpDefinition>(
  definition: D,
  operands: Partial<OperandsFor<D, Value>>,
  attributes: Partial<AttributesFor<D>>,
  location: Location,
): OpOf<D> {
  const laidOut = layOut(definition, operands);
  const completed = completeAttributes(definition, attributes);
  const op = new Op(definition, laidOut, completed, location) as OpOf<D>;
  try {
    inferTypes(op).forEach((type, i) => op.results.push(new Value(type, op, i, "")));
  } catch (error) {
    laidOut.forEach((_, i) => {
      op.setOperand(i, undefined);
    });
    throw error;
  }
  return op;
}

/** Creates ops one after the other in a graph: at its end, or before an op. */
export class Builder {
  constructor(
    readonly graph: Graph,
    public location: Location = unknownLocation,
    readonly before?: Op,
    /** Told of every op made. */
    private readonly created?: (op: Op) => void,
  ) {}

  /** Creates the op and gives its first result. */
  create<D extends AnyOpDefinition>(
    definition: D,
    operands: Partial<OperandsFor<D, Value>>,
    attributes: Partial<AttributesFor<D>> = {},
  ): Value {
    return this.createOp(definition, operands, attributes).result;
  }

  /** Creates the op and gives all its results. */
  createAll<D extends AnyOpDefinition>(
    definition: D,
    operands: Partial<OperandsFor<D, Value>>,
    attributes: Partial<AttributesFor<D>> = {},
  ): readonly Value[] {
    return this.createOp(definition, operands, attributes).results;
  }

  createOp<D extends AnyOpDefinition>(
    definition: D,
    operands: Partial<OperandsFor<D, Value>>,
    attributes: Partial<AttributesFor<D>> = {},
  ): OpOf<D> {
    const op = createOp(definition, operands, attributes, this.location);
    this.graph.insert(op, this.before);
    this.created?.(op);
    return op;
  }
}

/** What creates ops by a builder, for those who know more than a builder: the node that is read, the op that is rewritten. */
export abstract class OpCreator {
  abstract readonly builder: Builder;

  /** Creates an op and gives its first result. */
  create<D extends AnyOpDefinition>(
    definition: D,
    operands: Partial<OperandsFor<D, Value>>,
    attributes: Partial<AttributesFor<D>> = {},
  ): Value {
    return this.builder.create(definition, operands, attributes);
  }

  /** Creates an op and gives all its results. */
  createAll<D extends AnyOpDefinition>(
    definition: D,
    operands: Partial<OperandsFor<D, Value>>,
    attributes: Partial<AttributesFor<D>> = {},
  ): readonly Value[] {
    return this.builder.createAll(definition, operands, attributes);
  }
}

/** Typed access to the attributes of an op whose definition is known. */
export const attributesOf = <D extends AnyOpDefinition>(op: OpOf<D>): AttributesFor<D> => op.attributes as AttributesFor<D>;

export const isOp = <D extends AnyOpDefinition>(op: Op | undefined, definition: D): op is OpOf<D> => op?.definition === definition;

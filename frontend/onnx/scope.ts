/**
 * The names of one graph, region or function body while it is imported.
 *
 * Names of a region that it does not define are those of the scope around it; a function's body sees its inputs only.
 */
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import type { Builder } from "../../ir/define.ts";
import type { Value } from "../../ir/graph.ts";
import type { Type } from "../../ir/type.ts";
import type { OnnxAttribute } from "./messages.ts";

/** What a name stands for: a value, one that is made when first asked for, an omitted input, or the result of a failed node. */
export type Binding =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "lazy"; readonly make: () => Value }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown" };

export interface ScopeContext {
  /** Put before node names: the nodes around a region, the call around a function's body. */
  readonly path: string;
  /** Versions of operator sets by domain; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Inside functions: the attributes of the call, defaults included. */
  readonly attributes?: ReadonlyMap<string, OnnxAttribute>;
  /** Keys of the functions that are being inlined, outermost first. */
  readonly calls: readonly string[];
}

export class Scope {
  private readonly bindings = new Map<string, Binding>();
  private readonly types = new Map<string, Type>();

  constructor(
    readonly builder: Builder,
    readonly context: ScopeContext,
    private readonly parent?: Scope,
  ) {}

  /** Whether this scope itself defines the name. */
  defines(name: string): boolean {
    return this.bindings.has(name);
  }

  bind(name: string, binding: Binding): void {
    this.bindings.set(name, binding);
  }

  bindValue(name: string, value: Value): void {
    this.bind(name, { kind: "value", value });
  }

  /** Undefined for names that nothing defines. Lazy ones are made; what then fails is thrown once and unknown afterwards. */
  lookup(name: string): Exclude<Binding, { kind: "lazy" }> | undefined {
    const binding = this.bindings.get(name);
    if (!binding) return this.parent?.lookup(name);
    if (binding.kind !== "lazy") return binding;
    this.bind(name, { kind: "unknown" });
    const made: Binding = { kind: "value", value: binding.make() };
    this.bind(name, made);
    return made;
  }

  declare(name: string, type: Type): void {
    this.types.set(name, type);
  }

  declared(name: string): Type | undefined {
    return this.types.get(name) ?? this.parent?.declared(name);
  }
}

/** Thrown where the cause was reported already. */
export class SilencedError extends Error {}

/** Whether the error says that the model is at fault. */
export const isModelError = (e: unknown): e is OpError | CompileError | SilencedError =>
  e instanceof OpError || e instanceof CompileError || e instanceof SilencedError;

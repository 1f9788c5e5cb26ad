/**
 * Calls of Ascend's tensor DSL (`te.lang.cce`), written down as Python. Every operand of a call has the same shape and type:
 * broadcasts and casts are calls of their own.
 */
import { OpError } from "../../ir/diagnostic.ts";
import { type Call, type Soc, takes, type TbeType } from "./support.ts";

export interface TensorValue {
  readonly kind: "tensor";
  /** The Python variable. */
  readonly name: string;
  readonly type: TbeType;
  readonly shape: readonly number[];
}
export interface ScalarValue {
  readonly kind: "scalar";
  readonly type: TbeType;
  readonly value: number;
}
export type TbeValue = TensorValue | ScalarValue;

export const refuse = (reason: string): OpError => new OpError(reason, "unsupported-by-target");

export const tuple = (list: readonly (number | string)[]): string => `(${list.join(", ")}${list.length === 1 ? "," : ""})`;

/** A Python number. */
export function numberText(x: number): string {
  if (Number.isNaN(x)) return 'float("nan")';
  if (!Number.isFinite(x)) return `float("${x < 0 ? "-" : ""}inf")`;
  return Object.is(x, -0) ? "-0.0" : String(x);
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Python keywords and the modules that printed files import. */
const taken = new Set(
  `False None True and as assert async await break class continue def del elif else except finally for from global if import
  in is lambda nonlocal not or pass raise return try while with te tvm generic kernel_name schedule config float int bool`.split(/\s+/),
);

/** A name as a Python identifier; other characters become `_`. */
export function identifier(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_");
  const started = /^[A-Za-z]/.test(plain) ? plain : `v${plain}`;
  return taken.has(started) ? `${started}_` : started;
}

/** The body of one compute function. */
export class Calls {
  private readonly lines: { name: string; text: string }[] = [];
  private readonly known = new Map<string, TensorValue>();
  private readonly names = new Set<string>();
  private count = 0;

  constructor(readonly soc: Soc) {}

  /** A name that no variable has, like `wanted`. */
  fresh(wanted: string): string {
    const base = identifier(wanted);
    let name = base;
    for (let n = 1; this.names.has(name); n++) name = `${base}_${n}`;
    this.names.add(name);
    return name;
  }

  /** The statements, one line each. */
  get text(): readonly string[] {
    return this.lines.map(({ name, text }) => (name === "" ? text : `${name} = ${text}`));
  }

  /** A variable for `text`, the same one for the same text. */
  line(text: string, type: TbeType, shape: readonly number[]): TensorValue {
    const known = this.known.get(text);
    if (known) return known;
    const name = this.fresh(`t${this.count++}`);
    this.lines.push({ name, text });
    const made: TensorValue = { kind: "tensor", name, type, shape };
    this.known.set(text, made);
    return made;
  }

  /** A line without a result. */
  statement(text: string): void {
    this.lines.push({ name: "", text });
  }

  /** Gives a tensor that the last line made the name of what it is. */
  rename(t: TensorValue, wanted: string): TensorValue {
    const last = this.lines.at(-1);
    if (last?.name !== t.name || !/^t\d+$/.test(t.name)) return t;
    const name = this.fresh(wanted);
    this.names.delete(t.name);
    this.count--;
    last.name = name;
    const made = { ...t, name };
    this.known.set(last.text, made);
    return made;
  }

  /** `te.lang.cce.CALL(operands, more)` where the chip takes the operands' type; else the same in half precision, and back. */
  call(
    call: Call,
    operands: readonly TbeValue[],
    more: readonly string[] = [],
    result?: { type?: TbeType; shape?: readonly number[] },
  ): TensorValue {
    const tensors = operands.filter((o) => o.kind === "tensor");
    const [first] = tensors;
    if (!first) throw new Error(`'${call}' of no tensor`);
    const type = tensors.find((t) => t.type !== "bool")?.type ?? first.type;
    const checked = call === "vsel" ? type : first.type;
    if (!takes(this.soc, call, checked)) return this.inHalf(call, operands, more, result);
    const texts = operands.map((o) => (o.kind === "tensor" ? o.name : `tvm.const(${numberText(o.value)}, "${type}")`));
    return this.line(`te.lang.cce.${call}(${[...texts, ...more].join(", ")})`, result?.type ?? type, result?.shape ?? first.shape);
  }

  private inHalf(
    call: Call,
    operands: readonly TbeValue[],
    more: readonly string[],
    result?: { type?: TbeType; shape?: readonly number[] },
  ): TensorValue {
    const type = operands.find((o) => o.kind === "tensor" && o.type !== "bool")?.type ?? "bool";
    if (type !== "float32" || !takes(this.soc, call, "float16")) throw refuse(`'${call}' does not take ${type} on ${this.soc}`);
    const narrow = operands.map((o) => (o.kind === "tensor" && o.type === "float32" ? this.cast(o, "float16") : o));
    const made = this.call(call, narrow, more, result);
    return made.type === "float16" ? this.cast(made, "float32") : made;
  }

  cast(t: TensorValue, type: TbeType): TensorValue {
    if (t.type === type) return t;
    if (t.type === "bool" || type === "bool") throw refuse(`there is no cast from ${t.type} to ${type}`);
    return this.line(`te.lang.cce.cast_to(${t.name}, "${type}")`, type, t.shape);
  }

  broadcast(v: TbeValue, shape: readonly number[]): TensorValue {
    if (v.kind === "scalar") {
      return this.line(`te.lang.cce.broadcast(tvm.const(${numberText(v.value)}, "${v.type}"), ${tuple(shape)})`, v.type, shape);
    }
    if (sameShape(v.shape, shape)) return v;
    return this.line(`te.lang.cce.broadcast(${v.name}, ${tuple(shape)})`, v.type, shape);
  }

  /** Tensors broadcast to the shape they have together; scalars stay. */
  align(...values: readonly TbeValue[]): TbeValue[] {
    const shapes = values.flatMap((v) => (v.kind === "tensor" ? [v.shape] : []));
    const rank = Math.max(...shapes.map((s) => s.length));
    const joint = Array.from({ length: rank }, (_, d) => Math.max(...shapes.map((s) => s[s.length - rank + d] ?? 1)));
    return values.map((v) => (v.kind === "tensor" ? this.broadcast(v, joint) : v));
  }
}

/** Reading formulas back: products as factors, polynomials as coefficients, sums of squares over trailing axes. */
import { normalizeAxes } from "../../ir/axis.ts";
import type { AnyOpDefinition } from "../../ir/define.ts";
import type { Op, Value } from "../../ir/graph.ts";
import { Add, Div, Mul, Neg, Pow, Square, Sub } from "../../ir/ops/elementwise.ts";
import { splatOf } from "../canonicalize/known.ts";
import { isUsedOnce } from "../pattern.ts";

/** The number that all elements of a float constant are. */
export function numberOf(v: Value | undefined): number | undefined {
  const n = splatOf(v);
  return typeof n === "number" ? n : undefined;
}

/** Equal but for the rounding of constants to 16-bit floats. */
export const isNear = (a: number | undefined, b: number): boolean => a !== undefined && Math.abs(a - b) <= 5e-4 * Math.abs(b);

/** The op a value is the first result of, when it is one of that definition. */
export const producer = (v: Value | undefined, definition: AnyOpDefinition): Op | undefined =>
  v?.op?.definition === definition && v.index === 0 ? v.op : undefined;

/** The operand of an op of one operand. */
export const argument = (v: Value | undefined, definition: AnyOpDefinition): Value | undefined => producer(v, definition)?.operand(0);

export interface Product {
  readonly constant: number;
  readonly factors: readonly Value[];
}

/** How deep products of products are looked into: formulas are short, chains of products may be long. */
const mostDepth = 4;

/** `v` as a number times values that are no products themselves; inner products must have no other use. */
export function productOf(v: Value, depth = mostDepth): Product {
  const { op } = v;
  if (op && (depth === mostDepth || (depth > 0 && isUsedOnce(v)))) {
    const [a, b] = op.operands as [Value, Value];
    const n = op.operands.length === 2 ? numberOf(b) : undefined;
    if (op.definition === Neg) return scaled(productOf(a, depth - 1), -1);
    if (op.definition === Div && n !== undefined) return scaled(productOf(a, depth - 1), 1 / n);
    if (op.definition === Mul && n !== undefined) return scaled(productOf(a, depth - 1), n);
    if (op.definition === Mul) return joined(productOf(a, depth - 1), productOf(b, depth - 1));
  }
  return { constant: 1, factors: [v] };
}

const scaled = (p: Product, by: number): Product => ({ constant: p.constant * by, factors: p.factors });
const joined = (a: Product, b: Product): Product => ({ constant: a.constant * b.constant, factors: [...a.factors, ...b.factors] });

/** `c` where `v = c * x`, by one operation. */
export function multipleOf(v: Value | undefined, x: Value): number | undefined {
  if (v === x) return 1;
  const op = v?.op?.operand(0) === x ? v.op : undefined;
  if (op?.definition === Neg) return -1;
  const n = numberOf(op?.operand(1));
  if (n === undefined) return undefined;
  return op!.definition === Mul ? n : op!.definition === Div ? 1 / n : undefined;
}

/** `u` where `v = u + c`. */
export function plusConstant(v: Value | undefined, c: number): Value | undefined {
  const sum = producer(v, Add);
  return sum && isNear(numberOf(sum.operand(1)), c) ? sum.operand(0) : undefined;
}

/** Coefficients of `v` as a polynomial in x of degree three at most, the constant first. */
export function polynomialIn(x: Value, v: Value | undefined, depth = 8): number[] | undefined {
  if (v === x) return [0, 1];
  const n = numberOf(v);
  if (n !== undefined) return [n];
  if (!v?.op || depth === 0) return undefined;
  const { definition, operands } = v.op;
  const [a, b] = operands.map((o) => () => polynomialIn(x, o, depth - 1));
  switch (definition) {
    case Add:
      return combine(a!(), b!(), 1);
    case Sub:
      return combine(a!(), b!(), -1);
    case Mul:
      return multiply(a!(), b!());
    case Neg:
      return multiply(a!(), [-1]);
    case Square: {
      const p = a!();
      return multiply(p, p);
    }
    case Pow: {
      const p = a!();
      return numberOf(operands[1]) === 3 ? multiply(p, multiply(p, p)) : undefined;
    }
    default:
      return undefined;
  }
}

function combine(p: number[] | undefined, q: number[] | undefined, sign: number): number[] | undefined {
  if (!p || !q) return undefined;
  return Array.from({ length: Math.max(p.length, q.length) }, (_, i) => (p[i] ?? 0) + sign * (q[i] ?? 0));
}

function multiply(p: number[] | undefined, q: number[] | undefined): number[] | undefined {
  if (!p || !q || p.length + q.length > 5) return undefined;
  const product = new Array<number>(p.length + q.length - 1).fill(0);
  p.forEach((a, i) => {
    q.forEach((b, k) => (product[i + k]! += a * b));
  });
  return product;
}

export interface Reduction {
  readonly x: Value;
  readonly axes: readonly number[];
}

/** The operand and axes of a reduction that keeps its axes. */
export function keptReduction(v: Value | undefined, definition: AnyOpDefinition): Reduction | undefined {
  const op = producer(v, definition);
  const x = op?.operand(0);
  if (!op || !x || op.attributes["keepdims"] !== true) return undefined;
  return { x, axes: normalizeAxes(op.attributes["axes"] as readonly number[], x.tensor.shape.length) };
}

/** The first of some axes that are the last ones of a tensor. */
export function trailingAxis({ x, axes }: Reduction): number | undefined {
  const rank = x.tensor.shape.length;
  return axes.length > 0 && axes.every((a, i) => a === rank - axes.length + i) ? axes[0] : undefined;
}

export const sameAxes = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

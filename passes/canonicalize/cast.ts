/** Copies and conversions that change nothing. */
import type { Op, Value } from "../../ir/graph.ts";
import { BitCast, Cast } from "../../ir/ops/cast.ts";
import { IdentityOp } from "../../ir/ops/identity.ts";
import { isMinifloat } from "../../ir/minifloat.ts";
import { type DType, integerBits, isFloat, isInteger, isUnsigned } from "../../ir/type.ts";
import { any, match } from "../pattern.ts";
import { hasPublicName, opRule, rule, type Rule } from "../rewrite.ts";

/** Bits of a float's significand, the hidden one included. */
const significands: Partial<Record<DType, number>> = { f16: 11, bf16: 8, f32: 24, f64: 53 };

/** Whether every value of `from` is one of `to`, so that a cast to `to` and back changes nothing. */
export function holdsAll(to: DType, from: DType): boolean {
  if (to === from) return true;
  if (from === "bool") return isInteger(to) || significands[to] !== undefined;
  if (isInteger(from))
    return isInteger(to) ? holdsIntegers(to, from) : integerBits(from) - (isUnsigned(from) ? 0 : 1) <= (significands[to] ?? 0);
  if (!isFloat(from) || to === "string") return false;
  if (to === "f64") return true;
  return to === "f32" && from !== "f64";
}

function holdsIntegers(to: DType, from: DType): boolean {
  if (isUnsigned(to)) return isUnsigned(from) && integerBits(to) >= integerBits(from);
  return integerBits(to) >= integerBits(from) + (isUnsigned(from) ? 1 : 0);
}

/** `(T)x = x` for x of type T. */
const castToSame = opRule("cast-to-same", "exact", Cast, (op) => {
  const x = op.operand(0)!;
  return x.tensor.dtype === op.attributes["to"] ? x : undefined;
});

/**
 * `(C)(B)x = (C)x` where B holds every value of the type A of x. Integers that pass through a float on the way to
 * integers are left alone: floats saturate where integers wrap, unless C holds them all.
 */
const castOfCast = opRule("cast-of-cast", "exact", Cast, (op, r) => {
  const inner = op.operand(0)!.op;
  const x = inner?.operand(0);
  if (inner?.definition !== Cast || !x) return undefined;
  const [a, b, c] = [x.tensor.dtype, inner.attributes["to"] as DType, op.attributes["to"] as DType];
  if (!holdsAll(b, a) || isMinifloat(b)) return undefined;
  const wraps = isFloat(b) && isInteger(c) && !isFloat(a);
  return wraps && !holdsAll(c, a) ? undefined : r.create(Cast, { x }, op.attributes);
});

/** The bits of x as its own type are x; of bits taken twice only the last type counts. */
const bitCastRules: readonly Rule[] = [
  opRule("bit-cast-to-same", "exact", BitCast, (op) => (op.operand(0)!.tensor.dtype === op.attributes["to"] ? op.operand(0) : undefined)),
  rule("bit-cast-of-bit-cast", "exact", match(BitCast, { x: match(BitCast, { x: any("x") }) }), ({ x }, r, op) =>
    r.create(BitCast, { x }, { to: op.attributes["to"] as DType }),
  ),
];

/** A copy is needed where an output of the model would else be an input, or another output, under one of two names. */
const isNeededCopy = (op: Op, x: Value): boolean => hasPublicName(op.result) && hasPublicName(x) && op.result.name !== x.name;

/** `identity(x) = x`. */
const identity = opRule("identity", "exact", IdentityOp, (op) => {
  const x = op.operand(0)!;
  return isNeededCopy(op, x) ? undefined : x;
});

export const castRules: readonly Rule[] = [castToSame, castOfCast, ...bitCastRules, identity];

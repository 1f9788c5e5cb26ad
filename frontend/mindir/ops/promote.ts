/** Operands of one element type: MindSpore's implicit promotion, where the file does not cast itself. */
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import { type DType, integerBits, isFloat, isInteger, isUnsigned } from "../../../ir/type.ts";
import type { NodeContext } from "../node.ts";
import { describe, isKind, isValue, type Item } from "../values.ts";

/** The element type that both promote to. */
export function commonType(a: DType, b: DType): DType {
  if (a === b || b === "bool") return a;
  if (a === "bool") return b;
  if (isFloat(a) || isFloat(b)) return commonFloat(a, b);
  return commonInteger(a, b);
}

function commonFloat(a: DType, b: DType): DType {
  if (!isFloat(a)) return b;
  if (!isFloat(b)) return a;
  if (a === "f64" || b === "f64") return "f64";
  return "f32";
}

function commonInteger(a: DType, b: DType): DType {
  if (isUnsigned(a) === isUnsigned(b)) return integerBits(a) >= integerBits(b) ? a : b;
  const [signed, unsigned] = isUnsigned(a) ? [b, a] : [a, b];
  if (integerBits(signed) > integerBits(unsigned)) return signed;
  return integerBits(unsigned) === 8 ? "i16" : integerBits(unsigned) === 16 ? "i32" : "i64";
}

/** The type that a number has beside a tensor of type `beside`. */
function numberType(item: Item, beside: DType): DType {
  if (isKind(item, "float")) return isFloat(beside) ? beside : "f32";
  if (isKind(item, "int")) return isFloat(beside) || isInteger(beside) ? beside : "i64";
  return beside;
}

function typeOf(item: Item): DType | undefined {
  return isValue(item) ? item.tensor.dtype : undefined;
}

/** Items as tensors of one element type; numbers adapt to tensors. */
export function promote(n: NodeContext, a: Item | undefined, b: Item | undefined): readonly [Value, Value] {
  if (a === undefined || b === undefined)
    throw new OpError(`the operator needs two operands, not ${describe(a)} and ${describe(b)}`, "bad-operand");
  const [ta, tb] = [typeOf(a), typeOf(b)];
  const x = n.tensorOf(a, ta ?? (tb && numberType(a, tb)));
  const y = n.tensorOf(b, tb ?? (ta && numberType(b, ta)));
  const type = commonType(x.tensor.dtype, y.tensor.dtype);
  return [n.cast(x, type), n.cast(y, type)];
}

/** The operands of a binary operator. */
export const pair = (n: NodeContext): readonly [Value, Value] => promote(n, n.items[0], n.items[1]);

/** Input `i` as floats: integers become what the file declares for the result, else f32. */
export function floats(n: NodeContext, i: number): Value {
  const x = n.input(i);
  if (isFloat(x.tensor.dtype)) return x;
  const declared = n.declared?.dtype;
  return n.cast(x, declared !== undefined && isFloat(declared) ? declared : "f32");
}

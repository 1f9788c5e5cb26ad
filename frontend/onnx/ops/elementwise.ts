/** ONNX's elementwise operators: arithmetic, functions, activations, comparisons, logic and conversions of element types. */
import { normalizeAxis } from "../../../ir/axis.ts";
import type { AnyOpDefinition } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import type { Value } from "../../../ir/graph.ts";
import * as activation from "../../../ir/ops/activation.ts";
import { BitCast, Cast } from "../../../ir/ops/cast.ts";
import * as compare from "../../../ir/ops/compare.ts";
import * as math from "../../../ir/ops/elementwise.ts";
import { Reshape } from "../../../ir/ops/shape.ts";
import { type DType, isFloat } from "../../../ir/type.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { onnxDType } from "../tensor-data.ts";

type UnaryDefinition = typeof math.Abs;
type BinaryDefinition = typeof math.Add;

/** The operator with one operand that is this op of ours. */
const unary =
  (definition: UnaryDefinition): Lowering =>
  (n) =>
    n.create(definition, { x: n.input(0) });

/** `v` with extents of one behind its own, so that its axes stand where axis `first` of a tensor of that rank does. */
function alignAxes(n: NodeContext, v: Value, first: number, rank: number): Value {
  const { shape } = v.tensor;
  const behind = rank - first - shape.length;
  if (behind < 0) n.unsupported(`an operand of rank ${shape.length} does not fit at axis ${first} of rank ${rank}`, "type-mismatch");
  return behind === 0 ? v : n.create(Reshape, { x: v }, { shape: [...shape, ...new Array<number>(behind).fill(1)] });
}

/** Before version 7 broadcasting was asked for by attributes, which say where the second operand's axes begin. */
function secondOperand(n: NodeContext): Value {
  const b = n.input(1);
  if (n.opset >= 7 || n.int("broadcast", 0) === 0 || !n.has("axis")) return b;
  return alignAxes(n, b, normalizeAxis(n.int("axis"), n.rank(0)), n.rank(0));
}

const binaryOf = (n: NodeContext, definition: BinaryDefinition): Value => n.create(definition, { a: n.input(0), b: secondOperand(n) });
const binary =
  (definition: BinaryDefinition): Lowering =>
  (n) =>
    binaryOf(n, definition);

/** Any number of operands, folded from the left. */
const variadic =
  (definition: BinaryDefinition): Lowering =>
  (n) =>
    n.inputs().reduce((a, b) => n.create(definition, { a, b }));

/** An activation with float attributes of ours, each by the name it has in ONNX and its default there. */
const activationWith =
  (definition: AnyOpDefinition, attributes: Readonly<Record<string, readonly [name: string, fallback: number]>>): Lowering =>
  (n) => {
    const given = Object.entries(attributes).map(([ours, [name, fallback]]) => [ours, n.float(name, fallback)] as const);
    return n.create(definition, { x: n.input(0) }, Object.fromEntries(given));
  };

const mean: Lowering = (n) => {
  const inputs = n.inputs();
  const total = inputs.reduce((a, b) => n.create(math.Add, { a, b }));
  if (inputs.length === 1) return total;
  return n.create(math.Div, { a: total, b: n.scalar(total.tensor.dtype, inputs.length) });
};

/** Float attributes are no values of another type. */
function expectFloat(dtype: DType): void {
  if (!isFloat(dtype)) throw new OpError(`bounds by attribute for elements of type ${dtype}`, "unsupported-type");
}

/** Bounds are attributes before version 11, then operands. */
const clip: Lowering = (n) => {
  const x = n.input(0);
  const bound = (name: string, i: number): Value | undefined => {
    if (n.opset >= 11) return n.optional(i);
    expectFloat(x.tensor.dtype);
    return n.has(name) ? n.scalar(x.tensor.dtype, n.float(name)) : undefined;
  };
  const [low, high] = [bound("min", 1), bound("max", 2)];
  return n.create(activation.Clip, { x, ...(low && { low }), ...(high && { high }) });
};

const bitShift: Lowering = (n) => {
  const direction = n.string("direction");
  if (direction !== "LEFT" && direction !== "RIGHT")
    n.unsupported(`the direction '${direction}' is neither LEFT nor RIGHT`, "bad-attribute");
  return binaryOf(n, direction === "LEFT" ? compare.ShiftLeft : compare.ShiftRight);
};

const gelu: Lowering = (n) => {
  const approximate = n.string("approximate", "none");
  if (approximate !== "none" && approximate !== "tanh")
    n.unsupported(`the approximation '${approximate}' is neither none nor tanh`, "bad-attribute");
  return n.create(activation.Gelu, { x: n.input(0) }, { approximate: approximate === "tanh" ? "tanh" : "none" });
};

const isInf: Lowering = (n) =>
  n.create(compare.IsInf, { x: n.input(0) }, { negative: n.int("detect_negative", 1) !== 0, positive: n.int("detect_positive", 1) !== 0 });

/** Before version 7 a slope with one element per channel belonged to axis 1. */
const prelu: Lowering = (n) => {
  const isPerChannel = n.opset < 7 && n.rank(1) === 1 && n.rank(0) > 1 && n.type(1).shape[0] !== 1;
  return n.create(activation.Prelu, { x: n.input(0), slope: isPerChannel ? alignAxes(n, n.input(1), 1, n.rank(0)) : n.input(1) });
};

function castTo(n: NodeContext, to: DType): Value {
  const rounding = n.string("round_mode", "up");
  if (rounding !== "up" && rounding !== "down" && rounding !== "nearest")
    return n.unsupported(`the rounding mode '${rounding}' is not known`, "bad-attribute");
  return n.create(Cast, { x: n.input(0) }, { to, saturate: n.int("saturate", 1) !== 0, rounding });
}

/** The element type that attribute `to` numbers. */
function targetType(n: NodeContext): DType {
  const number = n.int("to");
  return onnxDType(number) ?? n.unsupported(`the element type ${number} is not carried`, "unsupported-type");
}

const where: Lowering = (n) => n.create(compare.Where, { condition: n.input(0), a: n.input(1), b: n.input(2) });

export const elementwiseLowerings: Lowerings = {
  Abs: unary(math.Abs),
  Acos: unary(math.Acos),
  Acosh: unary(math.Acosh),
  Add: binary(math.Add),
  And: binary(compare.LogicalAnd),
  Asin: unary(math.Asin),
  Asinh: unary(math.Asinh),
  Atan: unary(math.Atan),
  Atanh: unary(math.Atanh),
  BitCast: (n) => n.create(BitCast, { x: n.input(0) }, { to: targetType(n) }),
  BitShift: bitShift,
  BitwiseAnd: binary(compare.BitwiseAnd),
  BitwiseNot: unary(compare.BitwiseNot),
  BitwiseOr: binary(compare.BitwiseOr),
  BitwiseXor: binary(compare.BitwiseXor),
  Cast: (n) => castTo(n, targetType(n)),
  CastLike: (n) => castTo(n, n.type(1).dtype),
  Ceil: unary(math.Ceil),
  Celu: activationWith(activation.Celu, { alpha: ["alpha", 1] }),
  Clip: clip,
  Cos: unary(math.Cos),
  Cosh: unary(math.Cosh),
  Div: binary(math.Div),
  Elu: activationWith(activation.Elu, { alpha: ["alpha", 1] }),
  Equal: binary(compare.Equal),
  Erf: unary(math.Erf),
  Exp: unary(math.Exp),
  Floor: unary(math.Floor),
  Gelu: gelu,
  Greater: binary(compare.Greater),
  GreaterOrEqual: binary(compare.GreaterEqual),
  HardSigmoid: activationWith(activation.HardSigmoid, { alpha: ["alpha", 0.2], beta: ["beta", 0.5] }),
  HardSwish: unary(activation.HardSwish),
  Identity: (n) => n.input(0),
  IsInf: isInf,
  IsNaN: unary(compare.IsNan),
  LeakyRelu: activationWith(activation.LeakyRelu, { alpha: ["alpha", 0.01] }),
  Less: binary(compare.Less),
  LessOrEqual: binary(compare.LessEqual),
  Log: unary(math.Log),
  Max: variadic(math.Max),
  Mean: mean,
  Min: variadic(math.Min),
  Mish: unary(activation.Mish),
  Mod: (n) => binaryOf(n, n.int("fmod", 0) !== 0 ? math.Rem : math.FloorMod),
  Mul: binary(math.Mul),
  Neg: unary(math.Neg),
  Not: unary(compare.LogicalNot),
  Or: binary(compare.LogicalOr),
  PRelu: prelu,
  Pow: (n) => n.create(math.Pow, { a: n.input(0), b: secondOperand(n) }),
  Reciprocal: unary(math.Reciprocal),
  Relu: unary(activation.Relu),
  Round: unary(math.Round),
  Selu: activationWith(activation.Selu, { alpha: ["alpha", 1.6732631921768188], gamma: ["gamma", 1.0507010221481323] }),
  Shrink: activationWith(activation.Shrink, { lambda: ["lambd", 0.5], bias: ["bias", 0] }),
  Sigmoid: unary(activation.Sigmoid),
  Sign: unary(math.Sign),
  Sin: unary(math.Sin),
  Sinh: unary(math.Sinh),
  Softplus: unary(activation.Softplus),
  Softsign: unary(activation.Softsign),
  Sqrt: unary(math.Sqrt),
  Sub: binary(math.Sub),
  Sum: variadic(math.Add),
  Swish: activationWith(activation.Swish, { alpha: ["alpha", 1] }),
  Tan: unary(math.Tan),
  Tanh: unary(math.Tanh),
  ThresholdedRelu: activationWith(activation.ThresholdedRelu, { alpha: ["alpha", 1] }),
  Where: where,
  Xor: binary(compare.LogicalXor),
};

/** Activations as ONNX's operators. */
import * as activation from "../../../ir/ops/activation.ts";
import { isFloat, isUnsigned } from "../../../ir/type.ts";
import type { Body } from "./body.ts";
import { expm1, less, where } from "./elementwise.ts";
import { functionRow, row, type Row } from "./row.ts";
import type { Operand, Term } from "./term.ts";

const mul = (n: Body, a: Term, b: Term): Term => n.op("Mul", [a, b]);
const add = (n: Body, a: Term, b: Term): Term => n.op("Add", [a, b]);
const times = (n: Body, x: Term, factor: number): Term => (factor === 1 ? x : mul(n, x, n.like(x, factor)));
const clip = (n: Body, x: Term, low: number, high: number): Term => n.op("Clip", [x, n.like(x, low), n.like(x, high)]);
const isNegative = (n: Body, x: Term): Term => less(n, x, n.like(x, 0));

/** Float attributes have 32 bits: f64 is computed by formula where they do not hold the numbers. */
const isExact = (x: Term, ...values: readonly number[]): boolean => x.dtype !== "f64" || values.every((v) => Math.fround(v) === v);

const tanhFactor = Math.sqrt(2 / Math.PI);

function gelu(n: Body, x: Term): Term {
  const inner = n.op("Erf", [times(n, x, Math.SQRT1_2)]);
  return mul(n, times(n, x, 0.5), add(n, inner, n.like(x, 1)));
}

function geluTanh(n: Body, x: Term): Term {
  const cubic = times(n, mul(n, x, mul(n, x, x)), 0.044715);
  const inner = n.op("Tanh", [times(n, add(n, x, cubic), tanhFactor)]);
  return mul(n, times(n, x, 0.5), add(n, inner, n.like(x, 1)));
}

function celu(n: Body, x: Term, alpha: number): Term {
  const below = times(n, expm1(n, n.op("Div", [x, n.like(x, alpha)])), alpha);
  const zero = n.like(x, 0);
  return add(n, n.op("Max", [x, zero]), n.op("Min", [below, zero]));
}

function boundedClip(n: Body, x: Operand, low: Operand | undefined, high: Operand | undefined): Term {
  if ([low, high].every((b) => b === undefined || b.shape.length === 0)) return n.op("Clip", [x, low, high]);
  const raised = low ? n.op("Max", [x, low]) : x;
  return high ? n.op("Min", [raised, high]) : raised;
}

export const activationRows: readonly Row[] = [
  row(activation.Relu, (n, { x }) => n.op(isUnsigned(x.dtype) ? "Identity" : "Relu", [x])),
  row(activation.Relu6, (n, { x }) => clip(n, x, 0, 6)),
  row(activation.Sigmoid, (n, { x }) => n.op("Sigmoid", [x])),
  functionRow(activation.LogSigmoid, (n, { x }) => n.op("Neg", [n.op("Softplus", [n.op("Neg", [n.lift(x)])])])),
  row(activation.Softplus, (n, { x }) => n.op("Softplus", [x])),
  row(activation.Softsign, (n, { x }) => n.op("Softsign", [x])),
  functionRow(activation.Mish, (n, { x }) => {
    if (n.has("Mish")) return n.op("Mish", [x]);
    const lifted = n.lift(x);
    return mul(n, lifted, n.op("Tanh", [n.op("Softplus", [lifted])]));
  }),
  functionRow(activation.HardSwish, (n, { x }) => {
    if (n.has("HardSwish")) return n.op("HardSwish", [x]);
    const lifted = n.lift(x);
    return mul(n, lifted, n.op("HardSigmoid", [lifted], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }));
  }),
  row(activation.HardSigmoid, (n, { x }, { alpha, beta }) =>
    isExact(x, alpha, beta)
      ? n.op("HardSigmoid", [x], { alpha: { float: alpha }, beta: { float: beta } })
      : clip(n, add(n, times(n, x, alpha), n.like(x, beta)), 0, 1),
  ),
  functionRow(activation.Swish, (n, { x }, { alpha }) => {
    if (n.has("Swish")) return n.op("Swish", [x], { alpha: { float: alpha } });
    const lifted = n.lift(x);
    return mul(n, lifted, n.op("Sigmoid", [times(n, lifted, alpha)]));
  }),
  functionRow(activation.Gelu, (n, { x }, { approximate }) => {
    if (n.has("Gelu")) return n.op("Gelu", [x], { approximate });
    return approximate === "tanh" ? geluTanh(n, n.lift(x)) : gelu(n, n.lift(x));
  }),
  row(activation.Elu, (n, { x }, { alpha }) =>
    isExact(x, alpha) ? n.op("Elu", [x], { alpha: { float: alpha } }) : where(n, isNegative(n, x), times(n, expm1(n, x), alpha), x),
  ),
  row(activation.Selu, (n, { x }, { alpha, gamma }) =>
    isExact(x, alpha, gamma)
      ? n.op("Selu", [x], { alpha: { float: alpha }, gamma: { float: gamma } })
      : times(n, where(n, less(n, n.like(x, 0), x), x, times(n, expm1(n, x), alpha)), gamma),
  ),
  functionRow(activation.Celu, (n, { x }, { alpha }) =>
    x.dtype === "f32" ? n.op("Celu", [x], { alpha: { float: alpha } }) : celu(n, n.lift(x), alpha),
  ),
  row(activation.LeakyRelu, (n, { x }, { alpha }) =>
    isExact(x, alpha) ? n.op("LeakyRelu", [x], { alpha: { float: alpha } }) : where(n, isNegative(n, x), times(n, x, alpha), x),
  ),
  row(activation.ThresholdedRelu, (n, { x }, { alpha }) =>
    isExact(x, alpha) ? n.op("ThresholdedRelu", [x], { alpha: { float: alpha } }) : where(n, less(n, n.like(x, alpha), x), x, n.like(x, 0)),
  ),
  row(activation.Shrink, (n, { x }, { lambda, bias }) => {
    const attributes = { lambd: { float: lambda }, bias: { float: bias } };
    return n.op("Shrink", [isFloat(x.dtype) ? x : n.cast(x, "f64")], attributes);
  }),
  row(activation.Prelu, (n, { x, slope }) => n.op("PRelu", [x, slope])),
  row(activation.Clip, (n, { x, low, high }) => boundedClip(n, x, low, high)),
];

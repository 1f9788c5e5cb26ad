/** Arithmetic, elementary functions, comparisons, activations. */
import { constantContent } from "../../../ir/content.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { isFloat, tensor } from "../../../ir/type.ts";
import { permuted, toLast } from "../layout.ts";
import { binaryPrimitives, fusedPrimitives, unaryPrimitives } from "../ops/elementwise.ts";
import { idOfDtype } from "../type-id.ts";
import { constantView, type Emitter } from "./emitter.ts";
import { quantisedResult, withQuantisation } from "./quantised-nodes.ts";
import { attribute, layoutOf, pointwise, pointwiseNode, rank, type Row, type Rows, withActivation } from "./row.ts";

const sameName = (primitives: Readonly<Record<string, { readonly name: string }>>): Rows =>
  Object.fromEntries(Object.entries(primitives).map(([type, { name }]) => [name, pointwise(type)]));

/** Sums and products, with the activation that follows. */
const fused = (type: string): Row => ({
  emit(e, op) {
    const operands = op.operands.filter((v) => v !== undefined);
    const layout = layoutOf(e, operands);
    withQuantisation(e, operands, type === "AddFusion" || type === "MulFusion", (inputs) => {
      const { value, activation } = isFloat(op.result.tensor.dtype)
        ? withActivation(e, op.result)
        : { value: op.result, activation: "NO_ACTIVATION" };
      e.node(
        type,
        { activation_type: activation },
        operands.map((v) => inputs(v, layout)),
        [quantisedResult(e, value, layout)],
      );
    });
  },
});

const activation = (activation_type: string, more: (op: Op) => Record<string, unknown> = () => ({})): Row =>
  pointwise("Activation", (op) => ({ activation_type, ...more(op) }));

/** Activations that are what another one with certain attributes is. */
const onlyWith = (row: Row, accepts: (op: Op) => boolean): Row => ({ ...row, accepts });

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6;

const boundOf = (v: Value | undefined, fallback: number): number | undefined => {
  if (!v) return fallback;
  const content = constantContent(v);
  return content?.length === 1 ? content[0] : undefined;
};

/** Both bounds known; the primitive has no others. */
const clip: Row = {
  accepts: (op) => op.result.tensor.dtype === "f32" && boundOf(op.operand(1), 0) !== undefined && boundOf(op.operand(2), 0) !== undefined,
  emit(e, op) {
    const layout = layoutOf(e, [op.operand(0)]);
    const fields = { min: boundOf(op.operand(1), -3.4028234663852886e38), max: boundOf(op.operand(2), 3.4028234663852886e38) };
    e.node("Clip", fields, [e.get(op.operand(0)!, layout)], [e.result(op.result, layout)]);
  },
};

/** A slope of one element, or of one per channel. */
const prelu: Row = {
  accepts(op) {
    const [x, slope] = [op.operand(0)!, op.operand(1)!];
    return rank(x) === 4 && rank(slope) >= 3 && slope.tensor.shape.every((d, i) => d === 1 || i === rank(slope) - 3);
  },
  emit(e, op) {
    const inputs = op.operands.map((v) => e.get(v!, "last"));
    e.node("PReLUFusion", { channel_shared: false }, inputs, [e.result(op.result, "last")]);
  },
};

const cast: Row = {
  accepts: (op) =>
    idOfDtype(op.result.tensor.dtype) !== undefined &&
    idOfDtype(op.operand(0)!.tensor.dtype) !== undefined &&
    op.result.tensor.dtype !== "i4",
  emit(e, op) {
    // Of a constant: made where it is needed, in the order of axes that is needed.
    if (constantView(op.operand(0)!)) return;
    const layout = layoutOf(e, [op.operand(0)]);
    e.node("Cast", {}, [e.get(op.operand(0)!, layout), e.int(idOfDtype(op.result.tensor.dtype)!)], [e.result(op.result, layout)]);
  },
};

const pow: Row = {
  accepts: (op) => op.operand(0)!.tensor.dtype === op.operand(1)!.tensor.dtype,
  emit(e, op) {
    pointwiseNode(e, op, "PowFusion");
  },
};

/** A node between, in the order of axes of the op's operand. */
function between(e: Emitter, like: Value, type: string, fields: Record<string, unknown>, inputs: readonly number[]): number {
  const isLast = layoutOf(e, [like]) === "last";
  const { dtype, shape } = like.tensor;
  const y = e.addTensor("", tensor(dtype, isLast ? permuted(shape, toLast) : shape), isLast ? "NHWC" : "NCHW");
  e.node(type, fields, inputs, [y]);
  return y;
}

/** An op of one operand as two or more nodes, the last of which gives the result. */
const steps = (
  f: (e: Emitter, op: Op, x: number) => readonly [type: string, fields: Record<string, unknown>, inputs: readonly number[]],
): Row => ({
  emit(e, op) {
    const layout = layoutOf(e, [op.operand(0)]);
    const [type, fields, inputs] = f(e, op, e.get(op.operand(0)!, layout));
    e.node(type, fields, inputs, [e.result(op.result, layout)]);
  },
});

const activate = (e: Emitter, op: Op, type: string, x: number): number =>
  between(e, op.operand(0)!, "Activation", { activation_type: type }, [x]);

export const elementwiseRows: Rows = {
  ...sameName(unaryPrimitives),
  ...sameName(binaryPrimitives),
  ...Object.fromEntries(Object.entries(fusedPrimitives).map(([type, { name }]) => [name, fused(type)])),
  exp: pointwise("ExpFusion", () => ({ base: -1, scale: 1, shift: 0 })),
  xor: pointwise("NotEqual"),
  pow,
  where: pointwise("Select"),
  cast,
  relu: activation("RELU"),
  relu6: activation("RELU6"),
  sigmoid: activation("SIGMOID"),
  tanh: activation("TANH"),
  sign: activation("SIGN"),
  softsign: activation("SOFTSIGN"),
  softplus: activation("SOFTPLUS"),
  hard_swish: activation("HSWISH"),
  elu: activation("ELU", (op) => ({ alpha: attribute<number>(op, "alpha") })),
  leaky_relu: pointwise("LeakyRelu", (op) => ({ negative_slope: attribute<number>(op, "alpha") })),
  thresholded_relu: activation("THRESHOLDRELU", (op) => ({ alpha: attribute<number>(op, "alpha") })),
  selu: onlyWith(
    activation("SELU"),
    (op) => near(attribute(op, "alpha"), 1.6732632423543772) && near(attribute(op, "gamma"), 1.0507009873554805),
  ),
  gelu: activation("GELU", (op) => ({ approximate: attribute<string>(op, "approximate") === "tanh" })),
  swish: onlyWith(activation("SWISH"), (op) => attribute<number>(op, "alpha") === 1),
  hard_sigmoid: onlyWith(activation("HSIGMOID"), (op) => near(attribute(op, "alpha"), 1 / 6) && near(attribute(op, "beta"), 0.5)),
  clip,
  prelu,
  // x tanh(softplus(x))
  mish: steps((e, op, x) => ["MulFusion", {}, [x, activate(e, op, "TANH", activate(e, op, "SOFTPLUS", x))]]),
  // -softplus(-x)
  log_sigmoid: steps((e, op, x) => ["Neg", {}, [activate(e, op, "SOFTPLUS", between(e, op.operand(0)!, "Neg", {}, [x]))]]),
  tan: steps((e, op, x) => ["DivFusion", {}, [between(e, op.operand(0)!, "Sin", {}, [x]), between(e, op.operand(0)!, "Cos", {}, [x])]]),
};

/**
 * Recurrent layers over whole sequences. Each is one matrix product of all inputs with the input weights, and then its
 * `_steps` op, which walks through time.
 *
 * Layouts: x [time,batch,input]; w [dir,input,gates*hidden], r [dir,hidden,gates*hidden], b [dir,gates*hidden]; states
 * [dir,batch,hidden]; y [time,dir,batch,hidden]. Gates stand in the order input, forget, cell, output (LSTM) and update,
 * reset, new (GRU). A second direction runs backwards. `lengths` (i32 or i64 [batch]): steps of each sequence; the backward
 * direction starts at its last step, results past the end are zero.
 */
import * as attribute from "../attribute.ts";
import { type AttributesOf, type Builder, defineOp, type NamedTypes, operand, optionalOperand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { type Dim, mul } from "../dim.ts";
import type { Value } from "../graph.ts";
import { type DType, formatType, isFloat, isInteger, sameShape, type TensorType, tensor } from "../type.ts";
import { Add } from "./elementwise.ts";
import { Matmul } from "./matmul.ts";
import { activationDefaults } from "./recurrent-activation.ts";
import { gruLoops, lstmLoops, rnnLoops } from "./recurrent-loops.ts";
import { Reshape } from "./shape.ts";

const attributes = {
  direction: attribute.choice(["forward", "reverse", "bidirectional"], "forward"),
  activations: attribute.strings(undefined, "names of the activations, those of the first direction first"),
  alphas: attribute.floats(undefined, "a parameter for each activation"),
  betas: attribute.floats(undefined, "a parameter for each activation"),
  clip: attribute.maybe(attribute.float(undefined, "bound of what goes into the activations")),
};
const lstmAttributes = { ...attributes, input_forget: attribute.flag(false, "the forget gate is one minus the input gate") };
const gruAttributes = {
  ...attributes,
  linear_before_reset: attribute.flag(false, "the reset gate acts on the product with the hidden weights, not on the state"),
};

/** Attributes that all recurrent ops have. */
export type RecurrentAttributes = AttributesOf<typeof attributes>;

/** How many gates and activations a kind of layer has. */
interface Kind {
  readonly name: string;
  readonly gates: number;
  readonly activations: number;
}
const lstmKind: Kind = { name: "lstm", gates: 4, activations: 3 };
const gruKind: Kind = { name: "gru", gates: 3, activations: 2 };
const rnnKind: Kind = { name: "rnn", gates: 1, activations: 1 };

interface Sizes {
  readonly directions: number;
  readonly time: Dim;
  readonly batch: Dim;
  readonly hidden: Dim;
}

const expectShape = (t: TensorType | undefined, shape: readonly Dim[], dtype: string, name: string): void => {
  if (t && (!sameShape(t.shape, shape) || t.dtype !== dtype)) {
    throw new OpError(`operand '${name}' does not fit`, "type-mismatch", {
      expected: `${dtype} of shape [${shape.map(String).join(",")}]`,
      received: formatType(t),
    });
  }
};

const directionCount = (a: RecurrentAttributes): number => (a.direction === "bidirectional" ? 2 : 1);

function checkActivations(a: RecurrentAttributes, kind: Kind): void {
  const count = kind.activations * directionCount(a);
  if ([a.activations, a.alphas, a.betas].some((list) => list.length !== count)) {
    throw new OpError(`a ${a.direction} ${kind.name} has ${count} activations, each with two parameters`, "bad-attribute");
  }
  for (const name of a.activations) activationDefaults(name);
}

type Steps = NamedTypes<typeof stepOperands>;
const stepOperands = { projected: operand, r: operand, lengths: optionalOperand, h0: optionalOperand };

/** Checks what the `_steps` ops have in common; `projected` is [dir,time,batch,gates*hidden]. */
function checkSteps({ projected, r, lengths, h0 }: Steps, a: RecurrentAttributes, kind: Kind): Sizes {
  checkActivations(a, kind);
  const directions = directionCount(a);
  const [count, time, batch, width] = projected.shape;
  const hidden = r.shape[1];
  const hasAxes = projected.shape.length === 4 && r.shape.length === 3 && count === directions;
  if (!hasAxes || width !== mul(kind.gates, hidden!) || !isFloat(projected.dtype))
    throw new OpError(`${formatType(projected)} and weights ${formatType(r)} do not make a ${a.direction} ${kind.name}`);
  const sizes = { directions, time: time!, batch: batch!, hidden: hidden! };
  expectShape(r, [directions, hidden!, width], projected.dtype, "r");
  checkStart(sizes, projected.dtype, lengths, h0);
  return sizes;
}

function checkStart({ directions, batch, hidden }: Sizes, dtype: DType, lengths: TensorType | undefined, h0: TensorType | undefined): void {
  expectShape(h0, [directions, batch, hidden], dtype, "h0");
  if (lengths && (!isInteger(lengths.dtype) || !sameShape(lengths.shape, [batch]))) {
    throw new OpError("operand 'lengths' does not fit", "type-mismatch", { received: formatType(lengths) });
  }
}

function checkCell(
  { directions, batch, hidden }: Sizes,
  dtype: DType,
  c0: TensorType | undefined,
  peepholes: TensorType | undefined,
): void {
  expectShape(c0, [directions, batch, hidden], dtype, "c0");
  expectShape(peepholes, [directions, mul(3, hidden)], dtype, "peepholes");
}

const stateType = (dtype: TensorType["dtype"], s: Sizes): TensorType => tensor(dtype, [s.directions, s.batch, s.hidden]);
const outputType = (dtype: TensorType["dtype"], s: Sizes): TensorType => tensor(dtype, [s.time, s.directions, s.batch, s.hidden]);

export const LstmSteps = defineOp({
  name: "lstm_steps",
  summary: "The recurrence of `lstm`, for inputs that were already multiplied by the input weights: projected [dir,time,batch,4*hidden].",
  operands: { ...stepOperands, c0: optionalOperand, peepholes: optionalOperand },
  attributes: lstmAttributes,
  results: ["y", "h", "c"],
  infer(types, a) {
    const sizes = checkSteps(types, a, lstmKind);
    const { dtype } = types.projected;
    checkCell(sizes, dtype, types.c0, types.peepholes);
    return [outputType(dtype, sizes), stateType(dtype, sizes), stateType(dtype, sizes)];
  },
  routine: ({ operands, attributes: a, results: [y, h, c] }) => lstmLoops(operands, a, { y: y!, h: h!, c: c! }),
});

export const GruSteps = defineOp({
  name: "gru_steps",
  summary: "The recurrence of `gru`, for inputs that were already multiplied by the input weights: projected [dir,time,batch,3*hidden].",
  operands: { ...stepOperands, new_bias: optionalOperand },
  attributes: gruAttributes,
  results: ["y", "h"],
  infer(types, a) {
    const sizes = checkSteps(types, a, gruKind);
    const { dtype } = types.projected;
    expectShape(types.new_bias, [sizes.directions, sizes.hidden], dtype, "new_bias");
    return [outputType(dtype, sizes), stateType(dtype, sizes)];
  },
  routine: ({ operands, attributes: a, results: [y, h] }) => gruLoops(operands, a, { y: y!, h: h! }),
});

export const RnnSteps = defineOp({
  name: "rnn_steps",
  summary: "The recurrence of `rnn`, for inputs that were already multiplied by the input weights: projected [dir,time,batch,hidden].",
  operands: stepOperands,
  attributes,
  results: ["y", "h"],
  infer(types, a) {
    const sizes = checkSteps(types, a, rnnKind);
    return [outputType(types.projected.dtype, sizes), stateType(types.projected.dtype, sizes)];
  },
  routine: ({ operands, attributes: a, results: [y, h] }) => rnnLoops(operands, a, { y: y!, h: h! }),
});

const layerOperands = { x: operand, w: operand, r: operand, b: optionalOperand, lengths: optionalOperand, h0: optionalOperand };

/** Checks the operands that all kinds of layers have and gives the sizes. */
function checkLayer({ x, w, r, b, lengths, h0 }: NamedTypes<typeof layerOperands>, a: RecurrentAttributes, kind: Kind): Sizes {
  const directions = directionCount(a);
  const hidden = r.shape[1];
  if (x.shape.length !== 3 || r.shape.length !== 3 || !isFloat(x.dtype))
    throw new OpError(`'${kind.name}' needs x [time,batch,input] and r [dir,hidden,gates*hidden]`, "type-mismatch", {
      received: formatType(x),
    });
  const [time, batch, input] = x.shape;
  const width = mul(kind.gates, hidden!);
  expectShape(w, [directions, input!, width], x.dtype, "w");
  expectShape(r, [directions, hidden!, width], x.dtype, "r");
  expectShape(b, [directions, width], x.dtype, "b");
  checkActivations(a, kind);
  const sizes = { directions, time: time!, batch: batch!, hidden: hidden! };
  checkStart(sizes, x.dtype, lengths, h0);
  return sizes;
}

/** x times w plus b, for all steps at once: [dir,time,batch,gates*hidden]. */
function project(builder: Builder, x: Value, w: Value, b: Value | undefined): Value {
  const [time, batch, input] = x.tensor.shape as [Dim, Dim, Dim];
  const [directions, , width] = w.tensor.shape as [Dim, Dim, Dim];
  const rows = builder.create(Reshape, { x }, { shape: [1, mul(time, batch), input] });
  const product = builder.create(Matmul, { a: rows, b: w });
  const bias = b && builder.create(Reshape, { x: b }, { shape: [directions, 1, width] });
  const biased = bias ? builder.create(Add, { a: product, b: bias }) : product;
  return builder.create(Reshape, { x: biased }, { shape: [directions, time, batch, width] });
}

export const Lstm = defineOp({
  name: "lstm",
  summary:
    "A long short-term memory (Hochreiter and Schmidhuber 1997, with forget gate): i, f, o = act0(.), g = act1(.), c' = f * c + i * g, h' = o * act2(c'). `peepholes` [dir,3*hidden] weigh c for i and f and c' for o. Layouts and gates as in the family's header.",
  operands: { ...layerOperands, c0: optionalOperand, peepholes: optionalOperand },
  attributes: lstmAttributes,
  results: ["y", "h", "c"],
  infer(types, a) {
    const sizes = checkLayer(types, a, lstmKind);
    const { dtype } = types.x;
    checkCell(sizes, dtype, types.c0, types.peepholes);
    return [outputType(dtype, sizes), stateType(dtype, sizes), stateType(dtype, sizes)];
  },
  decompose: ({ x, w, r, b, ...rest }, a, builder) => builder.createAll(LstmSteps, { projected: project(builder, x, w, b), r, ...rest }, a),
});

export const Gru = defineOp({
  name: "gru",
  summary:
    "A gated recurrent unit (Cho et al. 2014): z, r = act0(.), n = act1(x w + (r * h) r_n + new_bias), or with `linear_before_reset` n = act1(x w + r * (h r_n + new_bias)), h' = (1 - z) * n + z * h. `new_bias` is [dir,hidden]. Layouts and gates as in the family's header.",
  operands: { ...layerOperands, new_bias: optionalOperand },
  attributes: gruAttributes,
  results: ["y", "h"],
  infer(types, a) {
    const sizes = checkLayer(types, a, gruKind);
    expectShape(types.new_bias, [sizes.directions, sizes.hidden], types.x.dtype, "new_bias");
    return [outputType(types.x.dtype, sizes), stateType(types.x.dtype, sizes)];
  },
  decompose: ({ x, w, r, b, ...rest }, a, builder) => builder.createAll(GruSteps, { projected: project(builder, x, w, b), r, ...rest }, a),
});

export const Rnn = defineOp({
  name: "rnn",
  summary: "A simple recurrent layer: h' = act0(x w + h r + b). Layouts as in the family's header.",
  operands: layerOperands,
  attributes,
  results: ["y", "h"],
  infer(types, a) {
    const sizes = checkLayer(types, a, rnnKind);
    return [outputType(types.x.dtype, sizes), stateType(types.x.dtype, sizes)];
  },
  decompose: ({ x, w, r, b, ...rest }, a, builder) => builder.createAll(RnnSteps, { projected: project(builder, x, w, b), r, ...rest }, a),
});

/**
 * Recurrent layers as ONNX's operators. ONNX's weights are [dir,gates*hidden,input], its gates in the order input, output,
 * forget, cell; ours have the gates last and in the order of `ir/ops/recurrent.ts`.
 */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { activationDefaults } from "../../../ir/ops/recurrent-activation.ts";
import { Gru, GruSteps, Lstm, LstmSteps, type RecurrentAttributes, Rnn, RnnSteps } from "../../../ir/ops/recurrent.ts";
import type { Body } from "./body.ts";
import { row, type Row } from "./row.ts";
import { transposed } from "./shape.ts";
import type { Attributes, Operand, Term } from "./term.ts";

/** `leaky_relu` is LeakyRelu. */
const onnxName = (name: string): string =>
  name
    .split("_")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");

/** Activations with the parameters that they take. */
function recurrentAttributes(a: RecurrentAttributes, hidden: Dim): Attributes {
  if (typeof hidden !== "number") throw new OpError("a layer of an unknown number of units", "unsupported-type");
  const taken = (of: "alpha" | "beta", values: readonly number[]): { readonly floats: readonly number[] } | undefined => {
    const list = a.activations.flatMap((name, i) => (activationDefaults(name)[of] === undefined ? [] : [values[i]!]));
    return list.length > 0 ? { floats: list } : undefined;
  };
  return {
    hidden_size: hidden,
    direction: a.direction,
    activations: { strings: a.activations.map(onnxName) },
    activation_alpha: taken("alpha", a.alphas),
    activation_beta: taken("beta", a.betas),
    clip: a.clip === undefined ? undefined : { float: a.clip },
  };
}

/** The `count` blocks of `hidden` elements along an axis in another order. */
function ordered(n: Body, x: Term, axis: number, hidden: Dim, count: number, order: readonly number[]): Term {
  if (count === 1) return x;
  const parts = n.ops(
    "Split",
    [x, n.dims(new Array<Dim>(count).fill(hidden))],
    { axis },
    { results: new Array<undefined>(count).fill(undefined) },
  );
  return n.op(
    "Concat",
    order.map((g) => parts[g]!),
    { axis },
  );
}

/** Weights [dir,k,gates*hidden] as [dir,gates*hidden,k]. */
const weights = (n: Body, w: Term, hidden: Dim, order: readonly number[]): Term => {
  const turned = transposed(n, w, [0, 2, 1]);
  return order.every((g, i) => g === i) ? turned : ordered(n, turned, 1, hidden, order.length, order);
};

/** Both halves of ONNX's bias; the hidden one is zero but for what is given. */
function bias(
  n: Body,
  b: Term | undefined,
  hidden: Dim,
  directions: Dim,
  order: readonly number[],
  like: Term,
  last?: Term,
): Term | undefined {
  if (!b && !last) return undefined;
  const width = dim.mul(order.length, hidden);
  const zeros = (extent: Dim): Term => n.op("Expand", [n.like(like, 0), n.dims([directions, extent])]);
  const isOrdered = order.every((g, i) => g === i);
  const input = b ? (isOrdered ? b : ordered(n, b, 1, hidden, order.length, order)) : zeros(width);
  const tail = last ? [zeros(dim.sub(width, hidden)), last] : [zeros(width)];
  return n.op("Concat", [input, ...tail], { axis: 1 });
}

const lstmOrder = [0, 3, 1, 2];

interface Layer {
  readonly x: Term;
  readonly w: Term;
  readonly r: Operand;
  readonly b: Operand | undefined;
  readonly lengths: Operand | undefined;
  readonly h0: Operand | undefined;
}

function layerOperands(n: Body, { x, w, r, b, lengths, h0 }: Layer, order: readonly number[], last?: Operand): (Term | undefined)[] {
  const [directions, hidden] = r.shape as [Dim, Dim];
  const biases = bias(n, b, hidden, directions, order, r, last);
  return [x, weights(n, w, hidden, order), weights(n, r, hidden, order), biases, lengths && n.cast(lengths, "i32"), h0];
}

interface LstmAttributes extends RecurrentAttributes {
  readonly input_forget: boolean;
}

function lstm(n: Body, layer: Layer, c0: Operand | undefined, peepholes: Operand | undefined, a: LstmAttributes): Term[] {
  const hidden = layer.r.shape[1]!;
  const holes = peepholes && ordered(n, peepholes, 1, hidden, 3, [0, 2, 1]);
  const operands = [...layerOperands(n, layer, lstmOrder), c0, holes];
  const attributes = { ...recurrentAttributes(a, hidden), input_forget: a.input_forget || undefined };
  return n.ops("LSTM", operands, attributes, { results: [undefined, undefined, undefined] });
}

function gru(
  n: Body,
  layer: Layer,
  newBias: Operand | undefined,
  a: RecurrentAttributes & { readonly linear_before_reset: boolean },
): Term[] {
  const operands = layerOperands(n, layer, [0, 1, 2], newBias);
  const attributes = { ...recurrentAttributes(a, layer.r.shape[1]!), linear_before_reset: a.linear_before_reset || undefined };
  return n.ops("GRU", operands, attributes, { results: [undefined, undefined] });
}

const rnn = (n: Body, layer: Layer, a: RecurrentAttributes): Term[] =>
  n.ops("RNN", layerOperands(n, layer, [0]), recurrentAttributes(a, layer.r.shape[1]!), { results: [undefined, undefined] });

/**
 * A layer whose inputs were multiplied already: weights that are one where a direction's own products stand pass them on.
 * `projected` [dir,time,batch,width] becomes [time,batch,dir*width].
 */
function passedOn(n: Body, projected: Operand): { readonly x: Term; readonly w: Term } {
  const [directions, time, batch, width] = projected.shape as [number, Dim, Dim, Dim];
  const x = n.reshape(transposed(n, projected, [1, 2, 0, 3]), [time, batch, dim.mul(directions, width)]);
  const eye = n.op("EyeLike", [n.op("Expand", [n.scalar("f32", 0), n.dims([dim.mul(directions, width), dim.mul(directions, width)])])], {});
  const blocks = n.reshape(eye, [dim.mul(directions, width), directions, width]);
  return { x, w: n.cast(transposed(n, blocks, [1, 0, 2]), projected.dtype) };
}

const steps = ({ r, lengths, h0 }: { readonly r: Operand; readonly lengths: Operand | undefined; readonly h0: Operand | undefined }) => ({
  r,
  lengths,
  h0,
  b: undefined,
});

export const recurrentRows: readonly Row[] = [
  row(Lstm, (n, o, a) => lstm(n, o, o.c0, o.peepholes, a)),
  row(Gru, (n, o, a) => gru(n, o, o.new_bias, a)),
  row(Rnn, (n, o, a) => rnn(n, o, a)),
  row(LstmSteps, (n, o, a) => lstm(n, { ...steps(o), ...passedOn(n, o.projected) }, o.c0, o.peepholes, a)),
  row(GruSteps, (n, o, a) => gru(n, { ...steps(o), ...passedOn(n, o.projected) }, o.new_bias, a)),
  row(RnnSteps, (n, o, a) => rnn(n, { ...steps(o), ...passedOn(n, o.projected) }, a)),
];

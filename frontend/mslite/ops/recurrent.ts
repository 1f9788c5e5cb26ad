/**
 * Recurrent layers. Weights of files are [direction, gates * hidden, input] with the gates in the order input, output,
 * forget, cell (LSTM) or update, reset, new (GRU), as ONNX has them; ours have the gates last, those of an LSTM in the
 * order input, forget, cell, output.
 */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { Gru, Lstm, type RecurrentAttributes } from "../../../ir/ops/recurrent.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

/** The number in the file of each gate of an LSTM in our order. */
export const gateOrder = [0, 2, 3, 1] as const;

/** The gates of an LSTM along the last axis in our order. */
function ordered(n: NodeContext, x: Value, hidden: Dim): Value {
  const axis = x.tensor.shape.length - 1;
  const gates = n.createAll(Split, { x }, { axis, sizes: gateOrder.map(() => hidden) });
  return n.create(Concat, { xs: gateOrder.map((g) => gates[g]!) }, { axis });
}

/** Weights with the gates last. */
function weights(n: NodeContext, i: number): Value {
  const x = n.weight(i, { axis: 1 });
  if (x.tensor.shape.length !== 3) return n.unsupported("weights that are not [direction, gates * hidden, input] are not supported");
  return n.create(Transpose, { x }, { perm: [0, 2, 1] });
}

/** The biases of the product with the input and of that with the state, which stand one after the other. */
function biases(n: NodeContext, gates: number, hidden: Dim): readonly [Value, Value] {
  const width = dim.mul(gates, hidden);
  const [a, b] = n.createAll(Split, { x: n.input(3) }, { axis: 1, sizes: [width, width] });
  return [a!, b!];
}

/** x [time, batch, input], weights, hidden weights, biases, h0, c0; y [time, direction, batch, hidden], h, c. */
const lstm: Lowering = (n) => {
  if (n.count < 6 || n.int("proj_size") !== 0 || n.float("zoneout_cell") !== 0 || n.float("zoneout_hidden") !== 0)
    return n.unsupported("an LSTM with a projection, with zoneout or without states is not supported");
  const hidden = n.input(2).tensor.shape.at(-1)!;
  const [a, b] = biases(n, 4, hidden);
  const [w, r] = [1, 2].map((i) => ordered(n, weights(n, i), hidden));
  const operands = { x: n.input(0), w: w!, r: r!, b: ordered(n, n.create(Add, { a, b }), hidden), h0: n.input(4), c0: n.input(5) };
  return n.createAll(Lstm, operands, attributesOf(n, ["sigmoid", "tanh", "tanh"]));
};

function attributesOf(
  n: NodeContext,
  names: readonly string[],
): Pick<RecurrentAttributes, "direction" | "activations" | "alphas" | "betas"> {
  const isBoth = n.bool("bidirectional");
  const activations = isBoth ? [...names, ...names] : names;
  const zeros = activations.map(() => 0);
  return { direction: isBoth ? "bidirectional" : "forward", activations, alphas: zeros, betas: zeros };
}

/**
 * x [time, batch, input], weights, hidden weights, biases, h0, and the lengths of the sequences, which are all the same;
 * y [time, direction, batch, hidden], h. The reset gate acts on the state, before the product.
 */
const gru: Lowering = (n) => {
  if (n.count < 5) return n.unsupported("a GRU without a state is not supported");
  const hidden = n.input(2).tensor.shape.at(-1)!;
  const [a, b] = biases(n, 3, hidden);
  const ofGates = (x: Value): readonly Value[] => n.createAll(Split, { x }, { axis: 1, sizes: [dim.mul(2, hidden), hidden] });
  const [[gatesA, newA], [gatesB, newB]] = [ofGates(a), ofGates(b)] as [[Value, Value], [Value, Value]];
  const bias = n.create(Concat, { xs: [n.create(Add, { a: gatesA, b: gatesB }), newA] }, { axis: 1 });
  const operands = { x: n.input(0), w: weights(n, 1), r: weights(n, 2), b: bias, new_bias: newB, h0: n.input(4), lengths: n.optional(5) };
  return n.createAll(Gru, operands, attributesOf(n, ["sigmoid", "tanh"]));
};

export const recurrentLowerings: Lowerings = { LSTM: lstm, GRU: gru };

/**
 * Recurrent layers. Weights of files are [direction, gates * hidden, input] with the gates in the order input, output,
 * forget, cell, as ONNX has them; ours have the gates last and in the order input, forget, cell, output.
 */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { Lstm } from "../../../ir/ops/recurrent.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";

const gateOrder = [0, 2, 3, 1] as const;

/** The gates along the last axis in our order. */
function ordered(n: NodeContext, x: Value, hidden: Dim): Value {
  const axis = x.tensor.shape.length - 1;
  const gates = n.createAll(Split, { x }, { axis, sizes: gateOrder.map(() => hidden) });
  return n.create(Concat, { xs: gateOrder.map((g) => gates[g]!) }, { axis });
}

const weights = (n: NodeContext, i: number, hidden: Dim): Value => {
  const x = n.weight(i, { axis: 1 });
  if (x.tensor.shape.length !== 3) return n.unsupported("weights that are not [direction, gates * hidden, input] are not supported");
  return ordered(n, n.create(Transpose, { x }, { perm: [0, 2, 1] }), hidden);
};

/** The biases of both products, one after the other. */
function bias(n: NodeContext, hidden: Dim): Value {
  const width = dim.mul(4, hidden);
  const [a, b] = n.createAll(Split, { x: n.input(3) }, { axis: 1, sizes: [width, width] });
  return ordered(n, n.create(Add, { a: a!, b: b! }), hidden);
}

/** x [time, batch, input], weights, hidden weights, biases, h0, c0; y [time, direction, batch, hidden], h, c. */
const lstm: Lowering = (n) => {
  if (n.count < 6 || n.int("proj_size") !== 0 || n.float("zoneout_cell") !== 0 || n.float("zoneout_hidden") !== 0)
    return n.unsupported("an LSTM with a projection, with zoneout or without states is not supported");
  const isBoth = n.bool("bidirectional");
  const hidden = n.input(2).tensor.shape.at(-1)!;
  const names = ["sigmoid", "tanh", "tanh"];
  const activations = isBoth ? [...names, ...names] : names;
  const zeros = activations.map(() => 0);
  return n.createAll(
    Lstm,
    { x: n.input(0), w: weights(n, 1, hidden), r: weights(n, 2, hidden), b: bias(n, hidden), h0: n.input(4), c0: n.input(5) },
    { direction: isBoth ? "bidirectional" : "forward", activations, alphas: zeros, betas: zeros },
  );
};

export const recurrentLowerings: Lowerings = { LSTM: lstm };

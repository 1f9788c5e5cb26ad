/** The recurrent operators that Ascend has: all hidden states, one direction, matrices with inputs as rows. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { Gru, Lstm } from "../../../ir/ops/recurrent.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { tupleOf } from "../values.ts";
import { Formula } from "../../formula.ts";
import { joined, reordered, reserved, zerosFor } from "./recurrent.ts";

/** A vector [gates * hidden] as [1, gates * hidden]. */
const asRow = (n: NodeContext, x: Value): Value => n.reshape(x, [1, dim.product(x.tensor.shape)]);

/** Rows `from` on of a matrix. */
function rowsOf(n: NodeContext, x: Value, from: Dim, count: Dim): Value {
  return n.create(Slice, { x }, { starts: [from, 0], sizes: [count, x.tensor.shape[1]!], steps: [1, 1] });
}

function checkPlain(n: NodeContext): void {
  const refuse = (name: string): never => n.unsupported(`the attribute '${name}' has a value that is not supported`);
  if (n.string([-1, "direction"], "unidirectional") !== "unidirectional") refuse("direction");
  if (n.bool([-1, "use_peephole"], false)) refuse("use_peephole");
  if (n.int([-1, "num_proj"], 0) !== 0) refuse("num_proj");
  if (n.int([-1, "cell_depth"], 1) !== 1) refuse("cell_depth");
  if (!n.bool([-1, "time_major"], true)) refuse("time_major");
  if (n.float([-1, "cell_clip"], -1) > 0) refuse("cell_clip");
}

const lengthsOf = (n: NodeContext, at: number): Value | undefined => {
  const lengths = n.optional(at);
  return lengths && n.cast(lengths, "i32");
};

/** x, w [input + hidden, 4 * hidden] with gates i, c, f, o, b, lengths, h0, c0: all hidden states, and more of training. */
const dynamicRnn: Lowering = (n) => {
  checkPlain(n);
  const [x, w, given] = [n.input(0), n.input(1), n.input(2)];
  const input = x.tensor.shape[2]!;
  const hidden = dim.floordiv(w.tensor.shape[1]!, 4);
  const arranged = (v: Value): Value => reordered(n, v, [0, 2, 1, 3], hidden);
  const names = ["sigmoid", "tanh", n.string([-1, "activation"], "tanh")];
  const operands = {
    x,
    w: n.reshape(arranged(rowsOf(n, w, 0, input)), [1, input, w.tensor.shape[1]!]),
    r: n.reshape(arranged(rowsOf(n, w, input, hidden)), [1, hidden, w.tensor.shape[1]!]),
    b: withForgetBias(n, arranged(asRow(n, n.cast(given, x.tensor.dtype))), hidden),
    lengths: lengthsOf(n, 3),
    h0: n.optional(4),
    c0: n.optional(5),
  };
  const [out] = n.createAll(Lstm, operands, { activations: names, alphas: zerosFor(names), betas: zerosFor(names) });
  const y = joined(n, out!);
  return tupleOf([y, y, ...Array.from({ length: 6 }, () => reserved)]);
};

function withForgetBias(n: NodeContext, b: Value, hidden: Dim): Value {
  const forget = n.float([-1, "forget_bias"], 0);
  if (forget === 0) return b;
  const part = (value: number): Value => n.create(Expand, { x: n.scalar(b.tensor.dtype, value) }, { shape: [1, hidden] });
  return new Formula(n).add(b, n.create(Concat, { xs: [part(0), part(forget), part(0), part(0)] }, { axis: 1 }));
}

/** x, input weights [input, 3 * hidden], hidden weights, their biases, lengths, h0: all hidden states, and more of training. */
const dynamicGru: Lowering = (n) => {
  checkPlain(n);
  const [x, w, r] = [n.input(0), n.input(1), n.input(2)];
  const hidden = r.tensor.shape[0]!;
  const order = n.string([-1, "gate_order"], "rzh") === "rzh" ? [1, 0, 2] : [0, 1, 2];
  const arranged = (v: Value): Value => reordered(n, v, order, hidden);
  const bias = (at: number): Value | undefined => {
    const v = n.optional(at);
    return v && arranged(asRow(n, n.cast(v, x.tensor.dtype)));
  };
  const { b, new_bias } = splitBias(n, bias(3), bias(4), hidden);
  const names = ["sigmoid", n.string([-1, "activation"], "tanh")];
  const weights = { w: n.reshape(arranged(w), [1, ...w.tensor.shape]), r: n.reshape(arranged(r), [1, ...r.tensor.shape]) };
  const h0 = n.optional(6);
  const state = h0 && n.reshape(n.cast(h0, x.tensor.dtype), [1, x.tensor.shape[1]!, hidden]);
  const attributes = {
    activations: names,
    alphas: zerosFor(names),
    betas: zerosFor(names),
    linear_before_reset: n.bool([-1, "reset_after"], true),
  };
  const [out] = n.createAll(Gru, { x, ...weights, b, new_bias, lengths: lengthsOf(n, 5), h0: state }, attributes);
  const y = joined(n, out!);
  return tupleOf([y, y, ...Array.from({ length: 4 }, () => reserved)]);
};

/** Biases [1, 3 * hidden] in our order of gates as the one outside and the one inside the reset. */
function splitBias(
  n: NodeContext,
  input: Value | undefined,
  state: Value | undefined,
  hidden: Dim,
): { b: Value | undefined; new_bias: Value | undefined } {
  if (!state) return { b: input, new_bias: undefined };
  const [z, r, fresh] = n.createAll(Split, { x: state }, { axis: 1, sizes: [hidden, hidden, hidden] });
  const zero = n.create(Expand, { x: n.scalar(state.tensor.dtype, 0) }, { shape: [1, hidden] });
  const gates = n.create(Concat, { xs: [z!, r!, zero] }, { axis: 1 });
  return { b: input ? new Formula(n).add(input, gates) : gates, new_bias: fresh! };
}

export const dynamicRecurrent: Lowerings = {
  DynamicRNN: dynamicRnn,
  DynamicGRUV2: dynamicGru,
};

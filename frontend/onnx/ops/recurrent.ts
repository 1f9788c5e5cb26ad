/**
 * ONNX's recurrent layers. Its weights are [dir,gates*hidden,input] with the gates in the order input, output, forget, cell
 * (LSTM) or update, reset, hidden (GRU); ours have the gates last and in the order of `ir/ops/recurrent.ts`.
 */
import type { Dim } from "../../../ir/dim.ts";
import { mul } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { Gather } from "../../../ir/ops/gather.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { Gru, Lstm, type RecurrentAttributes, Rnn } from "../../../ir/ops/recurrent.ts";
import { activationDefaults } from "../../../ir/ops/recurrent-activation.ts";
import { Transpose } from "../../../ir/ops/shape.ts";
import type { Lowerings, NodeContext } from "../node.ts";

/** ONNX's names of activations, which it compares without regard to case. */
const activationNames: ReadonlyMap<string, string> = new Map(
  ["relu", "tanh", "sigmoid", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh", "hard_sigmoid", "elu", "softsign", "softplus"].map(
    (name) => [name.replaceAll("_", ""), name],
  ),
);

const directions = ["forward", "reverse", "bidirectional"] as const;

function directionOf(n: NodeContext): (typeof directions)[number] {
  const given = n.string("direction", "forward");
  return directions.find((d) => d === given) ?? n.unsupported(`there is no direction '${given}'`, "bad-attribute");
}

/** Activations with their parameters; lists of parameters hold values for those activations only that take them. */
function activationsOf(
  n: NodeContext,
  defaults: readonly string[],
): Pick<RecurrentAttributes, "activations" | "alphas" | "betas" | "direction"> {
  const direction = directionOf(n);
  const given = n.strings("activations", direction === "bidirectional" ? [...defaults, ...defaults] : defaults);
  const activations = given.map((name) => activationNames.get(name.toLowerCase()) ?? n.unsupported(`there is no activation '${name}'`));
  const [alphas, betas] = [[...n.floats("activation_alpha", [])], [...n.floats("activation_beta", [])]];
  const take = (list: number[], fallback: number | undefined): number => (fallback === undefined ? 0 : (list.shift() ?? fallback));
  const parameters = activations.map((name) => {
    const { alpha, beta } = activationDefaults(name);
    return [take(alphas, alpha), take(betas, beta)] as const;
  });
  return { direction, activations, alphas: parameters.map((p) => p[0]), betas: parameters.map((p) => p[1]) };
}

const attributesOf = (n: NodeContext, defaults: readonly string[]): RecurrentAttributes => ({
  ...activationsOf(n, defaults),
  clip: n.has("clip") ? n.float("clip") : undefined,
});

const swapped = (n: NodeContext, x: Value, perm: readonly number[]): Value => n.create(Transpose, { x }, { perm });
const isBatchFirst = (n: NodeContext): boolean => n.int("layout", 0) !== 0;

/** The gates along the last axis, which holds `order.length` of them, in another order. */
function ordered(n: NodeContext, x: Value, order: readonly number[]): Value {
  if (order.every((g, i) => g === i)) return x;
  const { shape } = x.tensor;
  const width = shape.at(-1)! as number;
  const apart = n.reshape(x, [...shape.slice(0, -1), order.length, width / order.length]);
  const indices = n.constant("i64", [order.length], order);
  return n.reshape(n.create(Gather, { x: apart, indices }, { axis: shape.length - 1 }), shape);
}

/** Weights [dir,gates*hidden,k] as [dir,k,gates*hidden]. */
const weights = (n: NodeContext, i: number, order: readonly number[]): Value => ordered(n, swapped(n, n.input(i), [0, 2, 1]), order);

/** The halves of ONNX's bias: of the input weights and of the hidden ones, each [dir,gates*hidden]. */
function biasHalves(n: NodeContext): readonly [Value, Value] | undefined {
  const b = n.optional(3);
  if (!b) return undefined;
  const half = (b.tensor.shape[1]! as number) / 2;
  const [input, hidden] = n.createAll(Split, { x: b }, { axis: 1, sizes: [half, half] });
  return [input!, hidden!];
}

function summedBias(n: NodeContext, order: readonly number[]): Value | undefined {
  const halves = biasHalves(n);
  return halves && ordered(n, n.create(Add, { a: halves[0], b: halves[1] }), order);
}

/** Operand `i`, a state [dir,batch,hidden]. */
function state(n: NodeContext, i: number): Value | undefined {
  const s = n.optional(i);
  return s && isBatchFirst(n) ? swapped(n, s, [1, 0, 2]) : s;
}

/** The operands that all kinds of layers have. */
function layerOperands(
  n: NodeContext,
  order: readonly number[],
): { x: Value; w: Value; r: Value; lengths: Value | undefined; h0: Value | undefined } {
  const x = isBatchFirst(n) ? swapped(n, n.input(0), [1, 0, 2]) : n.input(0);
  return { x, w: weights(n, 1, order), r: weights(n, 2, order), lengths: n.optional(4), h0: state(n, 5) };
}

/** Results in the layout the node asks for. */
function results(n: NodeContext, [y, ...states]: readonly Value[]): Value[] {
  if (!isBatchFirst(n)) return [y!, ...states];
  return [swapped(n, y!, [2, 0, 1, 3]), ...states.map((s) => swapped(n, s, [1, 0, 2]))];
}

const lstmOrder = [0, 2, 3, 1];

function lstm(n: NodeContext): Value[] {
  const peepholes = n.optional(7);
  const operands = {
    ...layerOperands(n, lstmOrder),
    b: summedBias(n, lstmOrder),
    c0: state(n, 6),
    peepholes: peepholes && ordered(n, peepholes, [0, 2, 1]),
  };
  const attributes = { ...attributesOf(n, ["sigmoid", "tanh", "tanh"]), input_forget: n.int("input_forget", 0) !== 0 };
  return results(n, n.createAll(Lstm, operands, attributes));
}

/** GRU: the hidden half of the bias joins the other for the first two gates, and is apart for the last. */
function gruBias(n: NodeContext): { b: Value | undefined; new_bias: Value | undefined } {
  const halves = biasHalves(n);
  if (!halves) return { b: undefined, new_bias: undefined };
  const hidden: Dim = (halves[0].tensor.shape[1]! as number) / 3;
  const parts = halves.map((x) => n.createAll(Split, { x }, { axis: 1, sizes: [mul(2, hidden), hidden] }));
  const gates = n.create(Add, { a: parts[0]![0]!, b: parts[1]![0]! });
  return { b: n.create(Concat, { xs: [gates, parts[0]![1]!] }, { axis: 1 }), new_bias: parts[1]![1]! };
}

function gru(n: NodeContext): Value[] {
  const operands = { ...layerOperands(n, [0, 1, 2]), ...gruBias(n) };
  const attributes = { ...attributesOf(n, ["sigmoid", "tanh"]), linear_before_reset: n.int("linear_before_reset", 0) !== 0 };
  return results(n, n.createAll(Gru, operands, attributes));
}

function rnn(n: NodeContext): Value[] {
  return results(n, n.createAll(Rnn, { ...layerOperands(n, [0]), b: summedBias(n, [0]) }, attributesOf(n, ["tanh"])));
}

export const recurrentLowerings: Lowerings = { LSTM: lstm, GRU: gru, RNN: rnn };

/** Recurrent layers. Ours have weights [direction, input, gates * hidden] and gates in the order i, f, c, o and z, r, n. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { formatDim } from "../../../ir/dim-text.ts";
import type { Value } from "../../../ir/graph.ts";
import { Concat, Split, Stack } from "../../../ir/ops/join.ts";
import { Gru, Lstm, Rnn } from "../../../ir/ops/recurrent.ts";
import { Reshape, Transpose } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import { type Item, tupleOf } from "../values.ts";
import { Formula } from "../../formula.ts";

interface Layer {
  readonly input: number;
  readonly hidden: number;
  readonly layers: number;
  readonly directions: number;
  readonly hasBias: boolean;
}

function layerOf(n: NodeContext): Layer {
  if (n.int([-1, "proj_size"], 0) !== 0) return n.unsupported("a projection of the hidden state is not supported");
  return {
    input: n.int([-1, "input_size"]),
    hidden: n.int([-1, "hidden_size"]),
    layers: n.int([-1, "num_layers"], 1),
    directions: n.bool([-1, "bidirectional"], false) ? 2 : 1,
    hasBias: n.bool([-1, "has_bias"], true),
  };
}

/** Takes consecutive parts of a vector. */
class Parts {
  private at = 0;

  constructor(
    private readonly n: NodeContext,
    private readonly flat: Value,
  ) {}

  /** The next `rows * columns` elements as a matrix. */
  matrix(rows: number, columns: number): Value {
    const part = this.n.create(Slice, { x: this.flat }, { starts: [this.at], sizes: [rows * columns], steps: [1] });
    this.at += rows * columns;
    return this.n.create(Reshape, { x: part }, { shape: [rows, columns] });
  }
}

/** Weights of one layer and direction as the file has them: [gates * hidden, input], biases [1, gates * hidden]. */
interface Cell {
  readonly w: Value;
  readonly r: Value;
  readonly biases: readonly Value[];
}

const inputOf = (l: Layer, layer: number): number => (layer === 0 ? l.input : l.hidden * l.directions);

/** How many biases each cell has, by the vector's length: none, one (the CPU's) or two (cuDNN's). */
function biasCount(n: NodeContext, l: Layer, gates: number, length: Dim): number {
  const cells = Array.from({ length: l.layers }, (_, layer) => l.directions * gates * l.hidden * (inputOf(l, layer) + l.hidden));
  const matrices = cells.reduce((a, b) => a + b, 0);
  const each = l.layers * l.directions * gates * l.hidden;
  const count = [0, 1, 2].find((k) => length === matrices + k * each);
  return count ?? n.unsupported(`weights of ${formatDim(length)} elements do not fit the layer`, "type-mismatch");
}

/**
 * The flat weights: for each layer and direction the input matrix and the hidden matrix, then for each the biases
 * (MindSpore, lstm_cpu_kernel.cc and cuDNN's layout, which agree for one layer and direction).
 */
function cells(n: NodeContext, l: Layer, gates: number, weights: Value): Cell[][] {
  const length = dim.product(weights.tensor.shape);
  const count = biasCount(n, l, gates, length);
  const parts = new Parts(n, n.reshape(weights, [length]));
  const width = gates * l.hidden;
  const matrices = Array.from({ length: l.layers }, (_, layer) =>
    Array.from({ length: l.directions }, () => ({ w: parts.matrix(width, inputOf(l, layer)), r: parts.matrix(width, l.hidden) })),
  );
  return matrices.map((row) => row.map((m) => ({ ...m, biases: Array.from({ length: count }, () => parts.matrix(1, width)) })));
}

const transposed = (n: NodeContext, x: Value): Value => n.create(Transpose, { x }, { perm: [1, 0] });
const stacked = (n: NodeContext, xs: readonly Value[]): Value => n.create(Stack, { xs }, { axis: 0 });

/** The columns of [rows, gates * hidden] with their gates in another order. */
export function reordered(n: NodeContext, x: Value, order: readonly number[], hidden: Dim): Value {
  const axis = x.tensor.shape.length - 1;
  const parts = n.createAll(Split, { x }, { axis, sizes: order.map(() => hidden) });
  return n.create(Concat, { xs: order.map((k) => parts[k]!) }, { axis });
}

interface Weights {
  readonly w: Value;
  readonly r: Value;
  readonly b: Value | undefined;
}

/** The cells of a layer's directions, with all biases added. */
function layerWeights(n: NodeContext, row: readonly Cell[], hidden: number, order?: readonly number[]): Weights {
  const f = new Formula(n);
  const arranged = (x: Value): Value => (order ? reordered(n, x, order, hidden) : x);
  const biases = row.map((c) => (c.biases.length === 0 ? undefined : c.biases.reduce((a, b) => f.add(a, b))));
  const b = biases.every((v) => v !== undefined)
    ? n.reshape(
        stacked(
          n,
          biases.map((v) => arranged(v)),
        ),
        [row.length, biases[0]!.tensor.shape[1]!],
      )
    : undefined;
  return {
    w: stacked(
      n,
      row.map((c) => arranged(transposed(n, c.w))),
    ),
    r: stacked(
      n,
      row.map((c) => arranged(transposed(n, c.r))),
    ),
    b,
  };
}

/** The states of one layer, of all layers' in one tensor [layers * directions, batch, hidden]. */
const statesOf = (n: NodeContext, x: Value, l: Layer, layer: number): Value =>
  n.create(
    Slice,
    { x },
    { starts: [layer * l.directions, 0, 0], sizes: [l.directions, x.tensor.shape[1]!, x.tensor.shape[2]!], steps: [1, 1, 1] },
  );

/** [time, direction, batch, hidden] as [time, batch, direction * hidden]. */
export function joined(n: NodeContext, y: Value): Value {
  const [time, directions, batch, hidden] = y.tensor.shape as readonly [Dim, Dim, Dim, Dim];
  if (directions === 1) return n.reshape(y, [time, batch, hidden]);
  return n.reshape(n.create(Transpose, { x: y }, { perm: [0, 2, 1, 3] }), [time, batch, dim.mul(directions, hidden)]);
}

const directionOf = (l: Layer): "forward" | "bidirectional" => (l.directions === 2 ? "bidirectional" : "forward");
const repeated = (l: Layer, names: readonly string[]): string[] => Array.from({ length: l.directions }, () => names).flat();
export const zerosFor = (names: readonly string[]): number[] => names.map(() => 0);

/** x [time, batch, input], h0, c0, flat weights; results y, h, c and two that only training uses. */
const lstm: Lowering = (n) => {
  const l = layerOf(n);
  const [x, h0, c0, weights] = [n.input(0), n.input(1), n.input(2), n.input(3)];
  const rows = cells(n, l, 4, weights);
  const names = repeated(l, ["sigmoid", "tanh", "tanh"]);
  const finals: { h: Value; c: Value }[] = [];
  const y = rows.reduce((input, row, layer) => {
    const states = { h0: statesOf(n, h0, l, layer), c0: statesOf(n, c0, l, layer) };
    const attributes = { direction: directionOf(l), activations: names, alphas: zerosFor(names), betas: zerosFor(names) };
    const [out, h, c] = n.createAll(Lstm, { x: input, ...layerWeights(n, row, l.hidden), ...states }, attributes);
    finals.push({ h: h!, c: c! });
    return joined(n, out!);
  }, x);
  const [h, c] = [finals.map((f) => f.h), finals.map((f) => f.c)].map((xs) =>
    xs.length === 1 ? xs[0]! : n.create(Concat, { xs }, { axis: 0 }),
  );
  return tupleOf([y, h!, c!, reserved, reserved]);
};

export const reserved: Item = { kind: "python", text: "a buffer that only training uses" };

/** x, h0, flat weights; gates r, z, n in the file. The new gate's hidden bias is inside the reset. */
const gru: Lowering = (n) => {
  const l = layerOf(n);
  const [x, h0, weights] = [n.input(0), n.input(1), n.input(2)];
  const rows = cells(n, l, 3, weights);
  const names = repeated(l, ["sigmoid", "tanh"]);
  const finals: Value[] = [];
  const y = rows.reduce((input, row, layer) => {
    const { b, new_bias } = gruBiases(n, row, l.hidden);
    const { w, r } = layerWeights(n, row, l.hidden, [1, 0, 2]);
    const attributes = {
      direction: directionOf(l),
      activations: names,
      alphas: zerosFor(names),
      betas: zerosFor(names),
      linear_before_reset: true,
    };
    const [out, h] = n.createAll(Gru, { x: input, w, r, b, new_bias, h0: statesOf(n, h0, l, layer) }, attributes);
    finals.push(h!);
    return joined(n, out!);
  }, x);
  const h = finals.length === 1 ? finals[0]! : n.create(Concat, { xs: finals }, { axis: 0 });
  return tupleOf([y, h, reserved, reserved]);
};

/** All biases but the hidden one of the new gate, and that one, in our order of gates. */
function gruBiases(n: NodeContext, row: readonly Cell[], hidden: number): { b: Value | undefined; new_bias: Value | undefined } {
  const [first] = row;
  if (!first || first.biases.length === 0) return { b: undefined, new_bias: undefined };
  const f = new Formula(n);
  const gatesOf = (x: Value): readonly Value[] => n.createAll(Split, { x }, { axis: 1, sizes: [hidden, hidden, hidden] });
  const pairs = row.map((c) => {
    const [input, state] = [gatesOf(c.biases[0]!), c.biases[1] ? gatesOf(c.biases[1]) : undefined];
    const both = (k: number): Value => (state ? f.add(input[k]!, state[k]!) : input[k]!);
    return { b: n.create(Concat, { xs: [both(1), both(0), input[2]!] }, { axis: 1 }), fresh: state?.[2] };
  });
  const joinedRows = (xs: readonly Value[]): Value => n.create(Concat, { xs }, { axis: 0 });
  const fresh = pairs.flatMap((p) => (p.fresh ? [p.fresh] : []));
  return { b: joinedRows(pairs.map((p) => p.b)), new_bias: fresh.length === row.length ? joinedRows(fresh) : undefined };
}

/** A layer whose only gate is its activation. */
const rnn: Lowering = (n) => {
  const l = layerOf(n);
  const rows = cells(n, l, 1, n.input(2));
  const names = repeated(l, [n.string([-1, "nonlinearity", "activation"], "tanh")]);
  const finals: Value[] = [];
  const y = rows.reduce((input, row, layer) => {
    const attributes = { direction: directionOf(l), activations: names, alphas: zerosFor(names), betas: zerosFor(names) };
    const [out, h] = n.createAll(Rnn, { x: input, ...layerWeights(n, row, l.hidden), h0: statesOf(n, n.input(1), l, layer) }, attributes);
    finals.push(h!);
    return joined(n, out!);
  }, n.input(0));
  return [y, finals.length === 1 ? finals[0]! : n.create(Concat, { xs: finals }, { axis: 0 })];
};

export const recurrent: Lowerings = {
  LSTM: lstm,
  LSTMV2: lstm,
  GRUV2: gru,
  CudnnGRU: gru,
  RNN: rnn,
};

/** Recurrent layers with the usual activations, of constant weights. The file's order of gates is that of `ops/recurrent.ts`. */
import { alignedBytes, memoryData } from "../../../ir/data.ts";
import { namedOperands } from "../../../ir/define.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { tensor } from "../../../ir/type.ts";
import type { FlatMessage } from "../../flatbuffers-reader.ts";
import { gateOrder } from "../ops/recurrent.ts";
import { constantView, type Emitter } from "./emitter.ts";
import { attribute, type Row, type Rows } from "./row.ts";

type Operands = Readonly<Record<string, Value | undefined>>;
const operandsOf = (op: Op): Operands => namedOperands(op, (v) => v) as Operands;

/** A constant of f32 with its elements: `[direction, rows, columns]`, or `[direction, columns]`. */
interface Weights {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elements: Float32Array;
}

function weightsOf(v: Value): Weights {
  const { name, constant } = constantView(v)!;
  return { name, shape: constant.type.shape as readonly number[], elements: new Float32Array(alignedBytes(constant.data).buffer) };
}

const isConstant = (v: Value | undefined): boolean => v === undefined || constantView(v) !== undefined;

const isUsual = (op: Op, activations: readonly string[]): boolean => {
  const { x, w, r, b, new_bias, lengths, peepholes } = operandsOf(op);
  const direction = attribute<string>(op, "direction");
  const names = direction === "bidirectional" ? [...activations, ...activations] : activations;
  return (
    x!.tensor.dtype === "f32" &&
    direction !== "reverse" &&
    attribute<readonly string[]>(op, "activations").join() === names.join() &&
    [w, r, b, new_bias].every(isConstant) &&
    !lengths &&
    !peepholes &&
    op.attributes["clip"] === undefined &&
    op.attributes["input_forget"] !== true &&
    op.attributes["linear_before_reset"] !== true
  );
};

/** `[direction, gates * hidden, columns]` from `[direction, columns, gates * hidden]`, gates as the file has them. */
function turned({ shape, elements }: Weights, order: readonly number[]): Float32Array {
  const [directions, columns, width] = shape as readonly [number, number, number];
  const hidden = width / order.length;
  const to = new Float32Array(elements.length);
  for (let d = 0; d < directions; d++) {
    for (let row = 0; row < width; row++) {
      const own = order[Math.floor(row / hidden)]! * hidden + (row % hidden);
      for (let c = 0; c < columns; c++) to[(d * width + row) * columns + c] = elements[(d * columns + c) * width + own]!;
    }
  }
  return to;
}

function floats(e: Emitter, name: string, shape: readonly number[], elements: Float32Array): number {
  return e.addConstant(name, tensor("f32", shape), memoryData(new Uint8Array(elements.buffer)), "NCHW");
}

function weightTensor(e: Emitter, v: Value, order: readonly number[]): number {
  const w = weightsOf(v);
  const [directions, columns, width] = w.shape as readonly [number, number, number];
  return floats(e, w.name, [directions, width, columns], turned(w, order));
}

/** The biases of the product with the input, then of that with the state: zeros, but for a bias of the last gate alone. */
function biasTensor(e: Emitter, op: Op, order: readonly number[], sizes: Sizes): number {
  const { b, new_bias } = operandsOf(op);
  const { directions, hidden } = sizes;
  const width = order.length * hidden;
  const all = new Float32Array(directions * 2 * width);
  const own = b && weightsOf(b);
  const last = new_bias && weightsOf(new_bias);
  for (let d = 0; d < directions; d++) {
    const part = all.subarray(d * 2 * width, (d + 1) * 2 * width);
    if (own) part.set(turned({ ...own, shape: [1, 1, width], elements: own.elements.subarray(d * width, (d + 1) * width) }, order));
    if (last) part.set(last.elements.subarray(d * hidden, (d + 1) * hidden), 2 * width - hidden);
  }
  return floats(e, own?.name ?? "", [directions, 2 * width], all);
}

interface Sizes {
  readonly directions: number;
  readonly batch: Dim;
  readonly hidden: number;
}

function sizesOf(op: Op): Sizes {
  const { x, r } = operandsOf(op);
  const [directions, hidden] = r!.tensor.shape as readonly [number, number];
  return { directions, batch: x!.tensor.shape[1]!, hidden };
}

/** A state at the start, zeros where none is given. */
function stateTensor(e: Emitter, given: Value | undefined, { directions, batch, hidden }: Sizes): number {
  if (given) return e.get(given);
  const shape = [directions, batch as number, hidden];
  return floats(e, "", shape, new Float32Array(directions * (batch as number) * hidden));
}

const layer = (type: string, activations: readonly string[], order: readonly number[], states: readonly string[]): Row => ({
  accepts(op) {
    const given = operandsOf(op);
    return isUsual(op, activations) && (typeof sizesOf(op).batch === "number" || states.every((s) => given[s]));
  },
  emit(e, op) {
    const { x, w, r, ...more } = operandsOf(op);
    const sizes = sizesOf(op);
    const isBoth = sizes.directions === 2;
    const lstm = {
      has_bias: true,
      input_size: x!.tensor.shape[2],
      hidden_size: sizes.hidden,
      num_layers: 1,
      num_directions: sizes.directions,
    };
    const fields: FlatMessage = { bidirectional: isBoth, ...(type === "LSTM" && lstm) };
    const weights = [w!, r!].map((v) => weightTensor(e, v, order));
    const inputs = [e.get(x!), ...weights, biasTensor(e, op, order, sizes), ...states.map((s) => stateTensor(e, more[s], sizes))];
    e.node(
      type,
      fields,
      inputs,
      op.results.map((v) => e.result(v)),
    );
  },
});

export const recurrentRows: Rows = {
  lstm: layer(
    "LSTM",
    ["sigmoid", "tanh", "tanh"],
    gateOrder.map((_, k) => gateOrder.indexOf(k as 0)),
    ["h0", "c0"],
  ),
  gru: layer("GRU", ["sigmoid", "tanh"], [0, 1, 2], ["h0"]),
};

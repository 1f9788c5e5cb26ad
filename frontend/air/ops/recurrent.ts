/** Recurrent layers: one direction, matrices with inputs as rows, all hidden states as the result. */
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Tanh } from "../../../ir/ops/elementwise.ts";
import { Sigmoid } from "../../../ir/ops/activation.ts";
import { Concat, Split } from "../../../ir/ops/join.ts";
import { Matmul } from "../../../ir/ops/matmul.ts";
import { Gru, Lstm } from "../../../ir/ops/recurrent.ts";
import { Expand } from "../../../ir/ops/shape.ts";
import { Slice } from "../../../ir/ops/slice.ts";
import { tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Ref } from "../graph-writer.ts";
import type { Lowering, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

/** Gates of ours (input, forget, cell, output) in the places of GE's (input, cell, forget, output), and back. */
const lstmOrder = [0, 2, 1, 3];
/** Gates of ours (update, reset, new) by GE's name of its order. */
const gruOrders: Readonly<Record<string, readonly number[]>> = { zrh: [0, 1, 2], rzh: [1, 0, 2] };

function checkPlain(n: NodeContext): void {
  const refuse = (name: string): never => n.unsupported(`the attribute '${name}' has a value that is not supported`);
  if (n.string("direction") !== "unidirectional") refuse("direction");
  if (n.has("use_peephole") && n.bool("use_peephole")) refuse("use_peephole");
  if (n.int("num_proj") !== 0) refuse("num_proj");
  if (n.int("cell_depth") !== 1) refuse("cell_depth");
  if (!n.bool("time_major")) refuse("time_major");
  if (n.float("cell_clip") > 0) refuse("cell_clip");
}

/** Columns in groups of `size`, in another order. */
function reordered(n: NodeContext, x: Value, order: readonly number[], size: Dim): Value {
  if (order.every((g, i) => g === i)) return x;
  const axis = x.tensor.shape.length - 1;
  const gates = n.createAll(Split, { x }, { axis, sizes: order.map(() => size) });
  return n.create(Concat, { xs: order.map((g) => gates[g]!) }, { axis });
}

const rowsOf = (n: NodeContext, x: Value, from: Dim, count: Dim): Value =>
  n.create(Slice, { x }, { starts: [from, 0], sizes: [count, x.tensor.shape[1]!], steps: [1, 1] });

const asRow = (n: NodeContext, x: Value): Value => n.reshape(x, [1, dim.product(x.tensor.shape)]);
const zerosFor = (names: readonly string[]): number[] => names.map(() => 0);

/** [time, 1, batch, hidden] without the direction. */
const joined = (n: NodeContext, y: Value): Value => {
  const [time, , batch, hidden] = y.tensor.shape;
  return n.reshape(y, [time!, batch!, hidden!]);
};

/** States are [1, batch, hidden], or without the first axis. */
const state = (n: NodeContext, x: Value | undefined, like: Value, hidden: Dim): Value | undefined =>
  x && n.reshape(n.cast(x, like.tensor.dtype), [1, like.tensor.shape[1]!, hidden]);

const dynamicRnn: Lowering = (n) => {
  checkPlain(n);
  const [x, w] = [n.input("x"), n.input("w")];
  const input = x.tensor.shape[2]!;
  const columns = w.tensor.shape[1]!;
  const hidden = dim.floordiv(columns, 4);
  const arranged = (v: Value): Value => reordered(n, v, lstmOrder, hidden);
  const names = ["sigmoid", "tanh", n.string("activation")];
  const lengths = n.optional("seq_length");
  const operands = {
    x,
    w: n.reshape(arranged(rowsOf(n, w, 0, input)), [1, input, columns]),
    r: n.reshape(arranged(rowsOf(n, w, input, hidden)), [1, hidden, columns]),
    b: withForgetBias(n, arranged(asRow(n, n.cast(n.input("b"), x.tensor.dtype))), hidden),
    lengths: lengths && n.cast(lengths, "i32"),
    h0: state(n, n.optional("init_h"), x, hidden),
    c0: state(n, n.optional("init_c"), x, hidden),
  };
  const [y] = n.createAll(Lstm, operands, { activations: names, alphas: zerosFor(names), betas: zerosFor(names) });
  return [joined(n, y!), joined(n, y!)];
};

function withForgetBias(n: NodeContext, b: Value, hidden: Dim): Value {
  const forget = n.float("forget_bias");
  if (forget === 0) return b;
  const part = (value: number): Value => n.create(Expand, { x: n.scalar(b.tensor.dtype, value) }, { shape: [1, hidden] });
  return new Formula(n).add(b, n.create(Concat, { xs: [part(0), part(forget), part(0), part(0)] }, { axis: 1 }));
}

const dynamicGru: Lowering = (n) => {
  checkPlain(n);
  const [x, w, r] = [n.input("x"), n.input("weight_input"), n.input("weight_hidden")];
  const hidden = r.tensor.shape[0]!;
  const order = gruOrders[n.string("gate_order")] ?? n.unsupported(`the order of gates '${n.string("gate_order")}' is unknown`);
  const arranged = (v: Value): Value => reordered(n, v, order, hidden);
  const bias = (name: string): Value | undefined => {
    const v = n.optional(name);
    return v && arranged(asRow(n, n.cast(v, x.tensor.dtype)));
  };
  const lengths = n.optional("seq_length");
  const names = ["sigmoid", n.string("activation")];
  const operands = {
    x,
    w: n.reshape(arranged(w), [1, ...w.tensor.shape]),
    r: n.reshape(arranged(r), [1, ...r.tensor.shape]),
    ...splitBias(n, bias("bias_input"), bias("bias_hidden"), hidden),
    lengths: lengths && n.cast(lengths, "i32"),
    h0: state(n, n.optional("init_h"), x, hidden),
  };
  const attributes = { activations: names, alphas: zerosFor(names), betas: zerosFor(names), linear_before_reset: n.bool("reset_after") };
  const [y] = n.createAll(Gru, operands, attributes);
  return [joined(n, y!), joined(n, y!)];
};

/** Biases [1, 3 * hidden] as the one outside and the one inside the reset. */
function splitBias(n: NodeContext, input: Value | undefined, hiddenBias: Value | undefined, hidden: Dim) {
  if (!hiddenBias) return { b: input, new_bias: undefined };
  const [z, r, fresh] = n.createAll(Split, { x: hiddenBias }, { axis: 1, sizes: [hidden, hidden, hidden] });
  const zero = n.create(Expand, { x: n.scalar(hiddenBias.tensor.dtype, 0) }, { shape: [1, hidden] });
  const gates = n.create(Concat, { xs: [z!, r!, zero] }, { axis: 1 });
  return { b: input ? new Formula(n).add(input, gates) : gates, new_bias: fresh };
}

/** One step: w is [input + hidden, 4 * hidden], or a kernel of 1 x 1 with those as its channels, gates i, j, f, o. */
const basicLstmCell: Lowering = (n) => {
  const [x, h, c, given] = [n.input("x"), n.input("h"), n.input("c"), n.input("w")];
  const f = new Formula(n);
  const hidden = c.tensor.shape.at(-1)!;
  const depth = dim.add(x.tensor.shape.at(-1)!, h.tensor.shape.at(-1)!);
  const w = n.reshape(given, [depth, dim.mul(4, hidden)]);
  const z = f.add(n.create(Matmul, { a: n.create(Concat, { xs: [x, h] }, { axis: 1 }), b: w }), asRow(n, n.input("b")));
  const [i, j, forget, o] = n.createAll(Split, { x: z }, { axis: 1, sizes: [hidden, hidden, hidden, hidden] }) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const gate = (v: Value): Value => n.create(Sigmoid, { x: v });
  const [it, jt, ot] = [gate(i), n.create(Tanh, { x: j }), gate(o)];
  const ft = gate(f.add(forget, n.float("forget_bias")));
  const ct = f.add(f.mul(c, ft), f.mul(it, jt));
  const tanhct = n.create(Tanh, { x: ct });
  return [ct, f.mul(tanhct, ot), it, jt, ft, ot, tanhct];
};

/** Columns in another order, written. */
function writeReordered(e: ExportNode, x: Ref, order: readonly number[], size: number): Ref {
  const { dtype, shape } = x.type;
  const axis = shape.length - 1;
  const part = tensor(dtype, [...shape.slice(0, -1), size]);
  const gates = e.steps(
    "SplitD",
    { x },
    { split_dim: axis, num_split: order.length },
    order.map(() => part),
  );
  return e.step("ConcatD", { x: order.map((g) => gates[g]!) }, { concat_dim: axis, N: order.length }, x.type);
}

interface LayerAttributes {
  readonly direction: string;
  readonly activations: readonly string[];
  readonly clip?: number | undefined;
}

function checkWritable(e: ExportNode, a: LayerAttributes, gates: string): void {
  if (a.direction !== "forward") e.refuse(`its direction is ${a.direction}`);
  if (a.activations.map((s) => s.toLowerCase()).join() !== gates) e.refuse(`its activations are ${a.activations.join(", ")}`);
  if (a.clip !== undefined) e.refuse("what goes into its activations is clipped");
}

/** The state after the last step, as [1, batch, hidden]. */
function lastState(e: ExportNode, states: Ref): Ref {
  const [time, batch, hidden] = e.fixed(states.type.shape, "its extents") as [number, number, number];
  return e.step(
    "SliceD",
    { x: states },
    { offsets: [time - 1, 0, 0], size: [1, batch, hidden] },
    tensor(states.type.dtype, [1, batch, hidden]),
  );
}

const used = (e: ExportNode, i: number): boolean => (e.op.results[i]?.uses.size ?? 0) > 0;

/** All states as [time, 1, batch, hidden], and the last one of each kind where it is used. */
function layerResults(e: ExportNode, states: readonly Ref[]): Written {
  const [y] = e.types;
  const all = e.reshape(states[0]!, y!.shape);
  return [all, ...states.map((s, i) => (used(e, i + 1) ? lastState(e, s) : s))];
}

function writeLstm(e: ExportNode, a: LayerAttributes & { readonly input_forget: boolean }): Written {
  checkWritable(e, a, "sigmoid,tanh,tanh");
  if (e.optional(4)) e.refuse("its sequences have lengths");
  if (e.optional(7) || a.input_forget) e.refuse("it has peepholes, or coupled gates");
  const x = e.in(0);
  const { dtype } = x.type;
  const [time, , batch, hidden] = e.fixed(e.types[0]!.shape, "its extents") as [number, number, number, number];
  const [input] = e.fixed([x.type.shape[2]!], "its extents");
  const matrix = (m: Ref, rows: number): Ref => writeReordered(e, e.reshape(m, [rows, 4 * hidden]), lstmOrder, hidden);
  const parts = [matrix(e.in(1), input!), matrix(e.in(2), hidden)];
  const w = e.step("ConcatD", { x: parts }, { concat_dim: 0, N: 2 }, tensor(dtype, [input! + hidden, 4 * hidden]));
  const given = e.optional(3);
  const zeros = (): Ref => e.scope.writer.numbers(dtype, [4 * hidden], new Array<number>(4 * hidden).fill(0));
  const b = given ? writeReordered(e, e.reshape(given, [4 * hidden]), lstmOrder, hidden) : zeros();
  const results = new Array(8).fill(tensor(dtype, [time, batch, hidden])) as ReturnType<typeof tensor>[];
  const inputs = { x, w, b, init_h: e.optional(5), init_c: e.optional(6) };
  const made = e.emit("DynamicRNN", inputs, { is_training: false }, results);
  return layerResults(e, [made[0]!, made[2]!]);
}

function writeGru(e: ExportNode, a: LayerAttributes & { readonly linear_before_reset: boolean }): Written {
  checkWritable(e, a, "sigmoid,tanh");
  if (e.optional(4)) e.refuse("its sequences have lengths");
  const x = e.in(0);
  const { dtype } = x.type;
  const [time, , batch, hidden] = e.fixed(e.types[0]!.shape, "its extents") as [number, number, number, number];
  const [input] = e.fixed([x.type.shape[2]!], "its extents");
  const [b, fresh] = [e.optional(3), e.optional(6)];
  const zeros = (count: number): Ref => e.scope.writer.numbers(dtype, [count], new Array<number>(count).fill(0));
  const flat = (v: Ref): Ref => e.reshape(v, [v.type.shape.reduce<number>((p, d) => p * Number(d), 1)]);
  const inner = fresh && e.step("ConcatD", { x: [zeros(2 * hidden), flat(fresh)] }, { concat_dim: 0, N: 2 }, tensor(dtype, [3 * hidden]));
  const inputs = {
    x,
    weight_input: e.reshape(e.in(1), [input!, 3 * hidden]),
    weight_hidden: e.reshape(e.in(2), [hidden, 3 * hidden]),
    bias_input: b && flat(b),
    bias_hidden: inner,
    init_h: e.optional(5),
  };
  const results = new Array(6).fill(tensor(dtype, [time, batch, hidden])) as ReturnType<typeof tensor>[];
  const made = e.emit("DynamicGRUV2", inputs, { gate_order: "zrh", reset_after: a.linear_before_reset, is_training: false }, results);
  return layerResults(e, [made[0]!]);
}

export const recurrentFamily: Family = {
  imports: { BasicLSTMCell: basicLstmCell, DynamicGRUV2: dynamicGru, DynamicRNN: dynamicRnn },
  exports: [row(Gru, (e, a) => writeGru(e, a)), row(Lstm, (e, a) => writeLstm(e, a))],
};

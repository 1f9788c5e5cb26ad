/** Convolutions and pools: images with channels last, weights [out, height, width, in / group]. */
import { dimKey } from "../../../ir/dim.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Op, Value } from "../../../ir/graph.ts";
import { Add } from "../../../ir/ops/elementwise.ts";
import { tensor } from "../../../ir/type.ts";
import type { Pads } from "../../../ir/window.ts";
import type { FlatMessage } from "../../flatbuffers-reader.ts";
import { permuted, toLast } from "../layout.ts";
import { constantView, type Emitter, onlyUser } from "./emitter.ts";
import { quantisedResult, withQuantisation } from "./quantised-nodes.ts";
import { isQuantisedWeight, weightTensor } from "./quantize.ts";
import { attribute, rank, type Row, type Rows, withActivation } from "./row.ts";

interface Spatial {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: Pads;
}

const orOnes = (list: readonly number[]): readonly number[] => (list.length === 0 ? [1, 1] : list);

function spatialOf(op: Op): Spatial {
  const pads = attribute<Pads>(op, "pads");
  return {
    strides: orOnes(attribute(op, "strides")),
    dilations: orOnes(attribute(op, "dilations")),
    pads:
      pads.length === 0
        ? [
            [0, 0],
            [0, 0],
          ]
        : pads,
  };
}

/** Up, down, left, right. */
const padList = (pads: Pads): readonly Dim[] => pads.flat();
const isFixed = (pads: Pads): boolean => padList(pads).every((p) => typeof p === "number" && p >= 0);

/** Two spatial axes, pads that are numbers, weights of fixed extents. */
const isImageOp = (op: Op): boolean => rank(op.operand(0)!) === 4 && isFixed(attribute<Pads>(op, "pads"));

const isConv = (op: Op): boolean =>
  isImageOp(op) &&
  op.operand(1)!.tensor.shape.every((d) => typeof d === "number") &&
  op.operand(0)!.tensor.dtype === op.result.tensor.dtype &&
  ["f32", "f16"].includes(op.result.tensor.dtype);

const fixed = (dims: readonly Dim[]): number[] => dims.map(Number);

interface Finished {
  readonly value: Value;
  /** The tensor of a bias of one element per channel. */
  readonly bias: number | undefined;
}

/** The bias that is added to the result alone, as part of the node. */
function withBias(e: Emitter, op: Op, channels: Dim): Finished {
  const given = op.operand(2);
  if (given) return { value: op.result, bias: weightTensor(e, given, "second", 0) };
  const user = onlyUser(op.result);
  const other = user?.definition === Add ? user.operands.find((v) => v !== op.result) : undefined;
  const view = other && constantView(other);
  const shape = view?.constant.type.shape ?? [];
  const perChannel =
    shape.length >= 3 && shape.length <= 4 && shape.at(-3) === channels && shape.every((d, i) => d === 1 || i === shape.length - 3);
  if (!user || !view || !perChannel || typeof channels !== "number") return { value: op.result, bias: undefined };
  e.absorbed.add(user);
  const { dtype } = view.constant.type;
  return { value: user.result, bias: e.addConstant(view.name, tensor(dtype, [channels]), view.constant.data, "NCHW") };
}

/** A convolution with the bias, the activation and the quantisation that follow it. */
function emitConv(e: Emitter, op: Op, type: string, channelAxis: number, fields: FlatMessage): void {
  const [x, w] = [op.operand(0)!, op.operand(1)!];
  withQuantisation(e, [x], isQuantisedWeight(w, channelAxis), (inputs) => {
    const { value, bias } = withBias(e, op, op.result.tensor.shape[1]!);
    const { value: last, activation } = withActivation(e, value);
    const tensors = [inputs(x, "last"), weightTensor(e, w, "last", channelAxis), ...(bias === undefined ? [] : [bias])];
    const s = spatialOf(op);
    const shared = {
      format: "NHWC",
      kernel_size: fixed(w.tensor.shape.slice(2)),
      stride: s.strides,
      dilation: s.dilations,
      pad_mode: "PAD",
    };
    e.node(type, { ...shared, pad_list: padList(s.pads), activation_type: activation, ...fields }, tensors, [
      quantisedResult(e, last, "last"),
    ]);
  });
}

const conv: Row = {
  accepts: isConv,
  emit(e, op) {
    const [x, w] = [op.operand(0)!, op.operand(1)!];
    const fields = {
      group: attribute<number>(op, "group"),
      in_channel: x.tensor.shape[1] as number,
      out_channel: w.tensor.shape[0] as number,
    };
    emitConv(e, op, "Conv2DFusion", 0, fields);
  },
};

const convTranspose: Row = {
  accepts: (op) => isConv(op) && attribute<readonly Dim[]>(op, "output_padding").every((p) => typeof p === "number" && p >= 0),
  emit(e, op) {
    const w = op.operand(1)!;
    const group = attribute<number>(op, "group");
    const padding = attribute<readonly number[]>(op, "output_padding");
    const fields = {
      group,
      in_channel: w.tensor.shape[0] as number,
      out_channel: op.result.tensor.shape[1] as number,
      output_paddings: padding.length === 0 ? [0, 0] : padding,
    };
    emitConv(e, op, "Conv2dTransposeFusion", group > 1 ? 0 : 1, fields);
  },
};

/** Pads such that rounding down gives the extents that the op has. */
function wholePads(op: Op, pads: Pads, kernel: readonly number[], strides: readonly number[]): Pads {
  if (!attribute<boolean>(op, "ceil_mode")) return pads;
  const input = op.operand(0)!.tensor.shape.slice(2);
  const output = op.result.tensor.shape.slice(2);
  return pads.map(([begin, end], a) => {
    const reach = dim.add(dim.mul(strides[a]!, dim.sub(output[a]!, 1)), kernel[a]!);
    const missing = dim.sub(reach, dim.add(input[a]!, begin, end));
    return [begin, dim.add(end, dim.max(0, missing))];
  });
}

const pool = (type: string): Row => ({
  accepts(op) {
    const s = spatialOf(op);
    const kernel = attribute<readonly Dim[]>(op, "kernel");
    return (
      isImageOp(op) &&
      s.dilations.every((d) => d === 1) &&
      kernel.every((k) => typeof k === "number") &&
      isFixed(wholePads(op, s.pads, fixed(kernel), s.strides))
    );
  },
  emit(e, op) {
    const x = op.operand(0)!;
    const s = spatialOf(op);
    const kernel = fixed(attribute<readonly Dim[]>(op, "kernel"));
    withQuantisation(e, [x], true, (inputs) => {
      const counted = op.name === "avg_pool" && attribute<boolean>(op, "count_include_pad") && padList(s.pads).some((p) => p !== 0);
      const whole = wholePads(op, s.pads, kernel, s.strides);
      const pads = counted ? whole.map(([, end], a): readonly [Dim, Dim] => [0, dim.sub(end, s.pads[a]![1])]) : whole;
      const input = counted ? padded(e, x, s.pads) : inputs(x, "last");
      const fields = { kernel_size: kernel, strides: s.strides, pad: padList(pads), pad_mode: "PAD", round_mode: "FLOOR", format: "NHWC" };
      const { value, activation } = withActivation(e, op.result);
      e.node(type, { ...fields, activation_type: activation }, [input], [quantisedResult(e, value, "last")]);
    });
  },
});

/** The image with zeros around it, for means that count them. */
function padded(e: Emitter, x: Value, pads: Pads): number {
  const [n, c, ...spatial] = x.tensor.shape;
  const shape = [n!, c!, ...spatial.map((d, a) => dim.add(d, ...pads[a]!))];
  const y = e.addTensor("", tensor(x.tensor.dtype, permuted(shape, toLast)), "NHWC");
  const [[up, down], [left, right]] = pads as readonly [readonly [number, number], readonly [number, number]];
  const list = e.matrix(4, 2, [0, 0, up, down, left, right, 0, 0]);
  e.node("PadFusion", { padding_mode: "CONSTANT", constant_value: 0 }, [e.get(x, "last"), list], [y]);
  return y;
}

const globalPool = (type: string): Row => ({
  accepts: (op) => rank(op.operand(0)!) === 4 && attribute<readonly Dim[]>(op, "output").every((d) => dimKey(d) === "1"),
  emit(e, op) {
    withQuantisation(e, [op.operand(0)!], true, (inputs) => {
      const fields = { global: true, format: "NHWC", pad_mode: "VALID" };
      e.node(type, fields, [inputs(op.operand(0)!, "last")], [quantisedResult(e, op.result, "last")]);
    });
  },
});

export const convRows: Rows = {
  conv,
  conv_transpose: convTranspose,
  max_pool: pool("MaxPoolFusion"),
  avg_pool: pool("AvgPoolFusion"),
  adaptive_avg_pool: globalPool("AvgPoolFusion"),
  adaptive_max_pool: globalPool("MaxPoolFusion"),
};

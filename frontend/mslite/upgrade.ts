/** Nodes of MindSpore Lite 0.7 to 1.1 in the terms of 1.2: other names, and attributes that became constant inputs. */
import type { FlatMessage } from "../flatbuffers-reader.ts";
import type { LiteNode } from "./messages.ts";
import { type Operation, type OperationInput, operationOf } from "./operation.ts";

interface Upgraded {
  readonly type: string;
  readonly fields?: FlatMessage;
  readonly inputs?: readonly OperationInput[];
}
type Upgrade = (f: FlatMessage, inputs: readonly OperationInput[]) => Upgraded;

const ints = (v: unknown): readonly number[] => (Array.isArray(v) ? (v as readonly number[]) : []);
const int = (v: unknown): number => (typeof v === "number" ? v : 0);

/** The same under another name, with fields renamed. */
const renamed =
  (type: string, names: Readonly<Record<string, string>> = {}): Upgrade =>
  (f) => ({ type, fields: { ...f, ...Object.fromEntries(Object.entries(names).map(([now, before]) => [now, f[before]])) } });

/** What was an attribute is an input after the first, where the node has not that input already. */
const withInput =
  (type: string, field: string, names: Readonly<Record<string, string>> = {}): Upgrade =>
  (f, [x, ...more]) => ({
    ...renamed(type, names)(f, []),
    inputs: [x!, ...(more.length > 0 && ints(f[field]).length === 0 ? more : [ints(f[field])])],
  });

const activated: Readonly<Record<string, string>> = { activation_type: "activationType" };

const window = (f: FlatMessage): FlatMessage => ({
  kernel_size: [f["kernelH"], f["kernelW"]],
  stride: [f["strideH"], f["strideW"]],
  dilation: [f["dilateH"], f["dilateW"]].map((d) => Math.max(1, int(d))),
  pad_mode: padModeOf(f["padMode"]),
  pad_list: [f["padUp"], f["padDown"], f["padLeft"], f["padRight"]],
  activation_type: f["activationType"],
  group: f["group"],
});

const padModeOf = (mode: unknown): unknown => ({ NOTSET: "PAD", CAFFE: "PAD", SAME_UPPER: "SAME", VALID: "VALID" })[String(mode)] ?? mode;

const pooling: Upgrade = (f) => ({
  type: f["poolingMode"] === "MEAN_POOLING" ? "AvgPoolFusion" : "MaxPoolFusion",
  fields: {
    kernel_size: [f["windowH"], f["windowW"]],
    strides: [f["strideH"], f["strideW"]],
    pad: [f["padUp"], f["padDown"], f["padLeft"], f["padRight"]],
    pad_mode: padModeOf(f["padMode"]),
    round_mode: f["roundMode"],
    global: f["global"],
    activation_type: f["activationType"],
  },
});

const coordinates: Readonly<Record<string, string>> = {
  HALF_PIXEL: "HALF_PIXEL",
  PYTORCH_HALF_PIXEL: "PYTORCH_HALF_PIXEL",
  TF_HALF_PIXEL: "TF_HALF_PIXEL",
  TF_CROP_AND_RESIZE: "TF_CROP_AND_RESIZE",
  ALIGN_CORNERS: "ALIGN_CORNERS",
};

const resize: Upgrade = (f) => ({
  type: "Resize",
  fields: {
    method: f["method"],
    new_height: f["newHeight"],
    new_width: f["newWidth"],
    coordinate_transform_mode:
      f["alignCorners"] === true ? "ALIGN_CORNERS" : (coordinates[String(f["coordinateTransformMode"])] ?? "ASYMMETRIC"),
    cubic_coeff: f["cubicCoeff"],
    exclude_outside: f["excludeOutside"],
    nearest_mode: f["nearestMode"],
  },
});

const reduce =
  (mode?: string): Upgrade =>
  (f, [x]) => ({
    type: "ReduceFusion",
    fields: { keep_dims: f["keepDims"], mode: mode ?? f["mode"], reduce_to_end: f["reduceToEnd"], coeff: mode ? 1 : f["coeff"] },
    inputs: [x!, ints(mode ? f["axis"] : f["axes"])],
  });

const transpose =
  (perm: readonly number[]): Upgrade =>
  (_, [x]) => ({ type: "Transpose", inputs: [x!, perm] });

const stridedSlice: Upgrade = (f, [x, ...more]) => ({
  ...renamed("StridedSlice", {
    begin_mask: "beginMask",
    end_mask: "endMask",
    ellipsis_mask: "ellipsisMask",
    new_axis_mask: "newAxisMask",
    shrink_axis_mask: "shrinkAxisMask",
  })(f, []),
  inputs: [x!, ...(more.length >= 3 ? more : [ints(f["begin"]), ints(f["end"]), ints(f["stride"])])],
});

const upgrades: Readonly<Record<string, Upgrade>> = {
  SoftMax: (f) => ({ type: "Softmax", fields: { axis: [f["axis"]] } }),
  Activation: renamed("Activation", { activation_type: "type" }),
  Conv2D: (f) => ({ type: "Conv2DFusion", fields: window(f) }),
  DepthwiseConv2D: (f) => ({ type: "Conv2DFusion", fields: { ...window(f), group: 0 } }),
  DeConv2D: (f) => ({ type: "Conv2dTransposeFusion", fields: window(f) }),
  DeDepthwiseConv2D: (f) => ({ type: "Conv2dTransposeFusion", fields: { ...window(f), group: 0 } }),
  Pooling: pooling,
  Resize: resize,
  FullConnection: renamed("FullConnection", { has_bias: "hasBias", use_axis: "useAxis", ...activated }),
  Mean: reduce("ReduceMean"),
  Reduce: reduce(),
  Scale: renamed("ScaleFusion", activated),
  Reshape: withInput("Reshape", "shape"),
  Add: renamed("AddFusion", activated),
  Sub: renamed("SubFusion", activated),
  Mul: renamed("MulFusion", activated),
  Div: renamed("DivFusion", activated),
  MatMul: renamed("MatMulFusion", { transpose_a: "transposeA", transpose_b: "transposeB" }),
  StridedSlice: stridedSlice,
  Power: (f, [x, ...more]) => ({ type: "PowFusion", fields: f, inputs: [x!, more[0] ?? { real: int(f["power"]) }] }),
  Slice: (f, [x]) => ({ type: "SliceFusion", fields: { axes: f["axes"] }, inputs: [x!, ints(f["begin"]), ints(f["size"])] }),
  Pad: withInput("PadFusion", "paddings", { padding_mode: "paddingMode", constant_value: "constantValue" }),
  PReLU: renamed("PReLUFusion", { channel_shared: "channelShared" }),
  LeakyReLU: renamed("LeakyRelu", { negative_slope: "negativeSlope" }),
  ArgMax: renamed("ArgMaxFusion", { top_k: "topK", keep_dims: "keepDims", out_max_value: "outMaxValue" }),
  ArgMin: renamed("ArgMinFusion", { top_k: "topK", keep_dims: "keepDims", out_max_value: "outMaxValue" }),
  Exp: renamed("ExpFusion"),
  Range: renamed("Range", { d_type: "dType" }),
  ExpandDims: (f, [x]) => ({ type: "ExpandDims", inputs: [x!, [int(f["dim"])]] }),
  Tile: (f, [x]) => ({ type: "TileFusion", fields: { dims: f["dims"] }, inputs: [x!, ints(f["multiples"])] }),
  Cast: (f, [x]) => ({ type: "Cast", inputs: [x!, [int(f["dstT"])]] }),
  Nchw2Nhwc: transpose([0, 2, 3, 1]),
  Nhwc2Nchw: transpose([0, 3, 1, 2]),
  QuantDTypeCast: renamed("QuantDTypeCast", { src_t: "srcT", dst_t: "dstT" }),
  Split: renamed("Split", { output_num: "numberSplit", size_splits: "sizeSplits", axis: "splitDim" }),
  Permute: withInput("Transpose", "order"),
  Transpose: withInput("Transpose", "perm"),
  BroadcastTo: withInput("BroadcastTo", "dst_shape"),
  TopK: (f, [x, ...more]) => ({
    type: "TopKFusion",
    fields: { axis: -1, largest: 1, sorted: f["sorted"] },
    inputs: [x!, ...(more.length > 0 ? more : [[int(f["k"])]])],
  }),
  SpaceToDepth: renamed("SpaceToDepth", { block_size: "blockSize" }),
  DepthToSpace: renamed("DepthToSpace", { block_size: "blockSize" }),
  ReverseSequence: renamed("ReverseSequence", { seq_dim: "seqAxis", batch_dim: "batchAxis" }),
  Gather: (f, inputs) => ({ type: "Gather", fields: f, inputs: inputs.length > 2 ? inputs : [...inputs, [int(f["axis"])]] }),
  Fill: (f, inputs) => ({ type: "Fill", inputs: inputs.length > 1 ? inputs : [...inputs, ints(f["dims"])] }),
  L2Norm: renamed("L2NormalizeFusion", activated),
  LocalResponseNormalization: renamed("LRN"),
  Lrn: (f) => ({
    type: "LRN",
    fields: { ...f, depth_radius: (int(f["size"]) - 1) / 2, alpha: int(f["alpha"]) / Math.max(1, int(f["size"])) },
  }),
  Reverse: renamed("ReverseV2"),
  ConstantOfShape: renamed("ConstantOfShape", { data_type: "dataType" }),
  TensorListFromTensor: renamed("TensorListFromTensor", { element_dtype: "elementDType" }),
  TensorListGetItem: renamed("TensorListGetItem", { element_dtype: "elementDType" }),
  TensorListReserve: renamed("TensorListReserve", { element_dtype: "elementDType" }),
  TensorListSetItem: renamed("TensorListSetItem", { element_dtype: "elementDType" }),
  TensorListStack: renamed("TensorListStack", { element_dtype: "elementDType", num_elements: "numElements" }),
  Lstm: renamed("LSTM", { bidirectional: "bidirection" }),
  LayerNorm: (f) => ({
    type: "LayerNormFusion",
    fields: {
      begin_norm_axis: -ints(f["normalizedShape"]).length,
      begin_params_axis: -ints(f["normalizedShape"]).length,
      epsilon: f["epsilon"],
    },
  }),
  GeLU: (f) => ({ type: "Activation", fields: { activation_type: "GELU", approximate: f["approximate"] } }),
  SoftmaxCrossEntropy: renamed("SoftmaxCrossEntropyWithLogits"),
  SparseSoftmaxCrossEntropy: renamed("SparseSoftmaxCrossEntropyWithLogits", { is_grad: "isGrad" }),
  Partial: renamed("Partial", { sub_graph_index: "subGraphIndex" }),
  While: renamed("While", { cond_subgraph_index: "condSubgraphIndex", body_subgraph_index: "bodySubgraphIndex" }),
};

/** The node as 1.2 would have it. */
export function upgraded(node: LiteNode): Operation {
  const op = operationOf(node);
  const upgrade = typeof op.type === "string" && Object.hasOwn(upgrades, op.type) ? upgrades[op.type] : undefined;
  return upgrade ? { ...op, fields: {}, ...upgrade(op.fields, op.inputs) } : op;
}

/** Operators of GE, by what they must give: those of MindSpore 1.1 (with attributes) and of 2.x (with inputs) alike. */
import { expect } from "chai";
import "../ir/ops/index.ts";
import type { DType } from "../ir/type.ts";
import { constant, data, descriptor, modelBytes, op, type Plain } from "./air-messages.ts";
import { graphOfAir } from "./air-trip.ts";
import { evaluateGraph, tensorResult, type TensorResult } from "./evaluate-graph.ts";

/** A tensor that an op is given: f32 unless said. */
interface Given {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: DType;
}
type Attributes = Readonly<Record<string, Plain>>;

const vector = (values: readonly number[], dtype: DType = "f32"): Given => ({ shape: [values.length], values, dtype });
const scalar = (value: number, dtype: DType = "i64"): Given => ({ shape: [], values: [value], dtype });
const matrix = (rows: number, values: readonly number[], dtype: DType = "f32"): Given => ({
  shape: [rows, values.length / rows],
  values,
  dtype,
});
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** What result `index` of the op is for the first operand as an input and the others as constants. */
function result(
  type: string,
  [x, ...others]: readonly Given[],
  attributes: Attributes = {},
  results: readonly DType[] = ["f32"],
  index = 0,
): number[] {
  const names = others.map((_, i) => `c${i}`);
  const ops = [
    data("x", 0, x!.shape, x!.dtype ?? "f32"),
    ...others.map(({ shape, values, dtype }, i) => constant(names[i]!, shape, values, dtype ?? "f32")),
    op(
      "y",
      type,
      ["x:0", ...names.map((n) => `${n}:0`)],
      attributes,
      results.map((t) => descriptor(t, [-2])),
    ),
  ];
  const graph = graphOfAir(modelBytes({ op: ops, output: [`y:${index}`] }));
  const elements = x!.dtype === "i64" ? x!.values.map(BigInt) : x!.values;
  const [y] = evaluateGraph(graph, [tensorResult(x!.shape, elements)]);
  return (y as TensorResult).elements.map((v) => Math.round(Number(v) * 1e5) / 1e5);
}

const ints = (values: readonly number[]): Given => vector(values, "i64");

/** Name, operands of the old form with attributes, the new form's operands, what both give. */
type Pair = readonly [
  what: string,
  old: readonly [string, readonly Given[], Attributes],
  now: readonly [string, readonly Given[], Attributes],
  expected: readonly number[],
];

const x23 = matrix(2, [1, 5, 3, 4, 2, 6]);

const pairs: readonly Pair[] = [
  ["sum", ["ReduceSumD", [x23], { axes: [1] }], ["ReduceSum", [x23, ints([1])], {}], [9, 12]],
  [
    "mean, kept",
    ["ReduceMeanD", [x23], { axes: [0], keep_dims: true }],
    ["ReduceMean", [x23, ints([0])], { keep_dims: true }],
    [2.5, 3.5, 4.5],
  ],
  ["greatest of all", ["ReduceMaxD", [x23], { axes: [] }], ["ReduceMax", [x23, ints([])], {}], [6]],
  ["least", ["ReduceMinD", [x23], { axes: [-1] }], ["ReduceMin", [x23, ints([-1])], {}], [1, 2]],
  ["product", ["ReduceProdD", [x23], { axes: [1] }], ["ReduceProd", [x23, ints([1])], {}], [15, 48]],
  ["transpose", ["TransposeD", [x23], { perm: [1, 0] }], ["Transpose", [x23, ints([1, 0])], {}], [1, 4, 5, 2, 3, 6]],
  ["tile", ["TileD", [x23], { multiples: [1, 2] }], ["Tile", [x23, ints([1, 2])], {}], [1, 5, 3, 1, 5, 3, 4, 2, 6, 4, 2, 6]],
  ["slice", ["SliceD", [x23], { offsets: [0, 1], size: [2, -1] }], ["Slice", [x23, ints([0, 1]), ints([2, 2])], {}], [5, 3, 2, 6]],
  ["place of the greatest", ["ArgMaxD", [x23], { dimension: 1 }], ["ArgMaxV2", [x23, scalar(1)], {}], [1, 2]],
  ["place of the least", ["ArgMinD", [x23], { dimension: 0 }], ["ArgMin", [x23, scalar(0)], {}], [0, 1, 0]],
  [
    "gather",
    ["GatherV2D", [x23, vector([2, 0], "i32")], { axis: 1 }],
    ["GatherV2", [x23, vector([2, 0], "i32"), scalar(1)], {}],
    [3, 1, 6, 4],
  ],
  [
    "pad",
    [
      "PadD",
      [matrix(1, [1, 2])],
      {
        paddings: [
          [0, 1],
          [1, 0],
        ],
      },
    ],
    ["Pad", [matrix(1, [1, 2]), matrix(2, [0, 1, 1, 0], "i64")], {}],
    [0, 1, 2, 0, 0, 0],
  ],
  ["running sum", ["CumsumD", [x23], { axis: 1, exclusive: true }], ["Cumsum", [x23, scalar(1)], { exclusive: true }], [0, 1, 6, 0, 4, 6]],
  [
    "running product, from the end",
    ["CumprodD", [x23], { axis: 1, reverse: true }],
    ["Cumprod", [x23, scalar(1)], { reverse: true }],
    [15, 15, 3, 48, 12, 6],
  ],
  ["reverse", ["ReverseV2D", [x23], { axis: [1] }], ["ReverseV2", [x23, ints([1])], {}], [3, 5, 1, 6, 2, 4]],
  ["broadcast", ["BroadcastToD", [vector([7, 8])], { shape: [2, -1] }], ["BroadcastTo", [vector([7, 8]), ints([2, 2])], {}], [7, 8, 7, 8]],
  [
    "strided slice",
    ["StridedSliceD", [x23], { begin: [0, 2], end: [1, 0], strides: [1, -1], end_mask: 2, shrink_axis_mask: 1 }],
    ["StridedSlice", [x23, ints([0, 2]), ints([1, 0]), ints([1, -1])], { end_mask: 2, shrink_axis_mask: 1 }],
    [3, 5, 1],
  ],
  [
    "sums of segments",
    ["UnsortedSegmentSumD", [x23, vector([1, 1], "i32")], { num_segments: 2 }],
    ["UnsortedSegmentSum", [x23, vector([1, 1], "i32"), scalar(2, "i32")], {}],
    [0, 0, 0, 5, 7, 9],
  ],
  [
    "one hot",
    ["OneHotD", [vector([1, 0], "i32"), scalar(5, "f32"), scalar(2, "f32")], { depth: 3 }],
    ["OneHot", [vector([1, 0], "i32"), scalar(3, "i32"), scalar(5, "f32"), scalar(2, "f32")], {}],
    [2, 5, 2, 5, 2, 2],
  ],
  [
    "nearest neighbour",
    ["ResizeNearestNeighborV2D", [{ shape: [1, 1, 1, 2], values: [1, 2] }], { size: [1, 4] }],
    ["ResizeNearestNeighborV2", [{ shape: [1, 1, 1, 2], values: [1, 2] }, vector([1, 4], "i32")], {}],
    [1, 1, 2, 2],
  ],
  [
    "bilinear",
    ["ResizeBilinearV2D", [{ shape: [1, 1, 1, 2], values: [1, 2] }], { size: [1, 3], align_corners: true }],
    ["ResizeBilinearV2", [{ shape: [1, 1, 1, 2], values: [1, 2] }, vector([1, 3], "i32")], { align_corners: true }],
    [1, 1.5, 2],
  ],
  ["top", ["TopK", [x23, scalar(2, "i32")], {}], ["TopKV2", [x23, scalar(2, "i32")], {}], [5, 3, 6, 4]],
  [
    "matrix product",
    ["MatMulV2", [x23, matrix(2, [1, 0, 2, 0, 1, 0])], { transpose_x2: true }],
    ["BatchMatMul", [x23, matrix(3, [1, 0, 0, 1, 2, 0])], {}],
    [7, 5, 16, 2],
  ],
  ["division", ["RealDiv", [vector([7, -7]), vector([2, 2])], {}], ["Div", [vector([7, -7]), vector([2, 2])], {}], [3.5, -3.5]],
];

/** Operators that have one form. */
const single: readonly (readonly [type: string, operands: readonly Given[], attributes: Attributes, expected: readonly number[]])[] = [
  ["AddN", [vector([1, 2]), vector([10, 20]), vector([100, 200])], { N: 3 }, [111, 222]],
  [
    "BatchNorm",
    [{ shape: [1, 2, 1], values: [3, 4] }, vector([2, 1]), vector([1, 0]), vector([1, 2]), vector([4, 1])],
    { is_training: false, epsilon: { f: 0 }, data_format: "NCHW" },
    [3, 2],
  ],
  ["BiasAdd", [matrix(2, [1, 2, 3, 4]), vector([10, 20])], { data_format: "NCHW" }, [11, 22, 13, 24]],
  ["ClipByValue", [vector([-2, 0.5, 9]), scalar(-1, "f32"), scalar(1, "f32")], {}, [-1, 0.5, 1]],
  ["ConcatD", [vector([1, 2]), vector([3])], { concat_dim: 0, N: 2 }, [1, 2, 3]],
  ["DepthToSpace", [{ shape: [1, 4, 1, 1], values: [1, 2, 3, 4] }], { block_size: 2, data_format: "NCHW" }, [1, 2, 3, 4]],
  ["Elu", [vector([-1, 2])], { alpha: { f: 2 } }, [-1.26424, 2]],
  ["Exp", [vector([0, 1])], { base: { f: 2 }, scale: { f: 3 }, shift: { f: 1 } }, [2, 16]],
  ["ExpandDims", [vector([1, 2]), scalar(0)], {}, [1, 2]],
  ["FastGelu", [vector([0, 1])], {}, [0, 0.8458]],
  ["FillD", [scalar(3, "f32")], { dims: [2, 2] }, [3, 3, 3, 3]],
  ["Flatten", [{ shape: [2, 1, 2], values: [1, 2, 3, 4] }], {}, [1, 2, 3, 4]],
  ["FloorMod", [vector([7, -7]), vector([3, 3])], {}, [1, 2]],
  ["GatherNd", [x23, { shape: [2, 2], values: [0, 2, 1, 0], dtype: "i64" }], {}, [3, 4]],
  ["Gelu", [vector([1])], {}, [0.84119]],
  ["HardSigmoid", [vector([-6, 0, 6])], {}, [0, 0.5, 1]],
  ["Iou", [matrix(1, [0, 0, 9, 9]), matrix(1, [0, 0, 9, 4])], {}, [0.5]],
  ["L2Normalize", [matrix(1, [3, 4])], { axis: [1] }, [0.6, 0.8]],
  [
    "LayerNorm",
    [matrix(1, [1, 3]), vector([1, 2]), vector([0, 1])],
    { begin_norm_axis: -1, begin_params_axis: -1, epsilon: { f: 0 } },
    [-1, 3],
  ],
  ["Log", [vector([8])], { base: { f: 2 } }, [3]],
  ["LogSoftmaxV2", [vector([0, 0])], {}, [-0.69315, -0.69315]],
  ["MirrorPad", [vector([1, 2, 3]), matrix(1, [1, 1], "i64")], { mode: "REFLECT" }, [2, 1, 2, 3, 2]],
  ["Mod", [vector([7, -7]), vector([3, 3])], {}, [1, -1]],
  ["OnesLike", [vector([5, 6])], {}, [1, 1]],
  ["Pack", [vector([1, 2]), vector([3, 4])], { axis: 1, N: 2 }, [1, 3, 2, 4]],
  ["PRelu", [{ shape: [1, 2, 1], values: [-1, -1] }, vector([0.5, 0.25])], {}, [-0.5, -0.25]],
  ["RangeD", [vector([0, 0, 0])], { start: { f: 1 }, limit: { f: 7 }, delta: { f: 2 } }, [1, 3, 5]],
  ["Relu6", [vector([-1, 3, 9])], {}, [0, 3, 6]],
  ["Reshape", [x23, ints([3, -1])], {}, [1, 5, 3, 4, 2, 6]],
  ["ScatterNdUpdate", [vector([1, 2, 3]), { shape: [1, 1], values: [1], dtype: "i64" }, vector([9])], {}, [1, 9, 3]],
  ["SoftmaxV2", [matrix(1, [0, 0])], { axes: [-1] }, [0.5, 0.5]],
  ["SpaceToDepth", [{ shape: [1, 1, 2, 2], values: [1, 2, 3, 4] }], { block_size: 2, data_format: "NCHW" }, [1, 2, 3, 4]],
  ["SquaredDifference", [vector([1, 5]), vector([3, 2])], {}, [4, 9]],
  ["Squeeze", [matrix(1, [1, 2])], { axis: [0] }, [1, 2]],
  ["TensorScatterUpdate", [vector([1, 2, 3]), { shape: [2, 1], values: [0, 2], dtype: "i64" }, vector([7, 8])], {}, [7, 2, 8]],
  ["Triu", [matrix(2, [1, 2, 3, 4])], { diagonal: 1 }, [0, 2, 0, 0]],
  ["ZerosLike", [vector([5, 6])], {}, [0, 0]],
  ["Diag", [vector([1, 2])], {}, [1, 0, 0, 2]],
  ["DiagPart", [matrix(2, [1, 2, 3, 4])], {}, [1, 4]],
  ["L2Loss", [vector([3, 4])], {}, [12.5]],
  ["SmoothL1Loss", [vector([0.5, 3]), vector([0, 0])], {}, [0.125, 2.5]],
  ["SigmoidCrossEntropyWithLogits", [vector([0]), vector([1])], {}, [0.69315]],
  ["SoftmaxCrossEntropyWithLogits", [matrix(1, [0, 0]), matrix(1, [1, 0])], {}, [0.69315]],
  ["BoundingBoxDecode", [matrix(1, [0, 0, 9, 9]), matrix(1, [0, 0, 0, 0])], { max_shape: [100, 100] }, [0, 0, 9, 9]],
  ["BoundingBoxEncode", [matrix(1, [0, 0, 9, 9]), matrix(1, [5, 0, 14, 9])], {}, [0.5, 0, 0, 0]],
  ["CheckValid", [matrix(2, [0, 0, 9, 9, -1, 0, 5, 5]), vector([10, 20, 1])], {}, [1, 0]],
  ["AscendQuant", [vector([1, -3, 1000])], { scale: { f: 2 }, offset: { f: 1 } }, [3, -5, 127]],
  ["AscendDequant", [matrix(1, [4, 6], "i32"), vector([0.5, 0.25])], { relu_flag: true }, [2, 1.5]],
  ["FullyConnection", [matrix(1, [1, 2]), matrix(1, [3, 4]), vector([10])], { num_output: 1 }, [21]],
];

describe("GE's operators", () => {
  for (const [what, old, now, expected] of pairs) {
    it(`${what}: ${old[0]} and ${now[0]}`, () => {
      for (const [type, operands, attributes] of [old, now])
        expect(result(type, operands, attributes, type.startsWith("Arg") ? ["i32"] : ["f32", "i32"]), type).to.deep.equal(expected);
    });
  }

  for (const [type, operands, attributes, expected] of single) {
    it(type, () => {
      const type0: DType = type === "AscendQuant" ? "i8" : type === "CheckValid" ? "bool" : "f32";
      expect(result(type, operands, attributes, [type0])).to.deep.equal(expected);
    });
  }

  it("give several results", () => {
    const parts = [0, 1].map((i) => result("SplitD", [x23], { split_dim: 0, num_split: 2 }, ["f32", "f32"], i));
    expect(parts).to.deep.equal([
      [1, 5, 3],
      [4, 2, 6],
    ]);
    const sized = [0, 1].map((i) => result("SplitVD", [x23], { split_dim: 1, num_split: 2, size_splits: [1, -1] }, ["f32", "f32"], i));
    expect(sized).to.deep.equal([
      [1, 4],
      [5, 3, 2, 6],
    ]);
    const best = [0, 1].map((i) => result("ArgMaxWithValue", [x23], { dimension: 1 }, ["i32", "f32"], i));
    expect(best).to.deep.equal([
      [1, 2],
      [5, 6],
    ]);
    expect(result("Unpack", [x23], { num: 2, axis: 0 }, ["f32", "f32"], 1)).to.deep.equal([4, 2, 6]);
  });

  it("pool as their padding says", () => {
    const image: Given = { shape: [1, 1, 3, 3], values: count(9) };
    const window = { ksize: [1, 1, 2, 2], strides: [1, 1, 2, 2], data_format: "NCHW" };
    expect(result("MaxPool", [image], { ...window, padding: "SAME" })).to.deep.equal([4, 5, 7, 8]);
    expect(result("MaxPool", [image], { ...window, padding: "VALID" })).to.deep.equal([4]);
    expect(result("AvgPool", [image], { ...window, padding: "SAME" })).to.deep.equal([2, 3.5, 6.5, 8]);
    expect(result("MaxPoolV3", [image], { ...window, pads: [1, 0, 1, 0] })).to.deep.equal([0, 2, 6, 8]);
    expect(result("AvgPoolV2", [image], { ...window, pads: [1, 0, 1, 0], exclusive: false })).to.deep.equal([0, 0.75, 2.25, 6]);
    const rows = { ksize: [1, 2, 2, 1], strides: [1, 2, 2, 1], padding: "VALID" };
    expect([0, 1].map((i) => result("MaxPoolWithArgmax", [image], rows, ["f32", "i32"], i))).to.deep.equal([[4], [4]]);
  });

  it("convolve depthwise and transposed", () => {
    const image: Given = { shape: [1, 2, 1, 2], values: [1, 2, 3, 4] };
    const plain = { strides: [1, 1, 1, 1], pads: [0, 0, 0, 0], data_format: "NCHW" };
    const depthwise = result("DepthwiseConv2D", [image, { shape: [2, 2, 1, 1], values: [1, 10, 2, 20] }], plain);
    expect(depthwise).to.deep.equal([1, 2, 2, 4, 30, 40, 60, 80]);
    const filter: Given = { shape: [1, 1, 1, 2], values: [1, 10] };
    const size = { ...plain, input_size: [1, 1, 1, 3] };
    expect(result("Conv2DBackpropInputD", [filter, { shape: [1, 1, 1, 2], values: [1, 2] }], size)).to.deep.equal([1, 12, 20]);
  });

  it("run recurrent layers one step at a time", () => {
    const w: Given = { shape: [2, 4], values: [1, 1, 0, 1, 0, 0, 0, 0] };
    const given = [{ shape: [1, 1, 1], values: [1] }, w, vector([0, 0, 0, 0])];
    const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
    const expected = sigmoid(1) * Math.tanh(sigmoid(1) * Math.tanh(1));
    expect(result("DynamicRNN", given)[0]).to.be.closeTo(expected, 2e-5);
  });
});

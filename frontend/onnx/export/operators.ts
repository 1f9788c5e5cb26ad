/** ONNX's operators that the exporter writes: from which version on they exist, and for which element types. */
import type { DType } from "../../../ir/type.ts";

/** The versions of the operator set that can be written. */
export const oldestOpset = 13;
export const newestOpset = 26;

/** Version of the file format that goes with a version of the operator set. */
export const irVersionOf = (opset: number): number => [8, 8, 8, 8, 8, 8, 9, 9, 10, 10, 11, 12, 13, 13][opset - oldestOpset]!;

/** Element types by the names that the table below uses. */
const groups: Readonly<Record<string, readonly DType[]>> = {
  real: ["f16", "f32", "f64"],
  wide: ["i32", "i64", "u32", "u64"],
  narrow: ["i8", "i16", "u8", "u16"],
  bytes: ["i8", "u8"],
  index: ["i32", "i64"],
  f8: ["f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz"],
  f4: ["f4e2m1"],
  e8: ["f8e8m0"],
  i4: ["i4", "u4"],
  i2: ["i2", "u2"],
};

const floats = "real bf16";
const numbers = "real bf16 wide narrow";
const all = "real bf16 wide narrow bool";
const newest = { 21: `${all} f8 i4`, 23: `${all} f8 f4 i4`, 24: `${all} f8 f4 e8 i4`, 25: `${all} f8 f4 e8 i4 i2` };

/** By operator: the element types of its main operand, by the version from which it takes them. */
const operators: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Abs: { 13: numbers },
  Acos: { 7: "real", 22: floats },
  Acosh: { 9: "real", 22: floats },
  Add: { 13: "real bf16 wide", 14: numbers },
  AffineGrid: { 20: floats },
  And: { 7: "bool" },
  ArgMax: { 13: numbers },
  ArgMin: { 13: numbers },
  Asin: { 7: "real", 22: floats },
  Asinh: { 9: "real", 22: floats },
  Atan: { 7: "real", 22: floats },
  Atanh: { 9: "real", 22: floats },
  Attention: { 23: floats },
  AveragePool: { 11: "real", 22: floats },
  BatchNormalization: { 9: "real", 14: floats },
  Bernoulli: { 15: "real", 22: floats },
  BitCast: { 26: `${all} f8 f4 e8 i4 i2` },
  BitShift: { 11: "u16 u32 u64 u8" },
  BitwiseAnd: { 18: "wide narrow" },
  BitwiseNot: { 18: "wide narrow" },
  BitwiseOr: { 18: "wide narrow" },
  BitwiseXor: { 18: "wide narrow" },
  BlackmanWindow: { 17: "index" },
  Cast: { 13: all, 19: `${all} f8`, ...newest },
  Ceil: { 13: floats },
  Celu: { 12: "f32" },
  Clip: { 13: numbers },
  Col2Im: { 18: all },
  Compress: { 11: "real wide narrow bool" },
  Concat: { 13: all },
  Conv: { 11: "real", 22: floats },
  ConvInteger: { 10: "bytes" },
  ConvTranspose: { 11: "real", 22: floats },
  Cos: { 7: "real", 22: floats },
  Cosh: { 9: "real", 22: floats },
  CumProd: { 26: "real bf16 wide" },
  CumSum: { 11: "wide f32 f64", 14: "real bf16 wide" },
  DFT: { 17: floats },
  DeformConv: { 19: "real", 22: floats },
  DequantizeLinear: {
    13: "bytes i32",
    19: "bytes f8 i32",
    21: "narrow f8 i4 i32",
    23: "narrow f8 f4 i4 i32",
    25: "narrow f8 f4 i4 i2 i32",
  },
  Det: { 11: "real", 22: floats },
  Div: { 13: "real bf16 wide", 14: numbers },
  DynamicQuantizeLinear: { 11: "f32" },
  Einsum: { 12: "real wide narrow" },
  Elu: { 6: "real", 22: floats },
  Equal: { 13: all },
  Erf: { 13: floats },
  Exp: { 13: floats },
  Expand: { 13: all },
  EyeLike: { 9: "real wide narrow bool", 22: all },
  Floor: { 13: floats },
  GRU: { 7: "real", 22: floats },
  Gather: { 13: all },
  GatherElements: { 13: all },
  GatherND: { 13: all },
  Gelu: { 20: floats },
  Gemm: { 13: "real bf16 wide" },
  GlobalAveragePool: { 1: "real", 22: floats },
  GlobalLpPool: { 2: "real", 22: floats },
  GlobalMaxPool: { 1: "real", 22: floats },
  Greater: { 13: numbers },
  GreaterOrEqual: { 12: "real wide narrow", 16: numbers },
  GridSample: { 16: "real wide narrow bool", 22: all },
  GroupNormalization: { 21: floats },
  HammingWindow: { 17: "index" },
  HannWindow: { 17: "index" },
  HardSigmoid: { 6: "real", 22: floats },
  HardSwish: { 14: "real", 22: floats },
  Hardmax: { 13: floats },
  Identity: { 13: all, 19: `${all} f8`, ...newest },
  IsInf: { 10: "f32 f64", 20: "real bf16 f8" },
  IsNaN: { 13: floats, 20: "real bf16 f8" },
  InstanceNormalization: { 6: "real", 22: floats },
  LRN: { 13: floats },
  LSTM: { 7: "real", 22: floats },
  LayerNormalization: { 17: floats },
  LeakyRelu: { 6: "real", 16: floats },
  Less: { 13: numbers },
  LessOrEqual: { 12: "real wide narrow", 16: numbers },
  Log: { 13: floats },
  LogSoftmax: { 13: floats },
  LpNormalization: { 1: "real", 22: floats },
  LpPool: { 11: "real", 22: floats },
  MatMul: { 13: "real bf16 wide" },
  MatMulInteger: { 10: "bytes" },
  Max: { 13: numbers },
  MaxPool: { 12: "real bytes", 22: "real bf16 bytes" },
  MaxRoiPool: { 1: "real", 22: floats },
  MaxUnpool: { 11: "real", 22: floats },
  MelWeightMatrix: { 17: "index" },
  Min: { 13: numbers },
  Mish: { 18: "real", 22: floats },
  Mod: { 13: numbers },
  Mul: { 13: "real bf16 wide", 14: numbers },
  Multinomial: { 7: "real", 22: floats },
  Neg: { 13: "real bf16 index i16 i8" },
  NegativeLogLikelihoodLoss: { 13: "real", 22: floats },
  NonMaxSuppression: { 11: "f32" },
  NonZero: { 13: all },
  Not: { 1: "bool" },
  OneHot: { 11: "real wide narrow bool" },
  Or: { 7: "bool" },
  PRelu: { 9: "real wide", 16: "real bf16 wide" },
  Pad: { 13: all, ...newest },
  Pow: { 13: "real bf16 index" },
  QLinearConv: { 10: "bytes" },
  QLinearMatMul: { 10: "bytes", 21: "bytes f8" },
  QuantizeLinear: { 13: "f32 i32", 19: "bf16 f16 f32 i32" },
  RMSNormalization: { 23: floats },
  RNN: { 7: "real", 22: floats },
  Range: { 11: "index f32 f64 i16" },
  Reciprocal: { 13: floats },
  ReduceL1: { 13: "real bf16 wide" },
  ReduceL2: { 13: "real bf16 wide" },
  ReduceLogSum: { 13: "real bf16 wide" },
  ReduceLogSumExp: { 13: "real bf16 wide" },
  ReduceMax: { 13: "real bf16 wide bytes", 20: "real bf16 wide bytes bool" },
  ReduceMean: { 13: "real bf16 wide" },
  ReduceMin: { 13: "real bf16 wide bytes", 20: "real bf16 wide bytes bool" },
  ReduceProd: { 13: "real bf16 wide" },
  ReduceSum: { 13: "real bf16 wide" },
  ReduceSumSquare: { 13: "real bf16 wide" },
  Relu: { 13: floats, 14: "real bf16 index i16 i8" },
  Reshape: { 13: all, 19: `${all} f8`, ...newest },
  Resize: { 13: all },
  ReverseSequence: { 10: "real wide narrow bool" },
  RoiAlign: { 10: "real", 22: floats },
  RotaryEmbedding: { 23: "bf16 f16 f32" },
  Round: { 11: "real", 22: floats },
  ScatterElements: { 13: all },
  ScatterND: { 13: all },
  Selu: { 6: "real", 22: floats },
  Shape: { 13: all, 19: `${all} f8`, ...newest },
  Shrink: { 9: "real wide narrow" },
  Sigmoid: { 13: floats },
  Sign: { 13: numbers },
  Sin: { 7: "real", 22: floats },
  Sinh: { 9: "real", 22: floats },
  Slice: { 13: all },
  Softmax: { 13: floats },
  Softplus: { 1: "real", 22: floats },
  Softsign: { 1: "real", 22: floats },
  Split: { 13: all },
  Sqrt: { 13: floats },
  Squeeze: { 13: all, ...newest },
  Sub: { 13: "real bf16 wide", 14: numbers },
  Swish: { 24: floats },
  Tan: { 7: "real", 22: floats },
  Tanh: { 13: floats },
  TensorScatter: { 24: `${all} f8 f4 e8 i4` },
  ThresholdedRelu: { 10: "real", 22: floats },
  Tile: { 13: all },
  TopK: { 11: "real wide narrow", 24: numbers },
  Transpose: { 13: all, ...newest },
  Trilu: { 14: all },
  Unique: { 11: "real wide narrow bool" },
  Unsqueeze: { 13: all, ...newest },
  Where: { 9: "real wide narrow bool", 16: all },
  Xor: { 7: "bool" },
};

interface Version {
  readonly since: number;
  readonly dtypes: ReadonlySet<DType>;
}

const versions = new Map<string, readonly Version[]>(
  Object.entries(operators).map(([name, rows]) => [
    name,
    Object.entries(rows).map(([since, names]) => ({ since: Number(since), dtypes: dtypesOf(names) })),
  ]),
);

function dtypesOf(names: string): ReadonlySet<DType> {
  return new Set(names.split(" ").flatMap((name) => groups[name] ?? [name as DType]));
}

/** The first version that has the operator; undefined for those that the table does not limit. */
export const firstVersion = (operator: string): number | undefined => versions.get(operator)?.[0]!.since;

/** The element types that the operator's main operand may have at a version; undefined where the table says nothing. */
export const elementTypes = (operator: string, opset: number): ReadonlySet<DType> | undefined =>
  versions.get(operator)?.findLast((v) => v.since <= opset)?.dtypes;

/** The first version at which the main operand may have the element type; undefined where no version takes it. */
export const versionWith = (operator: string, dtype: DType): number | undefined =>
  versions.get(operator)?.find((v) => v.dtypes.has(dtype))?.since;

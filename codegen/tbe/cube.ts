/**
 * Matrix products and convolutions on the cube unit: half precision in blocks of 16, sums in f32.
 *
 * Layouts, with C0 = 16 and elements beyond the end zero: `FRACTAL_NZ` of a matrix [m, n] is [n / 16, m / 16, 16, 16], element
 * (n1, m1, m0, n0); `NC1HWC0` splits channels, [n, c / 16, h, w, 16]; `FRACTAL_Z` of weights [m, c, kh, kw] is
 * [c / 16 * kh * kw, m / 16, 16, 16], element ((c1 * kh + y) * kw + x, m1, m0, c0).
 */
import type { Op, Value } from "../../ir/graph.ts";
import { formatType, staticShape } from "../../ir/type.ts";
import { type Calls, refuse, type TensorValue, tuple } from "./calls.ts";

export type Format = "ND" | "FRACTAL_NZ" | "NC1HWC0" | "FRACTAL_Z";

/** Names the tensor that the kernel is given for an operand. */
export type TakeInput = (operand: Value, format: Format, shape: readonly number[]) => string;

const block = 16;
const blocks = (n: number): number => Math.ceil(n / block);

/** The shape of a tensor in a layout. */
export function blockedShape(format: Format, shape: readonly number[]): number[] {
  const [a, b, c, d] = shape as [number, number, number, number];
  switch (format) {
    case "ND":
      return shape.length === 0 ? [1] : [...shape];
    case "FRACTAL_NZ":
      return [blocks(b), blocks(a), block, block];
    case "NC1HWC0":
      return [a, blocks(b), c, d, block];
    case "FRACTAL_Z":
      return [blocks(b) * c * d, blocks(a), block, block];
  }
}

export const isCube = (op: Op): boolean => ["matmul", "gemm", "conv"].includes(op.name);

/** The result of a cube op, in the layout of its kind. Throws an `OpError` for types, shapes and attributes it is not printed for. */
export function printCube(op: Op, calls: Calls, take: TakeInput): { value: TensorValue; format: Format; shape: readonly number[] } {
  for (const v of op.operands) if (v && v.tensor.dtype !== "f16") throw refuse(`the cube unit takes f16, not ${formatType(v.type)}`);
  return op.name === "conv" ? printConv(op, calls, take) : printProduct(op, calls, take);
}

function shapeOf(v: Value): number[] {
  const shape = staticShape(v.tensor.shape);
  if (!shape) throw refuse("shapes must be static: fix extents with --dim");
  return shape;
}

interface Product {
  readonly trans_a?: boolean;
  readonly trans_b?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
}

const python = (b: boolean): string => (b ? "True" : "False");

function printProduct(op: Op, calls: Calls, take: TakeInput): { value: TensorValue; format: Format; shape: readonly number[] } {
  const { trans_a = false, trans_b = false, alpha = 1, beta = 1 } = op.attributes as Product;
  const [a, b, c] = op.operands;
  if (alpha !== 1 || (c && beta !== 1)) throw refuse("the cube unit scales no product: alpha and beta must be 1");
  const shape = shapeOf(op.result);
  const operands = [a!, b!].map((v) => {
    const matrix = shapeOf(v);
    if (matrix.length !== 2) throw refuse(`a kernel multiplies one pair of matrices, not ${formatType(v.type)}`);
    return take(v, "FRACTAL_NZ", blockedShape("FRACTAL_NZ", matrix));
  });
  const bias = c && takeBias(c, shape[1]!, take);
  // Blocks of FRACTAL_NZ lie column by column, so the flags say the opposite of what is meant.
  const flags = `trans_a=${python(!trans_a)}, trans_b=${python(!trans_b)}, format_a="FRACTAL_NZ", format_b="FRACTAL_NZ", dst_dtype="float16"`;
  const text = `te.lang.cce.matmul(${operands.join(", ")}, ${flags}${bias === undefined ? "" : `, tensor_bias=${bias}`})`;
  const value = calls.rename(calls.line(text, "float16", blockedShape("FRACTAL_NZ", shape)), op.result.name || "product");
  return { value, format: "FRACTAL_NZ", shape };
}

/** One value per column or channel, padded to whole blocks. */
function takeBias(bias: Value, count: number, take: TakeInput): string {
  const shape = shapeOf(bias);
  if (shape.length !== 1 || shape[0] !== count) throw refuse(`the cube unit adds one value per column, not ${formatType(bias.type)}`);
  return take(bias, "ND", [blocks(count) * block]);
}

interface Convolution {
  readonly strides: readonly number[];
  readonly pads: readonly (readonly [number, number])[];
  readonly dilations: readonly number[];
  readonly group: number;
  readonly ceil_mode?: boolean;
}

function printConv(op: Op, calls: Calls, take: TakeInput): { value: TensorValue; format: Format; shape: readonly number[] } {
  const [x, w, b] = op.operands;
  const attributes = op.attributes as unknown as Convolution;
  const [image, kernel, shape] = [x!, w!, op.result].map(shapeOf) as [number[], number[], number[]];
  if (image.length !== 4) throw refuse(`a convolution kernel has two spatial axes, not ${image.length - 2}`);
  if (attributes.group !== 1) throw refuse("a convolution kernel has one group");
  const names = [take(x!, "NC1HWC0", blockedShape("NC1HWC0", image)), take(w!, "FRACTAL_Z", blockedShape("FRACTAL_Z", kernel))];
  const bias = b && takeBias(b, shape[1]!, take);
  const [padH, padW] = [0, 1].map((d) => attributes.pads[d] ?? [0, 0]) as [readonly [number, number], readonly [number, number]];
  const [strideH, strideW] = [0, 1].map((d) => attributes.strides[d] ?? 1);
  const [dilateH, dilateW] = [0, 1].map((d) => attributes.dilations[d] ?? 1);
  const entries = [
    `"pad_h": [${padH.join(", ")}], "pad_w": [${padW.join(", ")}]`,
    `"stride_h": ${strideH}, "stride_w": ${strideW}, "dilate_h": ${dilateH}, "dilate_w": ${dilateW}`,
    `"filter_h": ${kernel[2]}, "filter_w": ${kernel[3]}, "offset_x": 0, "offset_w_tensor": None`,
    `"bias_tensor": ${bias ?? "None"}`,
  ];
  calls.statement(`para = {${entries.join(",\n            ")}}`);
  const [n, c1, h, width] = blockedShape("NC1HWC0", shape) as [number, number, number, number];
  const out = [n, c1, h * width, block];
  const value = calls.rename(calls.line(`te.lang.cce.conv(${names.join(", ")}, para)`, "float16", out), op.result.name || "convolution");
  return { value, format: "NC1HWC0", shape };
}

export const shapeText = (shape: readonly number[]): string => tuple(shape);

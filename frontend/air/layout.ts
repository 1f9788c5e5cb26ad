/**
 * Layouts of tensors. What the chip's compiler has blocked (channels in groups of 16, matrices in squares of 16) becomes
 * what it was before; layouts that only say the order of axes are kept, and matter to the operators that read them.
 *
 * Invariant: a plain shape is in the order of its `format`; a blocked shape is as the file has it.
 */
import type { TensorData } from "../../ir/data.ts";
import { alignedBytes } from "../../ir/data.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { ComputedSource } from "../bytes.ts";
import { numbersOf, textOf } from "./attributes.ts";
import type { GeTensorDescriptor } from "./messages.ts";

/** Rows and columns of a block of a matrix, and outputs of a block of weights. */
const block = 16;

const blocked: ReadonlySet<string> = new Set(["NC1HWC0", "FRACTAL_Z", "FRACTAL_NZ", "NC1HWC0_C04", "FRACTAL_Z_C04", "C1HWNC0", "NDC1HWC0"]);

/** Whether the shape is not that of the tensor which the model is about. */
export const isBlocked = (layout: string): boolean => blocked.has(layout);

export interface Plain {
  readonly shape: readonly number[];
  /** The order of the axes: "NCHW", "NHWC", "HWCN", "ND", ... */
  readonly format: string;
}

/** Offset, in elements, of a plain index in the blocked tensor. */
type Place = (index: readonly number[]) => number;

const shapeOf = (desc: GeTensorDescriptor | undefined): readonly number[] => desc?.shape?.dim ?? [];

/** The format before blocking, as descriptors say it, or what the layout itself says. */
export function formatOf(desc: GeTensorDescriptor | undefined): string {
  const origin = desc?.attr.find((a) => a.key === "origin_format")?.value;
  return (origin && textOf(origin)) ?? desc?.layout ?? "ND";
}

/** The tensor that a descriptor is about. Throws an `OpError` where a blocked one does not say what it was. */
export function plainOf(desc: GeTensorDescriptor | undefined): Plain {
  const layout = desc?.layout ?? "ND";
  if (!isBlocked(layout)) return { shape: shapeOf(desc), format: layout };
  const origin = desc?.attr.find((a) => a.key === "origin_shape")?.value;
  const shape = origin && numbersOf(origin);
  const format = formatOf(desc);
  if (shape && shape.length > 0) return { shape, format: isBlocked(format) ? "NCHW" : format };
  if (layout !== "NC1HWC0" || shapeOf(desc).length !== 5)
    throw new OpError(`a tensor in the layout ${layout} does not say the shape it was made from`, "unsupported-attribute");
  const [n, c1, h, w, c0] = shapeOf(desc) as [number, number, number, number, number];
  return { shape: [n, c1 * c0, h, w], format: "NCHW" };
}

/** The elements of a blocked constant in plain order, computed when they are read. Throws an `OpError`. */
export function plainData(desc: GeTensorDescriptor, data: TensorData, elementBytes: number): { plain: Plain; data: TensorData } {
  const plain = plainOf(desc);
  const stored = shapeOf(desc);
  const count = stored.reduce((a, b) => a * b, 1);
  if (stored.some((d) => d < 1) || count * elementBytes !== data.byteLength)
    throw new OpError(`the tensor of [${stored.join(",")}] has ${data.byteLength} bytes`, "truncated");
  const place = placeOf(desc.layout, stored, plain);
  const byteLength = plain.shape.reduce((a, b) => a * b, 1) * elementBytes;
  if (plain.shape.some((d) => d < 0) || byteLength > data.byteLength)
    throw new OpError("the shape before blocking is larger than the tensor", "truncated");
  const read = (offset: number, length: number): Uint8Array =>
    gathered(data, plain.shape, elementBytes, place).subarray(offset, offset + length);
  return { plain, data: { source: new ComputedSource(data.source.name, byteLength, read), offset: 0, byteLength } };
}

function gathered(data: TensorData, shape: readonly number[], size: number, place: Place): Uint8Array {
  const from = alignedBytes(data);
  const count = shape.reduce((a, b) => a * b, 1);
  const to = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  for (let i = 0; i < count; i++) {
    const at = place(index) * size;
    to.set(from.subarray(at, at + size), i * size);
    for (let d = shape.length - 1; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0;
  }
  return to;
}

/** The four axes by name, at a plain index in some order of them. */
function axesIn(format: string): (index: readonly number[]) => Record<"N" | "C" | "H" | "W", number> {
  if (!/^[NCHW]{4}$/.test(format) || new Set(format).size !== 4)
    throw new OpError(`a tensor blocked from the format ${format} is not carried`, "unsupported-attribute");
  const [n, c, h, w] = ["N", "C", "H", "W"].map((axis) => format.indexOf(axis)) as [number, number, number, number];
  return (index) => ({ N: index[n]!, C: index[c]!, H: index[h]!, W: index[w]! });
}

function sizesIn(format: string, shape: readonly number[]): Record<"N" | "C" | "H" | "W", number> {
  if (shape.length !== 4) throw new OpError("a blocked image has four axes", "type-mismatch");
  return axesIn(format)(shape);
}

const expectStored = (stored: readonly number[], expected: readonly number[]): void => {
  if (stored.length !== expected.length || expected.some((d, i) => d !== stored[i]))
    throw new OpError(`the blocked shape [${stored.join(",")}] does not fit`, "type-mismatch", { expected: `[${expected.join(",")}]` });
};

function placeOf(layout: string, stored: readonly number[], plain: Plain): Place {
  const c0 = stored.at(-1) ?? 1;
  if (layout === "FRACTAL_NZ") return matrixPlace(stored, plain.shape);
  const format = plain.format === "ND" ? "NCHW" : plain.format;
  const { N, C, H, W } = sizesIn(format, plain.shape);
  const axes = axesIn(format);
  const c1 = Math.ceil(C / c0);
  if (layout === "NC1HWC0") {
    expectStored(stored, [N, c1, H, W, c0]);
    return (index) => {
      const { N: n, C: c, H: h, W: w } = axes(index);
      return (((n * c1 + Math.floor(c / c0)) * H + h) * W + w) * c0 + (c % c0);
    };
  }
  if (layout !== "FRACTAL_Z") throw new OpError(`the layout ${layout} is not carried`, "unsupported-attribute");
  const n1 = Math.ceil(N / block);
  expectStored(stored, [c1 * H * W, n1, block, c0]);
  return (index) => {
    const { N: n, C: c, H: h, W: w } = axes(index);
    return (((Math.floor(c / c0) * H + h) * W + w) * n1 * block + n) * c0 + (c % c0);
  };
}

/** Element [m, n] of the last two axes stands at [n / 16, m / 16, m % 16, n % 16]. */
function matrixPlace(stored: readonly number[], shape: readonly number[]): Place {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const [n1, m1] = [Math.ceil(columns / block), Math.ceil(rows / block)];
  expectStored(stored, [...shape.slice(0, -2), n1, m1, block, block]);
  return (index) => {
    const [m, n] = [index.at(-2) ?? 0, index.at(-1) ?? 0];
    const matrix = index.slice(0, -2).reduce((sum, i, d) => sum * shape[d]! + i, 0);
    return ((matrix * n1 + Math.floor(n / block)) * m1 * block + m) * block + (n % block);
  };
}

/** What rules that make blocks share. */
import type { Value } from "../../ir/graph.ts";
import { Expand, Pack, Reshape, Transpose } from "../../ir/ops/index.ts";
import type { DType } from "../../ir/type.ts";
import type { Rewriter } from "../rewrite.ts";

/** The types of images in products of 8-bit integers: four products of bytes are added in one operation, or two of i16. */
export type ImageType = "u8" | "i8" | "i16";

export interface BlockOptions {
  /** f32 elements of a vector: channels of a block. */
  readonly lanes: number;
  /** Vectors in a row of the register tile of matrix products. */
  readonly vectors: number;
  /** What the images of 8-bit products become. */
  readonly image: ImageType;
}

/** Floats whose sums are of f32. */
export const isBlocked = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";

export const extentOf = (v: Value, axis: number): number | undefined => {
  const e = v.tensor.shape.at(axis);
  return typeof e === "number" ? e : undefined;
};

export const isConstant = (v: Value | undefined): v is Value => v?.op?.name === "constant";

/** A constant, or moved from one: folding makes it one. */
export function isFixed(v: Value | undefined): v is Value {
  const { op } = v ?? {};
  if (op?.name === "constant") return true;
  return op !== undefined && [Transpose, Reshape, Expand].some((move) => op.definition === move) && isFixed(op.operand(0));
}

export const pack = (rewriter: Rewriter, x: Value, axis: number, block: number): Value => rewriter.create(Pack, { x }, { axis, block });

/** The widest panel of at most `vectors` vectors that divides the columns, else the widest that overlaps. */
export function panelWidth(columns: number, { lanes, vectors }: BlockOptions): number | undefined {
  for (let v = vectors; v > 0; v--) if (columns % (v * lanes) === 0) return v * lanes;
  return columns < lanes ? undefined : Math.min(vectors, Math.floor(columns / lanes)) * lanes;
}

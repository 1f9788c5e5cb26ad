/** What all that build graphs from files, or for them, do again and again: constants, conversions, shapes. */
import { OpCreator } from "../ir/define.ts";
import type { Dim } from "../ir/dim.ts";
import type { Value } from "../ir/graph.ts";
import { Cast } from "../ir/ops/cast.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { Extents, Reshape } from "../ir/ops/shape.ts";
import { computeType, type DType, sameShape } from "../ir/type.ts";

export abstract class TensorOps extends OpCreator {
  scalar(dtype: DType, value: number | bigint): Value {
    return this.constant(dtype, [], [value]);
  }

  /** Elements are converted to what the type is computed in; 64-bit integers are cut to whole numbers. */
  constant(dtype: DType, shape: readonly number[], values: readonly (number | bigint)[]): Value {
    const type = computeType(dtype);
    const isWide = type === "i64" || type === "u64";
    const scalars = values.map((v) => (isWide ? (typeof v === "bigint" ? v : BigInt(Math.trunc(v))) : Number(v)));
    return constantValue(this.builder, dtype, shape, scalars);
  }

  /** `x` itself where it has the type. */
  cast(x: Value, to: DType): Value {
    return x.tensor.dtype === to ? x : this.create(Cast, { x }, { to });
  }

  /** An extent as a scalar. */
  extentValue(value: Dim, dtype: DType): Value {
    if (typeof value === "number") return this.scalar(dtype, value);
    return this.cast(this.create(Reshape, { x: this.create(Extents, {}, { values: [value] }) }, { shape: [] }), dtype);
  }

  /** `x` itself where it has the shape. */
  reshape(x: Value, shape: readonly Dim[]): Value {
    return sameShape(x.tensor.shape, shape) ? x : this.create(Reshape, { x }, { shape });
  }
}

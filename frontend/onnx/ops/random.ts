/** ONNX operators that draw random numbers. The numbers are ours: the standard leaves them open. */
import { OpError } from "../../../ir/diagnostic.ts";
import { Bernoulli, Multinomial, RandomNormal, RandomUniform } from "../../../ir/ops/random.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import type { DType } from "../../../ir/type.ts";
import type { Lowerings, NodeContext } from "../node.ts";
import { onnxDType } from "../tensor-data.ts";

/** The element type that an attribute names by ONNX's number. */
export function dtypeOf(n: NodeContext, name: string, fallback: DType): DType {
  if (!n.has(name)) return fallback;
  const dtype = onnxDType(n.int(name));
  if (dtype === undefined) throw new OpError(`the data type ${n.int(name)} is not carried`, "unsupported-type");
  return dtype;
}

/** The seed that the node gives, by its bits, or one made from the name of its output (FNV-1a). */
function seedOf(n: NodeContext): number {
  if (n.has("seed")) return new Uint32Array(Float32Array.of(n.float("seed")).buffer)[0]!;
  let hash = 0x811c9dc5;
  for (const c of n.node.output[0] ?? "") hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193) >>> 0;
  return hash;
}

const uniform = (n: NodeContext, shape: readonly Dim[], dtype: DType): Value =>
  n.create(RandomUniform, {}, { shape, dtype, low: n.float("low", 0), high: n.float("high", 1), seed: seedOf(n) });

const normal = (n: NodeContext, shape: readonly Dim[], dtype: DType): Value =>
  n.create(RandomNormal, {}, { shape, dtype, mean: n.float("mean", 0), scale: n.float("scale", 1), seed: seedOf(n) });

export const randomLowerings: Lowerings = {
  RandomUniform: (n) => uniform(n, n.ints("shape"), dtypeOf(n, "dtype", "f32")),
  RandomUniformLike: (n) => uniform(n, n.type(0).shape, dtypeOf(n, "dtype", n.type(0).dtype)),
  RandomNormal: (n) => normal(n, n.ints("shape"), dtypeOf(n, "dtype", "f32")),
  RandomNormalLike: (n) => normal(n, n.type(0).shape, dtypeOf(n, "dtype", n.type(0).dtype)),
  Bernoulli: (n) => n.create(Bernoulli, { p: n.input(0) }, { dtype: dtypeOf(n, "dtype", n.type(0).dtype), seed: seedOf(n) }),
  Multinomial: (n) =>
    n.create(Multinomial, { logits: n.input(0) }, { samples: n.int("sample_size", 1), dtype: dtypeOf(n, "dtype", "i32"), seed: seedOf(n) }),
};

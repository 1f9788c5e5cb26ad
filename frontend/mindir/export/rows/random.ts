/** Draws of the standard distributions, as f32. */
import { RandomNormal, RandomUniform } from "../../../../ir/ops/random.ts";
import { seedsOf } from "../../seeds.ts";
import { type NamedRow, row } from "../row.ts";

const names = { input_names: ["shape"], output_names: ["output"] };

export const randomRows: readonly NamedRow[] = [
  row(RandomNormal, (_operands, { shape, mean, scale, dtype, seed }, n) =>
    mean === 0 && scale === 1 && dtype === "f32"
      ? n.node("StandardNormal", [n.dims(shape)], { ...seedsOf(seed), ...names })
      : n.cannot("of that distribution"),
  ),
  row(RandomUniform, (_operands, { shape, low, high, dtype, seed }, n) =>
    low === 0 && high === 1 && dtype === "f32"
      ? n.node("UniformReal", [n.dims(shape)], { ...seedsOf(seed), ...names })
      : n.cannot("of that distribution"),
  ),
];

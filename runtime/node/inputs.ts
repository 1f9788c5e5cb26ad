/** Checks that tensors are what a model takes, and finds the extents that they give. */
import type { Manifest, TensorInfo } from "../manifest.ts";
import { evaluateDim } from "../shape.ts";
import type { Tensor } from "./tensor.ts";

export interface BoundInputs {
  /** In the model's order. */
  readonly tensors: readonly Tensor[];
  /** Values of all named extents in the manifest's order; 0 for those that a step produces. */
  readonly extents: readonly number[];
}

const shapeText = (shape: readonly (number | string)[]): string => `[${shape.join(",")}]`;
const list = (names: readonly string[]): string => names.map((n) => `'${n}'`).join(", ");

/** Throws one `TypeError` that lists everything wrong with the inputs. */
export function bindInputs(manifest: Manifest, given: Readonly<Record<string, Tensor>>): BoundInputs {
  const problems: string[] = [];
  const names = manifest.inputs.map((t) => t.name);
  const unknown = Object.keys(given).filter((n) => !names.includes(n));
  if (unknown.length > 0) problems.push(`${list(unknown)}: no such input; the model has ${list(names) || "none"}`);
  for (const info of manifest.inputs) problems.push(...checkKind(info, given[info.name]));
  const extents = manifest.extents.map((e) => (e.input === undefined ? 0 : (given[names[e.input]!]?.dims[e.axis!] ?? 0)));
  if (problems.length === 0) {
    const values = new Map(manifest.extents.flatMap((e, i) => (e.input === undefined ? [] : [[e.name, extents[i]!] as const])));
    for (const info of manifest.inputs) problems.push(...checkShape(info, given[info.name]!, values));
  }
  if (problems.length > 0) throw new TypeError(`the inputs do not fit the model\n${problems.map((p) => `  ${p}`).join("\n")}`);
  return { tensors: names.map((n) => given[n]!), extents };
}

function checkKind(info: TensorInfo, tensor: Tensor | undefined): string[] {
  if (!tensor) return [`'${info.name}' is missing: ${info.dtype}${shapeText(info.shape)}`];
  if (tensor.dtype !== info.dtype) return [`'${info.name}' is ${tensor.dtype}, expected ${info.dtype}`];
  if (tensor.dims.length !== info.shape.length)
    return [`'${info.name}' has shape ${shapeText(tensor.dims)}, expected ${shapeText(info.shape)}`];
  return [];
}

function checkShape(info: TensorInfo, tensor: Tensor, extents: ReadonlyMap<string, number>): string[] {
  const expected = info.shape.map((d) => evaluateDim(d, extents) ?? d);
  if (expected.every((d, i) => typeof d === "string" || d === tensor.dims[i])) return [];
  const named = info.shape.some((d) => typeof d === "string") ? ` = ${shapeText(info.shape)}` : "";
  return [`'${info.name}' has shape ${shapeText(tensor.dims)}, expected ${shapeText(expected)}${named}`];
}

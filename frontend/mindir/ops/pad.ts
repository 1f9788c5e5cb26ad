/** Padding. */
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Pad } from "../../../ir/ops/pad.ts";
import type { Argument, Lowering, Lowerings, NodeContext } from "../node.ts";
import { isKind, isValue } from "../values.ts";

type PadMode = "constant" | "edge" | "reflect" | "symmetric" | "wrap";

type Pads = readonly (readonly [Dim, Dim])[];

export function pad(n: NodeContext, x: Value, pads: Pads, mode: PadMode = "constant", value?: Value): Value {
  return pads.every((p) => p[0] === 0 && p[1] === 0) ? x : n.create(Pad, { x, value }, { pads, mode });
}

/** Pairs of all axes, first axis first, from a flat list or a matrix. */
export const listedPads = (flat: readonly Dim[]): Pads =>
  Array.from({ length: flat.length >> 1 }, (_, d) => [flat[2 * d]!, flat[2 * d + 1]!] as const);

const padConstant: Lowering = (n) => pad(n, n.input(0), listedPads(n.ints([1, "paddings"])));

const mirrorPad: Lowering = (n) => {
  const mode = n.string([-1, "mode"], "reflect");
  return pad(n, n.input(0), listedPads(n.dims([1, "paddings"])), mode === "symmetric" ? "symmetric" : "reflect");
};

const modes: Readonly<Record<string, PadMode>> = {
  constant: "constant",
  reflect: "reflect",
  edge: "edge",
  replicate: "edge",
  circular: "wrap",
  wrap: "wrap",
  symmetric: "symmetric",
};

/** Pairs in the order of the functional interface: those of the last axis first, of as many axes as there are pairs. */
function lastFirst(n: NodeContext, flat: readonly Dim[], rank: number): Pads {
  const pairs = listedPads(flat);
  if (pairs.length > rank) return n.unsupported("there are more pads than axes", "bad-attribute");
  return [...new Array<readonly [Dim, Dim]>(rank - pairs.length).fill([0, 0]), ...[...pairs].reverse()];
}

/** Where pads are not contiguous, all begins come before all ends. */
const padV3: Lowering = (n) => {
  const x = n.input(0);
  const given = n.dims([1, "paddings"]);
  const half = given.length >> 1;
  const isContiguous = n.bool([-1, "paddings_contiguous"], true);
  const flat = isContiguous ? given : given.slice(0, half).flatMap((begin, i) => [begin, given[half + i]!]);
  const mode = modes[n.string([-1, "mode"], "constant")] ?? n.unsupported("this mode of padding is not supported");
  const value = mode === "constant" ? fillValue(n, x, [2, "value"]) : undefined;
  return pad(n, x, lastFirst(n, flat, x.tensor.shape.length), mode, value);
};

const fillValue = (n: NodeContext, x: Value, argument: Argument): Value | undefined => {
  const item = n.argument(argument);
  if (item === undefined || isKind(item, "none")) return undefined;
  const value = n.cast(n.tensorOf(item, isValue(item) ? undefined : x.tensor.dtype), x.tensor.dtype);
  return n.reshape(value, []);
};

/** x, padding, value. */
const constantPad: Lowering = (n) => {
  const x = n.input(0);
  return pad(n, x, lastFirst(n, n.dims([1, "padding"]), x.tensor.shape.length), "constant", fillValue(n, x, [2, "value"]));
};

const padBy =
  (mode: PadMode): Lowering =>
  (n) => {
    const x = n.input(0);
    return pad(n, x, lastFirst(n, n.dims([1, "padding"]), x.tensor.shape.length), mode);
  };

export const padding: Lowerings = {
  Pad: padConstant,
  PadV3: padV3,
  MirrorPad: mirrorPad,
  ConstantPadND: constantPad,
  ReflectionPad1D: padBy("reflect"),
  ReflectionPad2D: padBy("reflect"),
  ReflectionPad3D: padBy("reflect"),
  ReplicationPad1D: padBy("edge"),
  ReplicationPad2D: padBy("edge"),
  ReplicationPad3D: padBy("edge"),
};

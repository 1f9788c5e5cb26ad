/** Convolutions of images. Weights are [out, height, width, in / group] in files, [out, in / group, height, width] here. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Conv } from "../../../ir/ops/conv.ts";
import { ConvTranspose } from "../../../ir/ops/conv-transpose.ts";
import { autoPads, type Pads, type WindowAttributes } from "../../../ir/window.ts";
import { toSecond } from "../layout.ts";
import { type Lowering, type Lowerings, type NodeContext, second } from "../node.ts";
import { activated } from "./activation.ts";

/** Entries for height and width, of lists that may have four. */
export function spatialInts(n: NodeContext, name: string, fallback: number): readonly number[] {
  const given = n.ints(name);
  if (given.length === 0) return [fallback, fallback];
  const last = given.slice(-2);
  return last.length === 2 ? last : [last[0]!, last[0]!];
}

/** Up, down, left, right as pairs; by the mode where it says how much is needed. */
export function padsOf(
  n: NodeContext,
  field: string,
  input: readonly Dim[],
  kernel: readonly Dim[],
  given: Omit<WindowAttributes, "pads">,
): Pads {
  const mode = n.choice("pad_mode", "PAD");
  if (mode === "VALID") return [];
  if (mode === "SAME") return autoPads("same_upper", input, kernel, given);
  if (mode === "SAME_LOWER") return autoPads("same_lower", input, kernel, given);
  const [up = 0, down = 0, left = 0, right = 0] = n.ints(field);
  return [
    [up, down],
    [left, right],
  ];
}

/** Whether weights stand as [out, in, height, width] already, as some early files have them. */
function isChannelsSecond(n: NodeContext): boolean {
  const t = n.tensor(1);
  const [height, width] = n.ints("kernel_size");
  if (!t || t.format === "KCHW") return t !== undefined;
  return t.format === "NCHW" && t.dims[2] === height && t.dims[3] === width && !(t.dims[1] === height && t.dims[2] === width);
}

function weights(n: NodeContext, axis: number): Value {
  return isChannelsSecond(n) ? n.weight(1, { axis }) : n.weight(1, { perm: toSecond, axis });
}

/** Groups, as many as the channels of image and weights ask for; old files have none for depthwise convolutions. */
function groupOf(n: NodeContext, channels: Dim, inner: Dim): number {
  const group = dim.exactDiv(channels, inner);
  const asked = n.int("group", 1);
  return typeof group === "number" && group >= 1 ? group : Math.max(1, asked);
}

const conv: Lowering = (n) => {
  const x = n.image(0);
  const w = weights(n, 0);
  const window = { strides: spatialInts(n, "stride", 1), dilations: spatialInts(n, "dilation", 1) };
  const pads = padsOf(n, "pad_list", x.tensor.shape.slice(2), w.tensor.shape.slice(2), window);
  const group = groupOf(n, x.tensor.shape[1]!, w.tensor.shape[1]!);
  return second(activated(n, n.create(Conv, { x, w, b: bias(n) }, { ...window, pads, group })));
};

const bias = (n: NodeContext): Value | undefined => (n.has(2) ? n.weight(2, { axis: 0 }) : undefined);

/** Before 1.8 scales belonged to the first axis of the weights [in, height, width, out / group], since to the last. */
const convTranspose: Lowering = (n) => {
  const x = n.image(0);
  const group = n.int("group", 1);
  const w = weights(n, n.scope.release < 108 || group > 1 ? 0 : 3);
  const window = { strides: spatialInts(n, "stride", 1), dilations: spatialInts(n, "dilation", 1) };
  const kernel = w.tensor.shape.slice(2);
  const attributes = { ...window, group: group > 0 ? group : Number(w.tensor.shape[0]), ...transposedPads(n, x, kernel, window) };
  return second(activated(n, n.create(ConvTranspose, { x, w, b: bias(n) }, attributes)));
};

function transposedPads(
  n: NodeContext,
  x: Value,
  kernel: readonly Dim[],
  window: Omit<WindowAttributes, "pads">,
): { readonly pads: Pads; readonly output_padding: readonly number[] } {
  const output_padding = n.ints("output_paddings").length === 0 ? [] : spatialInts(n, "output_paddings", 0);
  if (n.choice("pad_mode", "PAD") !== "SAME") return { pads: padsOf(n, "pad_list", [], [], window), output_padding };
  // The output has stride * extent elements.
  const totals = kernel.map((k, a) => dim.sub(dim.add(dim.mul(window.dilations[a]!, dim.sub(k, 1)), 1), window.strides[a]!));
  if (totals.some((t) => typeof t !== "number")) throw new OpError("the weights must have fixed extents", "bad-operand");
  const pads = (totals as number[]).map((t) => [Math.floor(Math.max(0, t) / 2), Math.ceil(Math.max(0, t) / 2)] as const);
  const missing = (totals as number[]).map((t) => Math.max(0, -t));
  return { pads, output_padding: missing.some((m) => m > 0) ? missing : output_padding };
}

export const convLowerings: Lowerings = {
  Conv2DFusion: conv,
  Conv2dTransposeFusion: convTranspose,
};

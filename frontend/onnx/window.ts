/** The window attributes that ONNX's convolutions and pools share. */
import { OpError } from "../../ir/diagnostic.ts";
import type { Dim } from "../../ir/dim.ts";
import { type AutoPad, autoPads, type Pads, type WindowAttributes } from "../../ir/window.ts";
import type { NodeContext } from "./node.ts";

/** ONNX's list of all begins, then all ends, as pairs. */
export function padPairs(pads: readonly Dim[]): Pads {
  if (pads.length % 2 !== 0) throw new OpError("'pads' has an odd number of entries", "bad-attribute");
  const rank = pads.length / 2;
  return pads.slice(0, rank).map((begin, a) => [begin, pads[rank + a]!] as const);
}

/** `auto_pad`, or undefined where the pads are given. */
export function autoPadOf(n: NodeContext): AutoPad | undefined {
  const mode = n.string("auto_pad", "NOTSET");
  if (mode === "NOTSET" || mode === "") return undefined;
  const known = ({ VALID: "valid", SAME_UPPER: "same_upper", SAME_LOWER: "same_lower" } as const)[mode];
  return known ?? n.unsupported(`auto_pad '${mode}' is unknown`);
}

/** Strides, dilations and pads of a node, `auto_pad` resolved for spatial axes of the given extents. */
export function windowOf(n: NodeContext, input: readonly Dim[], kernel: readonly Dim[]): WindowAttributes {
  const given = { strides: n.ints("strides", []), dilations: n.ints("dilations", []) };
  const mode = autoPadOf(n);
  return { ...given, pads: mode ? autoPads(mode, input, kernel, given) : padPairs(n.ints("pads", [])) };
}

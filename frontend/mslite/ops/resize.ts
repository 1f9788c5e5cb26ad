/** Resizing of images, and blocks of them as channels. */
import { OpError } from "../../../ir/diagnostic.ts";
import * as dim from "../../../ir/dim.ts";
import type { Dim } from "../../../ir/dim.ts";
import { constantContent } from "../../../ir/content.ts";
import { depthToSpace, spaceToDepth } from "../../../ir/ops/depth-to-space.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import { isFloat } from "../../../ir/type.ts";
import { type Lowering, type Lowerings, type NodeContext, second } from "../node.ts";

const coordinates = {
  ASYMMETRIC: "asymmetric",
  ALIGN_CORNERS: "align_corners",
  HALF_PIXEL: "half_pixel",
  PYTORCH_HALF_PIXEL: "pytorch_half_pixel",
  TF_HALF_PIXEL: "tf_half_pixel_for_nn",
} as const;

const nearestModes = {
  NORMAL: undefined,
  ROUND_HALF_DOWN: "round_prefer_floor",
  ROUND_HALF_UP: "round_prefer_ceil",
  FLOOR: "floor",
  CEIL: "ceil",
} as const;
const methods = { LINEAR: "linear", NEAREST: "nearest", CUBIC: "cubic" } as const;

function pick<T>(n: NodeContext, table: Readonly<Record<string, T>>, name: string, fallback: string): T {
  const key = n.choice(name, fallback);
  if (!Object.hasOwn(table, key)) return n.unsupported(`'${name}' ${key} is not supported`);
  return table[key]!;
}

/** Height and width: the second input as sizes or as factors (of both, or of all four axes), or the attributes. */
function sizeOf(n: NodeContext, spatial: readonly Dim[]): readonly Dim[] {
  if (!n.has(1)) return [n.int("new_height"), n.int("new_width")];
  const given = n.input(1);
  if (!isFloat(given.tensor.dtype)) {
    const sizes = n.dims(1, "the size");
    return sizes.length === 4 ? [sizes[1]!, sizes[2]!] : sizes;
  }
  const factors = constantContent(given) ?? n.unsupported("factors that depend on data are not supported");
  const [vertical, horizontal] = factors.length === 4 ? [factors[2]!, factors[3]!] : factors;
  if (vertical === undefined || horizontal === undefined) throw new OpError("the factors are not two numbers", "bad-operand");
  return spatial.map((d, i) => scaled(n, d, i === 0 ? vertical : horizontal));
}

function scaled(n: NodeContext, d: Dim, factor: number): Dim {
  if (typeof d === "number") return Math.floor(d * factor);
  return Number.isInteger(factor) ? dim.mul(d, factor) : n.unsupported("an extent that is not fixed cannot be scaled by a fraction");
}

const resize: Lowering = (n) => {
  const x = n.image(0);
  const [batch, channels, ...spatial] = x.tensor.shape;
  const shape = [batch!, channels!, ...sizeOf(n, spatial)];
  const mode = pick(n, methods, "method", "LINEAR");
  const how = pick(n, coordinates, "coordinate_transform_mode", "ASYMMETRIC");
  const nearest = pick(n, nearestModes, "nearest_mode", "NORMAL") ?? (how === "align_corners" ? "round_prefer_ceil" : "floor");
  const cubic = n.float("cubic_coeff");
  return second(
    n.create(
      Resize,
      { x },
      {
        shape,
        mode,
        coordinates: how,
        nearest_mode: nearest,
        exclude_outside: n.bool("exclude_outside"),
        ...(cubic !== 0 && { cubic_coeff_a: cubic }),
      },
    ),
  );
};

/** Channels are ordered block row, block column, depth; CRD says depth first. */
const orderOf = (n: NodeContext): "dcr" | "crd" => (n.text("mode").toUpperCase() === "CRD" ? "crd" : "dcr");

export const resizeLowerings: Lowerings = {
  Resize: resize,
  DepthToSpace: (n) => second(depthToSpace(n.builder, n.image(0), n.int("block_size"), orderOf(n))),
  SpaceToDepth: (n) => second(spaceToDepth(n.builder, n.image(0), n.int("block_size"), "dcr")),
};

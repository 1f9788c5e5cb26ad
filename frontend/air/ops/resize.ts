/** Resizing of images. */
import type { Dim } from "../../../ir/dim.ts";
import type { Value } from "../../../ir/graph.ts";
import { Resize } from "../../../ir/ops/resize.ts";
import { staticShape } from "../../../ir/type.ts";
import { type ExportNode, row, type Written } from "../export-node.ts";
import type { Lowering } from "../node.ts";
import type { AttributesFor } from "../../../ir/define.ts";
import type { Family } from "./family.ts";

type ResizeAttributes = AttributesFor<typeof Resize>;

const resized = (x: Value, size: readonly Dim[]): Dim[] => [...x.tensor.shape.slice(0, x.tensor.shape.length - size.length), ...size];

/** The result is f32, whatever the input is, unless the file says otherwise. */
const bilinear: Lowering = (n) => {
  const given = n.input("x");
  const x = n.cast(given, n.declared() ?? "f32");
  const coordinates = n.bool("align_corners") ? "align_corners" : n.bool("half_pixel_centers") ? "half_pixel" : "asymmetric";
  return n.create(Resize, { x }, { shape: resized(x, n.dims("size")), mode: "linear", coordinates });
};

const nearest: Lowering = (n) => {
  const x = n.input("x");
  const shape = resized(x, n.dims("size"));
  if (n.bool("align_corners")) return n.create(Resize, { x }, { shape, coordinates: "align_corners", nearest_mode: "round_prefer_ceil" });
  const coordinates = n.bool("half_pixel_centers") ? "tf_half_pixel_for_nn" : "asymmetric";
  return n.create(Resize, { x }, { shape, coordinates, nearest_mode: "floor" });
};

const coordinateNames = [
  "half_pixel",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
] as const;
const nearestModes = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;
const modes = { nearest: "nearest", linear: "linear", cubic: "cubic" } as const;

/** As ONNX has it: by sizes, or by scales. */
const general: Lowering = (n) => {
  const x = n.input("x");
  const named = <const T extends readonly string[]>(name: string, known: T): T[number] =>
    known.find((k) => k === n.string(name)) ?? n.unsupported(`'${n.string(name)}' for '${name}' is not supported`);
  const scales = n.optional("scales") && n.type("scales").shape[0] !== 0 ? n.ints("scales") : [];
  const shape = n.optional("sizes") ? n.dims("sizes") : x.tensor.shape.map((d, i) => Math.floor(Number(d) * (scales[i] ?? 1)));
  return n.create(
    Resize,
    { x },
    {
      shape,
      scales,
      mode: modes[named("mode", ["nearest", "linear", "cubic"])],
      coordinates: named("coordinate_transformation_mode", coordinateNames),
      nearest_mode: named("nearest_mode", nearestModes),
      cubic_coeff_a: n.float("cubic_coeff_a"),
      exclude_outside: n.bool("exclude_outside"),
      extrapolation_value: n.float("extrapolation_value"),
      roi: n.optional("roi") && n.type("roi").shape[0] !== 0 ? n.ints("roi") : [],
    },
  );
};

/** Whether the operators for images say it: the last two axes of four, no scales, plain coordinates. */
function imageOperator(
  e: ExportNode,
  a: ResizeAttributes,
): { type: string; align_corners: boolean; half_pixel_centers: boolean } | undefined {
  const { shape } = e.in(0).type;
  const isImage = shape.length === 4 && shape[0] === a.shape[0] && shape[1] === a.shape[1] && a.scales.length === 0 && !a.antialias;
  if (!isImage || !staticShape(a.shape)) return undefined;
  const align_corners = a.coordinates === "align_corners";
  const isPlain = align_corners || a.coordinates === "asymmetric";
  if (a.mode === "linear" && (isPlain || a.coordinates === "half_pixel"))
    return { type: "ResizeBilinearV2D", align_corners, half_pixel_centers: a.coordinates === "half_pixel" };
  const rounding = align_corners ? "round_prefer_ceil" : "floor";
  if (a.mode === "nearest" && a.nearest_mode === rounding && (isPlain || a.coordinates === "tf_half_pixel_for_nn"))
    return { type: "ResizeNearestNeighborV2D", align_corners, half_pixel_centers: !isPlain };
  return undefined;
}

function writeResize(e: ExportNode, a: ResizeAttributes): Written {
  const x = e.in(0);
  const image = imageOperator(e, a);
  if (image) {
    const { type, ...more } = image;
    return e.emit(type, { x }, { ...more, size: e.fixed(a.shape.slice(2), "the size") });
  }
  const coordinates = coordinateNames.find((c) => c === a.coordinates) ?? e.refuse(`the coordinates '${a.coordinates}'`);
  const nearest = nearestModes.find((m) => m === a.nearest_mode) ?? e.refuse(`the rounding '${a.nearest_mode}'`);
  if (a.antialias) return e.refuse("it is antialiased");
  const floats = (values: readonly number[]) => e.scope.writer.numbers("f32", [values.length], values);
  const inputs = { x, roi: floats(a.roi), scales: floats(a.scales), sizes: e.sizes(a.shape) };
  return e.emit("Resize", inputs, {
    coordinate_transformation_mode: coordinates,
    nearest_mode: nearest,
    mode: a.mode,
    cubic_coeff_a: a.cubic_coeff_a,
    exclude_outside: Number(a.exclude_outside),
    extrapolation_value: a.extrapolation_value,
  });
}

export const resizeFamily: Family = {
  imports: {
    Resize: general,
    ResizeBilinearV2: bilinear,
    ResizeBilinearV2D: bilinear,
    ResizeNearestNeighborV2: nearest,
    ResizeNearestNeighborV2D: nearest,
  },
  exports: [row(Resize, writeResize)],
};

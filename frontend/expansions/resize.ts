/** Resizing axis by axis: a product with a matrix of weights, or a gather of the nearest elements. */
import type { Value } from "../../ir/graph.ts";
import { Gather } from "../../ir/ops/gather.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { Resize } from "../../ir/ops/resize.ts";
import { nearestTo, position, resizedAxis } from "../../ir/resampling.ts";
import { isFloat } from "../../ir/type.ts";
import type { AttributesFor } from "../../ir/define.ts";
import { type Expander, expansion, mostElements, type NamedExpansion } from "./expander.ts";

type ResizeAttributes = AttributesFor<typeof Resize>;

interface AxisSizes {
  readonly input: number;
  readonly output: number;
  readonly scale: number | undefined;
}

/** Where element `o` of the result lies in the input, as a fraction. */
function placeOf(
  a: ResizeAttributes,
  { input, output, scale }: AxisSizes,
  o: number,
): { readonly numerator: number; readonly denominator: number } | undefined {
  if (a.coordinates === "tf_crop_and_resize") return undefined;
  const { numerator, denominator } = position(a.coordinates, resizedAxis(input, output, scale), o);
  return typeof numerator === "number" && typeof denominator === "number" ? { numerator, denominator } : undefined;
}

/** Keys' kernel (1981), or the triangle. */
function weightAt(distance: number, isCubic: boolean, a: number): number {
  const x = Math.abs(distance);
  if (!isCubic) return Math.max(0, 1 - x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

/** How much narrower the kernel is than the input's distance of elements: less than one where antialiasing widens it. */
function narrowing(a: ResizeAttributes, { input, output, scale }: AxisSizes): number {
  const { up, down } = resizedAxis(input, output, scale);
  return a.antialias && Number(up) < Number(down) ? Number(up) / Number(down) : 1;
}

/** The matrix [output, input] of one axis. */
function weights(a: ResizeAttributes, axis: AxisSizes): number[] | undefined {
  const { input, output } = axis;
  const matrix = new Array<number>(output * input).fill(0);
  const isCubic = a.mode === "cubic";
  const factor = narrowing(a, axis);
  const reach = isCubic ? 2 : 1;
  const first = factor === 1 ? 1 - reach : Math.floor(-reach / factor) + 1;
  for (let o = 0; o < output; o++) {
    const place = placeOf(a, axis, o);
    if (!place) return undefined;
    const exact = place.numerator / place.denominator;
    // Beyond the ends a straight line has the value of the end.
    const at = isCubic || factor !== 1 ? exact : Math.min(Math.max(exact, 0), input - 1);
    const base = Math.floor(at);
    const taps = Array.from({ length: 2 - 2 * first }, (_, t) => base + first + t).map(
      (i) => [i, weightAt((at - i) * factor, isCubic, a.cubic_coeff_a)] as const,
    );
    const inside = a.exclude_outside ? taps.filter(([i]) => i >= 0 && i < input) : taps;
    const sum = a.exclude_outside || factor !== 1 ? inside.reduce((s, [, w]) => s + w, 0) : 1;
    for (const [i, w] of inside) matrix[o * input + Math.min(Math.max(i, 0), input - 1)]! += w / sum;
  }
  return matrix;
}

function byMatrix(e: Expander, x: Value, axis: number, matrix: readonly number[], output: number): Value {
  const rank = x.tensor.shape.length;
  const perm = x.tensor.shape.map((_, d) => (d === axis ? rank - 1 : d === rank - 1 ? axis : d));
  const moved = e.transpose(x, perm);
  const b = e.constant(x.tensor.dtype, [moved.tensor.shape[rank - 1] as number, output], turned(matrix, output));
  return e.transpose(e.create(Matmul, { a: moved, b }), perm);
}

const turned = (matrix: readonly number[], output: number): number[] => {
  const input = matrix.length / output;
  return Array.from({ length: matrix.length }, (_, k) => matrix[(k % output) * input + Math.floor(k / output)]!);
};

function nearest(a: ResizeAttributes, axis: AxisSizes): number[] | undefined {
  const places = Array.from({ length: axis.output }, (_, o) => {
    const place = placeOf(a, axis, o);
    const found = place && nearestTo(a.nearest_mode, place, axis.output < axis.input);
    return typeof found === "number" ? Math.min(Math.max(found, 0), axis.input - 1) : undefined;
  });
  return places.every((p) => p !== undefined) ? places : undefined;
}

const resize = expansion(Resize, ({ x: given }, a, e) => {
  if (a.mode !== "nearest" && !isFloat(given.tensor.dtype)) return undefined;
  let x = given;
  for (const [axis, output] of a.shape.entries()) {
    const input = given.tensor.shape[axis]!;
    const scale = a.scales.length === 0 ? undefined : a.scales[axis];
    if (input === output && (scale === undefined || scale === 1)) continue;
    if (typeof input !== "number" || typeof output !== "number" || input * output > mostElements) return undefined;
    const sizes = { input, output, scale };
    const list = a.mode === "nearest" ? nearest(a, sizes) : weights(a, sizes);
    if (!list) return undefined;
    x =
      a.mode === "nearest"
        ? e.create(Gather, { x, indices: e.constant("i32", [output], list) }, { axis })
        : byMatrix(e, x, axis, list, output);
  }
  return x;
});

export const resizeExpansions: readonly NamedExpansion[] = [resize];

/** Boxes and regions of images, as MindSpore's detectors compute with them: (left, top, right, bottom), both ends inside. */
import type { AnyOpDefinition, AttributesFor, OperandsFor } from "../ir/define.ts";
import type { Value } from "../ir/graph.ts";
import { Concat, Split } from "../ir/ops/join.ts";
import { RoiAlign } from "../ir/ops/roi.ts";
import { Cast } from "../ir/ops/cast.ts";
import { Reshape } from "../ir/ops/shape.ts";
import { Slice } from "../ir/ops/slice.ts";
import { Formula, type FormulaScope } from "./formula.ts";

/** What the lowerings here need of the node that is lowered. */
export interface RegionScope extends FormulaScope {
  createAll<D extends AnyOpDefinition>(
    definition: D,
    operands: Partial<OperandsFor<D, Value>>,
    attributes?: Partial<AttributesFor<D>>,
  ): readonly Value[];
}

export type Four<T> = readonly [T, T, T, T];

/** The four columns of boxes `[n, 4]`, each `[n, 1]`. */
export const columns = (n: RegionScope, x: Value): Four<Value> =>
  n.createAll(Split, { x }, { axis: 1, sizes: [1, 1, 1, 1] }) as unknown as Four<Value>;

interface Centred {
  readonly x: Value;
  readonly y: Value;
  readonly width: Value;
  readonly height: Value;
}

/** Boxes by centre and size. */
export function centred(n: RegionScope, boxes: Value): Centred {
  const f = new Formula(n);
  const [left, top, right, bottom] = columns(n, boxes);
  const size = (a: Value, b: Value): Value => f.add(f.sub(b, a), 1);
  return { x: f.mul(f.add(left, right), 0.5), y: f.mul(f.add(top, bottom), 0.5), width: size(left, right), height: size(top, bottom) };
}

export interface DeltaSpec {
  readonly means: readonly number[];
  readonly stds: readonly number[];
  /** Height and width of the image, to which boxes are clipped; undefined: they are not. */
  readonly image: readonly [height: number | undefined, width: number | undefined];
  /** The least ratio of two boxes' sizes. */
  readonly leastRatio: number;
}

/** Boxes `[n, 4]` from anchors `[n, 4]` and deltas of centre and size (bounding_box_decode of MindSpore's GPU kernels). */
export function decodeDeltas(n: RegionScope, anchors: Value, deltas: Value, { means, stds, image, leastRatio }: DeltaSpec): Value {
  const f = new Formula(n);
  const limit = Math.abs(Math.log(leastRatio));
  const anchor = centred(n, anchors);
  const d = columns(n, deltas).map((v, k) => f.add(f.mul(v, stds[k] as number), means[k] as number)) as unknown as Four<Value>;
  const clipped = (v: Value): Value => f.min(f.max(v, -limit), limit);
  const centre = [f.add(anchor.x, f.mul(anchor.width, d[0])), f.add(anchor.y, f.mul(anchor.height, d[1]))] as const;
  const size = [f.mul(anchor.width, f.exp(clipped(d[2]))), f.mul(anchor.height, f.exp(clipped(d[3])))] as const;
  const inside = (v: Value, most: number | undefined): Value => (most === undefined ? v : f.min(f.max(v, 0), most));
  const ends = ([0, 1] as const).map((k) => {
    const half = f.mul(size[k], 0.5);
    return [inside(f.add(f.sub(centre[k], half), 0.5), image[1 - k]), inside(f.sub(f.add(centre[k], half), 0.5), image[1 - k])] as const;
  }) as unknown as readonly [readonly [Value, Value], readonly [Value, Value]];
  return n.create(Concat, { xs: [ends[0][0], ends[1][0], ends[0][1], ends[1][1]] }, { axis: 1 });
}

export interface RegionSpec {
  readonly height: number;
  readonly width: number;
  /** Extents of `x` for each pixel of the image. */
  readonly scale: number;
  /** Whether regions' ends are one further; regions are at least one pixel large where they are not. */
  readonly hasFarEnd: boolean;
}

export interface Regions {
  /** `[r, 4]`. */
  readonly rois: Value;
  /** `[r]`, i32: the image of each. */
  readonly batch: Value;
}

/** The parts of regions `[r, 5]` (image, left, top, right, bottom). */
export function regionParts(n: RegionScope, regions: Value): Regions {
  const r = regions.tensor.shape[0]!;
  const part = (at: number, count: number): Value => n.create(Slice, { x: regions }, { starts: [0, at], sizes: [r, count], steps: [1, 1] });
  return { batch: n.create(Cast, { x: n.create(Reshape, { x: part(0, 1) }, { shape: [r] }) }, { to: "i32" }), rois: part(1, 4) };
}

/** Without the offset of half a pixel. */
export const regionAttributes = ({ height, width, scale, hasFarEnd }: RegionSpec) => ({
  height,
  width,
  spatial_scale: scale,
  offset: 0,
  end_offset: hasFarEnd ? 1 : 0,
  at_least_one: !hasFarEnd,
});

/** `samples` by `samples` of them for each element of the result `[r, channels, height, width]`. */
export const alignRegions = (n: RegionScope, x: Value, regions: Value, spec: RegionSpec, samples: number): Value =>
  n.create(RoiAlign, { x, ...regionParts(n, regions) }, { ...regionAttributes(spec), samples });

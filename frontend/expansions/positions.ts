/** Images read at positions that are data, between their elements too: indices computed, one gather per neighbour. */
import { type Dim, mul, product } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { GreaterEqual, LessEqual, LogicalAnd } from "../../ir/ops/compare.ts";
import { Floor } from "../../ir/ops/elementwise.ts";
import { Gather } from "../../ir/ops/gather.ts";
import type { Expander } from "./expander.ts";

/** A neighbour of the positions along one axis: whole numbers `at[image, position]`, and its weight, one where absent. */
export interface Neighbour {
  readonly at: Value;
  readonly weight?: Value;
}

/** The elements on either side of the positions. */
export function linearNeighbours(e: Expander, x: Value): Neighbour[] {
  const { f } = e;
  const base = e.create(Floor, { x });
  const fraction = f.sub(x, base);
  return [
    { at: base, weight: f.add(f.neg(fraction), 1) },
    { at: f.add(base, 1), weight: fraction },
  ];
}

/** A neighbour as indices into the axis, scaled by the axis' stride, with whether they were inside. */
interface Place {
  readonly index: Value;
  readonly inside: Value;
  readonly weight: Value | undefined;
}

export class Image {
  /** One row of channels per element of all images. */
  private readonly rows: Value;
  private readonly extents: readonly number[];
  private readonly images: Dim;
  private readonly channels: Dim;

  /** `x[image, channel, spatial...]` of fixed spatial extents. */
  constructor(
    private readonly e: Expander,
    x: Value,
  ) {
    const [images, channels, ...extents] = x.tensor.shape as readonly [Dim, Dim, ...number[]];
    [this.images, this.channels, this.extents] = [images, channels, extents];
    const size = product(extents);
    const last = e.transpose(e.reshape(x, [images, channels, size]), [0, 2, 1]);
    this.rows = e.reshape(last, [mul(images, size), channels]);
  }

  /**
   * The sum over all choices of one neighbour per axis of the product of their weights times the element there:
   * `[image * position, channel]`. What is outside is zero, or the nearest element.
   */
  interpolate(axes: readonly (readonly Neighbour[])[], outside: "zero" | "nearest"): Value {
    const { f } = this.e;
    const places = axes.map((neighbours, d) => neighbours.map((n) => this.place(n, d)));
    const starts = this.starts();
    const chosen = places.reduce<readonly (readonly Place[])[]>(
      (all, own) => all.flatMap((before) => own.map((p) => [...before, p])),
      [[]],
    );
    return chosen.map((places) => this.term(places, starts, outside)).reduce((a, b) => f.add(a, b));
  }

  private place({ at, weight }: Neighbour, d: number): Place {
    const { e } = this;
    const last = this.extents[d]! - 1;
    const stride = product(this.extents.slice(d + 1)) as number;
    const near = e.cast(e.f.min(e.f.max(at, 0), last), "i32");
    const bound = (value: number): Value => e.scalar(at.tensor.dtype, value);
    const inside = e.create(LogicalAnd, {
      a: e.create(GreaterEqual, { a: at, b: bound(0) }),
      b: e.create(LessEqual, { a: at, b: bound(last) }),
    });
    return { index: stride === 1 ? near : e.f.mul(near, stride), inside, weight };
  }

  /** Where the rows of each image start. */
  private starts(): Value {
    const numbers = this.e.reshape(this.e.counting("i32", this.images), [this.images, 1]);
    return this.e.f.mul(numbers, product(this.extents) as number);
  }

  private term(places: readonly Place[], starts: Value, outside: "zero" | "nearest"): Value {
    const { e } = this;
    const { f } = e;
    const index = places.reduce((sum, p) => f.add(sum, p.index), starts);
    const count = product(index.tensor.shape);
    const column = (v: Value): Value => e.reshape(v, [count, 1]);
    const found = e.create(Gather, { x: this.rows, indices: e.reshape(index, [count]) }, { axis: 0 });
    const inside = places.map((p) => p.inside).reduce((a, b) => e.create(LogicalAnd, { a, b }));
    const element = outside === "zero" ? f.where(column(inside), found, 0) : found;
    const weights = places.flatMap((p) => p.weight ?? []);
    return weights.length === 0 ? element : f.mul(element, column(weights.reduce((a, b) => f.mul(a, b))));
  }

  /** Results for `out` positions of each image as an image of channels. */
  shaped(rows: Value, out: readonly Dim[]): Value {
    const { e } = this;
    const apart = e.reshape(rows, [this.images, product(out), this.channels]);
    return e.reshape(e.transpose(apart, [0, 2, 1]), [this.images, this.channels, ...out]);
  }
}

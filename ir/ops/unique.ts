/** The distinct slices of a tensor. */
import * as attribute from "../attribute.ts";
import { normalizeAxis } from "../axis.ts";
import { defineOp, operand, type Routine } from "../define.ts";
import { add, type Dim, extent, mul } from "../dim.ts";
import { type Buffer, bool, constantLike, eq, type Expr, index, load, lt, makeBuffer, not, sub, toDim, variable } from "../expr.ts";
import { assign, ifThen, letVar, type Stmt, store } from "../loop.ts";
import { tensor } from "../type.ts";
import { asI32, type Counter, counter } from "./counter.ts";
import { eachIndex, type MergeSort, mergeSort, precedes, type SortedPositions } from "./merge-sort.ts";
import { eachPoint, numeric } from "./select-data.ts";

const withExtent = (shape: readonly Dim[], axis: number, e: Dim): Dim[] => shape.map((x, d) => (d === axis ? e : x));

export const Unique = defineOp({
  name: "unique",
  summary:
    "The distinct slices of `x` along an axis, in lexicographic order or in that of their first appearance; the index of each one's first appearance; for each slice of `x` its place in `y`; how often each appears; and their number. Indices and counts are i64; NaN equals NaN.",
  operands: { x: operand },
  attributes: {
    axis: attribute.int(0),
    sorted: attribute.flag(true),
    extent: attribute.text(undefined, "name of the number of distinct slices"),
  },
  results: ["y", "indices", "inverse", "counts", "count"],
  infer({ x }, attributes) {
    numeric(x, "unique");
    const axis = normalizeAxis(attributes.axis, x.shape.length);
    const found = extent(attributes.extent);
    const list = tensor("i64", [found]);
    return [tensor(x.dtype, withExtent(x.shape, axis, found)), list, tensor("i64", [x.shape[axis]!]), list, tensor("i64", [])];
  },
  extents: ({ x }, attributes) => [
    { name: attributes.extent, capacity: x.shape[normalizeAxis(attributes.axis, x.shape.length)]!, from: 4 },
  ],
  routine({ operands: { x }, attributes: { axis, sorted }, results }): Routine {
    return new UniqueLoops(x, normalizeAxis(axis, x.shape.length), sorted, results).routine();
  },
});

class UniqueLoops {
  private readonly n: Dim;
  private readonly order: Buffer;
  /** By slice: the number of its group in sorted order. */
  private readonly group: Buffer;
  /** By group: its first slice, its size, its place in the result. */
  private readonly first: Buffer;
  private readonly size: Buffer;
  private readonly number: Buffer;

  constructor(
    private readonly x: Buffer,
    private readonly axis: number,
    private readonly isSorted: boolean,
    private readonly results: readonly Buffer[],
  ) {
    this.n = x.shape[axis]!;
    this.order = makeBuffer("order", "i32", [2, this.n]);
    [this.group, this.first, this.size, this.number] = ["group", "first", "size", "number"].map((name) =>
      makeBuffer(name, "i32", [this.n]),
    ) as [Buffer, Buffer, Buffer, Buffer];
  }

  routine(): Routine {
    const sorted = mergeSort({ order: this.order, row: [], count: this.n, before: this.before });
    const groups = counter("groups");
    const [, , , , count] = this.results;
    return {
      temporaries: [this.order, this.group, this.first, this.size, ...(this.isSorted ? [] : [this.number])],
      body: [
        ...sorted.body,
        groups.declare(0),
        eachIndex("member", this.n, (p) => this.assignGroup(p, sorted, groups)),
        store(count!, [], index(groups.dim)),
        ...(this.isSorted ? [] : this.numberByAppearance()),
        ...this.storeGroups(groups.dim),
        eachIndex("slice", this.n, (i) => [store(this.results[2]!, [i], index(this.placeOf(this.groupOf(i))))]),
      ],
    };
  }

  private groupOf(slice: Dim): Dim {
    return toDim(load(this.group, [slice]));
  }

  private placeOf(group: Dim): Dim {
    return this.isSorted ? group : toDim(load(this.number, [group]));
  }

  /** Slice `a` comes before slice `b`; slices of more than one element are compared element by element. */
  private readonly before: MergeSort["before"] = (a, b) => {
    const element = (i: Dim, others: readonly Dim[]): Expr => load(this.x, [...others.slice(0, this.axis), i, ...others.slice(this.axis)]);
    const shape = this.x.shape.filter((_, d) => d !== this.axis);
    if (shape.length === 0) return { holds: precedes(element(a, []), element(b, [])) };
    const [isLess, isDecided] = [variable("is_less", "bool"), variable("is_decided", "bool")];
    const compare = eachPoint(shape, "e", (at) => [
      ifThen(not(isDecided), [
        assign("is_less", precedes(element(a, at), element(b, at))),
        ifThen(isLess, [assign("is_decided", bool(true))], [assign("is_decided", precedes(element(b, at), element(a, at)))]),
      ]),
    ]);
    return { prepare: [letVar("is_less", bool(false)), letVar("is_decided", bool(false)), ...compare], holds: isLess };
  };

  /** The slice at place `p` of the sorted ones joins the group of the one before it, or opens the next. */
  private assignGroup(p: Dim, sorted: SortedPositions, groups: Counter): Stmt[] {
    const isFresh = variable("is_fresh", "bool");
    const slice = sorted.at(p);
    const { prepare, holds } = this.before(sorted.at(add(p, -1)), slice);
    const last = toDim(sub(groups.value, constantLike(groups.value, 1)));
    const sizeAt = load(this.size, [last]);
    return [
      letVar("is_fresh", eq(index(p), index(0))),
      ifThen(lt(index(0), index(p)), [...(prepare ?? []), assign("is_fresh", holds)]),
      ifThen(isFresh, [
        store(this.first, [groups.dim], asI32(slice)),
        store(this.size, [groups.dim], constantLike(sizeAt, 0)),
        groups.grow(),
      ]),
      store(this.group, [slice], asI32(last)),
      store(this.size, [last], asI32(add(toDim(sizeAt), 1))),
    ];
  }

  private numberByAppearance(): Stmt[] {
    const next = counter("next_number");
    const isFirst = (i: Dim): Expr => eq(load(this.first, [this.groupOf(i)]), asI32(i));
    return [
      next.declare(0),
      eachIndex("seen", this.n, (i) => [ifThen(isFirst(i), [store(this.number, [this.groupOf(i)], next.value), next.grow()])]),
    ];
  }

  private storeGroups(count: Dim): Stmt[] {
    const [y, indices, , counts] = this.results;
    const shape = withExtent(this.x.shape, this.axis, count);
    const others = this.x.shape.filter((_, d) => d !== this.axis);
    return [
      eachIndex("g", count, (g) => {
        const place = this.placeOf(g);
        const first = toDim(load(this.first, [g]));
        const whole = (at: readonly Dim[], i: Dim): Dim[] => [...at.slice(0, this.axis), i, ...at.slice(this.axis)];
        const flat = (at: readonly Dim[]): Dim => at.reduce<Dim>((sum, i, d) => add(mul(sum, shape[d]!), i), 0);
        return [
          store(indices!, [place], index(first)),
          store(counts!, [place], index(toDim(load(this.size, [g])))),
          ...eachPoint(others, "u", (at) => [store(y!, [flat(whole(at, place))], load(this.x, whole(at, first)))]),
        ];
      }),
    ];
  }
}

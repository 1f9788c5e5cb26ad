/** Greedy suppression of overlapping boxes. */
import * as attribute from "../attribute.ts";
import { defineOp, operand, type Routine } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { type Dim, extent, min as least, mul, product } from "../dim.ts";
import {
  add as plus,
  and,
  bool,
  type Buffer,
  constant,
  constantLike,
  div,
  type Expr,
  index,
  load,
  lt,
  makeBuffer,
  max,
  min,
  mul as times,
  not,
  sub,
  toDim,
  variable,
} from "../expr.ts";
import { assign, ifThen, letVar, type Stmt, store, whileLoop } from "../loop.ts";
import { formatType, type TensorType, tensor } from "../type.ts";
import { asI32, type Counter, counter } from "./counter.ts";
import { eachIndex, mergeSort, precedes } from "./merge-sort.ts";

/** Left, top, right and bottom; or any two opposite corners, put in order. */
interface Box {
  readonly low: readonly [Expr, Expr];
  readonly high: readonly [Expr, Expr];
}

const corners = (c: readonly Expr[]): Box => ({
  low: [min(c[0]!, c[2]!), min(c[1]!, c[3]!)],
  high: [max(c[0]!, c[2]!), max(c[1]!, c[3]!)],
});

function centered([x, y, width, height]: readonly Expr[]): Box {
  const half = (e: Expr): Expr => div(e, constantLike(e, 2));
  const [w, h] = [half(width!), half(height!)];
  return { low: [sub(x!, w), sub(y!, h)], high: [plus(x!, w), plus(y!, h)] };
}

const area = ({ low, high }: Box): Expr => times(sub(high[0], low[0]), sub(high[1], low[1]));

/** Intersection over union exceeds the threshold; boxes that do not overlap or are empty never do. */
function overlaps(a: Box, b: Box, threshold: Expr): Expr {
  const zero = constantLike(threshold, 0);
  const side = (d: 0 | 1): Expr => max(zero, sub(min(a.high[d], b.high[d]), max(a.low[d], b.low[d])));
  const shared = times(side(0), side(1));
  const union = sub(plus(area(a), area(b)), shared);
  return and(lt(zero, shared), lt(zero, union), lt(threshold, div(shared, union)));
}

const isScalar = (t: TensorType): boolean => product(t.shape) === 1;

/** The only element of a tensor of one element. */
const only = (b: Buffer): Expr =>
  load(
    b,
    b.shape.map(() => 0),
  );

export const NonMaxSuppression = defineOp({
  name: "non_max_suppression",
  summary:
    "For every batch and class the boxes that survive greedy suppression: in descending order of score, a box is kept when its score exceeds `score_threshold` and it overlaps no kept box by more than `iou_threshold` (intersection over union), until `max_output` are kept. `boxes` is f32[batch,n,4] with two opposite corners or, if `centered`, center and size; `scores` f32[batch,class,n]. Gives i64[extent,3]: batch, class, box; and their number.",
  operands: { boxes: operand, scores: operand, max_output: operand, iou_threshold: operand, score_threshold: operand },
  attributes: {
    centered: attribute.flag(false),
    most: attribute.maybe(attribute.dim(undefined, "bound of the boxes kept per class; default: n")),
    extent: attribute.text(undefined, "name of the number of boxes kept"),
  },
  results: ["selected", "count"],
  infer({ boxes, scores, max_output, iou_threshold, score_threshold }, attributes) {
    const fits =
      boxes.shape.length === 3 &&
      scores.shape.length === 3 &&
      boxes.shape[2] === 4 &&
      boxes.shape[0] === scores.shape[0] &&
      boxes.shape[1] === scores.shape[2];
    if (!fits) throw new OpError(`boxes ${formatType(boxes)} and scores ${formatType(scores)} do not fit each other`);
    const isFloat = [boxes, scores, iou_threshold, score_threshold].every(
      (t) => t.dtype === boxes.dtype && ["f32", "f64", "f16"].includes(t.dtype),
    );
    if (!isFloat || max_output.dtype !== "i64")
      throw new OpError("boxes, scores and thresholds must be floats of one type, max_output i64", "unsupported-type");
    if (![max_output, iou_threshold, score_threshold].every(isScalar)) throw new OpError("limits must have one element");
    return [tensor("i64", [extent(attributes.extent), 3]), tensor("i64", [])];
  },
  extents({ boxes, scores }, { extent: name, most }) {
    const perClass = least(boxes.shape[1]!, most ?? boxes.shape[1]!);
    return [{ name, capacity: mul(mul(scores.shape[0]!, scores.shape[1]!), perClass), from: 1 }];
  },
  routine: ({ operands, attributes, results: [selected, count] }) => new Suppression(operands, attributes, selected!, count!).routine(),
});

interface SuppressionOperands {
  readonly boxes: Buffer;
  readonly scores: Buffer;
  readonly max_output: Buffer;
  readonly iou_threshold: Buffer;
  readonly score_threshold: Buffer;
}

class Suppression {
  private readonly n: Dim;
  /** The boxes of a class by score; the positions of those that were kept. */
  private readonly order: Buffer;
  private readonly kept: Buffer;
  private readonly total = counter("total");
  private readonly keep = counter("kept_count");

  constructor(
    private readonly operands: SuppressionOperands,
    private readonly attributes: { readonly centered: boolean; readonly most: Dim | undefined },
    private readonly selected: Buffer,
    private readonly count: Buffer,
  ) {
    this.n = operands.boxes.shape[1]!;
    this.order = makeBuffer("order", "i32", [2, this.n]);
    this.kept = makeBuffer("kept", "i32", [this.n]);
  }

  routine(): Routine {
    const [batches, classes] = this.operands.scores.shape;
    return {
      temporaries: [this.order, this.kept],
      body: [
        this.total.declare(0),
        eachIndex("batch", batches!, (b) => [eachIndex("label", classes!, (c) => this.oneClass(b, c))]),
        store(this.count, [], index(this.total.dim)),
      ],
    };
  }

  private box(b: Dim, i: Dim): Box {
    const coordinates = [0, 1, 2, 3].map((k) => load(this.operands.boxes, [b, i, k]));
    return this.attributes.centered ? centered(coordinates) : corners(coordinates);
  }

  private score(b: Dim, c: Dim, i: Dim): Expr {
    return load(this.operands.scores, [b, c, i]);
  }

  private oneClass(b: Dim, c: Dim): readonly Stmt[] {
    const before = (i: Dim, j: Dim) => ({ holds: precedes(this.score(b, c, i), this.score(b, c, j), true) });
    const sorted = mergeSort({ order: this.order, row: [], count: this.n, before });
    const place = (p: Dim): Stmt[] => [letVar("candidate", asI32(sorted.at(p))), ...this.consider(b, c)];
    return [...sorted.body, this.keep.declare(0), eachIndex("place", this.n, place)];
  }

  /** Keeps the box `candidate` when its score, the limit and the boxes kept so far let it. */
  private consider(b: Dim, c: Dim): Stmt[] {
    const { max_output, score_threshold, iou_threshold } = this.operands;
    const { most } = this.attributes;
    const candidate = toDim(variable("candidate", "i32"));
    const limit = most === undefined ? only(max_output) : min(only(max_output), index(most));
    const isWorthy = and(lt(index(this.keep.dim), limit), lt(only(score_threshold), this.score(b, c, candidate)));
    const triple = [b, c, candidate].map((v, k) => store(this.selected, [this.total.dim, k], index(v)));
    const take = [store(this.kept, [this.keep.dim], asI32(candidate)), this.keep.grow(), ...triple, this.total.grow()];
    const search = { box: (i: Dim) => this.box(b, i), kept: this.kept, keep: this.keep, threshold: only(iou_threshold), candidate };
    return [ifThen(isWorthy, [...isFree(search), ifThen(variable("is_free", "bool"), take)])];
  }
}

interface Candidate {
  readonly box: (i: Dim) => Box;
  readonly kept: Buffer;
  readonly keep: Counter;
  readonly threshold: Expr;
  readonly candidate: Dim;
}

/** Declares `is_free`: no kept box overlaps the candidate. */
function isFree({ box, kept, keep, threshold, candidate }: Candidate): Stmt[] {
  const other = counter("other");
  const free = variable("is_free", "bool");
  return [
    letVar("is_free", bool(true)),
    other.declare(0),
    whileLoop(and(free, lt(other.value, keep.value)), [
      assign("is_free", not(overlaps(box(candidate), box(toDim(load(kept, [other.dim]))), threshold))),
      other.grow(),
    ]),
  ];
}

export const NmsWithMask = defineOp({
  name: "nms_with_mask",
  summary:
    "The boxes [n,5] (left, top, right, bottom, score) in descending order of score, their places 0 .. n-1 (i32[n]) and whether each one survives greedy suppression at `iou_threshold` (bool[n]), as MindSpore's NMSWithMask gives them.",
  operands: { boxes: operand },
  attributes: { iou_threshold: attribute.float(0.5) },
  results: ["sorted", "indices", "mask"],
  infer({ boxes }) {
    if (boxes.shape.length !== 2 || boxes.shape[1] !== 5)
      throw new OpError("boxes must be [n,5]", "type-mismatch", { received: formatType(boxes) });
    const [n] = boxes.shape;
    return [boxes, tensor("i32", [n!]), tensor("bool", [n!])];
  },
  routine({ operands: { boxes }, attributes, results: [sortedBoxes, indices, mask] }): Routine {
    const n = boxes.shape[0]!;
    const order = makeBuffer("order", "i32", [2, n]);
    const score = (i: Dim): Expr => load(boxes, [i, 4]);
    const sorted = mergeSort({ order, row: [], count: n, before: (i, j) => ({ holds: precedes(score(i), score(j), true) }) });
    const box = (place: Dim): Box => corners([0, 1, 2, 3].map((k) => load(boxes, [sorted.at(place), k])));
    const threshold = constant(score(0).dtype, attributes.iou_threshold);
    const suppress = (i: Dim, j: Dim): Stmt =>
      ifThen(and(lt(index(i), index(j)), overlaps(box(i), box(j), threshold)), [store(mask!, [j], bool(false))]);
    return {
      temporaries: [order],
      body: [
        ...sorted.body,
        eachIndex("place", n, (p) => [
          eachIndex("column", 5, (k) => [store(sortedBoxes!, [p, k], load(boxes, [sorted.at(p), k]))]),
          store(indices!, [p], asI32(p)),
          store(mask!, [p], bool(true)),
        ]),
        eachIndex("keeper", n, (i) => [ifThen(load(mask!, [i]), [eachIndex("loser", n, (j) => [suppress(i, j)])])]),
      ],
    };
  },
});

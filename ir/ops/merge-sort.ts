/**
 * A stable merge sort of positions as loop statements: the part that sort, top_k, unique and non_max_suppression share.
 *
 * Bottom-up, so without recursion: runs of 1, 2, 4, ... positions are merged back and forth between the two halves of a
 * temporary. The order is total whatever the data: NaN counts as the greatest value, equal values keep their order.
 */
import type { Dim } from "../dim.ts";
import { loop, asAtom, type Loop } from "../dim.ts";
import {
  and,
  type Buffer,
  constant,
  eq,
  type Expr,
  index,
  load,
  lt,
  min,
  mul,
  not,
  or,
  select,
  sub,
  toDim,
  unary,
  variable,
  add,
} from "../expr.ts";
import { assign, forLoop, ifThen, letVar, type Stmt, store, whileLoop } from "../loop.ts";
import { asI32, counter } from "./counter.ts";

/** A loop variable as an atom, for `forLoop`. */
export const asLoop = (d: Dim): Loop => asAtom(d) as Loop;

/** `for name < extent`, with the body made from the loop's variable. */
export function eachIndex(name: string, extent: Dim, body: (i: Dim) => readonly Stmt[], mode: "serial" | "parallel" = "serial"): Stmt {
  const i = loop(name, extent);
  return forLoop(asLoop(i), body(i), mode);
}

/** `a` comes strictly before `b`: smaller, or greater with `descending`; a NaN is greater than every number. */
export function precedes(a: Expr, b: Expr, descending = false): Expr {
  const [low, high] = descending ? [b, a] : [a, b];
  const isLess = lt(low, high);
  if (a.dtype !== "f32" && a.dtype !== "f64") return isLess;
  return or(isLess, and(unary("isnan", high), not(unary("isnan", low))));
}

export interface MergeSort {
  /** An integer temporary of shape [...row, 2, n]. */
  readonly order: Buffer;
  /** The leading indices of the row in `order`. */
  readonly row: readonly Dim[];
  readonly count: Dim;
  /** Whether the item at position `a` comes strictly before the item at `b`, after some statements that prepare it. */
  readonly before: (a: Dim, b: Dim) => { readonly prepare?: readonly Stmt[]; readonly holds: Expr };
}

export interface SortedPositions {
  readonly body: readonly Stmt[];
  /** The position of the item that comes at place `i`; good after `body`, in the same block. */
  readonly at: (i: Dim) => Dim;
}

/** Statements that sort the positions 0 .. count-1 of one row; at most one such sort per block. */
export function mergeSort(sort: MergeSort): SortedPositions {
  const { order, row, count } = sort;
  const [width, side, begin] = [counter("sort_width"), counter("sort_side"), counter("sort_begin")];
  const next = toDim(sub(constant("i32", 1), side.value));
  const n = asI32(count);
  const pass = whileLoop(lt(begin.value, n), mergeRuns(sort, { n, width: width.value, begin: begin.value, from: side.dim, to: next }));
  return {
    body: [
      eachIndex("sort_fill", count, (i) => [store(order, [...row, 0, i], asOrder(order, i))]),
      side.declare(0),
      width.declare(1),
      whileLoop(lt(width.value, n), [begin.declare(0), pass, side.set(next), width.set(mul(width.value, constant("i32", 2)))]),
    ],
    at: (i) => toDim(load(order, [...row, side.dim, i])),
  };
}

const asOrder = (order: Buffer, i: Dim): Expr => (order.dtype === "i64" ? index(i) : asI32(i));

interface Pass {
  readonly n: Expr;
  readonly width: Expr;
  readonly begin: Expr;
  readonly from: Dim;
  readonly to: Dim;
}

/** Merges two neighbouring runs of half `from` into half `to` and steps on to the next two. */
function mergeRuns({ order, row, before }: MergeSort, { n, width, begin, from, to }: Pass): Stmt[] {
  const [left, right, place] = [counter("sort_left"), counter("sort_right"), counter("sort_place")];
  const [middle, end] = [variable("sort_middle", "i32"), variable("sort_end", "i32")];
  const takeRight = variable("sort_take_right", "bool");
  const at = (i: Dim): Expr => load(order, [...row, from, i]);
  const compare = before(toDim(at(right.dim)), toDim(at(left.dim)));
  const put = (i: Dim): Stmt => store(order, [...row, to, place.dim], at(i));
  return [
    letVar("sort_middle", min(add(begin, width), n)),
    letVar("sort_end", min(add(middle, width), n)),
    left.declare(begin),
    right.declare(middle),
    place.declare(begin),
    whileLoop(lt(place.value, end), [
      letVar("sort_take_right", eq(left.value, middle)),
      ifThen(and(lt(left.value, middle), lt(right.value, end)), [...(compare.prepare ?? []), assign("sort_take_right", compare.holds)]),
      ifThen(takeRight, [put(right.dim), right.grow()], [put(left.dim), left.grow()]),
      place.grow(),
    ]),
    assign("sort_begin", end),
  ];
}

export interface Selection {
  /** An integer temporary of shape [...row, k]. */
  readonly best: Buffer;
  readonly row: readonly Dim[];
  readonly count: Dim;
  readonly k: number;
  readonly before: (a: Dim, b: Dim) => Expr;
}

/** Statements that find the first `k` positions in order by insertion: linear in `count` unless the data is in reverse order. */
export function selectFirst({ best, row, count, k, before }: Selection): SortedPositions {
  const [filled, place] = [counter("select_filled"), counter("select_place")];
  const previous = toDim(sub(place.value, constant("i32", 1)));
  const isWithin = lt(place.value, constant("i32", k));
  const insert = (i: Dim): Stmt[] => [
    place.declare(filled.value),
    whileLoop(select(lt(constant("i32", 0), place.value), before(i, toDim(load(best, [...row, previous]))), constant("bool", 0)), [
      ifThen(isWithin, [store(best, [...row, place.dim], load(best, [...row, previous]))]),
      place.set(previous),
    ]),
    ifThen(isWithin, [store(best, [...row, place.dim], asOrder(best, i))]),
    filled.set(min(add(filled.value, constant("i32", 1)), constant("i32", k))),
  ];
  return {
    body: [filled.declare(0), eachIndex("select_item", count, insert)],
    at: (i) => toDim(load(best, [...row, i])),
  };
}

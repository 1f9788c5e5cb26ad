/**
 * Kernel fusion: stages of a straight line of ops are merged while each point is still computed once.
 *
 * Producers without a fold are inlined into the stages that read them; consumers without a fold become the epilogue of
 * the fold they read. What an index addresses is substituted, so transposes, slices and broadcasts move no data.
 */
import { type Atom, atomDim, type Dim, product, range, sub } from "../ir/dim.ts";
import { substituteDim } from "../ir/dim-atoms.ts";
import { type Buffer, type Expr, index, loadsIn, partsOf, rewriteExpr, round, substituteIndices, toDim, visitExpr } from "../ir/expr.ts";
import type { Op } from "../ir/graph.ts";
import type { Result, Stage } from "../ir/stage.ts";
import { flattenOffset, viewOf } from "../ir/view.ts";
import { divides, foldsAlongLanes, isGrouped, matchAxes } from "./access.ts";
import { mapStage, stageExprs } from "./stage-parts.ts";

/** A stage and the ops it computes, in the order they were merged. */
export interface StageItem {
  readonly kind: "stage";
  readonly stage: Stage;
  readonly ops: readonly Op[];
}

/** One place of a straight line; what is no stage only reads and writes buffers. */
export type FusionItem =
  StageItem | { readonly kind: "other"; readonly reads: readonly Buffer[]; readonly writes: readonly Buffer[]; readonly index: number };

/** Expressions of a stage that grow beyond this many nodes are not merged further. */
const mostNodes = 256;
/** Values of at most this many operations are computed again by each of several readers. */
const cheapNodes = 3;

const countNodes = (roots: readonly Expr[]): number => {
  const seen = new Set<Expr>();
  let n = 0;
  for (const e of roots)
    visitExpr(
      e,
      (x) => {
        if (partsOf(x).length > 0) n++;
      },
      seen,
    );
  return n;
};

/** The result index is the axes themselves, in order. */
const isIdentity = (s: Stage, r: Result): boolean => r.at.length === s.axes.length && r.at.every((d, k) => d === atomDim(s.axes[k]!));

const points = (s: Stage): Dim => product([...s.axes, ...(s.fold?.axes ?? [])].map((a) => a.extent));

/** a <= b, provably. */
const isAtMost = (a: Dim, b: Dim): boolean => range(sub(b, a))[0] >= 0;

/** The straight line with stages merged; `kept` says which buffers others need. */
export function fuseStages(items: readonly FusionItem[], kept: (b: Buffer) => boolean): FusionItem[] {
  return new Fusion(items, kept).run();
}

class Fusion {
  private items: (FusionItem | undefined)[];
  private readonly readers = new Map<Buffer, Set<number>>();
  private readonly writers = new Map<Buffer, number[]>();

  constructor(
    items: readonly FusionItem[],
    private readonly kept: (b: Buffer) => boolean,
  ) {
    this.items = [...items];
    items.forEach((_, i) => {
      this.register(i);
    });
  }

  run(): FusionItem[] {
    for (let i = 0; i < this.items.length; i++) this.inlineProducer(i);
    for (let i = 0; i < this.items.length; i++) this.absorbConsumers(i);
    return this.items.filter((x) => x !== undefined);
  }

  private readsOf(item: FusionItem): readonly Buffer[] {
    return item.kind === "other" ? item.reads : loadsIn(stageExprs(item.stage)).map((l) => l.buffer);
  }

  private writesOf(item: FusionItem): readonly Buffer[] {
    return item.kind === "other" ? item.writes : item.stage.results.map((r) => r.out);
  }

  private register(i: number): void {
    const item = this.items[i];
    if (!item) return;
    for (const b of this.readsOf(item)) {
      const set = this.readers.get(b) ?? new Set();
      this.readers.set(b, set.add(i));
    }
    for (const b of this.writesOf(item)) {
      const list = this.writers.get(b) ?? [];
      if (!list.includes(i)) this.writers.set(b, [...list, i]);
    }
  }

  private unregister(i: number): void {
    const item = this.items[i];
    if (!item) return;
    for (const b of this.readsOf(item)) this.readers.get(b)?.delete(i);
    for (const b of this.writesOf(item))
      this.writers.set(
        b,
        (this.writers.get(b) ?? []).filter((w) => w !== i),
      );
  }

  private replace(i: number, item: FusionItem | undefined): void {
    this.unregister(i);
    this.items[i] = item;
    this.register(i);
  }

  private stageAt(i: number): StageItem | undefined {
    const item = this.items[i];
    return item?.kind === "stage" ? item : undefined;
  }

  /** Inlines the stage into its readers, and drops it when nobody is left who needs its buffer. */
  private inlineProducer(i: number): void {
    const item = this.stageAt(i);
    const [result] = item?.stage.results ?? [];
    if (!item || !result || item.stage.fold || item.stage.results.length !== 1) return;
    const { out } = result;
    if (!isIdentity(item.stage, result) || this.writers.get(out)!.length !== 1) return;
    const readers = [...(this.readers.get(out) ?? [])].sort((a, b) => a - b);
    if (readers.includes(i)) return;
    const isMove = result.value.kind === "load" || result.value.kind === "const" || result.value.kind === "index";
    const isCheap = countNodes([result.value]) <= cheapNodes;
    const willing = readers.filter((r) => this.mayInline(item, result, r, isMove));
    if (willing.length < readers.length && !isMove) return;
    if (!isMove && !isCheap && readers.length > 1) return;
    if (!isMove && this.kept(out)) return;
    for (const r of willing) this.inlineInto(item, result, r);
    if (!this.kept(out) && willing.length === readers.length && readers.length > 0) this.replace(i, undefined);
  }

  private mayInline(producer: StageItem, result: Result, reader: number, isMove: boolean): boolean {
    const consumer = this.stageAt(reader);
    if (!consumer) return false;
    if (this.overwrites(producer, reader)) return false;
    const sites = loadsIn(stageExprs(consumer.stage)).filter((l) => l.buffer === result.out).length;
    const grown = countNodes(stageExprs(consumer.stage)) + sites * countNodes([result.value]);
    if (grown > mostNodes) return false;
    if (isMove) return !consumer.stage.fold || this.staysLinear(producer, result, consumer);
    return sites === 1 && isAtMost(points(consumer.stage), product(result.out.shape));
  }

  /** A fold reads its operands many times: better from memory than through divisions. */
  private staysLinear(producer: StageItem, result: Result, consumer: StageItem): boolean {
    const { value } = result;
    if (value.kind !== "load") return true;
    if (isGrouped(consumer.stage) && !isGrouped(inlined(producer, result, consumer).stage)) return false;
    const view = viewOf(value.buffer);
    const sites = loadsIn(stageExprs(consumer.stage)).filter((l) => l.buffer === result.out);
    return sites.every((site) => {
      if (divides(flattenOffset(viewOf(result.out), site.at))) return true;
      const by = new Map<Atom, Dim>(producer.stage.axes.map((a, k) => [a, site.at[k]!]));
      return !divides(
        flattenOffset(
          view,
          value.at.map((d) => substituteDim(d, by)),
        ),
      );
    });
  }

  /** Whether something between producer and reader writes what the producer reads (buffers that several stages fill). */
  private overwrites(producer: StageItem, reader: number): boolean {
    const inputs = loadsIn(stageExprs(producer.stage)).map((l) => l.buffer);
    return inputs.some((b) => (this.writers.get(b) ?? []).some((w) => w >= reader));
  }

  private inlineInto(producer: StageItem, result: Result, reader: number): void {
    this.replace(reader, inlined(producer, result, this.stageAt(reader)!));
  }

  /** Makes stages without a fold that read the whole result of this one, point by point, its epilogue. */
  private absorbConsumers(i: number): void {
    for (let at: number | undefined = i; at !== undefined; at = this.absorbConsumer(at));
  }

  /** Where the stage at `i` is after it took in its only reader; undefined where it cannot. */
  private absorbConsumer(i: number): number | undefined {
    const item = this.stageAt(i);
    if (item?.stage.results.length !== 1 || item.stage.fold?.emit === "each") return undefined;
    const result = item.stage.results[0]!;
    const readers = [...(this.readers.get(result.out) ?? [])];
    const [reader] = readers;
    if (reader === undefined || readers.length !== 1 || reader <= i) return undefined;
    if (this.kept(result.out) || this.writers.get(result.out)!.length !== 1) return undefined;
    const merged = this.withEpilogue(item, result, reader);
    if (!merged) return undefined;
    // The consumer's other operands are ready only at its own place.
    this.replace(i, undefined);
    this.replace(reader, merged);
    return reader;
  }

  private withEpilogue(producer: StageItem, result: Result, reader: number): StageItem | undefined {
    const consumer = this.stageAt(reader);
    if (!consumer || consumer.stage.fold) return undefined;
    const { stage } = consumer;
    const sites = loadsIn(stageExprs(stage)).filter((l) => l.buffer === result.out);
    if (sites.length !== 1 || this.overwrites(producer, reader)) return undefined;
    if (countNodes(stageExprs(producer.stage)) + countNodes(stageExprs(stage)) > mostNodes) return undefined;
    const by = matchAxes(stage, sites[0]!, result);
    if (!by) return undefined;
    const value = round(result.value, result.out.dtype);
    const merge = (e: Expr): Expr =>
      rewriteExpr(substituteIndices(e, by), { node: (n) => (n.kind === "load" && n.buffer === result.out ? value : undefined) });
    const results = stage.results.map((r) => ({ out: r.out, at: r.at.map((d) => toDim(merge(index(d)))), value: merge(r.value) }));
    const merged = { ...producer.stage, results };
    if (foldsAlongLanes(producer.stage) && !foldsAlongLanes(merged)) return undefined;
    return { kind: "stage", stage: merged, ops: [...producer.ops, ...consumer.ops] };
  }
}

/** The consumer with the producer's value where it loaded it. */
function inlined(producer: StageItem, result: Result, consumer: StageItem): StageItem {
  const { axes } = producer.stage;
  const value = round(result.value, result.out.dtype);
  const inline = (e: Expr): Expr =>
    rewriteExpr(e, {
      node: (n) =>
        n.kind === "load" && n.buffer === result.out
          ? substituteIndices(value, new Map<Atom, Dim>(axes.map((a, k) => [a, n.at[k]!])))
          : undefined,
    });
  const inlineDim = (d: Dim): Dim => toDim(inline(index(d)));
  return { kind: "stage", stage: mapStage(consumer.stage, inline, inlineDim), ops: [...producer.ops, ...consumer.ops] };
}

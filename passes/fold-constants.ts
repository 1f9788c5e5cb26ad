/**
 * fold-constants: what can be known at compile time becomes constants. Ops on constants are run; values that follow from
 * shapes alone (the last extent of x, times two) need no constant operands, and where named extents are in them they
 * become `extents`. What would make the model larger is left to the run.
 */
import type { Constant } from "../ir/attribute.ts";
import { contentOf, forgetContent } from "../ir/content.ts";
import { memoryData } from "../ir/data.ts";
import { Builder } from "../ir/define.ts";
import type { Dim } from "../ir/dim.ts";
import { type Expr, toDim } from "../ir/expr.ts";
import { Graph, type Op, type Value } from "../ir/graph.ts";
import { Where } from "../ir/ops/compare.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { Extents, Reshape, Shape, Size } from "../ir/ops/shape.ts";
import type { Scalar } from "../ir/scalar.ts";
import { writeElements } from "../ir/storage.ts";
import { byteSize, staticShape, type TensorType } from "../ir/type.ts";
import type { Pass, PassContext } from "./pass.ts";
import { isDead, replaceValue } from "./rewrite.ts";

export interface FoldBudget {
  /** Bytes that the results of one op may always have. */
  readonly each: number;
  /** How many times its operands' bytes the results of an op may have beyond that. */
  readonly growth: number;
  /** Bytes by which all results together may exceed the constants they replace. */
  readonly total: number;
}

/** Weights that a model writes as fills of one value are constants like others up to 64 MiB each. */
export const defaultFoldBudget: FoldBudget = { each: 1 << 26, growth: 2, total: 1 << 29 };

export const foldConstants: Pass = foldConstantsWithin(defaultFoldBudget);

/** The pass under a budget. */
export function foldConstantsWithin(budget: FoldBudget): Pass {
  return {
    name: "fold-constants",
    summary: "ops on constants computed, sizes that shapes tell written down",
    run(graph, context) {
      new Folder(context, budget).graph(graph);
    },
  };
}

/** Values of more elements are looked at only when all operands are constants. */
const mostShapeElements = 64;

class Folder {
  private grown = 0;

  constructor(
    private readonly context: PassContext,
    private readonly budget: FoldBudget,
  ) {}

  graph(graph: Graph): void {
    for (const op of graph.ops()) {
      op.regions.forEach((g) => {
        this.graph(g);
      });
      this.op(graph, op);
    }
  }

  private op(graph: Graph, op: Op): void {
    if (op.definition.structural && op.name !== "identity") return;
    if (op.definition.impure || op.definition.extents || op.operands.length + op.results.length === 0 || isNeeded(op)) return;
    const values = this.known(graph, op) ?? this.evaluated(graph, op);
    if (!values) return;
    this.context.trace?.("fold-constants", op);
    const operands = op.operands.filter((v) => v !== undefined);
    op.results.forEach((v, i) => {
      replaceValue(v, values[i]!);
    });
    graph.remove(op);
    this.removeDead(operands);
  }

  /** Constants that only folded ops used need not wait for another pass: the budget counts them. */
  private removeDead(values: readonly Value[]): void {
    for (const { op } of values) {
      if (op?.graph && op.name === "constant" && isDead(op)) {
        this.grown -= bytesOf(op.result.tensor);
        op.graph.remove(op);
      }
    }
  }

  /** Results that follow from constants and shapes. */
  private known(graph: Graph, op: Op): Value[] | undefined {
    if (
      op.definition === Extents ? op.result.tensor.shape[0] === 0 : op.definition === Reshape && op.operand(0)!.op?.definition === Extents
    )
      return undefined;
    if (!op.results.every(isSmall) || !mayBeKnown(op)) return undefined;
    const contents = op.results.map((v) => {
      forgetContent(v);
      return contentOf(v);
    });
    if (!contents.every((c) => c !== undefined)) return undefined;
    if (contents.every((c) => c.every((e) => e.kind === "const"))) return contents.map((c, i) => this.elements(graph, op, i, c));
    if (op.definition === Extents || !op.results.every((v) => v.tensor.dtype === "i64")) return undefined;
    const dims = contents.map((c) => c.map(toDim));
    return dims.every((list) => list.every(isOfExtents)) ? dims.map((list, i) => extentsValue(graph, op, i, list)) : undefined;
  }

  private elements(graph: Graph, op: Op, index: number, content: readonly Expr[]): Value {
    const type = op.results[index]!.tensor;
    const scalars = content.map((e): Scalar => (e.kind === "const" ? e.value : 0));
    return this.constant(graph, op, { type, data: memoryData(writeElements(type.dtype, scalars)) });
  }

  private evaluated(graph: Graph, op: Op): Value[] | undefined {
    if (!this.context.evaluate || !op.operands.every((v) => v === undefined || v.op?.name === "constant")) return undefined;
    if (!this.isAffordable(op)) return undefined;
    return this.context.evaluate(op)?.map((c) => this.constant(graph, op, c));
  }

  private isAffordable(op: Op): boolean {
    if (op.results.some((v) => v.type.kind !== "tensor" || v.type.dtype === "string" || !staticShape(v.type.shape))) return false;
    const made = op.results.reduce((sum, v) => sum + bytesOf(v.tensor), 0);
    const given = op.operands.reduce((sum, v) => sum + (v ? bytesOf(v.tensor) : 0), 0);
    const freed = op.operands.reduce((sum, v) => sum + (v && v.uses.size === 1 ? bytesOf(v.tensor) : 0), 0);
    return made <= Math.max(this.budget.each, this.budget.growth * given) && this.grown + made - freed <= this.budget.total;
  }

  private constant(graph: Graph, op: Op, data: Constant): Value {
    this.grown += data.data.byteLength;
    return new Builder(graph, op.location, op).create(ConstantOp, {}, { data });
  }
}

/** A copy under a name that callers know stays: a constant cannot have two names. */
const isNeeded = (op: Op): boolean => op.name === "identity" && [...op.result.uses].some(({ user }) => user instanceof Graph);

/** Whether every operand's elements are known, or need not be. */
const mayBeKnown = (op: Op): boolean =>
  op.definition === Shape ||
  op.definition === Size ||
  op.definition === Where ||
  op.operands.every((v) => !v || (isSmall(v) && contentOf(v) !== undefined));

function isSmall(v: Value): boolean {
  if (v.type.kind !== "tensor" || v.type.dtype === "string") return false;
  const shape = staticShape(v.type.shape);
  return shape !== undefined && shape.reduce((a, b) => a * b, 1) <= mostShapeElements;
}

/** Whether the dim is made of numbers and named extents alone, so that an op without operands can give it. */
function isOfExtents(d: Dim): boolean {
  if (typeof d === "number") return true;
  return d.terms.every((t) => t.atoms.every((a) => a.kind === "extent" || ("a" in a && isOfExtents(a.a) && isOfExtents(a.b))));
}

function extentsValue(graph: Graph, op: Op, index: number, values: readonly Dim[]): Value {
  const builder = new Builder(graph, op.location, op);
  const x = builder.create(Extents, {}, { values });
  const { shape } = op.results[index]!.tensor;
  return shape.length === 1 ? x : builder.create(Reshape, { x }, { shape });
}

const bytesOf = ({ dtype, shape }: TensorType): number =>
  (staticShape(shape) ?? [Infinity]).reduce((a, b) => a * b, dtype === "string" ? Infinity : byteSize(dtype));

/**
 * How much arithmetic a graph does, from the meaning of its ops: every operation on floats and 32-bit integers at every
 * point counts one, so a multiply-add counts two. Moving, comparing, converting and choosing elements, and the 64-bit
 * integers that count and address them, count nothing.
 */
import { namedOperands, type Routine } from "../ir/define.ts";
import { add, type Dim, mul, product } from "../ir/dim.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { type Buffer, type Expr, makeBuffer, visitExpr } from "../ir/expr.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import type { Stmt } from "../ir/loop.ts";
import type { Stage } from "../ir/stage.ts";
import { type ComputeType, formatType } from "../ir/type.ts";
import { decompose } from "../passes/decompose.ts";
import { attributesKey } from "../passes/op-key.ts";
import { defaultNumerics } from "../passes/pass.ts";
import { standalone } from "./evaluate.ts";

export interface OperationCount {
  readonly op: string;
  /** How often the op stands in the graph, regions included. */
  readonly count: number;
  /** Operations of one run; of loops that may end early, those of all iterations, and of one where their number is unknown. */
  readonly operations: Dim;
}

/** One row per kind of op, in alphabetical order. Of branches, both count. */
export function countOperations(graph: Graph): OperationCount[] {
  const rows = new Map<string, OperationCount>();
  visit(graph, 1, rows, new Map());
  return [...rows.values()].sort((a, b) => (a.op < b.op ? -1 : 1));
}

/** Operations of one run of ops, by `signature`. */
type Known = Map<string, Dim>;

function visit(graph: Graph, times: Dim, rows: Map<string, OperationCount>, known: Known): void {
  for (const op of graph.ops()) {
    const { count, operations } = rows.get(op.name) ?? { count: 0, operations: 0 };
    rows.set(op.name, { op: op.name, count: count + 1, operations: add(operations, mul(times, operationsOf(op, known))) });
    const inside = op.name === "loop" ? mul(times, iterations(op)) : times;
    for (const region of op.regions) visit(region, inside, rows, known);
  }
}

const iterations = (op: Op): Dim => (op.attributes["steps"] as Dim | undefined) ?? 1;

const bufferOf = (v: Value): Buffer => makeBuffer(v.name, v.tensor.dtype, v.tensor.shape);

/** Operations of one run of the op itself, its regions apart. */
function operationsOf(op: Op, known: Known): Dim {
  const { compute, routine, decompose: other } = op.definition;
  if (!other && !compute && !routine) return 0;
  const key = signature(op);
  const operations = known.get(key) ?? (other ? decomposedOperations(op) : computedOperations(op));
  known.set(key, operations);
  return operations;
}

const typesOf = (values: readonly (Value | undefined)[]): string => values.map((v) => (v ? formatType(v.type) : "")).join(";");

/** The op, its attributes and the types that it computes on: what its operations follow from. */
const signature = (op: Op): string => `${attributesKey(op)}(${typesOf(op.operands)})(${typesOf(op.results)})`;

function computedOperations(op: Op): Dim {
  const { compute, routine } = op.definition;
  const context = { operands: namedOperands(op, bufferOf), attributes: op.attributes, results: op.results.map(bufferOf) };
  if (compute) return add(...(compute as (c: unknown) => readonly Stage[])(context).map(stageOperations));
  return stmtOperations((routine as (c: unknown) => Routine)(context).body);
}

function decomposedOperations(op: Op): Dim {
  const graph = standalone(op);
  decompose.run(graph, { diagnostics: new Diagnostics(), numerics: defaultNumerics });
  return add(...countOperations(graph).map((row) => row.operations));
}

function stageOperations(stage: Stage): Dim {
  const points = product(stage.axes.map((a) => a.extent));
  const values = arithmetic(stage.results.map((r) => r.value));
  if (!stage.fold) return mul(points, values);
  const folded = mul(points, product(stage.fold.axes.map((a) => a.extent)));
  return add(mul(folded, arithmetic(stage.fold.step)), mul(stage.fold.emit === "each" ? folded : points, values));
}

function stmtOperations(body: readonly Stmt[]): Dim {
  return add(
    ...body.map((s): Dim => {
      switch (s.kind) {
        case "for":
          return mul(s.loop.extent, stmtOperations(s.body));
        case "while":
          return add(arithmetic([s.cond]), stmtOperations(s.body));
        case "if":
          return add(stmtOperations(s.then), stmtOperations(s.else ?? []));
        case "let":
        case "assign":
        case "store":
          return arithmetic([s.value]) + (s.kind === "store" && s.combine ? 1 : 0);
        default:
          return 0;
      }
    }),
  );
}

const counted: ReadonlySet<ComputeType> = new Set<ComputeType>(["f32", "f64", "i32"]);

/** Operations in expressions, what they share once. */
function arithmetic(roots: readonly Expr[]): number {
  const seen = new Set<Expr>();
  let count = 0;
  for (const e of roots) {
    visitExpr(
      e,
      (x) => {
        if ((x.kind === "unary" || x.kind === "binary") && counted.has(x.dtype)) count++;
      },
      seen,
    );
  }
  return count;
}

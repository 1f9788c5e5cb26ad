/**
 * cse: ops that compute the same are computed once. Two ops are the same when definition, attributes and operands are;
 * constants, when type and bytes are. The first one stands for the others where it comes before them, in the graph itself
 * or one around it. Ops with graphs or effects are left alone.
 */
import type { Constant } from "../ir/attribute.ts";
import { readData } from "../ir/data.ts";
import type { Graph, Op, Value } from "../ir/graph.ts";
import { attributesKey, edgeBytes, mostComparedBytes } from "./op-key.ts";
import type { Pass } from "./pass.ts";
import { replaceValue } from "./rewrite.ts";

export const cse: Pass = {
  name: "cse",
  summary: "equal ops computed once, equal constants kept once",
  run(graph) {
    new Merger().graph(graph, undefined);
  },
};

/** Ops seen so far in a graph, and in those around it. */
class Scope {
  private readonly ops = new Map<string, Op[]>();
  constructor(private readonly outer: Scope | undefined) {}

  find(key: string, fits: (op: Op) => boolean): Op | undefined {
    return this.ops.get(key)?.find(fits) ?? this.outer?.find(key, fits);
  }

  add(key: string, op: Op): void {
    const list = this.ops.get(key);
    if (list) list.push(op);
    else this.ops.set(key, [op]);
  }
}

class Merger {
  private readonly numbers = new Map<Value, number>();

  graph(graph: Graph, outer: Scope | undefined): void {
    const scope = new Scope(outer);
    for (const op of graph.ops()) {
      for (const region of op.regions) this.graph(region, scope);
      const key = this.keyOf(op);
      if (key === undefined) continue;
      const same = scope.find(key, (other) => op.name !== "constant" || hasSameBytes(op, other));
      if (!same) {
        scope.add(key, op);
        continue;
      }
      op.results.forEach((v, i) => {
        replaceValue(v, same.results[i]!);
      });
      graph.remove(op);
    }
  }

  /** Equal for ops that may be merged; undefined for those that may not. */
  private keyOf(op: Op): string | undefined {
    if (op.definition.impure || op.definition.extents || op.regions.length > 0) return undefined;
    const operands = op.operands.map((v) => (v ? this.numberOf(v) : "-")).join(",");
    return `${attributesKey(op)}(${operands})`;
  }

  private numberOf(v: Value): number {
    const known = this.numbers.get(v);
    if (known !== undefined) return known;
    this.numbers.set(v, this.numbers.size);
    return this.numbers.size - 1;
  }
}

const dataOf = (op: Op): Constant["data"] => (op.attributes["data"] as Constant).data;

function hasSameBytes(a: Op, b: Op): boolean {
  const [x, y] = [dataOf(a), dataOf(b)];
  if (x.source === y.source && x.offset === y.offset) return true;
  if (x.byteLength <= 2 * edgeBytes) return true; // the key holds all of them
  if (x.byteLength > mostComparedBytes) return false;
  const [left, right] = [readData(x), readData(y)];
  return left.every((byte, i) => byte === right[i]);
}

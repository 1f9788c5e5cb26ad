/** Names of values: those of the model where they are unique, else made. */
import type { Graph, Value } from "../../../ir/graph.ts";
import type { Body } from "./body.ts";
import type { Name } from "./term.ts";

function* definitions(graph: Graph): Generator<Value, void, undefined> {
  yield* graph.inputs;
  for (const op of graph.ops()) {
    yield* op.results;
    for (const region of op.regions) yield* definitions(region);
  }
}

/** `name`, or the first of `name_1`, `name_2`, ... that is free. */
function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  let k = 1;
  while (isTaken(`${name}_${k}`)) k++;
  return `${name}_${k}`;
}

/** Names for the graph's values that have any, all different; inputs and outputs come first, then constants. */
export function namesOf(graph: Graph): Map<Value, string> {
  const values = [...definitions(graph)];
  const constants = values.filter((v) => v.op?.name === "constant");
  const wanted = new Set(values.map((v) => v.name));
  const names = new Map<Value, string>();
  const taken = new Set<string>();
  for (const v of [...graph.inputs, ...graph.outputs, ...constants, ...values]) {
    if (v.name === "" || names.has(v)) continue;
    const name = taken.has(v.name) ? freeName(v.name, (n) => taken.has(n) || wanted.has(n)) : v.name;
    taken.add(name);
    names.set(v, name);
  }
  return names;
}

/** Gives names to what has none, unlike any other in the scope. */
export class Namer {
  private readonly counts = new Map<string, number>();
  private readonly nodes = new Set<string>();
  private readonly repeated = new Map<string, number>();

  constructor(private readonly taken: Set<string>) {}

  text(name: Name): string {
    name.text ??= this.fresh(name.hint);
    return name.text;
  }

  /** The name of a node: where its op came from, made unique; readers refuse two of a name. */
  node(path: string): string {
    if (path === "") return "";
    let k = this.repeated.get(path) ?? 0;
    let name = path;
    while (this.nodes.has(name)) name = `${path}_${++k}`;
    this.repeated.set(path, k);
    this.nodes.add(name);
    return name;
  }

  private fresh(hint: string): string {
    for (;;) {
      const k = this.counts.get(hint) ?? 0;
      this.counts.set(hint, k + 1);
      const text = `${hint}_${k}`;
      if (this.taken.has(text)) continue;
      this.taken.add(text);
      return text;
    }
  }
}

/** All names that are fixed inside a body, those of its regions too. */
export function fixedNames(body: Body, found = new Set<string>()): Set<string> {
  const names = [
    ...body.inputs.map((v) => v.name),
    ...body.nodes.flatMap((node) => [...node.inputs, ...node.outputs]),
    ...body.outputs.map((v) => v.name),
  ];
  for (const name of names) if (name?.text !== undefined) found.add(name.text);
  for (const region of body.nodes.flatMap((node) => Object.values(node.attributes))) {
    if (typeof region === "object" && "graph" in region) fixedNames(region.graph, found);
  }
  return found;
}

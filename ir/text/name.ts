/**
 * Names in the text form: `%` values and `@` graphs. A name of plain characters stands as it is, any other is quoted.
 *
 * `%12` is a value without a name; a value that the model calls "12" is `%"12"`.
 */
import { type Graph, Op, type Value } from "../graph.ts";

const plain = /^\/?[\w.$-]+(?:\/[\w.$-]+)*(?::\d+)?$/;

/** The name as it is printed after its sign. */
export const quoteName = (name: string): string => (plain.test(name) && !/^\d+$/.test(name) ? name : JSON.stringify(name));

/** The name that a token such as `%x`, `%"x y"` or `@main` holds; undefined where its escapes are wrong. `%12` gives "". */
export function readName(image: string): string | undefined {
  if (image.charCodeAt(1) !== 0x22) return image.startsWith("%") && /^%\d+$/.test(image) ? "" : image.slice(1);
  return readString(image.slice(1));
}

/** The text that a quoted string stands for; undefined where its escapes are wrong. Escapes are JSON's. */
export function readString(image: string): string | undefined {
  try {
    return JSON.parse(image) as string;
  } catch {
    return undefined;
  }
}

/** Every value of the graph and its regions: inputs and results in the order in which they are printed. */
function* definitions(graph: Graph): Generator<Value, void, undefined> {
  yield* graph.inputs;
  for (const op of graph.ops()) {
    yield* op.results;
    for (const region of op.regions) yield* definitions(region);
  }
}

/**
 * A printed name, sign included, for every value of the graph and its regions, all different. Values keep their names
 * where these are unique; inputs and outputs of the graph have the first claim, later ones get a number appended.
 */
export function nameValues(graph: Graph): Map<Value, string> {
  const values = [...definitions(graph)];
  const claimed = [...graph.inputs, ...graph.outputs];
  const wanted = new Set([...claimed, ...values].map((v) => v.name));
  const taken = new Set<string>();
  const names = new Map<Value, string>();
  const claim = (v: Value): void => {
    if (v.name === "" || names.has(v)) return;
    const name = taken.has(v.name) ? unique(v.name, (n) => taken.has(n) || wanted.has(n)) : v.name;
    taken.add(name);
    names.set(v, `%${quoteName(name)}`);
  };
  claimed.forEach(claim);
  values.forEach(claim);
  let count = 0;
  for (const v of [...values, ...claimed]) if (!names.has(v)) names.set(v, `%${count++}`);
  return names;
}

/** `name` with the first of `_1`, `_2`, ... for which it is not taken. */
export function unique(name: string, isTaken: (name: string) => boolean): string {
  for (let i = 1; ; i++) if (!isTaken(`${name}_${i}`)) return `${name}_${i}`;
}

/** The op or graph a value belongs to, for messages: "result 1 of 'topk'". */
export function describeValue(v: Value): string {
  if (v.name) return `'%${quoteName(v.name)}'`;
  return v.def instanceof Op ? `result ${v.index} of '${v.def.name}'` : `input ${v.index}`;
}

/** Whether a network of ours is the one that MindSpore recorded. */
import { expect } from "chai";
import { buildNetwork, type AnyNetwork } from "../../frontend/networks/network.ts";
import { randomWeights } from "../../frontend/random-weights.ts";
import type { Constant } from "../../ir/attribute.ts";
import { alignedBytes, type TensorData } from "../../ir/data.ts";
import type { Graph, Op, Value } from "../../ir/graph.ts";
import { formatDim } from "../../ir/dim-text.ts";
import { readElements } from "../../ir/storage.ts";
import { formatType, isFloat } from "../../ir/type.ts";
import { attributesKey } from "../../passes/op-key.ts";
import { canonicalize } from "../../passes/canonicalize.ts";
import { cse } from "../../passes/cse.ts";
import { dce } from "../../passes/dce.ts";
import { foldConstantsWithin } from "../../passes/fold-constants.ts";
import { defaultNumerics } from "../../passes/pass.ts";
import { optimize, type PassRun } from "../optimize.ts";
import type { RecordedNetwork } from "./recorded.ts";

/** What MindSpore computed while it recorded is small: ops of constants, in its first steps of decoding. */
const foldSmall = foldConstantsWithin({ each: 256, growth: 0, total: 1 << 24 });
const canonicalPasses: PassRun = {
  verifyEach: false,
  passes: [cse, canonicalize, foldSmall, canonicalize, foldSmall, cse, dce],
  numerics: defaultNumerics,
};

type Options = Readonly<Record<string, string | number>>;

/**
 * Checks that the network has the recorded parameters (names, shapes, element types) and that, after canonicalization,
 * its graph is the recorded one: op by op the same with the same attributes, operands and parameters, from the outputs on.
 * Other constants may differ by rounding. Graphs that are the same compute the same, whatever the weights.
 */
export function expectRecorded(definition: AnyNetwork, options: Options, recorded: RecordedNetwork): void {
  const { ours, theirs } = bothGraphs(definition, options, recorded);
  expect(
    ours.outputs.map((v) => formatType(v.type)),
    "outputs",
  ).to.deep.equal(theirs.outputs.map((v) => formatType(v.type)));
  expect(opCounts(ours), "ops").to.deep.equal(opCounts(theirs));
  const found = difference(ours, theirs);
  if (found !== undefined) expect.fail(found);
}

/** The network and the recording, with the same random weights, canonical. Fails where the parameters differ. */
function bothGraphs(definition: AnyNetwork, options: Options, recorded: RecordedNetwork): { ours: Graph; theirs: Graph } {
  const data = new Map<string, TensorData>();
  const { graph, parameters } = buildNetwork(definition, options, ({ name, type, init }) => {
    data.set(name, randomWeights(1, name, type, init));
    return data.get(name)!;
  });
  const wanted = [...recorded.parameters].map(([name, type]) => `${name}: ${formatType(type)}`);
  expect(parameters.map(({ name, type }) => `${name}: ${formatType(type)}`).sort(), "parameters").to.deep.equal(wanted.sort());
  const theirs = recorded.graph((name) => data.get(name)!);
  for (const g of [graph, theirs]) optimize(g, canonicalPasses);
  return { ours: graph, theirs };
}

/** How many ops there are of each name and results' types, without constants. */
export function opCounts(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const op of graph.ops()) {
    if (op.name === "constant") continue;
    const key = `${op.name} -> ${op.results.map((v) => formatType(v.type)).join(", ")}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The earliest of our ops that has no equal in the recording, and why; undefined where all that the outputs need have. */
export function difference(ours: Graph, theirs: Graph): string | undefined {
  const pairs = new Pairs();
  ours.outputs.forEach((v, i) => {
    pairs.add(v, theirs.outputs[i]!);
  });
  return pairs.run();
}

/** Values that must be the same. */
class Pairs {
  private readonly partners = new Map<Value, Value>();
  private readonly open: (readonly [Value, Value])[] = [];
  private found: { readonly order: number; readonly text: string } | undefined;

  add(a: Value, b: Value): void {
    const known = this.partners.get(a);
    if (known === b) return;
    const areConstants = a.op?.name === "constant" && b.op?.name === "constant";
    if (known && !areConstants) this.report(a, b, "ours is used in several places of the recording");
    this.partners.set(a, b);
    this.open.push([a, b]);
  }

  run(): string | undefined {
    for (let next = this.open.pop(); next; next = this.open.pop()) this.compare(...next);
    return this.found?.text;
  }

  private compare(a: Value, b: Value): void {
    const [x, y] = [a.op, b.op];
    if (!x || !y) {
      if (x || y || a.index !== b.index) this.report(a, b, "only one of them is this input");
    } else if (x.name === "constant" && y.name === "constant") {
      if (!isSameConstant(x, y)) this.report(a, b, "the constants differ");
    } else if (keyOf(x) !== keyOf(y)) {
      this.report(a, b, `${keyOf(x)} is not ${keyOf(y)}`);
    } else this.operands(a, b, x, y);
  }

  private operands(a: Value, b: Value, x: Op, y: Op): void {
    if (a.index !== b.index || x.operands.length !== y.operands.length) this.report(a, b, "another result, or other operands");
    x.operands.forEach((v, i) => {
      const w = y.operands[i];
      if (v && w) this.add(v, w);
      else if (v ?? w) this.report(a, b, `only one of them has operand ${i}`);
    });
  }

  private report(a: Value, b: Value, what: string): void {
    const order = a.op?.order ?? -1;
    if (this.found && this.found.order <= order) return;
    this.found = { order, text: `${placeOf(a)} and, recorded, ${placeOf(b)}: ${what}` };
  }
}

/** Formats store numbers as f32, and leave out what a window has by default. */
function keyOf(op: Op): string {
  const defaults: Readonly<Record<string, string>> = { pads: "0,0", strides: "1", dilations: "1" };
  const plain = Object.entries(op.attributes).map(([name, value]): [string, unknown] => {
    if (typeof value === "number") return [name, Math.fround(value)];
    const isDefault = Array.isArray(value) && name in defaults && value.every((v) => String(v) === defaults[name]);
    return [name, isDefault ? [] : value];
  });
  return attributesKey(op, Object.fromEntries(plain));
}

const placeOf = (v: Value): string =>
  v.op ? `${v.op.name} '${v.name}' ${formatType(v.type)} at ${v.op.location.path ?? "no place"}` : `input '${v.name}'`;

/** Of one number it does not matter how many axes it has: it is the same in arithmetic. */
const shapeKey = ({ type: { shape } }: Constant): string => (shape.every((d) => d === 1) ? "one" : shape.map(formatDim).join());

function isSameConstant(x: Op, y: Op): boolean {
  const [a, b] = [x, y].map((op) => op.attributes["data"] as Constant) as [Constant, Constant];
  if (a.data.source === b.data.source && a.data.offset === b.data.offset) return true;
  const { dtype } = a.type;
  if (dtype !== b.type.dtype || shapeKey(a) !== shapeKey(b)) return false;
  const [left, right] = [a, b].map((c) => alignedBytes(c.data)) as [Uint8Array, Uint8Array];
  if (Buffer.compare(left, right) === 0) return true;
  const [e, f] = [left, right].map((bytes) => readElements(dtype, bytes).map(Number)) as [number[], number[]];
  const most = isFloat(dtype) ? (dtype === "f16" ? 1e-3 : 1e-6) : 0;
  return e.every((n, i) => Object.is(n, f[i]) || n === f[i] || Math.abs(n - f[i]!) <= most * Math.max(1, Math.abs(n)));
}

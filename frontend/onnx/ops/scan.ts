/** ONNX's Scan as a loop that takes a slice of each scanned input and stacks what it gives. */
import { normalizeAxis } from "../../../ir/axis.ts";
import { Builder } from "../../../ir/define.ts";
import { OpError } from "../../../ir/diagnostic.ts";
import { add, type Dim } from "../../../ir/dim.ts";
import { Graph, type Value } from "../../../ir/graph.ts";
import { constantValue } from "../../../ir/ops/constant.ts";
import { Loop, loopInputs } from "../../../ir/ops/control.ts";
import { Sub } from "../../../ir/ops/elementwise.ts";
import { Gather } from "../../../ir/ops/gather.ts";
import { Extents, Reshape, Transpose } from "../../../ir/ops/shape.ts";
import { Reverse } from "../../../ir/ops/slice.ts";
import type { NodeContext } from "../node.ts";

/** What is scanned and how. */
interface Scanned {
  readonly states: readonly Value[];
  readonly inputs: readonly Value[];
  readonly axes: readonly number[];
  /** Whether each input is walked from its end. */
  readonly backward: readonly boolean[];
}

const flags = (n: NodeContext, name: string, count: number): boolean[] => {
  const given = n.ints(
    name,
    Array.from({ length: count }, () => 0),
  );
  if (given.length !== count) throw new OpError(`'${name}' has ${given.length} elements for ${count} values`, "bad-attribute");
  return given.map((d) => d !== 0);
};

/** An extent as an i64 scalar. */
const sizeValue = (builder: Builder, size: Dim): Value =>
  builder.create(Reshape, { x: builder.create(Extents, {}, { values: [size] }) }, { shape: [] });

/** The extent that all scanned axes share. */
function lengthOf({ inputs, axes }: Scanned): Dim {
  const [length, ...others] = inputs.map((v, i) => v.tensor.shape[axes[i]!]!);
  if (length === undefined || others.some((d) => d !== length)) throw new OpError("the scanned inputs differ in their lengths");
  return length;
}

/** The loop; its results are the last states and the values of all steps along a leading axis. */
function scanLoop(n: NodeContext, builder: Builder, scanned: Scanned): readonly Value[] {
  const length = lengthOf(scanned);
  const { states, inputs, axes, backward } = scanned;
  const body = new Graph("scan");
  const [i, , ...carried] = loopInputs(states.map((v) => v.type)).map((t, k) => body.addInput(["i", "go"][k] ?? `state${k - 2}`, t));
  const inside = new Builder(body, builder.location);
  const mirrored = backward.some((b) => b) ? inside.create(Sub, { a: sizeValue(inside, add(length, -1)), b: i! }) : i!;
  const slices = inputs.map((x, k) => inside.create(Gather, { x, indices: backward[k] ? mirrored : i! }, { axis: axes[k]! }));
  const outputs = n.inlined("body", [...carried, ...slices], body);
  body.setOutputs([constantValue(inside, "bool", [], [1]), ...outputs]);
  return builder.createAll(Loop, { count: sizeValue(builder, length), carried: states }, { body, steps: length });
}

/** The results with the stacked axis where the node wants it, reversed where it wants that. */
function placeOutputs(n: NodeContext, results: readonly Value[], stateCount: number): Value[] {
  const stacked = results.slice(stateCount);
  const axes = n.ints(
    "scan_output_axes",
    stacked.map(() => 0),
  );
  const backward = flags(n, "scan_output_directions", stacked.length);
  const placed = stacked.map((v, k) => {
    const x = backward[k] ? n.create(Reverse, { x: v }, { axes: [0] }) : v;
    const rank = v.tensor.shape.length;
    const axis = normalizeAxis(axes[k] ?? 0, rank);
    const others = Array.from({ length: rank - 1 }, (_, d) => d + 1);
    return axis === 0 ? x : n.create(Transpose, { x }, { perm: others.toSpliced(axis, 0, 0) });
  });
  return [...results.slice(0, stateCount), ...placed];
}

/** The states and scanned inputs, and how many of them are states. */
function operands(n: NodeContext, from: number): readonly [readonly Value[], number] {
  const values = n.inputs(from);
  const scanned = n.int("num_scan_inputs");
  if (scanned < 1 || scanned > values.length) throw new OpError(`${scanned} of ${values.length} inputs cannot be scanned`, "bad-attribute");
  return [values, values.length - scanned];
}

/** Version 8 has a batch axis in front of everything, and a length for each sequence. */
function batchedScan(n: NodeContext): readonly Value[] {
  if (n.optional(0))
    n.unsupported("lengths of sequences in a scan of version 8", "unsupported-attribute", "convert the model to version 9 or later");
  const [values, stateCount] = operands(n, 1);
  const batch = n.type(1).shape[0] ?? n.unsupported("a scan of version 8 over scalars", "bad-operand");
  const body = new Graph("batch");
  const [i] = loopInputs([]).map((t, k) => body.addInput(["i", "go"][k]!, t));
  const inside = new Builder(body, n.builder.location);
  const slices = values.map((x) => inside.create(Gather, { x, indices: i! }, { axis: 0 }));
  const inputs = slices.slice(stateCount);
  const scanned = {
    states: slices.slice(0, stateCount),
    inputs,
    axes: inputs.map(() => 0),
    backward: flags(n, "directions", inputs.length),
  };
  body.setOutputs([constantValue(inside, "bool", [], [1]), ...scanLoop(n, inside, scanned)]);
  return n.createAll(Loop, { count: sizeValue(n.builder, batch), carried: [] }, { body, steps: batch });
}

/** `Scan` of any version. */
export function scan(n: NodeContext): readonly Value[] {
  if (n.opset < 9) return batchedScan(n);
  const [values, stateCount] = operands(n, 0);
  const inputs = values.slice(stateCount);
  const axes = n
    .ints(
      "scan_input_axes",
      inputs.map(() => 0),
    )
    .map((a, k) => normalizeAxis(a, inputs[k]?.tensor.shape.length ?? 0));
  const backward = flags(n, "scan_input_directions", inputs.length);
  return placeOutputs(n, scanLoop(n, n.builder, { states: values.slice(0, stateCount), inputs, axes, backward }), stateCount);
}

/** Reductions, the places of extremes, running sums. */
import { normalizeAxes, normalizeAxis } from "../../../ir/axis.ts";
import type { AnyOpDefinition } from "../../../ir/define.ts";
import type { Value } from "../../../ir/graph.ts";
import { Argmax, Argmin } from "../../../ir/ops/arg-extreme.ts";
import { Cumprod, Cumsum } from "../../../ir/ops/cumulative.ts";
import * as reduce from "../../../ir/ops/reduce.ts";
import { ReduceLogSumExp } from "../../../ir/ops/softmax.ts";
import { isInteger, tensor } from "../../../ir/type.ts";
import { Formula } from "../../formula.ts";
import { typeNumber } from "../attributes.ts";
import { type ExportNode, type ExportRow, row, type Written } from "../export-node.ts";
import type { Lowering, Lowerings, NodeContext } from "../node.ts";
import type { Family } from "./family.ts";

/** All axes where none are given. */
function axesOf(n: NodeContext, x: Value): readonly number[] {
  const axes = n.ints("axes");
  return axes.length === 0 ? x.tensor.shape.map((_, d) => d) : normalizeAxes(axes, x.tensor.shape.length);
}

const reduction =
  (definition: AnyOpDefinition): Lowering =>
  (n) => {
    const x = n.input("x");
    return n.create(definition, { x }, { axes: axesOf(n, x), keepdims: n.bool("keep_dims") });
  };

/** By the name without D, which older operators end with. */
const reductions: Readonly<Record<string, AnyOpDefinition>> = {
  ReduceAll: reduce.ReduceAll,
  ReduceAny: reduce.ReduceAny,
  ReduceMax: reduce.ReduceMax,
  ReduceMean: reduce.ReduceMean,
  ReduceMin: reduce.ReduceMin,
  ReduceProd: reduce.ReduceProd,
  ReduceSum: reduce.ReduceSum,
};
const newReductions: Readonly<Record<string, AnyOpDefinition>> = { ReduceLogSum: reduce.ReduceLogSum, ReduceLogSumExp };

const reductionImports: Lowerings = Object.fromEntries<Lowering>([
  ...Object.entries(reductions).flatMap(([type, definition]): [string, Lowering][] => [
    [type, reduction(definition)],
    [`${type}D`, reduction(definition)],
  ]),
  ...Object.entries(newReductions).map(([type, definition]): [string, Lowering] => [type, reduction(definition)]),
]);

const attributesOf = (e: ExportNode): { readonly axes: readonly number[]; readonly keepdims: boolean } =>
  e.op.attributes as { readonly axes: readonly number[]; readonly keepdims: boolean };

const reductionExports: readonly ExportRow[] = [
  ...Object.entries(reductions).map(([type, definition]) =>
    row(definition, (e) => {
      const { axes, keepdims } = attributesOf(e);
      return axes.length === 0 ? e.emit("Identity", { x: e.in(0) }) : e.emit(`${type}D`, { x: e.in(0) }, { axes, keep_dims: keepdims });
    }),
  ),
  ...Object.entries(newReductions).map(([type, definition]) =>
    row(definition, (e) => {
      const { axes, keepdims } = attributesOf(e);
      return axes.length === 0 ? e.refuse("it is over no axes") : e.emit(type, { x: e.in(0), axes: e.ints(axes) }, { keep_dims: keepdims });
    }),
  ),
];

const place =
  (definition: typeof Argmax): Lowering =>
  (n) => {
    const x = n.input("x");
    const declared = n.declared();
    const dtype = declared && isInteger(declared) ? declared : n.dtype("dtype");
    return n.create(definition, { x }, { axis: normalizeAxis(n.int("dimension"), x.tensor.shape.length), dtype });
  };

/** The place comes first, then the value. */
const withValue =
  (definition: typeof Argmax, value: typeof reduce.ReduceMax): Lowering =>
  (n) => {
    const x = n.input("x");
    const attributes = { axis: normalizeAxis(n.int("dimension"), x.tensor.shape.length), keepdims: n.bool("keep_dims") };
    const at = n.create(definition, { x }, { ...attributes, dtype: n.declared() ?? "i32" });
    return [at, n.create(value, { x }, { axes: [attributes.axis], keepdims: attributes.keepdims })];
  };

const running =
  (definition: typeof Cumsum): Lowering =>
  (n) => {
    const x = n.input("x");
    const axis = normalizeAxis(n.int("axis"), x.tensor.shape.length);
    return n.create(definition, { x }, { axis, exclusive: n.bool("exclusive"), reverse: n.bool("reverse") });
  };

const l2Loss: Lowering = (n) => {
  const x = n.input("x");
  const f = new Formula(n);
  return f.mul(
    f.sum(
      f.square(x),
      x.tensor.shape.map((_, d) => d),
    ),
    0.5,
  );
};

interface PlaceAttributes {
  readonly axis: number;
  readonly keepdims: boolean;
  readonly last: boolean;
}

function writePlace(e: ExportNode, type: string, { axis, keepdims, last }: PlaceAttributes): Written {
  if (last) return e.refuse("it takes the last of equals");
  const [result] = e.types;
  const x = e.in(0);
  const attributes = { dimension: axis, dtype: typeNumber(result!.dtype) };
  if (!keepdims) return e.emit(type, { x }, attributes);
  const dropped = result!.shape.filter((_, d) => d !== normalizeAxis(axis, x.type.shape.length));
  const y = e.step(type, { x }, attributes, tensor(result!.dtype, dropped));
  return e.emit("Reshape", { x: y, shape: e.sizes(result!.shape) });
}

export const reduceFamily: Family = {
  imports: {
    ...reductionImports,
    ArgMaxD: place(Argmax),
    ArgMaxV2: place(Argmax),
    ArgMinD: place(Argmin),
    ArgMin: place(Argmin),
    ArgMaxWithValue: withValue(Argmax, reduce.ReduceMax),
    ArgMinWithValue: withValue(Argmin, reduce.ReduceMin),
    Cumprod: running(Cumprod),
    CumprodD: running(Cumprod),
    Cumsum: running(Cumsum),
    CumsumD: running(Cumsum),
    L2Loss: l2Loss,
  },
  exports: [
    ...reductionExports,
    row(Argmax, (e, a) => writePlace(e, "ArgMaxD", a)),
    row(Argmin, (e, a) => writePlace(e, "ArgMinD", a)),
    row(Cumprod, (e, a) => e.emit("CumprodD", { x: e.in(0) }, { ...a })),
    row(Cumsum, (e, a) => e.emit("CumsumD", { x: e.in(0) }, { ...a })),
  ],
};

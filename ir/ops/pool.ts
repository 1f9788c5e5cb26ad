/** Pools over the spatial axes of `x[n, c, spatial...]`. */
import { choice, dims, dtype, flag, int } from "../attribute.ts";
import { type AttributesOf, defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import type { Dim } from "../dim.ts";
import {
  add,
  and,
  binary,
  type Buffer,
  constant,
  constantLike,
  convert,
  div,
  type Expr,
  i64,
  index,
  load,
  lt,
  mul,
  select,
  toDim,
  unary,
  variable,
} from "../expr.ts";
import { argExtreme, maximum, reduction, sum } from "../stage.ts";
import { computeType, formatType, tensor, type TensorType } from "../type.ts";
import { makeWindow, type Window, windowAttributes, windowCount, windowExtents, windowPoint } from "../window.ts";
import { storedExtremes } from "./reduction.ts";
import { linearIndex } from "./shape.ts";

const poolAttributes = {
  kernel: dims([], "extents of the window"),
  ...windowAttributes,
  ceil_mode: flag(false, "a last window that is partly inside counts, when it starts inside the input or the padding before it"),
};
type PoolAttributes = AttributesOf<typeof poolAttributes>;

const spatial = (x: { readonly shape: readonly Dim[] }): readonly Dim[] => x.shape.slice(2);
const poolWindow = (x: { readonly shape: readonly Dim[] }, a: PoolAttributes): Window => makeWindow(spatial(x), a.kernel, a, a.ceil_mode);

function poolShape(x: TensorType, a: PoolAttributes): Dim[] {
  if (x.shape.length < 2) throw new OpError(`${formatType(x)} has no spatial axes to pool`);
  return [...x.shape.slice(0, 2), ...windowExtents(spatial(x), poolWindow(x, a))];
}

export const MaxPool = defineOp({
  name: "max_pool",
  summary: "The greatest element of each window; padding never wins.",
  operands: { x: operand },
  attributes: poolAttributes,
  infer: ({ x }, a) => tensor(x.dtype, poolShape(x, a)),
  compute({ operands: { x }, attributes: a, results: [y] }) {
    const window = poolWindow(x, a);
    return [
      reduction(y!, a.kernel, ([n, c, ...o], k) => {
        const { at, inside } = windowPoint(spatial(x), window, o, k);
        return maximum(select(inside, load(x, [n!, c!, ...at]), storedExtremes(x.dtype).least));
      }),
    ];
  },
});

/** Beyond every position of a tensor: padding loses against any element. */
const nowhere = i64(2 ** 53 - 1);

/** A row-major position among the spatial extents with the first axis running fastest instead of the last. */
function columnMajor(position: Expr, extents: readonly Dim[]): Expr {
  const terms = extents.map((extent, d) => {
    const behind = binary("div", position, index(dim.product(extents.slice(d + 1))));
    const at = d === 0 ? behind : binary("rem", behind, index(extent));
    return mul(at, index(dim.product(extents.slice(0, d))));
  });
  return terms.reduce(add);
}

export const MaxPoolIndices = defineOp({
  name: "max_pool_indices",
  summary:
    "The greatest element of each window and its position, the first of equals. Positions count in the whole tensor (ONNX MaxPool) or in the plane of spatial axes (MindSpore MaxPoolWithArgmax), rows first or columns first.",
  operands: { x: operand },
  results: ["y", "indices"],
  attributes: {
    ...poolAttributes,
    within: choice(["tensor", "plane"], "tensor"),
    order: choice(["row", "column"], "row"),
    dtype: dtype("i64", "type of the positions"),
  },
  infer({ x }, a) {
    const shape = poolShape(x, a);
    return [tensor(x.dtype, shape), tensor(a.dtype, shape)];
  },
  compute({ operands: { x }, attributes: a, results: [y, indices] }) {
    const window = poolWindow(x, a);
    const plane = dim.product(spatial(x));
    return [
      reduction(
        [y!, indices!],
        a.kernel,
        ([n, c, ...o], k) => {
          const { at, inside } = windowPoint(spatial(x), window, o, k);
          const position = toDim(select(inside, index(linearIndex(at, spatial(x))), nowhere));
          return argExtreme(select(inside, load(x, [n!, c!, ...at]), storedExtremes(x.dtype).least), position, "max");
        },
        (found, [n, c]) => {
          const inPlane = a.order === "column" ? columnMajor(found, spatial(x)) : found;
          const before = index(dim.mul(linearIndex([n!, c!], x.shape.slice(0, 2)), plane));
          const position = a.within === "plane" ? inPlane : add(inPlane, before);
          return [variable("best", computeType(x.dtype)), convert(position, computeType(a.dtype))];
        },
      ),
    ];
  },
});

/** Real numbers are averaged in their own compute type, integers in f32. */
const realType = (x: Buffer): "f32" | "f64" => (x.dtype === "f64" ? "f64" : "f32");

/** `total / count`, zero for a window with nothing in it, in the compute type of `y`. */
function average(total: Expr, count: Dim, y: Buffer): Expr {
  return convert(div(total, convert(index(dim.max(1, count)), total.dtype)), computeType(y.dtype));
}

export const AvgPool = defineOp({
  name: "avg_pool",
  summary: "The mean of each window over its elements inside the input, or inside the padded input with `count_include_pad`.",
  operands: { x: operand },
  attributes: { ...poolAttributes, count_include_pad: flag(false) },
  infer: ({ x }, a) => tensor(x.dtype, poolShape(x, a)),
  compute({ operands: { x }, attributes: a, results: [y] }) {
    const window = poolWindow(x, a);
    return [
      reduction(
        y!,
        a.kernel,
        ([n, c, ...o], k) => {
          const { at, inside } = windowPoint(spatial(x), window, o, k);
          const value = convert(load(x, [n!, c!, ...at]), realType(x));
          return sum(select(inside, value, constantLike(value, 0)));
        },
        (total, [, , ...o]) => average(total, windowCount(spatial(x), window, o, a.count_include_pad), y!),
      ),
    ];
  },
});

/** `|x|` to the power `p`. */
function magnitudePower(x: Expr, p: number): Expr {
  if (p === 1) return unary("abs", x);
  return p === 2 ? mul(x, x) : binary("pow", unary("abs", x), constantLike(x, p));
}

function root(x: Expr, p: number): Expr {
  if (p === 1) return x;
  return p === 2 ? unary("sqrt", x) : binary("pow", x, constantLike(x, 1 / p));
}

export const LpPool = defineOp({
  name: "lp_pool",
  summary: "The p-norm of each window, `(sum of |x|^p)^(1/p)`.",
  operands: { x: operand },
  attributes: { ...poolAttributes, p: int(2) },
  infer({ x }, a) {
    if (a.p < 1) throw new OpError("'p' must be positive", "bad-attribute");
    return tensor(x.dtype, poolShape(x, a));
  },
  compute({ operands: { x }, attributes: a, results: [y] }) {
    const window = poolWindow(x, a);
    return [
      reduction(
        y!,
        a.kernel,
        ([n, c, ...o], k) => {
          const { at, inside } = windowPoint(spatial(x), window, o, k);
          const value = load(x, [n!, c!, ...at]);
          return sum(select(inside, magnitudePower(value, a.p), constantLike(value, 0)));
        },
        (total) => root(total, a.p),
      ),
    ];
  },
});

const adaptiveAttributes = { output: dims([], "extents of the result's spatial axes") };

/** Windows of adaptive pools: output `o` covers `floor(o * in / out)` up to `ceil((o + 1) * in / out)`. */
function adaptiveWindow(input: readonly Dim[], output: readonly Dim[], o: readonly Dim[]) {
  const start = input.map((n, a) => dim.floordiv(dim.mul(o[a]!, n), output[a]!));
  const end = input.map((n, a) => dim.ceildiv(dim.mul(dim.add(o[a]!, 1), n), output[a]!));
  return { start, end };
}

/** The most elements that a window has per axis. */
const adaptiveKernel = (input: readonly Dim[], output: readonly Dim[]): Dim[] =>
  input.map((n, a) => dim.exactDiv(n, output[a]!) ?? dim.add(dim.floordiv(dim.sub(n, 1), output[a]!), 2));

function adaptiveShape(x: TensorType, a: AttributesOf<typeof adaptiveAttributes>): Dim[] {
  if (x.shape.length !== a.output.length + 2) throw new OpError(`${formatType(x)} has not ${a.output.length} spatial axes`);
  return [...x.shape.slice(0, 2), ...a.output];
}

/** Element `k` of the adaptive window at `o`. */
function adaptivePoint(x: Buffer, output: readonly Dim[], o: readonly Dim[], k: readonly Dim[]) {
  const { start, end } = adaptiveWindow(spatial(x), output, o);
  const at = start.map((s, a) => dim.add(s, k[a]!));
  const inside = at.map((d, a) =>
    dim.exactDiv(spatial(x)[a]!, output[a]!) === undefined ? lt(index(d), index(end[a]!)) : constant("bool", 1),
  );
  return { at, inside: and(...inside) };
}

export const AdaptiveAvgPool = defineOp({
  name: "adaptive_avg_pool",
  summary:
    "Means of windows that divide the spatial axes into `output` parts: part `o` is `floor(o * in / out)` up to `ceil((o + 1) * in / out)`.",
  operands: { x: operand },
  attributes: adaptiveAttributes,
  infer: ({ x }, a) => tensor(x.dtype, adaptiveShape(x, a)),
  compute({ operands: { x }, attributes: { output }, results: [y] }) {
    return [
      reduction(
        y!,
        adaptiveKernel(spatial(x), output),
        ([n, c, ...o], k) => {
          const { at, inside } = adaptivePoint(x, output, o, k);
          const value = convert(load(x, [n!, c!, ...at]), realType(x));
          return sum(select(inside, value, constantLike(value, 0)));
        },
        (total, [, , ...o]) => {
          const { start, end } = adaptiveWindow(spatial(x), output, o);
          return average(total, dim.product(start.map((s, a) => dim.sub(end[a]!, s))), y!);
        },
      ),
    ];
  },
});

export const AdaptiveMaxPool = defineOp({
  name: "adaptive_max_pool",
  summary: "Greatest elements of the windows of `adaptive_avg_pool`.",
  operands: { x: operand },
  attributes: adaptiveAttributes,
  infer: ({ x }, a) => tensor(x.dtype, adaptiveShape(x, a)),
  compute({ operands: { x }, attributes: { output }, results: [y] }) {
    return [
      reduction(y!, adaptiveKernel(spatial(x), output), ([n, c, ...o], k) => {
        const { at, inside } = adaptivePoint(x, output, o, k);
        return maximum(select(inside, load(x, [n!, c!, ...at]), storedExtremes(x.dtype).least));
      }),
    ];
  },
});

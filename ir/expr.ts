/**
 * Scalar expressions: an immutable DAG, hash-consed, simplified as it is built. Structural equality is `===`.
 *
 * Every expression has a compute type (`ComputeType`). A load converts from the buffer's storage type, a store back to
 * it; `round` is the store and load without the memory. The arithmetic's meaning is `ir/scalar.ts`.
 */
import * as dim from "./dim.ts";
import type { Dim, Loop } from "./dim.ts";
import { mapAtoms, substituteDim, visitAtoms } from "./dim-atoms.ts";
import {
  type BinaryOp,
  convertScalar,
  evaluateBinary,
  evaluateUnary,
  isComparison,
  normalize,
  roundScalar,
  type Scalar,
  type UnaryOp,
} from "./scalar.ts";
import { type ComputeType, computeType, type DType, isInteger, isUnsigned } from "./type.ts";

/** Memory that loads and stores name: an operand, a result or a temporary of a kernel. Compared by identity. */
export interface Buffer {
  readonly id: number;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

interface Node {
  readonly id: number;
  readonly dtype: ComputeType;
}
export interface Const extends Node {
  readonly kind: "const";
  readonly value: Scalar;
}
/** An index as a value; always i64. */
export interface Index extends Node {
  readonly kind: "index";
  readonly dim: Dim;
}
/** A scalar variable: the state of a fold, or a `let` of a loop nest. */
export interface Var extends Node {
  readonly kind: "var";
  readonly name: string;
}
/** `at` has one index per dimension of the buffer, or, in loop nests, one flat offset in elements. */
export interface Load extends Node {
  readonly kind: "load";
  readonly buffer: Buffer;
  readonly at: readonly Dim[];
}
export interface Unary extends Node {
  readonly kind: "unary";
  readonly op: UnaryOp;
  readonly x: Expr;
}
export interface Binary extends Node {
  readonly kind: "binary";
  readonly op: BinaryOp;
  readonly a: Expr;
  readonly b: Expr;
}
/** Only the side taken is evaluated: the other may load outside its buffer. */
export interface Select extends Node {
  readonly kind: "select";
  readonly cond: Expr;
  readonly a: Expr;
  readonly b: Expr;
}
export interface Convert extends Node {
  readonly kind: "convert";
  readonly x: Expr;
}
/** The value as it would come back from memory of type `storage`. */
export interface Round extends Node {
  readonly kind: "round";
  readonly storage: DType;
  readonly x: Expr;
}
export type Expr = Const | Index | Var | Load | Unary | Binary | Select | Convert | Round;

let bufferCount = 0;
export const makeBuffer = (name: string, dtype: DType, shape: readonly Dim[]): Buffer => ({ id: bufferCount++, name, dtype, shape });

// The table lives as long as the process; keys are short because they name parts by id.
const nodes = new Map<string, Expr>();
let nodeCount = 0;

function intern<E extends Expr>(key: string, make: (id: number) => E): E {
  const known = nodes.get(key);
  if (known) return known as E;
  const made = make(nodeCount++);
  nodes.set(key, made);
  return made;
}

const scalarKey = (v: Scalar): string => (Object.is(v, -0) ? "-0" : String(v));

/** A constant; `value` is brought into the range of `dtype`. */
export function constant(dtype: ComputeType, value: Scalar): Const {
  const v = normalize(dtype, value);
  return intern(`c${dtype}${scalarKey(v)}`, (id) => ({ id, kind: "const", dtype, value: v }));
}
export const f32 = (value: number): Const => constant("f32", value);
export const i64 = (value: Scalar): Const => constant("i64", value);
export const bool = (value: boolean): Const => constant("bool", value ? 1 : 0);

/** The value of an index or an extent, as i64. */
export function index(d: Dim): Expr {
  if (typeof d === "number") return constant("i64", d);
  const atom = dim.asAtom(d);
  if (atom?.kind === "opaque" && atom instanceof OpaqueExpr) return convert(atom.expr, "i64");
  return intern(`x${d.key}`, (id) => ({ id, kind: "index", dtype: "i64", dim: d }));
}

export const variable = (name: string, dtype: ComputeType): Var => intern(`v${dtype}${name}`, (id) => ({ id, kind: "var", dtype, name }));

export const load = (buffer: Buffer, at: readonly Dim[]): Load =>
  intern(`l${buffer.id}[${at.map(dim.dimKey).join()}]`, (id) => ({ id, kind: "load", dtype: computeType(buffer.dtype), buffer, at }));

export function unary(op: UnaryOp, x: Expr): Expr {
  const dtype = op === "isnan" ? "bool" : x.dtype;
  if (x.kind === "const") return constant(dtype, evaluateUnary(op, x.dtype, x.value));
  if ((op === "neg" || op === "not") && x.kind === "unary" && x.op === op) return x.x;
  return intern(`u${op}${x.id}`, (id) => ({ id, kind: "unary", dtype, op, x }));
}

const isValue = (e: Expr, value: number): boolean => e.kind === "const" && Number(e.value) === value && !Object.is(e.value, -0);
const isIntegral = (dtype: ComputeType): boolean => dtype === "i32" || dtype === "i64" || dtype === "u64";

export function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  if (a.dtype !== b.dtype) throw new Error(`'${op}' of ${a.dtype} and ${b.dtype}`);
  const dtype = isComparison(op) ? "bool" : a.dtype;
  if (a.kind === "const" && b.kind === "const") return constant(dtype, evaluateBinary(op, a.dtype, a.value, b.value));
  return simplifyBinary(op, a, b) ?? intern(`b${op}${a.id},${b.id}`, (id) => ({ id, kind: "binary", dtype, op, a, b }));
}

/** Identities that are exact for the type: `x + 0` only for integers (-0), `0 * x` too (NaN). */
function simplifyBinary(op: BinaryOp, a: Expr, b: Expr): Expr | undefined {
  const whole = isIntegral(a.dtype);
  switch (op) {
    case "add":
      return whole && isValue(a, 0) ? b : whole && isValue(b, 0) ? a : undefined;
    case "sub":
      return isValue(b, 0) ? a : whole && a === b ? constant(a.dtype, 0) : undefined;
    case "mul":
      if (whole && (isValue(a, 0) || isValue(b, 0))) return constant(a.dtype, 0);
      return isValue(a, 1) ? b : isValue(b, 1) ? a : undefined;
    case "div":
      return isValue(b, 1) ? a : undefined;
    case "and":
      return simplifyLogic(a, b, 1, 0);
    case "or":
      return simplifyLogic(a, b, 0, 1);
    case "max":
    case "min":
      return a === b ? a : undefined;
    case "eq":
    case "le":
      return a === b && (whole || a.dtype === "bool") ? bool(true) : compareIndices(op, a, b);
    case "ne":
    case "lt":
      return a === b && (whole || a.dtype === "bool") ? bool(false) : compareIndices(op, a, b);
    default:
      return undefined;
  }
}

function simplifyLogic(a: Expr, b: Expr, neutral: number, absorbing: number): Expr | undefined {
  if (a === b) return a;
  if (a.dtype !== "bool") return undefined;
  for (const [x, y] of [
    [a, b],
    [b, a],
  ] as const) {
    if (isValue(x, neutral)) return y;
    if (isValue(x, absorbing)) return x;
  }
  return undefined;
}

/** Comparisons that the ranges of loop variables decide, such as `i < n` inside a loop up to `n`. */
function compareIndices(op: BinaryOp, a: Expr, b: Expr): Expr | undefined {
  const [x, y] = [indexOf(a), indexOf(b)];
  if (x === undefined || y === undefined || a.dtype !== "i64") return undefined;
  const [low, high] = dim.range(dim.sub(y, x));
  if (op === "lt" && (low > 0 || high <= 0)) return bool(low > 0);
  if (op === "le" && (low >= 0 || high < 0)) return bool(low >= 0);
  if (low > 0 || high < 0) return op === "eq" ? bool(false) : op === "ne" ? bool(true) : undefined;
  return undefined;
}

const indexOf = (e: Expr): Dim | undefined => (e.kind === "index" ? e.dim : e.kind === "const" ? Number(e.value) : undefined);

export function select(cond: Expr, a: Expr, b: Expr): Expr {
  if (cond.kind === "const") return cond.value ? a : b;
  if (a === b) return a;
  if (a.dtype !== b.dtype) throw new Error(`select of ${a.dtype} and ${b.dtype}`);
  return intern(`s${cond.id},${a.id},${b.id}`, (id) => ({ id, kind: "select", dtype: a.dtype, cond, a, b }));
}

export function convert(x: Expr, dtype: ComputeType): Expr {
  if (x.dtype === dtype) return x;
  if (x.kind === "const") return constant(dtype, convertScalar(x.dtype, dtype, x.value));
  return intern(`o${dtype}${x.id}`, (id) => ({ id, kind: "convert", dtype, x }));
}

const holds = (storage: DType, value: number): boolean => Number.isSafeInteger(value) && Number(roundScalar(storage, value)) === value;

/** The bounds of `max(low, min(high, x))`, in whatever order; what is NaN stays NaN. */
export function clampOf(e: Expr): readonly [low: number, high: number] | undefined {
  const outer = byConstant(e);
  const inner = outer && byConstant(outer.x);
  if (!inner || outer.op === inner.op) return undefined;
  const [low, high] = outer.op === "max" ? [outer.bound, inner.bound] : [inner.bound, outer.bound];
  return low <= high ? [low, high] : undefined;
}

/** The greater or less of something and a number. */
function byConstant(e: Expr): { readonly op: "max" | "min"; readonly bound: number; readonly x: Expr } | undefined {
  if (e.kind !== "binary" || (e.op !== "max" && e.op !== "min")) return undefined;
  const [bound, x] = e.a.kind === "const" ? [e.a, e.b] : [e.b, e.a];
  return bound.kind === "const" ? { op: e.op, bound: Number(bound.value), x } : undefined;
}

const isComputeType = (d: DType): boolean => d === "f32" || d === "f64" || d === "i32" || d === "i64" || d === "u64" || d === "bool";

/** `x`, of type `computeType(storage)`, as it comes back after a store to and a load from memory of type `storage`. */
export function round(x: Expr, storage: DType): Expr {
  if (isComputeType(storage)) return x;
  if (x.kind === "const") return constant(x.dtype, roundScalar(storage, x.value));
  if ((x.kind === "round" && x.storage === storage) || (x.kind === "load" && x.buffer.dtype === storage)) return x;
  if (isInteger(storage) && x.kind === "convert" && clampOf(x.x)?.every((bound) => holds(storage, Math.trunc(bound))) === true) return x;
  return intern(`r${storage}${x.id}`, (id) => ({ id, kind: "round", dtype: x.dtype, storage, x }));
}

/** `x` converted to `storage` and read back: what an op's result of that type holds. */
export const cast = (x: Expr, storage: DType): Expr => round(convert(x, computeType(storage)), storage);

export const add = (a: Expr, b: Expr): Expr => binary("add", a, b);
export const sub = (a: Expr, b: Expr): Expr => binary("sub", a, b);
export const mul = (a: Expr, b: Expr): Expr => binary("mul", a, b);
export const div = (a: Expr, b: Expr): Expr => binary("div", a, b);
export const max = (a: Expr, b: Expr): Expr => binary("max", a, b);
export const min = (a: Expr, b: Expr): Expr => binary("min", a, b);
export const lt = (a: Expr, b: Expr): Expr => binary("lt", a, b);
export const le = (a: Expr, b: Expr): Expr => binary("le", a, b);
export const eq = (a: Expr, b: Expr): Expr => binary("eq", a, b);
export const ne = (a: Expr, b: Expr): Expr => binary("ne", a, b);
export const and = (...all: readonly Expr[]): Expr => all.reduce((a, b) => binary("and", a, b), bool(true));
export const or = (...all: readonly Expr[]): Expr => all.reduce((a, b) => binary("or", a, b), bool(false));
export const not = (x: Expr): Expr => unary("not", x);
export const neg = (x: Expr): Expr => unary("neg", x);
/** A constant of the same type as `like`. */
export const constantLike = (like: Expr, value: Scalar): Const => constant(like.dtype, value);

/** Remainder with the sign of the divisor (Python's `%`); for floats and integers. */
export function floormod(a: Expr, b: Expr): Expr {
  const zero = constantLike(a, 0);
  const r = binary("rem", a, b);
  if (a.dtype === "u64") return r;
  const apart = and(ne(r, zero), ne(lt(r, zero), lt(b, zero)));
  return select(apart, add(r, b), r);
}

/** Quotient rounded towards minus infinity; for floats and integers. */
export function floordiv(a: Expr, b: Expr): Expr {
  const q = binary("div", a, b);
  if (a.dtype === "f32" || a.dtype === "f64") return unary("floor", q);
  if (a.dtype === "u64") return q;
  const zero = constantLike(a, 0);
  const apart = and(ne(binary("rem", a, b), zero), ne(lt(a, zero), lt(b, zero)));
  return select(apart, sub(q, constantLike(a, 1)), q);
}

const hashes = new WeakMap<Expr, string>();

/**
 * A hash of what an expression looks like, whatever was built before it: terms that are sorted by it stand in the same
 * order in every run (FNV-1a over 32 bits, by Fowler, Noll and Vo).
 */
function structureHash(e: Expr): string {
  const known = hashes.get(e);
  if (known !== undefined) return known;
  let hash = 0x811c9dc5;
  for (const c of structureText(e)) hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193) >>> 0;
  const text = hash.toString(16).padStart(8, "0");
  hashes.set(e, text);
  return text;
}

function structureText(e: Expr): string {
  const parts = partsOf(e).map(structureHash).join();
  const dims = dimsOf(e)
    .map((d) => dim.dimKey(d).replace(/\.\d+/g, ""))
    .join();
  switch (e.kind) {
    case "const":
      return `${e.dtype} ${scalarKey(e.value)}`;
    case "var":
      return `${e.dtype} ${e.name}`;
    case "load":
      return `load ${e.buffer.name} ${e.buffer.dtype} ${dims}`;
    case "unary":
    case "binary":
      return `${e.op} ${parts}`;
    case "round":
      return `${e.storage} ${parts}`;
    default:
      return `${e.kind} ${e.dtype} ${parts} ${dims}`;
  }
}

/** An expression that stands in an index as an atom. */
class OpaqueExpr implements dim.Opaque {
  readonly kind = "opaque";
  readonly key: string;
  readonly loops: ReadonlySet<Loop>;
  readonly low: number;
  readonly high: number;

  constructor(readonly expr: Expr) {
    this.key = `@${structureHash(expr)}.${expr.id}`;
    this.loops = loopsIn(expr);
    [this.low, this.high] = exprRange(expr);
  }

  map(f: (d: Dim) => Dim): Dim {
    return toDim(rewriteExpr(this.expr, { dim: f }));
  }
}

/** The expression inside an opaque atom that `toDim` made. */
export function opaqueExpr(a: dim.Opaque): Expr {
  if (!(a instanceof OpaqueExpr)) throw new Error("an opaque atom holds no expression");
  return a.expr;
}

/** An integer expression as an index; what the algebra cannot express becomes an opaque atom. */
export function toDim(e: Expr): Dim {
  switch (e.kind) {
    case "const":
      return Number(e.value);
    case "index":
      return e.dim;
    case "convert":
      return isIntegral(e.x.dtype) ? toDim(e.x) : dim.opaque(new OpaqueExpr(e));
    case "binary": {
      const f = isIntegral(e.dtype) ? indexArithmetic[e.op] : undefined;
      return f?.(toDim(e.a), toDim(e.b)) ?? dim.opaque(new OpaqueExpr(e));
    }
    default:
      return dim.opaque(new OpaqueExpr(e));
  }
}

const whenPositive =
  (f: (a: Dim, b: Dim) => Dim) =>
  (a: Dim, b: Dim): Dim | undefined =>
    dim.isNonNegative(a) && dim.range(b)[0] > 0 ? f(a, b) : undefined;

const indexArithmetic: Partial<Record<BinaryOp, (a: Dim, b: Dim) => Dim | undefined>> = {
  add: (a, b) => dim.add(a, b),
  sub: dim.sub,
  mul: dim.mul,
  div: whenPositive(dim.floordiv),
  rem: whenPositive(dim.mod),
  max: dim.max,
  min: dim.min,
};

function exprRange(e: Expr): readonly [number, number] {
  if (e.kind === "const") return [Number(e.value), Number(e.value)];
  if (e.kind === "index") return dim.range(e.dim);
  if (e.kind === "convert" && isIntegral(e.x.dtype)) return exprRange(e.x);
  if (e.kind === "select") return hull(exprRange(e.a), exprRange(e.b));
  if (e.kind === "binary" && (e.op === "max" || e.op === "min")) {
    const f = (p: number, q: number): number => (e.op === "min" ? Math.min(p, q) : Math.max(p, q));
    const [a, b] = [exprRange(e.a), exprRange(e.b)];
    return [f(a[0], b[0]), f(a[1], b[1])];
  }
  if (e.kind === "load" && isInteger(e.buffer.dtype) && isUnsigned(e.buffer.dtype)) return [0, Infinity];
  return e.dtype === "bool" ? [0, 1] : [-Infinity, Infinity];
}

const hull = (a: readonly [number, number], b: readonly [number, number]): readonly [number, number] => [
  Math.min(a[0], b[0]),
  Math.max(a[1], b[1]),
];

/** The direct parts of an expression. */
export function partsOf(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case "unary":
    case "convert":
    case "round":
      return [e.x];
    case "binary":
      return [e.a, e.b];
    case "select":
      return [e.cond, e.a, e.b];
    default:
      return [];
  }
}

/** The dims that stand directly in an expression. */
export const dimsOf = (e: Expr): readonly Dim[] => (e.kind === "index" ? [e.dim] : e.kind === "load" ? e.at : []);

/** Calls `f` with every expression that stands in `d` as an opaque value, as often as it stands there. */
export const visitOpaque = (d: Dim, f: (e: Expr) => void): void =>
  visitAtoms(d, (a) => {
    if (a.kind === "opaque") f(opaqueExpr(a));
  });

/** Every expression of the DAG, each once, parts before wholes; those inside indices too. */
export function visitExpr(e: Expr, f: (e: Expr) => void, seen = new Set<Expr>()): void {
  if (seen.has(e)) return;
  seen.add(e);
  for (const d of dimsOf(e)) visitOpaque(d, (x) => visitExpr(x, f, seen));
  for (const p of partsOf(e)) visitExpr(p, f, seen);
  f(e);
}

/** Every load in the expressions, each distinct one once, those inside indices too. */
export function loadsIn(roots: Expr | readonly Expr[]): Load[] {
  const seen = new Set<Expr>();
  const found: Load[] = [];
  const collect = (n: Expr): void => {
    if (n.kind === "load") found.push(n);
  };
  for (const e of "kind" in roots ? [roots] : roots) visitExpr(e, collect, seen);
  return found;
}

function loopsIn(e: Expr): Set<Loop> {
  const found = new Set<Loop>();
  visitExpr(e, (n) => {
    for (const d of dimsOf(n)) visitAtoms(d, (a) => a.kind === "loop" && found.add(a));
  });
  return found;
}

export interface ExprRewrite {
  /** Applied to every dim. */
  readonly dim?: (d: Dim) => Dim;
  /** Applied to every node after its parts were rebuilt; undefined keeps it. */
  readonly node?: (e: Expr) => Expr | undefined;
}

/** `e` rebuilt bottom-up, each shared part once. Nodes inside indices are rewritten as well. */
export function rewriteExpr(e: Expr, by: ExprRewrite): Expr {
  const memo = new Map<Expr, Expr>();
  const visit = (n: Expr): Expr => {
    const known = memo.get(n);
    if (known) return known;
    const rebuilt = rebuild(n, visit, mapDim);
    const made = by.node?.(rebuilt) ?? rebuilt;
    memo.set(n, made);
    return made;
  };
  const mapDim = (d: Dim): Dim => {
    const mapped = by.dim ? by.dim(d) : d;
    return by.node ? mapAtoms(mapped, (a) => (a.kind === "opaque" ? toDim(visit(opaqueExpr(a))) : undefined)) : mapped;
  };
  return visit(e);
}

function rebuild(e: Expr, f: (e: Expr) => Expr, d: (d: Dim) => Dim): Expr {
  switch (e.kind) {
    case "const":
    case "var":
      return e;
    case "index":
      return index(d(e.dim));
    case "load":
      return load(e.buffer, e.at.map(d));
    case "unary":
      return unary(e.op, f(e.x));
    case "binary":
      return binary(e.op, f(e.a), f(e.b));
    case "select":
      return select(f(e.cond), f(e.a), f(e.b));
    case "convert":
      return convert(f(e.x), e.dtype);
    case "round":
      return round(f(e.x), e.storage);
  }
}

/** Loop variables and extents replaced by indices, all at once. */
export const substituteIndices = (e: Expr, by: ReadonlyMap<dim.Atom, Dim>): Expr =>
  by.size === 0 ? e : rewriteExpr(e, { dim: (d) => substituteDim(d, by) });

/** Scalar variables replaced by expressions. */
export const substituteVars = (e: Expr, by: ReadonlyMap<string, Expr>): Expr =>
  by.size === 0 ? e : rewriteExpr(e, { node: (n) => (n.kind === "var" ? by.get(n.name) : undefined) });

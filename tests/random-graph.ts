/** Random graphs of the ops and constants that rewrite rules look for, as text: elementwise ops, movements, reductions, casts. */
import fc from "fast-check";

const floatUnaries = ["neg", "abs", "relu", "relu6", "square", "sqrt", "exp", "sigmoid", "reciprocal", "identity", "floor"];
const integerUnaries = ["neg", "abs", "relu", "square", "sign", "identity", "bitwise_not"];
const boolUnaries = ["not", "identity"];
const binaries = ["add", "sub", "mul", "div", "max", "min", "squared_difference"];
const integerBinaries = [...binaries, "floor_div", "bitwise_and", "bitwise_or", "bitwise_xor"];
const boolBinaries = ["and", "or", "xor", "equal", "not_equal"];
const comparisons = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"];
const reductions = ["reduce_sum", "reduce_max", "reduce_min", "reduce_mean", "reduce_prod"];
const boolReductions = ["reduce_any", "reduce_all"];
const floatConstants = ["0", "-0", "1", "-1", "2", "0.5", "6", "3", "nan", "inf", "-inf"];
const integerConstants = ["0", "1", "2", "6", "3"];
const castTargets = ["f32", "f64", "f16", "i32", "i8", "bool"];

/** The text of a graph of ops that the rules look for, with constants that they look for, in several element types. */
export function randomGraph(): fc.Arbitrary<string> {
  return fc.array(fc.nat(1_000_000), { minLength: 30, maxLength: 80 }).map((numbers) => new GraphWriter(numbers).write());
}

interface Written {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | "n")[];
}

const isSameShape = (a: Written, b: Written): boolean => a.shape.join() === b.shape.join();
/** The entry for the kind of element. */
const byKind = <T>(v: Written, float: T, integer: T, bool: T): T => (v.dtype === "bool" ? bool : v.dtype.startsWith("i") ? integer : float);

class GraphWriter {
  private readonly lines: string[] = [];
  private readonly values: Written[] = [
    { name: "x", dtype: "f32", shape: ["n", 2, 3] },
    { name: "y", dtype: "f32", shape: [3] },
    { name: "i", dtype: "i32", shape: ["n", 2, 3] },
  ];
  private at = 0;

  constructor(private readonly numbers: readonly number[]) {}

  write(): string {
    const type = (v: Written): string => `${v.dtype}[${v.shape.join(",")}]`;
    const inputs = this.values.map((v) => `%${v.name}: ${type(v)}`);
    for (let i = 0; i < 16; i++) this.op();
    const outputs = this.values.slice(-4);
    const names = outputs.map((v) => `%${v.name}`).join(", ");
    return `graph @main(${inputs.join(", ")}) -> (${outputs.map(type).join(", ")}) {\n${this.lines.join("")}  return ${names}\n}\n`;
  }

  private below(n: number): number {
    return (this.numbers[this.at++ % this.numbers.length]! + this.at) % n;
  }

  private of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  private add(text: string, dtype: string, shape: Written["shape"]): Written {
    const made = { name: `t${this.lines.length}`, dtype, shape };
    this.lines.push(`  %${made.name} = ${text} : ${dtype}[${shape.join(",")}]\n`);
    this.values.push(made);
    return made;
  }

  private op(): void {
    const v = this.below(3) === 0 ? this.of(this.values) : this.values.at(-1)!;
    switch (this.below(10)) {
      case 0:
      case 1:
        return void this.add(`${this.of(byKind(v, floatUnaries, integerUnaries, boolUnaries))}(%${v.name})`, v.dtype, v.shape);
      case 2:
      case 3:
        return this.withConstant(v);
      case 4: {
        const fits = this.values.filter((w) => w.dtype === v.dtype && (isSameShape(v, w) || w.shape.join() === v.shape.slice(-1).join()));
        return this.binary(v, this.of(fits));
      }
      case 5:
        return this.transpose(v);
      case 6:
        return this.reshape(v);
      case 7: {
        const to = this.of(castTargets);
        return void this.add(`cast(%${v.name}) {to = ${to}}`, to, v.shape);
      }
      case 8:
        return this.choose(v);
      default:
        return this.reduce(v);
    }
  }

  private binary(a: Written, b: Written): void {
    const shape = a.shape.length >= b.shape.length ? a.shape : b.shape;
    if (a.dtype !== "bool" && this.below(4) === 0) return void this.add(`${this.of(comparisons)}(%${a.name}, %${b.name})`, "bool", shape);
    const op = this.of(byKind(a, binaries, integerBinaries, boolBinaries));
    this.add(`${op}(%${a.name}, %${b.name})`, a.dtype, shape);
  }

  private withConstant(v: Written): void {
    const last = v.shape.at(-1);
    const shape = this.below(3) === 0 && typeof last === "number" ? [last] : [];
    const c = this.add(
      `constant() {data = dense<${this.of(byKind(v, floatConstants, integerConstants, ["true", "false"]))}>}`,
      v.dtype,
      shape,
    );
    if (this.below(2) === 0) this.binary(v, c);
    else this.binary(c, v);
  }

  private choose(v: Written): void {
    const conditions = this.values.filter((w) => w.dtype === "bool" && isSameShape(v, w));
    if (conditions.length === 0) return;
    const other = this.of(this.values.filter((w) => w.dtype === v.dtype && isSameShape(v, w)));
    this.add(`where(%${this.of(conditions).name}, %${v.name}, %${other.name})`, v.dtype, v.shape);
  }

  private transpose(v: Written): void {
    const axes = v.shape.map((_, i) => i);
    const perm = this.below(2) === 0 ? axes.reverse() : [...axes.slice(1), ...axes.slice(0, 1)];
    this.add(
      `transpose(%${v.name}) {perm = [${perm.join(", ")}]}`,
      v.dtype,
      perm.map((p) => v.shape[p]!),
    );
  }

  private reshape(v: Written): void {
    const shapes: Written["shape"][] = [[1, ...v.shape], [...v.shape, 1], v.shape.filter((d) => d !== 1), v.shape];
    const shape = this.of(shapes);
    if (shape.length <= 4) this.add(`reshape(%${v.name}) {shape = [${shape.join(", ")}]}`, v.dtype, shape);
  }

  private reduce(v: Written): void {
    if (v.shape.length === 0) return;
    const axis = this.below(v.shape.length);
    const keep = this.below(2) === 0;
    const shape = v.shape.flatMap((d, i) => (i !== axis ? [d] : keep ? [1] : []));
    const op = this.of(byKind(v, reductions, reductions, boolReductions));
    this.add(`${op}(%${v.name}) {axes = [${axis}], keepdims = ${keep}}`, v.dtype, shape);
  }
}

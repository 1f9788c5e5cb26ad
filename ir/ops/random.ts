/**
 * Random numbers by a counter: element `i` of an op depends on the op's seed and on `i` alone, so the numbers are the
 * same on every target, in every order of evaluation and in every run.
 *
 * Draw `n` of a seed is output number `seed * 2^32 + n` of SplitMix64 started at 0 (G. Steele, D. Lea, C. Flood: Fast
 * Splittable Pseudorandom Number Generators, OOPSLA 2014).
 */
import * as attribute from "../attribute.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import { add as plus, type Dim, mul as times } from "../dim.ts";
import { add, binary, constant, constantLike, convert, type Expr, index, load, lt, mul, sub, unary } from "../expr.ts";
import { argExtreme, pointwise, reduction } from "../stage.ts";
import { type ComputeType, computeType, type DType, formatType, isFloat, isInteger, tensor } from "../type.ts";

const u64 = (value: bigint): Expr => constant("u64", value);
const golden = 0x9e3779b97f4a7c15n;

/** 64 random bits (u64). */
function randomBits(seed: number, draw: Dim): Expr {
  const state = add(u64(BigInt.asUintN(64, BigInt(seed) << 32n)), convert(index(draw), "u64"));
  const mix = (z: Expr, shift: bigint, factor: bigint): Expr => mul(binary("xor", z, binary("shr", z, u64(shift))), u64(factor));
  const mixed = mix(mix(mul(add(state, u64(1n)), u64(golden)), 30n, 0xbf58476d1ce4e5b9n), 27n, 0x94d049bb133111ebn);
  return binary("xor", mixed, binary("shr", mixed, u64(31n)));
}

/** A number in [0, 1) with all bits that the type's significand has. */
function randomUnit(seed: number, draw: Dim, dtype: ComputeType): Expr {
  const work = dtype === "f64" ? "f64" : "f32";
  const bits = work === "f64" ? 53 : 24;
  return mul(convert(binary("shr", randomBits(seed, draw), u64(BigInt(64 - bits))), work), constant(work, 2 ** -bits));
}

const linear = (at: readonly Dim[], shape: readonly Dim[]): Dim => at.reduce<Dim>((sum, i, d) => plus(times(sum, shape[d]!), i), 0);

function expectFloat(dtype: DType, op: string): void {
  if (!isFloat(dtype)) throw new OpError(`'${op}' gives floats`, "unsupported-type", { received: dtype });
}

const seed = attribute.int(0, "an integer from 0 to 2^32-1");

export const RandomUniform = defineOp({
  name: "random_uniform",
  summary: "Numbers from the uniform distribution over [low, high); the same in every run.",
  operands: {},
  attributes: { shape: attribute.dims(), low: attribute.float(0), high: attribute.float(1), dtype: attribute.dtype("f32"), seed },
  infer(_operands, { shape, dtype }) {
    expectFloat(dtype, "random_uniform");
    return tensor(dtype, shape);
  },
  impure: true,
  compute: ({ attributes: { shape, low, high, dtype, seed: s }, results: [y] }) => [
    pointwise(y!, (at) => {
      const unit = randomUnit(s, linear(at, shape), computeType(dtype));
      return add(constantLike(unit, low), mul(unit, constantLike(unit, high - low)));
    }),
  ],
});

/** Box and Muller's transform (1958) of two uniform draws. */
function randomNormal(s: number, i: Dim, dtype: ComputeType): Expr {
  const [a, b] = [0, 1].map((k) => randomUnit(s, plus(times(i, 2), k), dtype)) as [Expr, Expr];
  const radius = unary("sqrt", mul(constantLike(a, -2), unary("log", sub(constantLike(a, 1), a))));
  return mul(radius, unary("cos", mul(constantLike(b, 2 * Math.PI), b)));
}

export const RandomNormal = defineOp({
  name: "random_normal",
  summary: "Numbers from the normal distribution with the given mean and standard deviation; the same in every run.",
  operands: {},
  attributes: { shape: attribute.dims(), mean: attribute.float(0), scale: attribute.float(1), dtype: attribute.dtype("f32"), seed },
  infer(_operands, { shape, dtype }) {
    expectFloat(dtype, "random_normal");
    return tensor(dtype, shape);
  },
  impure: true,
  compute: ({ attributes: { shape, mean, scale, dtype, seed: s }, results: [y] }) => [
    pointwise(y!, (at) => {
      const value = randomNormal(s, linear(at, shape), computeType(dtype));
      return add(constantLike(value, mean), mul(value, constantLike(value, scale)));
    }),
  ],
});

export const Bernoulli = defineOp({
  name: "bernoulli",
  summary: "1 with the probability that the element of `p` says, else 0; the same in every run.",
  operands: { p: operand },
  attributes: { dtype: attribute.dtype("f32"), seed },
  infer({ p }, { dtype }) {
    expectFloat(p.dtype, "bernoulli");
    if (dtype === "string") throw new OpError("'bernoulli' gives numbers", "unsupported-type");
    return tensor(dtype, p.shape);
  },
  impure: true,
  compute: ({ operands: { p }, attributes: { dtype, seed: s }, results: [y] }) => [
    pointwise(y!, (at) => {
      const probability = load(p, at);
      return convert(lt(randomUnit(s, linear(at, p.shape), probability.dtype), probability), computeType(dtype));
    }),
  ],
});

export const Multinomial = defineOp({
  name: "multinomial",
  summary:
    "For each row of `logits` (float[batch,class], unnormalised logarithms of probabilities) `samples` draws of a class with replacement; the same in every run.",
  operands: { logits: operand },
  attributes: { samples: attribute.dim(1), dtype: attribute.dtype("i32"), seed },
  infer({ logits }, { samples, dtype }) {
    expectFloat(logits.dtype, "multinomial");
    if (logits.shape.length !== 2 || !isInteger(dtype)) throw new OpError(`cannot draw ${dtype} classes from ${formatType(logits)}`);
    return tensor(dtype, [logits.shape[0]!, samples]);
  },
  impure: true,
  // Gumbel's trick: argmax of logit - log(-log(u)) is distributed as the classes are.
  compute: ({ operands: { logits }, attributes: { samples, dtype, seed: s }, results: [y] }) => [
    reduction(
      y!,
      [logits.shape[1]!],
      ([row, sample], [c]) => {
        const logit = load(logits, [row!, c!]);
        const unit = randomUnit(s, linear([row!, sample!, c!], [0, samples, logits.shape[1]!]), logit.dtype);
        const gumbel = unary("neg", unary("log", unary("neg", unary("log", sub(constantLike(unit, 1), unit)))));
        return argExtreme(add(logit, gumbel), c!, "max");
      },
      (position) => convert(position, computeType(dtype)),
    ),
  ],
});

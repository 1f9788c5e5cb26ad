/** Recurrent layers step by step, for sequences of a fixed length. */
import type { AttributesFor } from "../../ir/define.ts";
import { mul, type Dim } from "../../ir/dim.ts";
import type { Value } from "../../ir/graph.ts";
import { Expm1, Tanh } from "../../ir/ops/elementwise.ts";
import { Greater } from "../../ir/ops/compare.ts";
import { Sigmoid, Softplus, Softsign } from "../../ir/ops/activation.ts";
import { Stack } from "../../ir/ops/join.ts";
import { Matmul } from "../../ir/ops/matmul.ts";
import { GruSteps, LstmSteps, type RecurrentAttributes, RnnSteps } from "../../ir/ops/recurrent.ts";
import { type Expander, expansion, mostSteps, type NamedExpansion } from "./expander.ts";

const activations: Readonly<Record<string, (e: Expander, x: Value, alpha: number, beta: number) => Value>> = {
  sigmoid: (e, x) => e.create(Sigmoid, { x }),
  tanh: (e, x) => e.create(Tanh, { x }),
  relu: ({ f }, x) => f.max(x, 0),
  affine: ({ f }, x, alpha, beta) => f.add(f.mul(x, alpha), beta),
  leaky_relu: ({ f }, x, alpha) => f.where(f.less(x, 0), f.mul(x, alpha), x),
  thresholded_relu: ({ f }, x, alpha) => f.where(f.less(x, alpha), 0, x),
  scaled_tanh: (e, x, alpha, beta) => e.f.mul(e.create(Tanh, { x: e.f.mul(x, beta) }), alpha),
  hard_sigmoid: ({ f }, x, alpha, beta) => f.min(f.max(f.add(f.mul(x, alpha), beta), 0), 1),
  elu: (e, x, alpha) => e.f.where(e.f.less(x, 0), e.f.mul(e.create(Expm1, { x }), alpha), x),
  softsign: (e, x) => e.create(Softsign, { x }),
  softplus: (e, x) => e.create(Softplus, { x }),
};

interface Operands {
  readonly projected: Value;
  readonly r: Value;
  readonly lengths?: Value | undefined;
  readonly h0?: Value | undefined;
}

/** One direction of a layer. */
class Direction {
  readonly weights: Value;
  readonly hidden: number;
  private readonly batch: Dim;

  constructor(
    readonly e: Expander,
    private readonly operands: Operands,
    private readonly attributes: RecurrentAttributes,
    private readonly d: number,
    private readonly gates: number,
  ) {
    const [, hidden, width] = operands.r.tensor.shape;
    this.weights = this.own(operands.r, [hidden!, width!]);
    this.hidden = hidden as number;
    this.batch = operands.projected.tensor.shape[2]!;
  }

  /** The part of this direction, without the axis. */
  own(x: Value, shape: readonly Dim[]): Value {
    return this.e.reshape(this.e.part(x, 0, this.d, 1), shape);
  }

  /** A state at the start. */
  start(given: Value | undefined): Value {
    const shape = [this.batch, this.hidden];
    return given ? this.own(given, shape) : this.e.expand(this.e.scalar(this.weights.tensor.dtype, 0), shape);
  }

  activation(k: number, x: Value, isClipped = true): Value {
    const { activations: names, alphas, betas, clip } = this.attributes;
    const i = this.d * (names.length / (this.attributes.direction === "bidirectional" ? 2 : 1)) + k;
    const { f } = this.e;
    const clipped = clip === undefined || !isClipped ? x : f.max(f.min(x, clip), -clip);
    return activations[names[i]!]!(this.e, clipped, alphas[i]!, betas[i]!);
  }

  gate(x: Value, k: number): Value {
    return this.e.part(x, 1, k * this.hidden, this.hidden);
  }

  /** The product of a state with the weights, of all gates or of `count` from `first` on. */
  times(h: Value, first = 0, count = this.gates): Value {
    return this.e.create(Matmul, { a: h, b: this.e.part(this.weights, 1, first * this.hidden, count * this.hidden) });
  }

  /** All steps in the order of time; past a sequence's end results are zero and states stay. */
  run(
    states: readonly Value[],
    step: (projected: Value, states: readonly Value[]) => readonly Value[],
  ): { readonly y: Value[]; readonly states: readonly Value[] } {
    const { projected, lengths } = this.operands;
    const time = projected.tensor.shape[1] as number;
    const isReverse = this.d === 1 || this.attributes.direction === "reverse";
    const y = new Array<Value>(time);
    let current = states;
    for (let k = 0; k < time; k++) {
      const t = isReverse ? time - 1 - k : k;
      const row = this.own(this.e.part(projected, 1, t, 1), [this.batch, mul(this.gates, this.hidden)]);
      const next = step(row, current);
      const inside = lengths && this.insideAt(lengths, t);
      y[t] = inside ? this.e.f.where(inside, next[0]!, 0) : next[0]!;
      current = inside ? next.map((v, i) => this.e.f.where(inside, v, current[i]!)) : next;
    }
    return { y, states: current };
  }

  private insideAt(lengths: Value, t: number): Value {
    const b = this.e.scalar(lengths.tensor.dtype, t);
    return this.e.reshape(this.e.create(Greater, { a: lengths, b }), [this.batch, 1]);
  }
}

/** Results of all directions: y [time, dir, batch, hidden], and the last states [dir, batch, hidden]. */
function layer(
  e: Expander,
  operands: Operands,
  attributes: RecurrentAttributes,
  gates: number,
  run: (direction: Direction) => ReturnType<Direction["run"]>,
): readonly Value[] | undefined {
  const [directions, time] = operands.projected.tensor.shape;
  if (typeof time !== "number" || typeof operands.r.tensor.shape[1] !== "number" || time === 0 || time > mostSteps) return undefined;
  const results = Array.from({ length: directions as number }, (_, d) => run(new Direction(e, operands, attributes, d, gates)));
  const rows = Array.from({ length: time }, (_, t) => e.create(Stack, { xs: results.map((r) => r.y[t]!) }, { axis: 0 }));
  const last = results[0]!.states.map((_, i) => e.create(Stack, { xs: results.map((r) => r.states[i]!) }, { axis: 0 }));
  return [e.create(Stack, { xs: rows }, { axis: 0 }), ...last];
}

type LstmAttributes = AttributesFor<typeof LstmSteps>;

const lstm = expansion(LstmSteps, ({ c0, peepholes, ...operands }, a, e) =>
  layer(e, operands, a, 4, (direction) => {
    const holes = peepholes && direction.own(peepholes, [1, 3 * direction.hidden]);
    return direction.run([direction.start(operands.h0), direction.start(c0)], (x, [h, c]) => lstmStep(direction, a, x, h!, c!, holes));
  }),
);

function lstmStep(direction: Direction, a: LstmAttributes, x: Value, h: Value, c: Value, holes: Value | undefined): readonly Value[] {
  const { f } = direction.e;
  const sums = f.add(x, direction.times(h));
  const peeped = (gate: number, hole: number, cell: Value): Value => {
    const v = direction.gate(sums, gate);
    return holes ? f.add(v, f.mul(direction.gate(holes, hole), cell)) : v;
  };
  const input = direction.activation(0, peeped(0, 0, c));
  const forget = a.input_forget ? f.add(f.neg(input), 1) : direction.activation(0, peeped(1, 1, c));
  const cell = f.add(f.mul(forget, c), f.mul(input, direction.activation(1, direction.gate(sums, 2))));
  const output = direction.activation(0, peeped(3, 2, cell));
  return [f.mul(output, direction.activation(2, cell, false)), cell];
}

const gru = expansion(GruSteps, ({ new_bias, ...operands }, a, e) =>
  layer(e, operands, a, 3, (direction) => {
    const { f } = e;
    const bias = new_bias && direction.own(new_bias, [1, direction.hidden]);
    const biased = (v: Value): Value => (bias ? f.add(v, bias) : v);
    return direction.run([direction.start(operands.h0)], (x, [h]) => {
      const gates = f.add(e.part(x, 1, 0, 2 * direction.hidden), direction.times(h!, 0, 2));
      const update = direction.activation(0, direction.gate(gates, 0));
      const reset = direction.activation(0, direction.gate(gates, 1));
      const inner = a.linear_before_reset
        ? f.mul(reset, biased(direction.times(h!, 2, 1)))
        : biased(direction.times(f.mul(reset, h!), 2, 1));
      const fresh = direction.activation(1, f.add(direction.gate(x, 2), inner));
      return [f.add(f.mul(f.add(f.neg(update), 1), fresh), f.mul(update, h!))];
    });
  }),
);

const rnn = expansion(RnnSteps, (operands, a, e) =>
  layer(e, operands, a, 1, (direction) =>
    direction.run([direction.start(operands.h0)], (x, [h]) => [direction.activation(0, e.f.add(x, direction.times(h!)))]),
  ),
);

export const recurrentExpansions: readonly NamedExpansion[] = [lstm, gru, rnn];

/**
 * The recurrences of LSTM, GRU and RNN as loops: sequences in parallel, then directions, then time. Products with the
 * state run over gates in the innermost loop, so that lanes lie along the weights' rows.
 */
import type { Routine } from "../define.ts";
import { add as plus, type Dim, mul as times, sub as minus } from "../dim.ts";
import {
  add,
  type Buffer,
  constant,
  constantLike,
  convert,
  type Expr,
  i64,
  index,
  load,
  lt,
  makeBuffer,
  max,
  min,
  mul,
  sub,
  variable,
} from "../expr.ts";
import { ifThen, letVar, type Stmt, store } from "../loop.ts";
import { computeType } from "../type.ts";
import { counter } from "./counter.ts";
import { eachIndex } from "./merge-sort.ts";
import { activate, blend } from "./recurrent-activation.ts";

interface StepOperands {
  /** [dir,time,batch,gates*hidden] */
  readonly projected: Buffer;
  /** [dir,hidden,gates*hidden] */
  readonly r: Buffer;
  readonly lengths: Buffer | undefined;
  readonly h0: Buffer | undefined;
}

interface StepAttributes {
  readonly direction: "forward" | "reverse" | "bidirectional";
  readonly activations: readonly string[];
  readonly alphas: readonly number[];
  readonly betas: readonly number[];
  readonly clip: number | undefined;
}

interface StepResults {
  readonly y: Buffer;
  readonly h: Buffer;
  readonly c?: Buffer;
}

/** Where one step of one sequence stands. */
interface Step {
  readonly d: number;
  readonly b: Dim;
  readonly t: Dim;
}

class StepLoops {
  readonly directions: number;
  readonly time: Dim;
  readonly batch: Dim;
  readonly hidden: Dim;
  readonly temporaries: Buffer[] = [];
  /** The state of each sequence in the current direction, in the compute type. */
  readonly h: Buffer;

  constructor(
    readonly operands: StepOperands,
    readonly attributes: StepAttributes,
    readonly results: StepResults,
  ) {
    const [directions, time, batch] = operands.projected.shape;
    this.directions = directions as number;
    this.time = time!;
    this.batch = batch!;
    this.hidden = operands.r.shape[1]!;
    this.h = this.temporary("h", this.hidden);
  }

  /** A temporary with `width` elements for each sequence. */
  temporary(name: string, width: Dim): Buffer {
    const made = makeBuffer(name, computeType(this.operands.projected.dtype), [this.batch, width]);
    this.temporaries.push(made);
    return made;
  }

  /** Activation `k` of direction `d`. */
  activation(d: number, k: number, x: Expr): Expr {
    const { activations, alphas, betas, clip } = this.attributes;
    const i = d * (activations.length / this.directions) + k;
    return activate(activations[i]!, alphas[i]!, betas[i]!, clip, x);
  }

  /** Activation `k` of a value that is not clipped: the LSTM's cell on its way out. */
  unclipped(d: number, k: number, x: Expr): Expr {
    const { activations, alphas, betas } = this.attributes;
    const i = d * (activations.length / this.directions) + k;
    return activate(activations[i]!, alphas[i]!, betas[i]!, undefined, x);
  }

  /** `target[b, n] = start(n) + sum over k of source[b, k] * r[d, k, from + n]` for `count` values of n. */
  multiply({ d, b }: Step, target: Buffer, source: Buffer, from: Dim, count: Dim, start: (n: Dim) => Expr): Stmt[] {
    const state = variable("state", target.dtype as "f32" | "f64");
    const name = target.name;
    return [
      eachIndex(`${name}_start`, count, (n) => [store(target, [b, n], start(n))]),
      eachIndex(`${name}_k`, this.hidden, (k) => [
        letVar("state", load(source, [b, k])),
        eachIndex(`${name}_n`, count, (n) => [
          store(target, [b, n], add(load(target, [b, n]), mul(state, load(this.operands.r, [d, k, plus(from, n)])))),
        ]),
      ]),
    ];
  }

  projected({ d, b, t }: Step, n: Dim): Expr {
    return load(this.operands.projected, [d, t, b, n]);
  }

  /** The loops around `step`, which takes the state in `h` (and other states) one step on and stores it to `y`. */
  routine(
    states: readonly { readonly buffer: Buffer; readonly from: Buffer | undefined; readonly to: Buffer }[],
    step: (at: Step) => readonly Stmt[],
  ): Routine {
    const perSequence = (b: Dim): Stmt[] => Array.from({ length: this.directions }, (_, d) => this.oneDirection(d, b, states, step)).flat();
    return { temporaries: this.temporaries, body: [eachIndex("sequence", this.batch, perSequence, "parallel")] };
  }

  private oneDirection(d: number, b: Dim, states: Parameters<StepLoops["routine"]>[0], step: (at: Step) => readonly Stmt[]): Stmt[] {
    const isBackward = this.attributes.direction === "reverse" || d === 1;
    const length = counter(`length${d}`);
    const zero = constant(computeType(this.operands.projected.dtype), 0);
    const bounded = this.operands.lengths && max(i64(0), min(index(this.time), convert(load(this.operands.lengths, [b]), "i64")));
    const run = (s: Dim): Stmt[] => {
      const t = isBackward ? plus(minus(length.dim, 1), minus(0, s)) : s;
      if (!this.operands.lengths) return [...step({ d, b, t: isBackward ? minus(minus(this.time, 1), s) : s })];
      const clear = eachIndex("cleared", this.hidden, (j) => [store(this.results.y, [s, d, b, j], zero)]);
      return [ifThen(lt(index(s), index(length.dim)), step({ d, b, t }), [clear])];
    };
    return [
      ...(bounded ? [length.declare(bounded)] : []),
      ...states.map(({ buffer, from }) =>
        eachIndex("unit", this.hidden, (j) => [store(buffer, [b, j], from ? load(from, [d, b, j]) : zero)]),
      ),
      eachIndex("step", this.time, run),
      ...states.map(({ buffer, to }) => eachIndex("unit", this.hidden, (j) => [store(to, [d, b, j], load(buffer, [b, j]))])),
    ];
  }

  /** Stores the new state of unit `j`, also as the step's result. */
  emit({ d, b, t }: Step, j: Dim, value: Expr): Stmt[] {
    return [
      letVar("next", value),
      store(this.h, [b, j], variable("next", value.dtype)),
      store(this.results.y, [t, d, b, j], variable("next", value.dtype)),
    ];
  }

  gate(buffer: Buffer, { b }: Step, gate: number, j: Dim): Expr {
    return load(buffer, [b, plus(times(gate, this.hidden), j)]);
  }
}

interface LstmOperands extends StepOperands {
  readonly c0: Buffer | undefined;
  /** [dir,3*hidden], for the gates input, forget, output. */
  readonly peepholes: Buffer | undefined;
}

/** The loops of `lstm_steps`. */
export function lstmLoops(
  operands: LstmOperands,
  attributes: StepAttributes & { readonly input_forget: boolean },
  results: Required<StepResults>,
): Routine {
  const loops = new StepLoops(operands, attributes, results);
  const { hidden } = loops;
  const gates = loops.temporary("gates", times(4, hidden));
  const cell = loops.temporary("cell", hidden);
  const unit = (at: Step, j: Dim): Stmt[] => {
    const { d, b } = at;
    const old = load(cell, [b, j]);
    const [i, f, g, o, c] = ["i", "f", "g", "o", "c"].map((name) => variable(`gate_${name}`, old.dtype)) as [Expr, Expr, Expr, Expr, Expr];
    const peep = (x: Expr, gate: number, state: Expr): Expr =>
      operands.peepholes ? add(x, mul(load(operands.peepholes, [d, plus(times(gate, hidden), j)]), state)) : x;
    const pre = (gate: number): Expr => loops.gate(gates, at, gate, j);
    const forget = attributes.input_forget ? sub(constantLike(i, 1), i) : loops.activation(d, 0, peep(pre(1), 1, old));
    return [
      letVar("gate_i", loops.activation(d, 0, peep(pre(0), 0, old))),
      letVar("gate_f", forget),
      letVar("gate_g", loops.activation(d, 1, pre(2))),
      letVar("gate_c", add(mul(f, old), mul(i, g))),
      letVar("gate_o", loops.activation(d, 0, peep(pre(3), 2, c))),
      store(cell, [b, j], c),
      ...loops.emit(at, j, mul(o, loops.unclipped(d, 2, c))),
    ];
  };
  const states = [
    { buffer: loops.h, from: operands.h0, to: results.h },
    { buffer: cell, from: operands.c0, to: results.c },
  ];
  return loops.routine(states, (at) => [
    ...loops.multiply(at, gates, loops.h, 0, times(4, hidden), (n) => loops.projected(at, n)),
    eachIndex("j", hidden, (j) => unit(at, j)),
  ]);
}

interface GruOperands extends StepOperands {
  /** [dir,hidden] */
  readonly new_bias: Buffer | undefined;
}

/** The loops of `gru_steps`. */
export function gruLoops(
  operands: GruOperands,
  attributes: StepAttributes & { readonly linear_before_reset: boolean },
  results: StepResults,
): Routine {
  const loops = new StepLoops(operands, attributes, results);
  const { hidden } = loops;
  const [gates, product] = [loops.temporary("gates", times(2, hidden)), loops.temporary("product", hidden)];
  const isLinear = attributes.linear_before_reset;
  const scaled = isLinear ? loops.h : loops.temporary("scaled", hidden);
  const reset = (at: Step, j: Dim): Expr => loops.activation(at.d, 0, loops.gate(gates, at, 1, j));
  const scale = (at: Step): Stmt =>
    eachIndex("scaled_unit", hidden, (j) => [store(scaled, [at.b, j], mul(reset(at, j), load(loops.h, [at.b, j])))]);
  const unit = (at: Step, j: Dim): Stmt[] => {
    const update = variable("update", computeType(operands.projected.dtype));
    const recurrent = load(product, [at.b, j]);
    const added = isLinear ? mul(reset(at, j), recurrent) : recurrent;
    const fresh = loops.activation(at.d, 1, add(loops.projected(at, plus(times(2, hidden), j)), added));
    return [
      letVar("update", loops.activation(at.d, 0, loops.gate(gates, at, 0, j))),
      ...loops.emit(at, j, blend(update, load(loops.h, [at.b, j]), fresh)),
    ];
  };
  return loops.routine([{ buffer: loops.h, from: operands.h0, to: results.h }], (at) => [
    ...loops.multiply(at, gates, loops.h, 0, times(2, hidden), (n) => loops.projected(at, n)),
    ...(isLinear ? [] : [scale(at)]),
    ...loops.multiply(at, product, scaled, times(2, hidden), hidden, (n) =>
      operands.new_bias ? load(operands.new_bias, [at.d, n]) : constantLike(load(product, [at.b, n]), 0),
    ),
    eachIndex("j", hidden, (j) => unit(at, j)),
  ]);
}

/** The loops of `rnn_steps`. */
export function rnnLoops(operands: StepOperands, attributes: StepAttributes, results: StepResults): Routine {
  const loops = new StepLoops(operands, attributes, results);
  const gates = loops.temporary("gates", loops.hidden);
  return loops.routine([{ buffer: loops.h, from: operands.h0, to: results.h }], (at) => [
    ...loops.multiply(at, gates, loops.h, 0, loops.hidden, (n) => loops.projected(at, n)),
    eachIndex("j", loops.hidden, (j) => loops.emit(at, j, loops.activation(at.d, 0, loops.gate(gates, at, 0, j)))),
  ]);
}

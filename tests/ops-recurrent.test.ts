import { expect } from "chai";
import fc from "fast-check";
import { OpError } from "../ir/diagnostic.ts";
import { Gru, Lstm, Rnn } from "../ir/ops/recurrent.ts";
import { activate, activationDefaults, activationNames } from "../ir/ops/recurrent-activation.ts";
import { constant } from "../ir/expr.ts";
import { evaluateOp, type Result } from "./evaluate-op.ts";
import type { Given } from "./run-op.ts";
import { size } from "./tables.ts";

type Vector = readonly number[];
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Numbers that look random and are the same every time. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 1073741824 - 1;
  };
}

/** A layer's data, f64. */
class Layer {
  private readonly next: () => number;
  constructor(
    readonly gates: number,
    readonly directions: number,
    seed: number,
    readonly time = 4,
    readonly batch = 2,
    readonly input = 3,
    readonly hidden = 5,
  ) {
    this.next = noise(seed);
  }
  tensor(...shape: number[]): Given & { readonly values: Vector } {
    return { dtype: "f64", shape, values: Array.from({ length: size(shape) }, this.next) };
  }
  readonly width = (): number => this.gates * this.hidden;
  readonly x = (): Given & { readonly values: Vector } => this.tensor(this.time, this.batch, this.input);
  readonly state = (): Given & { readonly values: Vector } => this.tensor(this.directions, this.batch, this.hidden);
}

type Numbers = { readonly values: Vector };

/** One step for one sequence: the next state from the old one; `pre(g, h)` is gate `g` before its activation for a state `h`. */
type Cell<S> = (
  state: S,
  at: {
    d: number;
    j: number;
    pre: (gate: number, h: Vector) => number;
    inputPart: (gate: number) => number;
    hiddenPart: (gate: number, h: Vector) => number;
  },
) => S;

interface Run {
  readonly layer: Layer;
  readonly x: Numbers;
  readonly w: Numbers;
  readonly r: Numbers;
  readonly b: Numbers;
  readonly lengths: readonly number[];
  readonly direction: "forward" | "reverse" | "bidirectional";
}

/** The layer by its textbook formulas; states are lists of [h, ...] per unit. */
function textbook(
  run: Run,
  initial: (d: number, b: number) => Vector[],
  cell: (all: Vector[], at: Parameters<Cell<unknown>>[1]) => number[],
): { y: number[]; states: number[][] } {
  const { layer: l, x, w, r, b: bias } = run;
  const y = new Array<number>(l.time * l.directions * l.batch * l.hidden).fill(0);
  const states: number[][] = [];
  for (let d = 0; d < l.directions; d++)
    for (let b = 0; b < l.batch; b++) {
      let state = initial(d, b);
      const backward = run.direction === "reverse" || d === 1;
      for (let s = 0; s < run.lengths[b]!; s++) {
        const t = backward ? run.lengths[b]! - 1 - s : s;
        const next = Array.from({ length: l.hidden }, (_, j) => {
          const column = (gate: number): number => gate * l.hidden + j;
          const inputPart = (gate: number): number => {
            let sum = bias.values[d * l.width() + column(gate)]!;
            for (let i = 0; i < l.input; i++)
              sum += x.values[(t * l.batch + b) * l.input + i]! * w.values[(d * l.input + i) * l.width() + column(gate)]!;
            return sum;
          };
          const hiddenPart = (gate: number, h: Vector): number =>
            h.reduce((sum, v, k) => sum + v * r.values[(d * l.hidden + k) * l.width() + column(gate)]!, 0);
          return cell(state, { d, j, inputPart, hiddenPart, pre: (gate, h) => inputPart(gate) + hiddenPart(gate, h) });
        });
        state = state.map((_, k) => next.map((unit) => unit[k]!));
        state[0]!.forEach((v, j) => (y[((t * l.directions + d) * l.batch + b) * l.hidden + j] = v));
      }
      state.forEach((v, k) => (states[k] ??= []).push(...v));
    }
  return { y, states };
}

function expectClose(got: Result, want: readonly number[]): void {
  expect(got.values.length).to.equal(want.length);
  got.values.forEach((v, i) => expect(v, `element ${i}`).to.be.closeTo(want[i]!, 1e-12));
}

const slice = (v: Numbers, d: number, b: number, l: Layer): Vector =>
  v.values.slice((d * l.batch + b) * l.hidden, (d * l.batch + b + 1) * l.hidden);
const directions = ["forward", "reverse", "bidirectional"] as const;
const repeat = <T>(list: readonly T[], count: number): T[] => Array.from({ length: count }, () => list).flat();
const parameters = (names: readonly string[], count: number) => {
  const activations = repeat(names, count);
  const of = (pick: "alpha" | "beta"): number[] => activations.map((name) => activationDefaults(name)[pick] ?? 0);
  return { activations, alphas: of("alpha"), betas: of("beta") };
};
const lengthsOf = (list: readonly number[]): Given => ({ dtype: "i32", shape: [list.length], values: list });

/** Every case: direction, seed, lengths of the two sequences. */
const cases = fc.tuple(
  fc.constantFrom(...directions),
  fc.integer({ min: 1, max: 1e6 }),
  fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })),
);

describe("recurrent layers", () => {
  it("lstm computes the textbook's gates, with peepholes, in every direction and for every length", () => {
    fc.assert(
      fc.property(cases, fc.boolean(), ([direction, seed, lengths], input_forget) => {
        const l = new Layer(4, direction === "bidirectional" ? 2 : 1, seed);
        const [x, w, r, b] = [l.x(), l.tensor(l.directions, l.input, 20), l.tensor(l.directions, l.hidden, 20), l.tensor(l.directions, 20)];
        const [h0, c0, peepholes] = [l.state(), l.state(), l.tensor(l.directions, 15)];
        const want = textbook(
          { layer: l, x, w, r, b, lengths, direction },
          (d, n) => [slice(h0, d, n, l), slice(c0, d, n, l)],
          ([h, c], { d, j, pre }) => {
            const peep = (gate: number): number => peepholes.values[d * 15 + gate * 5 + j]!;
            const i = sigmoid(pre(0, h!) + peep(0) * c![j]!);
            const f = input_forget ? 1 - i : sigmoid(pre(1, h!) + peep(1) * c![j]!);
            const cell = f * c![j]! + i * Math.tanh(pre(2, h!));
            return [sigmoid(pre(3, h!) + peep(2) * cell) * Math.tanh(cell), cell];
          },
        );
        const attributes = { direction, input_forget, ...parameters(["sigmoid", "tanh", "tanh"], l.directions) };
        const got = evaluateOp(Lstm, { x, w, r, b, lengths: lengthsOf(lengths), h0, c0, peepholes }, attributes);
        expectClose(got[0]!, want.y);
        expectClose(got[1]!, want.states[0]!);
        expectClose(got[2]!, want.states[1]!);
      }),
      { numRuns: 12 },
    );
  });

  it("gru applies the reset gate before or after the product", () => {
    fc.assert(
      fc.property(cases, fc.boolean(), ([direction, seed, lengths], linear_before_reset) => {
        const l = new Layer(3, direction === "bidirectional" ? 2 : 1, seed);
        const [x, w, r, b] = [l.x(), l.tensor(l.directions, l.input, 15), l.tensor(l.directions, l.hidden, 15), l.tensor(l.directions, 15)];
        const [h0, new_bias] = [l.state(), l.tensor(l.directions, 5)];
        const run: Run = { layer: l, x, w, r, b, lengths, direction };
        const resetOf = (d: number, n: number, t: number, h: Vector): Vector =>
          h.map((_, j) => {
            let sum = b.values[d * 15 + 5 + j]!;
            for (let i = 0; i < l.input; i++) sum += x.values[(t * l.batch + n) * l.input + i]! * w.values[(d * l.input + i) * 15 + 5 + j]!;
            return sigmoid(h.reduce((acc, v, k) => acc + v * r.values[(d * l.hidden + k) * 15 + 5 + j]!, sum));
          });
        // The textbook needs the whole reset gate at once, so the sequence and the step ride along in the state.
        const want = textbook(
          run,
          (d, n) => [slice(h0, d, n, l), Array.from({ length: 5 }, () => n), Array.from({ length: 5 }, () => 0)],
          (state, { d, j, pre, inputPart, hiddenPart }) => {
            const [h, place, steps] = state as [Vector, Vector, Vector];
            const n = place[j]!;
            const t = direction === "reverse" || d === 1 ? lengths[n]! - 1 - steps[j]! : steps[j]!;
            const reset = resetOf(d, n, t, h);
            const extra = new_bias.values[d * 5 + j]!;
            const scaled = h.map((v, k) => v * reset[k]!);
            const fresh = Math.tanh(
              inputPart(2) + (linear_before_reset ? reset[j]! * (hiddenPart(2, h) + extra) : hiddenPart(2, scaled) + extra),
            );
            const update = sigmoid(pre(0, h));
            return [(1 - update) * fresh + update * h[j]!, n, steps[j]! + 1];
          },
        );
        const attributes = { direction, linear_before_reset, ...parameters(["sigmoid", "tanh"], l.directions) };
        const got = evaluateOp(Gru, { x, w, r, b, lengths: lengthsOf(lengths), h0, new_bias }, attributes);
        expectClose(got[0]!, want.y);
        expectClose(got[1]!, want.states[0]!);
      }),
      { numRuns: 12 },
    );
  });

  it("rnn clips what goes into its activation and starts from zero", () => {
    fc.assert(
      fc.property(cases, ([direction, seed]) => {
        const l = new Layer(1, direction === "bidirectional" ? 2 : 1, seed);
        const [x, w, r, b] = [l.x(), l.tensor(l.directions, l.input, 5), l.tensor(l.directions, l.hidden, 5), l.tensor(l.directions, 5)];
        const run: Run = { layer: l, x, w, r, b, lengths: [4, 4], direction };
        const want = textbook(
          run,
          () => [[0, 0, 0, 0, 0]],
          ([h], { pre }) => [Math.tanh(Math.max(-0.4, Math.min(0.4, pre(0, h!))))],
        );
        const got = evaluateOp(Rnn, { x, w, r, b }, { direction, clip: 0.4, ...parameters(["tanh"], l.directions) });
        expectClose(got[0]!, want.y);
        expectClose(got[1]!, want.states[0]!);
      }),
      { numRuns: 12 },
    );
  });

  it("know ONNX's activations", () => {
    const at = (name: string, x: number, alpha: number, beta: number): number => {
      const e = activate(name, alpha, beta, undefined, constant("f64", x));
      return e.kind === "const" ? Number(e.value) : NaN;
    };
    const want: Record<string, (x: number, a: number, b: number) => number> = {
      sigmoid,
      tanh: Math.tanh,
      relu: (x) => Math.max(0, x),
      affine: (x, a, b) => a * x + b,
      leaky_relu: (x, a) => (x < 0 ? a * x : x),
      thresholded_relu: (x, a) => (x >= a ? x : 0),
      scaled_tanh: (x, a, b) => a * Math.tanh(b * x),
      hard_sigmoid: (x, a, b) => Math.min(1, Math.max(0, a * x + b)),
      elu: (x, a) => (x < 0 ? a * (Math.exp(x) - 1) : x),
      softsign: (x) => x / (1 + Math.abs(x)),
      softplus: (x) => Math.log(1 + Math.exp(x)),
    };
    expect(Object.keys(want).sort()).to.eql([...activationNames].sort());
    for (const [name, f] of Object.entries(want)) {
      for (const x of [-2, -0.3, 0, 0.4, 3]) expect(at(name, x, 0.6, 0.2), `${name}(${x})`).to.be.closeTo(f(x, 0.6, 0.2), 1e-14);
    }
  });

  it("refuse weights, activations and lengths that do not fit", () => {
    const l = new Layer(1, 1, 1);
    const operands = { x: l.x(), w: l.tensor(1, 3, 5), r: l.tensor(1, 5, 5) };
    const attributes = parameters(["tanh"], 1);
    expect(() => evaluateOp(Rnn, { ...operands, w: l.tensor(1, 4, 5) }, attributes)).to.throw(OpError, "operand 'w' does not fit");
    expect(() => evaluateOp(Rnn, operands, parameters(["tanh"], 2))).to.throw(OpError, "a forward rnn has 1 activations");
    expect(() => evaluateOp(Rnn, operands, { activations: ["sine"], alphas: [0], betas: [0] })).to.throw(
      OpError,
      "there is no activation 'sine'",
    );
    expect(() => evaluateOp(Rnn, { ...operands, lengths: lengthsOf([1, 2, 3]) }, attributes)).to.throw(OpError);
  });
});

import { expect } from "chai";
import { Builder } from "../ir/define.ts";
import { OpError } from "../ir/diagnostic.ts";
import { extent } from "../ir/dim.ts";
import { Graph, type Value } from "../ir/graph.ts";
import { constantValue } from "../ir/ops/constant.ts";
import { Call, If, Loop, loopInputs } from "../ir/ops/control.ts";
import { Less } from "../ir/ops/compare.ts";
import { Add, Mul } from "../ir/ops/elementwise.ts";
import { NonZero } from "../ir/ops/select-data.ts";
import { SequenceAt, SequenceConstruct, SequenceInsert, SequenceLength } from "../ir/ops/sequence.ts";
import type { Scalar } from "../ir/scalar.ts";
import { formatType, tensor, type Type } from "../ir/type.ts";
import { type Evaluated, evaluateGraph, tensorResult } from "./evaluate-graph.ts";
import { expectRoundTrip } from "./round-trip.ts";

const f = (shape: readonly number[]): Type => tensor("f32", shape);
const scalar = (value: Scalar): Evaluated => tensorResult([], [value]);

/** A graph with inputs of the types, whose outputs the function gives. */
function graph(types: readonly Type[], outputs: (b: Builder, ...inputs: Value[]) => readonly Value[]): Graph {
  const g = new Graph("g");
  const inputs = types.map((t, i) => g.addInput(`in${i}`, t));
  g.setOutputs(outputs(new Builder(g), ...inputs));
  return g;
}

const numbers = (e: Evaluated | undefined): readonly number[] => (e?.kind === "tensor" ? e.elements.map(Number) : []);
const bool = (b: Builder, value: boolean): Value => constantValue(b, "bool", [], [value ? 1 : 0]);
const i64 = (b: Builder, value: number): Value => constantValue(b, "i64", [], [BigInt(value)]);

describe("if", () => {
  it("runs the branch that its condition chooses, which sees the values around it", () => {
    const main = graph([tensor("bool", []), f([2])], (b, condition, x) => [
      b.create(
        If,
        { condition },
        {
          then: graph([], (inner) => [inner.create(Add, { a: x, b: x })]),
          else: graph([], (inner) => [inner.create(Mul, { a: x, b: x })]),
        },
      ),
    ]);
    expectRoundTrip(main);
    expect(numbers(evaluateGraph(main, [scalar(1), tensorResult([2], [3, 4])])[0])).to.eql([6, 8]);
    expect(numbers(evaluateGraph(main, [scalar(0), tensorResult([2], [3, 4])])[0])).to.eql([9, 16]);
  });

  it("names the extents in which its branches differ", () => {
    const branch = (count: number): Graph =>
      graph([], (b) => [constantValue(b, "f32", [count], new Array<number>(count).fill(count)), i64(b, count)]);
    const main = graph([tensor("bool", [])], (b, condition) => {
      const [y] = b.createAll(If, { condition }, { then: branch(2), else: branch(3), extents: ["n"] });
      return [b.create(Add, { a: y!, b: y! })];
    });
    expect(formatType(main.outputs[0]!.type)).to.equal("f32[n]");
    expectRoundTrip(main);
    expect(numbers(evaluateGraph(main, [scalar(1)])[0])).to.eql([4, 4]);
    expect(numbers(evaluateGraph(main, [scalar(0)])[0])).to.eql([6, 6, 6]);
  });

  it("refuses branches of different types and conditions that are no bool scalar", () => {
    const create = (condition: Type, other: Type): Graph =>
      graph([condition, other, f([2])], (b, c, x, y) => [
        b.create(If, { condition: c }, { then: graph([], () => [x]), else: graph([], () => [y]) }),
      ]);
    expect(() => create(tensor("bool", [1]), f([2]))).to.throw(OpError, "the condition must be a bool scalar");
    expect(() => create(tensor("bool", []), f([2, 1]))).to.throw(OpError, "the branches give f32[2,1] and f32[2] as value 0");
    expect(() => create(tensor("bool", []), f([3]))).to.throw(OpError, "differ at 1 axes");
  });
});

describe("loop", () => {
  /** Adds x to the sum until it is 10 or more; keeps each sum. */
  const summing = (count: number | undefined, attributes: object): Graph =>
    graph([f([]), f([])], (b, start, x) => {
      const body = graph(loopInputs([f([])]), (inner, _i, _go, acc) => {
        const sum = inner.create(Add, { a: acc, b: x });
        return [inner.create(Less, { a: sum, b: constantValue(inner, "f32", [], [10]) }), sum, sum];
      });
      return b.createAll(Loop, { ...(count !== undefined && { count: i64(b, count) }), carried: [start] }, { body, ...attributes });
    });

  it("stops at its count or when its condition fails, and says how often it ran", () => {
    const main = summing(8, { extent: "steps", most: 8 });
    expect(main.outputs.map((v) => formatType(v.type))).to.eql(["f32[]", "f32[steps]", "i64[]"]);
    expectRoundTrip(main);
    expect(evaluateGraph(main, [scalar(1), scalar(4)]).map(numbers)).to.eql([[13], [5, 9, 13], [3]]);
    expect(evaluateGraph(main, [scalar(1), scalar(1)]).map(numbers)).to.eql([[9], [2, 3, 4, 5, 6, 7, 8, 9], [8]]);
  });

  it("holds more iterations than it may to be an error", () => {
    expect(() => evaluateGraph(summing(undefined, { extent: "steps", most: 2 }), [scalar(1), scalar(4)])).to.throw(
      "more than its capacity",
    );
  });

  it("swaps carried values at once", () => {
    const main = graph([f([]), f([])], (b, p, q) => {
      const body = graph(loopInputs([f([]), f([])]), (_inner, _i, go, x, y) => [go, y, x]);
      return b.createAll(Loop, { count: i64(b, 3), carried: [p, q] }, { body });
    });
    expect(evaluateGraph(main, [scalar(1), scalar(2)]).map(numbers)).to.eql([[2], [1]]);
  });

  it("takes an extent that its body produces", () => {
    const main = graph([f([4])], (b, x) => {
      const body = graph(loopInputs([tensor("i64", [])]), (inner, _i, go, acc) => {
        const [, count] = inner.createAll(NonZero, { x }, { extent: "found" });
        return [go, inner.create(Add, { a: acc, b: count! })];
      });
      return b.createAll(Loop, { count: i64(b, 3), carried: [i64(b, 0)] }, { body });
    });
    expectRoundTrip(main);
    expect(numbers(evaluateGraph(main, [tensorResult([4], [0, 1, 2, 0])])[0])).to.eql([6]);
  });

  it("refuses bodies that change types, and stacks without a number of iterations", () => {
    const create = (next: Type, attributes: object): Graph =>
      graph([f([2]), next], (b, x, y) =>
        b.createAll(Loop, { carried: [x] }, { body: graph(loopInputs([f([2])]), (_b, _i, go) => [go, y, y]), ...attributes }),
      );
    expect(() => create(f([3]), { steps: 1 })).to.throw(OpError, "carried value 0 changes its type in the loop");
    expect(() => create(f([2]), {})).to.throw(OpError, "needs 'steps' or 'extent'");
    expect(() => create(f([2]), { extent: "n" })).to.throw(OpError, "'extent' goes with 'most'");
    expect(create(f([2]), { steps: extent("n") }).outputs.map((v) => formatType(v.type))).to.eql(["f32[2]", "f32[n,2]"]);
  });
});

describe("call and sequences", () => {
  it("computes the body for its operands", () => {
    const body = graph([f([2]), f([2])], (b, x, y) => [b.create(Add, { a: x, b: y }), x]);
    const main = graph([f([2])], (b, x) => b.createAll(Call, { operands: [x, x] }, { body }));
    expectRoundTrip(main);
    expect(evaluateGraph(main, [tensorResult([2], [1, 2])]).map(numbers)).to.eql([
      [2, 4],
      [1, 2],
    ]);
  });

  it("hold what is put in, of one type up to named extents", () => {
    const element = tensor("f32", [extent("any")]);
    const main = graph([f([2]), f([1])], (b, x, y) => {
      const list = b.create(SequenceConstruct, { elements: [x] }, { element });
      const longer = b.create(SequenceInsert, { sequence: list, value: y, position: i64(b, 0) });
      return [b.create(SequenceAt, { sequence: longer, position: i64(b, -1) }), b.create(SequenceLength, { sequence: longer })];
    });
    expectRoundTrip(main);
    expect(evaluateGraph(main, [tensorResult([2], [1, 2]), tensorResult([1], [3])]).map(numbers)).to.eql([[1, 2], [2]]);
    expect(() => graph([f([2]), f([1])], (b, x, y) => [b.create(SequenceConstruct, { elements: [x, y] })])).to.throw(
      OpError,
      "does not fit the sequence",
    );
    expect(() => graph([], (b) => [b.create(SequenceConstruct, { elements: [] })])).to.throw(OpError, "needs the attribute 'element'");
    expect(() => graph([f([2])], (b, x) => [b.create(SequenceLength, { sequence: x })])).to.throw(OpError, "is not a sequence");
    expect(() =>
      graph([], (b) => [
        b.create(SequenceAt, { sequence: b.create(SequenceConstruct, { elements: [bool(b, true)] }), position: bool(b, true) }),
      ]),
    ).to.throw(OpError);
  });
});

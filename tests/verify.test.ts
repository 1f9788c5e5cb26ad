/** The verifier finds what is broken by hand. */
import { expect } from "chai";
import { memoryData } from "../ir/data.ts";
import { Builder, createOp } from "../ir/define.ts";
import { Graph, Op, Value } from "../ir/graph.ts";
import { unknownLocation } from "../ir/location.ts";
import { ConstantOp } from "../ir/ops/constant.ts";
import { If } from "../ir/ops/control.ts";
import { Matmul } from "../ir/ops/matmul.ts";
import { tensor } from "../ir/type.ts";
import { verifyGraph } from "../ir/verify.ts";
import { expectVerified } from "./round-trip.ts";

const square = tensor("f32", [2, 2]);

interface Sample {
  readonly graph: Graph;
  readonly x: Value;
  readonly y: Value;
  readonly z: Value;
  readonly branch: Graph;
  readonly chosen: Value;
}

/** `y = x * x; z = y * y; chosen = if c then y * x else x`. */
function sample(): Sample {
  const graph = new Graph("main");
  const [x, c] = [graph.addInput("x", square), graph.addInput("c", tensor("bool", []))];
  const b = new Builder(graph);
  const y = b.create(Matmul, { a: x, b: x });
  const z = b.create(Matmul, { a: y, b: y });
  y.name = "y";
  z.name = "z";
  const [branch, otherwise] = [new Graph("yes"), new Graph("no")];
  branch.setOutputs([new Builder(branch).create(Matmul, { a: y, b: x })]);
  otherwise.setOutputs([x]);
  const chosen = b.create(If, { condition: c }, { then: branch, else: otherwise });
  graph.setOutputs([z, chosen]);
  return { graph, x, y, z, branch, chosen };
}

/** Messages of what the verifier finds after `harm` was done to a good graph. */
function found(harm: (s: Sample) => void): string[] {
  const s = sample();
  harm(s);
  return verifyGraph(s.graph).map((d) => [d.message, d.expected, d.received].filter((t) => t !== undefined).join("; "));
}

describe("verifier", () => {
  it("accepts a good graph", () => {
    expectVerified(sample().graph);
  });

  it("finds a value used before it is defined", () => {
    const messages = found(({ graph, y, z }) => {
      const op = createOp(Matmul, { a: z, b: z }, {}, unknownLocation);
      graph.insert(op, y.op);
    });
    expect(messages).to.deep.equal(
      Array.from({ length: 2 }, (_, i) => `operand ${i} of 'matmul' is '%z', which is defined later, or in another graph`),
    );
  });

  it("finds a value of a region used outside", () => {
    const messages = found(({ graph, z, branch }) => {
      z.op!.setOperand(0, branch.outputs[0]);
      graph.setOutputs([branch.outputs[0]!]);
    });
    expect(messages).to.deep.equal([
      "operand 0 of 'matmul' is result 0 of 'matmul', which is defined later, or in another graph",
      "output 0 is result 0 of 'matmul', which is defined in a region that is not around it",
    ]);
  });

  it("finds a value whose op was removed", () => {
    const messages = found(({ graph, y, x }) => {
      const op = createOp(Matmul, { a: x, b: x }, {}, unknownLocation);
      graph.replaceUses(y, op.result);
    });
    expect(messages[0]).to.equal("operand 0 of 'matmul' is '%y', which is defined by an op that was removed");
  });

  it("finds wrong types", () => {
    expect(found(({ z }) => (z.type = tensor("f32", [2, 3])))).to.deep.equal(["result 0 of 'matmul' has another type; f32[2,2]; f32[2,3]"]);
    expect(found(({ x }) => (x.type = tensor("f32", [3, 2])))[0]).to.equal("cannot multiply f32[3,2] by f32[3,2]");
    expect(found(({ z }) => z.op!.results.push(new Value(square, z.op!, 1, "")))).to.deep.equal([
      "'matmul' has another number of results; 1; 2",
    ]);
  });

  it("finds uses that are not noted, and noted uses that are not", () => {
    expect(found(({ y }) => y.uses.clear())).to.deep.equal(["'%y' does not know its use by 'matmul'"]);
    expect(found(({ z, y }) => z.uses.add({ user: y.op!, index: 0 }))).to.deep.equal(["'%z' has 2 uses noted, but 1 slots hold it"]);
    expect(found(({ graph, chosen }) => chosen.uses.delete([...chosen.uses].find((u) => u.user === graph)!))).to.deep.equal([
      "result 0 of 'if' does not know its use by a graph's outputs",
    ]);
  });

  it("finds a list out of order", () => {
    expect(found(({ y }) => (y.op!.order = 1e9))).to.include("the op 'matmul' has an order key out of order");
    expect(found(({ z }) => (z.op!.previous = undefined))[0]).to.equal("the op 'matmul' names another op as the one before it");
    expect(found(({ y, z }) => (z.op!.next = y.op))).to.include("the op 'matmul' has an order key out of order");
    expect(found(({ z, branch }) => (z.op!.graph = branch))).to.include("the op 'matmul' stands in a list that is not its graph's");
  });

  it("finds a region whose parent is another op", () => {
    expect(found(({ branch, y }) => (branch.parent = y.op))).to.deep.equal(["the region 'yes' names another op as its parent"]);
  });

  it("finds wrong operands and attributes", () => {
    expect(found(({ z }) => z.op!.setOperand(1, undefined))).to.deep.equal(["operand 1 of 'matmul' is missing"]);
    const add = (graph: Graph, op: Op): void => {
      op.results.push(new Value(square, op, 0, ""));
      graph.insert(op);
    };
    expect(found(({ graph, x }) => add(graph, new Op(Matmul, [x], {}, unknownLocation)))).to.deep.equal([
      "'matmul' has another number of operands; 2; 1",
    ]);
    expect(found(({ graph, x }) => add(graph, new Op(Matmul, [x, x], { alpha: 1 }, unknownLocation)))).to.deep.equal([
      "'matmul' has no attribute 'alpha'",
    ]);
    expect(found(({ graph }) => add(graph, new Op(ConstantOp, [], {}, unknownLocation)))).to.deep.equal([
      "attribute 'data' of 'constant' has the wrong value; data",
    ]);
    const short = { data: { type: square, data: memoryData(new Uint8Array(8)) } };
    expect(found(({ graph }) => add(graph, new Op(ConstantOp, [], short, unknownLocation)))).to.deep.equal([
      "attribute 'data' of 'constant' has another size than its type; 16 bytes for f32[2,2]; 8 bytes",
    ]);
  });
});

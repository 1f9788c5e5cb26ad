/** Dialect 1.1 of MindIR has only operators that MindSpore 1.1 had: others are made of those, or refused by name. */
import { expect } from "chai";
import { exportMindir } from "../frontend/mindir/export.ts";
import { readMindir } from "../frontend/mindir/read.ts";
import { MemorySource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import { parseGraph } from "../ir/text/parse.ts";

type Dialect = "1.1" | "2";

/** The operators of the file, constants left out; or the ops that are refused. */
function written(ops: string, types: string, dialect: Dialect): readonly string[] {
  const text = `graph @main(%x: f32[4], %y: f32[4], %i: i32[4], %b: bool[4]) -> (${types}) {\n  ${ops}\n  return %z\n}\n`;
  try {
    const { files } = exportMindir(parseGraph(text, "text"), { name: "model", dialect });
    const model = readMindir(new MemorySource("model.mindir", Buffer.concat([...files[0]!.content])));
    const primitives = new Map(model.primitives.map((p) => [`REF::${p.name}`, p.opType]));
    return model.graph.node.map((n) => primitives.get(n.opType) ?? n.opType).filter((name) => name !== "Constant");
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    return e.diagnostics.map((d) => `refused: ${d.op}`);
  }
}

const cases: readonly (readonly [ops: string, types: string, two: readonly string[], one: readonly string[]])[] = [
  ["%z = mish(%x) : f32[4]", "f32[4]", ["Mish"], ["Softplus", "Tanh", "Mul"]],
  ["%z = trunc(%x) : f32[4]", "f32[4]", ["Trunc"], ["Less", "Ceil", "Floor", "Select"]],
  ["%z = xor(%b, %b) : bool[4]", "bool[4]", ["LogicalXor"], ["NotEqual"]],
  ["%z = mul_no_nan(%x, %y) : f32[4]", "f32[4]", ["MulNoNan"], ["Equal", "Mul", "BroadcastTo", "Select"]],
  ["%z = shift_left(%i, %i) : i32[4]", "i32[4]", ["LeftShift"], ["refused: shift_left"]],
  ['%z = einsum(%x, %y) {equation = "i,i->"} : f32[]', "f32[]", ["MakeTuple", "Einsum"], ["refused: einsum"]],
];

describe("MindIR export: operators of 1.1", () => {
  for (const [ops, types, two, one] of cases) {
    it(ops.replace(/^%z = (\w+).*/, "$1"), () => {
      expect(written(ops, types, "2"), "2").to.deep.equal(two);
      expect(written(ops, types, "1.1"), "1.1").to.deep.equal(one);
    });
  }
});

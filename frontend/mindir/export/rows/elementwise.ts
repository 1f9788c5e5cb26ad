/** Arithmetic element by element. */
import * as op from "../../../../ir/ops/elementwise.ts";
import { Cast } from "../../../../ir/ops/cast.ts";
import { isFloat } from "../../../../ir/type.ts";
import { biasOf } from "../fuse.ts";
import { literal } from "../graph-writer.ts";
import { type NamedRow, row, same, since2 } from "../row.ts";

const two = { input_names: ["x", "y"], output_names: ["output"] };

/** An addition to the channels of a product or convolution is `BiasAdd`. */
const add = row(op.Add, ({ a, b }, _attributes, n) => {
  const bias = biasOf(n.op);
  return bias
    ? n.node("BiasAdd", [a, bias], { format: "NCHW", input_names: ["x", "b"], output_names: ["output"] })
    : n.node("Add", [a, b], two);
});

/** Integers divide as C does. */
const div = row(op.Div, ({ a, b }, _attributes, n) => {
  if (!isFloat(a.tensor.dtype)) return n.node("TruncateDiv", [a, b], two);
  return n.node(n.dialect === "1.1" ? "RealDiv" : "Div", [a, b], two);
});

/** A value that the file has in the wanted type already needs no node. */
const cast = row(Cast, ({ x }, { to }, n) => {
  const raw = n.writer.raw(x);
  if (raw.dtype === to) return { ref: raw.ref };
  return n.node("Cast", [x, literal(n.writer.model.dialect.typeInput(to))], { input_names: ["x", "dst_type"], output_names: ["output"] });
});

export const elementwiseRows: readonly NamedRow[] = [
  row(op.Pow, ({ a, b }, _attributes, n) => (a.tensor.dtype === b.tensor.dtype ? n.node("Pow", [a, b], two) : n.cannot("of two types"))),
  row(op.Round, ({ x }, _attributes, n) => n.node("Round", n.dialect === "1.1" ? [x] : [x, literal(0)])),
  add,
  div,
  cast,
  ...same([
    [op.Sub, "Sub"],
    [op.Mul, "Mul"],
    [op.Max, "Maximum"],
    [op.Min, "Minimum"],
    [op.Abs, "Abs"],
    [op.Neg, "Neg"],
    [op.Exp, "Exp"],
    [op.Log, "Log"],
    [op.Sqrt, "Sqrt"],
    [op.Rsqrt, "Rsqrt"],
    [op.Square, "Square"],
    [op.Reciprocal, "Reciprocal"],
    [op.Floor, "Floor"],
    [op.Ceil, "Ceil"],
    [op.Sign, "Sign"],
    [op.Sin, "Sin"],
    [op.Cos, "Cos"],
    [op.Tan, "Tan"],
    [op.Asin, "Asin"],
    [op.Acos, "ACos"],
    [op.Atan, "Atan"],
    [op.Sinh, "Sinh"],
    [op.Cosh, "Cosh"],
    [op.Tanh, "Tanh"],
    [op.Asinh, "Asinh"],
    [op.Acosh, "Acosh"],
    [op.Atanh, "Atanh"],
    [op.Erf, "Erf"],
    [op.Erfc, "Erfc"],
    [op.Expm1, "Expm1"],
    [op.Log1p, "Log1p"],
    [op.Atan2, "Atan2"],
    [op.FloorDiv, "FloorDiv"],
    [op.FloorMod, "FloorMod"],
    [op.Rem, "Mod"],
    [op.DivNoNan, "DivNoNan"],
    [op.SquaredDifference, "SquaredDifference"],
    [op.Xlogy, "Xlogy"],
    [op.Xdivy, "Xdivy"],
  ]),
  ...since2(
    ...same([
      [op.MulNoNan, "MulNoNan"],
      [op.Trunc, "Trunc"],
    ]),
  ),
];

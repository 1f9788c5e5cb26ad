/** The way back from a max pool. */
import { choice, dims } from "../attribute.ts";
import { defineOp, operand } from "../define.ts";
import { OpError } from "../diagnostic.ts";
import * as dim from "../dim.ts";
import { and, binary, constant, convert, i64, index, le, load, lt, toDim, variable } from "../expr.ts";
import { forAll, ifThen, letVar, store } from "../loop.ts";
import { computeType, formatType, isInteger, sameShape, tensor } from "../type.ts";

export const MaxUnpool = defineOp({
  name: "max_unpool",
  summary:
    "Zeros with the elements of `x` at the positions `indices`, which count in a tensor of the shape `indexed` or in each of its planes (ONNX MaxUnpool, MindSpore MaxUnpool2D); positions outside are dropped.",
  operands: { x: operand, indices: operand },
  attributes: {
    shape: dims(undefined, "shape of the result"),
    indexed: dims([], "the shape that positions count in; none: that of the result"),
    within: choice(["tensor", "plane"], "tensor"),
  },
  infer({ x, indices }, { shape, indexed }) {
    if (!isInteger(indices.dtype) || !sameShape(x.shape, indices.shape))
      throw new OpError(`${formatType(indices)} are no positions of ${formatType(x)}`);
    if (shape.length !== x.shape.length || (indexed.length > 0 && indexed.length !== shape.length))
      throw new OpError(`the result's shape does not fit ${formatType(x)}`, "bad-attribute");
    return tensor(x.dtype, shape);
  },
  routine({ operands: { x, indices }, attributes: { shape, indexed, within }, results: [y] }) {
    const source = indexed.length > 0 ? indexed : shape;
    const first = within === "plane" ? 2 : 0;
    const position = variable("position", "i64");
    const coordinates = source.slice(first).map((extent, d) => {
      const behind = binary("div", position, index(dim.product(source.slice(first + d + 1))));
      return d === 0 ? behind : binary("rem", behind, index(extent));
    });
    const names = coordinates.map((_, d) => variable(`at${d}`, "i64"));
    const inside = and(...names.map((i, d) => lt(i, index(shape[first + d]!))));
    return {
      body: [
        ...forAll(shape, (at) => [store(y!, at, constant(computeType(y!.dtype), 0))]),
        ...forAll(x.shape, (at) => [
          letVar("position", convert(load(indices, at), "i64")),
          ...coordinates.map((c, d) => letVar(`at${d}`, c)),
          ifThen(and(le(i64(0), position), inside), [store(y!, [...at.slice(0, first), ...names.map(toDim)], load(x, at))]),
        ]),
      ],
    };
  },
});

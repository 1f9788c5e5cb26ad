/** `Constant`: the one operator whose value is its attribute. */
import type { Lowerings, NodeContext } from "../node.ts";
import type { Value } from "../../../ir/graph.ts";

const given = (n: NodeContext): string | undefined =>
  n.node.attribute.find((a) => a.name.startsWith("value") || a.name === "sparse_value")?.name;

function lowerConstant(n: NodeContext): Value {
  const name = given(n);
  switch (name) {
    case "value":
      return n.stored(n.tensor(name) ?? n.unsupported("the attribute 'value' is no tensor", "bad-attribute"));
    case "sparse_value":
      return n.stored(n.sparseTensor(name) ?? n.unsupported("the attribute 'sparse_value' is no sparse tensor", "bad-attribute"));
    case "value_float":
      return n.scalar("f32", n.float(name));
    case "value_floats":
      return n.constant("f32", [n.floats(name).length], n.floats(name));
    case "value_int":
      return n.scalar("i64", n.bigints(name)[0]!);
    case "value_ints":
      return n.constant("i64", [n.bigints(name).length], n.bigints(name));
    case undefined:
      return n.unsupported("it has no value", "bad-attribute");
    default:
      return n.unsupported("constants of strings are not supported", "unsupported-type");
  }
}

export const constantLowerings: Lowerings = { Constant: lowerConstant };

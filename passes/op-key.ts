/** Keys of ops: equal for ops that compute the same from equal operands. */
import type { Attribute, Constant } from "../ir/attribute.ts";
import type { AttributeSpecs } from "../ir/define.ts";
import { type Dim, dimKey } from "../ir/dim.ts";
import type { Op } from "../ir/graph.ts";
import { formatType, type Type } from "../ir/type.ts";

/** Bytes of a constant at each end that its key holds. */
export const edgeBytes = 64;
/** The key of a larger constant is its place; it is not read. */
export const mostComparedBytes = 1 << 24;

/** The op's name and attributes, or others in their place, without its operands. Graphs among the attributes are not told apart. */
export function attributesKey(op: Op, attributes: Readonly<Record<string, unknown>> = op.attributes): string {
  const specs = Object.entries(op.definition.attributes as AttributeSpecs) as [string, Attribute<unknown>][];
  return `${op.name}{${specs.map(([name, spec]) => `${name}=${attributeKey(spec, attributes[name])}`).join(";")}}`;
}

function attributeKey(spec: Attribute<unknown>, value: unknown): string {
  if (value === undefined) return "";
  switch (spec.kind) {
    case "dim":
      return dimKey(value as Dim);
    case "dims":
      return (value as readonly Dim[]).map(dimKey).join(",");
    case "pairs":
      return (value as readonly (readonly Dim[])[]).map((p) => p.map(dimKey).join(":")).join(",");
    case "type":
      return formatType(value as Type);
    case "float":
      return floatKey(value as number);
    case "floats":
      return (value as readonly number[]).map(floatKey).join(",");
    case "data":
      return constantKey(value as Constant);
    case "graph":
      return "";
    default:
      return JSON.stringify(value);
  }
}

const floatKey = (x: number): string => (Object.is(x, -0) ? "-0" : String(x));

/** Type and outermost bytes of a constant. */
function constantKey({ type, data }: Constant): string {
  const { source, offset, byteLength } = data;
  if (byteLength > mostComparedBytes) return `${formatType(type)}@${source.name}:${offset}`;
  const edge = Math.min(edgeBytes, byteLength);
  const ends = [source.read(offset, edge), source.read(offset + byteLength - edge, edge)];
  return `${formatType(type)}${ends.map((bytes) => String.fromCharCode(...bytes)).join("|")}`;
}

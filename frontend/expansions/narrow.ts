/** Constants of 2 and 4 bits and of 8-bit floats, which few formats have, as the wider type that they are converted to. */
import type { Constant } from "../../ir/attribute.ts";
import type { TensorData } from "../../ir/data.ts";
import { isOp } from "../../ir/define.ts";
import { Cast } from "../../ir/ops/cast.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { readElements, writeElements } from "../../ir/storage.ts";
import { byteSize, type DType, isFloat, tensor } from "../../ir/type.ts";
import { ComputedSource } from "../bytes.ts";
import { expansion, type NamedExpansion } from "./expander.ts";

/** Whether a type has one byte per element in memory and is neither an integer of 8 bits nor a bool. */
const isNarrow = (dtype: DType): boolean => dtype !== "string" && byteSize(dtype) === 1 && !["i8", "u8", "bool"].includes(dtype);

/** The elements in another type, by a table of all there are, worked out when they are read. */
function converted({ source, offset, byteLength }: TensorData, from: DType, to: DType): TensorData {
  const every = readElements(
    from,
    Uint8Array.from({ length: 256 }, (_, i) => i),
  );
  const size = byteSize(to);
  const table = writeElements(to, every.map(Number));
  const read = (at: number, length: number): Uint8Array => {
    const first = Math.floor(at / size);
    const last = Math.ceil((at + length) / size);
    const elements = source.read(offset + first, last - first);
    const bytes = new Uint8Array((last - first) * size);
    elements.forEach((e, i) => bytes.set(table.subarray(e * size, (e + 1) * size), i * size));
    return bytes.subarray(at - first * size, at - first * size + length);
  };
  return { source: new ComputedSource(source.name, byteLength * size, read), offset: 0, byteLength: byteLength * size };
}

const narrow = expansion(Cast, ({ x }, { to }, e) => {
  const { dtype, shape } = x.tensor;
  if (!isOp(x.op, ConstantOp) || !isNarrow(dtype) || !isFloat(to) || isNarrow(to)) return undefined;
  const { data } = x.op.attributes["data"] as Constant;
  const wide = e.create(ConstantOp, {}, { data: { type: tensor(to, shape), data: converted(data, dtype, to) } });
  wide.name = x.name;
  return wide;
});

export const narrowExpansions: readonly NamedExpansion[] = [narrow];

/** Elements narrower than a byte lie in a byte each here, and several in a byte in ONNX: the first one in the low bits. */
import type { Constant } from "../../../ir/attribute.ts";
import type { ByteSource, TensorData } from "../../../ir/data.ts";
import type { DType } from "../../../ir/type.ts";

const narrowBits: Partial<Record<DType, number>> = { i4: 4, u4: 4, f4e2m1: 4, i2: 2, u2: 2 };

/** Packs what is read; nothing is held. */
class PackedSource implements ByteSource {
  readonly size: number;

  constructor(
    private readonly data: TensorData,
    private readonly bits: number,
  ) {
    this.size = Math.ceil((data.byteLength * bits) / 8);
  }

  get name(): string {
    return this.data.source.name;
  }

  read(offset: number, length: number): Uint8Array {
    const perByte = 8 / this.bits;
    const first = offset * perByte;
    const count = Math.min(length * perByte, this.data.byteLength - first);
    const elements = this.data.source.read(this.data.offset + first, count);
    const packed = new Uint8Array(length);
    const mask = 2 ** this.bits - 1;
    elements.forEach((e, i) => (packed[Math.floor(i / perByte)]! |= (e & mask) << ((i % perByte) * this.bits)));
    return packed;
  }
}

/** The constant's bytes as ONNX's `raw_data` has them. */
export function packedData({ type, data }: Constant): TensorData {
  const bits = narrowBits[type.dtype];
  if (bits === undefined) return data;
  const source = new PackedSource(data, bits);
  return { source, offset: 0, byteLength: source.size };
}

/** Constants in one file beside the model. */
import type { Constant } from "../../../ir/attribute.ts";
import { pieces, type TensorData } from "../../../ir/data.ts";
import type { ExportedFile } from "../../exported.ts";
import { inMessage, type Store } from "./messages.ts";
import { packedData } from "./packed.ts";

/** Smaller ones stay in the model: readers want the sizes and axes among them at hand. */
const leastExternal = 1024;
/** Pages, so that readers can map what they need. */
const alignment = 4096;

const padding = new Uint8Array(alignment);

export class ExternalStore {
  private readonly parts: { readonly offset: number; readonly data: TensorData }[] = [];
  private end = 0;

  constructor(private readonly fileName: string) {}

  readonly store: Store = (value: Constant) => {
    const data = packedData(value);
    if (data.byteLength < leastExternal) return inMessage(value);
    const offset = Math.ceil(this.end / alignment) * alignment;
    this.parts.push({ offset, data });
    this.end = offset + data.byteLength;
    const entries = { location: this.fileName, offset: String(offset), length: String(data.byteLength) };
    return { externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })), dataLocation: 1 };
  };

  /** The file, where anything went there. */
  get files(): readonly ExportedFile[] {
    return this.parts.length === 0 ? [] : [{ name: this.fileName, content: { [Symbol.iterator]: () => this.content() } }];
  }

  private *content(): Generator<Uint8Array, void, undefined> {
    let at = 0;
    for (const { offset, data } of this.parts) {
      if (offset > at) yield padding.subarray(0, offset - at);
      yield* pieces(data);
      at = offset + data.byteLength;
    }
  }
}

/** The file while it is written: tensors, nodes, graphs, and the constants that go into a file beside it. */
import { pieces, type TensorData } from "../../../ir/data.ts";
import type { FlatMessage } from "../../flatbuffers-reader.ts";
import { writeFlatBuffer } from "../../flatbuffers-writer.ts";
import type { ExportedFile } from "../../exported.ts";
import { externalHead, externalMagic } from "../external-data.ts";
import { liteSchema } from "../read.ts";

/** What the files say of who wrote them: the version whose schema they have. */
const version = "MindSpore Lite 2.2.0";
/** MINDIR, among the numbers of source frameworks. */
const framework = 3;

export interface QuantMessage extends FlatMessage {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly numBits: number;
  readonly inited: true;
}

export interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly format: string;
  readonly data?: TensorData;
  readonly quantParams?: readonly QuantMessage[];
}

interface NodeMessage extends FlatMessage {
  readonly inputIndex: readonly number[];
  readonly outputIndex: readonly number[];
}

export interface SubGraphMessage {
  readonly name: string;
  readonly inputIndices: readonly number[];
  readonly outputIndices: readonly number[];
  readonly nodeIndices: readonly number[];
  readonly tensorIndices: readonly number[];
}

/** Kinds of tensors: variables and constants of the file, results of nodes. */
const [valueNode, resultNode] = [0, 2];

export class ModelMessage {
  private readonly tensors: TensorMessage[] = [];
  private readonly nodes: NodeMessage[] = [];
  private readonly names = new Map<string, number>();
  private readonly graphs: SubGraphMessage[] = [];

  /** A place for a graph that is still to be made. */
  reserveGraph(): number {
    return this.graphs.push({ name: "", inputIndices: [], outputIndices: [], nodeIndices: [], tensorIndices: [] }) - 1;
  }

  /** Fills a place: the graph has these nodes, and the tensors that they use. */
  setGraph(index: number, graph: Omit<SubGraphMessage, "tensorIndices">): void {
    const used = graph.nodeIndices.flatMap((i) => [...this.nodes[i]!.inputIndex, ...this.nodes[i]!.outputIndex]);
    const tensorIndices = [...new Set([...graph.inputIndices, ...used, ...graph.outputIndices])].sort((a, b) => a - b);
    this.graphs[index] = { ...graph, tensorIndices };
  }

  addTensor(t: TensorMessage): number {
    return this.tensors.push({ ...t, name: this.unique(t.name) }) - 1;
  }

  /** Gives a tensor without a name one; false where it has another. */
  rename(index: number, name: string): boolean {
    const t = this.tensors[index]!;
    if (t.name === name || name === "") return true;
    if (t.name !== "" || this.names.has(name)) return false;
    this.tensors[index] = { ...t, name: this.unique(name) };
    return true;
  }

  addNode(type: string, fields: FlatMessage, inputIndex: readonly number[], outputIndex: readonly number[], quantType: string): number {
    const name = `${type}-${this.nodes.length}`;
    return this.nodes.push({ name, primitive: { value: { type, fields } }, inputIndex, outputIndex, quantType }) - 1;
  }

  /** `name`, or `name_1`, `name_2`, ... where it is taken. */
  private unique(name: string): string {
    if (name === "") return "";
    const count = this.names.get(name);
    this.names.set(name, (count ?? 0) + 1);
    return count === undefined ? name : this.unique(`${name}_${count}`);
  }

  /** The files: the model, and its constants beside it where they have more than `externalAbove` bytes together. */
  files(name: string, inputs: readonly number[], outputs: readonly number[], externalAbove: number): ExportedFile[] {
    const bytes = this.tensors.reduce((sum, t) => sum + (t.data?.byteLength ?? 0), 0);
    const external = bytes > externalAbove ? `${name}.msw` : undefined;
    let offset = externalHead;
    const allTensors = this.tensors.map((t): FlatMessage => {
      const { data, ...message } = t;
      const nodeType = data ? valueNode : resultNode;
      if (!data || !external) return { ...message, nodeType, ...(data && { data }) };
      const at = offset;
      offset += data.byteLength;
      return { ...message, nodeType, externalData: [{ location: external, offset: at, length: data.byteLength }] };
    });
    const message = {
      version,
      fmkType: framework,
      inputIndex: inputs,
      outputIndex: outputs,
      nodes: this.nodes,
      allTensors,
      subGraph: this.graphs,
    };
    const room = (external ? 0 : bytes) + 4096 + 256 * (this.nodes.length + this.tensors.length);
    const model = writeFlatBuffer(liteSchema(2), message, room);
    const file = { name: `${name}.ms`, content: [model] };
    return external ? [file, { name: external, content: this.externalContent(model[0]!) }] : [file];
  }

  /** A head that tells by the model's first byte which model it belongs to, then the constants one after the other. */
  private *externalContent(check: number): Generator<Uint8Array, void, undefined> {
    const head = new Uint8Array(externalHead);
    const view = new DataView(head.buffer);
    view.setUint32(0, externalMagic, true);
    view.setUint32(4, check, true);
    yield head;
    for (const { data } of this.tensors) if (data) yield* pieces(data);
  }
}

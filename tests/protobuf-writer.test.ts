/** What `MessageWriter` writes is what protobufjs writes, and what our reader reads again. */
import { expect } from "chai";
import { ComputedSource } from "../frontend/bytes.ts";
import { MessageWriter } from "../frontend/protobuf-writer.ts";
import { Schema } from "../frontend/protobuf.ts";
import { MemorySource } from "../ir/data.ts";
import { encodeMessage } from "./messages.ts";

const joined = (parts: Iterable<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat([...parts]));

describe("MessageWriter", () => {
  const tensor = {
    dims: [2, 0, 300],
    dataType: 7,
    int64Data: ["-1", "5", "9007199254740993"],
    name: "größe",
    rawData: Uint8Array.of(1, 2, 255),
  };

  it("writes the same bytes as protobufjs", () => {
    const ours = joined(
      new MessageWriter("onnx.proto", "onnx").write("TensorProto", { ...tensor, int64Data: [-1n, 5, 9007199254740993n] }),
    );
    expect(ours).to.deep.equal(encodeMessage("onnx.proto", "onnx.TensorProto", tensor));
  });

  it("nests, keeps presence and leaves defaults out", () => {
    const attribute = (i: unknown): object => ({ type: 2, i, ints: [0, -(2 ** 40)], floats: [0.5, Infinity] });
    const graph = (i: unknown): object => ({ name: "g", node: [{ opType: "A", input: ["", "x"], attribute: [attribute(i)] }, {}] });
    const ours = joined(new MessageWriter("onnx.proto", "onnx").write("GraphProto", graph(0n)));
    expect(ours).to.deep.equal(encodeMessage("onnx.proto", "onnx.GraphProto", graph("0") as Record<string, unknown>));
  });

  it("streams payloads without holding them", () => {
    const size = 5 * 2 ** 30;
    let most = 0;
    const source = new ComputedSource("zeros", size, (_offset, length) => {
      most = Math.max(most, length);
      return new Uint8Array(Math.min(length, 1));
    });
    const message = { name: "w", rawData: { source, offset: 0, byteLength: size } };
    let pieces = 0;
    for (const piece of new MessageWriter("onnx.proto", "onnx").write("TensorProto", message)) pieces += piece.length > 0 ? 1 : 0;
    expect(pieces).to.be.greaterThan(60);
    expect(most).to.be.at.most(2 ** 26);
  });

  it("writes what the reader reads", () => {
    const schema = new Schema("onnx.proto", "onnx", new Set());
    const bytes = joined(new MessageWriter("onnx.proto", "onnx").write("TensorProto", { dims: [3], name: "a", floatData: [1, NaN, -0] }));
    const read = schema.read<{ dims: number[]; name: string; floatData: number[] }>("TensorProto", new MemorySource("m", bytes));
    expect([read.dims, read.name, read.floatData]).to.deep.equal([[3], "a", [1, NaN, -0]]);
  });
});

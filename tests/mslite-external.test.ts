/** Weights of MindSpore Lite models in a file beside them: written and read, and refused where they lie. */
import { expect } from "chai";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileSource } from "../frontend/bytes.ts";
import { exportLite } from "../frontend/mslite/export.ts";
import { importLite } from "../frontend/mslite/import.ts";
import { readLite } from "../frontend/mslite/read.ts";
import { MemorySource } from "../ir/data.ts";
import { CompileError } from "../ir/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { evaluateGraph, type TensorResult } from "./evaluate-graph.ts";
import { encodeHuffman } from "./lite-codecs.ts";
import { dims, parameter, real, some, withConstant } from "./lite-files.ts";

const layer = `graph @layer(%x: f32[1,2,2,2]) -> (f32[1,3,2,2]) {
  %w = constant() {data = dense<[[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]], [[[5.0]], [[6.0]]]]>} : f32[3,2,1,1]
  %b = constant() {data = dense<[0.5, 0.25, 0.125]>} : f32[3]
  %y = conv(%x, %w, b=%b) : f32[1,3,2,2]
  return %y
}
`;

/** A head such as files of weights have, and the elements 0, 1, 2, ... after it. */
function weights(count: number): Uint8Array {
  const bytes = new Uint8Array(4096 + 4 * count);
  new DataView(bytes.buffer).setUint32(0, 0x12345678, true);
  bytes.set(new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer), 4096);
  return bytes;
}

describe("MindSpore Lite: weights beside the model", () => {
  const root = mkdtempSync(join(tmpdir(), "sinter-msw-"));
  const folder = join(root, "model");
  const save = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const graphAt = (path: string): Graph => importLite(readLite(new FileSource(path))).graph;
  const zeros: TensorResult = { kind: "tensor", shape: dims, elements: new Array<number>(20).fill(0) };
  /** The elements of a constant in the file `w.msw`. */
  const elementsOf = (constant: object): number[] => {
    const [y] = evaluateGraph(graphAt(save("w.ms", withConstant({ dataType: 43, ...constant }, dims))), [zeros]) as TensorResult[];
    return y!.elements.map(Number);
  };
  const located = (more: object): object => ({ externalData: [{ location: "w.msw", offset: 4096, length: 80, ...more }] });

  before(() => {
    mkdirSync(join(folder, "sub"), { recursive: true });
    save("w.msw", weights(20));
    writeFileSync(join(root, "secret.msw"), weights(20));
    save("plain.msw", weights(20).fill(0, 0, 4));
    symlinkSync(join(root, "secret.msw"), join(folder, "link.msw"));
    symlinkSync(root, join(folder, "up"));
    linkSync(join(root, "secret.msw"), join(folder, "hard.msw"));
  });
  after(() => rmSync(root, { recursive: true }));

  it("are written after a head, and read back", () => {
    const { files } = exportLite(parseGraph(layer, "layer.sir"), { name: "layer", externalAbove: 0 });
    expect(files.map((f) => f.name)).to.deep.equal(["layer.ms", "layer.msw"]);
    const [model, data] = files.map((f) => Buffer.concat([...f.content]));
    expect([data!.readUInt32LE(0), data!.readUInt32LE(4)]).to.deep.equal([0x12345678, model![0]]);
    save("layer.msw", data!);
    const path = save("layer.ms", model!);
    const { allTensors } = readLite(new FileSource(path)).graph;
    const held = allTensors.filter((t) => t.externalData.length > 0);
    expect(allTensors.every((t) => t.data.byteLength === 0)).to.equal(true);
    expect(held.every((t) => t.externalData[0]!.offset >= 4096)).to.equal(true);
    expect(held.reduce((sum, t) => sum + t.externalData[0]!.length, 4096)).to.equal(data!.length);
    const x: TensorResult = { kind: "tensor", shape: [1, 2, 2, 2], elements: [1, 2, 3, 4, 5, 6, 7, 8] };
    expect(evaluateGraph(graphAt(path), [x])).to.deep.equal(evaluateGraph(parseGraph(layer, "layer.sir"), [x]));
  });

  it("stay in the model below the limit", () => {
    const { files } = exportLite(parseGraph(layer, "layer.sir"), { name: "layer" });
    expect(files.map((f) => f.name)).to.deep.equal(["layer.ms"]);
  });

  it("are a range of the file, to its end where no length is told", () => {
    const ramp = Array.from({ length: 20 }, (_, i) => i);
    expect(elementsOf(located({}))).to.deep.equal(ramp);
    expect(elementsOf({ externalData: [{ location: "w.msw", offset: 4096 }] })).to.deep.equal(ramp);
  });

  it("may be compressed", () => {
    const coded = encodeHuffman(some);
    const file = new Uint8Array(4096 + coded.length);
    file.set(weights(0));
    file.set(coded, 4096);
    save("coded.msw", file);
    const more = { dataType: 32, enableHuffmanCode: true, quantParams: [parameter({})] };
    const found = elementsOf({ ...located({ location: "coded.msw", length: coded.length }), ...more });
    expect(found).to.deep.equal(some.map(real));
  });

  it("are none of inputs that have a place of no bytes there", () => {
    const path = save("inputs.ms", withConstant({ dataType: 43, ...located({}) }, dims, located({ length: 0 })));
    expect(graphAt(path).inputs.map((v) => v.name)).to.deep.equal(["x"]);
  });

  const lies: readonly (readonly [what: string, constant: object, why: RegExp])[] = [
    ["an absolute path", located({ location: "/etc/passwd" }), /not inside the model's folder/],
    ["the folder above", located({ location: "../secret.msw" }), /not inside the model's folder/],
    ["the folder above, on the way", located({ location: "sub/../../secret.msw" }), /not inside the model's folder/],
    ["a symbolic link", located({ location: "link.msw" }), /leads through a symbolic link/],
    ["a symbolic link on the way", located({ location: "up/secret.msw" }), /leads through a symbolic link/],
    ["a hard link", located({ location: "hard.msw" }), /is a hard link/],
    ["a folder", located({ location: "sub" }), /is not a file/],
    ["no name", located({ location: "" }), /not inside the model's folder/],
    ["a missing file", located({ location: "none.msw" }), /cannot be read/],
    ["a file of another kind", located({ location: "plain.msw" }), /is no file of weights/],
    ["an offset below zero", located({ offset: -4096 }), /begins at -4096/],
    ["an offset inside the head", located({ offset: 64 }), /begins at 64/],
    ["an offset past the end", located({ offset: 2 ** 40 }), /outside the file/],
    ["an offset that no file has", located({ offset: 2 ** 62 }), /begins at \d+|outside the file/],
    ["a length past the end", located({ length: 2 ** 40 }), /outside the file/],
    ["a length below zero", located({ length: -2 }), /has -2 bytes/],
    ["a length that is not the shape's", located({ length: 40 }), /has 40 bytes/],
    ["two places", { externalData: [1, 2].map(() => ({ location: "w.msw", offset: 4096, length: 80 })) }, /in 2 places/],
  ];
  for (const [what, constant, why] of lies) {
    it(`are refused by one diagnostic: ${what}`, () => {
      const path = save("lie.ms", withConstant({ dataType: 43, ...constant }, dims));
      let error: unknown;
      try {
        graphAt(path);
      } catch (e) {
        error = e;
      }
      expect(error).to.be.instanceOf(CompileError);
      const { diagnostics } = error as CompileError;
      expect(diagnostics).to.have.length(1);
      expect(diagnostics[0]!.message).to.match(why);
      expect(["external-data", "truncated"]).to.include(diagnostics[0]!.code);
    });
  }

  it("are refused of a model that is no file", () => {
    const bytes = withConstant({ dataType: 43, ...located({}) }, dims);
    expect(() => importLite(readLite(new MemorySource("memory.ms", bytes)))).to.throw(CompileError, /which cannot be reached/);
  });
});

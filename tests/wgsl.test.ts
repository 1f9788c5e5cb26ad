/** Printed shaders in Dawn: all are valid; on a software device they compute what the JavaScript target does. */
import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { optimize } from "../codegen/compile.ts";
import type { Program } from "../codegen/program.ts";
import { printShader } from "../codegen/wgsl/print.ts";
import { wgslTarget } from "../codegen/wgsl/target.ts";
import { importModel } from "../frontend/import.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { asAtom, type Extent, extent, loop, type Loop } from "../ir/dim.ts";
import * as x from "../ir/expr.ts";
import { forLoop, type LoopNest, store } from "../ir/loop.ts";
import { parseGraph } from "../ir/text/parse.ts";
import { wgslProgram } from "./print-wgsl.ts";
import { hasDawn, hasDevice, WebGpu } from "./webgpu.ts";
import { differences, operationCases } from "./wgsl-operations.ts";
import { compareWithJs, fromGpu, toGpu, valuesFor } from "./wgsl-runner.ts";

const folder = join("tests", "cases", "wgsl");

/** The programs of the file tests; those of refused graphs are left out. */
function programs(): { name: string; program: Program }[] {
  return readdirSync(folder)
    .filter((f) => f.endsWith(".test") && !f.startsWith("refused"))
    .map((name) => {
      const [input] = readFileSync(join(folder, name), "utf8").split("// ---- expected\n");
      return { name, program: wgslProgram(parseGraph(input!, name)) };
    });
}

if (!hasDawn) console.log("left out: WGSL in Dawn ('tests/wgsl/node_modules' is not there: npm ci --prefix tests/wgsl)");
else {
  describe("wgsl in Dawn", () => {
    let gpu: WebGpu;
    before(async () => {
      gpu = await WebGpu.open(false);
    });
    after(() => {
      gpu.close();
    });
    for (const { name, program } of programs()) {
      it(`${name} is valid`, async () => {
        for (const k of program.kernels) expect(await gpu.problems(printShader(k.nest).text)).deep.equal([]);
      });
    }
    for (const width of [1, 4]) {
      it(`every operation is valid, ${width} lanes`, async () => {
        for (const c of operationCases(width)) expect(await gpu.problems(printShader(c.nest).text), c.name).deep.equal([]);
      });
    }
    it("finds what is wrong", async () => {
      expect(await gpu.problems("fn f() -> i32 { return 1.5f; }")).not.deep.equal([]);
    });
  });
}

if (hasDawn && !hasDevice) console.log("left out: running WGSL (no SwiftShader: name vk_swiftshader_icd.json in SINTER_VULKAN_ICD)");
if (hasDevice) {
  describe("wgsl on SwiftShader", () => {
    let gpu: WebGpu;
    before(async () => {
      gpu = await WebGpu.open(true);
    });
    after(() => {
      gpu.close();
    });
    for (const { name, program } of programs()) {
      it(`${name} agrees with JavaScript`, () => compareWithJs(gpu, program));
    }
    it("the digits model agrees with JavaScript", async () => {
      const { graph } = await importModel(join("examples", "digits", "digits.onnx"), {});
      optimize(graph, wgslTarget, { name: "digits" }, new Diagnostics());
      await compareWithJs(gpu, wgslProgram(graph));
    });
    for (const width of [1, 4]) {
      it(`every operation on edge values, ${width} lanes`, async () => {
        const wrong: string[] = [];
        for (const c of operationCases(width)) wrong.push(...(await differences(c, gpu)));
        expect(wrong.slice(0, 20)).deep.equal([]);
      });
    }
    it("a kernel of more workgroups than fit along x", async () => {
      const n = extent("n");
      const buffers = [x.makeBuffer("x0", "f32", []), x.makeBuffer("y1", "f32", [])] as const;
      const i = loop("i", n);
      const nest: LoopNest = {
        name: "k",
        params: buffers.map((buffer, k) => ({ buffer, access: k === 0 ? "read" : "write" })),
        extents: [asAtom(n) as Extent],
        body: [forLoop(asAtom(i) as Loop, [store(buffers[1], [i], x.neg(x.load(buffers[0], [i])))], "parallel")],
      };
      const values = valuesFor("f32", 1000);
      const { text } = printShader(nest);
      const [bytes] = await gpu.run({
        shader: text,
        workgroups: [5, 4, 1],
        bindings: [
          { bytes: toGpu("f32", values), kind: "read" },
          { bytes: toGpu("f32", values), kind: "write" },
          { bytes: new Uint8Array(Int32Array.of(1000).buffer), kind: "uniform" },
        ],
      });
      expect(fromGpu("f32", bytes!)).deep.equal(values.map((v) => -Number(v)));
    });
  });
}

/**
 * Dawn in this process: validates shaders without a device, and runs them where there is one. `tests/wgsl` installs it
 * (`npm ci --prefix tests/wgsl`); SwiftShader, a device in software, comes with Debian's chromium-common:
 * SINTER_VULKAN_ICD names its `vk_swiftshader_icd.json`, and the Vulkan loader is libvulkan1.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** What we use of WebGPU's interfaces. */
interface GpuBuffer {
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}
interface GpuModule {
  getCompilationInfo(): Promise<{
    readonly messages: readonly { readonly type: string; readonly message: string; readonly lineNum: number }[];
  }>;
}
interface GpuPipeline {
  getBindGroupLayout(index: number): unknown;
}
interface GpuPass {
  setPipeline(p: GpuPipeline): void;
  setBindGroup(index: number, group: unknown): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}
interface GpuEncoder {
  beginComputePass(): GpuPass;
  copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, size: number): void;
  finish(): unknown;
}
interface GpuDevice {
  createShaderModule(d: { readonly code: string }): GpuModule;
  createComputePipelineAsync(d: { readonly layout: "auto"; readonly compute: { readonly module: GpuModule } }): Promise<GpuPipeline>;
  createBuffer(d: { readonly size: number; readonly usage: number }): GpuBuffer;
  createBindGroup(d: unknown): unknown;
  createCommandEncoder(): GpuEncoder;
  readonly queue: { writeBuffer(b: GpuBuffer, offset: number, data: Uint8Array): void; submit(commands: readonly unknown[]): void };
  pushErrorScope(filter: "validation"): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  destroy(): void;
}
interface Gpu {
  requestAdapter(): Promise<{ requestDevice(): Promise<GpuDevice> } | null>;
}
interface Dawn {
  readonly create: (options: readonly string[]) => Gpu;
}

const dawnFile = resolve("tests", "wgsl", "node_modules", "webgpu", "index.js");
const icd = process.env["SINTER_VULKAN_ICD"] ?? "/usr/lib/chromium/vk_swiftshader_icd.json";

export const hasDawn = existsSync(dawnFile);
export const hasDevice = hasDawn && existsSync(icd);

const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 };

/** One dispatch: the bytes of every binding, of which those marked are read back. */
export interface Dispatch {
  readonly shader: string;
  readonly workgroups: readonly [number, number, number];
  readonly bindings: readonly { readonly bytes: Uint8Array; readonly kind: "read" | "write" | "uniform" }[];
}

/** A device; without Vulkan one that validates and computes nothing. */
export class WebGpu {
  private constructor(
    private readonly device: GpuDevice,
    /** What Dawn must not lose while the device is in use. */
    readonly owners: readonly unknown[],
  ) {}

  static async open(run: boolean): Promise<WebGpu> {
    if (run) {
      process.env["VK_ICD_FILENAMES"] = icd;
      process.env["XDG_RUNTIME_DIR"] ??= "/tmp";
    }
    const { create } = (await import(pathToFileURL(dawnFile).href)) as Dawn;
    const gpu = create(run ? ["backend=vulkan"] : ["backend=null"]);
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new Error("there is no adapter");
    return new WebGpu(await adapter.requestDevice(), [gpu, adapter]);
  }

  close(): void {
    this.device.destroy();
  }

  /** What is wrong with the shader; nothing when it is valid. */
  async problems(shader: string): Promise<string[]> {
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ code: shader });
    const { messages } = await module.getCompilationInfo();
    const error = await this.device.popErrorScope();
    const found = messages.filter((m) => m.type === "error").map((m) => `${m.lineNum}: ${m.message}`);
    return error && found.length === 0 ? [error.message] : found;
  }

  /** Runs one shader; the bytes of the bindings that it writes, in order. */
  async run({ shader, workgroups, bindings }: Dispatch): Promise<Uint8Array[]> {
    const { device } = this;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: shader });
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const buffers = bindings.map(({ bytes, kind }) => this.upload(bytes, kind === "uniform" ? usage.uniform : usage.storage));
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...workgroups);
    pass.end();
    const reads = bindings.flatMap(({ bytes, kind }, i) => {
      if (kind !== "write") return [];
      const size = Math.max(16, bytes.byteLength);
      const target = device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget });
      encoder.copyBufferToBuffer(buffers[i]!, 0, target, 0, size);
      return [{ target, size: bytes.byteLength }];
    });
    device.queue.submit([encoder.finish()]);
    const error = await device.popErrorScope();
    if (error) throw new Error(`${error.message}\n${shader}`);
    const results: Uint8Array[] = [];
    for (const { target, size } of reads) {
      await target.mapAsync(1);
      results.push(new Uint8Array(target.getMappedRange().slice(0, size)));
      target.unmap();
      target.destroy();
    }
    for (const b of buffers) b.destroy();
    return results;
  }

  private upload(bytes: Uint8Array, kind: number): GpuBuffer {
    const buffer = this.device.createBuffer({ size: Math.max(16, bytes.byteLength), usage: kind | usage.copySource | usage.copyTarget });
    this.device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  }
}

/** Memory plans: no two buffers share memory while both hold something. */
import { expect } from "chai";
import fc from "fast-check";
import { checkPlan, lifetimes, planMemory, type UnplacedBuffer } from "../codegen/plan-memory.ts";
import type { Step } from "../codegen/program.ts";
import { extent, mul } from "../ir/dim.ts";

const bufferCount = 8;

const buffer: fc.Arbitrary<UnplacedBuffer> = fc.record({
  name: fc.constant("b"),
  dtype: fc.constantFrom("f32" as const, "i8" as const, "f64" as const),
  shape: fc.constant([]),
  capacity: fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    fc.integer({ min: 1, max: 4 }).map((k) => mul(k, extent("n"))),
  ),
});

const index = fc.integer({ min: 0, max: bufferCount - 1 });
const { steps } = fc.letrec<{ steps: Step[]; step: Step }>((tie) => ({
  steps: fc.array(tie("step"), { minLength: 1, maxLength: 6 }),
  step: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.uniqueArray(index, { minLength: 1, maxLength: 3 }).map((args): Step => ({ kind: "run", kernel: 0, args, extents: [] })),
    fc.record({ kind: fc.constant("copy" as const), from: index, to: index }),
    fc.record({ kind: fc.constant("if" as const), condition: index, then: tie("steps"), else: tie("steps") }),
    fc.record({ kind: fc.constant("loop" as const), iteration: index, condition: index, steps: tie("steps") }),
  ),
}));

describe("memory plans", () => {
  it("keep apart what lives at the same time", () => {
    fc.assert(
      fc.property(fc.array(buffer, { minLength: bufferCount, maxLength: bufferCount }), steps, (buffers, list) => {
        const plan = planMemory(buffers, list);
        expect(checkPlan(plan.buffers, list)).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  it("share memory when they may", () => {
    const buffers: UnplacedBuffer[] = [64, 64, 64, 64].map((capacity) => ({ name: "b", dtype: "f32", shape: [], capacity }));
    const chain: Step[] = [0, 1, 2].map((k) => ({ kind: "run", kernel: 0, args: [k, k + 1], extents: [] }));
    expect(planMemory(buffers, chain).slots).to.deep.equal([512]);
  });

  it("are made quickly of tens of thousands of buffers", function () {
    this.timeout(20_000);
    const count = 20_000;
    const buffers = Array.from({ length: count }, (_, i): UnplacedBuffer => ({
      name: "b",
      dtype: "f32",
      shape: [],
      capacity: 16 + ((i * 7919) % 5000),
    }));
    const held = 20;
    const chain = Array.from({ length: count - 1 }, (_, k): Step => ({ kind: "run", kernel: 0, args: [k, k + 1, k % held], extents: [] }));
    const [bytes] = planMemory(buffers, chain).slots;
    expect(bytes).to.be.at.most((held + 4) * 4 * 5016);
  });

  it("keep what a loop reads from outside until it ends", () => {
    const run = (...args: number[]): Step => ({ kind: "run", kernel: 0, args, extents: [] });
    const loop: Step = { kind: "loop", iteration: 3, steps: [run(0, 1), run(1, 2)] };
    const lives = lifetimes([run(0), loop, run(2)]);
    const end = Math.max(lives.get(1)!.last, lives.get(2)!.first);
    expect(lives.get(0)!.last).to.be.at.least(end);
    expect(lives.get(2)!.first, "what leaves the loop survives its later iterations").to.be.at.most(lives.get(1)!.first);
  });
});

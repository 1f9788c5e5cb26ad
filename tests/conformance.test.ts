/** Some of ONNX's own tests of operators, and all on the interpreter; `npm run conformance -- --target TARGET` takes all. */
import { expectSample } from "./conformance/sample.ts";

describe("ONNX's tests of operators", function () {
  this.timeout(600_000);

  it("pass on the interpreter, which other tests trust", () => expectSample("interpret", 1, 1600));

  for (const target of ["air", "mindir", "mindir-1.1", "ms"]) it(`pass by way of a file, ${target}`, () => expectSample(target, 29, 45));
});

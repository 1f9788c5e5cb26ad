/** That the comparison of networks with recordings finds what differs; and the networks that nobody recorded. */
import { expect } from "chai";
import { findNetwork } from "../frontend/networks/index.ts";
import { conv2d, dense, flatten, relu, sigmoid } from "../frontend/networks/layers.ts";
import { buildNetwork, type BuiltNetwork, defineNetwork, seededParameters } from "../frontend/networks/network.ts";
import type { Cell } from "../frontend/networks/cell.ts";
import type { Graph, Value } from "../ir/graph.ts";
import { difference } from "./networks/equal.ts";
import { expectVerified } from "./round-trip.ts";

const image = (c: Cell): Value => c.input("image", "f32", [1, 4, 6, 6]);

function graphOf(build: (c: Cell) => Value | readonly Value[]): Graph {
  const definition = defineNetwork({ name: "test", summary: "", options: {}, build });
  return buildNetwork(definition, {}, seededParameters(1)).graph;
}

const plain = (c: Cell): Value => relu(c, conv2d(c.at("b"), conv2d(c.at("a"), image(c), 4, { kernel: 3 }), 4, { kernel: 3 }));

describe("the comparison of networks with recordings", () => {
  const differs = (build: (c: Cell) => Value | readonly Value[]): string | undefined => difference(graphOf(plain), graphOf(build));

  it("finds nothing between equal ones", () => {
    expect(differs(plain)).to.equal(undefined);
  });

  it("tells ops apart", () => {
    const swapped = (c: Cell): Value => sigmoid(c, conv2d(c.at("b"), conv2d(c.at("a"), image(c), 4, { kernel: 3 }), 4, { kernel: 3 }));
    expect(differs(swapped)).to.match(/relu.* is not sigmoid/);
  });

  it("tells attributes apart", () => {
    const dilated = (c: Cell): Value =>
      relu(c, conv2d(c.at("b"), conv2d(c.at("a"), image(c), 4, { kernel: 3 }), 4, { kernel: 3, dilation: 2 }));
    expect(differs(dilated)).to.match(/dilations=.* is not .*dilations=\[2,2\]/);
  });

  it("tells parameters of one type apart", () => {
    const exchanged = (c: Cell): Value => relu(c, conv2d(c.at("a"), conv2d(c.at("b"), image(c), 4, { kernel: 3 }), 4, { kernel: 3 }));
    expect(differs(exchanged)).to.match(/constant/);
  });

  it("tells inputs apart", () => {
    const two = (first: boolean) => (c: Cell) => {
      const [a, b] = [image(c), c.input("other", "f32", [1, 4, 6, 6])];
      return dense(c, flatten(c, first ? a : b), 2);
    };
    expect(difference(graphOf(two(true)), graphOf(two(false)))).to.match(/input/);
  });

  it("tells a value used twice from two", () => {
    const conv = (c: Cell, name: string): Value => conv2d(c.at(name), c.graph.inputs[0] ?? image(c), 4, { kernel: 3 });
    const shared = (c: Cell): readonly Value[] => {
      const y = conv(c, "a");
      return [y, relu(c, y)];
    };
    const separate = (c: Cell): readonly Value[] => [conv(c, "a"), relu(c, conv(c, "b"))];
    expect(difference(graphOf(shared), graphOf(separate))).to.not.equal(undefined);
  });
});

describe("networks that nobody recorded", () => {
  const built = (name: string, options: Record<string, string | number>): BuiltNetwork =>
    buildNetwork(findNetwork(name)!, options, seededParameters(1));
  /** Elements of the parameters that training changes. */
  const trained = ({ parameters }: BuiltNetwork): number =>
    parameters
      .filter(({ name }) => !/\.moving_(mean|variance)$/.test(name))
      .reduce((sum, { type }) => sum + (type.shape as readonly number[]).reduce((a, b) => a * b, 1), 0);

  // As He et al. 2016 have them with 1000 classes; the figures are those that torchvision's documentation states.
  for (const [name, count] of [
    ["resnet18", 11_689_512],
    ["resnet34", 21_797_672],
    ["resnet50", 25_557_032],
    ["resnet101", 44_549_160],
    ["resnet152", 60_192_808],
  ] as const) {
    it(`${name} has ${count} parameters to train`, () => {
      const network = built(name, { classes: 1000 });
      expectVerified(network.graph);
      expect(trained(network)).to.equal(count);
    });
  }

  // Sandler et al. 2018; PyTorch Image Models states 1.97 and 6.11 million.
  for (const [width, count] of [
    ["0.5", 1_968_680],
    ["1.4", 6_108_776],
  ] as const) {
    it(`mobilenetv2 of width ${width} has ${count} parameters to train`, () => {
      expect(trained(built("mobilenetv2", { width }))).to.equal(count);
    });
  }

  it("resnet18 has MindSpore's names", () => {
    const names = built("resnet18", {}).parameters.map((p) => p.name);
    expect(names).to.include.members(["conv1.weight", "bn1.gamma", "layer1.0.bn1d.beta", "layer2.0.conv2.weight", "layer4.1.bn2d.gamma"]);
    expect(names.filter((name) => name.startsWith("layer2.0.down_sample_layer."))).to.deep.equal([
      "layer2.0.down_sample_layer.0.weight",
      "layer2.0.down_sample_layer.1.moving_mean",
      "layer2.0.down_sample_layer.1.moving_variance",
      "layer2.0.down_sample_layer.1.gamma",
      "layer2.0.down_sample_layer.1.beta",
    ]);
  });
});

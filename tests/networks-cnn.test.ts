/** The convolutional classifiers, and networks like them, against what MindSpore recorded of its own. */
import { findNetwork } from "../frontend/networks/index.ts";
import { expectRecorded } from "./networks/equal.ts";
import { RecordedNetwork } from "./networks/recorded.ts";
import { withRecordings } from "./shared-models.ts";

/** Recordings by name: the network and its options. */
const recordings: readonly (readonly [recording: string, network: string, options: Readonly<Record<string, string | number>>])[] = [
  ["lenet", "lenet", {}],
  ["alexnet_cifar10", "alexnet", {}],
  ["alexnet_imagenet", "alexnet", { image: 224, classes: 1000 }],
  ["vgg16_cifar10", "vgg16", { batch: 64 }],
  ["vgg16_imagenet", "vgg16", { batch: 32, classes: 1000, norm: "none", dtype: "f16" }],
  ["resnet50_imagenet", "resnet50", {}],
  ["resnet50_cifar10", "resnet50", { classes: 10 }],
  ["resnet101_imagenet", "resnet101", {}],
  ["se_resnet50_imagenet", "se_resnet50", {}],
  ["resnext50", "resnext50", {}],
  ["resnext50_gpu", "resnext50", { platform: "gpu" }],
  ["densenet121", "densenet121", { batch: 32 }],
  ["googlenet_imagenet", "googlenet", {}],
  ["googlenet_cifar10", "googlenet", { classes: 10 }],
  ["inceptionv3", "inceptionv3", { batch: 128 }],
  ["mobilenetv2", "mobilenetv2", {}],
  ["squeezenet", "squeezenet", { batch: 32 }],
  ["squeezenet_residual_imagenet", "squeezenet_residual", { batch: 32 }],
  ["unet", "unet", {}],
  ["cnnctc", "cnnctc", { batch: 256 }],
];

withRecordings("networks against MindSpore's recordings", (folder) => {
  describe("networks: convolutional", () => {
    for (const [recording, network, options] of recordings) {
      it(`${network} is the recorded ${recording}`, () => {
        expectRecorded(findNetwork(network)!, options, new RecordedNetwork(folder, recording));
      });
    }
  });
});

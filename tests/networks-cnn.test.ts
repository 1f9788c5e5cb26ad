/** The convolutional classifiers, and networks like them, against what MindSpore recorded of its own. */
import { describeNetworks } from "./networks/suite.ts";

describeNetworks("convolutional", [
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
]);

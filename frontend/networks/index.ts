/** The networks by name. */
import { lenet } from "./lenet.ts";
import { alexnet } from "./alexnet.ts";
import { vgg16 } from "./vgg.ts";
import { resnet18, resnet34, resnet50, resnet101, resnet152, seResnet50 } from "./resnet.ts";
import { bertBase, bertCls, bertNer, bertPretrain, bertSquad, tinybert } from "./bert.ts";
import { bgcf } from "./bgcf.ts";
import { gat } from "./gat.ts";
import { gcn } from "./gcn.ts";
import { mass } from "./mass.ts";
import { ncf } from "./ncf.ts";
import { transformer } from "./transformer.ts";
import { wideAndDeep } from "./wide-and-deep.ts";
import { resnext50 } from "./resnext.ts";
import { densenet121 } from "./densenet.ts";
import { googlenet } from "./googlenet.ts";
import { mobilenetv2 } from "./mobilenetv2.ts";
import { squeezenet, squeezenetResidual } from "./squeezenet.ts";
import { unet } from "./unet.ts";
import { cnnctc } from "./cnnctc.ts";
import { inceptionv3 } from "./inceptionv3.ts";
import { ssd } from "./ssd.ts";
import { yolov3Darknet53, yolov3Resnet18 } from "./yolov3.ts";
import { yolov4 } from "./yolov4.ts";
import { centerface } from "./centerface.ts";
import { deeplabv3 } from "./deeplabv3.ts";
import { psenet } from "./psenet.ts";
import { fasterRcnn, maskRcnn } from "./rcnn.ts";
import type { AnyNetwork } from "./network.ts";

export const networks: readonly AnyNetwork[] = [
  lenet,
  alexnet,
  vgg16,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  seResnet50,
  bertBase,
  bertCls,
  bertNer,
  bertSquad,
  bertPretrain,
  tinybert,
  bgcf,
  gat,
  gcn,
  mass,
  ncf,
  transformer,
  wideAndDeep,
  resnext50,
  densenet121,
  googlenet,
  mobilenetv2,
  squeezenet,
  squeezenetResidual,
  unet,
  cnnctc,
  inceptionv3,
  ssd,
  yolov3Darknet53,
  yolov3Resnet18,
  yolov4,
  centerface,
  deeplabv3,
  psenet,
  fasterRcnn,
  maskRcnn,
];

export const findNetwork = (name: string): AnyNetwork | undefined => networks.find((n) => n.name === name);

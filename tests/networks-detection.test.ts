/** Networks that detect and segment, against what MindSpore recorded of its own. */
import { describeNetworks } from "./networks/suite.ts";

describeNetworks("detection and segmentation", [
  ["ssd", "ssd", {}],
  ["yolov3_darknet53", "yolov3_darknet53", {}],
  ["yolov3_resnet18", "yolov3_resnet18", {}],
  ["yolov4", "yolov4", {}],
  ["centerface", "centerface", {}],
  ["deeplabv3_s8", "deeplabv3", { stride: "8" }],
  ["deeplabv3_s16", "deeplabv3", {}],
  ["psenet", "psenet", {}],
  ["faster_rcnn", "faster_rcnn", {}],
  ["maskrcnn", "maskrcnn", {}],
]);

/** Networks that detect and segment, against what MindSpore recorded of its own. */
import { findNetwork } from "../frontend/networks/index.ts";
import { expectRecorded } from "./networks/equal.ts";
import { RecordedNetwork } from "./networks/recorded.ts";
import { withRecordings } from "./shared-models.ts";

/** Recordings by name: the network and its options. */
const recordings: readonly (readonly [recording: string, network: string, options: Readonly<Record<string, string | number>>])[] = [
  ["ssd", "ssd", {}],
  ["yolov3_darknet53", "yolov3_darknet53", {}],
  ["yolov3_resnet18", "yolov3_resnet18", {}],
  ["yolov4", "yolov4", {}],
  ["centerface", "centerface", {}],
  ["deeplabv3_s8", "deeplabv3", { stride: "8" }],
  ["deeplabv3_s16", "deeplabv3", {}],
  ["psenet", "psenet", {}],
];

withRecordings("networks against MindSpore's recordings", (folder) => {
  describe("networks: detection and segmentation", function () {
    this.timeout(60000);
    for (const [recording, network, options] of recordings) {
      it(`${network} is the recorded ${recording}`, () => {
        expectRecorded(findNetwork(network)!, options, new RecordedNetwork(folder, recording));
      });
    }
  });
});

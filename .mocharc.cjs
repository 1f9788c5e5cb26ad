const { availableParallelism } = require("node:os");

/** Files of tests run side by side, but few: some compile networks, which takes 2 GB. */
module.exports = {
  "node-option": ["enable-source-maps"],
  "fail-zero": true,
  timeout: 60000,
  parallel: true,
  jobs: Math.min(availableParallelism(), 4),
};

/** Custom nodes of ours: each holds one op as a graph in the text form. */

/** Tells our Custom nodes from others. */
export const customType = "sinter";
/** The attribute with the text. */
export const customGraphKey = "graph";

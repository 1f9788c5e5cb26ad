/** Huffman-coded weights: the codes as text, keys and codes with a `#` after each list, then the bits. */
import { OpError } from "../../ir/diagnostic.ts";
import { BitReader } from "./bit-reader.ts";

/** The key whose code ends the elements. */
const endKey = 128;
/** More codes than there are keys, or longer ones, are none. */
const mostCodes = 257;
const longestCode = 256;

interface Node {
  key?: number;
  readonly next: [Node | undefined, Node | undefined];
}

const hash = "#".charCodeAt(0);

/** The list of words that ends at the next `#` from `start`. */
function words(bytes: Uint8Array, start: number): { readonly list: readonly string[]; readonly end: number } {
  const end = bytes.indexOf(hash, start);
  if (end < 0 || end - start > mostCodes * (longestCode + 1)) throw new OpError("the table of codes has no end", "truncated");
  const text = String.fromCharCode(...bytes.subarray(start, end));
  return { list: text.split(" ").filter((w) => w !== ""), end: end + 1 };
}

function treeOf(keys: readonly string[], codes: readonly string[]): Node {
  if (keys.length !== codes.length || keys.length === 0 || keys.length > mostCodes)
    throw new OpError("the table of codes is not well formed", "syntax");
  const root: Node = { next: [undefined, undefined] };
  keys.forEach((key, i) => {
    const code = codes[i]!;
    if (!/^-?\d{1,3}$/.test(key) || !/^[01]+$/.test(code) || code.length > longestCode)
      throw new OpError("a code is not well formed", "syntax");
    let node = root;
    for (const bit of code) {
      const side = bit === "1" ? 1 : 0;
      node = node.next[side] ??= { next: [undefined, undefined] };
    }
    node.key = Number(key);
  });
  return root;
}

/** The integers, exactly `count`. */
export function decodeHuffman(bytes: Uint8Array, count: number): Int8Array {
  const keys = words(bytes, 0);
  const codes = words(bytes, keys.end);
  const root = treeOf(keys.list, codes.list);
  const reader = new BitReader(bytes.subarray(codes.end));
  const result = new Int8Array(count);
  for (let i = 0; ; i++) {
    let node: Node | undefined = root;
    while (node && node.key === undefined) node = node.next[reader.bit() as 0 | 1];
    if (!node) throw new OpError("bits that are no code", "syntax");
    if (node.key === endKey) {
      if (i !== count) throw new OpError(`${i} elements, not ${count}`, "truncated");
      return result;
    }
    if (i >= count) throw new OpError(`more than ${count} elements`, "truncated");
    result[i] = node.key!;
  }
}

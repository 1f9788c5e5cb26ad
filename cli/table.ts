/** Tables as text: columns two spaces apart, numbers to the right. */

const isNumber = (cell: string): boolean => /^[-+]?[\d,.]+( ?[a-zA-Z%]{1,6})?$/.test(cell);

/** Lines without a newline at the end; columns in which every cell is a number are aligned to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((h, c) => Math.max(h.length, ...rows.map((r) => r[c]!.length)));
  const isRight = head.map((_, c) => rows.length > 0 && rows.every((r) => r[c] === "" || isNumber(r[c]!)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => (isRight[c] ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join("  ")
      .trimEnd();
  return [head, ...rows].map(line).join("\n");
}

/** 1234567 as `1,234,567`. */
export const grouped = (n: number | bigint): string => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** Data as JSON, with 64-bit integers that fit as numbers and others, and what JSON lacks, as text. */
export const toJson = (value: unknown): string =>
  JSON.stringify(
    value,
    (_, v: unknown) => {
      if (typeof v === "bigint") return Number.isSafeInteger(Number(v)) ? Number(v) : String(v);
      return typeof v === "number" && !Number.isFinite(v) ? String(v) : v;
    },
    2,
  );

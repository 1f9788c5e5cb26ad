/** The commands in `docs/*.md`, block by block: they must run as they stand, beside `examples`; and the graphs there. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parsed } from "./file-commands.ts";

const main = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const docs = resolve("docs");

const blocksOf = (page: string, language: string): string[] =>
  [...readFileSync(join(docs, page), "utf8").matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map((m) => m[1]!);

describe("docs", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sinter-docs-"));
    symlinkSync(resolve("examples"), join(folder, "examples"));
    writeFileSync(join(folder, "sinter"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    chmodSync(join(folder, "sinter"), 0o755);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const page of readdirSync(docs).filter((f) => f.endsWith(".md"))) {
    blocksOf(page, "sh").forEach((block, i) => {
      it(`${page}, block ${i + 1}`, () => {
        const env = { ...process.env, PATH: `${folder}:${process.env["PATH"] ?? ""}` };
        execFileSync("sh", ["-e", "-c", block], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
      });
    });
  }

  it("text-form.md holds a graph", () => {
    for (const text of blocksOf("text-form.md", "text")) parsed(text, "text-form.md");
  });
});

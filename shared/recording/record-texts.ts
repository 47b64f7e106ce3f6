import type { Where } from "./findings.ts";
import { placeOfWhere } from "./findings.ts";
import type { NumberedFile } from "./read-recording.ts";
import { segmentLines } from "./segment-lines.ts";

/** Longer than any record of ours; more of a line is not shown. */
const mostBytes = 1 << 16;

/** Reads lines once more, to be shown; nothing is kept of them while recordings are judged. */
export async function readTexts(
  files: readonly NumberedFile[],
  places: readonly Where[],
): Promise<ReadonlyMap<Where, string>> {
  const wanted = new Map<number, Map<number, Where>>();
  for (const where of places) {
    const { file, line } = placeOfWhere(where);
    const lines = wanted.get(file);
    if (lines === undefined) wanted.set(file, new Map([[line, where]]));
    else lines.set(line, where);
  }
  const texts = new Map<Where, string>();
  for (const [file, lines] of wanted) await readLines(files[file]!, lines, texts);
  return texts;
}

async function readLines(
  file: NumberedFile,
  wanted: ReadonlyMap<number, Where>,
  texts: Map<Where, string>,
): Promise<void> {
  const last = Math.max(...wanted.keys());
  const decoder = new TextDecoder();
  for await (const lines of segmentLines(file.read())) {
    for (const { number, bytes } of lines) {
      const where = wanted.get(number);
      if (where !== undefined) texts.set(where, decoder.decode(bytes.subarray(0, mostBytes)));
      if (number === last) return;
    }
  }
}

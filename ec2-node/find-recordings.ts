import type { Dirent } from "node:fs";
import { createReadStream } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { RaftLiteError } from "../shared/errors.ts";
import type { RecordingFile } from "../shared/recording/read-recording.ts";
import { parseSegmentFileName } from "../shared/recording/segment-name.ts";

/** A cluster's directory holds its nodes', these hold their recordings: deeper than that nobody keeps them. */
const mostLevels = 5;
const chunkBytes = 1 << 18;

/**
 * The files of all recordings in `paths`: directories of recordings, directories that hold such, or single files. One
 * that is reached twice counts once. Throws `recording-not-found` and `recording-unreadable`, in one line; reading a file
 * throws `recording-unreadable`, and `recording-gone` when it was there and is not any more.
 */
export async function findRecordings(paths: readonly string[]): Promise<RecordingFile[]> {
  const files = new Map<string, RecordingFile>();
  for (const path of paths) {
    const found = await filesOf(path);
    if (found.length === 0) throw notFound(path);
    for (const file of found) {
      const name = parseSegmentFileName(basename(file));
      if (name === null) throw notFound(path);
      files.set(await realpath(file), { ...name, path: file, read: () => bytesOf(file) });
    }
  }
  return [...files.values()];
}

async function filesOf(path: string): Promise<string[]> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return await filesIn(path, 0);
    // A pipe or a device may have no end.
    if (!found.isFile()) throw new Error("it is neither a file nor a directory");
    return [path];
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function filesIn(directory: string, level: number): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && level < mostLevels) found.push(...(await filesIn(path, level + 1)));
    else if (entry.isFile() && parseSegmentFileName(entry.name) !== null) found.push(path);
  }
  return found;
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    throw unreadable(directory, error);
  }
}

async function* bytesOf(path: string): AsyncIterable<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT" ? gone(path) : unreadable(path, error);
  }
}

function gone(path: string): RaftLiteError {
  return new RaftLiteError("recording-gone", `${path} was removed while it should be read`, {
    details: { path },
  });
}

function notFound(path: string): RaftLiteError {
  return new RaftLiteError(
    "recording-not-found",
    `${path} holds no recording: name the data directory of a node, the directory that --trace named, or one above them`,
    { details: { path } },
  );
}

function unreadable(path: string, error: unknown): RaftLiteError {
  if (error instanceof RaftLiteError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const problem = code === "ENOENT" ? "there is no such file or directory" : (code ?? message);
  return new RaftLiteError("recording-unreadable", `${path} cannot be read: ${problem}`, {
    details: { path },
    cause: error,
  });
}

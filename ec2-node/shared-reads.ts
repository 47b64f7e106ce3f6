import type { SocketConstructorOpts } from "node:net";
import { Socket } from "node:net";

/** Most that one read brings; as much as Node asks for at a time. */
const READ_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** A socket whose bytes go to a callback, for as long as its owner wants them there. */
export interface SharedReads {
  /** To be used instead of the one that was accepted: to write, to pause and to hear of its end. */
  readonly socket: Socket;
  /** What comes from now on is the stream's again ("data"). */
  release(): void;
}

/** A socket's connection as Node keeps it; none of it is documented. */
interface Handle {
  reading?: boolean;
  readStop?(): number;
  useUserBuffer?(buffer: Uint8Array): void;
}

type Internals = Socket & { _handle?: Handle | null; _server?: object | null };

/** Releases of Node with which this has been tried; any other keeps to what is documented. */
const TRIED_MAJORS: readonly number[] = [22, 24, 26];

/**
 * Takes over a connection that a server has just accepted: what each read brings stands in one buffer, the same for all
 * connections, and `onBytes` is called with it. The bytes are gone when that returns: what is needed longer has to be
 * copied.
 *
 * Node otherwise makes a buffer of 64 KiB for every read, shrinks it to what came, and has it collected later, which
 * was a tenth of what a put cost its leader (docs/performance.md). The way around that, `onread`, is there for sockets
 * that connect (net.connect), but a server makes its sockets itself: so a second one is made on the handle of the
 * first, in the way the server made that. `_handle` and `_server` are not documented, nor is such a handle as the
 * option `handle`. Where that is not to be had, the stream's own buffers are handed out.
 */
export function readShared(
  accepted: Socket,
  onBytes: (bytes: Buffer) => void,
  version = process.versions.node,
): SharedReads {
  const isTried = TRIED_MAJORS.includes(Number.parseInt(version, 10));
  return (isTried ? reopen(accepted, onBytes) : null) ?? readStream(accepted, onBytes);
}

function reopen(accepted: Internals, onBytes: (bytes: Buffer) => void): SharedReads | null {
  const { _handle: handle, _server: server } = accepted;
  if (!handle?.useUserBuffer || !handle.readStop || !server) return null;
  let isReleased = false;
  const callback = (length: number): boolean => {
    const bytes = shared.subarray(0, length);
    if (isReleased) return socket.push(Buffer.from(bytes));
    onBytes(bytes);
    return true;
  };
  // Nothing has been read yet: the server tells of a connection before it waits for what that brings.
  handle.readStop();
  handle.reading = false;
  const { allowHalfOpen } = accepted;
  const options = { handle, allowHalfOpen, onread: { buffer: shared, callback } };
  const socket: Internals = new Socket(options as unknown as SocketConstructorOpts);
  // The server counts its connections, and whoever has this field counts down at the end.
  socket._server = server;
  // The first has nothing any more that its end could harm.
  accepted._handle = null;
  accepted._server = null;
  return {
    socket,
    release: () => {
      isReleased = true;
    },
  };
}

function readStream(socket: Socket, onBytes: (bytes: Buffer) => void): SharedReads {
  socket.on("data", onBytes);
  return { socket, release: () => socket.off("data", onBytes) };
}

import { connect, createServer } from "node:net";

/**
 * `gate.ts SOCKET`: run within a network namespace, it takes connections at a socket file and passes them on to the
 * address that their first line names. So a test talks to hosts whose addresses its own network does not have.
 */

const [, , path] = process.argv;
createServer({ allowHalfOpen: true }, (near) => {
  near.on("error", () => near.destroy());
  near.once("readable", () => {
    const first = String(near.read());
    const end = first.indexOf("\n");
    const [host = "", port] = first.slice(0, end).split(" ");
    const far = connect({ host, port: Number(port), allowHalfOpen: true });
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.on("close", () => far.destroy());
    far.write(first.slice(end + 1));
    near.pipe(far).pipe(near);
  });
}).listen(path, () => console.log("open"));

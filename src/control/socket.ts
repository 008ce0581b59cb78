// The socket file of the control server: its owner and mode, and the rule that it is not taken from a living program.
// Only a socket on which nobody listens is ever removed.
import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { get, type Server } from "node:http";
import { dirname, isAbsolute } from "node:path";
import { errorCode } from "../base/errors.ts";
import { riskOfFolder } from "../base/trust.ts";
import { SocketUnusable } from "./errors.ts";

export interface SocketFile {
  readonly path: string;
  /** Permission bits, 0o660. */
  readonly mode: number;
  /** Group id that may open the socket besides its owner. */
  readonly group?: number;
}

/** sun_path of unix(7) has 108 bytes, the closing zero included. */
const longestPathBytes = 107;
const probeTimeoutMs = 2_000;

/** Returns once the server listens and the file has its owner and mode. */
export async function listenOn(server: Server, file: SocketFile): Promise<void> {
  requireUsablePath(file.path);
  makeParent(file.path);
  await removeStale(file.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new SocketUnusable(`cannot listen on ${file.path}: ${error.message}`, error)),
    );
    server.once("listening", resolve);
    // Node binds within listen(), so the file exists with no rights for others before this returns.
    const umask = process.umask(0o177);
    server.listen(file.path);
    process.umask(umask);
  });
  if (file.group !== undefined) {
    chownSync(file.path, process.geteuid?.() ?? 0, file.group);
    openFolderTo(file.group, dirname(file.path));
  }
  chmodSync(file.path, file.mode);
}

/** A folder of ours alone whose group may enter it (/run/portreeve: 0750) becomes that group's. Others stay as they are. */
function openFolderTo(group: number, folder: string): void {
  const { uid, gid, mode } = lstatSync(folder);
  const isOursAlone = uid === process.geteuid?.() && gid === process.getegid?.() && (mode & 0o077) === 0o050;
  if (isOursAlone) chownSync(folder, uid, group);
}

function requireUsablePath(path: string): void {
  if (!isAbsolute(path)) throw new SocketUnusable(`control socket "${path}": the path must begin with /`);
  const bytes = Buffer.byteLength(path);
  if (bytes > longestPathBytes) {
    throw new SocketUnusable(`control socket ${path}: ${bytes} bytes long, the kernel takes ${longestPathBytes}`);
  }
}

function makeParent(path: string): void {
  const parent = dirname(path);
  try {
    // A narrow umask would lock the socket's group out of a directory that we make.
    if (mkdirSync(parent, { recursive: true, mode: 0o755 }) !== undefined) chmodSync(parent, 0o755);
  } catch (error) {
    throw new SocketUnusable(`cannot make the control socket's directory ${parent}: ${errorCode(error)}`, error);
  }
  // Its owner and mode are set by name: nobody may put a link there meanwhile.
  const risk = riskOfFolder(parent, false);
  if (risk !== "") throw new SocketUnusable(`control socket ${path}: ${risk}; name a folder that only root may write`);
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new SocketUnusable(`${path} exists and is not a socket: move it away, or set another CONTROL_SOCKET`);
  }
  const owner = await askOwner(path);
  if (owner !== undefined) {
    throw new SocketUnusable(`${owner} already listens on ${path}: stop it first, or set another CONTROL_SOCKET`);
  }
  // Looked at again: between the question and here another daemon may have put its own socket there.
  if (lstatSync(path, { throwIfNoEntry: false })?.ino === found.ino) unlinkSync(path);
}

/** The program that listens on the socket, in words; undefined when none does. */
function askOwner(path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath: path, path: "/v1/status", agent: false, timeout: probeTimeoutMs }, (answer) => {
      answer.destroy();
      const server = String(answer.headers.server ?? "");
      resolve(/^portreeve\/[\w.+-]{1,40} \(pid \d+\)$/.test(server) ? `another daemon, ${server},` : "another program");
    });
    request.once("timeout", () => {
      request.destroy();
      resolve("a program that does not answer");
    });
    request.once("error", (error) => {
      const code = errorCode(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") resolve(undefined);
      else if (code === "EACCES" || code === "EPERM") reject(new SocketUnusable(`${path}: ${error.message}`, error));
      else resolve("another program");
    });
  });
}

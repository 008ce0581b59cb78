import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { SocketOwners } from "../../src/kernel/socket-owner.ts";
import { prefix } from "../support/prefix.ts";

/** Sockets that this process has, by inode. */
function ownSockets(): Set<number> {
  const inodes = new Set<number>();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(Number(inode));
    } catch {
      // The descriptor by which the folder was read.
    }
  }
  return inodes;
}

test("the owner of a connection is its socket's inode and user; there is none of a connection that is not there", async (t) => {
  const owners = new SocketOwners();
  t.after(() => owners.close());
  for (const text of ["127.0.0.1", "::1"]) {
    const server = createServer();
    server.listen(0, text);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const before = ownSockets();
    const socket = connect(port, text);
    t.after(() => {
      socket.destroy();
      server.close();
    });
    await once(socket, "connect");
    const address = prefix(text);
    const owner = owners.ownerOf({ address, port: socket.localPort ?? 0 }, { address, port });
    assert.ok(owner !== undefined && ownSockets().has(owner.inode) && !before.has(owner.inode), text);
    assert.equal(owner.uid, process.getuid?.());
    assert.equal(owners.ownerOf({ address, port: socket.localPort ?? 0 }, { address, port: 1 }), undefined);
  }
});

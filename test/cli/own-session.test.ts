import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOfHex, findOwnSession, type ProcReader } from "../../src/cli/own-session.ts";

interface FakeProcess {
  readonly name: string;
  readonly parent: number;
  readonly environ?: string;
  readonly fds?: Readonly<Record<string, string>>;
  readonly tcp?: string;
  readonly tcp6?: string;
}

/** A /proc of the processes given; everything else is not there. */
function procOf(processes: Readonly<Record<number, FakeProcess>>): ProcReader {
  const part = (path: string) => {
    const [, , pid = "", ...rest] = path.split("/");
    const process = processes[Number(pid)];
    if (process === undefined) throw new Error(`ENOENT: ${path}`);
    return { process, what: rest.join("/") };
  };
  const must = <T>(value: T | undefined, path: string): T => {
    if (value === undefined) throw new Error(`EACCES: ${path}`);
    return value;
  };
  return {
    read(path) {
      const { process, what } = part(path);
      if (what === "stat") return `7 (${process.name}) S ${process.parent} 1 1 0 -1`;
      if (what === "environ") return must(process.environ, path);
      return must(what === "net/tcp" ? process.tcp : process.tcp6, path);
    },
    list: (path) => Object.keys(must(part(path).process.fds, path)),
    link: (path) => {
      const { process, what } = part(path);
      return must(process.fds?.[what.slice("fd/".length)], path);
    },
  };
}

const nothing = procOf({});

test("the caller's own environment tells it, each address once", () => {
  const env = { SSH_CONNECTION: "203.0.113.9 50022 198.51.100.1 22", SSH_CLIENT: "203.0.113.9 50022 22" };
  assert.deepEqual(findOwnSession({ pid: 9, env }, nothing), ["203.0.113.9"]);
  const six = { SSH_CONNECTION: "fe80::0001%eth0 50022 fe80::2 22" };
  assert.deepEqual(findOwnSession({ pid: 9, env: six }, nothing), ["fe80::1"]);
  assert.deepEqual(findOwnSession({ pid: 9, env: { SSH_CLIENT: "UNKNOWN" } }, nothing), []);
});

test("behind sudo the processes above tell it, up to the first process of the host", () => {
  const proc = procOf({
    40: { name: "portreeve", parent: 39, environ: "PATH=/bin\0" },
    39: { name: "sudo (x) y", parent: 38 },
    38: { name: "bash", parent: 1, environ: "TERM=xterm\0SSH_CONNECTION=2001:db8:b:1::7 1 2001:db8:a::1 22\0" },
    1: { name: "systemd", parent: 0, environ: "SSH_CLIENT=192.0.2.99 1 22\0" },
  });
  assert.deepEqual(findOwnSession({ pid: 40, env: {} }, proc), ["2001:db8:b:1::7"]);
});

test("with every environment dropped the socket of the sshd above tells it", () => {
  const line = (at: number, remote: string, state: string, inode: number) =>
    `   ${at}: 0164C0C6:0016 ${remote}:C3A6 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 20 4 30 10 -1`;
  const tcp = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    line(0, "00000000", "0A", 500),
    line(1, "097100CB", "01", 501),
    line(2, "0A7100CB", "01", 777),
    line(3, "0B7100CB", "06", 502),
  ].join("\n");
  const tcp6 = line(0, "0000000000000000FFFF00000C7100CB", "01", 503);
  const fds = { 0: "/dev/null", 3: "socket:[500]", 4: "socket:[501]", 5: "socket:[502]", 6: "socket:[503]" };
  const proc = procOf({
    40: { name: "portreeve", parent: 39 },
    39: { name: "bash", parent: 38, fds: { 3: "socket:[777]" }, tcp },
    38: { name: "sshd-session", parent: 1, fds, tcp, tcp6 },
  });
  assert.deepEqual(findOwnSession({ pid: 40, env: {} }, proc), ["203.0.113.9", "203.0.113.12"]);
});

test("processes in a circle, and a /proc that tells nothing, end the search", () => {
  const circle = procOf({ 40: { name: "a", parent: 41 }, 41: { name: "b", parent: 40 } });
  assert.deepEqual(findOwnSession({ pid: 40, env: {} }, circle), []);
  assert.deepEqual(findOwnSession({ pid: 40, env: {} }, nothing), []);
});

test("addresses as /proc/net/tcp writes them", () => {
  assert.deepEqual(addressOfHex("0100007F"), ["127.0.0.1"]);
  assert.deepEqual(addressOfHex("B80D01200000000B0000000001000000"), ["2001:db8:b00::1"]);
  for (const wrong of ["", "0100007", "0100007G", "0100007F0100007F"]) assert.deepEqual(addressOfHex(wrong), [], wrong);
});

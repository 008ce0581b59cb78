// Run when the package is removed, after the daemon has stopped: takes the nftables table, and so every block of ours, out of the
// kernel. Nothing could list or lift those blocks any more. It stays as long as any Portreeve of this network namespace is at
// work: a chroot, say, shares the namespace with its host.
import { readFileSync } from "node:fs";
import { Libnftables } from "./build/src/kernel/libnftables.js";
import { BATCH_GROUP, PROMPT_GROUP } from "./build/src/table/log-rules.js";

function isAnyDaemonListening() {
  try {
    const groups = readFileSync("/proc/net/netfilter/nfnetlink_log", "latin1").split("\n");
    return groups.some((line) => [PROMPT_GROUP, BATCH_GROUP].includes(Number.parseInt(line, 10)));
  } catch {
    // No such file: the kernel has no nfnetlink_log, or /proc is not there. Without the one there is no daemon, without the other
    // it cannot be known.
    return true;
  }
}

if (!isAnyDaemonListening()) {
  const nft = new Libnftables();
  // "add" first: no error when there is no table.
  nft.run("add table inet portreeve\ndelete table inet portreeve\n");
  // OUTGOING, after a daemon that was killed.
  nft.run("add table netdev portreeve\ndelete table netdev portreeve\n");
  nft.close();
}

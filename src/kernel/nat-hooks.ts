// Whether some program translates the addresses of arriving packets: a chain of type nat that hooks prerouting, of
// nf_tables (iptables of today among them), or a nat table of the old iptables.
import { readFileSync } from "node:fs";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter, walkAttributes } from "./netlink.ts";

const GETCHAIN = (K.NFNL_SUBSYS_NFTABLES << 8) | K.NFT_MSG_GETCHAIN;
const legacyTables = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];

export class NatHooks {
  readonly #socket = new NetlinkSocket({ name: "nf_tables chains", protocol: K.NETLINK_NETFILTER });

  /** Throws KernelError. */
  any(): boolean {
    return this.#inNfTables() || legacyTables.some(namesNat);
  }

  #inNfTables(): boolean {
    let found = false;
    const request = new NetlinkWriter()
      .begin(GETCHAIN, K.NLM_F_REQUEST | K.NLM_F_DUMP, this.#socket.nextSequence())
      .nfgen(K.NFPROTO_UNSPEC, 0)
      .finish();
    this.#socket.request(request, ({ bytes, at, end }) => {
      let isNat = false;
      let hook = -1;
      walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (type, valueAt, valueEnd) => {
        if (type === K.NFTA_CHAIN_TYPE) isNat = bytes.toString("latin1", valueAt, valueEnd - 1) === "nat";
        if (type !== K.NFTA_CHAIN_HOOK) return;
        walkAttributes(bytes, valueAt, valueEnd, (inner, innerAt) => {
          if (inner === K.NFTA_HOOK_HOOKNUM) hook = bytes.readUInt32BE(innerAt);
        });
      });
      if (isNat && hook === K.NF_INET_PRE_ROUTING) found = true;
    });
    return found;
  }

  close(): void {
    this.#socket.close();
  }
}

function namesNat(file: string): boolean {
  try {
    return readFileSync(file, "latin1").split("\n").includes("nat");
  } catch {
    // No such file: no old iptables.
    return false;
  }
}

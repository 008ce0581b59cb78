// Counters with a name that rules of a table count in. (linux/netfilter/nf_tables.h)
import * as K from "./constants.ts";
import { walkAttributes } from "./netlink.ts";
import type { Questions } from "./nf-fingerprint.ts";

/** Packets by the counter's name; empty without a table. Throws KernelError. */
export function readNamedCounters(table: string, questions: Questions): Map<string, number> {
  const counters = new Map<string, number>();
  const request = questions.begin(K.NFT_MSG_GETOBJ, K.NLM_F_DUMP).text(K.NFTA_OBJ_TABLE, table).finish();
  questions.request(request, ({ bytes, at, end }) => {
    let name = "";
    let type = 0;
    let isOurs = false;
    let packets = 0;
    walkAttributes(bytes, at + K.NFGENMSG_BYTES, end, (attribute, valueAt, valueEnd) => {
      if (attribute === K.NFTA_OBJ_TABLE) isOurs = bytes.toString("latin1", valueAt, valueEnd - 1) === table;
      if (attribute === K.NFTA_OBJ_NAME) name = bytes.toString("latin1", valueAt, valueEnd - 1);
      if (attribute === K.NFTA_OBJ_TYPE) type = bytes.readUInt32BE(valueAt);
      if (attribute !== K.NFTA_OBJ_DATA) return;
      walkAttributes(bytes, valueAt, valueEnd, (inner, innerAt) => {
        if (inner === K.NFTA_COUNTER_PACKETS) packets = Number(bytes.readBigUInt64BE(innerAt));
      });
    });
    if (isOurs && type === K.NFT_OBJECT_COUNTER) counters.set(name, packets);
  });
  return counters;
}

// Reads large sets of a table a datagram at a time, so that the event loop gets its turn in between: the kernel walks a
// set from its beginning for every datagram, and a full set of known pairs takes seconds in all.
import * as K from "./constants.ts";
import { errnoName, KernelError } from "./errors.ts";
import { NetlinkSocket, NetlinkWriter, walkMessages } from "./netlink.ts";
import { type ElementVisitor, readElements } from "./nf-elements.ts";

/**
 * Visits every element of a set; one that comes or goes meanwhile may be missed or told twice. `pause` gives the event
 * loop its turn. Throws KernelError, ENOENT when the table or set is not there.
 */
export async function dumpElements(
  place: { readonly table: string; readonly set: string },
  visit: ElementVisitor,
  pause: () => Promise<void>,
): Promise<void> {
  const socket = new NetlinkSocket({ name: "nf_tables", protocol: K.NETLINK_NETFILTER, datagramBytes: 131_072 });
  try {
    const request = new NetlinkWriter()
      .begin((K.NFNL_SUBSYS_NFTABLES << 8) | K.NFT_MSG_GETSETELEM, K.NLM_F_REQUEST | K.NLM_F_DUMP, 1)
      .nfgen(K.NFPROTO_INET, 0)
      .text(K.NFTA_SET_ELEM_LIST_TABLE, place.table)
      .text(K.NFTA_SET_ELEM_LIST_SET, place.set)
      .finish();
    socket.ask(request);
    for (let done = false; !done; ) {
      const length = socket.receive();
      // A dump's next datagram is made while the one before is read: there is always one until the last.
      if (length <= 0) throw new KernelError(`cannot read set ${place.set}`, errnoName(-length));
      walkMessages(socket.buffer, length, (message) => {
        if (message.type === K.NLMSG_DONE) done = true;
        else if (message.type === K.NLMSG_ERROR) {
          const errno = -message.bytes.readInt32LE(message.at);
          throw new KernelError(`cannot read set ${place.set}`, errnoName(errno));
        } else readElements(message, visit);
      });
      if (!done) await pause();
    }
  } finally {
    socket.close();
  }
}

// Every kernel number and structure offset that Portreeve uses, with the header it stands in. Nothing here is
// computed; what a number means on the wire is told where it is used. All of it is Linux ABI and never changes.

/** sys/socket.h, linux/socket.h */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_PEERCRED = 17;
export const SO_RCVTIMEO = 20;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const MSG_NOSIGNAL = 0x4000;

/** fcntl.h, sys/file.h */
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_CLOEXEC = 0o2000000;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

/** asm-generic/errno-base.h, errno.h */
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;

/** linux/netlink.h */
export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_NETFILTER = 12;
export const SOL_NETLINK = 270;
export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_DROP_MEMBERSHIP = 2;
export const NETLINK_NO_ENOBUFS = 5;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_CREATE = 0x400;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_DUMP_INTR = 0x10;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** struct nlmsghdr: u32 length, u16 type, u16 flags, u32 sequence, u32 port id. */
export const NLMSG_HEADER_BYTES = 16;
/** struct nlattr: u16 length (header included), u16 type; the top two bits of the type are flags. */
export const NLA_HEADER_BYTES = 4;
export const NLA_TYPE_MASK = 0x3fff;
export const NLA_F_NESTED = 0x8000;

/** linux/netfilter/nfnetlink.h: struct nfgenmsg { u8 family; u8 version; be16 res_id } */
export const NFGENMSG_BYTES = 4;
export const NFNL_MSG_BATCH_BEGIN = 16;
export const NFNL_MSG_BATCH_END = 17;
export const NFNL_SUBSYS_ULOG = 4;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNLGRP_CONNTRACK_DESTROY = 3;
export const NFNLGRP_NFTABLES = 7;

/** linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h */
export const NFNL_SUBSYS_CTNETLINK = 1;
export const IPCTNL_MSG_CT_NEW = 0;
export const IPCTNL_MSG_CT_GET = 1;
export const IPCTNL_MSG_CT_DELETE = 2;
export const CTA_TUPLE_ORIG = 1;
export const CTA_STATUS = 3;
export const CTA_TUPLE_IP = 1;
export const CTA_TUPLE_PROTO = 2;
export const CTA_PROTO_NUM = 1;
export const CTA_PROTO_SRC_PORT = 2;
export const CTA_PROTO_DST_PORT = 3;
export const CTA_IP_V4_SRC = 1;
export const CTA_IP_V4_DST = 2;
export const CTA_IP_V6_SRC = 3;
export const CTA_IP_V6_DST = 4;
export const IPS_SEEN_REPLY = 2;

/** linux/netfilter/nfnetlink_log.h */
export const NFULNL_MSG_PACKET = 0;
export const NFULNL_MSG_CONFIG = 1;
export const NFULA_PAYLOAD = 9;
export const NFULA_PREFIX = 10;
export const NFULA_UID = 11;
export const NFULA_SEQ = 12;
export const NFULA_CFG_CMD = 1;
export const NFULA_CFG_MODE = 2;
export const NFULA_CFG_NLBUFSIZ = 3;
export const NFULA_CFG_TIMEOUT = 4;
export const NFULA_CFG_QTHRESH = 5;
export const NFULA_CFG_FLAGS = 6;
export const NFULNL_CFG_CMD_BIND = 1;
export const NFULNL_COPY_PACKET = 2;
export const NFULNL_CFG_F_SEQ = 1;

/** linux/netfilter/nf_tables.h */
export const NFT_MSG_NEWTABLE = 0;
export const NFT_MSG_GETTABLE = 1;
export const NFT_MSG_DELTABLE = 2;
export const NFT_MSG_NEWCHAIN = 3;
export const NFT_MSG_GETCHAIN = 4;
/** NFTA_CHAIN_HOOK nests the hook's number. */
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_TYPE = 7;
export const NFTA_HOOK_HOOKNUM = 1;
/** linux/netfilter.h */
export const NF_INET_PRE_ROUTING = 0;
export const NFT_MSG_DELCHAIN = 5;
export const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
export const NFT_MSG_DELRULE = 8;
export const NFT_MSG_GETSET = 10;
export const NFTA_SET_NAME = 2;
export const NFTA_SET_FLAGS = 3;
/** A set that is part of a rule. */
export const NFT_SET_ANONYMOUS = 1;
export const NFTA_SET_DESC = 9;
export const NFTA_SET_DESC_SIZE = 1;
/** Elements in the set; told from Linux 6.16 on. */
export const NFTA_SET_COUNT = 20;
export const NFT_MSG_DELSET = 11;
export const NFT_MSG_NEWSETELEM = 12;
export const NFT_MSG_GETSETELEM = 13;
export const NFT_MSG_DELSETELEM = 14;
export const NFT_MSG_NEWGEN = 15;
export const NFT_MSG_GETGEN = 16;
export const NFT_MSG_GETOBJ = 19;
export const NFTA_OBJ_TABLE = 1;
export const NFTA_OBJ_NAME = 2;
export const NFTA_OBJ_TYPE = 3;
/** Of limits and quotas it nests attributes of other meanings. */
export const NFTA_OBJ_DATA = 4;
export const NFT_OBJECT_COUNTER = 1;
export const NFTA_COUNTER_PACKETS = 2;
export const NFTA_GEN_ID = 1;
export const NFTA_GEN_PROC_PID = 2;
export const NFTA_GEN_PROC_NAME = 3;
/** The table's name is attribute 1 in every message about a table, chain, rule, set or set element. */
export const NFTA_TABLE = 1;
export const NFTA_TABLE_FLAGS = 2;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_POLICY = 5;
export const NFTA_SET_ELEM_LIST_TABLE = 1;
export const NFTA_SET_ELEM_LIST_SET = 2;
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
export const NFTA_LIST_ELEM = 1;
export const NFTA_SET_ELEM_KEY = 1;
export const NFTA_SET_ELEM_FLAGS = 3;
/** In a set of intervals: the key is the first one behind an interval. */
export const NFT_SET_ELEM_INTERVAL_END = 1;
export const NFTA_SET_ELEM_TIMEOUT = 4;
export const NFTA_SET_ELEM_EXPIRATION = 5;
export const NFTA_DATA_VALUE = 1;
export const NFPROTO_UNSPEC = 0;
export const NFPROTO_INET = 1;

/** linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h */
export const SOCK_DIAG_BY_FAMILY = 20;
/** struct inet_diag_req_v2: u8 family, u8 protocol, u8 ext, u8 pad, u32 states, inet_diag_sockid (48 bytes). */
export const INET_DIAG_REQ_V2_BYTES = 56;
/** struct inet_diag_msg: u8 family, state, timer, retrans, then inet_diag_sockid, whose first field is be16 sport. */
export const INET_DIAG_MSG_SPORT_AT = 4;
export const INET_DIAG_MSG_BYTES = 72;
/** Behind it be16 dport, 16 bytes source, 16 bytes destination, u32 interface, 2 u32 cookie; then 4 u32, and u32 inode. */
export const INET_DIAG_MSG_SRC_AT = 8;
export const INET_DIAG_MSG_DST_AT = 24;
export const INET_DIAG_MSG_UID_AT = 64;
export const INET_DIAG_MSG_INODE_AT = 68;
/** The sockid of a request begins here, with be16 sport: a dump lists sockets on that port only. */
export const INET_DIAG_REQ_SPORT_AT = 8;
/** Attribute of a request: which sockets are listed, as a small program; and two of its codes. */
export const INET_DIAG_CGROUP_ID = 21;
export const INET_DIAG_REQ_BYTECODE = 1;
export const INET_DIAG_BC_JMP = 1;
export const INET_DIAG_BC_D_COND = 8;
export const TCP_ESTABLISHED = 1;
export const TCP_LISTEN = 10;
export const TCP_CLOSE = 7;

/** linux/rtnetlink.h */
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
/** struct rtmsg: u8 family, dst_len, src_len, tos, table, protocol, scope, type, u32 flags. */
export const RTMSG_BYTES = 12;
export const RTMSG_DST_LEN_AT = 1;
export const RTMSG_TYPE_AT = 7;
export const RTN_UNICAST = 1;
export const RTN_BLACKHOLE = 6;
export const RTN_PROHIBIT = 8;
export const RTA_GATEWAY = 5;
export const RTA_MULTIPATH = 9;
export const RTA_VIA = 18;
/** struct rtnexthop: u16 length, u8 flags, u8 hops, s32 ifindex. */
export const RTNEXTHOP_BYTES = 8;
export const RTMGRP_LINK = 0x1;
export const RTMGRP_IPV4_IFADDR = 0x10;
export const RTMGRP_IPV4_ROUTE = 0x40;
export const RTMGRP_IPV6_IFADDR = 0x100;
export const RTMGRP_IPV6_ROUTE = 0x400;

/** linux/if_ether.h, linux/if_packet.h: struct sockaddr_ll is 20 bytes. */
export const ETH_P_ALL = 0x0003;

/** libnftables (nftables/libnftables.h) */
export const NFT_CTX_OUTPUT_JSON = 1 << 4;
export const NFT_CTX_OUTPUT_TERSE = 1 << 11;

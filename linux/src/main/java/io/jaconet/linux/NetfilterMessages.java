package io.jaconet.linux;

/** What all messages of the packet filter have in common: nfnetlink. */
final class NetfilterMessages {
  private static final int NFNL_SUBSYS_CTNETLINK = 1;
  private static final int NFNL_SUBSYS_NFTABLES = 10;
  private static final int NFNL_MSG_BATCH_BEGIN = 0x10;
  private static final int NFNL_MSG_BATCH_END = 0x11;
  private static final int NFNL_BATCH_GENID = 1;
  private static final int NLM_F_REQUEST = 1;

  /** The bytes of struct nfgenmsg: family, version, and a resource id. */
  static final int HEADER_BYTES = 4;

  private NetfilterMessages() {}

  static int nftables(int message) {
    return NFNL_SUBSYS_NFTABLES << 8 | message;
  }

  static int conntrack(int message) {
    return NFNL_SUBSYS_CTNETLINK << 8 | message;
  }

  static MessageWriter header(MessageWriter writer, int family) {
    return writer.u8(family).u8(0).u16(0);
  }

  /** Begins what nftables shall do all of or nothing, and only if the ruleset is still that of {@code generation}. */
  static void beginBatch(MessageWriter writer, int generation) {
    writer.begin(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST);
    batchHeader(writer).u32BigEndian(NFNL_BATCH_GENID, generation);
  }

  static void endBatch(MessageWriter writer) {
    batchHeader(writer.begin(NFNL_MSG_BATCH_END, NLM_F_REQUEST));
  }

  private static MessageWriter batchHeader(MessageWriter writer) {
    // The resource id is the subsystem, in network order.
    return writer.u8(0).u8(0).u8(0).u8(NFNL_SUBSYS_NFTABLES);
  }
}

package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The tables of nftables in one network namespace, as far as they can be looked at without knowing rules; those of iptables of the nft
 * flavour are among them. Confined to one thread at a time; stays in the namespace it was opened in.
 */
public final class Nftables implements AutoCloseable {
  private static final int NFT_MSG_NEWTABLE = 0;
  private static final int NFT_MSG_GETTABLE = 1;
  private static final int NFT_MSG_DELTABLE = 2;
  private static final int NFT_MSG_NEWCHAIN = 3;
  private static final int NFT_MSG_GETCHAIN = 4;
  private static final int NFT_MSG_DELCHAIN = 5;
  private static final int NFT_MSG_NEWGEN = 15;
  private static final int NFT_MSG_GETGEN = 16;
  private static final int NFT_MSG_NEWOBJ = 18;
  private static final int NFT_MSG_GETOBJ = 19;

  private static final int NFTA_TABLE_NAME = 1;
  private static final int NFTA_CHAIN_TABLE = 1;
  private static final int NFTA_CHAIN_NAME = 3;
  private static final int NFTA_CHAIN_HOOK = 4;
  private static final int NFTA_HOOK_HOOKNUM = 1;
  private static final int NFTA_CHAIN_POLICY = 5;
  private static final int NFTA_CHAIN_USE = 6;
  private static final int NFTA_GEN_ID = 1;
  private static final int NFTA_OBJ_TABLE = 1;
  private static final int NFTA_OBJ_NAME = 2;
  private static final int NFTA_OBJ_TYPE = 3;
  private static final int NFTA_OBJ_DATA = 4;
  private static final int NFT_OBJECT_COUNTER = 1;
  private static final int NFTA_COUNTER_PACKETS = 2;

  private static final int NLM_F_REQUEST = 1;
  private static final int NLM_F_ACK = 4;
  private static final int RECEIVE_BUFFER_BYTES = 1 << 20;

  private final NetlinkConversation kernel;

  private Nftables(NetlinkTransport transport) {
    this.kernel = new NetlinkConversation(transport);
  }

  /** Opens a connection to the kernel in the network namespace of the calling thread. */
  public static Nftables open() throws SyscallException {
    return new Nftables(NetlinkSocket.openNetfilter(0, RECEIVE_BUFFER_BYTES));
  }

  /**
   * A table.
   *
   * @param family the kernel's number: 1 inet, 2 IPv4, 10 IPv6
   */
  public record Table(int family, String name) {}

  /**
   * A chain.
   *
   * @param hook the number of the hook that packets come from, -1 for none
   * @param drops whether packets that no rule decides on are dropped
   * @param uses the number of its rules, and of what refers to it
   */
  public record Chain(Table table, String name, int hook, boolean drops, int uses) {}

  /** Returns all tables; none if the kernel has no nftables. */
  public ImmutableList<Table> tables() throws IOException {
    return dump("dump(tables)", NFT_MSG_GETTABLE, message -> {
      if (message.type() != NetfilterMessages.nftables(NFT_MSG_NEWTABLE)) {
        return null;
      }
      var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
      while (attributes.next()) {
        if (attributes.type() == NFTA_TABLE_NAME) {
          return new Table(message.u8(0), attributes.text());
        }
      }
      return null;
    });
  }

  /** Returns the chains of all tables; none if the kernel has no nftables. */
  public ImmutableList<Chain> chains() throws IOException {
    return dump(
        "dump(chains)",
        NFT_MSG_GETCHAIN,
        message -> message.type() == NetfilterMessages.nftables(NFT_MSG_NEWCHAIN)
            ? decodeChain(message)
            : null);
  }

  static Chain decodeChain(MessageReader message) throws MalformedMessageException {
    String table = "";
    String name = "";
    int hook = -1;
    boolean drops = false;
    int uses = 0;
    var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case NFTA_CHAIN_TABLE -> table = attributes.text();
        case NFTA_CHAIN_NAME -> name = attributes.text();
        case NFTA_CHAIN_HOOK -> hook = decodeHook(attributes.nested());
        case NFTA_CHAIN_POLICY -> drops = attributes.u32BigEndian() == 0;
        case NFTA_CHAIN_USE -> uses = attributes.u32BigEndian();
        default -> {}
      }
    }
    return new Chain(new Table(message.u8(0), table), name, hook, drops, uses);
  }

  private static int decodeHook(Attributes attributes) throws MalformedMessageException {
    while (attributes.next()) {
      if (attributes.type() == NFTA_HOOK_HOOKNUM) {
        return attributes.u32BigEndian();
      }
    }
    return -1;
  }

  /** Returns how many packets each named counter of {@code table} has counted; none if there is no such table. */
  public ImmutableMap<String, Long> counters(Table table) throws IOException {
    var counters = ImmutableMap.<String, Long>builder();
    dump("dump(counters)", NFT_MSG_GETOBJ, message -> {
      if (message.type() == NetfilterMessages.nftables(NFT_MSG_NEWOBJ)
          && message.u8(0) == table.family()) {
        decodeCounter(message, table.name(), counters);
      }
      return null;
    });
    return counters.buildKeepingLast();
  }

  static void decodeCounter(
      MessageReader message, String table, ImmutableMap.Builder<String, Long> counters)
      throws MalformedMessageException {
    boolean ours = false;
    boolean counter = false;
    String name = "";
    long packets = 0;
    var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case NFTA_OBJ_TABLE -> ours = attributes.text().equals(table);
        case NFTA_OBJ_NAME -> name = attributes.text();
        case NFTA_OBJ_TYPE -> counter = attributes.u32BigEndian() == NFT_OBJECT_COUNTER;
        case NFTA_OBJ_DATA -> packets = decodePackets(attributes.nested());
        default -> {}
      }
    }
    if (ours && counter) {
      counters.put(name, packets);
    }
  }

  private static long decodePackets(Attributes attributes) throws MalformedMessageException {
    while (attributes.next()) {
      if (attributes.type() == NFTA_COUNTER_PACKETS && attributes.length() == Long.BYTES) {
        return attributes.u64BigEndian();
      }
    }
    return 0;
  }

  private <T> ImmutableList<T> dump(
      String call, int message, NetlinkConversation.Decoder<T> decoder) throws IOException {
    NetfilterMessages.header(
        kernel.dumpRequest(NetfilterMessages.nftables(message)), AddressFamily.AF_UNSPEC);
    try {
      return kernel.dump(call, decoder);
    } catch (SyscallException e) {
      if (e.errno() == Errno.EINVAL || e.errno() == Errno.EOPNOTSUPP) {
        return ImmutableList.of();
      }
      throw e;
    }
  }

  /** Returns a number that grows with every change of the ruleset. */
  public int generation() throws IOException {
    NetfilterMessages.header(
        kernel.request(NetfilterMessages.nftables(NFT_MSG_GETGEN), 0), AddressFamily.AF_UNSPEC);
    return kernel.get("getgen", Nftables::decodeGeneration);
  }

  static @Nullable Integer decodeGeneration(MessageReader message)
      throws MalformedMessageException {
    if (message.type() != NetfilterMessages.nftables(NFT_MSG_NEWGEN)) {
      return null;
    }
    var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
    while (attributes.next()) {
      if (attributes.type() == NFTA_GEN_ID) {
        return attributes.u32BigEndian();
      }
    }
    throw new MalformedMessageException("a generation without a number");
  }

  /**
   * Removes a table with all that is in it.
   *
   * @param generation the ruleset that this was decided on
   * @throws SyscallException ENOENT if there is none; ERESTART if the ruleset has changed since {@code generation}
   */
  public void deleteTable(Table table, int generation) throws IOException {
    delete("deltable(" + table.name() + ")", NFT_MSG_DELTABLE, table, null, generation);
  }

  /** Removes an empty chain; as {@link #deleteTable} otherwise. */
  public void deleteChain(Chain chain, int generation) throws IOException {
    delete(
        "delchain(" + chain.name() + ")",
        NFT_MSG_DELCHAIN,
        chain.table(),
        chain.name(),
        generation);
  }

  private void delete(String call, int message, Table table, @Nullable String chain, int generation)
      throws IOException {
    kernel.executeTogether(call, 3, (index, writer) -> {
      switch (index) {
        case 0 -> NetfilterMessages.beginBatch(writer, generation);
        case 1 -> {
          writer.begin(NetfilterMessages.nftables(message), NLM_F_REQUEST | NLM_F_ACK);
          NetfilterMessages.header(writer, table.family()).text(NFTA_TABLE_NAME, table.name());
          if (chain != null) {
            writer.text(NFTA_CHAIN_NAME, chain);
          }
        }
        default -> NetfilterMessages.endBatch(writer);
      }
    });
  }

  @Override
  public void close() throws SyscallException {
    kernel.close();
  }
}

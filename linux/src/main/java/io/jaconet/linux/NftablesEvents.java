package io.jaconet.linux;

import com.google.common.collect.ImmutableSet;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What changes in the nftables of one network namespace, iptables of the nft flavour included. Listening begins when this is opened.
 * The kernel announces a change before whoever made it learns that it is made, so {@link #drain} tells of everything that was done
 * before it was called.
 *
 * <p>One thread calls {@link #await}; any thread may call the other methods.
 */
public final class NftablesEvents implements AutoCloseable {
  private static final int NFNLGRP_NFTABLES = 1 << (7 - 1);
  private static final int NFTA_TABLE = 1;
  private static final int NFTA_RULE_CHAIN = 2;
  private static final int NFTA_CHAIN_NAME = 3;
  private static final int NFT_MSG_NEWGEN = 15;
  private static final ImmutableSet<Integer> OF_CHAINS = ImmutableSet.of(3, 5, 27);
  private static final ImmutableSet<Integer> OF_RULES = ImmutableSet.of(6, 8, 28);

  /** Enough for what a program that loads some ten thousand rules causes. */
  private static final int RECEIVE_BUFFER_BYTES = 4 << 20;

  private final EventSocket socket;

  private NftablesEvents(EventSocket socket) {
    this.socket = socket;
  }

  /**
   * Something in a table changed.
   *
   * @param family the kernel's number: 1 inet, 2 IPv4, 10 IPv6
   * @param table the table
   * @param chain the chain, null if it is the table itself or something else in it
   */
  public record Change(int family, String table, @Nullable String chain) {}

  /**
   * What changed, each thing once.
   *
   * @param known what is known of it
   * @param complete false if the kernel had to drop something: anything may have changed then
   */
  public record Changes(ImmutableSet<Change> known, boolean complete) {}

  /**
   * Begins to listen in the network namespace of the calling thread.
   *
   * @throws SyscallException if the kernel has no netfilter netlink (CONFIG_NETFILTER_NETLINK), with EPROTONOSUPPORT
   */
  public static NftablesEvents open() throws SyscallException {
    return new NftablesEvents(
        EventSocket.over(NetlinkSocket.openNetfilter(NFNLGRP_NFTABLES, RECEIVE_BUFFER_BYTES)));
  }

  /** Waits until there is something to {@link #drain}, for at most {@code limit}, not at all if it is negative; returns false if this is closed. */
  public boolean await(Duration limit) throws SyscallException {
    if (!socket.enter()) {
      return false;
    }
    try {
      // To poll, a negative limit is none.
      return socket.await((int) Math.max(0, Math.min(limit.toMillis(), Integer.MAX_VALUE)));
    } finally {
      socket.leave();
    }
  }

  /** Returns at once what changed since the last call. */
  public Changes drain() throws SyscallException {
    synchronized (socket) {
      var changes = ImmutableSet.<Change>builder();
      boolean complete = true;
      while (socket.isReadable()) {
        try {
          var messages = new MessageReader(socket.receive());
          while (messages.next()) {
            var change = decode(messages);
            if (change != null) {
              changes.add(change);
            }
          }
        } catch (LostAnswerException e) {
          socket.drain();
          complete = false;
        } catch (MalformedMessageException e) {
          complete = false;
        }
      }
      return new Changes(changes.build(), complete);
    }
  }

  static @Nullable Change decode(MessageReader message) throws MalformedMessageException {
    int type = message.type() & 0xff;
    if (message.type() != NetfilterMessages.nftables(type) || type == NFT_MSG_NEWGEN) {
      return null;
    }
    int nameOfChain =
        OF_CHAINS.contains(type) ? NFTA_CHAIN_NAME : OF_RULES.contains(type) ? NFTA_RULE_CHAIN : -1;
    String table = "";
    String chain = null;
    var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
    while (attributes.next()) {
      if (attributes.type() == NFTA_TABLE) {
        table = attributes.text();
      } else if (attributes.type() == nameOfChain) {
        chain = attributes.text();
      }
    }
    return new Change(message.u8(0), table, chain);
  }

  /** Ends {@link #await} on whichever thread. Idempotent. */
  @Override
  public void close() throws SyscallException {
    socket.close();
  }
}

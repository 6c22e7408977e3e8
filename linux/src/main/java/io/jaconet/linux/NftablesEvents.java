package io.jaconet.linux;

import com.google.common.collect.ImmutableSet;
import com.google.errorprone.annotations.concurrent.GuardedBy;
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

  private final NetlinkSocket socket;
  private final WakeUp wakeUp;

  @GuardedBy("this")
  private boolean waiting;

  @GuardedBy("this")
  private boolean closed;

  private NftablesEvents(NetlinkSocket socket, WakeUp wakeUp) {
    this.socket = socket;
    this.wakeUp = wakeUp;
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
    var socket = NetlinkSocket.openNetfilter(NFNLGRP_NFTABLES, RECEIVE_BUFFER_BYTES);
    try {
      return new NftablesEvents(socket, WakeUp.open());
    } catch (SyscallException e) {
      socket.close();
      throw e;
    }
  }

  /** Waits until there is something to {@link #drain}, for at most {@code limit}; returns false if this is closed. */
  public boolean await(Duration limit) throws SyscallException {
    synchronized (this) {
      if (closed) {
        return false;
      }
      waiting = true;
    }
    boolean open;
    try {
      open = wakeUp.await(socket.fd(), (int) Math.min(limit.toMillis(), Integer.MAX_VALUE));
    } finally {
      stopWaiting();
    }
    return open;
  }

  private synchronized void stopWaiting() throws SyscallException {
    waiting = false;
    if (closed) {
      release();
    }
  }

  /** Returns at once what changed since the last call. */
  public synchronized Changes drain() throws SyscallException {
    var changes = ImmutableSet.<Change>builder();
    boolean complete = true;
    while (!closed && socket.isReadable()) {
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
  public synchronized void close() throws SyscallException {
    if (closed) {
      return;
    }
    closed = true;
    if (waiting) {
      wakeUp.wake();
    } else {
      release();
    }
  }

  /** The descriptors go only when no thread polls them any more: their numbers may be in new use at once. */
  private void release() throws SyscallException {
    try {
      wakeUp.close();
    } finally {
      socket.close();
    }
  }
}

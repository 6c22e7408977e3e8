package io.jaconet.linux;

import java.io.IOException;
import java.util.function.Consumer;

/**
 * What changes in one network namespace: links, addresses, routes, neighbors, forwarding databases and nexthop objects.
 * Listening begins when this is opened, so whoever reads the kernel's tables after that misses nothing. The kernel announces a change
 * before whoever made it learns that it is made, so {@link #deliverReady} tells of everything that was done before it was called.
 *
 * <p>One thread calls {@link #run}; any thread may call the other methods.
 */
public final class NetlinkEvents implements AutoCloseable {
  private static final int GROUPS = group(1) // RTNLGRP_LINK
      | group(3) // RTNLGRP_NEIGH
      | group(5) // RTNLGRP_IPV4_IFADDR
      | group(7) // RTNLGRP_IPV4_ROUTE
      | group(9) // RTNLGRP_IPV6_IFADDR
      | group(11) // RTNLGRP_IPV6_ROUTE
      | group(32); // RTNLGRP_NEXTHOP

  /** Enough for the burst of events that one batch causes. */
  private static final int RECEIVE_BUFFER_BYTES = 8 << 20;

  /** Whoever asks for what is there does not wait for what is still to come, in a storm. */
  private static final int MOST_READY = 10_000;

  /** The thread that runs lets others have their turn. */
  private static final int MOST_IN_A_ROW = 100;

  private final EventSocket socket;

  private NetlinkEvents(EventSocket socket) {
    this.socket = socket;
  }

  private static int group(int number) {
    return 1 << (number - 1);
  }

  /** Begins to listen in the network namespace of the calling thread. */
  public static NetlinkEvents open() throws SyscallException {
    return open(RECEIVE_BUFFER_BYTES);
  }

  /** Does what {@link #open()} does, with so many bytes for what waits to be read. */
  static NetlinkEvents open(int receiveBufferBytes) throws SyscallException {
    return new NetlinkEvents(EventSocket.over(NetlinkSocket.open(GROUPS, receiveBufferBytes)));
  }

  /**
   * Gives each event to {@code consumer}, on the calling thread, until this is closed. What the kernel had to drop comes as
   * {@link NetlinkEvent.Lost}.
   *
   * @throws IllegalStateException if it runs already
   */
  public void run(Consumer<? super NetlinkEvent> consumer) throws IOException {
    if (!socket.enter()) {
      return;
    }
    try {
      while (socket.await()) {
        deliver(consumer, MOST_IN_A_ROW);
      }
    } finally {
      socket.leave();
    }
  }

  /**
   * Gives those events to {@code consumer} that are there, on the calling thread, after those that another thread is giving; none if this is
   * closed. The consumer must not wait for a thread that calls this.
   */
  public void deliverReady(Consumer<? super NetlinkEvent> consumer) throws SyscallException {
    deliver(consumer, MOST_READY);
  }

  private void deliver(Consumer<? super NetlinkEvent> consumer, int most) throws SyscallException {
    synchronized (socket) {
      for (int n = 0; n < most && socket.isReadable(); n++) {
        deliver(consumer);
      }
    }
  }

  private void deliver(Consumer<? super NetlinkEvent> consumer) throws SyscallException {
    try {
      var messages = new MessageReader(socket.receive());
      while (messages.next()) {
        var event = EventMessages.decode(messages);
        if (event != null) {
          consumer.accept(event);
        }
      }
    } catch (LostAnswerException e) {
      // From the first loss until its queue is empty the kernel drops everything, and does not say
      // so again. Told before that, the consumer would read the tables while changes still go
      // unnoticed.
      socket.drain();
      consumer.accept(new NetlinkEvent.Lost(String.valueOf(e.getMessage())));
    } catch (MalformedMessageException e) {
      consumer.accept(new NetlinkEvent.Lost(String.valueOf(e.getMessage())));
    }
  }

  /** Ends {@link #run}, which may still be giving its last events to the consumer when this returns. Idempotent. */
  @Override
  public void close() throws SyscallException {
    socket.close();
  }
}
